"""A loop for each core: requests a second with one loop and with two, as processes, interpreters and threads. See docs/examples."""

import collections
import glob
import os
import random
import shutil
import subprocess
import sys

import echo
import measure
import tables

EXAMPLE = os.path.join(os.path.dirname(os.path.dirname(echo.HERE)), "docs", "examples", "server_shapes.py")
SHAPES, LOOPS = ["processes", "interpreters", "threads"], [1, 2]
LOAD = echo.Load("shapes", "echo, 1 KiB, 64 connections", "echo", 64, 1, 1024)


def interpreters():
    """{"3.13t": executable} of those that have this build of cpromise: make PYTHON=... ext builds it for another one."""
    code = "import sys, cpromise; print('%d.%d' % sys.version_info[:2] + 't' * (not getattr(sys, '_is_gil_enabled', lambda: True)()))"
    names = [sys.executable, *(f"python3.{minor}{kind}" for minor in range(11, 16) for kind in ("", "t"))]
    names += sorted(glob.glob(os.path.expanduser("~/.pyenv/versions/*/bin/python3"))) + sorted(glob.glob("/opt/*/*/bin/python3.*[0-9]t"))
    found = {}
    for path in filter(None, map(shutil.which, names)):
        facts = subprocess.run([path, "-c", code], capture_output=True, text=True)
        if facts.returncode == 0:
            found.setdefault(facts.stdout.strip(), path)
    return found


def choose(shape, found):
    """(version, executable) on which a shape is measured: this one, or the newest that can do it. Refused: there is none."""
    fit = {"processes": lambda v: found[v] == sys.executable, "interpreters": lambda v: not v.endswith(("t", "3.11")), "threads": lambda v: v.endswith("t")}[shape]
    versions = sorted(filter(fit, found), key=lambda version: int(version.split(".")[1].rstrip("t")))
    if not versions:
        needed = {"interpreters": "Python 3.12 or later", "threads": "a free-threaded build"}.get(shape)
        raise echo.Refused(f"needs {needed}; build for one with make PYTHON=... ext")
    return versions[-1], found[versions[-1]]


def places(loops):
    """(the loops' cores, the client's): apart where there are enough."""
    allowed = sorted(os.sched_getaffinity(0))
    return (set(allowed[:loops]), set(allowed[loops:])) if len(allowed) > loops else (set(allowed), set(allowed))


def slice_of(executable, shape, loops, seconds):
    theirs, clients = places(loops)
    with echo.Server([executable, EXAMPLE, shape, str(loops)], theirs) as server:
        return echo.load(server, LOAD, seconds, clients)


def rounds(cells, count, seconds, seed, tell):
    chance, samples = random.Random(seed), collections.defaultdict(list)
    for number in range(count + 1):
        tell(number)
        chance.shuffle(cells)
        for shape, executable, loops in cells:
            slice = slice_of(executable, shape, loops, seconds)
            if number:
                samples[shape, loops].append(slice)
    return samples


def row(shape, version, samples):
    slices = [samples[shape, loops] for loops in LOOPS]
    figures = [tables.cell(measure.summary(echo.column(each, key))) for key in ("rate", "cpu_us") for each in slices]
    ratio = measure.ratio(echo.column(slices[1], "rate"), echo.column(slices[0], "rate"))
    return tables.line([shape, version, *figures, tables.cell(ratio, "x")])


def run(options, tell):
    """(lines of Markdown, JSON, False: no must is asked of it)"""
    found, chosen, missing = interpreters(), {}, {}
    for shape in SHAPES:
        try:
            chosen[shape] = choose(shape, found)
        except echo.Refused as reason:
            missing[shape] = str(reason)
    seed = random.randrange(2**32) if options.seed is None else options.seed
    cells = [(shape, executable, loops) for shape, (_, executable) in chosen.items() for loops in LOOPS]
    samples = rounds(cells, options.io_rounds, options.seconds, seed, tell)
    lines = [f"{LOAD.title}; {options.io_rounds} rounds of {options.seconds:g} s, seed {seed}; median and its {measure.coverage(options.io_rounds):.1%} interval"]
    if len(os.sched_getaffinity(0)) <= max(LOOPS):
        lines.append("The client runs on the cores of the loops, since there are no others: two loops cannot be twice as fast here.")
    lines += ["", tables.line(["a loop for each core", "Python", "requests/s, 1 loop", "2 loops", "CPU us a request, 1 loop", "2 loops", "2 loops / 1 loop"])]
    lines.append("|---" * 7 + "|")
    lines += [row(shape, version, samples) for shape, (version, _) in chosen.items()]
    lines += [tables.line([shape, "refused: " + why, *[""] * 5]) for shape, why in missing.items()]
    slices = {shape: {loops: samples[shape, loops] for loops in LOOPS} for shape in chosen}
    return lines, {"python": {shape: version for shape, (version, _) in chosen.items()}, "missing": missing, "slices": slices}, False
