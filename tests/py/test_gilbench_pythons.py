"""Several interpreters in one run. An interpreter that is not installed is played by a script that runs this one and says it is another."""

import glob
import os
import shutil
import stat
import sys

import pytest
from test_gilbench import gilbench, results

MATRIX = "[run]\nreps = 1\nwarmup = 0\n[cpu_queens]\nmodels = {models}\nworkers = 1\nops = 8\nn = 5\n"
PLAYED = "import platform, sys, sysconfig\nplatform.python_version = lambda: '{version}'\n{more}\n"
CLAIMS_NO_GIL = "real = sysconfig.get_config_var\nsysconfig.get_config_var = lambda name: 1 if name == 'Py_GIL_DISABLED' else real(name)"
FREE_THREADED = (glob.glob("/opt/ft/python3.*t/bin/python3.*t") or [shutil.which("python3.13t") or shutil.which("python3.14t")])[0]


def played(folder, version, more=""):
    """A program that is this interpreter, and says that it is that version of it."""
    site, program = folder / f"site-{version}", folder / f"python-{version}"
    site.mkdir()
    (site / "sitecustomize.py").write_text(PLAYED.format(version=version, more=more))
    program.write_text(f'#!/bin/sh\nPYTHONPATH="{site}:$PYTHONPATH" exec {sys.executable} "$@"\n')
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return program


def run(folder, pythons, *args, models="threads serial pthreads", **kwargs):
    path = folder / "m.ini"
    path.write_text(MATRIX.format(models=models))
    return gilbench("run", path, "-o", folder / "out", "--pythons", " ".join(map(str, pythons)), *args, **kwargs)


def cells(folder):
    return {cell["id"].split("/")[1]: cell for cell in results(folder)["benchmarks"]}


def test_each_model_in_python_is_run_on_each_interpreter(tmp_path):
    done = run(tmp_path, [sys.executable, played(tmp_path, "3.98.1")])
    assert done.returncode == 0, done.stderr
    here = ".".join(map(str, sys.version_info[:2]))
    found = cells(tmp_path)
    assert sorted(found) == sorted([f"threads@{here}", "threads@3.98", f"serial@{here}", "serial@3.98", "pthreads"])
    assert {name: cell["python"] for name, cell in found.items()} == {name: name.partition("@")[2] for name in found}
    assert found["threads@3.98"]["reps"][0]["attest"]["runtime"] == "cpython-3.98.1"
    assert found["threads@3.98"]["model"] == "threads"
    assert found["threads@3.98"]["baseline"].startswith("cpu_queens/serial@3.98/")
    assert found[f"threads@{here}"]["baseline"].startswith(f"cpu_queens/serial@{here}/")
    assert "threads@3.98" in done.stdout
    assert gilbench("report", tmp_path / "out").returncode == 0
    report = (tmp_path / "out" / "report.md").read_text()
    assert "| threads@3.98 |" in report and f"| serial@{here} |" in report and "--pythons '" in report


def test_two_of_one_minor_version_are_told_apart(tmp_path):
    done = run(tmp_path, [played(tmp_path, "3.98.1"), played(tmp_path, "3.98.2")], models="serial")
    assert done.returncode == 0, done.stderr
    assert sorted(cells(tmp_path)) == ["serial@3.98", "serial@3.98.2"]


def test_a_missing_interpreter_is_reported_and_required_on_request(tmp_path):
    done = run(tmp_path, [sys.executable, "python3.97"], models="serial")
    assert done.returncode == 0
    assert "no interpreter 'python3.97'" in cells(tmp_path)["serial@3.97"]["not_run"]
    assert "pyenv install 3.97" in done.stdout and "make ext PYTHON=python3.97" in done.stdout
    shutil.rmtree(tmp_path / "out")
    assert run(tmp_path, [sys.executable, "python3.97"], "--require", models="serial").returncode == 1


WRONG = [
    ([sys.executable, sys.executable], 2, "which is named already"),
    (["python3.97"], 2, "none of 'python3.97' works"),
    (["python3.97", "python3.97"], 2, "'python3.97' is named twice"),
    (["true"], 2, "does not behave like a Python 3 interpreter"),
]


@pytest.mark.parametrize("pythons, code, message", WRONG)
def test_interpreters_that_make_no_sense(tmp_path, pythons, code, message):
    done = run(tmp_path, pythons)
    assert done.returncode == code and message in done.stderr


def test_an_old_interpreter_is_not_run(tmp_path):
    run(tmp_path, [sys.executable, played(tmp_path, "3.9.2")], models="serial")
    (cell,) = (cell for name, cell in cells(tmp_path).items() if "3.9.2" in name)
    assert "is cpython-3.9.2; adapters need Python 3.11 or later" in cell["not_run"]


def test_a_gil_that_is_on_where_it_should_be_off_voids_the_cell(tmp_path):
    done = run(tmp_path, [played(tmp_path, "3.98.1", CLAIMS_NO_GIL)], models="serial")
    assert done.returncode == 6
    found = cells(tmp_path)
    assert "GIL: the adapter attests 'on', expected was 'off'" in found["serial@3.98t"]["void"]
    assert found["serial@3.98t-gil"]["void"] == ""


def test_a_module_that_turns_the_gil_on_is_not_run(tmp_path):
    more = CLAIMS_NO_GIL + "\nimport os\nsys._is_gil_enabled = lambda: 'cpromise' in sys.modules or os.environ.get('PYTHON_GIL') == '1'"
    done = run(tmp_path, [played(tmp_path, "3.98.1", more)], models="promise:await serial")
    assert done.returncode == 0, done.stderr
    found = cells(tmp_path)
    assert "cpromise turns the GIL on when it is imported" in found["promise:await@3.98t"]["not_run"]
    assert found["promise:await@3.98t-gil"]["not_run"] == ""
    assert [found[f"serial@3.98t{half}"]["reps"][0]["attest"]["gil"] for half in ("", "-gil")] == ["off", "on"]


def test_a_resumed_run_wants_the_same_interpreters(tmp_path):
    program = played(tmp_path, "3.98.1")
    assert run(tmp_path, [sys.executable, program], models="serial").returncode == 0
    assert gilbench("run", "--resume", tmp_path / "out").returncode == 0
    program.write_text("#!/bin/sh\nexit 3\n")
    done = gilbench("run", "--resume", tmp_path / "out")
    assert done.returncode == 2 and "this run was begun with the interpreters" in done.stderr


def test_interpreters_can_be_listed(tmp_path):
    listed = gilbench("list", "--pythons", f"{played(tmp_path, '3.98.1')} python3.97 auto")
    assert listed.returncode == 0, listed.stderr
    lines = [line.split("\t") for line in listed.stdout.splitlines()]
    assert [line[0] for line in lines[:2]] == ["3.98", "3.97"]
    assert lines[0][2] == "-" and "no interpreter" in lines[1][2]
    assert all(line[2] == "-" for line in lines[2:])


@pytest.mark.skipif(not FREE_THREADED, reason="no free-threaded interpreter is installed")
def test_a_free_threaded_build_is_two_columns(tmp_path):
    done = run(tmp_path, [FREE_THREADED], models="threads serial", env={"PYTHON_GIL": "1"})
    assert done.returncode == 0, done.stderr
    gil = {name: cell["reps"][0]["attest"]["gil"] for name, cell in cells(tmp_path).items()}
    label = next(name for name in gil if name.endswith("t")).partition("@")[2]
    assert gil == {f"threads@{label}": "off", f"serial@{label}": "off", f"threads@{label}-gil": "on", f"serial@{label}-gil": "on"}
