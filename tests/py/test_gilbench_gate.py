"""gilbench gate: the exit code that a CI acts on, and what it tells people and machines. Verdicts are those of tests/data/ab-1.0.json
with figures put in, or are measured, with the fake adapter that is slower by as much as its folder says."""

import copy
import csv
import json
import os
import random
import shutil
import subprocess
import sys
import xml.etree.ElementTree as xml

import pytest

HOME = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.join(HOME, "build", "release")
GILBENCH = os.path.join(BUILD, "gilbench")
DATA = os.path.join(HOME, "tests", "data")
GOLDEN = os.path.join(DATA, "ab-1.0.json")
CLEAN = {"GITHUB_ACTIONS": "", "GITHUB_STEP_SUMMARY": "", "GITHUB_BASE_REF": ""}


def gilbench(*args, env=None, timeout=300, **kwargs):
    env = {**os.environ, "PYTHON": sys.executable, "CI": "1", **CLEAN, **(env or {})}
    return subprocess.run([GILBENCH, *map(str, args)], capture_output=True, text=True, timeout=timeout, env=env, **kwargs)


def load(path):
    with open(path) as file:
        return json.load(file)


RATIOS = {"ok": 1.001, "improved": 0.9, "regressed": 1.1, "inconclusive": 1.03, "contaminated": 1.2, "invalid": None}
ORDER = ["invalid", "regressed", "contaminated", "inconclusive", "improved", "ok"]


def decided(*verdicts):
    """Results of ab with these verdicts, one a benchmark."""
    document = load(GOLDEN)
    document["plan"].update(looks=[12, 24], margin=0.02, limit=0.05, alpha_family=0.01)
    model, document["benchmarks"] = document["benchmarks"][0], []
    for number, verdict in enumerate(verdicts):
        benchmark, ratio = copy.deepcopy(model), RATIOS[verdict]
        benchmark.update(id=f"cpu_queens/m{number}/workers=1", verdict=verdict, why=[f"why {number} is {verdict}: 3 % | <b>"])
        benchmark["stats"] = {**model["stats"], "ratio": ratio, "ci95": [ratio - 0.01, ratio + 0.01], "mde95": 0.018} if ratio else None
        document["benchmarks"].append(benchmark)
    counts = {verdict: verdicts.count(verdict) for verdict in ORDER}
    document["summary"] = {"verdict": next((v for v in ORDER if v in verdicts), "invalid"), "counts": counts}
    return document


def results(folder, *verdicts, **changes):
    path = folder / "ab.json"
    path.write_text(json.dumps({**decided(*verdicts), **changes}))
    return path


def policy(folder, text="cells = *\n"):
    path = folder / "policy.ini"
    path.write_text("[gate]\n" + text)
    return path


# ---- Exit codes

CODES = [
    (["ok"], 0, 0),
    (["ok", "improved"], 0, 0),
    (["ok", "inconclusive"], 0, 4),
    (["improved", "regressed", "ok", "inconclusive"], 3, 3),
    (["ok", "contaminated", "inconclusive"], 5, 5),
    (["contaminated", "regressed"], 3, 3),
    (["ok", "invalid", "regressed"], 6, 6),
]


@pytest.mark.parametrize("verdicts, code, strict", CODES)
def test_the_gravest_verdict_is_the_exit_code(tmp_path, verdicts, code, strict):
    path = results(tmp_path, *verdicts)
    done = gilbench("gate", path)
    assert done.returncode == code, done.stderr
    assert done.stdout.startswith(f"## gilbench gate: {next(v for v in ORDER if v in verdicts)}\n")
    assert f"exit {code}" in done.stderr
    assert gilbench("gate", path, "--strict").returncode == strict
    assert gilbench("gate", path, "--policy", policy(tmp_path, "cells = *\nstrict = yes\n")).returncode == strict


REFUSED = [
    ("a number that is none", lambda d: d["benchmarks"][0]["stats"].update(ratio=float("nan")), 6, "NaN and infinities are not JSON"),
    ("another schema", lambda d: d.update(schema="gilbench/result"), 6, "missing"),
    ("another major version", lambda d: d.update(schema_version="2.0"), 6, "has schema version 2.0; this gilbench reads 1.x"),
    ("a verdict that there is not", lambda d: d["benchmarks"][0].update(verdict="fine"), 6, 'benchmarks[0].verdict: one of ["ok",'),
    ("a verdict without a ratio", lambda d: d["benchmarks"][1].update(stats=None), 6, "is said to have regressed, without a ratio"),
    ("a ratio beside its interval", lambda d: d["benchmarks"][0]["stats"].update(ratio=2.0), 6, "the ratio 2 is not within"),
    ("more pairs than there are", lambda d: d["benchmarks"][0]["stats"].update(n=99), 6, "stats of 99 pairs, but"),
    ("an interrupted run", lambda d: d.update(interrupted=True), 6, "was interrupted; finish it with --resume"),
    ("no benchmark", lambda d: d.update(benchmarks=[]), 77, "has no benchmark"),
    ("too few pairs", lambda d: d["plan"].update(looks=[7]), 2, "a gate that can never fail is none"),
    ("too small an error", lambda d: d["plan"].update(alpha_family=1e-8), 2, "a gate that can never fail is none"),
]


@pytest.mark.parametrize("change, code, message", [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED])
def test_results_that_are_no_evidence_are_refused(tmp_path, change, code, message):
    document = decided("ok", "regressed")
    change(document)
    path = tmp_path / "ab.json"
    path.write_text(json.dumps(document))
    done = gilbench("gate", path)
    assert (done.returncode, done.stdout) == (code, "") and message in done.stderr, done


def test_other_files_are_refused(tmp_path):
    cut = tmp_path / "cut.json"
    cut.write_text(open(GOLDEN).read()[:5000])
    for path, code, message in [
        (cut, 6, "the file was cut off"),
        (os.path.join(DATA, "run-1.0.json"), 6, "is results of gilbench/result; results of gilbench/ab are expected"),
        (os.path.join(DATA, "ab-1.0.jsonl"), 6, "is a journal of gilbench/ab"),
        (tmp_path / "none.json", 2, "no such run"),
    ]:
        done = gilbench("gate", path)
        assert (done.returncode, done.stdout) == (code, "") and message in done.stderr


USAGE = [
    ([], "BASE and CAND, or one results.json, expected, not 0 arguments"),
    (["a", "b", "c"], "not 3 arguments"),
    ([GOLDEN, "--ci", "jenkins"], "--ci: auto, github or none expected, not 'jenkins'"),
    ([GOLDEN, "--budget", "0"], "--budget: seconds, more than 0, expected, not '0'"),
    ([GOLDEN, "--seed", "-1"], "--seed: a whole number of 0 or more expected, not '-1'"),
    ([GOLDEN, "--progress", "loud"], "--progress: auto, plain or none expected"),
    ([GOLDEN, "--policy", "/no/such.ini"], "cannot read /no/such.ini"),
    ([GOLDEN, "--nope"], "see gilbench gate --help"),
]


@pytest.mark.parametrize("args, message", USAGE)
def test_usage_errors_say_what_and_what_to_do(args, message):
    done = gilbench("gate", *args)
    assert (done.returncode, done.stdout) == (2, "") and message in done.stderr


def test_help_has_an_example_and_the_exit_codes():
    done = gilbench("gate", "--help")
    assert done.returncode == 0 and "example:" in done.stdout and "77 nothing to run" in done.stdout


# ---- The policy


def test_a_policy_says_which_benchmarks_count(tmp_path):
    path = results(tmp_path, "ok", "regressed", "inconclusive")
    done = gilbench("gate", path, "--policy", policy(tmp_path, "cells = */m0/* */m2/*\n"))
    assert done.returncode == 0 and "m1" not in done.stdout and "(1 ok, 1 inconclusive)" in done.stderr
    assert gilbench("gate", path, "--policy", policy(tmp_path, "cells = */m1/*\n")).returncode == 3
    done = gilbench("gate", path, "--policy", policy(tmp_path, "cells = io_*\n"))
    assert done.returncode == 77 and "no benchmark of" in done.stderr


def test_a_policy_that_could_never_fail_is_an_error(tmp_path):
    path = results(tmp_path, "ok")
    for text, message in [("margin = 2%\n", "names no cell, so that it could never fail"), ("cells = *\nalpha = 0\n", "can never fail")]:
        done = gilbench("gate", path, "--policy", policy(tmp_path, text))
        assert done.returncode == 2 and message in done.stderr


def test_fewer_pairs_than_can_ever_decide_are_refused_before_measuring(tmp_path):
    terms = policy(tmp_path, "cells = *\nmatrix = gate\nlooks = 5\n")
    done = gilbench("gate", BUILD, BUILD, "--policy", terms, "-o", tmp_path / "out")
    assert (done.returncode, done.stdout) == (2, "") and "5 pairs can never decide" in done.stderr


def test_results_that_were_decided_on_other_terms_do_not_serve_a_policy(tmp_path):
    path = results(tmp_path, "ok")
    for text in ("margin = 1%", "limit = 3%", "alpha = 0.1%"):
        done = gilbench("gate", path, "--policy", policy(tmp_path, f"cells = *\n{text}\n"))
        assert done.returncode == 6 and "the results were decided with margin 2 %, limit 5 %, error 1 %" in done.stderr
    assert gilbench("gate", path, "--policy", policy(tmp_path, "cells = *\nalpha = 5%\n")).returncode == 0


def test_the_default_policy_is_a_policy(tmp_path):
    assert gilbench("gate", results(tmp_path, "ok"), "--policy", os.path.join(HOME, "runners", "gate.ini")).returncode == 0


# ---- What is said


def test_the_summary_goes_to_all_who_want_it(tmp_path):
    path = results(tmp_path, "ok", "regressed")
    (tmp_path / "step.md").write_text("before\n")
    env = {"GITHUB_STEP_SUMMARY": str(tmp_path / "step.md")}
    done = gilbench("gate", path, "--summary", tmp_path / "sum.md", env=env)
    assert (tmp_path / "sum.md").read_text() == done.stdout
    assert (tmp_path / "step.md").read_text() == "before\n" + done.stdout
    rows = [line for line in done.stdout.splitlines() if line.startswith("| cpu")]
    assert rows[0].startswith("| cpu\\_queens/m0/workers=1 | ok | 1.001 [0.991, 1.011] | - | ")
    assert "| **regressed** | 1.100 [1.090, 1.110] |" in rows[1] and "why 1 is regressed: 3 % \\| \\<b>" in rows[1]
    header = next(line for line in done.stdout.splitlines() if line.startswith("| benchmark"))
    assert {line.replace("\\|", "").count("|") for line in [header, *rows]} == {9}
    assert "Null control" in done.stdout and "margin" not in done.stderr


def test_junit_is_xml_with_one_case_a_benchmark(tmp_path):
    path = results(tmp_path, *ORDER)
    for strict, counts in ((False, (1, 2, 1)), (True, (2, 2, 0))):
        gilbench("gate", path, "--junit", tmp_path / "j.xml", *["--strict"] * strict)
        suite = xml.parse(tmp_path / "j.xml").getroot()
        assert suite.tag == "testsuite" and suite.get("tests") == "6"
        assert tuple(int(suite.get(name)) for name in ("failures", "errors", "skipped")) == counts
        found = {case.get("name"): [child.tag for child in case if child.tag != "system-out"] for case in suite}
        inconclusive = ["failure"] if strict else ["skipped"]
        expected = [["error"], ["failure"], ["error"], inconclusive, [], []]
        assert found == {f"cpu_queens/m{number}/workers=1": tags for number, tags in enumerate(expected)}
        regressed = suite[1][0]
        assert regressed.get("message") == "regressed: 1.100 [1.090, 1.110]; why 1 is regressed: 3 % | <b>"


def test_annotations_are_github_commands(tmp_path):
    path = results(tmp_path, *ORDER)
    plain = gilbench("gate", path)
    assert "::" not in plain.stdout
    for args, env in ((["--ci", "github"], {}), ([], {"GITHUB_ACTIONS": "true"})):
        done = gilbench("gate", path, *args, env=env)
        lines = [line for line in done.stdout.splitlines() if line.startswith("::")]
        assert [line.split()[0] for line in lines] == ["::error", "::error", "::error", "::warning", "::notice"]
        assert lines[1] == (
            "::error title=regressed - cpu_queens/m1/workers=1::time 1.100 [1.090, 1.110] of the baseline's; why 1 is regressed: 3 %25 | <b>"
        )
    assert "::" not in gilbench("gate", path, "--ci", "none", env={"GITHUB_ACTIONS": "true"}).stdout
    assert gilbench("gate", path, "--ci", "github", "--strict").stdout.count("::error ") == 4


def test_the_history_grows_by_a_line_a_run(tmp_path):
    path = results(tmp_path, "ok", "regressed", "invalid")
    for _ in range(2):
        gilbench("gate", path, "--history", tmp_path / "history.jsonl")
    lines = [json.loads(line) for line in (tmp_path / "history.jsonl").read_text().splitlines()]
    done = gilbench("validate", tmp_path / "history.jsonl")
    assert done.returncode == 0 and "gilbench/history 1.0, journal of 2 whole lines" in done.stdout, done
    jsonschema = pytest.importorskip("jsonschema", reason="jsonschema is not installed")
    for line in lines:
        jsonschema.Draft202012Validator(json.loads(gilbench("schema", "gilbench/history").stdout)).validate(line)
    assert len(lines) == 2 and lines[0] == lines[1]
    assert lines[0]["schema"] == "gilbench/history" and lines[0]["run_id"] == load(GOLDEN)["run_id"]
    assert [b["verdict"] for b in lines[0]["benchmarks"]] == ["ok", "regressed", "invalid"]
    assert lines[0]["benchmarks"][1]["stats"]["ratio"] == 1.1 and lines[0]["benchmarks"][2]["stats"] is None
    assert lines[0]["machine"]["cpu_model"] == load(GOLDEN)["facts"]["cpu_model"]


@pytest.mark.parametrize("option", ["--summary", "--junit", "--history"])
def test_what_cannot_be_written_is_an_error(tmp_path, option):
    done = gilbench("gate", results(tmp_path, "ok"), option, tmp_path / "no" / "where")
    assert done.returncode == 1 and f"{tmp_path}/no/where: No such file or directory" in done.stderr
    done = gilbench("gate", results(tmp_path, "ok"), option, "/dev/full")
    assert done.returncode == 1 and "No space left on device" in done.stderr


# ---- Results of ab in the other verbs


def test_compare_sets_results_of_ab_side_by_side(tmp_path):
    old, new = results(tmp_path, "ok", "regressed").rename(tmp_path / "old.json"), results(tmp_path, "regressed", "ok", "ok")
    done = gilbench("compare", old, new, "--allow-unpaired")
    assert done.returncode == 0 and done.stdout.startswith("UNPAIRED")
    rows = done.stdout.splitlines()[2:]
    assert rows[0].split() == ["cpu_queens/m0/workers=1", "1.001", "[0.991,", "1.011]", "ok", "1.100", "[1.090,", "1.110]", "regressed"]
    assert rows[2].split() == ["cpu_queens/m2/workers=1", "only", "in", "NEW"]
    done = gilbench("compare", old, os.path.join(DATA, "run-1.0.json"))
    assert done.returncode == 6 and "results of gilbench/ab are expected" in done.stderr


def slices(benchmark, arm):
    kept = [pair for pair in benchmark["pairs"] if pair["stage"] == 1 and pair["dropped"] is None]
    return [[ns / 1e9 for ns in pair[arm]["slices_ns"]] for pair in kept]


def test_results_of_ab_export_for_pyperf_an_arm_at_a_time(tmp_path):
    pyperf = pytest.importorskip("pyperf", reason="pyperf is not installed")
    for arm in "AB":
        assert gilbench("export", GOLDEN, "--to", "pyperf", "--arm", arm, "-o", tmp_path / f"{arm}.json").returncode == 0
        suite = pyperf.BenchmarkSuite.load(str(tmp_path / f"{arm}.json"))
        for benchmark, source in zip(suite, load(GOLDEN)["benchmarks"], strict=True):
            values = [s / source["ops"] for process in slices(source, arm) for s in process]
            assert benchmark.get_values() == pytest.approx(values) and benchmark.get_nrun() == len(slices(source, arm))
    command = [sys.executable, "-m", "pyperf", "compare_to", tmp_path / "A.json", tmp_path / "B.json"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert gilbench("export", GOLDEN, "--to", "pyperf", "--arm", "C").returncode == 2


def test_results_of_ab_export_as_csv_markdown_hyperfine_and_github(tmp_path):
    path = results(tmp_path, "regressed", "ok", "invalid")
    rows = list(csv.DictReader(gilbench("export", path, "--to", "csv").stdout.splitlines()))
    assert [(row["verdict"], row["ratio"]) for row in rows] == [("regressed", "1.1"), ("ok", "1.001"), ("invalid", "")]
    assert gilbench("export", path, "--to", "md").stdout.startswith("## gilbench ab: invalid\n")
    entries = json.loads(gilbench("export", path, "--to", "github").stdout)
    assert [(entry["value"], entry["range"]) for entry in entries] == [(1.1, "± 0.01"), (1.001, "± 0.01")]
    commands = json.loads(gilbench("export", GOLDEN, "--to", "hyperfine").stdout)["results"]
    source = load(GOLDEN)["benchmarks"][0]
    assert [c["command"] for c in commands[:2]] == [f"{source['id']} (A)", f"{source['id']} (B)"]
    assert commands[1]["times"] == pytest.approx([s for process in slices(source, "B") for s in process])


# ---- Decided again, from the pairs of a journal: the whole way from refs to exit code, without a clock


def journal(folder, candidate=1.0, control=1.0):
    """The golden journal with made-up times: every slice 50 ms within 1 %, times the factor of its arm."""
    rng, lines = random.Random(4), []
    for text in open(os.path.join(DATA, "ab-1.0.jsonl")):
        line = json.loads(text)
        if line["type"] == "pair":
            line["pair"].update(dropped=None, failed=False)
            for name, factor in (("A", 1.0), ("B", candidate), ("A2", control)):
                times = line["pair"][name]["slices_ns"]
                times[:] = [int(50e6 * factor * rng.gauss(1, 0.01)) for _ in times]
        lines.append(json.dumps(line))
    path = folder / "journal.jsonl"
    path.write_text("\n".join(lines) + "\n")
    return path


def replay_options(tmp_path, **factors):
    plan = next(json.loads(line) for line in open(os.path.join(DATA, "ab-1.0.jsonl")))["run"]
    (tmp_path / "golden.ini").write_text(plan["matrix_text"])
    looks = " ".join(map(str, plan["plan"]["looks"]))
    terms = f"matrix = {tmp_path}/golden.ini\ncells = *\nlooks = {looks}\nalpha = 2%\nbuilds = 1\nslices = 2\nslice_ms = 50\nconfirm = no\nir = off\n"
    replay = journal(tmp_path, **factors)
    return ["--policy", policy(tmp_path, terms), "--replay", replay, "--seed", plan["plan"]["seed"], "-o", tmp_path / "out"]


REPLAYS = [
    ("same", {}, 0, "ok"),
    ("slower", {"candidate": 1.1}, 3, "regressed"),
    ("faster", {"candidate": 0.88}, 0, "improved"),
    ("slower by less than the margin", {"candidate": 1.01}, 0, "ok"),
    ("a null control that is off", {"candidate": 1.1, "control": 1.08}, 5, "contaminated"),
]


@pytest.mark.parametrize("factors, code, verdict", [case[1:] for case in REPLAYS], ids=[case[0] for case in REPLAYS])
def test_pairs_become_a_verdict_and_an_exit_code(tmp_path, factors, code, verdict):
    options = replay_options(tmp_path, **factors)
    done = gilbench("gate", BUILD, BUILD, *options, "--strict", "--junit", tmp_path / "j.xml")
    assert done.returncode == code, (done.stdout, done.stderr)
    assert done.stdout.startswith(f"## gilbench gate: {verdict}\n")
    assert load(tmp_path / "out" / "results.json")["summary"]["verdict"] == verdict
    cases = list(xml.parse(tmp_path / "j.xml").getroot())
    assert len(cases) == 2 and bool(cases[0].findall("failure") + cases[0].findall("error")) == (code != 0)
    validate_all(tmp_path / "out")
    again = gilbench("gate", tmp_path / "out")
    assert again.returncode == code and again.stdout.splitlines()[4:9] == done.stdout.splitlines()[4:9]


# ---- Measured

SPIN = "[run]\nreps = 1\n[cpu_queens]\nmodels = fake:spin\nworkers = 1\nops = 20\n"
SMALL = "matrix = {matrix}\ncells = cpu_queens/*\nlooks = 10\nalpha = 2%\nslices = 2\nslice_ms = 50\nconfirm = no\nir = off\nbudget_s = 20\n"


def arm(folder, name, conf):
    """A build folder like ours whose fake adapter does what conf says."""
    build = folder / name / "build" / "release"
    build.mkdir(parents=True)
    for program in ("gilbench", "fake", "reference"):
        shutil.copy(os.path.join(BUILD, program), build / program)
    (build / "fake.conf").write_text(conf)
    return build


def measured_gate(tmp_path, *args, conf="", cells="cpu_queens/*", quiet=True):
    (tmp_path / "spin.ini").write_text(SPIN)
    terms = policy(tmp_path, SMALL.format(matrix=tmp_path / "spin.ini").replace("cpu_queens/*", cells))
    arms = arm(tmp_path, "base", ""), arm(tmp_path, "cand", conf)

    def measure():
        return gilbench("gate", *arms, "--policy", terms, "-o", tmp_path / "out", "--seed", 1, "--strict", *args)

    return undisturbed(measure, tmp_path / "out") if quiet else measure()


def cores_are_wanted():
    """Pressure of the last ten seconds, where the kernel tells it: such slices would be dropped."""
    try:
        with open("/proc/pressure/cpu") as file:
            return float(file.readline().split("avg10=")[1].split()[0]) > 80
    except (OSError, IndexError, ValueError):
        return False


def undisturbed(measure, out, times=2):
    """A machine that is too disturbed for a verdict says nothing of the code: once more then, and at last no test."""
    if cores_are_wanted():
        pytest.skip("this machine is at work: somebody waits for a core for four fifths of the time")
    for _ in range(times):
        shutil.rmtree(out, ignore_errors=True)
        done = measure()
        if done.returncode not in (4, 5):  # --strict is given: inconclusive, contaminated
            return done
    pytest.skip("this machine is too disturbed to measure: " + done.stdout.splitlines()[0])


def validate_all(folder):
    jsonschema = pytest.importorskip("jsonschema", reason="jsonschema is not installed")
    schema = json.loads(gilbench("schema", "gilbench/ab").stdout)
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.Draft202012Validator(schema).validate(load(folder / "results.json"))
    line = jsonschema.Draft202012Validator({"$ref": "#/$defs/journal_line", "$defs": schema["$defs"]})
    for text in (folder / "journal.jsonl").read_text().splitlines():
        line.validate(json.loads(text))
    done = gilbench("validate", folder / "results.json", folder / "journal.jsonl")
    assert done.returncode == 0, done.stderr
    assert schema["title"] == f"gilbench/ab {load(folder / 'results.json')['schema_version']}"


@pytest.mark.long
def test_a_slower_build_is_stopped_and_what_is_written_follows_the_schema(tmp_path):
    done = measured_gate(tmp_path, "--junit", tmp_path / "j.xml", conf="pad=1000")
    assert done.returncode == 3, (done.stdout, done.stderr)
    assert "| **regressed** |" in done.stdout
    assert xml.parse(tmp_path / "j.xml").getroot().get("failures") == "1"
    validate_all(tmp_path / "out")
    again = gilbench("gate", tmp_path / "out")
    assert again.returncode == 3 and again.stdout.splitlines()[6:9] == done.stdout.splitlines()[6:9]


@pytest.mark.long
def test_the_same_build_passes(tmp_path):
    done = measured_gate(tmp_path)
    assert done.returncode == 0, (done.stdout, done.stderr)
    validate_all(tmp_path / "out")


def test_a_build_that_does_other_work_is_no_data(tmp_path):
    done = measured_gate(tmp_path, conf="how=bad_digest", quiet=False)
    assert done.returncode == 6 and "| **invalid** |" in done.stdout
    validate_all(tmp_path / "out")


def test_nothing_under_the_policy_is_77(tmp_path):
    done = measured_gate(tmp_path, cells="io_*", quiet=False)
    assert (done.returncode, done.stdout) == (77, "")


def test_refs_that_there_are_not_are_named(tmp_path):
    done = gilbench("gate", "no-such-ref", BUILD, "--policy", policy(tmp_path, "cells = *\nmatrix = smoke\n"), "-o", tmp_path / "out")
    assert done.returncode == 2 and "no-such-ref" in done.stderr


# ---- Like a pull request: a repository, branches, scripts/gate

PADDED = """
        if (id % 4 == 0) { /* a quarter more work, of the same result */
            unsigned char again[64];
            size_t ignored;
            (void)pool->workload->op(pool->state, (uint64_t)id, again, &ignored);
        }
"""
PR_POLICY = (
    "matrix = {matrix}\ncells = cpu_queens/pthreads/*\nlooks = 10 20\nbuilds = 1\nslices = 2\nslice_ms = 60\nalpha = 2%\nir = off\nconfirm = no\nbudget_s = 40\n"
)


def git(repository, *args):
    identity = ["-c", "user.name=A Tester", "-c", "user.email=tester@example.org"]
    return subprocess.run(["git", "-C", repository, *identity, *args], check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture(scope="module")
def repository(tmp_path_factory):
    """A clone of this project: main, a branch that changes a text, a branch whose C adapter does a quarter more work; then main goes on."""
    if subprocess.run(["git", "-C", HOME, "rev-parse"], capture_output=True).returncode:
        pytest.skip("this tree is no git repository")
    clone = tmp_path_factory.mktemp("pr") / "clone"
    subprocess.run(["git", "clone", "-q", HOME, clone], check=True, capture_output=True)
    git(clone, "checkout", "-q", "-B", "main")
    fork = git(clone, "rev-parse", "HEAD")
    for branch, file in (("neutral", "README.md"), ("slower", "runners/adapters/c_pthreads.c")):
        git(clone, "checkout", "-q", "-b", branch, "main")
        path = clone / file
        text = path.read_text()
        mark = "    enum op_class class = pool->workload->op("
        path.write_text(text.replace(mark, PADDED + mark) if branch == "slower" else text + "\nOne line more.\n")
        assert path.read_text() != text
        git(clone, "commit", "-qam", branch)
    git(clone, "checkout", "-q", "main")
    (clone / "LICENSE").write_text((clone / "LICENSE").read_text() + "\n")
    git(clone, "commit", "-qam", "main goes on")
    return clone, fork


def scripts_gate(clone, *args, driver=GILBENCH, **env):
    env = {**os.environ, **CLEAN, "PYTHON": sys.executable, "GILBENCH": str(driver), "CI": "1", **env}
    return subprocess.run([clone / "scripts" / "gate", *map(str, args)], capture_output=True, text=True, timeout=400, env=env)


def test_scripts_gate_finds_base_and_candidate(repository, tmp_path):
    clone, fork = repository
    told = tmp_path / "told"
    told.write_text('#!/bin/sh\necho "$GILBENCH_HOME" "$@"\n')
    told.chmod(0o755)
    git(clone, "update-ref", "refs/remotes/origin/main", "main")
    for args, env, expected in [
        (["main", "slower", "--strict"], {}, f"gate {fork} slower --strict"),
        ([fork, "neutral"], {}, f"gate {fork} neutral"),
        (["slower"], {}, f"gate {fork} HEAD"),
        ([], {}, "gate origin/main HEAD"),
        (["", "", "--budget", "9"], {}, "gate origin/main HEAD --budget 9"),
        (["--ci", "github"], {"GITHUB_BASE_REF": "main"}, "gate origin/main HEAD --ci github"),
    ]:
        done = scripts_gate(clone, *args, driver=told, **env)
        assert (done.returncode, done.stdout) == (0, f"{clone} {expected}\n"), done.stderr
    done = scripts_gate(clone, "main", "no-such", driver=told)
    assert (done.returncode, done.stdout) == (2, "") and "there is no commit 'no-such' here; fetch it" in done.stderr
    done = scripts_gate(clone, driver=told, GITHUB_BASE_REF="release")
    assert done.returncode == 2 and "there is no commit 'origin/release'" in done.stderr


def judge(repository, tmp_path, branch, options):
    """scripts/gate as a workflow calls it."""
    step = tmp_path / "step.md"
    step.unlink(missing_ok=True)
    options = [*options, "--junit", tmp_path / "j.xml", "--ci", "github"]
    return scripts_gate(repository[0], "main", branch, *options, GITHUB_STEP_SUMMARY=str(step))


def check_judgement(repository, tmp_path, done, branch, code):
    clone, fork = repository
    assert done.returncode == code, (done.stdout, done.stderr)
    assert "left main at" in done.stderr
    summary = (tmp_path / "step.md").read_text()
    assert summary.startswith("## gilbench gate: regressed" if code else "## gilbench gate: ") and f"({fork[:12]})" in summary
    found = load(tmp_path / "out" / "results.json")
    assert found["arms"]["A"]["git"] == fork and found["arms"]["B"]["git"] == git(clone, "rev-parse", branch)
    assert ("::error title=regressed" in done.stdout) == (code == 3)
    failures = int(xml.parse(tmp_path / "j.xml").getroot().get("failures"))
    assert (failures > 0) == (code == 3)
    validate_all(tmp_path / "out")


# Both branches are built; the times of their pairs are made up, so that a machine at work does not matter.
@pytest.mark.parametrize("branch, factor, code", [("slower", 1.25, 3), ("neutral", 1.0, 0)])
def test_a_pull_request_is_judged_from_end_to_end(repository, tmp_path, branch, factor, code):
    done = judge(repository, tmp_path, branch, replay_options(tmp_path, candidate=factor))
    check_judgement(repository, tmp_path, done, branch, code)


@pytest.mark.long
@pytest.mark.parametrize("branch, code", [("slower", 3), ("neutral", 0)])
def test_a_pull_request_is_measured_from_end_to_end(repository, tmp_path, branch, code):
    (tmp_path / "pr.ini").write_text("[run]\nreps = 1\n[cpu_queens]\nmodels = pthreads\nworkers = 1\nops = 8\n")
    options = ["--policy", policy(tmp_path, PR_POLICY.format(matrix=tmp_path / "pr.ini")), "--strict", "-o", tmp_path / "out"]
    done = undisturbed(lambda: judge(repository, tmp_path, branch, options), tmp_path / "out")
    check_judgement(repository, tmp_path, done, branch, code)


def test_the_workflow_calls_what_there_is():
    text = open(os.path.join(HOME, ".github", "workflows", "gate.yml")).read()
    (command,) = [line.split("run: ")[1] for line in text.splitlines() if "run: scripts/gate" in line]
    program, *options = command.split()
    assert os.access(os.path.join(HOME, program), os.X_OK)
    shown = gilbench("gate", "--help").stdout
    assert all(option in shown for option in options if option.startswith("-"))
    yaml = pytest.importorskip("yaml", reason="PyYAML is not installed")
    steps = yaml.safe_load(text)["jobs"]["gate"]["steps"]
    assert any(step.get("run") == command for step in steps)
