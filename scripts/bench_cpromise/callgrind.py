"""Instructions an operation, counted by valgrind's callgrind in a child interpreter.

A child warms an operation up and runs it n times, another 2n times; the difference is free of start-up. What would make two counts
differ is taken away: random addresses (setarch -R) and hashes, the environment, the site module, the garbage collector (which would
start at other moments) and the switching of threads (which goes by the clock).
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

import measure

HERE = os.path.dirname(os.path.abspath(__file__))
N = 2000
SPREAD = 0.003  # two counts of one operation differ by this much at most
GROWTH = 0.02  # an operation that grew by more is a regression
# Other names are left out: they wait for the clock, or only ask for a size. The thread's turn comes while nobody competes with it.
NAMES = ["chain", "chain_shared", "chain_context", "await_chain", "await_each", "callback", "await", "all", "all_settled"]
NAMES += ["timer", "timer_cancel", "thread_drained"]
CHILD = """
import gc, sys
sys.path[:0] = [{here!r}, {package!r}]
gc.disable()
sys.setswitchinterval(1000)
import on_cpromise
run = on_cpromise.OPERATIONS[{name!r}]
run({warm})
run({n})
"""


class Unable(Exception):
    """There is no counting here, and why."""


def command():
    valgrind, setarch = shutil.which("valgrind"), shutil.which("setarch")
    if not valgrind:
        raise Unable("valgrind is not on PATH: install it to count instructions")
    if not setarch:
        raise Unable("setarch is not on PATH: addresses cannot be fixed, so counts would not repeat")
    fixed = [setarch, "-R"]
    if subprocess.run([*fixed, "true"], capture_output=True).returncode:
        raise Unable("setarch -R is refused here: addresses cannot be fixed, so counts would not repeat")
    return [*fixed, valgrind, "--tool=callgrind"]


def count(name, n, package):
    """Instructions of a child that runs the operation n times."""
    code = CHILD.format(here=HERE, package=package, name=name, warm=2 * N, n=n)
    env = {"PYTHONHASHSEED": "0", "PATH": "/usr/bin:/bin", "LC_ALL": "C"}
    if "LD_LIBRARY_PATH" in os.environ:
        env["LD_LIBRARY_PATH"] = os.environ["LD_LIBRARY_PATH"]
    with tempfile.TemporaryDirectory() as folder:
        out = os.path.join(folder, "out")
        options = [f"--callgrind-out-file={out}", sys.executable, "-S", "-s", "-P", "-B", "-c", code]
        done = subprocess.run([*command(), *options], env=env, capture_output=True, text=True, timeout=300)
        if done.returncode:
            raise Unable(f"the child that runs {name} ended with status {done.returncode}:\n{done.stderr[-2000:]}")
        with open(out, encoding="utf-8") as file:
            return int(re.search(r"^(?:totals|summary): (\d+)", file.read(), re.M)[1])


def package_folder():
    import cpromise  # here, so that scripts/bench_seam can count builds of its own

    return os.path.dirname(os.path.dirname(os.path.abspath(cpromise.__file__)))


def per_operation(name, package=None, n=N):
    package = package or package_folder()
    return (count(name, 2 * n, package) - count(name, n, package)) / n


def counts(names):
    """{name: [instructions an operation, twice]}; each is shown as soon as it is there."""
    found = {}
    for name in names:
        found[name] = [per_operation(name) for _ in range(2)]
        first, second = found[name]
        print(f"| {name} | {first:.1f} | {second:.1f} | {spread(found[name]):.3%} |", flush=True)
    return found


def spread(pair):
    return abs(pair[0] - pair[1]) / min(pair)


def compare(found, path):
    """Prints the change of each operation; True when one grew by too much."""
    with open(path, encoding="utf-8") as file:
        before = json.load(file)["instructions"]
    print("\n| instructions | before | now | change | |\n|---|---|---|---|---|")
    grew = False
    for name in (name for name in found if name in before):
        old, new = min(before[name]), min(found[name])
        worse = new > old * (1 + GROWTH)
        grew |= worse
        print(f"| {name} | {old:.1f} | {new:.1f} | {new / old - 1:+.2%} | {'GREW' if worse else ''} |")
    return grew


def main(only, json_path, compare_path, facts):
    """The exit status: 0, 1 when counts do not repeat, 3 when one grew, 77 when nothing can be counted."""
    names = [name for name in NAMES if measure.is_wanted(name, only)]
    try:
        command()
        print("| instructions an operation | first | second | spread |\n|---|---|---|---|", flush=True)
        found = counts(names)
    except Unable as error:
        print(f"bench_cpromise: {error}", file=sys.stderr)
        return 77
    if json_path:
        with open(json_path, "w", encoding="utf-8") as file:
            json.dump({**facts, "n": N, "instructions": found}, file, indent=1)
            file.write("\n")
    grew = bool(compare_path) and compare(found, compare_path)
    unstable = [name for name in found if spread(found[name]) > SPREAD]
    if unstable:
        print(f"bench_cpromise: counts differ by more than {SPREAD:.1%}: {', '.join(unstable)}", file=sys.stderr)
    return 1 if unstable else 3 if grew else 0
