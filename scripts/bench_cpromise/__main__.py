"""cpromise against a loop in C, asyncio, uvloop, node and promise libraries, operation by operation. Prints Markdown.

Everything runs in interleaved rounds, each in an order of its own; a figure is the median over the rounds with its 95 % interval by
order statistics, and a ratio is paired by round. "callfloor" is a loop in C that calls the same Python function: what no library can
beat. The chain on asyncio is an emulation with closures, since asyncio has no then(); its plain await stands beside it.

example: python scripts/bench_cpromise --rounds 15 --no-io --json build/bench.json
         python scripts/bench_cpromise --echo --only echo64,echo1000 --check
         python scripts/bench_cpromise --callgrind --only chain --compare build/instructions.json
"""

import argparse
import functools
import platform
import random
import sys

import callgrind
import cpromise as cp
import echo
import footprint
import measure
import offloop
import operations
import servers
import shapes
import tables

PARTS = {  # option: (what it does, function(options, tell) -> (lines of Markdown, JSON, whether a must was missed))
    "echo": ("only: TCP echo, lines and pipelining", functools.partial(echo.run, "echo")),
    "accept": ("only: connections a second", functools.partial(echo.run, "accept")),
    "memory": ("only: what 10000 idle connections take", footprint.memory),
    "timers": ("only: a million pending timers", footprint.timers),
    "offloop": ("only: work off the loop, on threads, processes and interpreters", offloop.run),
    "shapes": ("only: a loop for each core, as processes, interpreters and threads", shapes.run),
}


def arguments():
    names = " ".join(row.key for row in [*operations.ROWS, *echo.ECHO, *echo.ACCEPT])
    parser = argparse.ArgumentParser(
        prog="bench_cpromise", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("--rounds", type=int, default=15, help="rounds that count, after one that warms up (default 15)")
    parser.add_argument("--seed", type=int, help="of the order within the rounds (default: a new one, which is printed)")
    parser.add_argument("--only", metavar="NAMES", help=f"only rows whose short name contains one of NAMES, with commas between: {names}")
    parser.add_argument("--no-io", "--no-echo", action="store_true", help="only the operations above: leave sockets, memory and timers out")
    for name, (text, _) in PARTS.items():
        parser.add_argument(f"--{name}", action="store_true", help=text)
    parser.add_argument("--io-rounds", type=int, default=7, help="rounds of the parts with sockets (default 7)")
    parser.add_argument("--seconds", type=float, default=0.3, help="length of a slice of load (default 0.3)")
    parser.add_argument("--backend", choices=["both", "epoll", "io_uring"], default="both", help="the rows of cpromise (default both)")
    parser.add_argument("--servers", metavar="NAMES", help=f"only these, with commas between: {', '.join(servers.SERVERS)}")
    parser.add_argument("--json", metavar="FILE", help="write everything, samples included, to FILE")
    parser.add_argument("--check", action="store_true", help="exit with 1 when a must is not met")
    parser.add_argument(
        "--callgrind", action="store_true", help="count instructions instead; exit 1: counts do not repeat, 77: no valgrind"
    )
    parser.add_argument(
        "--compare", metavar="FILE", help="with --callgrind: against an earlier --json FILE; exit 3 when an operation grew by 2 %%"
    )
    options = parser.parse_args()
    if options.rounds < 1 or options.io_rounds < 1 or options.seconds <= 0:
        parser.error("--rounds, --io-rounds and --seconds must be above 0")
    if options.servers and not set(options.servers.split(",")) <= set(servers.SERVERS):
        parser.error(f"--servers: there are {', '.join(servers.SERVERS)}")
    if options.compare and not options.callgrind:
        parser.error("--compare goes with --callgrind")
    return options


def facts():
    return {
        "python": platform.python_version(),
        "implementation": sys.version,
        "gil": getattr(sys, "_is_gil_enabled", lambda: True)(),
        "cpromise": cp.__build__,
        "machine": platform.platform(),
        "command": ["python", *sys.argv],
    }


def tell(number):
    if sys.stderr.isatty():
        print(f"\rround {number} ", end="", file=sys.stderr, flush=True)


def print_header(options, contenders, seed):
    versions = "".join(f", {name} {version}" for name, version in contenders.versions.items())
    print(f"CPython {platform.python_version()}, cpromise {cp.__build__}{versions}")
    covers = measure.coverage(options.rounds)
    print(f"{options.rounds} rounds, seed {seed}; median and its {covers:.1%} interval; ratios are paired by round")
    for name, why in contenders.missing.items():
        print(f"NOT RUN: {name}: {why}")
    print()


def run_operations(options, rows, contenders):
    """(JSON, whether a must was missed)."""
    seed = random.randrange(2**32) if options.seed is None else options.seed
    print_header(options, contenders, seed)
    samples = measure.rounds(rows, contenders.columns, options.rounds, seed, tell)
    judged = tables.verdicts(operations.GOALS, samples)
    print(*tables.operations(rows, contenders, samples), sep="\n")
    print("", *tables.goals(judged), sep="\n", flush=True)
    known = {**facts(), "versions": contenders.versions, "missing": contenders.missing, "seed": seed, "rounds": options.rounds}
    return tables.as_json(known, rows, samples, judged), any(goal.kind == "must" and not met for goal, met, _ in judged)


def operations_of(options):
    rows = [row for row in operations.ROWS if measure.is_wanted(row.key, options.only)]
    contenders = operations.Contenders()
    try:
        return run_operations(options, rows, contenders) if rows else (facts(), False)
    finally:
        contenders.close()


def main():
    options = arguments()
    if options.callgrind:
        return callgrind.main(options.only, options.json, options.compare, facts())
    chosen = [name for name in PARTS if getattr(options, name)]
    content, missed = (facts(), False) if chosen else operations_of(options)
    for name in chosen or ([] if options.no_io else PARTS):
        lines, content[name], failed = PARTS[name][1](options, tell)
        missed |= failed
        print("", *lines, sep="\n", flush=True)
    if options.json:
        tables.write(options.json, content)
    if not any(content.get(part) for part in ("operations", *PARTS)):
        sys.exit(f"bench_cpromise: no row is called {options.only!r}; there are those that --help lists")
    return 1 if options.check and missed else 0


sys.exit(main())
