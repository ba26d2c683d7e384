"""G13: a process that is not what was asked for gives no number, but exit code 6 and the reason. And G17: memory is that of one child."""

import json
import os
import pathlib
import shutil
import subprocess
import sys

import pytest
from test_gilbench import BUILD, HOME, gilbench

PLACES = ["/opt/ft/python3.13t/bin/python3.13t", shutil.which("python3.13t"), shutil.which("python3.14t")]
FREE_THREADED = next((place for place in PLACES if place and os.path.exists(place)), None)
two_cores = pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="one core: nowhere else to go")


def run(folder, models, *options, workload="cpu_queens", text="workers = 1\nops = 8\nn = 6\n", program=None, env=None):
    """(exit code, the entry of each cell)"""
    path = folder / "m.ini"
    path.write_text(f"[run]\nreps = 2\nwarmup = 0\ntimeout_s = 60\n[{workload}]\nmodels = {models}\n{text}")
    if program:
        done = subprocess.run(
            [program, "run", path, "-o", folder / "out", *options],
            capture_output=True,
            text=True,
            timeout=120,
            env={**os.environ, "PYTHON": sys.executable, "CI": "1", **(env or {})},
        )
    else:
        done = gilbench("run", path, "-o", folder / "out", *options, env=env)
    return done.returncode, json.loads((folder / "out" / "results.json").read_text())["benchmarks"]


def assert_refused(folder, reason, *args, **kwargs):
    code, cells = run(folder, *args, **kwargs)
    assert code == 6
    for cell in cells:
        assert reason in cell["void"], cell["void"]
        assert all(estimate is None for estimate in cell["summary"].values())
        assert all(rep["void_code"] == 6 for rep in cell["reps"])


def changed_home(folder, **adapters):
    """A copy of runners with other texts for some adapters, as an environment."""
    home = folder / "home"
    shutil.copytree(os.path.join(HOME, "runners"), home / "runners")
    shutil.copytree(os.path.join(HOME, "workloads"), home / "workloads")
    for name, text in adapters.items():
        (home / "runners" / "adapters" / f"{name}.py").write_text(text)
    return {"GILBENCH_HOME": str(home)}


def changed_build(folder):
    """A copy of the build folder, its driver and the id of its sources."""
    build = folder / "build" / "release"
    build.mkdir(parents=True)
    for name in ("gilbench", "reference", "pthreads"):
        shutil.copy(os.path.join(BUILD, name), build)
    shutil.copytree(os.path.join(BUILD, "python"), build / "python")
    shutil.copy(os.path.join(BUILD, "build_id"), build)
    return build


@pytest.mark.skipif(not FREE_THREADED, reason="no free-threaded interpreter")
def test_g13_1_the_gil_is_on_in_a_free_threaded_build(tmp_path):
    """An adapter that starts itself again with PYTHON_GIL=1: all that it was asked for is as planned, but the GIL."""
    adapter = pathlib.Path(HOME, "runners", "adapters", "threads.py").read_text()
    (tmp_path / "good").mkdir()
    code, (cell,) = run(tmp_path / "good", "threads", "--python", FREE_THREADED)
    assert code == 0 and cell["reps"][0]["attest"]["gil"] == "off"
    switch = (
        "import os, sys\n"
        "if not os.environ.get('PYTHON_GIL'):\n"
        "    os.environ['PYTHON_GIL'] = '1'\n"
        "    os.execv(sys.executable, [sys.executable, *sys.argv])\n"
    )
    env = changed_home(tmp_path, threads=adapter.replace("import common\n", switch + "import common\n", 1))
    assert_refused(tmp_path, "GIL: the adapter attests 'on', expected was 'off'", "threads", "--python", FREE_THREADED, env=env)


def test_g13_2_uvloop_was_asked_for_and_asyncio_came(tmp_path):
    env = changed_home(tmp_path, loops="import common\nfrom asyncio_ import Asyncio\ncommon.main(Asyncio)\n")
    models = pathlib.Path(env["GILBENCH_HOME"], "runners", "adapters", "models.ini")
    models.write_text(models.read_text().replace("needs = uvloop\n", ""))
    reason = "loop: the adapter attests 'asyncio.unix_events._UnixSelectorEventLoop', expected was 'uvloop.Loop'"
    assert_refused(tmp_path, reason, "uvloop", env=env)


@two_cores
def test_g13_3_an_unpinned_child(tmp_path):
    assert_refused(tmp_path, "affinity: the adapter may run on cores", "fake:unpinned")


@two_cores
def test_g13_4_a_child_on_another_core(tmp_path):
    assert_refused(tmp_path, "affinity: the adapter may run on cores", "fake:wrong_cpu")


def test_g13_5_work_that_falls_short(tmp_path):
    assert_refused(tmp_path, "work: 7 ops were done, 8 were asked for", "fake:short")


def test_g13_6_a_bad_checksum(tmp_path):
    assert_refused(tmp_path, "checksum: ", "fake:bad_digest")


def test_g13_7_a_stale_build(tmp_path):
    """The extension that is imported is not of the sources from which the build was last made."""
    build = changed_build(tmp_path)
    (tmp_path / "good").mkdir()
    code, (cell,) = run(tmp_path / "good", "promise:await", program=build / "gilbench", env={"GILBENCH_HOME": HOME})
    assert code == 0 and cell["reps"][0]["attest"]["build"] == (build / "build_id").read_text().strip()
    (build / "build_id").write_text("0123456789abcdef\n")
    env = {"GILBENCH_HOME": HOME}
    assert_refused(tmp_path, "the sources are '0123456789abcdef'", "promise:await promise:chain", program=build / "gilbench", env=env)


def test_g13_8_an_interpreter_with_py_debug(tmp_path):
    """As far as a process can tell: sys.gettotalrefcount is there in such builds only."""
    (tmp_path / "sitecustomize.py").write_text("import sys\nsys.gettotalrefcount = lambda: 0\n")
    assert_refused(tmp_path, "debug build: the adapter attests 'Py_DEBUG'", "serial", env={"PYTHONPATH": str(tmp_path)})


def test_g13_8_c_without_optimisation(tmp_path):
    build = changed_build(tmp_path)
    sources = ["runners/adapters/c_pthreads.c", "runners/adapters/c_pthreads_waits.c", "runners/adapters/c_files.c", "runners/adapters/c_server.c", "runners/load/child.c", "runners/load/laps.c", "runners/stats/hist.c"]
    sources += [str(path) for path in pathlib.Path(HOME, "workloads").glob("*.c") if path.name != "reference.c"]
    command = ["cc", "-std=c11", "-D_GNU_SOURCE", "-O0", *sources, "-o", build / "pthreads", "-lcrypto", "-lz", "-lm", "-pthread"]
    subprocess.run(command, check=True, cwd=HOME, capture_output=True)
    assert_refused(tmp_path, "debug build: the adapter attests 'O0'", "pthreads", program=build / "gilbench", env={"GILBENCH_HOME": HOME})


def test_g13_8_cpromise_without_optimisation():
    """The extension's name says so (ext/binding/module.c), and adapters look at it."""
    code = "import common; print(common.debug('0123456789abcdef-O0'), common.debug('0123456789abcdef'), common.debug('none'))"
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=os.path.join(HOME, "runners", "adapters"), capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["O0", "no", "no"]


def test_g17_peak_memory_is_of_one_child(tmp_path):
    """200 MiB and 20 MiB, in either order: neither child has the other's peak."""
    code, (big, small) = run(tmp_path, "fake:big fake:small", "--reps", "4")
    assert code == 0
    for cell, mib in ((big, 200), (small, 20)):
        for rep in cell["reps"]:
            assert rep["peak_rss_b"] == pytest.approx(mib << 20, rel=0.05)
