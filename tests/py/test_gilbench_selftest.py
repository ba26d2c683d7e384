"""gilbench selftest: what it counts, where it keeps it, and who quotes it. Gate runs are as small as they can be: seven pairs of two short
slices; what they find is this machine's affair, so only the counting is tested."""

import json
import os
import shutil
import subprocess
import sys

import pytest

HOME = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.join(HOME, "build", "release")
GILBENCH = os.path.join(BUILD, "gilbench")
DATA = os.path.join(HOME, "tests", "data")
TINY = "[gate]\nmatrix = gate\ncells = *\nlooks = 7\nalpha = 2%\nslices = 2\nslice_ms = 50\nconfirm = no\nir = off\n"
VERDICTS = ["ok", "improved", "regressed", "inconclusive", "contaminated", "invalid"]


def gilbench(*args, env=None, timeout=300):
    env = {**os.environ, "PYTHON": sys.executable, "CI": "1", "GITHUB_STEP_SUMMARY": "", **(env or {})}
    return subprocess.run([GILBENCH, *map(str, args)], capture_output=True, text=True, timeout=timeout, env=env)


@pytest.fixture
def tiny(tmp_path):
    path = tmp_path / "tiny.ini"
    path.write_text(TINY)
    return path


def selftest(tmp_path, *args, **how):
    """(process, what it found)"""
    done = gilbench("selftest", *args, "-o", tmp_path / "s.json", "--json", "--seed", 5, **how)
    found = json.loads(done.stdout) if done.stdout else None
    if found:
        checked = gilbench("validate", tmp_path / "s.json")
        assert checked.returncode == 0 and "gilbench/selftest 1.0\n" in checked.stdout, checked.stderr
        assert json.loads((tmp_path / "s.json").read_text()) == found
    return done, found


# ---- Parts


@pytest.mark.long
def test_a_gate_run_of_equal_code_is_counted_and_its_pairs_are_exchanged(tmp_path, tiny):
    done, found = selftest(tmp_path, "aa", "--runs", 1, "--policy", tiny, "--keep", tmp_path / "runs")
    assert done.returncode in (0, 5), done.stderr
    assert found["terms"] == "margin 2 %, limit 5 %, error 2 %, looks 7, 2 slices of 50 ms"
    (aa,) = found["aa"]
    run = json.loads((tmp_path / "runs" / "aa-quiet-000" / "results.json").read_text())
    assert aa["condition"] == "quiet" and aa["series"]["runs"] == 1
    assert aa["series"]["verdicts"] == {verdict: int(verdict == run["summary"]["verdict"]) for verdict in VERDICTS}
    assert [b["id"].split("/")[1] for b in run["benchmarks"]] == ["fake:spin", "spin"]
    kept = [b["stats"]["n"] for b in run["benchmarks"] if b["stats"]]
    assert aa["relabelled"]["pairs"] == sum(kept)
    if min(kept, default=0) == 7:
        assert aa["relabelled"]["draws"] == 10000 and aa["relabelled"]["bare_alarms"] < 300


@pytest.mark.long
def test_slower_code_is_counted_by_kind_and_size(tmp_path, tiny):
    done, found = selftest(tmp_path, "power", "--runs", 1, "--policy", tiny, "--burner", timeout=600)
    assert done.returncode in (0, 5), done.stderr
    assert [(p["kind"], p["injected"]) for p in found["power"]] == [(kind, size) for kind in ("C", "Python") for size in (0.03, 0.05, 0.1)]
    for one in found["power"]:
        assert one["condition"] == "burner" and one["series"]["runs"] == 1
        if one["instructions"] is not None:
            assert one["instructions"] == pytest.approx(one["injected"], abs=0.003)


def test_killed_runs_end_as_one_that_nobody_killed(tmp_path, tiny):
    write(tmp_path / "s.json", resume={"kills": 40, "unbegun": 3, "parsed": 40, "same": 40})
    done, found = selftest(tmp_path, "resume", "--runs", 2, "--policy", tiny, "--add")
    assert done.returncode == 0, done.stderr
    assert found["resume"]["kills"] == found["resume"]["parsed"] == found["resume"]["same"] == 42


def test_coverage_and_overhead(tmp_path):
    done, found = selftest(tmp_path, "coverage", "--quiet", "--runs", 500)
    assert done.returncode == 0 and done.stderr == "", done.stderr
    rows = {(row["noise"], row["pairs"]): row for row in found["coverage"]}
    assert len(rows) == 15 and all(0.9 < rows["normal", n]["covered"] / 500 < 0.99 for n in (12, 24, 48))
    assert rows["serial", 48]["flagged"] > 450 > rows["normal", 48]["flagged"]
    assert found["overhead"] is None
    done, found = selftest(tmp_path, "overhead", "--runs", 3)
    assert done.returncode == 0, done.stderr
    cost = found["overhead"]
    assert cost["rounds"] == 3 and 0 < cost["share"] <= cost["share95"] < 1
    assert 0 < cost["stamps_ns"] <= cost["stamps95_ns"] < 10000 and 0 < cost["op_ns"] <= cost["op95_ns"] < 10000
    assert len(found["coverage"]) == 15  # what was known stays
    assert found["aa"] == found["power"] == [] and found["resume"] is None and found["measured"]["aa"] is None


def test_the_null_control_of_earlier_runs_is_exchanged_without_measuring(tmp_path):
    """The golden journal has 24 pairs of two benchmarks, as many as its looks need."""
    journal = os.path.join(DATA, "ab-1.0.jsonl")
    terms = tmp_path / "p.ini"
    terms.write_text(TINY.replace("looks = 7", "looks = 7 8"))
    done, found = selftest(tmp_path, "aa", "--from", journal, "--policy", terms)
    assert done.returncode == 0, done.stderr
    relabelled = found["aa"][0]["relabelled"]
    assert relabelled["draws"] == 10000 and relabelled["pairs"] > 0
    assert relabelled["alarms"] <= relabelled["bare_alarms"] <= 300  # 2 %, and a half of it for chance
    assert found["aa"][0]["series"]["runs"] == 0


# ---- What is known


TERMS = "margin 2 %, limit 5 %, error 1 %, looks 12 24 48, 16 slices of 25 ms"


def write(path, runs=20, alarms=0, caught=19, contaminated=1, terms=TERMS, machine="0" * 16, resume=None):
    """What is known after some runs."""

    def series(**verdicts):
        return {
            "runs": sum(verdicts.values()),
            "verdicts": {v: verdicts.get(v, 0) for v in VERDICTS},
            "ratios": 20,
            "sum_ratio": 20.02,
            "sum_off": 0.04,
            "seconds": 900.0,
        }

    stamp = {"when": "2026-01-02T03:04:05Z", "commit": "abc"}
    power = [
        {"condition": "quiet", "kind": kind, "injected": 0.05, "instructions": 0.0499, "series": series(regressed=n, inconclusive=runs - n)}
        for kind, n in (("C", runs), ("Python", caught))
    ]
    quiet = series(regressed=alarms, contaminated=contaminated, ok=runs - alarms - contaminated)
    known = {
        "schema": "gilbench/selftest",
        "schema_version": "1.0",
        "machine": {"id": machine, "cpu_model": "x", "topology": "y"},
        "terms": terms,
        "measured": {"aa": stamp, "power": stamp, "coverage": None, "overhead": None, "resume": None},
        "aa": [{"condition": "quiet", "series": quiet, "relabelled": {"pairs": 0, "draws": 0, "alarms": 0, "bare_alarms": 0}}],
        "power": power,
        "coverage": [],
        "overhead": None,
        "resume": resume,
    }
    path.write_text(json.dumps(known))


def test_what_is_known_is_shown_with_its_bounds(tmp_path):
    write(tmp_path / "s.json")
    done = gilbench("selftest", "show", "-o", tmp_path / "s.json")
    assert done.returncode == 0, done.stderr
    assert "equal code, quiet: 0 false alarms in 20 runs, at most 13.9 % (19 ok, 1 contaminated), 45 s a run" in done.stdout
    assert "5 % slower in C, quiet: caught in 20 of 20, at least 86.1 % (20 regressed)" in done.stdout
    assert "5 % slower in Python, quiet: caught in 19 of 20, at least 78.4 %" in done.stdout
    assert "found +0.10 % on average, instructions +4.99 %" in done.stdout
    assert "coverage: never measured here" in done.stdout
    shown = gilbench("selftest", "show", "--json", "-o", tmp_path / "s.json")
    assert json.loads(shown.stdout)["power"] == json.loads((tmp_path / "s.json").read_text())["power"]


@pytest.fixture
def home(tmp_path):
    """A home of its own, where a selftest can be kept, and gates can be run from the golden journal."""
    home = tmp_path / "home"
    home.mkdir()
    for part in ("runners", "workloads", "scripts", "plots", "Makefile"):
        os.symlink(os.path.join(HOME, part), home / part)
    shutil.copytree(os.path.join(HOME, "results"), home / "results", ignore=shutil.ignore_patterns("runs", "selftest", "latest"))
    return home


def golden():
    return json.loads(open(os.path.join(DATA, "ab-1.0.jsonl")).readline())["run"]


def plan():
    return golden()["plan"]


def replayed(home, *args):
    (home / "golden.ini").write_text(golden()["matrix_text"])
    looks = ",".join(map(str, plan()["looks"]))
    terms = ["--pairs", looks, "--alpha", "0.02", "--no-confirm", "--ir", "off", "--slices", "2", "--seed", plan()["seed"]]
    where = ["--matrix", home / "golden.ini", "-o", home / "out", "--replay", os.path.join(DATA, "ab-1.0.jsonl")]
    shutil.rmtree(home / "out", ignore_errors=True)
    done = gilbench("ab", BUILD, BUILD, *where, *terms, *args, env={"GILBENCH_HOME": str(home)})
    assert done.returncode in (0, 3, 5), done.stderr
    return done, json.loads((home / "out" / "results.json").read_text())["facts"]["selftest"]


def test_verdicts_quote_the_selftest_of_their_machine_or_say_that_there_is_none(home):
    done, quoted = replayed(home)
    assert quoted == "none of this machine: `gilbench selftest` makes one" and f"selftest: {quoted}\n" in done.stdout
    none = gilbench("selftest", "show", env={"GILBENCH_HOME": str(home)})
    assert none.returncode == 77
    path = next(home / word for word in none.stderr.replace(":", " ").split() if word.endswith(".json"))
    looks = " ".join(map(str, plan()["looks"]))
    write(path, machine=path.stem, terms=f"margin 2 %, limit 5 %, error 2 %, looks {looks}, 2 slices of 25 ms")
    done, quoted = replayed(home)
    assert quoted.startswith("0 false alarms in 20 runs, at most 13.9 %; caught 5 %: 20 of 20 in C (at least 86.1 %), 19 of 20 in Python (at least 78.4 %)")
    assert quoted.endswith("(at least 78.4 %) (2026-01-02)")
    gate = gilbench("gate", home / "out", env={"GILBENCH_HOME": str(home)})
    assert f"Selftest of the machine that measured: {quoted}." in gate.stdout
    write(path, machine=path.stem, terms="margin 9 %")
    assert replayed(home)[1].endswith("; on other terms: margin 9 % (2026-01-02)")


def test_counts_on_other_terms_do_not_add_up(tmp_path, tiny):
    write(tmp_path / "s.json")
    done = gilbench("selftest", "aa", "--add", "--policy", tiny, "-o", tmp_path / "s.json", "--runs", 1)
    assert done.returncode == 6 and "counted on other terms (margin 2 %, limit 5 %, error 1 %," in done.stderr


# ---- Usage


@pytest.mark.parametrize(
    "args, code, message",
    [
        (["everything"], 2, "there is no part 'everything'; there are: aa power coverage overhead resume"),
        (["--runs", "0"], 2, "--runs: a whole number from 1 to 10000 expected, not '0'"),
        (["--runs", "nan"], 2, "--runs:"),
        (["--budget", "-3"], 2, "--budget: seconds, more than 0"),
        (["--seed", "1.5"], 2, "--seed: a whole number"),
        (["show", "aa"], 2, "show measures nothing"),
        (["power", "--from", "x"], 2, "--from is for aa alone"),
        (["aa", "--policy", "/no/such"], 2, "cannot read /no/such"),
        (["aa", "--from", "/no/such"], 2, "cannot read /no/such"),
        (["show", "-o", "/no/such"], 77, "nothing is known of this machine yet"),
        (["coverage", "-o", "/no/such/s.json"], 1, "cannot write /no/such/s.json: No such file or directory"),
        (["--nope"], 2, "see gilbench selftest --help"),
    ],
)
def test_what_makes_no_sense_is_refused(tmp_path, args, code, message):
    where = [] if "-o" in args else ["-o", tmp_path / "s.json"]
    done = gilbench("selftest", *args, *where)
    assert done.returncode == code and message in done.stderr, done
    assert not (tmp_path / "s.json").exists()


def test_what_is_damaged_is_not_taken_for_nothing(tmp_path):
    write(tmp_path / "s.json")
    (tmp_path / "s.json").write_text((tmp_path / "s.json").read_text().replace('"runs": 20', '"runs": NaN'))
    done = gilbench("selftest", "show", "-o", tmp_path / "s.json")
    assert done.returncode == 6 and "NaN and infinities are not JSON" in done.stderr
    done = gilbench("selftest", "coverage", "-o", tmp_path / "s.json")
    assert done.returncode == 6 and "move it away to begin anew" in done.stderr


def test_help_has_an_example():
    done = gilbench("selftest", "--help")
    assert done.returncode == 0 and "example:" in done.stdout
