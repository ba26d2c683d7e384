"""gilbench doctor: what it finds is so, and what it measures are numbers. Nothing here depends on how quiet the machine is."""

import json
import math
import os
import resource
import shutil
import subprocess

import pytest
from test_gilbench import GILBENCH, gilbench

NAMES = {
    "perf_event",
    "callgrind",
    "pressure",
    "migrations",
    "gaps",
    "virtualisation",
    "steal",
    "cores",
    "smt",
    "governor",
    "turbo",
    "clock",
    "cgroup_quota",
    "open_files",
    "aslr",
    "memory",
    "load",
}


def quick(**kwargs):
    done = gilbench("doctor", "--quick", "--json", **kwargs)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def follows_its_schema(folder, text):
    (folder / "doctor.json").write_text(text)
    checked = gilbench("validate", folder / "doctor.json")
    assert checked.returncode == 0 and "gilbench/doctor 1.0\n" in checked.stdout, checked.stderr


def test_what_it_prints_follows_its_schema(tmp_path):
    follows_its_schema(tmp_path, gilbench("doctor", "--quick", "--json").stdout)


def test_findings_say_what_is_so():
    document = quick()
    findings = document["findings"]
    assert document["schema"] == "gilbench/doctor" and set(findings) == NAMES
    assert all(finding["mark"] in ("good", "limited", "missing") for finding in findings.values())
    assert all(finding["mark"] != "good" or not finding["advice"] for finding in findings.values())
    assert findings["pressure"]["mark"] == ("good" if os.path.exists("/proc/pressure/cpu") else "missing")
    assert (findings["callgrind"]["mark"] == "good") == bool(shutil.which("valgrind"))
    assert findings["open_files"]["value"].startswith(str(resource.getrlimit(resource.RLIMIT_NOFILE)[0]))
    with open("/sys/devices/system/clocksource/clocksource0/current_clocksource") as file:
        assert findings["clock"]["value"].startswith(file.read().strip())
    with open("/proc/sys/kernel/randomize_va_space") as file:
        assert findings["aslr"]["value"] == file.read().strip()
    with open("/proc/cpuinfo") as file:
        assert (findings["virtualisation"]["mark"] == "limited") == (" hypervisor" in file.read())
    assert document["mode"] is None and document["spreads"] == document["modes"] == []


def test_what_is_taken_away_is_missed():
    assert quick(env={"PATH": "/nowhere"})["findings"]["callgrind"]["mark"] == "missing"
    few = quick(preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (512, 512)))["findings"]["open_files"]
    assert few["mark"] == "limited" and few["value"] == "512, at most 512" and "ulimit -n" in few["advice"]
    core = str(min(os.sched_getaffinity(0)))
    done = subprocess.run(["taskset", "-c", core, GILBENCH, "doctor", "--quick", "--json"], capture_output=True, text=True, check=True)
    cores = json.loads(done.stdout)["findings"]["cores"]
    assert cores["mark"] == "limited" and cores["value"].endswith("1 may be used")


def test_people_get_words():
    done = gilbench("doctor", "--quick")
    assert done.returncode == 0
    assert all(name in done.stdout for name in NAMES) and "what would make it quieter" in done.stdout


@pytest.mark.long
def test_the_whole_measures_each_kind_and_recommends(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    done = gilbench("doctor", "--json", "--pairs", "7")
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert [spread["kind"] for spread in document["spreads"]] == ["loop in C", "loop in Python", "echo"]
    for spread in document["spreads"]:
        assert spread["pairs"] + spread["dropped"] == 7
        assert 0 < spread["sd_d_all"] < 3 and (spread["sd_d"] is None) == (spread["pairs"] < 2)
    assert [mode["slice_ms"] for mode in document["modes"]] == [25, 70]
    several = len(os.sched_getaffinity(0)) > 1
    for mode in document["modes"]:
        assert 0 < mode["interleave_sd_d"] < 3 and (mode["duet_sd_d"] is not None) == several
    assert document["mode"] in ("interleave", "duet") and document["slice_ms"] in (25, 70)
    assert not several or 0.1 < document["speed_together"] < 10 and math.isfinite(document["speed_together"])
    assert not os.listdir(tmp_path)
    follows_its_schema(tmp_path, done.stdout)


@pytest.mark.parametrize(
    "args, message",
    [
        (["--pairs", "6"], "--pairs: a number from 7 to 48 expected, not '6'"),
        (["--pairs", "x"], "not 'x'"),
        (["now"], "unknown argument 'now'"),
        (["--loud"], "see gilbench doctor --help"),
    ],
)
def test_usage(args, message):
    done = gilbench("doctor", *args)
    assert done.returncode == 2 and message in done.stderr and done.stdout == ""


@pytest.mark.long
def test_an_interpreter_that_is_none_is_named():
    done = gilbench("doctor", "--python", "/no/such/python")
    assert done.returncode != 0 and "/no/such/python" in done.stderr
