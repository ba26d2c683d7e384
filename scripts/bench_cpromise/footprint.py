"""What waiting costs: the memory of idle connections, and timers when a million of them are pending."""

import collections
import os
import subprocess
import sys
import time

import echo
import measure
import tables

IDLE = 10_000
FIRST = 100  # of them, which bring in what all share
IDLE_LIMIT = 2048  # bytes a connection
IDLE_SERVERS = ["cpromise", "cpromise io_uring", "uvloop Protocol", "uvloop streams", "asyncio Protocol", "asyncio streams", "node"]
TIMERS = [1_000, 1_000_000]
TIMER_LIMIT = 3  # the cost of a timer among the most, over that among the fewest

# Set with delays in no order, then half of them cancelled, then the rest fired; each one's share of the CPU time. The garbage collector
# is measured apart: it walks through a million of any objects that are alive, again and again while they are made.
TIMER_PROGRAM = """
import gc, random, sys, time
import cpromise as cp

pending, count = int(sys.argv[1]), 1_000_000
if sys.argv[2] == "off":
    gc.disable()
random.seed(1)

async def main():
    loop, clock = cp.get_running_loop(), time.process_time_ns
    spent = 0
    for _ in range(count // pending):
        delays = [random.random() * 1e-6 for _ in range(pending)]
        start = clock()
        timers = [loop.call_later(0.001 + delay, int) for delay in delays]
        for timer in timers[::2]:
            timer.cancel()
        spent += clock() - start
        del timers
        time.sleep(0.002)
        start = clock()
        fired = loop.stats()["timers"]
        while loop.stats()["timers"] < fired + pending // 2:
            await cp.sleep(0)
        spent += clock() - start
    print(spent / count)

cp.run(main())
"""


def rss(pid):
    with open(f"/proc/{pid}/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def idle_bytes(name, count):
    """Bytes that `count` connections, open and silent, add to the resident memory of the server, each."""
    with echo.serve(name, "echo") as server:
        before = None
        for opened in (FIRST, count):  # what the first ones bring in is not the price of the others
            command = ["echo-client", f"port={server.port}", "mode=idle", f"conns={opened}"]
            client = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, preexec_fn=lambda: echo.settle_on({echo.cores()[1]})
            )
            if not client.stdout.readline():
                raise echo.Refused(f"{count} connections could not be opened; raise the limit of open files")
            wait_for_descriptors(server.pid, opened)
            if before is None:
                before = rss(server.pid)
            after = rss(server.pid)
            client.stdin.close()
            client.wait()
            client.stdout.close()
    return (after - before) / (count - FIRST)


def wait_for_descriptors(pid, count):
    """Until the server has accepted them all."""
    for _ in range(300):
        if len(os.listdir(f"/proc/{pid}/fd")) >= count:
            time.sleep(0.1)
            return
        time.sleep(0.1)
    raise echo.Refused(f"only {len(os.listdir(f'/proc/{pid}/fd'))} of {count} connections were accepted within 30 s")


def memory(options, tell):
    """(lines of Markdown, JSON, whether a must was missed)"""
    names = [name for name in echo.names_of(options.backend) if name in (options.servers.split(",") if options.servers else IDLE_SERVERS)]
    found, missing = {}, {}
    for number, name in enumerate(names):
        tell(number)
        try:
            found[name] = idle_bytes(name, IDLE)
        except echo.Refused as reason:
            missing[name] = str(reason)
    lines = [tables.line([f"{IDLE} idle connections", "bytes of the process a connection", f"cpromise: at most {IDLE_LIMIT}"]), "|---" * 3 + "|"]
    for name in names:
        verdict = tables.met(found[name] <= IDLE_LIMIT) if name in found and name.startswith("cpromise") else ""
        lines.append(tables.line([name, tables.short(found[name]) if name in found else "refused: " + missing[name], verdict]))
    failed = any(name.startswith("cpromise") and value > IDLE_LIMIT for name, value in found.items())
    return lines, {"connections": IDLE, "limit": IDLE_LIMIT, "bytes": found, "missing": missing}, failed


def timer_ns(pending, collector):
    command = [sys.executable, "-c", TIMER_PROGRAM, str(pending), collector]
    return float(subprocess.run(command, check=True, capture_output=True, text=True, timeout=300).stdout)


def timers(options, tell):
    """As memory(). A million timers in each sample: pending all at once, or a thousand at a time."""
    samples, collectors = collections.defaultdict(list), ["off", "on"]
    for number in range(options.io_rounds):
        tell(number)
        for pending in TIMERS:
            for collector in collectors:
                samples[collector, pending].append(timer_ns(pending, collector))
    ratios = {each: measure.ratio(samples[each, TIMERS[1]], samples[each, TIMERS[0]]) for each in collectors}
    met = ratios["off"].median <= TIMER_LIMIT
    lines = [tables.line(["ns of CPU a timer: set, half cancelled, half fired", *(f"{n} pending" for n in TIMERS), "ratio", f"at most {TIMER_LIMIT}x"])]
    lines.append("|---" * 5 + "|")
    for each in collectors:
        figures = [tables.cell(measure.summary(samples[each, pending])) for pending in TIMERS]
        verdict = tables.met(met) if each == "off" else "its share grows with all that is alive"
        lines.append(tables.line([f"garbage collector {each}", *figures, tables.cell(ratios[each], "x"), verdict]))
    found = {each: {str(pending): samples[each, pending] for pending in TIMERS} for each in collectors}
    return lines, {"limit": TIMER_LIMIT, "samples": found, "ratios": {each: ratio._asdict() for each, ratio in ratios.items()}, "met": met}, not met
