"""gilbench's results as a format: schemas, validate, compare, export, import. Files come from real runs, or are the golden ones in tests/data."""

import copy
import json
import os
import random
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
    (changed("benchmarks[1].kind", "gpu"), 'benchmarks[1].kind: one of ["cpu","client","server"] expected, not "gpu"'),
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


def test_the_validator_in_c_agrees_with_jsonschema(tmp_path):
    """Both read results/schema.json. What a schema cannot say is the C side's alone, and left out here."""
    jsonschema = pytest.importorskip("jsonschema", reason="jsonschema is not installed")
    validator = jsonschema.Draft202012Validator(schema_of("gilbench/result"))
    rng, golden = random.Random(11), load(GOLDEN)
    golden["benchmarks"] = [{**cell, "reps": cell["reps"][:1]} for cell in golden["benchmarks"][1:3]]
    documents = [mutate(golden, rng) for _ in range(600)]
    paths = [store(tmp_path / f"{number}.json", document) for number, document in enumerate(documents)]
    done = gilbench("validate", *paths)
    said = {}
    for line in done.stdout.splitlines():
        said[line.split(":")[0].removeprefix("ok ")] = True
    rules = ("is not within", "two benchmarks", "was not run")
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


# ---- All verbs


def test_schemas_are_listed_and_every_verb_has_help():
    listed = gilbench("schema")
    assert listed.returncode == 0 and "results/schema.json" in listed.stdout
    for line in listed.stdout.splitlines():
        assert json.loads(gilbench("schema", line.split()[0]).stdout)["title"].startswith(line.split()[0])
    for verb in VERBS:
        shown = gilbench(verb, "--help")
        assert shown.returncode == 0 and "example:" in shown.stdout and "exit: 0" in shown.stdout or verb == "schema"


VERBS = ["validate", "schema", "compare"]

USAGE = [
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
