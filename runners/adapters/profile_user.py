"""What one call of a user's function does: how long it waits, how long it computes in Python and how long in native code that
gives the GIL away. For `gilbench advise --profile FILE:FUNCTION`, which runs it in a process of its own.

usage: python profile_user.py FILE:FUNCTION

Wall and CPU time come from calls alone; what the thread spent in a queue for a core, where others had them all, is not counted as
waiting. How long the GIL is held comes from a second thread that only counts: it has the GIL whenever the calls do not, so that what it
does not run belongs to them. The answer is one line on standard output:

    profile wait_us=X python_us=X native_us=X calls=N held_us=X
"""

import contextlib
import importlib.util
import inspect
import io
import os
import statistics
import sys
import threading
import time

SECONDS = 1.0  # of calls, with the counter and without
ROUNDS = 5
TURN = 0.005  # what the interpreter has as its standard


def fail(text):
    print(f"profile: {text}", file=sys.stderr)
    sys.exit(1)


def load(word):
    path, _, name = word.rpartition(":")
    if not path or not name:
        fail(f"FILE:FUNCTION expected, as app.py:handle, not '{word}'")
    if not os.path.isfile(path):
        fail(f"there is no file '{path}'")
    sys.path.insert(0, os.path.dirname(os.path.abspath(path)))
    spec = importlib.util.spec_from_file_location("profiled", path)
    if spec is None:
        fail(f"'{path}' is no file of Python")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except BaseException as error:
        fail(f"{path} does not import: {type(error).__name__}: {error}")
    function = getattr(module, name, None)
    if not callable(function):
        fail(f"{path} has no function '{name}'")
    if inspect.iscoroutinefunction(function):
        fail(f"{name} is a coroutine: name a plain function that does what one request does")
    needed = [p for p in inspect.signature(function).parameters.values() if p.default is p.empty and p.kind < p.VAR_POSITIONAL]
    if needed:
        fail(f"{name} takes {', '.join(p.name for p in needed)}: name a function that takes no argument, as functools.partial makes one")
    return function


def queued_ns(thread="thread-self"):
    """How long a thread was ready to run and had no core; 0 where the kernel does not say."""
    try:
        with open(f"/proc/{thread}/schedstat") as file:
            return int(file.read().split()[1])
    except (OSError, IndexError):
        return 0


def calls_for(function, seconds):
    """(calls, wall ns without queueing for a core, CPU ns of the process) of calls one after the other, for about so long."""
    count, queued, start, cpu = 0, queued_ns(), time.perf_counter_ns(), time.process_time_ns()
    while (wall := time.perf_counter_ns() - start) < seconds * 1e9 or count == 0:
        function()
        count += 1
    return count, max(1, wall - (queued_ns() - queued)), time.process_time_ns() - cpu


class Counter(threading.Thread):
    """Counts, and does nothing else, until it is told to stop."""

    def __init__(self):
        super().__init__(daemon=True)
        self.going = True

    def run(self):
        count = 0
        while self.going:
            count += 1

    def times(self):
        """(CPU ns, ns in a queue for a core)"""
        cpu = time.clock_gettime_ns(time.pthread_getcpuclockid(self.ident))
        return cpu, queued_ns(f"self/task/{self.native_id}")


def held_ns(function, seconds):
    """For how long a call holds the GIL: the median of some rounds. Where others take the cores away from a call that holds it, that
    is counted too; main() knows that it cannot be more than the call's CPU time."""
    sys.setswitchinterval(TURN)
    counter = Counter()
    counter.start()
    rounds = []
    for _ in range(ROUNDS):
        before, start = counter.times(), time.perf_counter_ns()
        count, _, _ = calls_for(function, seconds / ROUNDS)
        cpu, queued = (after - first for after, first in zip(counter.times(), before))
        rounds.append(max(0, time.perf_counter_ns() - start - queued - cpu) / count)
    counter.going = False
    counter.join()
    return statistics.median(rounds)


def main():
    if len(sys.argv) != 2:
        fail("FILE:FUNCTION expected")
    with contextlib.redirect_stdout(io.StringIO()):  # what the function prints is not the answer
        try:
            function = load(sys.argv[1])
            calls_for(function, SECONDS / 5)  # warm
            count, wall, cpu = calls_for(function, SECONDS)
            held = held_ns(function, SECONDS) / 1e3
        except Exception as error:
            fail(f"{sys.argv[1]} raised {type(error).__name__}: {error}")
    wall, cpu = wall / count / 1e3, min(cpu, wall) / count / 1e3
    python = min(cpu, held)
    print(f"profile wait_us={max(0, wall - cpu):.3f} python_us={python:.3f} native_us={cpu - python:.3f} calls={count} held_us={held:.3f}")


main()
