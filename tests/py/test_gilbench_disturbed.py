"""What happens to a machine in mid-run: the clock is set, a core is taken away. It costs the pairs that it hits, and never makes a verdict."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time

import pytest

HOME = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.join(HOME, "build", "release")
MATRIX = "[run]\ntimeout_s = 20\n[cpu_queens]\nmodels = fake:spin\nworkers = 1\nops = 20\nn = 4\n"
# Each byte of $CLOCK_STEPS sets the clock on by an hour, as somebody does who is root.
CLOCK = r"""
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
int clock_gettime(clockid_t id, struct timespec *t) {
    struct stat steps;
    int rc = (int)syscall(SYS_clock_gettime, id, t);
    if (id == CLOCK_REALTIME && stat(getenv("CLOCK_STEPS"), &steps) == 0)
        t->tv_sec += 3600 * steps.st_size;
    return rc;
}
"""


@pytest.fixture
def ab(tmp_path):
    """Starts a run of ten pairs of equal code; gives the process and its journal."""
    for name in "ab":
        (tmp_path / name).mkdir()
        shutil.copy(os.path.join(BUILD, "fake"), tmp_path / name)
    (tmp_path / "m.ini").write_text(MATRIX)
    started = []

    def start(**env):
        words = ["ab", tmp_path / "a", tmp_path / "b", "--matrix", tmp_path / "m.ini", "-o", tmp_path / "out", "--pairs", 8, "--alpha", 0.05]
        words += ["--slices", 2, "--slice-ms", 50, "--seed", 7, "--progress", "none", "--no-confirm", "--no-control", "--ir", "off"]
        env = {**os.environ, "PYTHON": sys.executable, **env}
        run = subprocess.Popen([os.path.join(BUILD, "gilbench"), *map(str, words)], env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        started.append(run)
        return run, tmp_path / "out" / "journal.jsonl"

    yield start
    for run in started:
        if run.poll() is None:
            run.send_signal(signal.SIGKILL)
        run.communicate()


def pairs_of(journal):
    return journal.read_text().count('"pair":') if journal.exists() else 0


def ended(run, journal):
    """The only benchmark, of a run that made no verdict of what was not the code's doing."""
    _, err = run.communicate(timeout=200)
    assert run.returncode in (0, 5), err
    (benchmark,) = json.loads((journal.parent / "results.json").read_text())["benchmarks"]
    assert benchmark["verdict"] in ("ok", "inconclusive", "contaminated"), benchmark["why"]
    return benchmark


def test_a_clock_that_is_set_costs_a_pair(ab, tmp_path):
    if not shutil.which("gcc"):
        pytest.skip("gcc is not installed here")
    (tmp_path / "clock.c").write_text(CLOCK)
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", tmp_path / "clock.so", tmp_path / "clock.c"], check=True)
    steps = tmp_path / "steps"
    steps.write_bytes(b"")
    run, journal = ab(LD_PRELOAD=str(tmp_path / "clock.so"), CLOCK_STEPS=str(steps))
    while run.poll() is None and pairs_of(journal) < 1:
        time.sleep(0.01)
    while run.poll() is None and pairs_of(journal) < 3:  # a slice has about this length: one of them will be hit
        with open(steps, "ab") as file:
            file.write(b"+")
        time.sleep(0.03)
    dropped = [pair["dropped"] for pair in ended(run, journal)["pairs"]]
    assert "the clock was set in mid-pair" in dropped, dropped


def adapters(pid):
    """The children that measure: they have a core of their own."""
    with open(f"/proc/{pid}/task/{pid}/children") as file:
        return [child for child in map(int, file.read().split()) if len(os.sched_getaffinity(child)) == 1]


def test_a_core_that_is_taken_away_costs_a_pair(ab):
    cores = os.sched_getaffinity(0)
    if len(cores) < 2:
        pytest.skip("this machine has one core")
    run, journal = ab()
    moved, pairs = 0, 1
    while run.poll() is None and moved < 2:  # each in a pair of its own
        try:
            for child in adapters(run.pid) if pairs_of(journal) >= pairs else []:
                os.sched_setaffinity(child, cores - os.sched_getaffinity(child))
                moved, pairs = moved + 1, pairs_of(journal) + 1
        except OSError:  # it ended just now
            pass
        time.sleep(0.01)
    dropped = [pair["dropped"] or "" for pair in ended(run, journal)["pairs"]]
    assert moved and any("a core was taken away or changed" in why or ": affinity: " in why for why in dropped), dropped
