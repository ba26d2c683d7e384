"""What the scripts that make pages of a run share: measuring a matrix, its cells, and the words that say where it was measured."""

import collections
import csv
import io
import json
import pathlib
import re
import subprocess
import sys

HOME = pathlib.Path(__file__).resolve().parents[1]
GILBENCH = HOME / "build" / "release" / "gilbench"


def measure(matrix, folder, *options):
    done = subprocess.run([GILBENCH, "run", matrix, "-o", folder, *options])
    if done.returncode not in (0, 1, 6):  # what could be measured is shown
        sys.exit(done.returncode)


def cells(run):
    text = subprocess.run([GILBENCH, "export", run, "--to", "csv"], check=True, capture_output=True, text=True).stdout
    return list(csv.DictReader(io.StringIO(text)))


def matches(cell, pattern):
    """Whether a cell is meant: `*` stands for anything, and the rest of the id is free at a boundary."""
    return re.match(".*?".join(map(re.escape, pattern.split("*"))) + r"(?![\w-])" * (not pattern.endswith("/")), cell["id"])


def where(run):
    """Machine, interpreters and commit of a run."""
    result = json.loads((pathlib.Path(run) / "results.json").read_text())
    facts = collections.defaultdict(str, result["facts"])
    pythons = {rep["attest"]["runtime"] for cell in result["benchmarks"] for rep in cell["reps"] if rep["attest"]["runtime"].startswith("cpython")}
    return f"{facts['cpu_model']}, {facts['topology']} | {', '.join(sorted(pythons))} | commit {facts['commit']}"
