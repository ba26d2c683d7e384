"""The soak, short: every kind of work goes on, nothing is left open; and what grows is told."""

import collections
import importlib.machinery
import importlib.util
import pathlib
import re
import subprocess
import sys

from wirechild import TIMEOUT_S

SOAK = pathlib.Path(__file__).resolve().parents[2] / "scripts" / "soak"
ROOM = 8 << 20  # in the first seconds memory still finds its place; the soak of ten minutes asks for less


def module():
    loader = importlib.machinery.SourceFileLoader("soak", str(SOAK))
    found = importlib.util.module_from_spec(importlib.util.spec_from_loader("soak", loader))
    loader.exec_module(found)
    return found


def test_a_short_soak_does_all_kinds_of_work_and_leaves_nothing_open(poller):
    command = [sys.executable, SOAK, "--seconds", "5", "--limit", str(ROOM), "--backend", poller]
    done = subprocess.run(command, capture_output=True, text=True, timeout=3 * TIMEOUT_S)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
    did = {name: int(count) for count, name in re.findall(r"(\d+) ([a-z ]+)(?:,|\n)", done.stdout)}
    assert did["echoes"] > 100 and did["timers"] > 1000 and did["cancellations"] > 100 and did["dropped connections"] > 10
    assert len(re.findall(r" KiB +\d+ fds +0 connections\n", done.stdout)) == 20


def samples(soak, resident=lambda i: 10 << 20, descriptors=lambda i: 8, busy=lambda name: True):
    def rounds(i):
        return collections.Counter({worker.__name__: i if busy(worker.__name__) else 3 for worker in soak.WORKERS})

    return [soak.Sample(float(i), resident(i), descriptors(i), rounds(i)) for i in range(soak.SAMPLES)]


def test_what_grows_or_stands_still_is_told():
    soak = module()
    assert soak.verdict(samples(soak), 1 << 20) == []
    assert soak.verdict(samples(soak, resident=lambda i: i << 20), 1 << 20) == ["memory grew by 15360 KiB after the warm-up; 1024 are allowed"]
    assert soak.verdict(samples(soak, descriptors=lambda i: i), 1 << 20) == ["open files grew from 4 to 19"]
    assert soak.verdict(samples(soak, busy=lambda name: name != "echo"), 1 << 20) == ["echo() stood still"]
