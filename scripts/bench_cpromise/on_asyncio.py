"""The same operations on asyncio's objects, for its own loop and for uvloop's. asyncio has no then(): the chain is emulated."""

import asyncio
import sys
import threading
import time
import tracemalloc

from on_cpromise import VARIABLE

OPERATIONS = {}  # {name: function(n) that makes a coroutine, which returns the figure}
clock = time.perf_counter_ns


def operation(name):
    def register(make):
        OPERATIONS[name] = make
        return make

    return register


def future():
    return asyncio.get_running_loop().create_future()


def then(source, fn):
    """What then() has to be on asyncio: a future and a closure a link."""
    child = source.get_loop().create_future()

    def react(done):
        try:
            child.set_result(fn(done.result()))
        except Exception as error:
            child.set_exception(error)

    source.add_done_callback(react)
    return child


@operation("chain")
async def chain(n):
    start = clock()
    head = tail = future()
    for _ in range(n):
        tail = then(tail, lambda x: x + 1)
    head.set_result(0)
    assert await tail == n
    return clock() - start


@operation("chain_shared")
async def chain_shared(n):
    def add(x):
        return x + 1

    start = clock()
    head = tail = future()
    for _ in range(n):
        tail = then(tail, add)
    head.set_result(0)
    assert await tail == n
    return clock() - start


@operation("chain_context")
async def chain_context(n):
    VARIABLE.set(1)
    return await chain(n)


@operation("await_chain")
async def await_chain(n):
    async def link(before):
        return await before + 1

    start = clock()
    head = tail = future()
    for _ in range(n):
        tail = asyncio.create_task(link(tail))
    head.set_result(0)
    assert await tail == n
    return clock() - start


@operation("await_each")
async def await_each(n):
    loop = asyncio.get_running_loop()
    later, make = loop.call_soon, loop.create_future
    start = clock()
    for _ in range(n):
        waiter = make()
        later(waiter.set_result, 1)
        await waiter
    return clock() - start


@operation("callback")
async def callback(n):
    finished = future()
    schedule, left = asyncio.get_running_loop().call_soon, n

    def step():
        nonlocal left
        left -= 1
        if left:
            schedule(step)
        else:
            finished.set_result(None)

    start = clock()
    schedule(step)
    await finished
    return clock() - start


@operation("await")
async def await_settled(n):
    start = clock()
    for _ in range(n):
        await asyncio.sleep(0)
    return clock() - start


@operation("all")
async def all_pending(n):
    futures = [future() for _ in range(n)]
    start = clock()
    gathered = asyncio.gather(*futures)
    for waiter in futures:
        waiter.set_result(1)
    await gathered
    return clock() - start


@operation("all_settled")
async def all_settled(n):
    futures = [future() for _ in range(n)]
    for waiter in futures:
        waiter.set_result(1)
    start = clock()
    await asyncio.gather(*futures)
    return clock() - start


@operation("timer")
async def timer(n):
    call_later, finished = asyncio.get_running_loop().call_later, future()
    delays = [0.001 + i % 16 * 0.0001 for i in range(n - 1)]
    start = clock()
    for delay in delays:
        call_later(delay, int)
    call_later(0.003, finished.set_result, None)
    wait = clock()
    time.sleep(0.004)  # all are due; the wait is off the clock
    fire = clock()
    await finished
    return clock() - fire + wait - start


@operation("timer_cancel")
async def timer_cancel(n):
    call_later = asyncio.get_running_loop().call_later
    start = clock()
    for _ in range(n):
        call_later(1000, int).cancel()
    await asyncio.sleep(0)
    return clock() - start


@operation("thread")
async def thread(n):
    loop, futures, go = asyncio.get_running_loop(), [future() for _ in range(n)], threading.Lock()
    go.acquire()

    def settle():
        go.acquire()
        for waiter in futures:
            loop.call_soon_threadsafe(waiter.set_result, 1)

    worker = threading.Thread(target=settle)
    worker.start()
    start = clock()
    go.release()
    await futures[-1]
    taken = clock() - start
    worker.join()
    return taken


async def idle(n):
    """As on cpromise."""
    loop, waiters, there_and_back = asyncio.get_running_loop(), [], []
    ask, answer = threading.Lock(), threading.Lock()
    ask.acquire()
    answer.acquire()

    def settle():
        for _ in range(n):
            ask.acquire()
            time.sleep(0.0003)
            start = clock()
            loop.call_soon_threadsafe(waiters.pop().set_result, start)
            answer.acquire()
            there_and_back.append(clock() - start)

    worker = threading.Thread(target=settle)
    worker.start()
    one_way = []
    for _ in range(n):
        waiters.append(waiter := future())
        ask.release()
        start = await waiter
        one_way.append(clock() - start)
        answer.release()
    worker.join()
    return sorted(one_way)[n // 2] / 1e3, sorted(there_and_back)[n // 2] / 1e3


@operation("idle")
async def idle_one_way(n):
    return (await idle(n))[0]


@operation("idle_round")
async def idle_round_trip(n):
    return (await idle(n))[1]


@operation("size")
async def size(n):
    return sys.getsizeof(future())


async def traced_growth(n, add):
    kept = [None] * n
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    for i in range(n):
        kept[i] = add(kept[i - 1])
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    return round(grown / n, 1)


@operation("traced")
async def traced(n):
    make = asyncio.get_running_loop().create_future
    return await traced_growth(n, lambda before: make())


@operation("traced_link")
async def traced_link(n):
    return await traced_growth(n, lambda before: then(before or future(), int))


def on_loop(make_loop):
    """{name: function(n)} that runs each operation on a fresh loop."""

    def runs(make):
        def run(n):
            with asyncio.Runner(loop_factory=make_loop) as runner:
                return runner.run(make(n))

        return run

    return {name: runs(make) for name, make in OPERATIONS.items()}
