"""What leaves run() at once, from every state: Ctrl-C, SystemExit, GeneratorExit; and how an interpreter ends with work undone."""

import os
import signal
import subprocess
import sys
import threading
import time

import cpromise as cp
import pytest

PRELUDE = """
import cpromise as cp, functools, itertools, sys, time
loop = cp.Loop()
def again(*_): loop.queue_microtask(again)
def spin(*_):
    while True: pass
class Thenable:
    def then(self, resolve, reject): spin()
async def awaits(make):
    while True: await make()
class Endless:
    def __iter__(self): return self
    def __next__(self): return 1
only_c = functools.partial(loop.queue_microtask)
only_c.__setstate__((loop.queue_microtask, (only_c,), {}, {}))
print("ready", flush=True)
try:
    CODE
except KeyboardInterrupt:
    loop.close()
    print("interrupted", flush=True)
"""
STATES = {
    "waiting in the poller": "loop.run(cp.Promise(loop=loop))",
    "run_forever": "loop.run_forever()",
    "microtasks": "loop.queue_microtask(again); loop.run(cp.Promise(loop=loop))",
    "microtasks driven from outside": "loop.queue_microtask(again); loop.run_microtasks()",
    "microtasks of C functions only": "loop.queue_microtask(only_c); loop.run_microtasks()",
    "a handler": "cp.run(cp.Promise.resolve().then(spin))",
    "an executor": "cp.Promise(spin)",
    "a thenable": "cp.Promise(lambda resolve, reject: resolve(Thenable()), loop=loop); loop.run_microtasks()",
    "a coroutine that sleeps": "cp.run(awaits(lambda: cp.sleep(0)))",
    "a coroutine that never waits": "cp.run(awaits(cp.Promise.resolve))",
    "all() over an endless iterator": "cp.Promise.all(itertools.count())",
    "race() in a run": "cp.run(lambda: cp.Promise.race(Endless()))",
    "map() over an endless iterator": "cp.run(lambda: cp.map(itertools.count(), int))",
    "a timer": "loop.call_later(0, spin); loop.run_forever()",
    "a thread of the pool that sleeps": "cp.run(lambda: cp.to_thread(time.sleep, 0.3))",
}


@pytest.mark.parametrize("state", STATES)
def test_ctrl_c_leaves_every_state(state):
    code = PRELUDE.replace("CODE", STATES[state])
    child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert child.stdout.readline() == "ready\n"
    time.sleep(0.1)
    child.send_signal(signal.SIGINT)
    out, err = child.communicate(timeout=30)
    assert (out, child.returncode) == ("interrupted\n", 0), err


@pytest.mark.skipif(threading.current_thread() is not threading.main_thread(), reason="signals reach the main thread only")
def test_the_wakeup_descriptor_of_others_is_put_back():
    read, write = os.pipe()
    os.set_blocking(write, False)
    before = signal.set_wakeup_fd(write)
    try:
        cp.run(cp.sleep(0))
        assert signal.set_wakeup_fd(write) == write
    finally:
        signal.set_wakeup_fd(before)
        os.close(read)
        os.close(write)


PLACES = {
    "handler": lambda stop: cp.run(cp.Promise.resolve().then(stop)),
    "catch": lambda stop: cp.run(cp.Promise.reject().catch(stop)),
    "finally_": lambda stop: cp.run(cp.Promise.resolve().finally_(stop)),
    "tap": lambda stop: cp.run(cp.Promise.resolve().tap(stop)),
    "executor": lambda stop: cp.run(lambda: cp.Promise(stop)),
    "try_": lambda stop: cp.run(lambda: cp.Promise.try_(stop)),
    "coroutine": lambda stop: cp.run(raising(stop)),
    "thenable": lambda stop: cp.run(lambda: cp.Promise.resolve(type("Thenable", (), {"then": stop})())),
    "getter of then": lambda stop: cp.run(lambda: cp.Promise.resolve(type("Getter", (), {"then": property(stop)})())),
    "iterator": lambda stop: cp.run(lambda: cp.Promise.all(stop() for _ in range(3))),
    "map": lambda stop: cp.run(lambda: cp.map([1], stop)),
    "microtask": lambda stop: cp.run(lambda: calls(lambda loop: loop.queue_microtask(stop))),
    "callback": lambda stop: cp.run(lambda: calls(lambda loop: loop.call_soon(stop))),
    "timer": lambda stop: cp.run(lambda: calls(lambda loop: loop.call_later(0, stop))),
}


async def raising(stop):
    await cp.sleep(0)
    stop()


async def calls(schedule):
    schedule(cp.get_running_loop())
    await cp.sleep(1000)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("exception", [KeyboardInterrupt, SystemExit, GeneratorExit])
def test_what_ends_programs_leaves_run_at_once(place, exception):
    def stop(*_):
        raise exception("stop")

    with pytest.raises(exception, match="stop"):
        PLACES[place](stop)
    assert cp.run(cp.sleep(0, "another run")) == "another run"


def test_stop_iteration_is_kept_as_a_reason_and_awaited_as_a_runtime_error():
    def stop(*_):
        raise StopIteration(5)

    async def main():
        rejected = cp.Promise.resolve().then(stop)
        assert await rejected.catch(lambda reason: type(reason)) is StopIteration
        with pytest.raises(RuntimeError, match="StopIteration"):
            await rejected

    cp.run(main())


LEFTOVERS = """
import cpromise as cp
p = cp.Promise(); q = p.then(print); r = cp.Promise.reject(ValueError()); s = cp.sleep(1000)
async def stuck():
    try: await p
    finally: print("ended")
t = cp.Promise.from_coroutine(stuck())
loop = cp.Loop(); loop.call_soon(print, "never"); loop.call_later(1, print)
loop.call_soon_threadsafe(print, "never")
a = cp.Promise.all([p, cp.Promise.race([])]); m = cp.map([p], print)
"""


ENDS = ["", "raise SystemExit(0)", "cp.run(cp.sleep(0), unhandled='ignore')", "import threading; threading.Thread(target=cp.Promise).start()"]


@pytest.mark.parametrize("end", ENDS)
def test_an_interpreter_ends_quietly_with_work_undone(end):
    done = subprocess.run([sys.executable, "-X", "faulthandler", "-c", LEFTOVERS + end], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "ended" in done.stdout and "Error" not in done.stderr.replace("UnhandledRejections", "")


def test_a_forked_child_cannot_use_the_loop_but_can_make_one():
    loop = cp.Loop()
    promise = cp.Promise(loop=loop)
    child = os.fork()
    if child == 0:
        try:
            with pytest.raises(RuntimeError, match="before fork"):
                loop.run(promise)
            with pytest.raises(RuntimeError, match="before fork"):
                promise.then(print)
            os._exit(cp.run(cp.sleep(0.001, 7)))
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
    loop.close()
