"""Every operation on cpromise: {name: function(n)}, each gives the nanoseconds that n operations took, or what its row says.

callgrind.py runs these functions in a child of their own, so this file needs cpromise and modules written in C only.
"""

import _thread
import contextvars
import sys
import time

import cpromise as cp

OPERATIONS = {}
VARIABLE = contextvars.ContextVar("VARIABLE")
clock = time.perf_counter_ns
KEPT = 10000  # more than the free list holds: what is made after so many is allocated


def operation(name):
    """Registers a function that is given n and makes a coroutine, which returns the figure."""

    def register(make):
        OPERATIONS[name] = lambda n: cp.run(make(n))
        return make

    return register


def pending(n):
    """n pending promises, and the functions that resolve them."""
    made = [cp.Promise.with_resolvers() for _ in range(n)]
    return [promise for promise, _, _ in made], [resolve for _, resolve, _ in made]


@operation("chain")
async def chain(n):
    start = clock()
    tail, resolve, _ = cp.Promise.with_resolvers()
    for _ in range(n):
        tail = tail.then(lambda x: x + 1)
    resolve(0)
    assert await tail == n
    return clock() - start


@operation("chain_shared")
async def chain_shared(n):
    def add(x):
        return x + 1

    start = clock()
    tail, resolve, _ = cp.Promise.with_resolvers()
    for _ in range(n):
        tail = tail.then(add)
    resolve(0)
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
    tail, resolve, _ = cp.Promise.with_resolvers()
    for _ in range(n):
        tail = cp.Promise.from_coroutine(link(tail))
    resolve(0)
    assert await tail == n
    return clock() - start


@operation("await_each")
async def await_each(n):
    later, make = cp.get_running_loop().queue_microtask, cp.Promise.with_resolvers
    start = clock()
    for _ in range(n):
        promise, resolve, _ = make()
        later(resolve, 1)
        await promise
    return clock() - start


@operation("callback")
async def callback(n):
    finished, finish, _ = cp.Promise.with_resolvers()
    schedule, left = cp.get_running_loop().queue_microtask, n

    def step():
        nonlocal left
        left -= 1
        if left:
            schedule(step)
        else:
            finish()

    start = clock()
    schedule(step)
    await finished
    return clock() - start


@operation("await")
async def await_settled(n):
    settled, start = cp.Promise.resolve(1), clock()
    for _ in range(n):
        await settled
    return clock() - start


@operation("all")
async def all_pending(n):
    promises, resolves = pending(n)
    start = clock()
    gathered = cp.Promise.all(promises)
    for resolve in resolves:
        resolve(1)
    await gathered
    return clock() - start


@operation("all_settled")
async def all_settled(n):
    promises = [cp.Promise.resolve(1) for _ in range(n)]
    start = clock()
    await cp.Promise.all(promises)
    return clock() - start


@operation("timer")
async def timer(n):
    call_later = cp.get_running_loop().call_later
    finished, finish, _ = cp.Promise.with_resolvers()
    delays = [0.001 + i % 16 * 0.0001 for i in range(n - 1)]
    start = clock()
    for delay in delays:
        call_later(delay, int)
    call_later(0.003, finish)
    wait = clock()
    time.sleep(0.004)  # all are due; the wait is off the clock
    fire = clock()
    await finished
    return clock() - fire + wait - start


@operation("timer_cancel")
async def timer_cancel(n):
    call_later = cp.get_running_loop().call_later
    start = clock()
    for _ in range(n):
        call_later(1000, int).cancel()
    await cp.sleep(0)
    return clock() - start


@operation("thread")
async def thread(n):
    promises, resolves = pending(n)
    go = _thread.allocate_lock()
    go.acquire()

    def settle():
        go.acquire()
        for resolve in resolves:
            resolve(1)

    _thread.start_new_thread(settle, ())
    start = clock()
    go.release()
    await promises[-1]
    return clock() - start


@operation("thread_drained")
async def thread_drained(n):
    """As "thread", but the loop looks when the thread is done: for callgrind, since the two then never compete."""
    promises, resolves = pending(n)
    ended = _thread.allocate_lock()
    ended.acquire()

    def settle():
        for resolve in resolves:
            resolve(1)
        ended.release()

    start = clock()
    _thread.start_new_thread(settle, ())
    ended.acquire()
    await promises[-1]
    return clock() - start


async def idle(n):
    """Medians of n wake-ups in microseconds: (until the loop runs, until the thread hears of it)."""
    ask, answer = _thread.allocate_lock(), _thread.allocate_lock()
    resolves, there_and_back = [], []
    ask.acquire()
    answer.acquire()

    def settle():
        for _ in range(n):
            ask.acquire()
            time.sleep(0.0003)  # the loop waits by now
            start = clock()
            resolves.pop()(start)
            answer.acquire()
            there_and_back.append(clock() - start)

    _thread.start_new_thread(settle, ())
    one_way = []
    for _ in range(n):
        promise, resolve, _ = cp.Promise.with_resolvers()
        resolves.append(resolve)
        ask.release()
        start = await promise
        one_way.append(clock() - start)
        answer.release()
    while len(there_and_back) < n:
        await cp.sleep(0.0001)
    return sorted(one_way)[n // 2] / 1e3, sorted(there_and_back)[n // 2] / 1e3


@operation("idle")
async def idle_one_way(n):
    return (await idle(n))[0]


@operation("idle_round")
async def idle_round_trip(n):
    return (await idle(n))[1]


@operation("size")
async def size(n):
    return sys.getsizeof(cp.Promise())  # the GC head counts, where there is one


@operation("traced")
async def traced(n):
    import tracemalloc

    kept = [None] * n
    hold = [cp.Promise() for _ in range(KEPT)]
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    for i in range(n):
        kept[i] = cp.Promise()
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    del hold
    return round(grown / n, 1)


@operation("traced_link")
async def traced_link(n):
    import tracemalloc

    hold = [cp.Promise() for _ in range(KEPT)]
    root = tail = cp.Promise()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    for _ in range(n):
        tail = tail.then(int)
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    del hold, root
    return round(grown / n, 1)
