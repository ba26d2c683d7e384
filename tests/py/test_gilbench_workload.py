"""A workload of the user's own: what is right, and each thing that can be wrong in it."""

import json
import os
import subprocess
import sys

import pytest
from test_gilbench import HOME, gilbench, results
from wirechild import Child

EXAMPLE = os.path.join(HOME, "docs", "examples", "my_workload.py")
PYTHON_MODELS = ["serial", "threads", "procs:fork", "procs:spawn", "promise:chain", "promise:await", "promise:process", "asyncio"]
GOOD = "def unit(op):\n    return op * op\n"


def write(folder, text):
    path = folder / "mine.py"
    path.write_text(text)
    return path


def run(folder, text, models="serial", ops=20):
    matrix = folder / "m.ini"
    matrix.write_text(f"[run]\nreps = 1\nwarmup = 0\n[mine]\nmodels = {models}\nops = {ops}\nworkers = 1\n")
    return gilbench("run", matrix, "--workload", write(folder, text), "-o", folder / "out")


@pytest.mark.long
def test_every_model_that_can_runs_it(tmp_path):
    only = "mine/*/workers=1,*"
    done = gilbench("run", "--workload", write(tmp_path, GOOD), "--reps", 1, "--only", only, "-o", tmp_path / "out")
    assert done.returncode == 0, done.stdout + done.stderr
    cells = {cell["model"]: cell for cell in results(tmp_path)["benchmarks"]}
    assert set(PYTHON_MODELS) < set(cells)
    assert "pthreads" not in cells and "node:promise" not in cells and "promise:native" not in cells and "promise_loop:await" not in cells
    ran = [cell for cell in cells.values() if not cell["not_run"]]
    assert {cell["void"] for cell in ran} == {""}
    digests = {sample["digest"] for cell in ran for rep in cell["reps"] for sample in rep["samples"]}
    assert len(digests) == 1
    assert gilbench("run", "--resume", tmp_path / "out").returncode == 0


@pytest.mark.parametrize("model", PYTHON_MODELS)
def test_the_example_runs_in_each_of_its_forms(model):
    adapter = {"asyncio": "asyncio_"}.get(model, model.partition(":")[0])
    command = [sys.executable, os.path.join(HOME, "runners", "adapters", f"{adapter}.py")]
    params = {"ops": 30, "words": 20, "wait_us": 100, "seed": 5}
    asked = [sys.executable, os.path.join(HOME, "runners", "adapters", "user.py"), "digest", EXAMPLE]
    expected = subprocess.run([*asked, *(f"{k}={v}" for k, v in params.items())], capture_output=True, text=True, check=True).stdout
    with Child(command, EXAMPLE, model, workers=2, **params) as child:
        child.ready()
        sample, latency = child.sample()
        assert expected.split()[0] == f"digest={sample['digest']}"
        assert sum(latency.values()) == 30
        child.stop()


def test_other_forms_are_what_is_run(tmp_path):
    """aunit and punit are not passed over in favour of unit, which is refused in a run with them."""
    text = """
import os, sys
def unit(op):
    if "GILBENCH_OUT" in os.environ and "serial" not in sys.argv[2]: raise SystemError("unit was run")
    return op
async def aunit(op): return op
def punit(op):
    import cpromise
    return cpromise.Promise.resolve(op)
"""
    done = run(tmp_path, text, "serial asyncio promise:chain promise:await")
    assert done.returncode == 0, done.stdout


WRONG = {
    "syntax": ("def unit(op)\n", "cannot be imported: SyntaxError"),
    "import": ("import no_such_thing\n", "cannot be imported: ModuleNotFoundError: No module named 'no_such_thing', line 1"),
    "exits": ("import sys\nsys.exit(3)\n", "cannot be imported: SystemExit: 3"),
    "empty": ("", "has no function unit: write `def unit(op): ...`"),
    "no function": ("unit = 3\n", "unit is no function but 3"),
    "arguments": ("def unit(): return 1\n", "unit() must take (op), since there is no setup"),
    "state": (
        "def setup(params): return 1\ndef unit(op): return 1\n",
        "unit(op) must take (op, state), since there is a setup",
    ),
    "coroutine": ("async def unit(op): return 1\n", "unit is a coroutine function: call it aunit"),
    "raises": ("def unit(op):\n    return 1 // op\n", "unit(0) raised ZeroDivisionError: integer division or modulo by zero, line 2"),
    "raises later": ("def unit(op):\n    return [0] * 3 and [1, 2, 3][op]\n", "unit(3) raised IndexError: list index out of range, line 2"),
    "setup raises": ("def setup(params): return params['x']\ndef unit(op, state): return 1\n", "setup(params) raised KeyError: 'x', line 1"),
    "no digest": ("def unit(op): return object()\n", "a result of type object has no plain value to compare"),
    "digest": ("def unit(op): return object()\ndef digest(result): return 'x'\n", "digest(result) must give bytes, not str"),
    "garbage": ("import os\ndef unit(op): return os.urandom(8)\n", "unit(0) gives another result each time"),
    "prints": ("def unit(op):\n    print('hello')\n    return 1\n", "prints to standard output ('hello')"),
    "forks": ("import os\ndef unit(op):\n    os.fork()\n    return 1\n", "forks, and comes back twice"),
    "ends": ("import os\ndef unit(op): os._exit(7)\n", "unit(0) ends the process, with status 7"),
    "leaks files": ("kept = []\ndef unit(op):\n    kept.append(open('/dev/null'))\n    return 1\n", "every op leaves an open file behind"),
    "leaks threads": (
        "import threading, time\ndef unit(op):\n    threading.Thread(target=time.sleep, args=(60,), daemon=True).start()\n    return 1\n",
        "every op leaves a thread behind",
    ),
    "aunit": ("def unit(op): return 1\ndef aunit(op): return 1\n", "aunit must be a coroutine function"),
    "aunit differs": ("def unit(op): return 1\nasync def aunit(op): return 2\n", "aunit(0) and unit(0) give different results"),
    "aunit blocks": (
        "import time\ndef unit(op): return 1\nasync def aunit(op):\n    time.sleep(0.3)\n    return 1\n",
        "it blocks the loop for 0.",
    ),
    "punit": ("def unit(op): return 1\ndef punit(op): return 1\n", "it must return a promise, not int"),
    "punit differs": (
        "import cpromise\ndef unit(op): return 1\ndef punit(op): return cpromise.Promise.resolve(2)\n",
        "punit(0) and unit(0) give different results",
    ),
    "params": ("PARAMS = [1]\ndef unit(op): return 1\n", "PARAMS must be a dict"),
}


@pytest.mark.parametrize("text, message", WRONG.values(), ids=WRONG.keys())
def test_what_is_wrong_in_the_file_is_said(tmp_path, text, message):
    done = gilbench("run", "--workload", write(tmp_path, text), "-o", tmp_path / "out")
    assert done.returncode == 2, done.stdout + done.stderr
    assert f"mine.py: {message}" in done.stderr or (message in done.stderr and "mine.py" in done.stderr)
    assert not (tmp_path / "out").exists()


def test_an_op_that_never_ends_is_given_up(tmp_path):
    env = {"GILBENCH_CHECK_S": "3"}
    done = gilbench("run", "--workload", write(tmp_path, "import time\ndef unit(op): time.sleep(1000)\n"), env=env)
    assert done.returncode == 2 and "unit(0) does not return" in done.stderr


UNFIT = [("none.py", "there is no file"), ("mine.txt", "must be a file of Python"), ("io_echo.py", "already; give the file another name")]


@pytest.mark.parametrize("name, message", UNFIT)
def test_a_file_that_cannot_be_taken(tmp_path, name, message):
    if name != "none.py":
        (tmp_path / name).write_text(GOOD)
    done = gilbench("run", "--workload", tmp_path / name)
    assert done.returncode == 2 and message in done.stderr


def test_what_goes_wrong_in_a_run_voids_its_cell_only(tmp_path):
    text = (
        "import threading\ndef unit(op):\n"
        "    if op == 30 and threading.current_thread() is not threading.main_thread(): raise ValueError('op 30')\n    return op\n"
    )
    done = run(tmp_path, text, "threads serial", ops=40)
    assert done.returncode == 1
    threads, serial = results(tmp_path)["benchmarks"]
    assert "the adapter failed: ValueError: op 30" in threads["void"] and serial["void"] == ""


def test_a_model_that_does_other_work_is_caught(tmp_path):
    text = "import threading\ndef unit(op):\n    return op if threading.current_thread() is threading.main_thread() else -op\n"
    done = run(tmp_path, text, "threads serial")
    assert done.returncode == 6
    assert "checksum: " in json.dumps(results(tmp_path)["benchmarks"][0]["void"])
