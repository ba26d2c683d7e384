"""Ctrl-C, exceptions that end programs, the end of the interpreter, and fork. All of it in child processes."""

import signal
import subprocess
import sys
import textwrap
import time

import pytest

GUARD = 20  # seconds; an interrupt takes a few milliseconds

HEAD = """
import functools, itertools, os, resource, signal, sys, time
import cpromise as cp

signal.alarm(60)  # the end of a child that nobody else ends
resource.setrlimit(resource.RLIMIT_AS, (1 << 33, resource.RLIM_INFINITY))
loop = cp.Loop()

def on(*_):
    print('on', flush=True)

def spin(*_):
    on()
    while True:
        pass

def endless(call):
    '''A partial that calls call(itself): no bytecode runs in it, so Python never gets to look for signals.'''
    fn = functools.partial(call)
    fn.__setstate__((call, (fn,), {}, {}))
    return fn

async def a_thread_sleeps(then=None):
    asleep = []
    cp.to_thread(lambda: (asleep.append(True), time.sleep(1000)))
    while not asleep:
        await cp.sleep(0.001)
    then and then()

class Thenable:
    def then(self, resolve, reject):
        spin()
"""

# Each of these prints "on" and then stays in the state that it is named after.
STATES = {
    "idle in the poller": """
        loop.call_soon(on)
        loop.run(cp.Promise(loop=loop))
    """,
    "idle, run() of the module": """
        cp.run(lambda: (cp.sleep(0).then(on), cp.sleep(1000))[1])
    """,
    "handlers in Python that go on for ever": """
        def again(_):
            return p.then(again)
        p = cp.Promise(lambda resolve, _: resolve(), loop=loop)
        loop.run(p.tap(on).then(again))
    """,
    "handlers in Python, run() of the module": """
        stop = []
        def again(_):
            return stop or cp.Promise.resolve().then(again)
        try:
            cp.run(lambda: cp.sleep(0).tap(on).then(again))
        finally:
            stop.append(1)
    """,
    "then() of functions in C only, run() of the module": """
        def main():
            on()
            p = cp.Promise.resolve(())
            return p.then(endless(p.then))
        cp.run(main)
    """,
    "microtasks in Python that go on for ever": """
        def again():
            loop.queue_microtask(again)
        loop.queue_microtask(on)
        again()
        loop.run_forever()
    """,
    "microtasks in C only": """
        loop.queue_microtask(on)
        loop.queue_microtask(endless(loop.queue_microtask))
        loop.run_forever()
    """,
    "then() of functions in C only": """
        def main():
            on()
            p = cp.Promise.resolve(())
            return p.then(endless(p.then))
        loop.run(main)
    """,
    "then(list) that goes on for ever": """
        async def main():
            on()
            p = cp.Promise.resolve(())
            while True:
                p = p.then(list)
                await p
        loop.run(main())
    """,
    "macrotasks in C only": """
        loop.call_soon(on)
        loop.call_soon(endless(loop.call_soon))
        loop.run_forever()
    """,
    "timers in C only": """
        loop.call_soon(on)
        fn = functools.partial(loop.call_later)
        fn.__setstate__((loop.call_later, (0, fn), {}, {}))
        loop.call_later(0, fn)
        loop.run_forever()
    """,
    "an executor": """
        loop.run(lambda: cp.Promise(spin))
    """,
    "an executor in a handler": """
        loop.run(lambda: cp.sleep(0).then(lambda _: cp.Promise(spin)))
    """,
    "try_": """
        loop.run(lambda: cp.Promise.try_(spin))
    """,
    "the then of a thenable": """
        loop.run(lambda: cp.Promise.resolve(Thenable()))
    """,
    "a coroutine that computes": """
        async def main():
            await cp.sleep(0)
            spin()
        loop.run(main())
    """,
    "a coroutine that awaits what has settled": """
        async def main():
            on()
            while True:
                await cp.Promise.resolve()
        loop.run(main())
    """,
    "a coroutine that waits": """
        async def main():
            loop.call_soon(on)
            await cp.Promise()
        loop.run(main())
    """,
    "an async for over ticks": """
        async def main():
            async for i in cp.interval(0.0001):
                if i == 0:
                    on()
        loop.run(main())
    """,
    "all() without an end": """
        on()
        loop.run(lambda: cp.Promise.all(itertools.count()))
    """,
    "race() without an end, of one promise": """
        on()
        loop.run(lambda: cp.Promise.race(itertools.repeat(cp.Promise())))
    """,
    "any() without an end": """
        on()
        loop.run(lambda: cp.Promise.any(itertools.count()))
    """,
    "all_settled() without an end, outside of run": """
        on()
        cp.Promise.all_settled(itertools.count())
    """,
    "map() without an end": """
        on()
        loop.run(lambda: cp.map(itertools.count(), abs))
    """,
    "map() without an end, one at a time": """
        on()
        loop.run(lambda: cp.map(itertools.count(), abs, concurrency=1))
    """,
    "a timer callback": """
        loop.call_later(0.001, spin)
        loop.run_forever()
    """,
    "a message from a thread": """
        loop.call_soon_threadsafe(spin)
        loop.run_forever()
    """,
    "to_thread": """
        loop.call_soon(on)
        loop.run(lambda: cp.to_thread(time.sleep, 1000))
    """,
    "to_thread, Python code, run() of the module": """
        def work():
            on()
            while True:
                time.sleep(0.001)
        cp.run(lambda: cp.to_thread(work))
    """,
    "closing that waits for a thread": """
        loop.run(a_thread_sleeps())
        on()
        loop.close()
    """,
    "the end of run() that waits for a thread": """
        cp.run(a_thread_sleeps(on))
    """,
    "a file that blocks": """
        os.mkfifo(fifo := f"/tmp/cpromise-test-{os.getpid()}")
        loop.call_soon(on)
        try:
            loop.run(lambda: cp.open_file(fifo))
        finally:
            os.unlink(fifo)
    """,
    "a process that is waited for": """
        loop.call_soon(on)
        loop.run(lambda: cp.spawn(["sleep", "20"], stdout=-3, stderr=-3, start_new_session=True).then(cp.Process.wait))
    """,
    "an async for over signals": """
        async def main():
            async for _ in cp.signal(signal.SIGUSR1):
                pass
        loop.call_soon(on)
        loop.run(main())
    """,
    "run_microtasks() in Python": """
        def again():
            loop.queue_microtask(again)
        again()
        on()
        loop.run_microtasks()
    """,
    "run_microtasks() in C only": """
        loop.queue_microtask(endless(loop.queue_microtask))
        on()
        loop.run_microtasks()
    """,
    "the hook of unhandled rejections": """
        loop.on_unhandled_rejection = spin
        loop.run(lambda: (cp.Promise.reject(1), cp.Promise())[1])
    """,
    "closing, in a handler": """
        waits = cp.Promise(loop=loop)
        waits.catch(cp.LoopClosedError, spin)
        loop.close()
    """,
    "closing, microtasks in C only": """
        p = cp.Promise(lambda resolve, _: resolve(()), loop=loop)
        waits = cp.Promise(loop=loop)
        waits.catch(lambda _: (on(), p.then(endless(p.then)))[1])
        loop.close()
    """,
    "closing, in run() of the module": """
        waits = []
        cp.run(lambda: (waits.append(cp.Promise()), waits[0].catch(cp.LoopClosedError, spin), cp.sleep(0))[2])
    """,
    "the end of asynchronous generators": """
        async def ticks():
            try:
                yield 1
            finally:
                on()
                while True:
                    await cp.sleep(0)
        async def main():
            kept.append(ticks())
            async for _ in kept[0]:
                return
        kept = []
        cp.run(main())
    """,
}


def child(program, *options):
    return subprocess.Popen(
        [sys.executable, "-X", "faulthandler", *options, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


@pytest.mark.parametrize("state", STATES)
def test_ctrl_c_leaves(state):
    program = HEAD + "try:\n" + textwrap.indent(textwrap.dedent(STATES[state]), "    ")
    program += textwrap.dedent("""
        except KeyboardInterrupt:
            print('interrupted', flush=True)
        loop.close()
        assert cp.run(cp.sleep(0, 'again')) == 'again'
        print('end', flush=True)
    """)
    process = child(program)
    try:
        assert process.stdout.readline() == "on\n"
        time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        start = time.monotonic()
        out, err = process.communicate(timeout=GUARD)
        took = time.monotonic() - start
    except subprocess.TimeoutExpired:
        process.kill()
        pytest.fail(f"no interrupt within {GUARD} seconds: {process.communicate()}")
    assert (process.returncode, out) == (0, "interrupted\nend\n"), err
    assert took < GUARD


def run_child(program, *options):
    done = subprocess.run(
        [sys.executable, "-X", "faulthandler", *options, "-c", HEAD + textwrap.dedent(program)], capture_output=True, text=True, timeout=GUARD
    )
    return done.returncode, done.stdout, done.stderr


# ---- What would keep a loop from closing by itself


def test_a_coroutine_that_awaits_what_is_settled_for_ever_does_not_keep_a_loop_open():
    program = """
        async def stubborn():
            try:
                await waits
            except cp.LoopClosedError:
                while True:
                    await settled
        waits, settled = cp.Promise(loop=loop), cp.Promise(lambda resolve, _: resolve(1), loop=loop)
        loop.run(lambda: (kept.append(cp.Promise.resolve(stubborn())), cp.sleep(0))[1])
        loop.close()
        print('closed')
    """
    status, out, errors = run_child("kept = []\n" + textwrap.dedent(program))
    assert (status, out) == (0, "closed\n") and "jobs did not come to an end while their loop was being closed" in errors


# ---- Exceptions that end programs leave at once, and nothing after them runs

PLACES = {
    "handler of then": "cp.sleep(0).then(leave)",
    "handler of catch": "cp.Promise.reject(1).catch(leave)",
    "finally_": "cp.sleep(0).finally_(leave)",
    "tap": "cp.sleep(0).tap(leave)",
    "executor": "cp.Promise(leave)",
    "try_": "cp.Promise.try_(leave)",
    "thenable": "cp.Promise.resolve(Leaving())",
    "then getter": "cp.Promise.resolve(Getter())",
    "coroutine at once": "leaving()",
    "coroutine later": "leaving(0)",
    "coroutine returned by a handler": "cp.sleep(0).then(lambda _: leaving(0))",
    "callback": "(loop.call_soon(leave), cp.Promise())[1]",
    "microtask": "(loop.queue_microtask(leave), cp.Promise())[1]",
    "timer": "(loop.call_later(0, leave), cp.Promise())[1]",
    "message": "(loop.call_soon_threadsafe(leave), cp.Promise())[1]",
    "iterable of all": "cp.Promise.all(leave(x) for x in [1])",
    "function of map": "cp.map([1], leave)",
    "done callback": "(p := cp.sleep(0), p.add_done_callback(leave), cp.Promise())[2]",
    "hook": "(setattr(loop, 'on_unhandled_rejection', leave), cp.Promise.reject(1), cp.Promise())[2]",
}


@pytest.mark.parametrize("error", ["SystemExit(3)", "GeneratorExit()", "KeyboardInterrupt()"])
@pytest.mark.parametrize("place", PLACES)
def test_what_ends_programs_leaves_run_at_once_and_the_loop_can_be_closed(place, error):
    program = f"""
        def leave(*_):
            raise {error}

        class Leaving:
            def then(self, resolve, reject):
                leave()

        class Getter:
            then = property(leave)

        async def leaving(seconds=None):
            if seconds is not None:
                await cp.sleep(seconds)
            leave()

        def main():
            def handled(reason):
                if type(reason) is not cp.LoopClosedError:
                    print('a reason:', reason)
            p = {PLACES[place]}
            return cp.Promise.resolve(p).catch(handled)

        try:
            loop.run(main)
        except {error.split("(")[0]} as error:
            print('left', error.args)
        assert not loop.is_running()
        loop.close()
        assert cp.run(cp.sleep(0, 1)) == 1
    """
    args = "(3,)" if "3" in error else "()"
    assert run_child(program) == (0, f"left {args}\n", "")


def test_the_loop_goes_on_after_a_system_exit_was_caught():
    program = """
        log = []
        def leave(_):
            raise SystemExit
        async def main():
            p = cp.Promise.resolve()
            p.then(leave)
            p.then(log.append)
            await cp.sleep(0)
        try:
            loop.run(main())
        except SystemExit:
            assert log == []
        loop.run(cp.Promise(lambda resolve, _: loop.call_soon(resolve), loop=loop))
        assert log == [None]
        loop.close()
    """
    assert run_child(program) == (0, "", "")


def test_the_status_of_system_exit_is_that_of_the_process():
    assert run_child("cp.run(cp.Promise.resolve().then(lambda _: sys.exit(7)))") == (7, "", "")


STOPPED = [
    "cp.Promise.reject(StopIteration(5))",
    "cp.Promise.resolve().then(lambda _: next(iter(())))",
    "cp.Promise(lambda *_: next(iter(())))",
    "cp.Promise.try_(next, iter(()))",
]


@pytest.mark.parametrize("make", STOPPED)
def test_stop_iteration_is_kept_as_the_reason_and_awaited_as_runtime_error(make):
    program = f"""
        async def main():
            p = {make}
            kind = await p.catch(type)
            assert kind is StopIteration, kind
            assert isinstance(p.peek(), StopIteration)
            try:
                await p
            except RuntimeError as error:
                assert 'StopIteration' in str(error)
                return 'told'
        assert loop.run(main()) == 'told'
        loop.close()
    """
    assert run_child(program) == (0, "", "")


# ---- The end of the interpreter

LEFT = {
    "work queued": "loop.queue_microtask(int)\nloop.call_soon(int)\nloop.call_soon_threadsafe(int)",
    "timers": "timer = loop.call_later(9, int)\ncp.sleep(9)",
    "tasks": "async def f():\n    await cp.sleep(9)\ntask = cp.Promise.resolve(f())",
    "tasks that go on while closing": "async def f():\n    try:\n        await cp.sleep(9)\n    finally:\n        await cp.sleep(9)\n"
    "task = cp.Promise.resolve(f())",
    "a rejection that nobody handled": "lost = cp.Promise.reject(KeyError(1))\nlost_too = cp.Promise(lambda *_: 1 / 0, loop=loop)",
    "chains": "q = p = cp.Promise()\nfor _ in range(100000):\n    q = q.then(int)",
    "a module's global": "sys.kept = [loop, cp.Promise(), cp.sleep(9).then(int), cp.Promise.with_resolvers()]",
    "builtins": "import builtins\nbuiltins.kept = [loop, cp.Promise(), cp.sleep(9).then(int), cp.Promise.with_resolvers()]",
    "a cycle": "box = []\nbox.extend([cp.Promise().then(box.append), box, loop])",
    "an object that resolves when it dies": "p, resolve, _ = cp.Promise.with_resolvers()\nclass Dying:\n    def __del__(self):\n"
    "        resolve(1)\ndying = Dying()\nq = p.then(int)",
    "an object that uses it when it dies": "class Dying:\n    def __del__(self):\n        try:\n            cp.run(cp.sleep(0))\n"
    "        except BaseException:\n            pass\nsys.dying = Dying()",
    "a thread that still resolves": "import threading\np, resolve, _ = cp.Promise.with_resolvers()\ndef work():\n    while True:\n"
    "        resolve(1)\n        try:\n            loop.call_soon_threadsafe(int)\n        except cp.LoopClosedError:\n            pass\n"
    "threading.Thread(target=work, daemon=True).start()",
    "a daemon thread in run": "import threading\nthreading.Thread(target=lambda: cp.run(cp.sleep(9)), daemon=True).start()\ntime.sleep(0.02)",
    "a loop that ran": "cp.run(cp.sleep(0))\nloop.run(lambda: cp.to_thread(int))",
    "combined": "p = cp.Promise.all([cp.sleep(9), cp.Promise()])\nr = cp.Promise.race([p])\nm = cp.map(itertools.repeat(p), int, concurrency=2)",
    "a generator": "async def g():\n    try:\n        yield 1\n    finally:\n        await cp.sleep(0)\nasync def f():\n    async for _ in a:\n"
    "        await cp.sleep(9)\na = g()\ntask = cp.Promise.resolve(f())",
}


@pytest.mark.parametrize("what", LEFT)
def test_the_interpreter_ends_well_with(what):
    code, out, err = run_child(LEFT[what] + "\nprint('end')\n")
    assert (code, out) == (0, "end\n"), err
    assert "Fatal" not in err and "Segmentation" not in err


def test_exit_inside_of_run_with_everything_alive():
    program = """
        async def waiter():
            await cp.sleep(9)
        async def main():
            keep = [cp.Promise.resolve(waiter()), cp.sleep(9).then(print), loop.call_later(9, print)]
            await cp.sleep(0)
            sys.exit(5)
        loop.run(main())
    """
    assert run_child(program) == (5, "", "")


# ---- Fork

USES = {
    "then": "p.then(print)",
    "call_soon": "loop.call_soon(print)",
    "call_later": "loop.call_later(0, print)",
    "queue_microtask": "loop.queue_microtask(print)",
    "run": "loop.run(cp.sleep(0))",
    "run_forever": "loop.run_forever()",
    "run_microtasks": "loop.run_microtasks()",
    "close": "loop.close()",
    "Promise": "cp.Promise(loop=loop)",
    "call_soon_threadsafe": "loop.call_soon_threadsafe(print)",
}


@pytest.mark.parametrize("where", ["outside", "inside of run"])
@pytest.mark.parametrize("use", USES)
def test_a_forked_child_is_refused_the_inherited_loop_and_makes_its_own(use, where):
    program = f"""
        p, resolve, reject = (lambda settle: (cp.Promise(lambda *a: settle.extend(a), loop=loop), *settle))([])

        def fork():
            child = os.fork()
            if child == 0:
                try:
                    {USES[use]}
                except RuntimeError as error:
                    assert 'fork' in str(error), error
                else:
                    os.write(1, b'not refused')
                    os._exit(1)
                resolve = cp.run(cp.sleep(0.001, 'own'))
                new = cp.Loop()
                new.call_soon(new.stop)
                new.run_forever()
                new.close()
                sys.exit(0) if {where == "outside"} else os._exit(0)
            status = os.waitpid(child, 0)[1]
            assert status == 0, status

        async def main():
            fork()

        loop.run(main()) if {where != "outside"} else fork()
        loop.run(cp.Promise(lambda resolve, _: loop.call_later(0.001, resolve), loop=loop))  # the parent's is as it was
        resolve(1)
        assert loop.run(p) == 1
        loop.close()
    """
    assert run_child(program, "-W", "ignore") == (0, "", "")


def test_the_inherited_loop_is_left_alone_when_a_forked_child_ends():
    program = """
        log = []
        kept = [cp.Promise(loop=loop).then(log.append).catch(log.append), loop.call_later(0.02, log.append, 1)]
        current = cp.sleep(9).catch(lambda error: os.write(1, b'a reaction in the child'))
        child = os.fork()
        if child == 0:
            del kept, current
            sys.exit(0)
        assert os.waitpid(child, 0)[1] == 0
        loop.call_later(0.04, loop.stop)
        loop.run_forever()
        assert log == [1]
        loop.on_unhandled_rejection = print
        os._exit(0)
    """
    assert run_child(program, "-W", "ignore") == (0, "", "")
