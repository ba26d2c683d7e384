"""Where cells run: policies on made-up machines (HWLOC_SYNTHETIC), what was planned and seen on this one, and curves over its cores."""

import os
import subprocess

import pytest
from test_gilbench import HOME, gilbench, results

CORES = sorted(os.sched_getaffinity(0))
# 2 packages with 2 caches each, over 2 cores of 2 siblings
SERVER = "package:2 l3:2 core:2 pu:2"
NUMA = "package:2 numa:2 l3:1 core:3 pu:1"

ORDERS = [
    (SERVER, "compact", "0 2 1 3 4 6 5 7 8 10 9 11 12 14 13 15"),
    (SERVER, "scatter", "0 8 4 12 2 10 6 14 1 9 5 13 3 11 7 15"),
    (SERVER, "core", "0 2 4 6 8 10 12 14"),
    (SERVER, "pu", "0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15"),
    (SERVER, "5,0-2,9", "5 0 1 2 9"),
    (NUMA, "scatter", "0 6 3 9 1 7 4 10 2 8 5 11"),
    (NUMA, "compact", "0 1 2 3 4 5 6 7 8 9 10 11"),
    ("core:4 pu:1", "scatter", "0 1 2 3"),
]


@pytest.mark.parametrize("machine, policy, order", ORDERS)
def test_a_policy_is_an_order_of_pus(machine, policy, order):
    shown = gilbench("topology", "--bind", policy, env={"HWLOC_SYNTHETIC": machine})
    assert shown.returncode == 0, shown.stderr
    assert shown.stdout.strip().splitlines()[-1].endswith(f"cells get them: {order}")


WRONG = [
    ("sideways", "compact, scatter, core, pu or a list as 0,2,4-7 expected, not 'sideways'"),
    ("0,16", "PU 16 is not there, or not for this process"),
    ("0-3,2", "PU 2 is named twice"),
    ("3-1", "expected, not '3-1'"),
    ("1,-2", "expected, not '1,-2'"),
    ("", "expected, not ''"),
]


@pytest.mark.parametrize("policy, message", WRONG)
def test_a_policy_that_makes_no_sense(policy, message):
    done = gilbench("topology", "--bind", policy, env={"HWLOC_SYNTHETIC": SERVER})
    assert done.returncode == 2 and message in done.stderr
    assert gilbench("run", "smoke", "--bind", policy, env={"HWLOC_SYNTHETIC": SERVER}).returncode == 2


def run(folder, *args, workers="1..cores", models="pthreads threads serial"):
    path = folder / "m.ini"
    path.write_text(f"[run]\nreps = 1\nwarmup = 0\n[cpu_queens]\nmodels = {models}\nworkers = {workers}\nops = 40\nn = 7\n")
    return gilbench("run", path, "-o", folder / "out", *args)


def cpus(text):
    """Of the kernel's form."""
    found = set()
    for part in text.split(","):
        first, _, last = part.partition("-")
        found |= set(range(int(first), int(last or first) + 1))
    return found


def test_what_was_planned_and_what_was_seen_is_kept(tmp_path):
    last = CORES[-1]
    done = run(tmp_path, "--bind", str(last), workers="1")
    assert done.returncode == 0, done.stderr
    found = results(tmp_path)
    assert found["facts"]["bind"] == str(last)
    for cell in found["benchmarks"]:
        (rep,) = cell["reps"]
        assert rep["cpus_planned"] == rep["attest"]["affinity"] == rep["cpus_observed"] == str(last)
    assert gilbench("run", "--resume", tmp_path / "out").returncode == 0


def test_one_to_all_cores_is_a_curve_with_its_serial_share(tmp_path):
    done = run(tmp_path)
    assert done.returncode == 0, done.stderr
    cells = [cell for cell in results(tmp_path)["benchmarks"] if cell["model"] == "pthreads"]
    assert [int(cell["params"]["workers"]) for cell in cells] == list(range(1, len(CORES) + 1))
    for cell in cells:
        assert len(cpus(cell["reps"][0]["cpus_planned"])) == int(cell["params"]["workers"])
        assert cpus(cell["reps"][0]["cpus_observed"]) <= cpus(cell["reps"][0]["cpus_planned"])
    assert gilbench("report", tmp_path / "out").returncode == 0
    report = (tmp_path / "out" / "report.md").read_text()
    if len(CORES) > 1:
        one, *_, most = (cell["summary"]["ops_per_s"]["value"] for cell in cells)
        width, speedup = len(CORES), most / one
        (line,) = (line for line in report.splitlines() if line.startswith("| cpu_queens | pthreads | 2:"))
        assert f"{width}: {speedup:.2f}x ({100 * speedup / width:.0f} %)" in line
    if len(CORES) == 2:
        assert f"| {2 / speedup - 1:.3f} [" in line


def test_a_run_without_a_curve_has_no_section_of_scaling(tmp_path):
    assert run(tmp_path, workers="1").returncode == 0
    assert gilbench("report", tmp_path / "out").returncode == 0
    assert "## Scaling" not in (tmp_path / "out" / "report.md").read_text()


def test_the_one_command_of_a_larger_machine(tmp_path):
    """scripts/scaling on a matrix that takes seconds; it keeps results and report, and no journal."""
    matrix = tmp_path / "tiny.ini"
    matrix.write_text("[run]\nreps = 1\nwarmup = 0\n[cpu_queens]\nmodels = pthreads\nworkers = 1..cores\nops = 40\nn = 7\n")
    env = {**os.environ, "MATRIX": str(matrix), "RESULTS": str(tmp_path / "kept"), "CI": "1"}
    done = subprocess.run(["scripts/scaling", "--bind", "core"], cwd=HOME, env=env, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    report = done.stdout.strip().splitlines()[-1].removeprefix("scaling: ")
    folder = os.path.dirname(report)
    assert os.path.basename(folder).endswith("-core")
    assert sorted(os.listdir(folder)) == ["plots", "report.html", "report.md", "results.json"]
