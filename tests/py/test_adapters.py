"""The contract of every adapter in the register: the wire, the work, what is attested, and the ends."""

import asyncio
import configparser
import contextlib
import functools
import importlib
import importlib.util
import os
import shutil
import signal
import struct
import subprocess
import sys
import time

import pytest
from wirechild import ADAPTERS, BUILD, HOME, TIMEOUT_S, Child, all_end, fields, load, reference, store

import common
import cpu_fib
import cpu_mandel
import cpu_nbody
import cpu_primes
import cpu_queens
import cpu_sha256
import ft_micro
import lcg
import ovh_payload
import sty_chain
import styles

PARAMS = {
    "cpu_queens": {"ops": 30, "n": 6},
    "cpu_grain": {"ops": 10, "steps": 5, "seed": 3},
    "ovh_payload": {"ops": 5, "bytes": 100_000, "seed": 9},
    "sty_chain": {"ops": 40, "steps": 3, "fail_every": 3, "seed": 2},
    "cpu_sha256": {"ops": 12, "bytes": 5000, "links": 3, "seed": 7},
    "cpu_fib": {"ops": 12, "n": 10, "seed": 3},
    "cpu_mandel": {"ops": 12, "size": 12, "iterations": 20, "seed": 3},
    "cpu_nbody": {"ops": 12, "steps": 10, "shared": 1, "seed": 3},
    "cpu_primes": {"ops": 12, "limit": 200, "seed": 3},
    "nat_zlib": {"ops": 12, "bytes": 2000, "seed": 3},
    "nat_regex": {"ops": 12, "bytes": 2000, "seed": 3},
    "ft_micro": {"ops": 12, "turns": 20, "pattern": "method", "seed": 3},
    "shr_counter": {"ops": 24, "adds": 40, "seed": 3},
    "shr_set": {"ops": 24, "inserts": 10, "keys": 100, "seed": 3},
    "shr_shard": {"ops": 24, "adds": 40, "shards": 2, "cells": 16, "seed": 3},
    "loop_steps": {"ops": 20, "steps": 50, "seed": 5},
    "io_employee": {"ops": 200, "employees": 500, "delay_us": 100, "seed": 11},
    "io_echo": {"ops": 300, "bytes": 3000, "seed": 5},
    "io_http": {"ops": 40, "route": "mixed", "bytes": 2000, "wait_us": 300, "n": 8, "seed": 5},
    "mix_cross": {"ops": 20, "f": 500, "total_us": 400, "seed": 5},
    "mix_convoy": {"ops": 10, "bytes": 100, "interval_us": 200, "seed": 5},
    "mix_fibsrv": {"ops": 20, "n": 3, "heavy": 12, "heavies": 2},
    "mix_block": {"ops": 20, "every": 5, "burn": 2000, "seed": 5},
    "io_fanout": {"ops": 20, "fan": 5, "employees": 500, "delay_us": 100, "seed": 11},
    "io_timer": {"ops": 40, "delay_us": 3000},
    "io_tree": {"ops": 2, "depth": 2, "wait_us": 2000, "cpu_percent": 30, "steps": 10, "seed": 3},
    "mem_wait": {"ops": 40},
    "io_file": {"ops": 40, "files": 7, "bytes": 5000},
    "io_log": {"ops": 20, "bytes": 100},
}
KIND = {workload: importlib.import_module(workload).KIND for workload in PARAMS}
# What adapters do for these they do for io_http or io_echo: one a language is enough, and one for each place where something computes.
ONLY = dict.fromkeys(["mix_cross", "mix_fibsrv", "mix_block"], ("threads", "node:promise", "pthreads"))
ONLY["mix_convoy"] = ("threads", "promise:await", "procs:spawn", "interp", "node:worker_threads", "pthreads", "cloop")
START = {"dask": "spawn", "mpi": "spawn", "promise:process": "spawn", "asyncio_offload:process": "spawn", "threads_offload:process": "spawn", "procs:cold": "exec"}
# Every workload runs on these, so in every language; and what workers share on all kinds of workers.
EVERYWHERE = {"cpu": "serial pthreads node:promise", "client": "serial cloop node:promise"}
SHARING = "threads procs:spawn promise:await promise_loop:await asyncio_loop:task asyncio node:worker_threads"
WIDTH = {"cpu": "workers", "client": "concurrency", "server": "concurrency", "wait": "concurrency"}


@functools.cache
def register():
    models = configparser.ConfigParser()
    models.read(ADAPTERS / "models.ini")
    return models


def command(model):
    places = {"{python}": sys.executable, "{home}": str(HOME), "{build}": str(BUILD)}
    words = register()[model.partition(":")[0]]["command"].split()
    for mark, place in places.items():
        words = [word.replace(mark, place) for word in words]
    return words


def visible_models():
    """Each model with each of its variants; those whose module is missing are marked to be skipped, and why."""
    found = []
    for name, section in register().items():
        if name == "DEFAULT" or "hidden" in section:
            continue
        for variant in section.get("variants", "").split() or [""]:
            variant = variant.replace("-", "")  # also without one
            reason = why_not(section, variant)
            marks = [pytest.mark.skip(reason=reason)] if reason else []
            found.append(pytest.param(f"{name}:{variant}" if variant else name, marks=marks))
    return found


def named(models):
    """These of the visible models, with their marks."""
    return [model for model in visible_models() if model.values[0] in models.split()]


def is_installed(module):
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        return False


def why_not(section, variant):
    """Why a model cannot run here, or None."""
    for module in section.get("needs", "").split():
        if not is_installed(module):
            return f"{module} is not installed here"
    program = section.get("needs_program")
    if program and not shutil.which(program):
        return f"{program} is not installed here"
    oldest = section.get(f"oldest_{variant}" if variant else "oldest", "3.0")
    return f"needs Python {oldest}" if sys.version_info < tuple(map(int, oldest.split("."))) else None


def supports(model, workload):
    name, _, variant = model.partition(":")
    section = register()[name]
    of_variant = f"_{variant}" if variant else ""
    only = section.get(f"supports{of_variant}")
    if workload in section.get(f"cannot{of_variant}", "").split():
        return False
    return KIND[workload] in section["kinds"].split() and (only is None or workload in only.split() or KIND[workload] in only.split())


def first(model, kind):
    """The workload of a kind that stands for the others, or None."""
    return next((workload for workload in KIND if KIND[workload] == kind and supports(model, workload)), None)


def is_telling(model, workload):
    """Whether a pair shows what others do not: a model with one workload of a kind, or a workload in another language."""
    kind = KIND[workload]
    if kind == "server":
        return supports(model, workload) and (workload not in ONLY or model in ONLY[workload])
    if kind == "wait" or workload == "io_fanout":  # each model waits in its own way; asyncio's programs are the same on other loops
        return supports(model, workload) and (workload == first(model, kind) or not model.startswith(("uvloop", "rloop")))
    more = EVERYWHERE[kind].split() + (SHARING.split() if workload.startswith("shr_") else [])
    steps = workload == "loop_steps" and model.startswith("promise_loop")
    return workload == first(model, kind) or (model in more or steps) and supports(model, workload)


def pairs(*kinds):
    """(model, workload) of what the register says can be run, of these kinds of workload."""
    return [
        pytest.param(model.values[0], workload, marks=model.marks)
        for model in visible_models()
        for workload, kind in KIND.items()
        if kind in kinds and is_telling(model.values[0], workload)
    ]


def one_of_each(*kinds):
    """Of pairs(), the first for each model and kind: for what is the model's and not the workload's."""
    found = {}
    for pair in pairs(*kinds):
        model, workload = pair.values
        found.setdefault((model, KIND[workload]), pair)
    return list(found.values())


def one_of_each_program():
    """One model of those that are the same program."""
    found = {}
    for model in visible_models():
        if not model.marks:
            found.setdefault(str(command(model.values[0])), model)
    return list(found.values())


def start(model, workload, **params):
    return Child(command(model), workload, model, **params)


class Cell(contextlib.ExitStack):
    """An adapter with its peer, if it needs one: both up to `ready`. A context manager."""

    def __init__(self, model, workload, width=3, **more):
        super().__init__()
        with contextlib.ExitStack() as opened:
            self.start(opened, model, workload, {**PARAMS[workload], WIDTH[KIND[workload]]: width, **more})
            self.push(opened.pop_all())

    def start(self, opened, model, workload, params):
        self.peer = None
        if KIND[workload] == "client":
            self.peer = opened.enter_context(store(workload, **params))
            params["store_port"] = self.peer.ready()[1]
        self.adapter = self.measured = opened.enter_context(start(model, workload, **params))
        self.attest, port = self.adapter.ready()
        self.port = port
        if KIND[workload] == "server":
            self.peer = self.measured = opened.enter_context(load(port, workload, **params))
            self.peer.ready()


def expected(workload, width=3, **more):
    return reference(workload, **{**PARAMS[workload], WIDTH[KIND[workload]]: width, **more})


@pytest.mark.parametrize("model, workload", pairs("cpu", "client", "server", "wait"))
def test_does_the_work_and_says_so(model, workload):
    section = register()[model.partition(":")[0]]
    with Cell(model, workload) as cell:
        for _ in range(2):
            sample, latency = cell.measured.sample()
            assert {key: sample[key] for key in ("digest", "hit", "miss", "error")} == expected(workload)
            heavy = sum(cell.measured.heavy.values())
            assert int(sample["ops"]) == sum(latency.values()) + (heavy if workload == "mix_block" else 0) == PARAMS[workload]["ops"]
            assert heavy == 4 if workload == "mix_block" else (heavy >= 2) == (workload == "mix_fibsrv")
            assert int(sample["ns"]) > 0
        if cell.measured is cell.peer:
            cell.peer.stop()
        at_end = cell.adapter.stop()
        assert at_end == cell.attest
        assert cell.attest["loop"] == section.get("loop")
        assert cell.attest["affinity"] == common.cpu_list(os.sched_getaffinity(0))
        assert cell.attest["pid"] == str(cell.adapter.process.pid)
        assert cell.attest["interp"] == (",".join(map(str, range(1, 4))) if model == "interp" and KIND[workload] == "cpu" else "0")
        assert cell.attest["start_method"] == START.get(model, model.partition(":")[2].removeprefix("fresh_") if model.startswith("procs") else "none")
        if section["language"] == "python":
            assert cell.attest["gil"] == common.gil()
            assert cell.attest["runtime"] == f"cpython-{sys.version.split()[0]}"
        elif section["language"] == "javascript":
            assert cell.attest["gil"] == "none" and cell.attest["runtime"].startswith("node-")
        else:
            assert (cell.attest["gil"], cell.attest["runtime"]) == ("none", "c")


CLUSTERS = ("dask", "mpi")  # seconds to start, and what they do with ops is executors.py's for both


@pytest.mark.parametrize("model, workload", [pair for pair in one_of_each("cpu", "client", "wait") if pair.values[0] not in CLUSTERS])
@pytest.mark.parametrize("width, ops", [(1, 7), (5, 2)])
def test_any_number_of_ops_and_workers(model, workload, width, ops):
    """Fewer ops than workers, and ops that do not divide evenly."""
    with Cell(model, workload, width=width, ops=ops) as cell:
        sample, latency = cell.measured.sample()
        assert sample["digest"] == expected(workload, ops=ops)["digest"]
        assert sum(latency.values()) == ops
        cell.adapter.stop()


CROSSING = ["serial", "procs:spawn", "promise:process", "promise:interp", "interp", "node:worker_threads"]


@pytest.mark.parametrize("model", [model for model in visible_models() if model.values[0] in CROSSING])
@pytest.mark.parametrize("shape, size", [("bytes", 100_003), ("ints", 100_000), ("dict", 40_000), ("floats", 100_000)])
def test_payloads_of_each_shape_come_back(model, shape, size):
    with Cell(model, "ovh_payload", shape=shape, bytes=size) as cell:
        assert cell.adapter.sample()[0]["digest"] == expected("ovh_payload", shape=shape, bytes=size)["digest"]
        cell.adapter.stop()


@pytest.mark.parametrize("shape", ovh_payload.WORDS["shape"])
def test_a_payload_that_comes_back_changed_is_another_result(shape):
    work = ovh_payload.Workload({"shape": shape, "bytes": 800, "seed": 3})
    sent, other = work.op(0), work.op(1)
    assert work.result(sent) == work.result(work.op(2)) != work.result(other)
    changed = dict(sent) if shape == "dict" else list(sent)
    key = max(changed) if shape == "dict" else 7
    changed[key] += 1 if changed[key] != 255 else -1
    assert work.result(bytes(changed) if shape == "bytes" else changed) != work.result(sent)


STYLED = [
    pytest.param(*model.values, steps, marks=model.marks)
    for model in visible_models()
    for steps in (2, 3, 5, 8)
    if model.values[0].startswith("style_node") or (steps == 8 and model.values[0].startswith("style_"))
]


@pytest.mark.parametrize("model, steps", STYLED)
def test_an_error_at_any_step_is_reported_once_in_each_style(model, steps):
    """Every op fails, each at another step; the result has how often it was reported."""
    params = {"steps": steps, "fail_every": 1, "ops": 2 * steps}
    with Cell(model, "sty_chain", **params) as cell:
        assert cell.adapter.sample()[0]["digest"] == expected("sty_chain", **params)["digest"]
        cell.adapter.stop()


def a_chain(style, fails, steps_of=styles.calls_back):
    """The answer of a chain from 7 whose loop calls back at once."""
    record = sty_chain.Record(lambda: None)
    style(steps_of(lambda function, *args: function(*args), fails), 7, record.report, record.done)
    return record.answer()


def blocks(later, fails):
    return sty_chain.step_of(fails)


@pytest.mark.parametrize("steps", [2, 3, 5, 8])
def test_chains_of_each_length_and_style_give_the_same(steps):
    for fails in range(steps + 1):
        value, last = 7, fails - 1 if fails else steps
        for number in range(1, last + 1):
            value = sty_chain.after(value, number)
        answer = sty_chain.ANSWER.pack(value, fails, bool(fails))
        assert a_chain(sty_chain.find(vars(sty_chain), "blocking", steps), fails, blocks) == answer
        assert a_chain(sty_chain.find(vars(styles), "callbacks", steps), fails) == answer
        assert in_asyncio(sty_chain.find(vars(styles), "await", steps), fails) == answer


def in_asyncio(style, fails):
    record = sty_chain.Record(lambda: None)

    async def main():
        await style(styles.futures(asyncio.get_running_loop().call_soon, fails), 7, record.report, record.done)

    asyncio.run(main())
    return record.answer()


def forgets(step, value, report, done):
    step(value, 1, lambda error, value: report(error) if error else step(value, 2, lambda error, value: done(value)))


def reports_twice(step, value, report, done):
    def first(error, value):
        if error:
            report(error)
            return report(error)
        step(value, 2, lambda error, value: report(error) if error else done(value))

    step(value, 1, first)


def test_a_style_that_loses_an_error_or_reports_it_twice_is_caught():
    honest = styles.callbacks_2
    assert a_chain(forgets, 0) == a_chain(reports_twice, 0) == a_chain(honest, 0)
    with pytest.raises(struct.error):  # the value of a step that failed
        a_chain(forgets, 2)
    assert a_chain(reports_twice, 1) != a_chain(honest, 1)


def test_chains_of_other_lengths_are_refused():
    with start("style_promise:await", "sty_chain", steps=4) as child:
        child.expect("hello")
        assert "chains are written out with 2, 3, 5 and 8 steps" in child.line()


def test_what_is_counted_of_the_styles_is_what_their_sources_have():
    subprocess.run([sys.executable, HOME / "scripts" / "style_facts", "--check"], check=True)
    header, *rows = (line.split("\t") for line in (HOME / "results" / "styles.tsv").read_text().splitlines()[1:])
    assert header == ["style", "steps", "depth", "error_sites", "lines"]
    counted = {(style, int(steps)): (int(depth), int(sites)) for style, steps, depth, sites, _ in rows}
    assert all(counted["callbacks", k] == (k + 1, k) for k in (2, 3, 5, 8))  # a function a step, and an if
    assert all(counted[style, k] == (1, 1) for style in ("blocking", "chain", "await") for k in (2, 3, 5, 8))


CHUNKED = ["procs:fork", "interp", "dask", "mpi", "node:worker_threads"]


@pytest.mark.parametrize("model", [model for model in visible_models() if model.values[0] in CHUNKED])
@pytest.mark.parametrize("chunk", [0, 7])
def test_chunks_change_nothing_of_the_work(model, chunk):
    with Cell(model, "cpu_grain", chunk=chunk, steps=0) as cell:
        assert cell.adapter.sample()[0]["digest"] == expected("cpu_grain", steps=0)["digest"]
        cell.adapter.stop()


@pytest.mark.parametrize("model", ["threads", "asyncio", "promise:await", "node:promise", "pthreads"])
def test_a_chunk_that_a_model_cannot_send_is_refused(model):
    with start(model, "cpu_grain", ops=4, chunk=2) as child:
        child.expect("hello")
        line = child.line()
        assert line.startswith("fail ") and "chunk=2" in line and "one op at a time" in line


@pytest.mark.parametrize("model, workload", one_of_each("cpu", "client", "server", "wait"))
def test_ends_when_the_driver_is_gone(model, workload):
    with Cell(model, workload) as cell:
        pids = list(common.threads_of_tree(cell.adapter.process.pid))
        cell.adapter.gone()
        cell.adapter.process.wait(TIMEOUT_S)
        assert all_end(pids)


@pytest.mark.parametrize("variant", ["fork", "forkserver", "spawn"])
def test_workers_die_with_a_killed_parent(variant):
    with Cell(f"procs:{variant}", "cpu_queens") as cell:
        pids = list(common.threads_of_tree(cell.adapter.process.pid))
        assert len(pids) > 3
        cell.adapter.process.send_signal(signal.SIGKILL)
        cell.adapter.process.wait(TIMEOUT_S)
        assert all_end(pids)


@pytest.mark.parametrize("model, workload", one_of_each("client"))
def test_a_store_that_dies_is_a_failure(model, workload):
    """Not an endless wait, and not a sample with fewer ops."""
    with Cell(model, workload, ops=100000) as cell:
        cell.adapter.say("go")
        time.sleep(0.05)
        cell.peer.process.kill()
        assert cell.adapter.line().startswith("fail ")
        assert cell.adapter.process.wait(TIMEOUT_S) == 1


NO_SENSE = [
    ("cpu_queens", "speed=9", "there are: ops seed workers concurrency"),
    ("cpu_queens", "workers", "there are:"),
    ("cpu_queens", "workers=0", "a whole number"),
    ("cpu_queens", "ops=many", "a whole number"),
    ("ovh_payload", "shape=round", "one of these was expected: bytes ints dict floats"),
    ("cpu_quince", "n=8", "unknown workload 'cpu_quince'"),
]


# Each program with one mistake, and one of each language with all: they share the code that reads the command line.
@pytest.mark.parametrize(
    "model, workload, word, complaint",
    [pytest.param(*model.values, *NO_SENSE[0], marks=model.marks) for model in one_of_each_program()]
    + [pytest.param(*model.values, *wrong, marks=model.marks) for model in named(EVERYWHERE["cpu"]) for wrong in NO_SENSE[1:]],
)
def test_a_command_line_that_makes_no_sense(model, workload, word, complaint):
    done = subprocess.run([*command(model), workload, model, word], capture_output=True, text=True, timeout=TIMEOUT_S)
    assert done.returncode not in (0, -signal.SIGSEGV)
    assert complaint in done.stderr and "Traceback" not in done.stderr


@pytest.mark.parametrize("model", one_of_each_program())
def test_needs_a_driver(model):
    done = subprocess.run([*command(model), "cpu_queens", model], capture_output=True, text=True, timeout=TIMEOUT_S)
    assert done.returncode not in (0, -signal.SIGSEGV)
    assert done.stderr == "GILBENCH_OUT is not set: this program is run by gilbench\n"


# ---- Cheating


CHEATS = {
    "skips an op": "range(1, self.params['ops'])",
    "does one twice": "[0, *range(1, self.params['ops'] - 1), 0]",
    "does other ops": "range(6, self.params['ops'] + 6)",
}
CHEAT = """
import sys; sys.path.insert(0, {adapters!r})
import common

class Cheat(common.Adapter):
    def sample(self, tally):
        for op in {ops}:
            tally.add(*common.timed(self.work, op))

common.main(Cheat)
"""


@pytest.mark.parametrize("ops", CHEATS.values(), ids=CHEATS.keys())
def test_cheating_gives_another_digest(ops, tmp_path):
    program = tmp_path / "cheat.py"
    program.write_text(CHEAT.format(adapters=str(ADAPTERS), ops=ops))
    with Child([sys.executable, str(program)], "cpu_queens", "cheat", **PARAMS["cpu_queens"]) as cheat:
        cheat.ready()
        assert cheat.sample()[0]["digest"] != expected("cpu_queens")["digest"]


SEEDLESS = "cpu_queens mix_fibsrv io_timer mem_wait io_file io_log"  # their answers are the same for every seed
OPLESS = "mix_fibsrv"  # and these for every op: the load generator compares each answer with its request


def would_pass(workload, cheat):
    return workload in (SEEDLESS if cheat == "other_seed" else OPLESS if cheat == "renumbers" else "").split()


@pytest.mark.parametrize("cheat", ["other_seed", "leaves_out", "repeats", "other_ops", "renumbers"])
@pytest.mark.parametrize("workload", PARAMS)
def test_every_workload_tells_who_did_other_ops(workload, cheat):
    """The fake says the right number of ops and classes, for answers that were not asked for."""
    with start(f"fake:{cheat}", workload, **PARAMS[workload]) as child:
        child.ready()
        sample, wanted = child.sample()[0], reference(workload, **PARAMS[workload])
        assert int(sample["ops"]) == PARAMS[workload]["ops"]
        assert (sample["digest"] == wanted["digest"]) == would_pass(workload, cheat)


def test_every_workload_is_among_them():
    listed = subprocess.run([BUILD / "reference", "list"], capture_output=True, text=True, check=True).stdout
    assert {line.split()[0] for line in listed.splitlines()} == set(PARAMS)


def test_a_changed_result_gives_another_digest():
    honest, cheating = common.Tally(), common.Tally()
    honest.add(3, "hit", b"result", 1)
    cheating.add(3, "hit", b"Result", 1)
    assert fields(next(honest.lines(1)))["digest"] != fields(next(cheating.lines(1)))["digest"]


# ---- The fake, which the driver's tests rely on


def fake(behaviour):
    return start(f"fake:{behaviour}", "cpu_queens", **PARAMS["cpu_queens"])


def test_fake_good():
    with fake("good") as child:
        child.ready()
        assert child.sample()[0]["digest"] == expected("cpu_queens")["digest"]
        assert child.sample()[0]["ns"] == "1010000"
        child.stop()


@pytest.mark.parametrize("behaviour, key", [("bad_digest", "digest"), ("short", "hit")])
def test_fake_lies_in_its_sample(behaviour, key):
    with fake(behaviour) as child:
        child.ready()
        assert child.sample()[0][key] != expected("cpu_queens")[key]


@pytest.mark.parametrize("behaviour, key, value", [("wrong_gil", "gil", "off"), ("wrong_loop", "loop", "some.OtherLoop")])
def test_fake_attests_what_is_wrong(behaviour, key, value):
    with fake(behaviour) as child:
        assert child.ready()[0][key] == value


@pytest.mark.parametrize(
    "behaviour, status, line",
    [("crash", -signal.SIGSEGV, ""), ("exit", 3, ""), ("fail", 1, "fail the fake was asked to fail")],
)
def test_fake_ends_in_a_sample(behaviour, status, line):
    with fake(behaviour) as child:
        child.ready()
        child.say("go")
        assert child.line() == line
        assert child.process.wait(TIMEOUT_S) == status


def test_every_behaviour_of_the_fake_is_known_to_it():
    for behaviour in register()["fake"]["variants"].split():
        with fake(behaviour) as child:
            child.expect("hello")
    done = subprocess.run([*command("fake"), "cpu_queens", "fake:polite"], capture_output=True, text=True)
    assert done.returncode == 2 and "polite" in done.stderr


# ---- The parts in Python against those in C


@pytest.mark.parametrize("workload", KIND)
def test_parameters_are_those_of_the_reference(workload):
    listed = subprocess.run([BUILD / "reference", "params", workload], capture_output=True, text=True, check=True)
    words = {key: standard for key, standard, *_ in map(str.split, listed.stdout.splitlines())}
    in_c = {key: int(standard) if standard.isdecimal() else standard for key, standard in words.items()}
    shared = {key: common.COMMON[key] for key in ("ops", "seed", "workers", "concurrency")}
    assert {**shared, **importlib.import_module(workload).PARAMS} == in_c


@pytest.mark.parametrize("n, total", [(8, 92), (9, 352), (10, 724)])
def test_queens(n, total):
    work = cpu_queens.Workload({"n": n})
    assert sum(int.from_bytes(work.op(op), "little") for op in range(n)) == total


def u64(data, at=0):
    return int.from_bytes(data[8 * at : 8 * at + 8], "little")


def test_fib_primes_mandel():
    assert u64(cpu_fib.Workload({"n": 20, "seed": 1}).op(0)) == 6765
    assert u64(cpu_primes.Workload({"limit": 20000, "seed": 1}).op(0)) == 2262
    mandel = cpu_mandel.Workload({"size": 32, "iterations": 50, "seed": 1})
    assert sum(u64(mandel.op(row)) for row in range(32)) == 17888


def test_nbody():
    before, after = struct.unpack("<dd", cpu_nbody.Workload({"steps": 1000, "shared": 0, "seed": 643}).op(0))
    assert f"{before:.9f} {after:.9f}" == "-0.169075164 -0.169087605"


@pytest.mark.parametrize("model", named("serial node:promise"))
@pytest.mark.parametrize("shared", [0, 1])
def test_nbody_is_the_same_in_all_languages(model, shared):
    """To the last bit, after enough steps for any difference in rounding to show."""
    params = {"ops": 3, "steps": 500, "shared": shared, "seed": 8}
    with start(model, "cpu_nbody", **params) as child:
        child.ready()
        assert child.sample()[0]["digest"] == reference("cpu_nbody", **params)["digest"]


@pytest.mark.parametrize("pattern", ft_micro.PATTERNS)
def test_every_pattern_is_the_same_sum(pattern):
    params = {"turns": 30, "pattern": pattern, "seed": 5}
    assert u64(common.make_work(ft_micro, params).op(2)) == lcg.lcg(7) + 30 * (1 + lcg.lcg(5) % 15)


def test_sha256_chain():
    work = cpu_sha256.Workload({"bytes": 0, "seed": 0, "links": 1000})
    known = "f61ec23d76b258605d544dab141cfc815bb3d433ee0069afd082a1c257ebbb14"
    assert work.op(int.from_bytes(b"gilbench", "little")).hex() == known


def lower_edge(index):
    """As runners/README.md says it."""
    if index < 64:
        return index
    e = index // 32 - 1
    return (index - 32 * e) << e


@pytest.mark.parametrize("value", [0, 1, 63, 64, 65, 127, 128, 1000, 12345, 10**6, 10**9, 2**40 - 1, 2**63])
def test_buckets(value):
    index = common.bucket(value)
    assert lower_edge(index) <= value < lower_edge(index + 1)
    assert index < 64 or (lower_edge(index + 1) - lower_edge(index)) * 32 <= value


def test_cpu_lists():
    assert common.cpu_list({0, 1, 2, 4, 7, 8}) == "0-2,4,7-8"
    assert common.cpu_list(set()) == ""
