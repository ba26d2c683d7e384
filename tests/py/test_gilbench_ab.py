"""gilbench ab: two builds against each other. The builds are copies of the fake adapter, whose work is what a fake.conf beside it says.

What is measured on a machine that others use is only ever held against wide bounds. Verdicts are tested on traces: journals whose
slices were replaced by made-up ones, and which `--replay` feeds to the very same code.
"""

import json
import math
import os
import random
import shutil
import signal
import statistics
import subprocess
import sys
import time

import pytest

HOME = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.join(HOME, "build", "release")
GILBENCH = os.path.join(BUILD, "gilbench")
MATRIX = "[run]\ntimeout_s = {timeout}\n[cpu_queens]\nmodels = {models}\nworkers = 1\nops = 20\nn = {n}\n"
FAST = ["--slices", "2", "--slice-ms", "50", "--seed", "7", "--progress", "none"]


def gilbench(*args, timeout=200):
    env = {**os.environ, "PYTHON": sys.executable, "CI": "1"}
    return subprocess.run([GILBENCH, *map(str, args)], capture_output=True, text=True, timeout=timeout, env=env)


def build(folder, name, conf=""):
    """A build folder with nothing but the fake in it."""
    path = folder / name
    path.mkdir()
    shutil.copy(os.path.join(BUILD, "fake"), path)
    (path / "fake.conf").write_text(conf)
    return path


def matrix(folder, models="fake:spin", n="6", timeout=20):
    path = folder / "m.ini"
    path.write_text(MATRIX.format(models=models, n=n, timeout=timeout))
    return path


def ab(folder, *args, base="", cand="", models="fake:spin", n="6", timeout=20, out="out"):
    for name, conf in (("a", base), ("b", cand)):
        if not (folder / name).exists():
            build(folder, name, conf)
    where = ["--matrix", matrix(folder, models, n, timeout), "-o", folder / out]
    return gilbench("ab", folder / "a", folder / "b", *where, *FAST, *args)


def results(folder, out="out"):
    return json.loads((folder / out / "results.json").read_text())


def journal(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def median_ratio(benchmark, arm="B"):
    kept = [pair for pair in benchmark["pairs"] if pair["stage"] == 1 and not pair["failed"]]
    medians = [[statistics.median(pair[key]["slices_ns"]) for key in ("A", arm)] for pair in kept]
    return statistics.median(b / a for a, b in medians)


# ---- Measuring


@pytest.mark.long
def test_more_work_is_seen_and_confirmed(tmp_path):
    done = ab(tmp_path, "--pairs", 8, "--alpha", 0.05, cand="pad=600")
    assert done.returncode in (3, 5), done.stderr  # 5: too much else ran on these cores
    run = results(tmp_path)
    (benchmark,) = run["benchmarks"]
    assert median_ratio(benchmark) == pytest.approx(1.6, rel=0.15)
    assert median_ratio(benchmark, "A2") == pytest.approx(1, rel=0.15)
    if done.returncode == 3:
        assert benchmark["verdict"] == run["summary"]["verdict"] == "regressed"
        assert benchmark["stats"]["ratio"] == pytest.approx(1.6, rel=0.15)
        assert benchmark["confirm"]["n"] >= 7 and any("confirmed" in why for why in benchmark["why"])
        assert {pair["stage"] for pair in benchmark["pairs"]} == {1, 2}
    assert "regressed" in done.stdout or "contaminated" in done.stdout


def test_what_a_pair_is(tmp_path):
    done = ab(tmp_path, "--pairs", 7, "--alpha", 0.2, "--slices", 4, out="a folder of 5 %p")
    assert done.returncode in (0, 5), done.stderr
    (benchmark,) = results(tmp_path, "a folder of 5 %p")["benchmarks"]
    pairs = benchmark["pairs"]
    assert [pair["i"] for pair in pairs] == list(range(7))
    assert len({pair["hashseed"] for pair in pairs}) == len(pairs)
    assert len({pair["pad_b"] for pair in pairs}) > 3
    cores = sorted(os.sched_getaffinity(0))
    for pair in pairs:
        order = pair["order"]
        assert sorted(order) == sorted("ABC" * 4) and order[:6] == order[5::-1]
        assert pair["builds"] == ["A0", "B0", "N0"]
        for arm in ("A", "B", "A2"):
            side = pair[arm]
            for key in ("slices_ns", "wall_ns", "cpu_user_ns", "nivcsw", "steal_ns", "pressure_us", "gap_ns", "flags"):
                assert len(side[key]) == 4
            assert all(0 < ns <= wall for ns, wall in zip(side["slices_ns"], side["wall_ns"]))
            assert 3 <= side["warmup"]["n"] <= 10 and side["warmup"]["state"] in ("flat", "slowdown", "no_steady")
            assert int(side["attest"]["affinity"]) in cores
    if len(cores) > 1:
        assert len({pair["A"]["attest"]["affinity"] for pair in pairs}) > 1
    assert benchmark["ops"] != 20  # calibrated
    typical = statistics.median(ns for pair in pairs for ns in pair["A"]["slices_ns"])
    assert 25e6 < typical < 200e6


@pytest.mark.long
def test_servers_and_clients_run_in_pairs(tmp_path):
    path = tmp_path / "m.ini"
    path.write_text(
        "[io_echo]\nmodels = pthreads\nconcurrency = 4\nops = 3000\n"
        "[io_employee]\nmodels = promise:await\nconcurrency = 4\nops = 500\ndelay_us = 100\nemployees = 1000\n"
    )
    few = [*FAST, "--pairs", 8, "--alpha", 0.2, "--no-confirm", "--no-control"]
    done = gilbench("ab", BUILD, BUILD, "--matrix", path, "-o", tmp_path / "out", *few)
    assert done.returncode in (0, 5), done.stderr
    for benchmark in results(tmp_path)["benchmarks"]:
        assert len(benchmark["pairs"]) == 8
        assert not any(pair["failed"] for pair in benchmark["pairs"]), benchmark["pairs"]
        assert benchmark["verdict"] not in ("regressed", "improved", "invalid")
    build_ids = {pair[arm]["attest"]["build"] for pair in results(tmp_path)["benchmarks"][1]["pairs"] for arm in ("A", "B")}
    assert len(build_ids) == 1 and build_ids != {"none"}


# ---- What goes wrong: never a verdict about the code


@pytest.mark.parametrize(
    "how, reason",
    [
        ("how=bad_digest", "candidate (build B0): checksum"),
        ("how=short", "candidate (build B0): work:"),
        ("how=wrong_loop", "candidate (build B0): loop:"),
        ("how=crash", "3 pairs in a row failed: candidate: the adapter was killed by signal 11"),
        ("how=exit", "3 pairs in a row failed: candidate: the adapter ended with status 3"),
    ],
)
def test_an_arm_that_does_other_work_is_invalid(tmp_path, how, reason):
    done = ab(tmp_path, "--pairs", 9, cand=how)
    assert done.returncode == 6, done.stderr
    (benchmark,) = results(tmp_path)["benchmarks"]
    assert benchmark["verdict"] == "invalid" and reason in benchmark["why"][0]


def test_a_clock_that_lies_is_invalid(tmp_path):
    done = ab(tmp_path, models="fake:good")
    assert done.returncode == 6, done.stderr
    assert "what is timed is not the work" in results(tmp_path)["benchmarks"][0]["why"][0]


def test_a_baseline_that_fails_is_invalid_before_any_pair(tmp_path):
    done = ab(tmp_path, base="how=fail")
    assert done.returncode == 6
    (benchmark,) = results(tmp_path)["benchmarks"]
    assert benchmark["pairs"] == [] and "asked to fail" in benchmark["why"][0]


@pytest.mark.parametrize(
    "args, message",
    [
        (["--pairs", "6"], "6 pairs can never decide: with 1 benchmark, 1 look and an error of 0.01 it takes 7 or more"),
        (["--pairs", "12,9"], "--pairs:"),
        (["--slices", "3"], "--slices: an even number"),
        (["--margin", "-1"], "--margin:"),
        (["--alpha", "nan"], "--alpha:"),
        (["--limit", "1%"], "--limit must not be below"),
        (["--budget", "soon"], "--budget:"),
        (["-b", "nothing/*"], "nothing to compare"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_runs(tmp_path, args, message):
    done = ab(tmp_path, *args)
    assert done.returncode == (77 if args[0] == "-b" else 2), done.stderr
    assert message in done.stderr
    assert not (tmp_path / "out" / "results.json").exists()


def test_arms_that_are_nothing(tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()
    done = gilbench("ab", empty, BUILD, "-o", tmp_path / "out", "--matrix", matrix(tmp_path))
    assert done.returncode == 2 and "is a folder, but no build" in done.stderr
    assert gilbench("ab", BUILD).returncode == 2
    shown = gilbench("ab", "--help")
    assert shown.returncode == 0 and "example:" in shown.stdout


def processes_below(pid):
    with open(f"/proc/{pid}/task/{pid}/children") as file:
        return [int(word) for word in file.read().split()]


@pytest.mark.long
def test_an_arm_that_is_stopped_costs_a_pair_and_no_verdict(tmp_path):
    build(tmp_path, "a")
    build(tmp_path, "b")
    where = ["--matrix", matrix(tmp_path, timeout=3), "-o", tmp_path / "out", *FAST, "--pairs", "8", "--alpha", "0.1"]
    command = [GILBENCH, "ab", tmp_path / "a", tmp_path / "b", *where]
    env = {**os.environ, "PYTHON": sys.executable}
    with subprocess.Popen([*map(str, command)], env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as run:
        path = tmp_path / "out" / "journal.jsonl"
        while run.poll() is None and not (path.exists() and '"pair"' in path.read_text()):
            time.sleep(0.05)
        stopped = None
        while run.poll() is None and stopped is None:
            for pid in processes_below(run.pid):
                os.kill(pid, signal.SIGSTOP)
                stopped = pid
                break
        out, err = run.communicate(timeout=120)
    assert run.returncode in (0, 5), err
    (benchmark,) = results(tmp_path)["benchmarks"]
    assert any("was silent" in (pair["dropped"] or "") or "disturbed" in (pair["dropped"] or "") for pair in benchmark["pairs"])


# ---- Traces


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """A real run of 24 pairs at most, on which made-up times are put."""
    folder = tmp_path_factory.mktemp("recorded")
    done = ab(folder, "--pairs", "24", "--slices", "2", "--no-confirm")
    assert done.returncode in (0, 3, 5), done.stderr
    return folder


def trace(recorded, path, d, null=lambda i: 0.001 * (-1) ** i, dropped=(), disturbed=(), cpu=None):
    """The recorded journal, with the candidate's slices e^d(i) times as long as the baseline's."""
    lines = journal(recorded / "out" / "journal.jsonl")
    for line in lines:
        if line["type"] != "pair":
            continue
        pair = line["pair"]
        i = pair["i"]
        pair["failed"], pair["dropped"] = False, "the clock was set in mid-pair" if i in dropped else None
        pair["disturbed"] = False
        if i in disturbed:
            pair["dropped"], pair["disturbed"] = "disturbed: pressure", True
        for arm, factor in (("A", 1), ("B", math.exp(d(i))), ("A2", math.exp(null(i)))):
            pair[arm]["slices_ns"] = [round(70e6 * factor), round(70e6 * factor)]
            pair[arm]["cpu_ns"] = [round(71e6 * (math.exp(cpu(i)) if cpu and arm == "B" else factor))] * 2
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def replay(recorded, folder, *args, pairs="12,24", **how):
    made = trace(recorded, folder / "trace.jsonl", **how)
    where = ["--matrix", recorded / "m.ini", "-o", folder / "out", "--replay", made]
    done = gilbench("ab", recorded / "a", recorded / "b", *where, *FAST, "--pairs", pairs, "--no-confirm", *args)
    return done, results(folder)["benchmarks"][0] if (folder / "out" / "results.json").exists() else None


def noisy(mean, sd, seed=1):
    draw = random.Random(seed)
    values = [draw.gauss(mean, sd) for _ in range(48)]
    return lambda i: values[i]


VERDICTS = [
    ("regressed", 3, dict(d=noisy(math.log(1.06), 0.01))),
    ("improved", 0, dict(d=noisy(-math.log(1.06), 0.01))),
    ("ok", 0, dict(d=noisy(0, 0.01))),
    ("inconclusive", 0, dict(d=noisy(0.03, 0.12))),
    ("inconclusive", 0, dict(d=lambda i: 0.2)),  # no variance: no measurement
    ("contaminated", 5, dict(d=noisy(0.06, 0.01), null=noisy(0.05, 0.01, 2))),
    ("contaminated", 5, dict(d=noisy(0.06, 0.01), dropped=range(0, 24, 3))),
]


@pytest.mark.parametrize("verdict, code, how", VERDICTS, ids=[f"{i}-{v[0]}" for i, v in enumerate(VERDICTS)])
def test_verdicts(recorded, tmp_path, verdict, code, how):
    done, benchmark = replay(recorded, tmp_path, **how)
    assert done.returncode == code, done.stderr
    assert benchmark["verdict"] == verdict, benchmark["why"]
    if verdict == "inconclusive":
        assert benchmark["why"]


@pytest.mark.parametrize("cpu, verdict", [(0.06, "regressed"), (0, "ok"), (-0.06, "improved")])
def test_where_too_many_pairs_are_disturbed_cpu_time_is_judged(recorded, tmp_path, cpu, verdict):
    """The wall time of the disturbed pairs says twice as long; the CPU time knows better."""
    wall, disturbed = noisy(0, 0.01), range(0, 24, 2)
    done, benchmark = replay(recorded, tmp_path, d=lambda i: 0.7 if i in disturbed else wall(i), cpu=noisy(cpu, 0.01), disturbed=disturbed)
    assert benchmark["verdict"] == verdict, benchmark["why"]
    assert benchmark["stats"]["measure"] == "cpu" and benchmark["stats"]["dropped"] == 0
    assert any("6 of 12 pairs were disturbed: judged by CPU time" in why for why in benchmark["why"])
    checked = gilbench("validate", tmp_path / "out" / "results.json", tmp_path / "out" / "journal.jsonl")
    assert checked.returncode == 0, checked.stderr


def test_strict_makes_inconclusive_an_error(recorded, tmp_path):
    assert replay(recorded, tmp_path, "--strict", d=noisy(0.03, 0.12))[0].returncode == 4


def test_clear_cases_need_one_look_only(recorded, tmp_path):
    assert replay(recorded, tmp_path, d=noisy(0.08, 0.01))[1]["stats"]["n"] == 12


def test_unclear_cases_get_another_look(recorded, tmp_path):
    assert replay(recorded, tmp_path, d=noisy(0.03, 0.12))[1]["stats"]["n"] == 24


def test_the_estimate_is_that_of_the_pairs(recorded, tmp_path):
    d = noisy(0.05, 0.02, seed=3)
    benchmark = replay(recorded, tmp_path, pairs="12", d=d)[1]
    values = [math.log(round(70e6 * math.exp(d(i)))) - math.log(70e6) for i in range(12)]
    stats = benchmark["stats"]
    assert stats["ratio"] == pytest.approx(math.exp(statistics.mean(values)), rel=1e-12)
    assert stats["sd_d"] == pytest.approx(statistics.stdev(values), rel=1e-12)
    assert stats["lag1"] < 0.3  # else the interval is widened
    half = 2.200985160 * statistics.stdev(values) / math.sqrt(12)  # t, 11 degrees of freedom, 97.5 %
    assert math.log(stats["ci95"][1]) == pytest.approx(statistics.mean(values) + half, rel=1e-8)


def test_swapping_the_arms_turns_the_sign_and_nothing_else(recorded, tmp_path):
    up, down = tmp_path / "up", tmp_path / "down"
    up.mkdir()
    down.mkdir()
    d = noisy(0.06, 0.01)
    one = replay(recorded, up, pairs="12", d=d)[1]
    made = trace(recorded, down / "trace.jsonl", d=d)
    lines = journal(made)
    for line in lines:
        if line["type"] == "pair":
            pair = line["pair"]
            pair["A"], pair["B"] = pair["B"], pair["A"]
            pair["A2"] = pair["A"]
    made.write_text("".join(json.dumps(line) + "\n" for line in lines))
    where = ["--matrix", recorded / "m.ini", "-o", down / "out", "--replay", made]
    gilbench("ab", recorded / "a", recorded / "b", *where, *FAST, "--pairs", "12", "--no-confirm")
    other = results(down)["benchmarks"][0]
    assert one["stats"]["ratio"] * other["stats"]["ratio"] == pytest.approx(1, rel=1e-12)
    assert (one["verdict"], other["verdict"]) == ("regressed", "improved")


# ---- Kill and resume


def test_a_run_killed_anywhere_resumes_to_the_same_estimate(recorded, tmp_path):
    """The journal is cut at random bytes, as a kill in mid-write leaves it, and the rest is fed from the trace."""
    done, whole = replay(recorded, tmp_path, d=noisy(0.03, 0.12))
    complete = (tmp_path / "out" / "journal.jsonl").read_bytes()
    header = complete.index(b"\n") + 1
    draw = random.Random(5)
    for cut in sorted(draw.randrange(header, len(complete) + 1) for _ in range(12)):
        shutil.rmtree(tmp_path / "out")
        (tmp_path / "out").mkdir()
        (tmp_path / "out" / "journal.jsonl").write_bytes(complete[:cut])
        again = gilbench("ab", "--resume", tmp_path / "out", "--replay", tmp_path / "trace.jsonl", "--progress", "none")
        assert again.returncode == done.returncode, again.stderr
        (benchmark,) = results(tmp_path)["benchmarks"]
        assert benchmark == whole
        assert (tmp_path / "out" / "journal.jsonl").read_bytes() == complete


def test_a_run_that_is_killed_goes_on(tmp_path):
    build(tmp_path, "a")
    build(tmp_path, "b")
    where = ["--matrix", matrix(tmp_path), "-o", tmp_path / "out", *FAST, "--pairs", "7", "--alpha", "0.2"]
    command = [GILBENCH, "ab", tmp_path / "a", tmp_path / "b", *where]
    env = {**os.environ, "PYTHON": sys.executable}
    run = subprocess.Popen([*map(str, command)], env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    path = tmp_path / "out" / "journal.jsonl"
    while not path.exists() or path.read_text().count('"pair"') < 2:
        time.sleep(0.02)
    run.kill()
    run.wait()
    before = [line for line in path.read_text().splitlines(keepends=True) if line.endswith("\n")]
    done = gilbench("ab", "--resume", tmp_path / "out", "--progress", "none")
    assert done.returncode in (0, 5), done.stderr
    after = path.read_text().splitlines(keepends=True)
    assert after[: len(before)] == before
    (benchmark,) = results(tmp_path)["benchmarks"]
    assert [pair["i"] for pair in benchmark["pairs"]] == list(range(7))


def test_an_interrupt_leaves_a_run_that_can_be_resumed(tmp_path):
    build(tmp_path, "a")
    build(tmp_path, "b")
    command = [GILBENCH, "ab", tmp_path / "a", tmp_path / "b", "--matrix", matrix(tmp_path), "-o", tmp_path / "out", *FAST, "--pairs", "40"]
    env = {**os.environ, "PYTHON": sys.executable}
    with subprocess.Popen([*map(str, command)], env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as run:
        path = tmp_path / "out" / "journal.jsonl"
        while not path.exists() or '"pair"' not in path.read_text():
            time.sleep(0.02)
        run.send_signal(signal.SIGINT)
        _, err = run.communicate(timeout=60)
    assert run.returncode == 130 and "--resume" in err


def test_a_journal_that_is_none(tmp_path):
    (tmp_path / "journal.jsonl").write_text('{"type": "header", "run": {"schema": "gilbench/result"}}\n')
    done = gilbench("ab", "--resume", tmp_path)
    assert done.returncode == 2 and "no journal of `gilbench ab`" in done.stderr
    (tmp_path / "journal.jsonl").write_text("")
    done = gilbench("ab", "--resume", tmp_path)
    assert done.returncode == 2 and "no whole line" in done.stderr


def test_a_budget_is_kept(tmp_path):
    start = time.monotonic()
    done = ab(tmp_path, "--pairs", "48", "--budget", "6", "--no-confirm", "--slices", "2")
    assert done.returncode in (0, 5), done.stderr
    assert time.monotonic() - start < 15  # calibration and start-up included
    (benchmark,) = results(tmp_path)["benchmarks"]
    assert sum(pair["duration_ns"] for pair in benchmark["pairs"]) <= 6.6e9


# ---- Git refs

MAKEFILE = """OBJECTS := $(patsubst %.c,%.o,runners/adapters/fake.c runners/load/child.c runners/stats/hist.c \\
  $(filter-out workloads/reference.c,$(wildcard workloads/*.c)))
ext: ; mkdir -p build/release/python
build/release/fake: $(OBJECTS) ; mkdir -p build/release; $(CC) $^ -o $@ -lcrypto -lz -lm
build/release/pthreads: build/release/fake ; cp $< $@
%.o: %.c ; $(CC) -O1 -D_GNU_SOURCE -c $< -o $@
"""


def git(repository, *args):
    return subprocess.run(["git", "-C", repository, *args], check=True, capture_output=True, text=True).stdout.strip()


def branch(repository, name, start, path, old, new):
    git(repository, "checkout", "-q", "-b", name, start)
    file = repository / path
    assert file.read_text().count(old)
    file.write_text(file.read_text().replace(old, new))
    git(repository, "-c", "user.name=t", "-c", "user.email=t@t", "commit", "-qam", name)


@pytest.fixture(scope="module")
def repository(tmp_path_factory):
    """This tree as a repository of its own, with a Makefile that builds the fake alone, and branches that change it."""
    path = tmp_path_factory.mktemp("git") / "home"
    for part in ("runners", "workloads", "scripts"):
        shutil.copytree(os.path.join(HOME, part), path / part, ignore=shutil.ignore_patterns("__pycache__"))
    (path / "Makefile").write_text(MAKEFILE)
    git(path, "init", "-q", "-b", "base")
    git(path, "add", "-A")
    git(path, "-c", "user.name=t", "-c", "user.email=t@t", "commit", "-qm", "base")
    branch(path, "slower", "base", "runners/adapters/fake.c", "SPIN_STEPS = 10000", "SPIN_STEPS = 16000")
    branch(path, "broken", "base", "runners/adapters/fake.c", "int main(", "int main(oops ")
    branch(path, "wrong", "base", "workloads/common.c", "0x100000001b3u", "0x100000001b5u")
    return path


def ab_refs(repository, folder, base, cand, *args):
    where = ["--matrix", matrix(folder), "-o", folder / "out", *FAST, "--builds", "2"]
    env = {**os.environ, "PYTHON": sys.executable, "GILBENCH_HOME": str(repository)}
    command = [GILBENCH, "ab", base, cand, *map(str, where), *args]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, env=env)


def test_two_commits_are_built_linked_anew_and_measured(repository, tmp_path):
    done = ab_refs(repository, tmp_path, "base", "slower", "--pairs", "8", "--alpha", "0.05")
    assert done.returncode in (3, 5), done.stderr
    run = results(tmp_path)
    for arm, ref in (("A", "base"), ("B", "slower"), ("A2", "base")):
        assert run["arms"][arm]["git"] == git(repository, "rev-parse", ref) and run["arms"][arm]["kind"] == "git"
    assert len({build["link_seed"] for arm in ("A", "A2") for build in run["arms"][arm]["builds"]}) >= 4
    programs = {arm: [(tmp_path / "out" / "arms" / f"{arm}{i:02}" / "fake").read_bytes() for i in (0, 1)] for arm in "ABN"}
    assert len(set(programs["A"] + programs["N"])) == 4  # four orders, four programs
    (benchmark,) = run["benchmarks"]
    assert {name for pair in benchmark["pairs"] if pair["stage"] == 1 for name in pair["builds"]} == {"A0", "A1", "B0", "B1", "N0", "N1"}
    assert median_ratio(benchmark) == pytest.approx(1.6, rel=0.2)
    if done.returncode == 3:  # confirmed on builds that had no part in finding it
        fresh = {name for pair in benchmark["pairs"] if pair["stage"] == 2 for name in pair["builds"]}
        assert fresh == {"A2", "A3", "B2", "B3", "N2", "N3"}


def test_refs_that_cannot_be_measured(repository, tmp_path):
    done = ab_refs(repository, tmp_path, "base", "nosuch")
    assert done.returncode == 2 and "'nosuch' is no git ref" in done.stderr
    done = ab_refs(repository, tmp_path, "base", "broken")
    assert done.returncode == 1 and "does not build" in done.stderr and "fake.c" in done.stderr
    done = ab_refs(repository, tmp_path, "base", "wrong")
    assert done.returncode == 6
    assert "candidate (build B" in results(tmp_path)["benchmarks"][0]["why"][0] and "checksum" in done.stdout


# ---- Instructions


@pytest.mark.skipif(not shutil.which("valgrind") or not shutil.which("setarch"), reason="no valgrind or no setarch")
def test_instructions_say_how_much_more_work_it_is(tmp_path):
    """5 % more steps are 5 % more instructions, whatever else runs on this machine."""
    done = ab(tmp_path, "--ir", "only", cand="pad=50", out="a folder of 5 %p")
    assert done.returncode == 0, done.stderr
    (benchmark,) = results(tmp_path, "a folder of 5 %p")["benchmarks"]
    (base,), (cand,) = benchmark["ir"]["A"], benchmark["ir"]["B"]
    assert cand / base == pytest.approx(1.05, abs=0.003)
    assert benchmark["verdict"] == "inconclusive"  # instructions alone make no regression
    (tmp_path / "b" / "fake.conf").write_text("")
    assert ab(tmp_path, "--ir", "only").returncode == 0
    (benchmark,) = results(tmp_path)["benchmarks"]
    assert benchmark["ir"]["B"][0] / benchmark["ir"]["A"][0] == pytest.approx(1, abs=0.0005)
    assert benchmark["verdict"] == "ok"
