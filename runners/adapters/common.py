"""What every adapter in Python needs: its command line, the wire, attestation, digest and latencies.

The wire and the bucket rule are defined in runners/README.md. An adapter is a class with `setup`, `sample` and
`close` (servers: `serve`), given to main(); serial.py is the smallest one.
"""

import contextlib
import functools
import gc
import importlib
import os
import platform
import sys
import threading
import time
import traceback

import limits

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "workloads"))

COMMON = {
    "ops": 100,
    "seed": 42,
    "workers": 1,
    "concurrency": 1,
    "store_host": "127.0.0.1",
    "store_port": 0,
    "store_speaks": "resp",
    "port": 0,
}
AT_LEAST_ONE = ("ops", "workers", "concurrency")
MASK = (1 << 64) - 1
clock = time.monotonic_ns


# ---- Digest and latencies


@functools.lru_cache(maxsize=1 << 16)
def op_digest(op, result):
    """FNV-1a64 over the op id and the result, stirred (workloads/README.md).

    Cached, since it costs Python more than many an op does: after the warm-up a result that is equal to an earlier
    one costs a look-up, and the driver's counters see the work and not its digest.
    """
    hash = 0xCBF29CE484222325
    for byte in op.to_bytes(8, "little") + result:
        hash = ((hash ^ byte) * 0x100000001B3) & MASK
    hash = (hash ^ hash >> 33) * 0xFF51AFD7ED558CCD & MASK
    return hash ^ hash >> 33


def bucket(value):
    if value < 64:
        return value
    shift = value.bit_length() - 6
    return 32 * shift + (value >> shift)


class Tally:
    """The ops of one sample. Not shared between threads: each has its own, then merge()."""

    def __init__(self):
        self.done = []
        self.lost = self.settled = 0

    def add(self, op, outcome, result, ns):
        """`outcome`: hit, miss or error. `ns`: from when a worker took the op until its result was there."""
        self.done.append((op, outcome, result, ns))

    def merge(self, other):
        self.done += other.done

    def settle(self, work):
        """Where workers share what ops change: what has become of it, as if it were the result of one more op."""
        result, self.lost = work.settle()
        self.settled = op_digest(len(self.done), result)

    def lines(self, ns, encode=lambda result: result):
        """The sample and latency lines; encode(result) gives the bytes where ops did not. All that is expensive happens here,
        after the clock has stopped."""
        digest = self.settled
        counts = {"hit": 0, "miss": 0, "error": 0}
        buckets = {}
        for op, outcome, result, op_ns in self.done:
            digest += op_digest(op, encode(result))
            counts[outcome] += 1
            index = bucket(op_ns)
            buckets[index] = buckets.get(index, 0) + 1
        classes = " ".join(f"{name}={count}" for name, count in counts.items())
        lost = f" lost={self.lost}" if self.lost else ""
        yield f"sample ns={ns} ops={len(self.done)} {classes} digest={digest & MASK:016x}{lost}"
        yield "latency unit=ns sub=5 buckets=" + ",".join(f"{i}:{c}" for i, c in sorted(buckets.items()))


def timed(work, op):
    """One op of a cpu workload, as Tally.add takes it."""
    start = clock()
    result = work.op(op)
    return op, "hit", result, clock() - start


CHUNKS_PER_WORKER = 4


def chunks(params, workers):
    """The ops in ranges that go to a worker at once: of `chunk` ops, or of a quarter of an equal share each, so that the work
    is spread evenly and an op that is small is not all messages."""
    ops = params["ops"]
    size = params.get("chunk") or max(1, ops // (CHUNKS_PER_WORKER * workers))
    return [range(i, min(i + size, ops)) for i in range(0, ops, size)]


def fresh(adapter, tally):
    """A sample of a model that makes a unit for each op: `workers` are begun, then all are joined. An op's time is from before
    its unit was made until it was joined."""
    ops, size = adapter.params["ops"], adapter.size
    for first in range(0, ops, size):
        begun = [(op, clock(), adapter.begin(op)) for op in range(first, min(first + size, ops))]
        for op, start, unit in begun:
            tally.add(op, "hit", adapter.join(unit), clock() - start)


def back(payload):
    """What a worker elsewhere does with the payload of an op."""
    return payload


# ---- Attestation


def cpu_list(cpus):
    """The kernel's form: 0-1,4."""
    ranges = []
    for cpu in sorted(cpus):
        if ranges and ranges[-1][1] == cpu - 1:
            ranges[-1][1] = cpu
        else:
            ranges.append([cpu, cpu])
    return ",".join(str(a) if a == b else f"{a}-{b}" for a, b in ranges)


def threads_of_tree(pid="self"):
    """The ids of all threads of a process and its descendants, as far as they still live."""
    try:
        for task in os.listdir(f"/proc/{pid}/task"):
            yield int(task)
            with open(f"/proc/{pid}/task/{task}/children") as children:
                pids = children.read().split()
            for child in pids:
                yield from threads_of_tree(child)
    except (FileNotFoundError, ProcessLookupError):
        pass


def affinity():
    """The CPUs on which any thread of this process or of its workers may run."""
    cpus = set()
    for thread in threads_of_tree():
        try:
            cpus |= os.sched_getaffinity(thread)
        except ProcessLookupError:
            pass
    return cpu_list(cpus)


def gil():
    return "on" if getattr(sys, "_is_gil_enabled", lambda: True)() else "off"


def interpreter_id():
    for name in ("_interpreters", "_xxsubinterpreters"):  # 3.13 and later; 3.8 to 3.12
        try:
            current = importlib.import_module(name).get_current()
        except ImportError:
            continue
        return int(current[0] if isinstance(current, tuple) else current)
    return 0


def debug(build):
    """Why this process is not fit to be measured: Py_DEBUG, or an extension that was compiled without optimisation."""
    if hasattr(sys, "gettotalrefcount"):
        return "Py_DEBUG"
    return "O0" if build.endswith("-O0") else "no"


def qualified(obj):
    return f"{type(obj).__module__}.{type(obj).__qualname__}"


def attestation(loop="none", build="none", start_method="none", interp=None):
    facts = {
        "gil": gil(),
        "runtime": f"cpython-{platform.python_version()}",
        "loop": loop,
        "interp": interp or interpreter_id(),
        "affinity": affinity(),
        "build": build,
        "debug": debug(build),
        "start_method": start_method,
        "pid": os.getpid(),
    }
    return "attest " + " ".join(f"{key}={value}" for key, value in facts.items())


# ---- The wire and the command line


class DriverGone(Exception):
    """The other end of the wire is closed: nobody is left to work for."""


class Wire:
    def __init__(self):
        try:
            self.out = os.fdopen(int(os.environ["GILBENCH_OUT"]), "w")
            self.words = os.fdopen(int(os.environ["GILBENCH_IN"]), "r")
        except KeyError as missing:
            sys.exit(f"{missing.args[0]} is not set: this program is run by gilbench")
        self.say("hello 1")

    def say(self, line):
        try:
            self.out.write(line + "\n")
            self.out.flush()
        except BrokenPipeError:
            raise DriverGone from None

    def word(self):
        """'go' or 'stop'."""
        line = self.words.readline()
        if not line:
            raise DriverGone
        return line.strip()

    def look(self, tasks):
        """Inside a sample: so many ops wait now. Comes back when the driver has read their memory."""
        self.say(f"waiting tasks={tasks}")
        self.word()

    def fail(self, error):
        self.say("fail " + " ".join(f"{type(error).__name__}: {error}{limits.explain(error)}".split()))
        os._exit(1)  # at once: threads may wait for ever


def load(name):
    """The module of a workload: one of ours by its name, one of the user's by its path."""
    if name.endswith(".py"):
        import user

        return user.load(name)
    return importlib.import_module(name)


def choice(word, words, value):
    if value in words:
        return value
    sys.exit(f"{word}: one of these was expected: {' '.join(words)}")


def number(word, key, value):
    least = 1 if key in AT_LEAST_ONE else 0
    if value.isdecimal() and int(value) >= least:
        return int(value)
    sys.exit(f"{word}: a whole number of {least} or more was expected")


def parse(argv):
    """(workload, model with its variant, parameters); numbers where the standard value is one."""
    if len(argv) < 3:
        sys.exit(f"usage: {argv[0]} WORKLOAD MODEL[:VARIANT] key=value ...")
    try:
        module = load(argv[1])
        params = params_of(module, argv[1], argv[3:])
    except (ModuleNotFoundError, AttributeError):
        sys.exit(f"unknown workload '{argv[1]}'")
    return argv[1], argv[2], params


def params_of(module, name, words):
    """All that the workload understands, with what the words say of it."""
    known = {**COMMON, **module.PARAMS}
    params = dict(known)
    for word in words:
        key, equals, value = word.partition("=")
        if not equals or key not in known:
            sys.exit(f"unknown parameter '{word}' of {name}; there are: {' '.join(known)}")
        if key in getattr(module, "WORDS", {}):
            params[key] = choice(word, module.WORDS[key], value)
        else:
            params[key] = number(word, key, value) if isinstance(known[key], int) else value
    return params


# ---- The life of an adapter


class Here:
    """Where workers share things that are threads of one process: how a workload gets what its ops change together."""

    lock = staticmethod(threading.Lock)
    mapping = staticmethod(dict)

    @staticmethod
    def table(size):
        return [0] * size


def make_work(module, params):
    work = module.Workload(params)
    if hasattr(work, "share"):
        work.share(Here)
    return work


class Adapter:
    """One model. `loop`, `build` and `start_method` are attested; `setup` is not timed, `sample` is."""

    loop = build = start_method = "none"
    interp = None  # where ops run, when it is not here
    sends_chunks = False  # whether `chunk` of a workload means anything here

    def __init__(self, name, model, params):
        self.name, self.module, self.params = name, load(name), params
        self.model, _, self.variant = model.partition(":")
        module = self.module
        self.kind = module.KIND
        self.size = params["workers" if module.KIND == "cpu" else "concurrency"]
        self.connections = self.size * params.get("fan", 1)  # of a client
        self.work = make_work(module, params)
        if params.get("chunk", 1) > 1 and not self.sends_chunks:
            raise ValueError(f"chunk={params['chunk']}: {model} gives its workers one op at a time")

    def setup(self):
        """Everything that is not timed. A server returns its port."""

    def sample(self, tally):
        """Runs ops 0 .. params['ops'] - 1 and adds each to the tally."""
        raise NotImplementedError

    def serve(self, wait):
        """Servers only: serves until wait(), called where it may block, returns 'stop'."""
        raise NotImplementedError

    def beside(self):
        """A context: what computes beside a server while it serves."""
        if not hasattr(self.work, "spin"):
            return contextlib.nullcontext()
        import serving

        return serving.spinners(self.work)

    def close(self):
        pass

    def attest(self):
        return attestation(self.loop, self.build, self.start_method, self.interp)


class OnLoop(Adapter):
    """A model whose ops are steps of one loop: what is timed is the way from one step to the next, not a pool. A workload without
    steps is one step."""

    shares = None  # the variant in which `workers` coroutines take turns at what a workload shares, with pause() and together()

    async def in_turn(self, ops, tally):
        for op in ops:
            start = clock()
            tally.add(op, "hit", await self.work.turns(op, self.pause), clock() - start)

    async def ops(self, tally, way):
        """All ops of a sample, one after the other; way(first value, step, steps) is awaited."""
        if self.variant == self.shares and hasattr(self.work, "turns"):
            ops = iter(range(self.params["ops"]))
            return await self.together([self.in_turn(ops, tally) for _ in range(self.size)])
        begin = getattr(self.work, "begin", lambda op: (op, self.work.op, 1))
        finish = getattr(self.work, "finish", lambda result: result)
        for op in range(self.params["ops"]):
            start = clock()
            value = await way(*begin(op))
            tally.add(op, "hit", finish(value), clock() - start)


def run_samples(adapter, wire):
    work = adapter.work
    adapter.look = wire.look
    while wire.word() == "go":
        tally = Tally()
        if hasattr(work, "reset"):
            work.reset()
        start = clock()
        adapter.sample(tally)
        ns = clock() - start
        if hasattr(work, "settle"):
            tally.settle(work)
        for line in tally.lines(ns, getattr(work, "result", lambda result: result)):
            wire.say(line)


def run(adapter, wire):
    port = adapter.setup()
    gc.collect()
    gc.freeze()  # what set-up made is not looked through again and again while ops run
    wire.say(adapter.attest())
    wire.say(f"ready port={port}" if port else "ready")
    if adapter.kind == "server":
        with adapter.beside():
            adapter.serve(wire.word)
    else:
        run_samples(adapter, wire)
    wire.say(adapter.attest())
    wire.say("bye")
    adapter.close()


def main(model):
    """Runs the adapter class `model` for the process' command line, from hello to bye."""
    arguments = parse(sys.argv)
    wire = Wire()
    try:
        run(model(*arguments), wire)
    except DriverGone:
        os._exit(0)  # at once: workers and servers may still be busy
    except Exception as error:
        traceback.print_exc()
        wire.fail(error)
