"""The contract of every adapter in the register: the wire, the work, what is attested, and the ends."""

import asyncio
import os
import signal
import struct
import subprocess
import sys
import time

import pytest
from subjects import PARAMS, KIND, START, EVERYWHERE, register, command, visible_models, named, first, pairs, one_of_each, one_of_each_program, start, Cell, expected
from wirechild import ADAPTERS, BUILD, HOME, TIMEOUT_S, Child, all_end, fields, reference

import common
import ovh_payload
import sty_chain
import styles


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
