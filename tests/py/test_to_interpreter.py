"""to_interpreter: what crosses, own GILs, errors, cancelling and closing in every state, many lives."""

import asyncio
import math
import os
import subprocess
import sys
import textwrap
import threading

import cpromise as cp
import offcalls
import pytest

if sys.version_info < (3, 12):

    def test_before_3_12_the_call_says_what_it_needs():
        with pytest.raises(RuntimeError, match="needs Python 3.12 or later, and this is 3.11; use to_process"):
            cp.run(lambda: cp.to_interpreter(int))

    pytest.skip("own-GIL subinterpreters need Python 3.12", allow_module_level=True)


def call(fn, *args, **kwargs):
    return cp.run(lambda: cp.to_interpreter(fn, *args, **kwargs), workers=1)


def run_child(program):
    """A program of its own: a crash must not take pytest down."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-X", "faulthandler", "-c", textwrap.dedent(program) + "\nprint('end')\n"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, env=environment)
    assert done.returncode == 0 and done.stdout == "end\n", done.stderr
    return done.stderr


def test_arguments_and_value():
    assert call(offcalls.add, 1, c=5) == 16
    assert call(math.sqrt, 4.0) == 2.0
    assert call(offcalls.pid) == os.getpid()
    assert call(lambda a, b=2: a + b, 1) == 3
    assert call(offcalls.path) == sys.path


VALUES = [None, (True, -1, 0.5, b"\0", "\ud800 grün", ((),)), 2**80, {"a": [offcalls.Kept(1)]}]


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_values_come_back_as_they_were(value):
    assert call(offcalls.same, value) == (value,)


def test_it_is_another_interpreter_with_a_module_of_its_own():
    offcalls.mark = "here"
    assert call(hasattr, offcalls.Kept, "mark") is False
    assert call(eval, "hasattr(__import__('offcalls'), 'mark')") is False
    del offcalls.mark


def test_each_worker_has_a_gil_of_its_own():
    """Each waits for what the other writes, and holds its GIL meanwhile: os.read gives it away, a spin for 1000 s does not."""
    (a, b), spin = (os.memfd_create("a"), os.memfd_create("b")), offcalls.spin_until_marked
    os.ftruncate(a, 1)
    os.ftruncate(b, 1)

    async def main():
        return await cp.Promise.all([cp.to_interpreter(spin, a, b), cp.to_interpreter(spin, b, a)])

    assert cp.run(main(), workers=2) == [True, True]
    os.close(a)
    os.close(b)


def test_what_it_raises_is_the_reason_with_the_traceback_from_there():
    with pytest.raises(LookupError, match="far away") as caught:
        call(offcalls.fail, "far away")
    assert "in fail" in str(caught.value.__cause__)


@pytest.mark.parametrize(
    "fn, kind, text",
    [
        (offcalls.fail_oddly, cp.PromiseError, "TwoArguments: 1 and 2"),
        (offcalls.fail_unpicklable, cp.PromiseError, "ValueError: with a lock"),
        (offcalls.unpicklable_value, TypeError, "cannot pickle"),
        (offcalls.recurse, RecursionError, "recursion"),
        (offcalls.leave, SystemExit, "3"),
    ],
)
def test_odd_outcomes(fn, kind, text):
    async def main():
        (settled,) = await cp.Promise.all_settled([cp.to_interpreter(fn)])
        assert type(settled["reason"]) is kind and text in str(settled["reason"])
        return await cp.to_interpreter(offcalls.add, 1)

    assert cp.run(main(), workers=1) == 11


def test_what_cannot_be_pickled_rejects_at_once():
    p = cp.to_interpreter(len, threading.Lock())
    assert p.state == "rejected"
    with pytest.raises(TypeError, match="cannot pickle"):
        cp.run(p)
    with pytest.raises(TypeError, match="must be callable, not int"):
        cp.run(lambda: cp.to_interpreter(5))


def test_a_module_that_refuses_own_gils():
    pytest.importorskip("_testsinglephase", exc_type=ImportError)
    if not getattr(sys, "_is_gil_enabled", lambda: True)():
        pytest.skip("a build without a GIL")
    with pytest.raises(ImportError, match="_testsinglephase does not support"):
        call(exec, "import _testsinglephase")


def test_huge_values():
    data = os.urandom(20_000_000)
    assert call(offcalls.same, data) == (data,)


def test_a_call_that_waits_is_taken_back_and_an_outcome_is_dropped(tmp_path):
    async def main():
        calls = [cp.to_interpreter(offcalls.touch_and_sleep, str(tmp_path / str(i)), 0.1) for i in range(3)]
        while not (tmp_path / "0").exists():
            await cp.sleep(0.01)
        assert calls[0].cancel() and calls[1].cancel()
        await calls[2]
        for one in calls[:2]:
            with pytest.raises(asyncio.CancelledError):
                await one

    cp.run(main(), workers=1)
    assert not (tmp_path / "1").exists()


def test_closing_in_every_state():
    for wait in (0, 0.005, 0.05, 0.2):
        outcomes = []

        async def main():
            for i in range(20):
                cp.to_interpreter(offcalls.add, i).then(outcomes.append, lambda e: outcomes.append(type(e)))
            await cp.sleep(wait)

        cp.run(main(), workers=2)
        assert len(outcomes) == 20 and set(outcomes) <= {cp.LoopClosedError, *range(10, 30)}


def test_a_loop_in_a_worker_may_have_workers():
    program = """
        import cpromise as cp
        def inner():
            import cpromise as cp
            async def main():
                return await cp.to_thread(int), await cp.to_interpreter(len, "abc")
            return cp.run(main(), workers=1)
        assert cp.run(lambda: cp.to_interpreter(inner), workers=1) == (0, 3)
    """
    assert run_child(program) == ""


def test_many_loops_with_workers_leave_nothing():
    program = """
        import os, threading, cpromise as cp, offcalls
        def life():
            async def main():
                return await cp.Promise.all([cp.to_interpreter(offcalls.add, i) for i in range(6)])
            assert cp.run(main(), workers=2) == [10, 11, 12, 13, 14, 15]
        def rss():
            with open("/proc/self/statm") as file:
                return int(file.read().split()[1]) * 4096
        life()
        fds, threads = len(os.listdir("/proc/self/fd")), len(os.listdir("/proc/self/task"))
        for _ in range(20):
            life()
        assert len(os.listdir("/proc/self/fd")) == fds and len(os.listdir("/proc/self/task")) == threads
    """
    assert run_child(program) == ""


def test_a_hundred_interpreters_ten_lives_of_a_loop_in_each():
    program = """
        import os, cpromise as cp
        code = '''if 1:
            import cpromise as cp
            for life in range(10):
                loop = cp.Loop(workers=1)
                async def main():
                    await cp.Promise.all([cp.sleep(0), cp.to_thread(int)])
                    return life
                assert loop.run(main()) == life
                loop.close()
            '''
        def rss():
            with open("/proc/self/statm") as file:
                return int(file.read().split()[1]) * 4096
        def batch(count, code):
            before = rss()
            for _ in range(count):
                cp.run(lambda: cp.to_interpreter(exec, code, {}), workers=1)
            return (rss() - before) / count
        batch(5, code)
        bare, fds = batch(15, "pass"), len(os.listdir("/proc/self/fd"))
        each = batch(100, code)
        assert len(os.listdir("/proc/self/fd")) == fds
        assert each - bare < 512 * 1024, (each, bare)  # CPython does not give all memory of an interpreter back
    """
    run_child(program)
