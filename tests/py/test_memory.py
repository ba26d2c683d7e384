"""Memory: nothing is left to the garbage collector, no block leaks, and the process does not grow."""

import asyncio
import contextvars
import gc
import subprocess
import sys
import textwrap

import cpromise as cp
import pytest

VARIABLE = contextvars.ContextVar("variable", default=0)


def ignore(_):
    return None


def fail(_):
    raise ValueError("an exception of its own each time")


def caught():
    return cp.Promise.reject(1).then(ignore).catch(ignore)


def raised_and_caught():
    return cp.Promise.resolve(1).then(fail).then(ignore).catch(ValueError, ignore)


def all_with_a_rejection_and_losers():
    losers = [cp.Promise() for _ in range(3)]
    return cp.Promise.all([*losers, cp.Promise.reject(KeyError())]).catch(ignore)


def race_with_pending_losers():
    return cp.Promise.race([cp.Promise(), cp.Promise.resolve(1), cp.Promise().then(ignore)])


def any_that_fails():
    return cp.Promise.any([cp.Promise.reject(1), cp.Promise.reject(KeyError())]).catch(cp.AggregateError, ignore)


def all_settled():
    return cp.Promise.all_settled([cp.Promise.reject(1), cp.Promise.resolve([2]), 3])


def keyed():
    return cp.all_keyed({"a": cp.Promise.resolve(1), "b": 2}).then(lambda _: cp.all_settled_keyed({"a": cp.Promise.reject(1)}))


def timeout_in_time():
    return cp.Promise.resolve(1).then(ignore).timeout(100)


def timeout_that_expires():
    return cp.sleep(100).then(ignore).timeout(0).catch(TimeoutError, ignore)


def sleeps():
    return cp.sleep(0, [1]).delay(0)


def cancelled():
    p = cp.Promise().then(ignore).finally_(int)
    p.cancel("enough")
    return p.catch(asyncio.CancelledError, ignore)


def cancelled_sleep():
    p = cp.sleep(100).then(ignore)
    p.cancel()
    return p.catch(asyncio.CancelledError, ignore)


def cancelled_all():
    p = cp.Promise.all([cp.sleep(100), cp.Promise(), cp.Promise.resolve(1)])
    p.cancel()
    return p.catch(asyncio.CancelledError, ignore)


def finally_and_tap():
    return cp.Promise.reject([1]).finally_(cp.Promise.resolve).catch(ignore).tap(lambda v: cp.Promise.resolve(v)).finally_(int)


class Thenable:
    def then(self, resolve, reject):
        resolve([self])


class Failing:
    def then(self, resolve, reject):
        raise KeyError(self)


class Silent:
    def then(self, resolve, reject):
        pass


def thenables():
    cp.Promise.resolve(Silent())
    return cp.Promise.all([Thenable(), Thenable()]).then(lambda _: Failing()).catch(ignore)


async def raising():
    await cp.Promise.resolve()
    raise ValueError("raised in a coroutine")


async def catching():
    try:
        await raising()
    except ValueError:
        return await cp.Promise.reject(KeyError(1)).catch(ignore)


def coroutines():
    return cp.Promise.resolve(catching()).then(lambda _: raising()).catch(ValueError, ignore)


def cancelled_coroutine():
    p = cp.Promise.from_coroutine(sleeping())
    p.cancel()
    return p.catch(asyncio.CancelledError, ignore)


async def sleeping():
    try:
        await cp.sleep(100)
    finally:
        await cp.Promise.resolve()


def mapped():
    return cp.map(range(5), lambda n: cp.Promise.resolve([n]), concurrency=2)


def mapped_that_fails():
    return cp.map([1, 0, cp.Promise()], lambda n: 1 / n, concurrency=2).catch(ZeroDivisionError, ignore)


def never_settled():
    p, resolve, reject = cp.Promise.with_resolvers()
    p.then(ignore).catch(ignore)
    return cp.Promise.resolve()


def resolvers_that_settle():
    p, resolve, reject = cp.Promise.with_resolvers()
    resolve([1])
    reject(2)
    return p


def executors():
    return cp.Promise(lambda resolve, reject: fail(1)).catch(ignore)


def adoption():
    return cp.Promise.resolve(1).then(lambda _: cp.Promise.resolve(1).then(lambda _: cp.Promise.resolve(1)))


def asyncio_face():
    p = cp.Promise.resolve(1).then(ignore)
    p.add_done_callback(ignore)
    p.add_done_callback(fail)
    p.remove_done_callback(fail)
    return p


def contexts():
    def change(value):
        VARIABLE.set(value)
        return VARIABLE.get()

    VARIABLE.set([1])
    return cp.Promise.resolve([2]).then(change).then(change).then(lambda _: change([3]))


def callbacks():
    loop = cp.get_running_loop()
    loop.call_soon(ignore, [1])
    loop.queue_microtask(ignore, [1])
    loop.call_later(0, ignore, [1])
    loop.call_later(100, ignore, [1]).cancel()
    return cp.sleep(0)


def threads():
    return cp.to_thread(fail, 1).catch(ValueError, ignore)


def unhandled_and_handled_late():
    p = cp.Promise.reject(KeyError())
    return cp.sleep(0).then(lambda _: p.catch(ignore))


MAKERS = {
    maker.__name__: (maker, count)
    for count, makers in {
        100_000: [caught, raised_and_caught],
        2000: [all_with_a_rejection_and_losers, race_with_pending_losers, any_that_fails, all_settled, keyed, timeout_in_time],
        2001: [timeout_that_expires, sleeps, cancelled, cancelled_sleep, cancelled_all, finally_and_tap, thenables, coroutines],
        2002: [cancelled_coroutine, mapped, mapped_that_fails, never_settled, resolvers_that_settle, executors, adoption],
        2003: [asyncio_face, contexts, callbacks, unhandled_and_handled_late],
        500: [threads],
    }.items()
    for maker in makers
}


async def repeat(make, count):
    for _ in range(count):
        await make()
    await cp.sleep(0)  # the last promise and its job are gone as well


def left_behind(make, count):
    """What count calls leave: objects that only the collector would find, and blocks of memory."""
    found = []

    async def main():
        await repeat(make, 100)
        gc.collect()
        gc.disable()
        await repeat(make, min(count, 5000))  # fills free lists: the interpreter's, which a collection empties, and ours
        before = sys.getallocatedblocks()
        await repeat(make, count)
        after = sys.getallocatedblocks()
        found.extend((gc.collect(), after - before))

    loop = cp.Loop()
    loop.on_unhandled_rejection = lambda promise, reason: None
    try:
        loop.run(main())
    finally:
        gc.enable()
        loop.close()
    return found


@pytest.mark.parametrize("what", MAKERS)
def test_nothing_is_left(what):
    garbage, blocks = left_behind(*MAKERS[what])
    # without the GIL, the last objects that a thread made wait for that thread to merge their counts
    late = 40 if what == "threads" and hasattr(sys, "_is_gil_enabled") and not sys._is_gil_enabled() else 0
    assert garbage <= late
    assert blocks < 40, "a leak of one block for each call would be thousands"


def test_a_million_chains_rejected_and_caught_leave_nothing():
    def thousand():
        for _ in range(999):
            cp.Promise.reject(None).then(ignore).catch(ignore)
        return caught()

    garbage, blocks = left_behind(thousand, 1000)
    assert garbage == 0
    assert blocks < 40


def test_the_size_of_a_promise_with_its_gc_head():
    p = cp.Promise()
    q = p.then(ignore)
    for promise in (p, q, cp.Promise.resolve(1), cp.sleep(0), cp.Promise.all([])):
        assert sys.getsizeof(promise) <= 88  # on a free-threaded build too: no head for the collector, a larger one for counts


@pytest.mark.parametrize("length", [1, 1000, 100_000])
def test_a_pending_chain_that_is_abandoned_dies_without_the_collector(length):
    loop = cp.Loop()
    gc.collect()
    gc.disable()
    try:
        before = loop.stats()["promises_alive"]
        q = p = cp.Promise(loop=loop)
        for _ in range(length):
            q = q.then(ignore)
        assert loop.stats()["promises_alive"] == before + length + 1
        del p, q
        assert loop.stats()["promises_alive"] == before
    finally:
        gc.enable()
        loop.close()


@pytest.mark.parametrize("make", [cp.Promise, lambda: cp.Promise().then(ignore), lambda: cp.Promise.race([cp.Promise()])])
def test_a_timeout_expires_when_what_it_waited_for_has_died(make):
    loop = cp.Loop()
    stopped = []
    loop.call_later(2, lambda: (stopped.append(1), loop.stop()))

    async def main():
        with pytest.raises(TimeoutError):
            await make().timeout(0.001)

    try:
        loop.run(main())
    except RuntimeError:
        assert not stopped, "timeout() never expired"
    loop.close()


def test_a_head_that_is_kept_keeps_its_chain_and_a_tail_does_not_keep_its_head():
    loop = cp.Loop()
    head = cp.Promise(loop=loop)
    tail = head.then(ignore).then(ignore)
    alive = loop.stats()["promises_alive"]
    del tail
    assert loop.stats()["promises_alive"] == alive
    tail = head.then(ignore)
    del head
    assert loop.stats()["promises_alive"] <= 1 + alive - 3
    loop.close()


def test_what_a_promise_holds_dies_with_it():
    class Value:
        alive = 0

        def __init__(self):
            Value.alive += 1

        def __del__(self):
            Value.alive -= 1

        def __call__(self, value):
            return value

    async def main():
        for _ in range(50):
            value = Value()
            await cp.Promise.resolve(value).then(Value()).then(lambda v: (v, Value()))
            await cp.Promise.reject(value).catch(Value())
            cp.Promise(lambda resolve, reject: None).then(Value(), Value())
            cp.get_running_loop().call_soon(Value(), Value())
            cp.get_running_loop().call_later(0, Value(), Value())
            cp.get_running_loop().call_later(100, Value(), Value()).cancel()
        del value
        await cp.sleep(0.001)
        await cp.sleep(0)  # on a slow machine the first may end in the turn in which call_soon has yet to run
        return Value.alive

    gc.disable()
    try:
        assert cp.run(main()) == 0
    finally:
        gc.enable()


def test_a_promise_keeps_nothing_once_it_has_its_outcome():
    class Handler:
        alive = 0

        def __init__(self):
            Handler.alive += 1

        def __call__(self, *_):
            return None

        def __del__(self):
            Handler.alive -= 1

    async def main():
        kept = [cp.Promise.resolve(1).then(Handler(), Handler()), cp.Promise.resolve(1).catch(Handler())]
        kept.append(cp.Promise.resolve(1).finally_(Handler()))
        await cp.sleep(0.001)
        assert Handler.alive == 0
        return kept

    cp.run(main())


def test_cycles_through_promises_are_found_by_the_collector():
    loop = cp.Loop()
    before = loop.stats()["promises_alive"]
    for _ in range(100):
        settle, box = [], []
        p = cp.Promise(lambda *pair: settle.extend(pair), loop=loop)
        box.extend([p, p.then(box.append), settle])  # pending; its handler, its value and its resolvers lead back to it
        q = cp.Promise(lambda *pair: settle.extend(pair), loop=loop)
        q.then(lambda _, q=q: q)
        settle[2]([q, settle])
    loop.run_microtasks()
    del p, q, settle, box
    gc.collect()
    gc.collect()
    assert loop.stats()["promises_alive"] <= before + 1
    loop.close()


def test_a_dropped_loop_leaves_no_descriptor_open():
    import os

    def count():
        return len(os.listdir("/dev/fd"))

    before = count()
    for _ in range(50):
        loop = cp.Loop()
        p = cp.Promise(loop=loop)
        p.then(ignore)
        loop.call_later(100, ignore)
        loop.call_soon(ignore, loop)
        del p, loop
        cp.run(cp.sleep(0))
    gc.collect()
    assert count() <= before


GROWTH = """
import cpromise as cp

def resident():
    with open('/proc/self/statm') as file:
        return int(file.read().split()[1]) * 4096

async def settle(count):
    for _ in range(count // 2000):
        await cp.Promise.all([cp.Promise.resolve(i).then(int) for i in range(1000)])

async def main():
    await settle(200_000)
    before = resident()
    await settle(1_000_000)
    return resident() - before

print(cp.run(main()))
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc/self/statm")
def test_a_million_settles_do_not_grow_the_process():
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(GROWTH)], capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) <= 1 << 20
