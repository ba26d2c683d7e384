"""What is measured: the rows, the contenders and the goals. The operations themselves stand in on_*.py and node.mjs."""

import asyncio
import collections
import importlib
import importlib.metadata
import itertools
import json
import os
import shutil
import subprocess
import time

import on_asyncio
import on_cpromise
import on_libraries

Row = collections.namedtuple("Row", "key title unit n")
ROWS = [
    Row("chain", "then-chain link, a fresh lambda each", "ns", 5000),
    Row("chain_shared", "then-chain link, one shared function", "ns", 5000),
    Row("chain_context", "then-chain link, fresh lambda, a context variable set", "ns", 5000),
    Row("await_chain", "await chain: async functions, each awaits the one before", "ns", 5000),
    Row("await_each", "await of a new promise, settled by a callback", "ns", 5000),
    Row("callback", "callback that schedules itself", "ns", 5000),
    Row("await", "await of a settled promise (asyncio: sleep(0))", "ns", 5000),
    Row("all", "all / gather of pending ones, an element", "ns", 5000),
    Row("all_settled", "all / gather of settled ones, an element", "ns", 5000),
    Row("timer", "timer, set and fired", "ns", 5000),
    Row("timer_cancel", "timer, set and cancelled", "ns", 5000),
    Row("thread", "resolve from another thread, an item", "ns", 20000),
    Row("idle", "idle wake-up, p50", "us", 50),
    Row("idle_round", "idle wake-up and back to the thread, p50", "us", 50),
    Row("size", "bytes of a pending promise, by sys.getsizeof", "bytes", 1),
    Row("traced", "bytes of a pending promise, measured over 10000", "bytes", 10000),
    Row("traced_link", "bytes of a pending chain link, measured over 10000", "bytes", 10000),
]

# A goal is kept when base/cpromise is at least the factor; with no base, when cpromise itself is at most the limit.
Goal = collections.namedtuple("Goal", "kind row base limit text")
GOALS = [
    Goal("must", "chain", "asyncio", 10, "then-chain link: 1/10 of asyncio"),
    Goal("must", "callback", "asyncio", 5, "self-rescheduling callback: 1/5 of asyncio"),
    Goal("must", "callback", "uvloop", 2.5, "self-rescheduling callback: 1/2.5 of uvloop"),
    Goal("must", "await", "asyncio", 6, "await of a settled promise: 1/6 of asyncio's sleep(0)"),
    Goal("must", "all", "asyncio", 10, "all, per element: 1/10 of gather"),
    Goal("must", "timer", "asyncio", 5, "timer, set and fired: 1/5 of asyncio"),
    Goal("must", "timer", "uvloop", 2, "timer, set and fired: 1/2 of uvloop"),
    Goal("must", "thread", "asyncio", 10, "resolve from another thread: 1/10 of call_soon_threadsafe"),
    Goal("must", "size", None, 104, "bytes per pending promise, GC head included: 104, by sys.getsizeof"),
    Goal("must", "traced", None, 104, "bytes per pending promise, GC head included: 104, measured"),
    Goal("extra", "chain_context", "chain", 1 / 1.1, "a context variable that is set costs the chain at most 10 %"),
    Goal("moonshot", "chain", "asyncio", 20, "then-chain link: 1/20 of asyncio"),
    Goal("moonshot", "chain", "node", 1, "then-chain link: under node"),
    Goal("moonshot", "callback", "uvloop", 4, "self-rescheduling callback: 1/4 of uvloop"),
    Goal("moonshot", "await", "asyncio", 12, "await of a settled promise: 1/12 of asyncio's sleep(0)"),
    Goal("moonshot", "all", "asyncio", 20, "all, per element: 1/20 of gather"),
    Goal("moonshot", "timer", "asyncio", 10, "timer, set and fired: 1/10 of asyncio"),
    Goal("moonshot", "timer", "uvloop", 4, "timer, set and fired: 1/4 of uvloop"),
    Goal("moonshot", "idle", None, 15, "idle wake-up, p50: 15 us"),
    Goal("moonshot", "idle_round", None, 15, "idle wake-up and back to the thread, p50: 15 us"),
    Goal("moonshot", "traced", None, 88, "bytes per pending promise: 88, measured"),
]


def callfloor(n):
    """A loop in C that calls the Python function: what no library can beat."""
    start = time.perf_counter_ns()
    collections.deque(map(lambda x: x + 1, itertools.repeat(1, n)), maxlen=0)
    return time.perf_counter_ns() - start


class Node:
    """One node process that carries out operations on request."""

    def __init__(self, program):
        script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "node.mjs")
        command = [program, "--expose-gc", script]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.version = subprocess.run([program, "--version"], capture_output=True, text=True).stdout.strip()

    def run(self, name, n):
        self.process.stdin.write(json.dumps({"name": name, "n": n}) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def operations(self):
        names = [row.key for row in ROWS if self.run(row.key, 10) is not None]
        return {name: lambda n, name=name: self.run(name, n) for name in names}

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def load(module):
    """(module, version), or the reason why there is none."""
    try:
        found = importlib.import_module(module)
        return found, importlib.metadata.version(module)
    except Exception as error:  # whatever an old library does on a new interpreter
        return None, f"{type(error).__name__}: {error}"


class Contenders:
    """columns: {name: {row: function(n)}}; versions: {name: text}; missing: {name: why}; close() when done."""

    def __init__(self):
        self.versions, self.missing, self.node = {}, {}, None
        floor = {name: callfloor for name in ("chain", "chain_shared", "chain_context", "callback")}
        self.columns = {"callfloor": floor, "cpromise": on_cpromise.OPERATIONS}
        self.columns["asyncio"] = on_asyncio.on_loop(asyncio.new_event_loop)
        self.add_uvloop()
        self.add_node()
        for name, operations in on_libraries.OPERATIONS.items():
            self.add(name, lambda module, operations=operations: operations)

    def add(self, name, operations):
        module, version = load(name)
        if module:
            self.columns[name], self.versions[name] = operations(module), version
        else:
            self.missing[name] = version

    def add_uvloop(self):
        self.add("uvloop", lambda module: on_asyncio.on_loop(module.new_event_loop))

    def add_node(self):
        if program := shutil.which("node"):
            self.node = Node(program)
            self.columns["node"], self.versions["node"] = self.node.operations(), self.node.version
        else:
            self.missing["node"] = "not on PATH"

    def close(self):
        if self.node:
            self.node.close()
