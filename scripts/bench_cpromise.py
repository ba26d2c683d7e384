#!/usr/bin/env python3
"""cpromise against asyncio and uvloop, operation by operation, and a TCP echo under load. Prints Markdown.

Every operation runs in interleaved rounds of one process; a figure is the median over rounds of nanoseconds an operation, with the
range of the middle half of the rounds. "callfloor" is a loop in C that calls the same Python function: what no library can beat. The
chain on asyncio is an emulation with closures, since asyncio has no then(); its plain `await` stands beside it. The echo is measured by
gilbench, in processes of their own on pinned cores.

usage: scripts/bench_cpromise.py [--rounds N] [--no-echo]
"""

import argparse
import asyncio
import collections
import itertools
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

import cpromise as cp

try:
    import uvloop
except ImportError:
    uvloop = None

HOME = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
clock = time.perf_counter_ns


# ---- The operations: each runs n of them on one kind of loop and returns nanoseconds


def aio_then(future, fn):
    """What then() has to be on asyncio: a future and a closure a link."""
    child = future.get_loop().create_future()

    def react(done):
        try:
            child.set_result(fn(done.result()))
        except Exception as error:
            child.set_exception(error)

    future.add_done_callback(react)
    return child


def chain_aio(n):
    async def main():
        start = clock()
        head = tail = asyncio.get_running_loop().create_future()
        for _ in range(n):
            tail = aio_then(tail, lambda x: x + 1)
        head.set_result(0)
        assert await tail == n
        return clock() - start

    return main()


def chain_cp(n):
    async def main():
        start = clock()
        settle = []
        tail = cp.Promise(lambda resolve, reject: settle.append(resolve))
        for _ in range(n):
            tail = tail.then(lambda x: x + 1)
        settle[0](0)
        assert await tail == n
        return clock() - start

    return main()


def self_rescheduling(loop, schedule, n, finish):
    left = n

    def step():
        nonlocal left
        left -= 1
        if left:
            schedule(step)
        else:
            finish()

    schedule(step)


def callback_aio(n):
    async def main():
        loop, done = asyncio.get_running_loop(), asyncio.get_running_loop().create_future()
        start = clock()
        self_rescheduling(loop, loop.call_soon, n, lambda: done.set_result(None))
        await done
        return clock() - start

    return main()


def callback_cp(n):
    async def main():
        loop, start = cp.get_running_loop(), clock()
        await cp.Promise(lambda resolve, reject: self_rescheduling(loop, loop.queue_microtask, n, resolve))
        return clock() - start

    return main()


def await_aio(n):
    async def main():
        start = clock()
        for _ in range(n):
            await asyncio.sleep(0)
        return clock() - start

    return main()


def await_cp(n):
    async def main():
        settled, start = cp.Promise.resolve(1), clock()
        for _ in range(n):
            await settled
        return clock() - start

    return main()


def all_aio(n):
    async def main():
        futures = [asyncio.get_running_loop().create_future() for _ in range(n)]
        start = clock()
        gathered = asyncio.gather(*futures)
        for future in futures:
            future.set_result(1)
        await gathered
        return clock() - start

    return main()


def all_cp(n):
    async def main():
        settle = []
        promises = [cp.Promise(lambda resolve, reject: settle.append(resolve)) for _ in range(n)]
        start = clock()
        gathered = cp.Promise.all(promises)
        for resolve in settle:
            resolve(1)
        await gathered
        return clock() - start

    return main()


def timers_aio(n):
    async def main():
        loop, done = asyncio.get_running_loop(), asyncio.get_running_loop().create_future()
        start = clock()
        for _ in range(n - 1):
            loop.call_later(0, int)
        loop.call_later(0, done.set_result, None)
        await done
        return clock() - start

    return main()


def timers_cp(n):
    async def main():
        loop, start = cp.get_running_loop(), clock()
        for _ in range(n - 1):
            loop.call_later(0, int)
        await cp.Promise(lambda resolve, reject: loop.call_later(0, resolve))
        return clock() - start

    return main()


OPERATIONS = [
    ("then-chain link, a fresh lambda each", chain_aio, chain_cp),
    ("callback that schedules itself", callback_aio, callback_cp),
    ("await of a settled promise (asyncio: sleep(0))", await_aio, await_cp),
    ("all / gather, an element", all_aio, all_cp),
    ("timer, set and fired", timers_aio, timers_cp),
]
N = 5000


def callfloor(n):
    start = clock()
    collections.deque(map(lambda x: x + 1, itertools.repeat(1, n)), maxlen=0)
    return clock() - start


def contenders(aio, ours):
    yield "asyncio", lambda: asyncio.run(aio(N))
    if uvloop:
        yield "uvloop", lambda: asyncio.Runner(loop_factory=uvloop.new_event_loop).run(aio(N))
    yield "cpromise", lambda: cp.run(ours(N))


def measure(rounds):
    """{(operation, contender): [ns an operation, one a round]}, all of them once in each round."""
    samples = collections.defaultdict(list)
    for number in range(rounds + 1):
        samples["callfloor"].append(callfloor(N) / N)
        for name, aio, ours in OPERATIONS:
            for contender, run in contenders(aio, ours):
                samples[name, contender].append(run() / N)
        if number == 0:
            samples.clear()  # the first round warms up
    return samples


def figure(values):
    low, _, high = statistics.quantiles(values, n=4)
    return f"{statistics.median(values):.0f} [{low:.0f}, {high:.0f}]"


def ratio(base, values):
    """Paired by round."""
    return f"{statistics.median(b / v for b, v in zip(base, values)):.1f}x"


def print_operations(samples):
    names = ["asyncio", *(["uvloop"] if uvloop else []), "cpromise"]
    print(f"callfloor: {figure(samples['callfloor'])} ns\n")
    print("| ns an operation | " + " | ".join(names) + " | " + " | ".join(f"{n} / cpromise" for n in names[:-1]) + " |")
    print("|---" * (2 * len(names)) + "|")
    for name, _, _ in OPERATIONS:
        figures = [figure(samples[name, n]) for n in names]
        ratios = [ratio(samples[name, n], samples[name, "cpromise"]) for n in names[:-1]]
        print(f"| {name} | " + " | ".join(figures + ratios) + " |")


def print_echo():
    with tempfile.TemporaryDirectory() as folder:
        command = ["gilbench", "run", "echo", "--python", sys.executable, "-o", os.path.join(folder, "run"), "--progress", "none"]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=HOME)
        with open(os.path.join(folder, "run", "results.json")) as file:
            cells = [cell for cell in json.load(file)["benchmarks"] if cell["summary"]["ops_per_s"]]
    base = {cell["params"]["concurrency"]: cell["summary"] for cell in cells if cell["model"] == "asyncio"}
    print("\n| echo, 1 KiB | connections | requests/s [95 %] | CPU us a request [95 %] | throughput / asyncio | CPU asyncio / this |")
    print("|---" * 6 + "|")
    for cell in cells:
        connections, rate, cpu = cell["params"]["concurrency"], cell["summary"]["ops_per_s"], cell["summary"]["cpu_ns_per_op"]
        print(
            f"| {cell['model']} | {connections} | {rate['value']:.0f} [{rate['lo']:.0f}, {rate['hi']:.0f}] "
            f"| {cpu['value'] / 1e3:.1f} [{cpu['lo'] / 1e3:.1f}, {cpu['hi'] / 1e3:.1f}] "
            f"| {rate['value'] / base[connections]['ops_per_s']['value']:.2f}x "
            f"| {base[connections]['cpu_ns_per_op']['value'] / cpu['value']:.2f}x |"
        )


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=15, help="rounds that count (default 15)")
    parser.add_argument("--no-echo", action="store_true", help="leave the echo out")
    options = parser.parse_args()
    print(f"CPython {sys.version.split()[0]}, cpromise {cp.__build__}, uvloop {uvloop.__version__ if uvloop else 'not there'}, {options.rounds} rounds")
    print_operations(measure(options.rounds))
    if not options.no_echo:
        print_echo()


main()
