"""The examples in docs/examples run as they stand, against a real store, and are typed as strictly as mypy can ask for."""

import importlib.util
import json
import pathlib
import subprocess
import sys

import pytest
from test_store import STORES, started
from wirechild import TIMEOUT_S

import io_employee

HOME = pathlib.Path(__file__).resolve().parents[2]
EXAMPLES = HOME / "docs" / "examples"
NAMES = ["emp000007", "emp000400", "nobody"]


@pytest.mark.parametrize("name", STORES)
def test_the_employee_in_every_form_and_on_every_loop_gives_the_same_details(name):
    with started(name) as store:
        command = [sys.executable, EXAMPLES / "employee.py", str(store.ready()[1]), *NAMES]
        done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S)
        store.stop()
    assert done.returncode == 0, done.stderr
    lines = [line.split(None, 2) for line in done.stdout.splitlines()]
    loops = ["cpromise", "asyncio"] + ["uvloop"] * bool(importlib.util.find_spec("uvloop"))
    assert [line[:2] for line in lines] == [[loop, form] for loop in loops for form in ("chain", "await", "keyed")]
    expected = {number: json.loads(io_employee.record_of(number, 256)) for number in (7, 400)}
    for *_, printed in lines:
        details = eval(printed, {})  # what the example printed is a dict of strings
        assert json.loads(details["emp000007"]) == expected[7] and json.loads(details["emp000400"]) == expected[400]
        assert details["nobody"] is None


def typed(*command):
    if not importlib.util.find_spec("mypy"):
        pytest.skip("mypy is not installed here")
    done = subprocess.run([sys.executable, "-m", *command], capture_output=True, text=True, cwd=HOME, timeout=10 * TIMEOUT_S)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_examples_pass_mypy_strict():
    typed("mypy", "--strict", *map(str, EXAMPLES.glob("*.py")))


def test_the_stub_says_what_the_module_has():
    typed("mypy.stubtest", "cpromise")
