"""gilbench's results as a format: schemas, validate, compare, export, import. Files come from real runs, or are the golden ones in tests/data."""

import copy
import csv
import json
import os
import random
import shutil
import statistics
import subprocess
import sys

import pytest

HOME = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
GILBENCH = os.path.join(HOME, "build", "release", "gilbench")
DATA = os.path.join(HOME, "tests", "data")
GOLDEN = os.path.join(DATA, "run-1.0.json")
FAKE = "[run]\nreps = {reps}\nsamples = 2\nwarmup = 1\n[cpu_queens]\nmodels = {models}\nworkers = 1\nops = 20\n"


def gilbench(*args, env=None, **kwargs):
    env = {**os.environ, "PYTHON": sys.executable, "CI": "1", **(env or {})}
    return subprocess.run([GILBENCH, *map(str, args)], capture_output=True, text=True, timeout=120, env=env, **kwargs)


@pytest.fixture(scope="module")
def real_run(tmp_path_factory):
    """The folder of a run of fake adapters: one good, one whose checksum is wrong."""
    folder = tmp_path_factory.mktemp("run")
    (folder / "m.ini").write_text(FAKE.format(reps=5, models="fake:good fake:bad_digest"))
    assert gilbench("run", folder / "m.ini", "-o", folder / "out").returncode == 6
    return folder / "out"


def load(path):
    with open(path) as file:
        return json.load(file)


def store(path, document):
    path.write_text(json.dumps(document))
    return path


def schema_of(name):
    done = gilbench("schema", name)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


# ---- Schemas and validate


def test_what_a_run_writes_follows_the_schema(real_run):
    jsonschema = pytest.importorskip("jsonschema", reason="jsonschema is not installed")
    schema = schema_of("gilbench/result")
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.Draft202012Validator(schema).validate(load(real_run / "results.json"))
    line = jsonschema.Draft202012Validator({"$ref": "#/$defs/journal_line", "$defs": schema["$defs"]})
    for text in (real_run / "journal.jsonl").read_text().splitlines():
        line.validate(json.loads(text))
    done = gilbench("validate", real_run / "results.json", real_run / "journal.jsonl")
    assert (done.returncode, done.stderr) == (0, "")
    version = load(real_run / "results.json")["schema_version"]
    assert done.stdout.splitlines() == [
        f"ok {real_run}/results.json: gilbench/result {version}, 2 benchmarks",
        f"ok {real_run}/journal.jsonl: gilbench/result {version}, journal of 11 whole lines",
    ]
    assert schema["title"] == f"gilbench/result {version}"


BARE = {"slices_ns": [], "warmup": {"n": 0, "state": "flat"}, "attest": dict.fromkeys(("gil", "runtime", "loop", "affinity", "build"), "")}


def with_unknown_fields(value):
    """A later minor version may add a field to any object but those whose keys are names of the user's."""
    if isinstance(value, list):
        return [with_unknown_fields(item) for item in value]
    if not isinstance(value, dict):
        return value
    maps = ("facts", "params", "counts")
    return {key: inner if key in maps else with_unknown_fields(inner) for key, inner in value.items()} | {"a_later_field": [None]}


def test_results_of_ab_of_a_later_minor_version_load(tmp_path):
    document = with_unknown_fields(load(os.path.join(DATA, "ab-1.0.json")))
    path = store(tmp_path / "ab.json", {**document, "schema_version": "1.9"})
    done = gilbench("validate", path, os.path.join(DATA, "ab-1.0.json"), os.path.join(DATA, "ab-example.json"))
    assert done.returncode == 0 and done.stdout.count("newer than this gilbench") == 1, done.stderr
    tables = [gilbench("export", file, "--to", "csv") for file in (path, os.path.join(DATA, "ab-1.0.json"))]
    assert tables[0].stdout == tables[1].stdout and tables[0].returncode == 0


def test_files_of_earlier_and_later_minor_versions_load(tmp_path):
    newer = os.path.join(DATA, "run-1.9.json")
    done = gilbench("validate", GOLDEN, os.path.join(DATA, "run-1.0.jsonl"), newer)
    assert done.returncode == 0, done.stderr
    assert "newer than this gilbench: fields that it does not know are ignored" in done.stdout.splitlines()[2]
    reports = []
    for number, path in enumerate((GOLDEN, newer)):
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / "results.json").write_bytes(open(path, "rb").read())
        assert gilbench("report", folder).returncode == 0
        reports.append((folder / "report.md").read_text().replace("| a_later_fact | x |\n", ""))
    assert reports[0] == reports[1] and "promise:chain" in reports[0]


def test_a_journal_cut_anywhere_is_a_valid_prefix(tmp_path):
    text = open(os.path.join(DATA, "run-1.0.jsonl"), "rb").read()
    header = text.index(b"\n") + 1
    path = tmp_path / "journal.jsonl"
    for size in [header, *random.Random(5).sample(range(header, len(text)), 20)]:
        path.write_bytes(text[:size])
        done = gilbench("validate", path)
        assert done.returncode == 0, done.stderr
        whole = text[:size].count(b"\n")
        assert f"journal of {whole} whole lines" in done.stdout
        assert ("the last line was cut off: a valid prefix" in done.stdout) == (text[size - 1 : size] != b"\n")


def changed(path, value):
    """The golden run with one value replaced; the path is as the message has it."""
    document = load(GOLDEN)
    where = document
    keys = [int(key) if key.isdigit() else key for key in path.replace("[", ".").replace("]", "").split(".")]
    for key in keys[:-1]:
        where = where[key]
    where[keys[-1]] = value
    return json.dumps(document)


INVALID = [
    ("", "is empty"),
    ("{", "the file was cut off"),
    (open(GOLDEN).read()[:3000], "the file was cut off"),
    (open(GOLDEN).read() + "{}", "end of file expected"),
    (changed("benchmarks[0].summary.p50_ns.value", float("nan")), "NaN and infinities are not JSON"),
    (changed("benchmarks[0].summary.p50_ns.value", float("inf")), "NaN and infinities are not JSON"),
    ("[1, 2]", 'is not a gilbench result: its field "schema" is missing'),
    ('{"schema": "other/thing"}', 'its field "schema" is other/thing'),
    (changed("schema_version", "2.0"), "has schema version 2.0; this gilbench reads 1.x"),
    (changed("schema_version", "one"), "has schema version one"),
    (changed("seed", "7"), 'seed: integer expected, not "7"'),
    (changed("reps", 0), "reps: at least 1 expected, not 0"),
    (changed("benchmarks[1].kind", "gpu"), 'benchmarks[1].kind: one of ["cpu","client","server","wait"] expected, not "gpu"'),
    (changed("benchmarks[0].reps[1].samples[0].ns", 0), "benchmarks[0].reps[1].samples[0].ns: more than 0 expected, not 0"),
    (changed("benchmarks[0].reps[1].samples[0].digest", "12"), "digest: text like ^[0-9a-f]{16}$ expected"),
    (changed("benchmarks[0].reps[1].samples[0]", {}), 'benchmarks[0].reps[1].samples[0]: the field "ns" is missing'),
    (changed("benchmarks[0].summary.p50_ns", 5), "benchmarks[0].summary.p50_ns: object expected, not 5"),
    (changed("benchmarks[0].summary.p50_ns.hi", 1.0), "p50_ns of cpu_queens/serial/workers=1,ops=8: the value"),
    (changed("benchmarks[0].id", load(GOLDEN)["benchmarks"][1]["id"]), "two benchmarks have the id cpu_queens/promise:chain"),
    (changed("benchmarks[0].not_run", "no"), "says that it was not run"),
    ('{"a": 1, "a": 2}', "duplicate object key"),
]


@pytest.mark.parametrize("text, message", INVALID)
def test_an_invalid_file_is_refused_with_its_place(tmp_path, text, message):
    path = tmp_path / "results.json"
    path.write_text(text)
    done = gilbench("validate", path, GOLDEN)
    assert done.returncode == 6 and message in done.stderr and str(path) in done.stderr
    assert done.stdout.count("ok ") == 1, "the other file is looked at all the same"


def test_a_wrong_line_of_a_journal_is_named(tmp_path):
    lines = open(os.path.join(DATA, "run-1.0.jsonl")).read().splitlines()
    path = tmp_path / "journal.jsonl"
    lines[2] = lines[2].replace('"shared_core":false', '"shared_core":0')
    path.write_text("\n".join(lines) + "\n")
    done = gilbench("validate", path)
    assert done.returncode == 6 and f"{path}:3: rep.shared_core: boolean expected, not 0" in done.stderr
    lines[2] = "not json"
    path.write_text("\n".join(lines) + "\n")
    assert f"{path}:3:" in gilbench("validate", path).stderr


def places(value, path=()):
    yield path
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from places(inner, (*path, key))


def mutate(document, rng):
    """One random change somewhere: a value of another type or range, a field gone, a field more."""
    document = copy.deepcopy(document)
    *path, last = rng.choice([place for place in places(document) if place])
    where = document
    for key in path:
        where = where[key]
    how = rng.randrange(4)
    if how == 0:
        del where[last]
    elif how == 1 and isinstance(where, dict):
        where["unknown"] = 1
    else:
        where[last] = rng.choice([None, "", "x", -1, 0, 1, 1.5, 2.0, True, [], {}, [[1, 2]], {"value": 1, "lo": 1, "hi": 1, "n": 1}])
    return document


@pytest.mark.parametrize("name", ["run-1.0.json", "ab-1.0.json"])
def test_the_validator_in_c_agrees_with_jsonschema(tmp_path, name):
    """Both read the schemas in results/. What a schema cannot say is the C side's alone, and left out here."""
    jsonschema = pytest.importorskip("jsonschema", reason="jsonschema is not installed")
    rng, golden = random.Random(11), load(os.path.join(DATA, name))
    validator = jsonschema.Draft202012Validator(schema_of(golden["schema"]))
    golden["benchmarks"] = golden["benchmarks"][:2]
    for cell in golden["benchmarks"]:
        if "reps" in cell:
            cell["reps"] = cell["reps"][:1]
        else:  # one whole pair; the others are there so that the number of pairs is right
            kept = [pair for pair in cell["pairs"] if pair["dropped"] is None]
            cell["pairs"] = [kept[0], *({**pair, "A": BARE, "B": BARE} for pair in kept[1:])]
            for pair in cell["pairs"][1:]:
                del pair["A2"]
    documents = [mutate(golden, rng) for _ in range(600)]
    paths = [store(tmp_path / f"{number}.json", document) for number, document in enumerate(documents)]
    done = gilbench("validate", *paths)
    said = {}
    for line in done.stdout.splitlines():
        said[line.split(":")[0].removeprefix("ok ")] = True
    rules = ("is not within", "two benchmarks", "was not run", "pairs, but", "is said to have")
    for line in done.stderr.splitlines():
        path = line.removeprefix("gilbench: ").split(".json")[0] + ".json"
        said[path] = any(rule in line for rule in rules)
    outcomes = {True: 0, False: 0}
    for path, document in zip(paths, documents):
        valid = validator.is_valid(document)
        assert said[str(path)] == valid, (path, [e.message for e in validator.iter_errors(document)], done.stderr)
        outcomes[valid] += 1
    assert min(outcomes.values()) > 100, outcomes


# ---- Compare


def synthetic(seed, slower=1.0, reps=6, spread=0.01, **facts):
    """The golden run with made-up times: its first two cells, each process 5 ms with the given spread, times the factor."""
    rng, document = random.Random(seed), load(GOLDEN)
    document["run_id"] = f"synthetic-{seed}"
    document["facts"].update(facts)
    document["benchmarks"] = document["benchmarks"][:2]
    for cell in document["benchmarks"]:
        cell["reps"] = [{**copy.deepcopy(cell["reps"][0]), "rep": number} for number in range(reps)]
        for rep in cell["reps"]:
            factor = rng.gauss(1, spread) * slower
            for sample in rep["samples"]:
                sample["ns"] = int(5e6 * factor)
        for estimate in cell["summary"].values():
            if estimate:
                estimate["n"] = reps
    return document


def compare(tmp_path, old, new, *args):
    return gilbench("compare", store(tmp_path / "old.json", old), store(tmp_path / "new.json", new), *args)


def verdicts(done):
    rows = [line for line in done.stdout.splitlines() if line.startswith("cpu_queens/")]
    return [row.split("]")[1].strip() if "]" in row else row.split(maxsplit=1)[1] for row in rows]


def test_an_unpaired_comparison_is_marked_and_is_no_verdict(tmp_path):
    done = compare(tmp_path, synthetic(1), synthetic(2, slower=1.5))
    assert done.returncode == 0 and done.stdout.startswith("UNPAIRED: synthetic-1")
    assert verdicts(done) == ["slower", "slower"] and "regressed" not in done.stdout
    assert verdicts(compare(tmp_path, synthetic(2, slower=1.5), synthetic(1))) == ["faster", "faster"]
    assert verdicts(compare(tmp_path, synthetic(1), synthetic(3))) == ["no difference seen"] * 2


def test_allow_unpaired_decides_beyond_the_margin(tmp_path):
    slow = synthetic(2, slower=1.5)
    done = compare(tmp_path, synthetic(1), slow, "--allow-unpaired")
    assert done.returncode == 3 and verdicts(done) == ["regressed", "regressed"]
    done = compare(tmp_path, slow, synthetic(1), "--allow-unpaired")
    assert done.returncode == 0 and verdicts(done) == ["improved", "improved"]
    done = compare(tmp_path, synthetic(1), slow, "--allow-unpaired", "--margin", "80%")
    assert done.returncode == 0 and verdicts(done) == ["slower", "slower"]
    assert compare(tmp_path, synthetic(1), synthetic(3), "--allow-unpaired").returncode == 0


def test_too_few_processes_or_no_spread_decide_nothing(tmp_path):
    for reps, spread, reason in ((3, 0.01, "inconclusive: too few processes"), (1, 0.01, "one process says nothing"), (6, 0, "no spread at all")):
        done = compare(tmp_path, synthetic(1, reps=reps, spread=spread), synthetic(2, slower=1.5, reps=reps, spread=spread), "--allow-unpaired")
        assert done.returncode == 0 and all(reason in verdict for verdict in verdicts(done)), done.stdout


@pytest.mark.parametrize("fact, what", [("cpu_model", "machine"), ("topology", "machine"), ("python", "interpreter")])
def test_another_machine_or_interpreter_is_refused_unless_asked_for(tmp_path, fact, what):
    old, new = synthetic(1), synthetic(2, **{fact: "another"})
    done = compare(tmp_path, old, new)
    assert done.returncode == 6 and f"another {what}: {fact} is '{old['facts'][fact]}' in OLD and 'another' in NEW" in done.stderr
    assert verdicts(done) == []
    done = compare(tmp_path, old, new, "--across", what)
    assert done.returncode == 0 and "warning: another" in done.stderr and verdicts(done) == ["no difference seen"] * 2


def test_lesser_differences_are_warned_of(tmp_path):
    done = compare(tmp_path, synthetic(1), synthetic(2, cflags="-O0"))
    assert done.returncode == 0 and "warning: another setting: cflags is '-O2 -g' in OLD and '-O0' in NEW" in done.stderr
    assert "warning: both files are of the same run" in compare(tmp_path, synthetic(1), synthetic(1)).stderr


def test_cells_that_cannot_be_compared_are_listed(tmp_path):
    old, new = synthetic(1), synthetic(2)
    for rep in new["benchmarks"][0]["reps"]:
        rep["samples"][0]["digest"] = "0" * 16
    new["benchmarks"][1]["id"] = "cpu_queens/else"
    done = compare(tmp_path, old, new)
    assert done.returncode == 6 and "no cell in common" in done.stderr
    assert "the checksums differ, so it is other work" in done.stdout
    assert "only in OLD" in done.stdout and "only in NEW" in done.stdout


# ---- Export


def export(tmp_path, path, form):
    out = tmp_path / f"out.{form}"
    done = gilbench("export", path, "--to", form, "-o", out)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert gilbench("export", path, "--to", form).stdout.encode() == out.read_bytes().replace(b"\r\n", b"\n")
    return out


def counted(cell):
    return [[sample for sample in rep["samples"] if not sample["warmup"]] for rep in cell["reps"]]


def golden_cells():
    return [cell for cell in load(GOLDEN)["benchmarks"] if not cell["void"] and not cell["not_run"]]


def test_pyperf_loads_what_is_exported_for_it(tmp_path):
    pyperf = pytest.importorskip("pyperf", reason="pyperf is not installed")
    suite = pyperf.BenchmarkSuite.load(str(export(tmp_path, GOLDEN, "pyperf")))
    assert suite.get_benchmark_names() == [cell["id"] for cell in golden_cells()]
    for benchmark, cell in zip(suite, golden_cells()):
        expected = [sample["ns"] / 1e9 / sample["ops"] for rep in counted(cell) for sample in rep]
        assert benchmark.get_values() == pytest.approx(expected, rel=1e-12)
        assert benchmark.get_nrun() == len(cell["reps"]) and benchmark.get_unit() == "second"
        assert benchmark.get_total_loops() == cell["reps"][0]["samples"][0]["ops"]
        metadata = benchmark.get_metadata()
        assert metadata["cpu_model_name"] == load(GOLDEN)["facts"]["cpu_model"] and metadata["python_version"].startswith("3.")
    for command in ("show", "stats", "check", "dump"):
        done = subprocess.run([sys.executable, "-m", "pyperf", command, tmp_path / "out.pyperf"], capture_output=True, text=True)
        assert done.returncode == 0 and golden_cells()[0]["id"] in done.stdout + done.stderr, (command, done)


def test_csv_is_read_by_a_csv_reader(tmp_path):
    with open(export(tmp_path, GOLDEN, "csv"), newline="") as file:
        rows = list(csv.DictReader(file))
    cells = load(GOLDEN)["benchmarks"]
    assert [row["id"] for row in rows] == [cell["id"] for cell in cells]
    for row, cell in zip(rows, cells):
        assert row["status"] == ("void" if cell["void"] else "ok") and row["reason"] == cell["void"]
        for name, estimate in cell["summary"].items():
            if name in ("p50_ns", "p90_ns", "p99_ns", "p999_ns", "max_ns"):  # schema 1.0 did not say which latency that is
                name = "uncorrected_" + name
            for key, suffix in (("value", ""), ("lo", "_lo"), ("hi", "_hi")):
                text = row[name + suffix]
                assert text == "" if estimate is None else float(text) == pytest.approx(estimate[key], rel=1e-8)


def test_markdown_is_a_table_a_workload(tmp_path):
    text = export(tmp_path, GOLDEN, "md").read_text()
    assert [line for line in text.splitlines() if line.startswith("### ")] == ["### cpu_queens", "### io_employee"]
    tables = [line for line in text.splitlines() if line.startswith("|")]
    assert len({line.count("|") for line in tables if "VOID" not in line}) == 1
    assert "| promise:chain |" in text and "VOID: checksum" in text


# Its fields are those of hyperfine 1.15's own export, its units too.
HYPERFINE = {"command", "mean", "stddev", "median", "user", "system", "min", "max", "times", "exit_codes", "parameters"}


def test_hyperfine_form(tmp_path):
    document = load(export(tmp_path, GOLDEN, "hyperfine"))
    assert set(document) == {"results"}
    for result, cell in zip(document["results"], golden_cells(), strict=True):
        assert set(result) == HYPERFINE and result["command"] == cell["id"]
        times = [sample["ns"] / 1e9 for rep in counted(cell) for sample in rep]
        assert result["times"] == pytest.approx(times) and result["exit_codes"] == [0] * len(times)
        figures = {"mean": statistics.mean, "stddev": statistics.stdev, "median": statistics.median, "min": min, "max": max}
        for name, function in figures.items():
            assert result[name] == pytest.approx(function(times)), name
        user = [sample["usage"]["cpu_user_ns"] / 1e9 for rep in counted(cell) for sample in rep]
        assert result["user"] == pytest.approx(statistics.mean(user))
        assert result["parameters"] == cell["params"]


@pytest.mark.skipif(not shutil.which("hyperfine"), reason="hyperfine is not installed")
def test_hyperfine_itself_writes_the_same_fields(tmp_path):
    command = ["hyperfine", "-N", "-r", "2", "-P", "x", "1", "1", "true", "--export-json", tmp_path / "h.json"]
    assert subprocess.run(command, capture_output=True).returncode == 0
    (result,) = load(tmp_path / "h.json")["results"]
    assert HYPERFINE - {"parameters"} <= set(result)


def test_github_action_form(tmp_path):
    entries = load(export(tmp_path, GOLDEN, "github"))
    for entry, cell in zip(entries, golden_cells(), strict=True):
        assert set(entry) == {"name", "unit", "value", "range", "extra"}
        assert entry["name"] == cell["id"] and entry["unit"] == "ns/op"
        assert entry["value"] == pytest.approx(1e9 / cell["summary"]["ops_per_s"]["value"])
        assert entry["range"].startswith("± ") and "median over 3 processes" in entry["extra"]


def test_a_run_without_a_number_exports_nothing(tmp_path, real_run):
    document = load(real_run / "results.json")
    document["benchmarks"] = [cell for cell in document["benchmarks"] if cell["void"]]
    path = store(tmp_path / "void.json", document)
    for form in ("pyperf", "hyperfine", "github"):
        done = gilbench("export", path, "--to", form)
        assert (done.returncode, done.stdout) == (77, "") and "no cell has a number" in done.stderr
    assert "void" in gilbench("export", path, "--to", "csv").stdout


def test_export_to_where_nothing_can_be_written(tmp_path):
    done = gilbench("export", GOLDEN, "--to", "csv", "-o", tmp_path / "no" / "where")
    assert done.returncode == 1 and "cannot write" in done.stderr
    done = gilbench("export", GOLDEN, "--to", "csv", "-o", "/dev/full")
    assert done.returncode == 1 and "No space left on device" in done.stderr


# ---- Import


def pyperf_suite(tmp_path, **metadata):
    """As pyperf itself writes it: a calibration, then five processes of four values each."""
    pyperf = pytest.importorskip("pyperf", reason="pyperf is not installed")
    rng = random.Random(3)
    common = {"loops": 8192, "unit": "second", "cpu_model_name": "Some CPU", "python_implementation": "cpython", **metadata}
    common["python_version"] = "3.11.7 (64-bit)"
    benchmarks = []
    for name, size in (("sum of many", 1e-6), ("a/slow", 0.25)):
        runs = [pyperf.Run([], warmups=[(1, size), (2, size)], metadata={"name": name, "calibrate_loops": 8192, **common}, collect_metadata=False)]
        for _ in range(5):
            values = [size * rng.gauss(1, 0.05) for _ in range(4)]
            runs.append(pyperf.Run(values, warmups=[(8192, size)], metadata={"name": name, **common}, collect_metadata=False))
        benchmarks.append(pyperf.Benchmark(runs))
    path = tmp_path / "pyperf.json"
    pyperf.BenchmarkSuite(benchmarks).dump(str(path))
    return path, benchmarks


def test_pyperf_goes_in_and_out_again_with_the_same_values(tmp_path):
    pyperf = pytest.importorskip("pyperf", reason="pyperf is not installed")
    path, benchmarks = pyperf_suite(tmp_path, inner_loops=10)
    done = gilbench("import", path, "--from", "pyperf", "-o", tmp_path / "results.json")
    assert (done.returncode, done.stderr) == (0, "")
    assert gilbench("validate", tmp_path / "results.json").returncode == 0
    document = load(tmp_path / "results.json")
    assert document["facts"]["python"] == "cpython-3.11.7" and document["facts"]["cpu_model"] == "Some CPU"
    for cell, benchmark in zip(document["benchmarks"], benchmarks, strict=True):
        assert len(cell["reps"]) == 5 and cell["summary"]["cpu_ns_per_op"] is None and cell["summary"]["uncorrected_p99_ns"] is None
        values = [sample["ns"] / 1e9 / sample["ops"] for rep in counted(cell) for sample in rep]
        assert values == pytest.approx(list(benchmark.get_values()), rel=1e-5)
    again = pyperf.BenchmarkSuite.load(str(export(tmp_path, tmp_path / "results.json", "pyperf")))
    for before, after in zip(benchmarks, again):
        assert after.get_values() == pytest.approx(before.get_values(), rel=1e-5)
        assert after.get_name() == before.get_name() + "/pyperf"
    done = gilbench("compare", tmp_path / "results.json", tmp_path / "results.json")
    assert done.returncode == 0 and done.stdout.count("no difference seen") == 2


NOT_PYPERF = [
    ("{", 6, ":1:1"),
    ('{"version": "1.0", "benchmarks": []}', 6, 'it has 0 benchmarks'),
    ('{"version": "2.0", "benchmarks": [{}]}', 6, '"version" is 2.0'),
    ('{"benchmarks": [{}]}', 6, '"version" is missing'),
    ('{"version": "1.0", "benchmarks": [{"runs": []}]}', 6, 'a benchmark without metadata "name"'),
    ('{"version": "1.0", "metadata": {"name": "x", "unit": "byte"}, "benchmarks": [{"runs": []}]}', 6, "x is in units of 'byte'"),
    ('{"version": "1.0", "metadata": {"name": "x"}, "benchmarks": [{"runs": [{"warmups": [[1, 2]]}]}]}', 6, "x has no run with values"),
    ('{"version": "1.0", "metadata": {"name": "x"}, "benchmarks": [{"runs": [{"values": ["a"]}]}]}', 6, "no number of seconds above 0"),
    ('{"version": "1.0", "metadata": {"name": "x"}, "benchmarks": [{"runs": [{"values": [0.0]}]}]}', 6, "no number of seconds above 0"),
    ('{"version": "1.0", "metadata": {"name": "x"}, "benchmarks": [{"runs": [{"values": [-1]}]}]}', 6, "no number of seconds above 0"),
    ('{"version": "1.0", "metadata": {"name": "x"}, "benchmarks": [{"runs": [{"values": [NaN]}]}]}', 6, "NaN"),
    ('{"version": "1.0", "metadata": {"name": "x"}, "benchmarks": [{"runs": [{"values": [1e300]}]}]}', 6, "is too large"),
    ('{"version": "1.0", "metadata": {"name": "x", "loops": 1e300}, "benchmarks": [{"runs": [{"values": [1]}]}]}', 6, "is too large"),
]


@pytest.mark.parametrize("text, code, message", NOT_PYPERF)
def test_what_is_no_pyperf_suite_is_refused(tmp_path, text, code, message):
    path = tmp_path / "p.json"
    path.write_text(text)
    done = gilbench("import", path, "--from", "pyperf", "-o", tmp_path / "out.json")
    assert done.returncode == code and message in done.stderr
    assert not (tmp_path / "out.json").exists()


# ---- All verbs


def test_schemas_are_listed_and_every_verb_has_help():
    listed = gilbench("schema")
    assert listed.returncode == 0 and "results/schema.json" in listed.stdout
    for line in listed.stdout.splitlines():
        assert json.loads(gilbench("schema", line.split()[0]).stdout)["title"].startswith(line.split()[0])
    for verb in VERBS:
        shown = gilbench(verb, "--help")
        assert shown.returncode == 0 and "example:" in shown.stdout and "exit: 0" in shown.stdout or verb == "schema"


VERBS = ["validate", "schema", "compare", "export", "import"]

USAGE = [
    (["export"], 2, "one file expected, 0 are given"),
    (["export", GOLDEN], 2, "--to which format?"),
    (["export", GOLDEN, "--to", "xls"], 2, "--to: md, csv, pyperf, hyperfine or github expected, not 'xls'"),
    (["export", "/no/such", "--to", "csv"], 2, "no such run: /no/such"),
    (["export", os.path.join(DATA, "run-1.0.jsonl"), "--to", "csv"], 6, "is a journal of gilbench/result"),
    (["import", GOLDEN], 2, "--from which format?"),
    (["import", GOLDEN, "--from", "hyperfine"], 2, "--from: pyperf expected, not 'hyperfine'"),
    (["import", GOLDEN, "--from", "pyperf"], 2, "-o OUT: which file should be written?"),
    (["import", "/no/such", "--from", "pyperf", "-o", "/tmp/x"], 2, "/no/such: No such file"),
    (["validate"], 2, "which files?"),
    (["validate", "/no/such.json"], 2, "cannot read /no/such.json: No such file or directory"),
    (["schema", "nope"], 2, "there is no schema 'nope'"),
    (["schema", "a", "b"], 2, "one schema at a time"),
    (["compare"], 2, "two files or more expected; example: gilbench compare"),
    (["compare", GOLDEN], 2, "two files or more expected"),
    (["compare", GOLDEN, "/no/such"], 2, "no such run: /no/such"),
    (["compare", "--margin", "much", GOLDEN, GOLDEN], 2, "--margin: 2% or 0.02 expected, not 'much'"),
    (["compare", "--margin", "-1%", GOLDEN, GOLDEN], 2, "--margin: 2% or 0.02 expected"),
    (["compare", "--across", "time", GOLDEN, GOLDEN], 2, "--across: machine or interpreter expected, not 'time'"),
    (["compare", os.path.join(DATA, "run-1.0.jsonl"), GOLDEN], 6, "is a journal of gilbench/result"),
]


@pytest.mark.parametrize("args, code, message", USAGE)
def test_usage_errors_say_what_and_what_to_do(args, code, message):
    done = gilbench(*args)
    assert (done.returncode, done.stdout) == (code, "")
    assert message in done.stderr
