"""Loop: order of tasks, timers, threads, signals, fork, closing."""

import os
import signal
import subprocess
import sys
import threading
import time

import cpromise as cp
import pytest


@pytest.fixture
def loop():
    loop = cp.Loop()
    yield loop
    loop.close()


def test_microtasks_drain_between_macrotasks(loop):
    log = []
    for name in "ab":
        loop.call_soon(lambda name=name: (log.append(name), loop.queue_microtask(log.append, name + "!")))
    loop.call_soon(loop.stop)
    loop.run_forever()
    assert log == ["a", "a!", "b", "b!"]


def test_timers_fire_in_the_order_of_their_deadlines_and_never_early(loop):
    log = []
    start = loop.time()
    for delay in (0.012, 0.004, 0.008):
        loop.call_later(delay, lambda d=delay: log.append((d, loop.time() - start)))
    loop.call_at(start + 0.02, loop.stop)
    loop.run_forever()
    assert [d for d, _ in log] == [0.004, 0.008, 0.012]
    assert all(passed >= d for d, passed in log)


def test_a_cancelled_timer_does_not_fire(loop):
    log = []
    timer = loop.call_later(0, log.append, "no")
    assert timer.cancel() and not timer.cancel()
    loop.call_later(0.003, loop.stop)
    loop.run_forever()
    assert log == []


@pytest.mark.parametrize("bad, error", [(float("nan"), ValueError), ("1", TypeError), (None, TypeError)])
def test_seconds_are_checked(bad, error):
    with pytest.raises(error):
        cp.sleep(bad)


def test_huge_and_negative_delays_are_no_trouble(loop):
    for seconds in (float("inf"), 1e300):
        loop.call_later(seconds, print).cancel()
    assert loop.run(cp_sleep(loop, -5)) == "now"


def cp_sleep(loop, seconds):
    async def sleeper():
        return await cp.sleep(seconds, "now")

    return sleeper()


def test_a_failing_callback_is_an_unhandled_rejection(loop):
    loop.call_soon(lambda: 1 / 0)
    with pytest.raises(cp.UnhandledRejections):
        loop.run_forever()
    seen = []
    loop.on_unhandled_rejection = lambda promise, reason: (seen.append((promise, type(reason))), loop.stop())
    loop.call_soon(lambda: 1 / 0)
    loop.run_forever()
    assert seen == [(None, ZeroDivisionError)]


def test_call_soon_threadsafe_wakes_a_loop_that_waits(loop):
    threading.Timer(0.02, loop.call_soon_threadsafe, (loop.stop,)).start()
    loop.run_forever()
    assert loop.stats()["wakeups"] >= 1


def test_resolve_and_reject_may_be_called_from_any_thread():
    def work(resolve, reject):
        threading.Thread(target=resolve, args=("from a thread",)).start()

    async def main():
        return await cp.Promise(work)

    assert cp.run(main()) == "from a thread"


def test_then_from_a_foreign_thread_is_a_wrong_loop_error(loop):
    p = cp.Promise(loop=loop)
    caught = []

    def foreign():
        try:
            p.then(print)
        except cp.WrongLoopError as error:
            caught.append(str(error))

    thread = threading.Thread(target=foreign)
    thread.start()
    thread.join()
    assert "another thread" in caught[0]


def test_each_thread_has_a_loop_of_its_own():
    results = []

    def one(i):
        results.append(cp.run(cp.sleep(0.001, i)))

    threads = [threading.Thread(target=one, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == list(range(8))


def test_run_inside_run_is_refused():
    async def main():
        with pytest.raises(RuntimeError, match="await instead"):
            cp.run(cp.sleep(0))
        return 1

    assert cp.run(main()) == 1


def test_run_takes_a_function_and_refuses_the_rest():
    assert cp.run(lambda: cp.sleep(0, "made by a function")) == "made by a function"
    with pytest.raises(TypeError, match="coroutine, a promise or a function"):
        cp.run(5)
    with pytest.raises(TypeError, match="coroutine, a promise or a function"):
        cp.run(lambda: 5)


def test_get_running_loop_outside_is_an_error():
    with pytest.raises(RuntimeError, match="no cpromise loop"):
        cp.get_running_loop()


def test_a_closed_loop_says_so(loop):
    loop.close()
    loop.close()
    for use in (lambda: loop.call_soon(print), lambda: loop.run_forever(), lambda: cp.Promise(loop=loop)):
        with pytest.raises(cp.LoopClosedError, match="closed"):
            use()


def test_closing_rejects_what_still_sleeps():
    seen = []

    async def sleeper():
        try:
            await cp.sleep(100)
        except cp.LoopClosedError as error:
            seen.append(str(error))

    def start():
        cp.Promise.resolve(sleeper())
        return cp.sleep(0.001)

    cp.run(start)
    assert seen == ["the loop was closed during a sleep()"]


def test_the_gil_is_released_once_a_wait_and_not_when_work_is_ready(loop):
    def again(n):
        if n:
            loop.call_soon(again, n - 1)
        else:
            loop.stop()

    loop.call_soon(again, 100)
    loop.run_forever()
    stats = loop.stats()
    assert stats["polls"] >= 100 and stats["gil_releases"] <= 1


def test_a_forked_child_is_told_and_can_make_a_loop_of_its_own(loop):
    promise = cp.Promise(loop=loop)
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            promise.then(print)
        except RuntimeError as error:
            os.write(write, str(error).encode() + b"|")
        os.write(write, str(cp.run(cp.sleep(0, "alive"))).encode())
        os._exit(0)
    os.close(write)
    os.waitpid(child, 0)
    text = os.read(read, 1000).decode()
    os.close(read)
    assert "fork" in text and text.endswith("|alive")
    loop.call_soon(loop.stop)
    loop.run_forever()


STATES = {
    "waiting": "cp.run(cp.Promise())",
    "microtasks": "loop = cp.Loop()\ndef again(): loop.queue_microtask(again)\nloop.call_soon(again)\nloop.run_forever()",
    "macrotasks": "loop = cp.Loop()\ndef again(): loop.call_soon(again)\nagain()\nloop.run_forever()",
    "thread": "import time\ncp.run(cp.to_thread(time.sleep, 0.4))",
}


@pytest.mark.parametrize("state", STATES)
def test_ctrl_c_ends_every_state(state):
    program = f"import cpromise as cp\nprint('on', flush=True)\ntry:\n" + "".join(
        f"    {line}\n" for line in STATES[state].splitlines()
    )
    program += "except KeyboardInterrupt:\n    print('interrupted', flush=True)\n"
    child = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert child.stdout.readline() == "on\n"
    time.sleep(0.1)
    child.send_signal(signal.SIGINT)
    assert child.communicate(timeout=20)[0] == "interrupted\n"


def test_exit_with_promises_alive_is_quiet():
    program = "import cpromise as cp\nkeep = [cp.sleep(9), cp.Promise().then(print)]\nasync def f(): await keep[0]\nk = cp.Promise.resolve(f())"
    done = subprocess.run([sys.executable, "-X", "dev", "-c", program], capture_output=True, text=True, timeout=20)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


# ---- Asynchronous generators that are left unfinished


async def counting(log):
    try:
        for i in range(10):
            yield i
            await cp.sleep(0)
    finally:
        await cp.sleep(0)
        log.append("closed")


def test_run_closes_the_asynchronous_generators_that_are_unfinished():
    log, kept = [], []

    async def main():
        kept.append(counting(log))
        async for i in kept[0]:
            if i == 2:
                return i

    assert cp.run(main()) == 2
    assert log == ["closed"]


def test_a_generator_that_is_collected_is_closed_by_the_loop():
    log = []

    async def main():
        async for i in counting(log):
            break
        await cp.sleep(0.001)
        return list(log)

    before = sys.get_asyncgen_hooks()
    assert cp.run(main()) == ["closed"]
    assert sys.get_asyncgen_hooks() == before


def test_stop_before_main_has_settled_is_an_error():
    loop = cp.Loop()
    loop.call_soon(loop.stop)
    with pytest.raises(RuntimeError, match="stopped before"):
        loop.run(cp.Promise(loop=loop))
    loop.close()
