"""gilbench history: lines of gates become series, and a level that changed is found where it was changed."""

import json
import math
import os
import random
import re
import shutil
import subprocess
import sys

import pytest

HOME = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
GILBENCH = os.path.join(HOME, "build", "release", "gilbench")
GOLDEN = os.path.join(HOME, "tests", "data", "ab-1.0.json")
FIRST = "loop_steps/promise_loop:then/workers=1"


def history(*args):
    env = {**os.environ, "PYTHON": sys.executable}
    return subprocess.run([GILBENCH, "history", *map(str, args)], capture_output=True, text=True, timeout=60, env=env)


def stats(ratio):
    return {"n": 24, "ratio": ratio, "ci95": [ratio * 0.99, ratio * 1.01]} if ratio else None


def line(i, ratio, null=1.0, verdict="ok", cpu="x", base="a" * 40, name=FIRST):
    return {
        "type": "gate",
        "schema": "gilbench/history",
        "schema_version": "1.0",
        "run_id": f"r{i}",
        "created_utc": f"2026-10-{i % 28 + 1:02d}T00:00:00Z",
        "base": {"spec": "v1", "git": base},
        "cand": {"spec": "HEAD", "git": f"{i:04x}" * 10},
        "machine": {"cpu_model": cpu, "topology": "y", "python": "z"},
        "verdict": verdict,
        "null_control": None,
        "benchmarks": [{"id": name, "verdict": verdict, "stats": stats(ratio), "null_control": stats(null)}],
    }


def write(path, lines, end="\n"):
    path.write_text("\n".join(map(json.dumps, lines)) + end)
    return path


def stepped(n=30, at=18, step=1.033, seed=3):
    """Runs on machines that are each a few per cent off, as their null control tells."""
    draw = random.Random(seed)
    for i in range(n):
        off = draw.gauss(1, 0.05)
        yield line(i, off * (step if i >= at else 1) * draw.gauss(1, 0.005), off)


def test_a_step_that_no_gate_would_see_is_found_and_drawn(tmp_path):
    path = write(tmp_path / "h.jsonl", list(stepped()))
    done = history("changepoints", path, "-o", tmp_path / "pictures")
    assert done.returncode == 0, done.stderr
    head, change = done.stdout.splitlines()
    assert head == f"{FIRST}: 30 runs against {'a' * 12}, 1 change of level"
    assert change.split()[:2] == ["2026-10-19", "001200120012"] and "before" in change
    assert float(change.split()[-2]) == pytest.approx(3.3, abs=0.7)
    data = (tmp_path / "pictures" / "history-loop_steps_promise_loop_then_workers_1.dat").read_text()
    assert "# changes\n19 1.0" in data
    for form, start in (("svg", b"<?xml"), ("png", b"\x89PNG")):
        picture = tmp_path / "pictures" / f"history-loop_steps_promise_loop_then_workers_1.{form}"
        assert picture.read_bytes().startswith(start) and picture.stat().st_size > 3000


def test_without_the_null_control_the_machines_would_hide_it(tmp_path):
    lines = list(stepped())
    for one in lines:
        one["benchmarks"][0]["null_control"] = None
    done = history("show", write(tmp_path / "h.jsonl", lines))
    assert ", 0 changes of level" in done.stdout and done.stdout.endswith("  !: without a null control\n")


def test_a_quiet_series_has_no_change(tmp_path):
    for seed in range(5):
        assert ", 0 changes" in history("changepoints", write(tmp_path / "h.jsonl", list(stepped(step=1, seed=seed)))).stdout


def test_a_series_is_shown_run_by_run(tmp_path):
    lines = [line(0, 1.02, 1.02), line(1, 0.99), line(2, 1.5, verdict="contaminated"), line(3, None, verdict="invalid"), line(4, 1.01)]
    done = history("show", write(tmp_path / "h.jsonl", lines))
    rows = [row.split("|") for row in done.stdout.splitlines()[1:]]
    assert [row[0].split()[2] for row in rows] == ["1.0000", "0.9900", "-", "-", "1.0100"]
    assert [row[2].split()[0] for row in rows] == ["ok", "ok", "contaminated:", "invalid:", "ok"]
    assert [row[1].index("*") if "*" in row[1] else None for row in rows] == [10, 0, None, None, 20]


def test_what_is_left_out_is_no_part_of_the_series(tmp_path):
    """Of the last runs all are contaminated and twice as slow: the level does not move."""
    lines = list(stepped(step=1)) + [line(30 + i, 2.0, verdict="contaminated") for i in range(20)]
    assert ", 0 changes" in history("changepoints", write(tmp_path / "h.jsonl", lines)).stdout


def test_only_the_last_fifty_are_searched(tmp_path):
    draw = random.Random(1)
    lines = [line(i, (1 if i < 30 else 2) * math.exp(draw.gauss(0, 0.005))) for i in range(90)]
    assert ", 0 changes" in history("changepoints", write(tmp_path / "h.jsonl", lines)).stdout
    assert ", 1 change of" in history("changepoints", write(tmp_path / "h.jsonl", lines[:70])).stdout


def test_runs_of_several_baselines_and_machines_are_said_to_be(tmp_path):
    lines = [line(0, 1.0), line(1, 1.0, cpu="other", base="b" * 40)]
    done = history("show", write(tmp_path / "h.jsonl", lines))
    assert done.returncode == 0 and "against baselines of their own" in done.stdout and "more than one machine" in done.stderr


@pytest.mark.skipif(not shutil.which("gnuplot"), reason="gnuplot is not installed here")
def test_a_page_is_made_of_a_history(tmp_path):
    path, page = write(tmp_path / "h.jsonl", list(stepped())), tmp_path / "page"
    (tmp_path / "night.md").write_text("The gate says: ok\n")
    done = subprocess.run([os.path.join(HOME, "scripts", "history_page"), path, tmp_path / "night.md", page], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    text = (page / "README.md").read_text()
    assert "The gate says: ok" in text and ", 1 change of level" in text
    pictures = re.findall(r"^!\[.+\]\((.+)\)$", text, re.M)
    assert len(pictures) == 1 and (page / pictures[0]).read_bytes().startswith(b"<?xml")
    assert (page / "history.jsonl").read_bytes() == path.read_bytes()


def test_lines_are_added_from_results(tmp_path):
    path = tmp_path / "new.jsonl"
    for _ in range(2):
        assert history("add", path, GOLDEN).returncode == 0
    lines = [json.loads(text) for text in path.read_text().splitlines()]
    assert len(lines) == 2 and lines[0]["run_id"] == json.load(open(GOLDEN))["run_id"]
    before = path.read_bytes()
    done = history("add", path, tmp_path / "none.json")
    assert done.returncode == 2 and path.read_bytes() == before
    done = history("add", path, os.path.join(HOME, "tests", "data", "run-1.0.json"))
    assert done.returncode == 6 and path.read_bytes() == before


def test_a_line_that_was_cut_off_is_left_out(tmp_path):
    path = write(tmp_path / "h.jsonl", [line(0, 1.0), line(1, 1.0)], end='\n{"type": "ga')
    done = history("show", path)
    assert done.returncode == 0 and "cut off" in done.stderr and "2 runs" in done.stdout


@pytest.mark.parametrize(
    "args, code, message",
    [
        ([], 2, "add, show or changepoints and a FILE expected"),
        (["show"], 2, "add, show or changepoints and a FILE expected"),
        (["drop", "F"], 2, "not 'drop'"),
        (["show", "F", "G"], 2, "one FILE expected, not 'G'"),
        (["show", "/no/such"], 2, "cannot read /no/such"),
        (["show", GOLDEN], 6, "a history is expected"),
        (["show", "F", "-b", "io_*"], 77, "has no benchmark that fits io_*"),
        (["show", "F", "--alpha", "0.0001"], 2, "with 999 shuffles no p is below 0.001"),
        (["show", "F", "--alpha", "x"], 2, "--alpha: a number between 0 and 1"),
        (["add", "F"], 2, "which results?"),
        (["changepoints", "F", "-o", "/dev/null/x"], 1, "cannot make the folder"),
    ],
)
def test_usage_errors_say_what_and_what_to_do(tmp_path, args, code, message):
    path = write(tmp_path / "h.jsonl", [line(i, 1.0 + i / 1000) for i in range(8)])
    done = history(*[path if word == "F" else word for word in args])
    assert done.returncode == code and message in done.stderr, done


def test_a_line_that_breaks_the_schema_is_refused_with_its_place(tmp_path):
    broken = line(1, 1.0)
    broken["benchmarks"][0]["verdict"] = "fine"
    done = history("show", write(tmp_path / "h.jsonl", [line(0, 1.0), broken]))
    assert done.returncode == 6 and "h.jsonl:2: benchmarks[0].verdict" in done.stderr
