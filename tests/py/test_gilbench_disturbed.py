"""What happens to a machine in mid-run: the clock is set, a core is taken away. It costs the pairs that it hits, and never makes a verdict."""

import json
import os
import shutil
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


def pairs_of(journal):
    return journal.read_text().count('"pair":') if journal.exists() else 0


def preload(folder):
    """The environment in which the clock can be set; {} without a compiler."""
    if not shutil.which("gcc"):
        return {}
    (folder / "clock.c").write_text(CLOCK)
    (folder / "steps").write_bytes(b"")
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", folder / "clock.so", folder / "clock.c"], check=True)
    return {"LD_PRELOAD": str(folder / "clock.so"), "CLOCK_STEPS": str(folder / "steps")}


def start(folder):
    for name in "ab":
        (folder / name).mkdir()
        shutil.copy(os.path.join(BUILD, "fake"), folder / name)
    (folder / "m.ini").write_text(MATRIX)
    words = ["ab", folder / "a", folder / "b", "--matrix", folder / "m.ini", "-o", folder / "out", "--pairs", 9, "--alpha", 0.05]
    words += ["--slices", 2, "--slice-ms", 50, "--seed", 7, "--progress", "none", "--no-confirm", "--no-control", "--ir", "off"]
    env = {**os.environ, "PYTHON": sys.executable, **preload(folder)}
    return subprocess.Popen([os.path.join(BUILD, "gilbench"), *map(str, words)], env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def set_the_clock(run, journal, steps):
    """As often as a slice has passed, for two pairs: one of them will be hit."""
    while run.poll() is None and pairs_of(journal) < 3:
        if pairs_of(journal):
            with open(steps, "ab") as file:
                file.write(b"+")
        time.sleep(0.03)


def adapters(pid):
    """The children that measure: they have a core of their own."""
    with open(f"/proc/{pid}/task/{pid}/children") as file:
        return [child for child in map(int, file.read().split()) if len(os.sched_getaffinity(child)) == 1]


def take_cores_away(run, journal, cores):
    """From a process in each of two pairs."""
    moved, pairs = 0, pairs_of(journal)
    while run.poll() is None and moved < 2:
        try:
            for child in adapters(run.pid) if pairs_of(journal) >= pairs else []:
                os.sched_setaffinity(child, cores - os.sched_getaffinity(child))
                moved, pairs = moved + 1, pairs_of(journal) + 1
        except OSError:  # it ended just now
            pass
        time.sleep(0.01)


@pytest.fixture(scope="module")
def disturbed(tmp_path_factory):
    """The only benchmark of a run of equal code: first the clock is set, then cores are taken away."""
    folder = tmp_path_factory.mktemp("disturbed")
    run, journal, cores = start(folder), folder / "out" / "journal.jsonl", os.sched_getaffinity(0)
    try:
        set_the_clock(run, journal, folder / "steps")
        if len(cores) > 1:
            take_cores_away(run, journal, cores)
        _, err = run.communicate(timeout=200)
    finally:
        run.kill()
        run.wait()
    assert run.returncode in (0, 5), err
    (benchmark,) = json.loads((folder / "out" / "results.json").read_text())["benchmarks"]
    return benchmark


def reasons(benchmark):
    return [pair["dropped"] or "" for pair in benchmark["pairs"]]


def test_no_verdict_is_made_of_what_was_not_the_code_s_doing(disturbed):
    assert disturbed["verdict"] in ("ok", "inconclusive", "contaminated"), disturbed["why"]
    assert len(disturbed["pairs"]) == 9


def test_a_clock_that_is_set_costs_a_pair(disturbed):
    if not shutil.which("gcc"):
        pytest.skip("gcc is not installed here")
    assert "the clock was set in mid-pair" in reasons(disturbed), reasons(disturbed)


def test_a_core_that_is_taken_away_costs_a_pair(disturbed):
    if len(os.sched_getaffinity(0)) < 2:
        pytest.skip("this machine has one core")
    assert any("a core was taken away or changed" in why or ": affinity: " in why for why in reasons(disturbed)), reasons(disturbed)
