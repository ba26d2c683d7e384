"""Work off the loop: round trip and pipelined cost of an empty task on 2 workers, and how much faster two are, against run_in_executor."""

import collections
import os
import random
import subprocess
import sys

import echo
import measure
import shapes
import tables

SLICE = os.path.join(echo.HERE, "offloop_slice.py")
PAIRS = {"threads": ("to_thread", "ThreadPoolExecutor"), "processes": ("to_process", "ProcessPoolExecutor")}
PAIRS["interpreters"] = ("to_interpreter", "InterpreterPoolExecutor")
COSTS = {"round_trip": (2, "round trip of an empty task, us"), "pipelined": (3, "pipelined, us a task")}
SPEED_UP = 1.9  # must, on two CPUs that do not disturb each other
# InterpreterPoolExecutor of CPython 3.14 over ThreadPoolExecutor, both measured elsewhere: 103 and 67 us, 74 and 6.6 us. What stands in for
# it where it cannot run is that much of the ThreadPoolExecutor of this run; pipelined, where this one is the slower machine by far, the 74 us.
ELSEWHERE = {"round_trip": (103 / 67, "103/67 of ThreadPoolExecutor"), "pipelined": (None, "74 us elsewhere")}
NEWEST = 12, 14  # minor versions from which on there are own GILs, and an InterpreterPoolExecutor


def choose(pair, found):
    """{contender: executable}; contenders that cannot be had here are missing."""
    if pair != "interpreters":
        return dict.fromkeys(PAIRS[pair], sys.executable)
    minors = {int(version.split(".")[1]): path for version, path in found.items() if not version.endswith("t")}
    return {name: minors[max(minors)] for name, least in zip(PAIRS[pair], NEWEST) if minors and max(minors) >= least}


def figure(executable, name, what, seconds):
    done = subprocess.run([executable, SLICE, name, what, str(seconds)], capture_output=True, text=True, timeout=60 + 10 * seconds)
    if done.returncode:
        raise echo.Refused(f"{name}: {(done.stderr.strip() or 'no message').splitlines()[-1]}")
    return float(done.stdout)


def slices(chosen):
    for contenders in chosen.values():
        for name, executable in contenders.items():
            yield from ((executable, name, what) for what in [*COSTS, "speed_up"])
    yield sys.executable, "control", "speed_up"


def rounds(chosen, options, seed, tell):
    chance, samples, jobs = random.Random(seed), collections.defaultdict(list), list(slices(chosen))
    for number in range(options.io_rounds + 1):
        tell(number)
        chance.shuffle(jobs)
        for executable, name, what in jobs:
            value = figure(executable, name, what, options.seconds)
            if number:
                samples[name, what].append(value)
    return samples


def cost_rows(pair, samples):
    """[(cells, whether a must was missed)]"""
    ours, theirs = PAIRS[pair]
    for what, (times, title) in COSTS.items():
        if (ours, what) not in samples:
            continue
        figures = [tables.cell(measure.summary(samples[name, what])) if (name, what) in samples else "NOT RUN" for name in (ours, theirs)]
        if (theirs, what) in samples:
            ratio = measure.ratio(samples[theirs, what], samples[ours, what])
            met, shown = ratio.median >= times, tables.cell(ratio, "x")
        else:
            share, source = ELSEWHERE[what]
            theirs_here = share * measure.summary(samples["ThreadPoolExecutor", what]).median if share else 74
            median = theirs_here / measure.summary(samples[ours, what]).median
            met, shown = median >= times, f"{tables.short(median)}x, from {source}"
        yield [f"{pair}: {title}", *figures, shown, f">= {times}x", tables.met(met)], not met


def speed_rows(samples):
    control = samples["control", "speed_up"]
    yield ["speed-up on fib, 2 pinned processes with nothing between (control)", tables.cell(measure.summary(control), "x"), "", "", "", ""], False
    for pair, (ours, theirs) in PAIRS.items():
        if (ours, "speed_up") not in samples:
            continue
        figures = [tables.cell(measure.summary(samples[name, "speed_up"]), "x") if (name, "speed_up") in samples else "NOT RUN" for name in (ours, theirs)]
        share = measure.ratio(samples[ours, "speed_up"], control)
        met, asked = measure.summary(samples[ours, "speed_up"]).median >= SPEED_UP, ["", ""]
        decided = met or measure.summary(control).median >= SPEED_UP
        if pair != "threads":
            asked = [f">= {SPEED_UP}x", tables.met(met) if decided else "UNDECIDED: the control does not reach it"]
        yield [f"{pair}: speed-up on fib", *figures, f"{tables.cell(share)} of the control", *asked], pair != "threads" and decided and not met


def run(options, tell):
    """(lines of Markdown, JSON, whether a must was missed)"""
    found, seed = shapes.interpreters(), random.randrange(2**32) if options.seed is None else options.seed
    chosen = {pair: choose(pair, found) for pair in PAIRS}
    samples = rounds(chosen, options, seed, tell)
    rows = [*[row for pair in PAIRS for row in cost_rows(pair, samples)], *speed_rows(samples)]
    lines = [f"2 workers, {options.io_rounds} rounds of {options.seconds:g} s, seed {seed}; median and its {measure.coverage(options.io_rounds):.1%} interval"]
    lines += [f"NOT RUN: {name}: needs an interpreter of 3.{least} or later with this build" for name, least in zip(PAIRS["interpreters"], NEWEST) if name not in chosen["interpreters"]]
    lines += ["", tables.line(["off the loop", "cpromise", "asyncio, run_in_executor", "their cost / ours", "must", ""]), "|---" * 6 + "|"]
    lines += [tables.line(cells) for cells, _ in rows]
    content = {name: {} for name, _ in samples}
    for (name, what), values in samples.items():
        content[name][what] = {**measure.summary(values)._asdict(), "samples": values}
    return lines, {"seed": seed, "interpreters": chosen, "contenders": content}, any(missed for _, missed in rows)
