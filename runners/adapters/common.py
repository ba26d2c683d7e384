"""What every adapter in Python needs: its command line, the wire, the digest, the latency histogram.

The wire and the bucket rule are defined in runners/README.md. An adapter is a class with `setup`, `sample` and `close`; see
serial.py for the smallest one.
"""

import importlib
import os
import platform
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "workloads"))

HIT, MISS, ERROR = "hit", "miss", "error"
COMMON = {
    "ops": 100,
    "seed": 42,
    "workers": 1,
    "concurrency": 1,
    "store_host": "127.0.0.1",
    "store_port": 0,
    "port": 0,
}
MASK = (1 << 64) - 1
clock = time.perf_counter_ns


def fnv1a64(data, hash=0xCBF29CE484222325):
    for byte in data:
        hash = ((hash ^ byte) * 0x100000001B3) & MASK
    return hash


class Tally:
    """Counts, digest and latencies of the ops of one sample. Not shared between threads: each has its own, then merge()."""

    def __init__(self):
        self.results = []

    def add(self, op, outcome, result, ns):
        """`ns`: the time from when a worker took the op up until its result was there."""
        self.results.append((op, outcome, result, ns))

    def merge(self, other):
        self.results += other.results

    def lines(self, ns):
        """The sample and latency lines. The digest is computed here, after the clock has stopped."""
        digest = 0
        classes = {HIT: 0, MISS: 0, ERROR: 0}
        buckets = {}
        for op, outcome, result, op_ns in self.results:
            digest += fnv1a64(op.to_bytes(8, "little") + result)
            classes[outcome] += 1
            index = bucket(op_ns)
            buckets[index] = buckets.get(index, 0) + 1
        counts = " ".join(f"{name}={count}" for name, count in classes.items())
        yield f"sample ns={ns} ops={len(self.results)} {counts} digest={digest & MASK:016x}"
        yield "latency unit=ns sub=5 buckets=" + ",".join(f"{i}:{c}" for i, c in sorted(buckets.items()))


def bucket(value):
    if value < 64:
        return value
    shift = value.bit_length() - 6
    return 32 * shift + (value >> shift)


def cpu_list(cpus):
    """The kernel's form: 0-1,4."""
    ranges = []
    for cpu in sorted(cpus):
        if ranges and ranges[-1][1] == cpu - 1:
            ranges[-1][1] = cpu
        else:
            ranges.append([cpu, cpu])
    return ",".join(str(a) if a == b else f"{a}-{b}" for a, b in ranges)


def affinity():
    """The CPUs on which the threads of this process may run, all of them together."""
    cpus = set()
    for task in os.listdir("/proc/self/task"):
        try:
            cpus |= os.sched_getaffinity(int(task))
        except ProcessLookupError:
            pass
    return cpu_list(cpus)


def gil():
    return "on" if getattr(sys, "_is_gil_enabled", lambda: True)() else "off"


def interpreter_id():
    try:
        import _interpreters
    except ImportError:
        return 0
    current = _interpreters.get_current()
    return current[0] if isinstance(current, tuple) else current


def qualified(obj):
    return f"{type(obj).__module__}.{type(obj).__qualname__}"


class Wire:
    def __init__(self):
        try:
            self.out = os.fdopen(int(os.environ["GILBENCH_OUT"]), "w")
            self.words = os.fdopen(int(os.environ["GILBENCH_IN"]), "r")
        except KeyError as missing:
            sys.exit(f"{missing.args[0]} is not set: this program is run by gilbench")
        self.say("hello 1")

    def say(self, line):
        self.out.write(line + "\n")
        self.out.flush()

    def word(self):
        """'go' or 'stop'; the end of the file ends the program, since the driver is gone."""
        line = self.words.readline()
        if not line:
            os._exit(0)
        return line.strip()


def fail(wire, error):
    wire.say("fail " + " ".join(f"{type(error).__name__}: {error}".split()))
    sys.exit(1)


def parse(argv):
    """(workload name, model, variant, parameters); numbers where the standard value is one."""
    if len(argv) < 3:
        sys.exit(f"usage: {argv[0]} WORKLOAD MODEL[:VARIANT] key=value ...")
    model, _, variant = argv[2].partition(":")
    try:
        module = importlib.import_module(argv[1])
    except ModuleNotFoundError:
        sys.exit(f"unknown workload '{argv[1]}'")
    known = {**COMMON, **module.PARAMS}
    params = dict(known)
    for word in argv[3:]:
        key, equals, value = word.partition("=")
        if not equals or key not in known:
            sys.exit(f"unknown parameter '{word}' of {argv[1]}; there are: {' '.join(known)}")
        params[key] = int(value) if isinstance(known[key], int) else value
    return module, model, variant, params


def timed(work, op):
    """One op of a cpu workload: (op, class, result, ns)."""
    start = clock()
    result = work.op(op)
    return op, HIT, result, clock() - start


class Adapter:
    """One model. `loop` and `start_method` are what is attested; `setup` is not timed, `sample` is."""

    loop = "none"
    start_method = "none"
    build = "none"

    def __init__(self, module, variant, params):
        self.module, self.variant, self.params = module, variant, params

    def setup(self):
        """Everything that is not timed. A server returns its port."""

    def sample(self, tally):
        """Runs ops 0 .. params['ops'] - 1 and adds each to the tally."""
        raise NotImplementedError

    def serve(self, wait):
        """Servers only: serves until wait(), called on another thread, returns."""
        raise NotImplementedError

    def close(self):
        pass

    def attest(self):
        facts = {
            "gil": gil(),
            "runtime": f"cpython-{platform.python_version()}",
            "loop": self.loop,
            "interp": interpreter_id(),
            "affinity": affinity(),
            "build": self.build,
            "start_method": self.start_method,
            "pid": os.getpid(),
        }
        return "attest " + " ".join(f"{key}={value}" for key, value in facts.items())


def run_samples(adapter, wire):
    while wire.word() == "go":
        tally = Tally()
        start = clock()
        adapter.sample(tally)
        ns = clock() - start
        for line in tally.lines(ns):
            wire.say(line)


def main(model):
    """Runs the adapter class `model` for the process' command line, from hello to bye."""
    module, _, variant, params = parse(sys.argv)
    wire = Wire()
    adapter = model(module, variant, params)
    try:
        port = adapter.setup()
        wire.say(adapter.attest())
        wire.say(f"ready port={port}" if port else "ready")
        if module.KIND == "server":
            adapter.serve(wire.word)
        else:
            run_samples(adapter, wire)
        wire.say(adapter.attest())
        adapter.close()
    except Exception as error:
        import traceback

        traceback.print_exc()
        fail(wire, error)
    wire.say("bye")
