"""What promises cost and leave behind: bytes, cycles, growth."""

import asyncio
import contextvars
import gc
import sys

import cpromise as cp
import pytest

var = contextvars.ContextVar("var")


def test_a_pending_promise_takes_88_bytes_with_its_gc_head():
    async def main():
        return sys.getsizeof(cp.Promise().then(int))

    # a free-threaded build has a larger object head and none of the collector's
    assert cp.run(main()) <= 88


async def caught(n):
    for _ in range(n):
        await cp.Promise.reject(ValueError(1)).then(int).catch(lambda error: None)


async def losers(n):
    for _ in range(n):
        await cp.Promise.all([cp.Promise(), cp.Promise.reject(KeyError())]).catch(lambda error: None)
        await cp.Promise.race([cp.Promise(), 1])
        await cp.Promise.any([cp.Promise.reject(1), cp.Promise(), 2])


async def timed_out(n):
    for _ in range(n):
        await cp.Promise().timeout(0).catch(TimeoutError, lambda error: None)
        await cp.Promise.resolve(1).timeout(1000)


async def cancelled(n):
    for _ in range(n):
        chain = cp.sleep(1000).then(int).finally_(int)
        chain.cancel()
        await chain.catch(asyncio.CancelledError, lambda error: None)
        together = cp.Promise.all([cp.Promise(), cp.sleep(1000)])
        together.cancel()
        await together.catch(asyncio.CancelledError, lambda error: None)


class Thenable:
    def then(self, resolve, reject):
        resolve(1)
        raise ValueError("not heard")


async def thenables(n):
    for _ in range(n):
        await cp.Promise.resolve(Thenable())


async def fails():
    await cp.sleep(0)
    raise ValueError(1)


async def coroutines(n):
    for _ in range(n):
        await cp.Promise.from_coroutine(fails()).catch(lambda error: None)


async def mapped(n):
    for _ in range(n):
        await cp.map(range(5), lambda k: cp.sleep(0, k), concurrency=2)
        await cp.map([1, 0], lambda k: 1 / k).catch(lambda error: None)


async def never_settled(n):
    for _ in range(n):
        promise, resolve, reject = cp.Promise.with_resolvers()
        promise.then(int).catch(int).finally_(int)
        cp.Promise.all([promise, cp.Promise()]).then(int)


async def called_back(n):
    for _ in range(n):
        promise = cp.Promise.resolve(1)
        promise.add_done_callback(lambda done: None)
        await promise


async def with_variables(n):
    for number in range(n):
        var.set(number)
        await cp.Promise.resolve(1).then(var.set)


SCENES = [caught, losers, timed_out, cancelled, thenables, coroutines, mapped, never_settled, called_back, with_variables]


@pytest.mark.parametrize("scene", SCENES)
def test_nothing_is_left_for_the_collector(scene):
    """With the collector off, only reference counts free anything."""

    async def main():
        await scene(2000)  # as many as later: dead promises are kept to be used again
        await cp.sleep(0.001)
        gc.collect()
        before = sys.getallocatedblocks()
        await scene(2000)
        await cp.sleep(0.001)
        return sys.getallocatedblocks() - before, gc.collect()

    gc.disable()
    try:
        grown, garbage = cp.run(main(), debug=False)
    finally:
        gc.enable()
    assert garbage == 0
    assert grown < 1200  # handled rejections wait for the next sweep, so the peak varies; a leak would be 2000 or more


def test_a_million_settles_do_not_grow_the_process():
    if not sys.platform.startswith("linux"):
        pytest.skip("reads /proc")

    def resident():
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * 4096

    async def settle(bursts):
        for _ in range(bursts):
            promise = cp.Promise.resolve(0)
            for _ in range(1000):
                promise = promise.then(int)
            await promise

    async def main():
        await settle(100)
        before = resident()
        await settle(1000)
        return resident() - before

    assert cp.run(main(), debug=False) <= 2**20


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
