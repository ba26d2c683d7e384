"""One slice of offloop.py: `offloop_slice.py CONTENDER WHAT SECONDS` prints one figure. In a process of its own, since pools leave traces."""

import asyncio
import concurrent.futures
import functools
import os
import sys
import time

import cpromise as cp

WORKERS = 2
BURST = 500  # tasks that are under way at once, pipelined
FIB = 24
QUEENS = 11


def nothing():
    pass


def fib(n):
    return n if n < 2 else fib(n - 1) + fib(n - 2)


async def round_trip(call, gather, seconds):
    """us of one empty task after the other."""
    count, start = 0, time.perf_counter()
    while (spent := time.perf_counter() - start) < seconds:
        for _ in range(20):
            await call(nothing)
        count += 20
    return spent / count * 1e6


async def pipelined(call, gather, seconds):
    """us a task, of many at once."""
    count, start = 0, time.perf_counter()
    while (spent := time.perf_counter() - start) < seconds:
        await gather([call(nothing) for _ in range(BURST)])
        count += BURST
    return spent / count * 1e6


async def speed_up(call, gather, seconds, task=(nothing,)):
    """How much sooner two tasks are done at once than one after the other, in turns."""
    one = two = 0.0
    start = time.perf_counter()
    while time.perf_counter() - start < seconds:
        begin = time.perf_counter()
        for _ in range(WORKERS):
            await call(*task)
        middle = time.perf_counter()
        await gather([call(*task) for _ in range(WORKERS)])
        one += middle - begin
        two += time.perf_counter() - middle
    return one / two


WHAT = {"round_trip": round_trip, "pipelined": pipelined, "speed_up": functools.partial(speed_up, task=(fib, FIB))}
OURS = {"to_thread": cp.to_thread, "to_process": cp.to_process, "to_interpreter": cp.to_interpreter}


async def on_cpromise(call, what, seconds):
    if call is cp.to_native:
        await cp.Promise.all([call("queens", QUEENS) for _ in range(WORKERS)])
        return await speed_up(call, cp.Promise.all, seconds, ("queens", QUEENS))
    await cp.Promise.all([call(fib, 12) for _ in range(20 * WORKERS)])  # the workers are there
    return await WHAT[what](call, cp.Promise.all, seconds)


async def on_asyncio(executor, what, seconds):
    call = functools.partial(asyncio.get_running_loop().run_in_executor, executor)

    def gather(calls):
        return asyncio.gather(*calls)

    await gather([call(fib, 12) for _ in range(20 * WORKERS)])
    return await WHAT[what](call, gather, seconds)


def main():
    name, what, seconds = sys.argv[1], sys.argv[2], float(sys.argv[3])
    if name == "control":
        allowed = sorted(os.sched_getaffinity(0))[:WORKERS]
        return cp.run(on_cpromise(cp.to_native, what, seconds), workers=WORKERS, pin=allowed)
    if name in OURS:
        return cp.run(on_cpromise(OURS[name], what, seconds), workers=WORKERS)
    with getattr(concurrent.futures, name)(WORKERS) as executor:
        return asyncio.run(on_asyncio(executor, what, seconds))


if __name__ == "__main__":
    print(main())
