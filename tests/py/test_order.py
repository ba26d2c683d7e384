"""Job order is that of V8, tick for tick: random programs (tests/order) give the same trace here and in node."""

import json
import os
import subprocess
import sys

import pytest

ORDER = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "order")
sys.path.insert(0, ORDER)
import fuzz  # noqa: E402
import programs  # noqa: E402
import run  # noqa: E402


def once_found():
    with open(os.path.join(ORDER, "seeds.txt")) as file:
        lines = file.read().replace("\n  ", " ").splitlines()
    return [line for line in lines if line.strip() and not line.startswith("#")]


@pytest.fixture(scope="module")
def node():
    try:
        with fuzz.Node() as node:
            yield node
    except fuzz.NoNode as error:
        pytest.fail(str(error))


def first_difference(node, seeds, ours=run.run):
    return next(((seed, program) for seed, program in fuzz.differences(node, seeds, ours) if seed is not None), None)


@pytest.mark.parametrize("first", [1, 1_000_001, 2_000_001])
def test_a_thousand_programs_run_in_the_order_of_v8(node, first):
    found = first_difference(node, range(first, first + 1000))
    assert not found, fuzz.report(node, *found)


@pytest.mark.parametrize("line", once_found())
def test_what_once_differed_is_equal(node, line):
    program = json.loads(line) if line.startswith("[") else programs.program(int(line))
    assert run.run(program) == node.trace(program)


def test_a_tick_too_many_is_found_and_shrunk(node, monkeypatch):
    """The comparison can fail: with an await that takes one tick more there is a difference, and it names little."""

    async def slow(self, context, label, body):
        self.log(label)
        await run.Promise.resolve(None)
        return await call_async(self, context, label, body[:0])

    call_async = run.Runner.call_async
    monkeypatch.setitem(run.EXPRESSIONS, "async", lambda r, context, *rest: run.Promise.resolve(slow(r, context, *rest)))
    seed, program = first_difference(node, range(1, 400))
    report = fuzz.report(node, seed, program)
    assert f"seed {seed}: the order differs" in report and len(report.splitlines()) < 20


def test_two_lines_that_change_places_are_found(node):
    def ours(program):
        trace = run.run(program)
        return trace[1::-1] + trace[2:]

    assert first_difference(node, range(1, 50), ours)


@pytest.mark.parametrize("seed", range(1, 4))
def test_a_seed_gives_the_same_program_and_trace_each_time(seed):
    assert programs.program(seed) == programs.program(seed)
    assert run.run(programs.program(seed)) == run.run(programs.program(seed))


def test_the_program_says_that_node_is_missing():
    environment = {**os.environ, "PATH": "/nonexistent"}
    done = subprocess.run([sys.executable, os.path.join(ORDER, "fuzz.py")], env=environment, capture_output=True, text=True)
    assert done.returncode == 2 and "there is no program 'node' on PATH" in done.stderr and "Traceback" not in done.stderr


def test_the_program_reports_that_all_are_equal():
    command = [sys.executable, os.path.join(ORDER, "fuzz.py"), "--seed", "7", "--count", "250"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "250 programs, seeds 7 to 256: equal\n"), done.stderr
