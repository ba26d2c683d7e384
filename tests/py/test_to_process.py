"""to_process: what crosses, what comes back, workers that die, closing; to_executor."""

import asyncio
import concurrent.futures
import functools
import gc
import math
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time

import cpromise as cp
import offcalls
import pytest


def call(fn, *args, **kwargs):
    return cp.run(lambda: cp.to_process(fn, *args, **kwargs), workers=1)


def run_child(program, *options, **more):
    """A program of its own, whose workers must not find this test's main module."""
    done = subprocess.run([sys.executable, *options, "-c", textwrap.dedent(program)], capture_output=True, text=True, timeout=120, **more)
    assert done.returncode == 0, done.stderr
    return done


def alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def wait_until(condition, seconds=60):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "this did not come true"
        time.sleep(0.01)


def test_arguments_and_value():
    assert call(offcalls.add, 1, c=5) == 16
    assert call(math.sqrt, 4.0) == 2.0
    assert call(offcalls.pid) != os.getpid()


VALUES = [
    None,
    (True, False, 0, -1, 2**63 - 1, -(2**63)),
    2**63,
    -(2**200),
    (0.5, float("inf"), -0.0),
    (b"", b"\0\xff" * 1000, "", "grün \U0001f600", "\ud800 alone"),
    ((), ((),), (1, ("a", (b"b", None)))),
    functools.reduce(lambda inner, _: (inner,), range(300), ()),
    {"a": [1, {2}], "b": (offcalls.Kept(3), [])},
    bytearray(b"other kinds of bytes"),
]


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_values_come_back_as_they_were(value):
    (back,) = call(offcalls.same, value)
    assert back == value and type(back) is type(value)


def test_one_object_stays_one():
    shared = [1]
    assert call(offcalls.are_one, (shared, shared)) is True


@pytest.mark.parametrize("fn", [lambda: 3, lambda a=1, *, b=2: a + b, functools.partial(offcalls.add, 1, b=2), offcalls.Kept(1.5).double])
def test_functions_of_all_sorts(fn):
    assert call(fn) == 3


def test_an_inner_function_without_variables_of_its_maker():
    def inner(x, *, y=4):
        return math.floor(x) + y

    assert call(inner, 1.5) == 5


def test_a_closure_is_refused_with_its_variables_named():
    secret = 1
    with pytest.raises(TypeError, match="uses secret of the function"):
        call(lambda: secret)


def test_what_cannot_be_pickled_rejects_at_once():
    async def main():
        p = cp.to_process(len, threading.Lock())
        assert p.state == "rejected"
        with pytest.raises(TypeError, match="cannot pickle"):
            await p
        q = cp.to_process("no function")
        assert q.state == "rejected"
        with pytest.raises(TypeError, match="must be callable, not str"):
            await q

    cp.run(main())


def test_what_it_raises_is_the_reason_with_the_traceback_from_there():
    with pytest.raises(LookupError, match="far away") as caught:
        call(offcalls.fail, "far away")
    assert "offcalls.py" in str(caught.value.__cause__) and "in fail" in str(caught.value.__cause__)


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
        (settled,) = await cp.Promise.all_settled([cp.to_process(fn)])
        assert type(settled["reason"]) is kind and text in str(settled["reason"])
        return await cp.to_process(offcalls.add, 1)  # the worker goes on

    assert cp.run(main(), workers=1) == 11


def test_a_value_that_cannot_be_sent_says_so():
    with pytest.raises(TypeError) as caught:
        call(offcalls.unpicklable_value)
    assert "its value cannot be sent back" in "".join(caught.value.__notes__)


def test_many_calls_on_few_workers():
    async def main():
        pids = await cp.Promise.all([cp.to_process(offcalls.pid) for _ in range(300)])
        values = await cp.Promise.all([cp.to_process(offcalls.add, i) for i in range(300)])
        return len(set(pids)), values

    workers, values = cp.run(main(), workers=2)
    assert workers <= 2 and values == [i + 10 for i in range(300)]


def test_huge_values():
    data = os.urandom(20_000_000)

    async def main():
        (back,), made = await cp.Promise.all([cp.to_process(offcalls.same, data), cp.to_process(offcalls.huge, 20_000_000)])
        return back == data, len(made)

    assert cp.run(main(), workers=1) == (True, 20_000_000)


def test_what_stands_behind_a_long_call_goes_to_another_worker(tmp_path):
    async def main():
        long = [cp.to_process(offcalls.touch_and_sleep, tmp_path / "a", 60)]
        await cp.to_process(offcalls.pid)
        short = [cp.to_process(offcalls.pid) for _ in range(200)]
        pids = await cp.Promise.all(short)
        return long[0].state, len(set(pids))

    assert cp.run(main(), workers=2) == ("pending", 1)


@pytest.mark.parametrize("how, text", [("SIGKILL", "killed by SIGKILL"), ("SIGSEGV", "killed by SIGSEGV"), ("exit", "ended with status 7")])
def test_a_worker_that_dies_costs_one_call(how, text):
    if how == "SIGSEGV" and "asan" in os.environ.get("LD_PRELOAD", ""):
        pytest.skip("AddressSanitizer takes that signal for itself")

    async def main():
        calls = [cp.to_process(offcalls.add, i) for i in range(20)]
        calls[5:5] = [cp.to_process(offcalls.die, how)]
        return await cp.Promise.all_settled(calls)

    settled = cp.run(main(), workers=2)
    (lost,) = [one["reason"] for one in settled if one["status"] == "rejected"]
    assert type(lost) is cp.WorkerDied and text in str(lost) and "to_process(die)" in str(lost)
    assert settled[5]["reason"] is lost


def test_a_worker_that_dies_while_idle_is_replaced():
    async def main():
        first = await cp.to_process(offcalls.pid)
        os.kill(first, signal.SIGKILL)
        settled = await cp.Promise.all_settled([cp.to_process(offcalls.pid) for _ in range(3)])
        await cp.sleep(0.05)
        return first, settled, await cp.to_process(offcalls.pid)

    first, settled, last = cp.run(main(), workers=1)
    assert last != first
    assert all(one["status"] == "fulfilled" or isinstance(one["reason"], cp.WorkerDied) for one in settled)


def test_workers_that_never_come_up(tmp_path, monkeypatch):
    """Each call learns of it; nothing is started for ever."""
    program = tmp_path / "python"
    program.write_text("#!/bin/sh\nexit 9\n")
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program))

    async def main():
        return await cp.Promise.all_settled([cp.to_process(int) for _ in range(3)])

    for one in cp.run(main(), workers=1):
        assert isinstance(one["reason"], cp.WorkerDied) and "ended with status 9" in str(one["reason"])
    monkeypatch.setattr(sys, "executable", str(tmp_path / "nothing"))
    with pytest.raises(FileNotFoundError):
        call(int)


def test_a_cancelled_call_that_was_not_sent_does_not_run(tmp_path):
    async def main():
        calls = [cp.to_process(offcalls.touch_and_sleep, tmp_path / f"{i}", 0) for i in range(50)]
        assert calls[-1].cancel() and calls[0].cancel()
        return await cp.Promise.all_settled(calls)

    settled = cp.run(main(), workers=1)
    assert not (tmp_path / "49").exists() and (tmp_path / "48").exists()
    assert [one["status"] for one in settled].count("rejected") == 2


def test_closing_ends_workers_at_work_and_leaves_nothing(tmp_path):
    before = set(os.listdir("/proc/self/fd"))
    reasons = []

    async def main():
        for _ in range(3):
            cp.to_process(offcalls.touch_and_sleep, tmp_path / "pids", 600).catch(lambda e: reasons.append(e))
        while not (tmp_path / "pids").exists() or len((tmp_path / "pids").read_text().split()) < 2:
            await cp.sleep(0.01)

    cp.run(main(), workers=2)
    pids = (tmp_path / "pids").read_text().split()
    assert len(pids) == 2 and not any(map(alive, pids))
    assert not any(os.path.exists(f"/proc/{pid}") for pid in pids)  # no zombies either
    assert [type(reason) for reason in reasons] == [cp.LoopClosedError] * 3
    gc.collect()
    assert set(os.listdir("/proc/self/fd")) <= before


def deaf():
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    time.sleep(600)


def test_a_worker_that_ignores_sigterm_is_killed():
    pids = []

    async def main():
        pids.append(await cp.to_process(offcalls.pid))
        cp.to_process(deaf).catch(cp.LoopClosedError, int)
        await cp.sleep(0.2)

    cp.run(main(), workers=1)
    assert not os.path.exists(f"/proc/{pids[0]}")


def test_close_in_every_state():
    for wait in (0, 0.001, 0.02, 0.1):

        async def main():
            calls = [cp.to_process(offcalls.pid) for _ in range(20)]
            for one in calls:
                one.catch((cp.LoopClosedError, cp.WorkerDied), lambda e: None)
            await cp.sleep(wait)

        cp.run(main(), workers=2)


def test_what_a_worker_prints_comes_out():
    program = """
        import cpromise as cp, offcalls
        async def main():
            await cp.to_process(offcalls.say, "from afar")
            await cp.to_process(offcalls.say, "again")
        cp.run(main(), workers=1)
    """
    assert run_child(program, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}).stdout == "from afar\nagain\n"


def test_functions_of_the_main_program(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        textwrap.dedent("""
        import cpromise as cp
        FACTOR = 3
        class Box:
            def __init__(self, v): self.v = v
        def work(box): return Box(box.v * FACTOR)
        if __name__ == "__main__":
            async def main():
                print((await cp.to_process(work, Box(2))).v, await cp.to_process(lambda: FACTOR))
                def late(): pass
                late.__qualname__ = "late"
                globals()["late"] = late
                try:
                    await cp.to_process(late)
                except AttributeError as error:
                    print(error)
            cp.run(main(), workers=1)
    """)
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(os.path.abspath, sys.path))}
    for command in ([str(script)], ["-m", "script"]):
        done = subprocess.run([sys.executable, *command], capture_output=True, text=True, timeout=60, cwd=tmp_path, env=environment)
        assert done.stdout.startswith("6 3\n__main__ has no 'late' in a worker: it must be made at the top"), done.stderr
    program = "import cpromise as cp\ndef double(x): return x * 2\nprint(cp.run(lambda: cp.to_process(double, 4)))"
    assert run_child(program).stdout == "8\n"


def test_ctrl_c_prints_one_traceback_and_leaves_no_worker(tmp_path):
    program = f"""
        import cpromise as cp, sys
        sys.path.append({os.path.dirname(offcalls.__file__)!r})
        import offcalls
        cp.run(lambda: cp.to_process(offcalls.touch_and_sleep, {str(tmp_path / "pid")!r}, 600), workers=1)
    """
    child = subprocess.Popen([sys.executable, "-c", textwrap.dedent(program)], stderr=subprocess.PIPE, text=True, start_new_session=True)
    wait_until(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text().endswith("\n"))
    os.killpg(child.pid, signal.SIGINT)
    _, errors = child.communicate(timeout=60)
    assert errors.count("KeyboardInterrupt") == 1 and errors.count("Traceback") == 1, errors
    wait_until(lambda: not alive((tmp_path / "pid").read_text().strip()))


def test_no_orphan_when_the_parent_is_killed(tmp_path):
    program = f"""
        import cpromise as cp, sys
        sys.path.append({os.path.dirname(offcalls.__file__)!r})
        import offcalls
        cp.run(lambda: cp.Promise.all([cp.to_process(offcalls.touch_and_sleep, {str(tmp_path / "pids")!r}, 600) for _ in range(2)]), workers=2)
    """
    child = subprocess.Popen([sys.executable, "-c", textwrap.dedent(program)])
    pids = tmp_path / "pids"
    wait_until(lambda: pids.exists() and len(pids.read_text().split()) == 2 and pids.read_text().endswith("\n"))
    child.kill()
    child.wait()
    wait_until(lambda: not any(map(alive, pids.read_text().split())))


def test_a_forked_child_leaves_the_workers_alone():
    program = """
        import os, warnings
        warnings.simplefilter("ignore")
        import cpromise as cp
        async def main():
            first = await cp.to_process(os.getpid)
            child = os.fork()
            if child == 0:
                try:
                    cp.to_process(os.getpid)
                    os._exit(cp.run(lambda: cp.to_process(int)))
                finally:
                    os._exit(1)
            assert os.waitpid(child, 0)[1] == 0
            assert await cp.to_process(os.getpid) == first
        cp.run(main(), workers=1)
    """
    run_child(program)


@pytest.mark.parametrize("state", ["idle", "at work", "on their way", "dead"])
def test_development_mode_has_nothing_to_complain_of(state):
    """In the workers as well, which take over the options of their parent."""
    program = f"""
        import gc, os, time
        import cpromise as cp
        async def main():
            if {state!r} != "on their way":
                await cp.Promise.all([cp.to_process(os.getpid) for _ in range(4)])
            if {state!r} == "dead":
                await cp.to_process(os._exit, 3).catch(cp.WorkerDied, str)
            if {state!r} in ("on their way", "at work"):
                for _ in range(3):
                    cp.to_process(time.sleep, 60).catch(cp.LoopClosedError, str)
            if {state!r} == "at work":
                await cp.sleep(0.1)
        cp.run(main(), workers=2)
        gc.collect()
    """
    done = run_child(program, "-X", "dev", "-W", "error")
    assert done.stdout + done.stderr == ""


# ---- Executors of others


@pytest.mark.parametrize("kind", [concurrent.futures.ThreadPoolExecutor, concurrent.futures.ProcessPoolExecutor])
def test_an_executor_of_concurrent_futures(kind):
    async def main(executor):
        values = await cp.Promise.all([cp.to_executor(executor, offcalls.add, i, c=1) for i in range(5)])
        with pytest.raises(LookupError, match="there"):
            await cp.to_executor(executor, offcalls.fail, "there")
        return values

    with kind(2) as executor:
        assert cp.run(main(executor)) == [11, 12, 13, 14, 15]


def test_cancelling_cancels_the_future():
    gate, ran = threading.Event(), []

    async def main(executor):
        first = cp.to_executor(executor, gate.wait, 20)
        second = cp.to_executor(executor, ran.append, 1)
        assert second.cancel()
        gate.set()
        await first
        with pytest.raises(asyncio.CancelledError):
            await second

    with concurrent.futures.ThreadPoolExecutor(1) as executor:
        cp.run(main(executor))
    assert not ran


def test_an_executor_that_is_shut_down_or_none():
    executor = concurrent.futures.ThreadPoolExecutor(1)
    executor.shutdown()
    with pytest.raises(RuntimeError, match="shutdown"):
        cp.run(lambda: cp.to_executor(executor, int))
    with pytest.raises(TypeError, match="int has no submit"):
        cp.to_executor(5, int)
