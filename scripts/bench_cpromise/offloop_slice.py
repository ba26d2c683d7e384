"""One slice of offloop.py: `offloop_slice.py CONTENDER WHAT SECONDS` prints one figure. In a process of its own, since pools leave traces."""

import asyncio
import concurrent.futures
import functools
import itertools
import os
import socket
import sys
import time

import cpromise as cp

WORKERS = 2
BURST = 500  # tasks that are under way at once, pipelined
FIB = 24


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
    await cp.Promise.all([call(fib, 12) for _ in range(20 * WORKERS)])  # the workers are there
    return await WHAT[what](call, cp.Promise.all, seconds)


async def on_asyncio(executor, what, seconds):
    call = functools.partial(asyncio.get_running_loop().run_in_executor, executor)

    def gather(calls):
        return asyncio.gather(*calls)

    await gather([call(fib, 12) for _ in range(20 * WORKERS)])
    return await WHAT[what](call, gather, seconds)


def control_worker(cpu):
    """A socket: for each byte that is sent there fib is run once, in a process of its own on that CPU, and a byte comes back."""
    ours, theirs = socket.socketpair()
    if os.fork() == 0:
        ours.close()
        os.sched_setaffinity(0, [cpu])
        while theirs.recv(1):
            fib(FIB)
            theirs.send(b"x")
        os._exit(0)
    theirs.close()
    return ours


async def control(seconds):
    """What this machine gives to fib in two processes, with nothing between: no pool can give more."""
    workers = [control_worker(cpu) for cpu in sorted(os.sched_getaffinity(0))[:WORKERS]]
    turn = itertools.cycle(workers)

    async def one():
        worker = next(turn)
        worker.send(b"x")
        worker.recv(1)

    async def both(calls):
        for call in calls:
            call.close()
        for worker in workers:
            worker.send(b"x")
        for worker in workers:
            worker.recv(1)

    return await speed_up(one, both, seconds, ())


def main():
    name, what, seconds = sys.argv[1], sys.argv[2], float(sys.argv[3])
    if name == "control":
        return asyncio.run(control(seconds))
    if name in OURS:
        return cp.run(on_cpromise(OURS[name], what, seconds), workers=WORKERS)
    with getattr(concurrent.futures, name)(WORKERS) as executor:
        return asyncio.run(on_asyncio(executor, what, seconds))


if __name__ == "__main__":
    print(main())
