"""gilbench claims: the register and its matrix agree, and the verb decides a run. Runs are real, then retold with other times."""

import copy
import json
import os
import re
import subprocess
import sys

import pytest

HOME = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
GILBENCH = os.path.join(HOME, "build", "release", "gilbench")
REGISTER = os.path.join(HOME, "runners", "claims.ini")
MATRIX = os.path.join(HOME, "runners", "matrix", "claims.ini")


def gilbench(*args, **kwargs):
    env = {**os.environ, "PYTHON": sys.executable, "CI": "1"}
    return subprocess.run([GILBENCH, *map(str, args)], capture_output=True, text=True, timeout=240, env=env, **kwargs)


def sections(path):
    """(name, label, keys) of each section."""
    found = []
    for line in open(path):
        line = line.split("#")[0].strip()
        if line.startswith("["):
            name, _, label = line.strip("[]").partition(":")
            found.append((name.strip(), label.strip(), {}))
        elif line:
            key, value = line.split("=", 1)
            found[-1][2][key.strip()] = value.strip()
    return found


# ---- The register and its matrix


def cells_of_matrix(wanted):
    """(workload, model, params) of the sections that --only would run."""
    for workload, label, keys in sections(MATRIX):
        if {wanted, "control"} & set(label.split()):
            for model in keys["models"].split():
                yield workload, model, keys


def is_there(word, cells):
    workload, model, params = (word.split("/") + [""])[:3]
    wanted = dict(param.split("=") for param in params.split(",") if param)
    return any(
        name == workload and who == model and all(value in keys.get(key, "").split() for key, value in wanted.items())
        for name, who, keys in cells
    )


def words_of(keys):
    yield from keys["cells"].split()
    base = keys.get("base", "")
    for word in keys["cells"].split() if base else ():
        yield re.sub("@[a-z]+", "", base).replace("*", word.split("/")[0])


def figures_of_claims():
    """(claim, figure, keys), the figures of its controls included."""
    controls = {label: keys for name, label, keys in sections(REGISTER) if name == "control"}
    for name, label, keys in sections(REGISTER):
        if name != "control" and label and "table" not in keys:
            yield name, label, keys
        elif name != "control":
            yield from ((name, control, controls[control]) for control in keys.get("controls", "").split())


def test_the_matrix_has_every_cell_of_every_claim():
    figures = list(figures_of_claims())
    assert len({name for name, _, _ in figures}) > 5
    for name, label, keys in figures:
        cells = list(cells_of_matrix(name))
        missing = [word for word in words_of(keys) if not is_there(word, cells)]
        assert not missing, f"[{name}: {label}]: no section of matrix/claims.ini with this label has {missing}"


def test_the_matrix_names_no_other_claims():
    known = {name for name, _, _ in sections(REGISTER)}
    for workload, label, _ in sections(MATRIX):
        assert workload == "run" or label and set(label.split()) <= known, f"[{workload}: {label}]"


# ---- The verb


@pytest.fixture(scope="module")
def one_block(tmp_path_factory):
    """A process of each cell of C1, measured."""
    folder = tmp_path_factory.mktemp("claims") / "run"
    done = gilbench("claims", "--run", "--only", "C1", "--reps", "1", "--progress", "none", "-o", folder)
    assert done.returncode == 0, done.stderr
    return folder, done


def test_run_measures_what_the_claim_needs_and_nothing_else(one_block):
    folder, done = one_block
    results = json.load(open(folder / "results.json"))
    assert {(cell["workload"], cell["model"]) for cell in results["benchmarks"]} == {
        ("cpu_queens", "pthreads"), ("cpu_queens", "serial"), ("cpu_queens", "threads"), ("cpu_fib", "serial"), ("cpu_fib", "threads")
    }  # fmt: skip
    assert any(cell["id"].endswith(",cores=1") and cell["cores"] == 1 for cell in results["benchmarks"])
    assert results["facts"]["sections"] == "control C1"
    assert "C1  Threads of Python run CPU work in parallel." in done.stdout and "C2 " not in done.stdout
    assert re.search(r"UNDECIDED +The control .* is undecided: .* of 1 processes, and fewer than 5", done.stdout)
    assert "ops/s [95 %]" in done.stderr and "ops/s [95 %]" not in done.stdout


def retold(folder, tmp_path, speed, blocks=10):
    """The run with `blocks` processes a cell, each as fast as `speed` (by model and parameters) says."""
    results = json.load(open(folder / "results.json"))
    for cell in results["benchmarks"]:
        rate = speed(cell["model"], cell["params"]["workers"], cell["id"].endswith("cores=1"))
        cell["reps"] = [copy.deepcopy(cell["reps"][0]) for _ in range(blocks)]
        for number, rep in enumerate(cell["reps"]):
            rep["rep"] = number
            for sample in rep["samples"]:
                sample["ns"] = int(sample["ops"] / rate * 1e9 * (1 + 0.002 * (number % 3)))
                sample["usage"]["cpu_ns"] = sample["ns"] * (2 if rate > 1500 else 1)
    out = tmp_path / "run"
    out.mkdir()
    (out / "results.json").write_text(json.dumps(results))
    return out


def speeds(threads, control=1.98, one_core=0.99):
    def speed(model, workers, confined):
        if model == "pthreads":
            return 1000 * (one_core if confined else control if workers == "2" else 1)
        return 1000 * (threads if model == "threads" else 1)

    return speed


@pytest.mark.parametrize(
    "speed, verdict, words",
    [
        (speeds(1.9), "HOLDS", "Two threads do 1.90x"),
        (speeds(0.97), "REFUTED", "they take turns"),
        (speeds(0.97, control=1.3), "INVALID HOST", 'The control "Two threads of C do twice the work of one." fails'),
        (speeds(0.97, one_core=1.9), "INVALID HOST", 'The control "On one core two threads of C are no faster than one." fails'),
    ],
)
def test_verdicts(one_block, tmp_path, speed, verdict, words):
    run = retold(one_block[0], tmp_path, speed)
    done = gilbench("claims", run, "--only", "C1", "--json", "--strict")
    assert done.returncode == (4 if verdict == "INVALID HOST" else 0), done.stderr
    board = json.loads(done.stdout)
    (claim,) = board["claims"]
    assert claim["verdict"] == verdict and words in claim["sentence"]
    assert (verdict == "HOLDS") == ("Expected was REFUTED" in claim["note"])
    (run / "board.json").write_text(done.stdout)
    assert gilbench("validate", run / "board.json").stdout == f"ok {run}/board.json: gilbench/claims 1.0, 1 verdicts\n"
    jsonschema = pytest.importorskip("jsonschema", reason="jsonschema is not installed")
    schema = json.loads(gilbench("schema", "gilbench/claims").stdout)
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.Draft202012Validator(schema).validate(board)


def test_the_board_opens_the_report(one_block, tmp_path):
    run = retold(one_block[0], tmp_path, speeds(0.97))
    assert gilbench("report", run).returncode == 0
    report = (run / "report.md").read_text()
    assert report.index("## Claims") < report.index("## Summary")
    board = report[report.index("## Claims") : report.index("## Summary")]
    assert re.search(r"\| C1 \| Threads of Python run CPU work in parallel\. \| \*\*REFUTED\*\* 0\.97x", board)
    assert "| C8 |" in board and "**NOT RUN**" in board and "- **C8" not in board
    assert gilbench("claims", run, "--md").stdout.strip() in report


def test_a_run_of_other_things_decides_nothing(tmp_path):
    (tmp_path / "m.ini").write_text("[run]\nreps = 1\n[cpu_queens]\nmodels = fake:good\nworkers = 1\nops = 20\n")
    assert gilbench("run", tmp_path / "m.ini", "-o", tmp_path / "out", "--progress", "none").returncode == 0
    done = gilbench("claims", tmp_path / "out")
    assert done.returncode == 77 and "nothing to decide" in done.stderr
    assert re.search(r"NOT RUN +cpu_queens/threads/workers=2 is not among the results", done.stdout)
    assert "To measure it: gilbench claims --run --only C1" in done.stdout
    assert gilbench("report", tmp_path / "out").returncode == 0
    assert "## Claims" not in (tmp_path / "out" / "report.md").read_text()


LOSES = """[L]
says = nothing is lost
[L: lost]
cells = shr_counter/promise_loop:await/workers=2,lock=0
statistic = lost_updates
at_most = 0
"""


def test_a_cell_that_is_void_for_what_it_lost_decides_what_is_lost(tmp_path):
    (tmp_path / "m.ini").write_text("[run]\nreps = 5\nsamples = 1\nwarmup = 0\n[shr_counter]\nmodels = promise_loop:await\nworkers = 2\nlock = 0\nadds = 50\nops = 4\n")
    (tmp_path / "r.ini").write_text(LOSES)
    assert gilbench("run", tmp_path / "m.ini", "-o", tmp_path / "out", "--progress", "none").returncode == 6
    done = gilbench("claims", tmp_path / "out", "--register", tmp_path / "r.ini", "--strict")
    assert done.returncode == 0 and re.search(r"REFUTED +lost: 100 \[100, 100\]\.", done.stdout), done.stdout


def test_what_is_counted_comes_from_a_table_beside(tmp_path):
    (tmp_path / "runners").mkdir()
    (tmp_path / "results").mkdir()
    register = tmp_path / "runners" / "r.ini"
    (tmp_path / "results" / "t.tsv").write_text("# counted\nstyle\tsteps\tdepth\nnested\t2\t4\nflat\t2\t1\nnested\t5\t10\n")
    register.write_text("[T]\nsays = t\n[T: depth]\ntable = t.tsv\ncells = nested\nstatistic = depth\nx = steps\nat_least = 1.5\n")
    golden = os.path.join(HOME, "tests", "data", "run-1.0.json")
    done = gilbench("claims", golden, "--register", register)
    assert done.returncode == 0 and re.search(r"HOLDS +depth: 2\.", done.stdout), done.stderr
    register.write_text(register.read_text().replace("nested", "flat"))
    done = gilbench("claims", golden, "--register", register)
    assert done.returncode == 2 and "has no two rows 'flat' with steps and depth" in done.stderr


@pytest.mark.parametrize(
    "args, message",
    [
        (("--only", "C99"), "--only: there is no claim 'C99'; there are: C1 C2"),
        (("nowhere",), "no such run: nowhere"),
        (("--md", "--json"), "--md or --json, not both"),
        (("--reps", "3"), "--reps goes with --run"),
        (("--run", "somewhere"), "--run makes results; 'somewhere' is too much"),
        (("a", "b"), "one run only; 'b' is too much"),
        (("--register", "nowhere.ini"), "cannot read nowhere.ini"),
        (("--run", "--only", "C1", "--reps", "none"), "--reps: a whole number of 1 or more expected"),
    ],
)
def test_bad_input_is_named(args, message, tmp_path):
    done = gilbench("claims", *args, cwd=tmp_path)
    assert done.returncode == 2 and message in done.stderr and done.stdout == "", done.stderr


def test_a_board_without_evidence_is_refused(one_block, tmp_path):
    run = retold(one_block[0], tmp_path, speeds(0.97))
    board = json.loads(gilbench("claims", run, "--only", "C1", "--json").stdout)
    figure = board["claims"][0]["figures"][0]
    twice = {**board, "claims": board["claims"] * 2}
    no_figure = copy.deepcopy(board)
    for one in no_figure["claims"][0]["figures"]:
        one["estimate"] = None
    outside = copy.deepcopy(board)
    outside["claims"][0]["figures"][0]["estimate"] = {**figure["estimate"], "lo": figure["estimate"]["hi"] + 1}
    for document, message in [(twice, "two verdicts have the id C1 on 3."), (no_figure, "is said to be REFUTED, without a figure"), (outside, "is not within")]:
        (tmp_path / "board.json").write_text(json.dumps(document))
        done = gilbench("validate", tmp_path / "board.json")
        assert done.returncode == 6 and message in done.stderr, done.stderr
