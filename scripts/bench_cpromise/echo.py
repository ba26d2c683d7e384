"""TCP echo, lines, pipelining and accepting: one server after the other on one core, a closed-loop client in C on another.

In a round each row and server has its slice of load, the servers of a row one after the other in an order of the round's own, and for each
slice the server is a fresh process. The CPU time of a request is that process's own clock over the slice, so it stands also where the
client is the limit, or where others take turns on the cores; a goal by throughput that is missed is then left to CPU time.
"""

import collections
import contextlib
import json
import os
import random
import resource
import signal
import subprocess
import sys
import tempfile

import measure
import servers
import tables

HERE = os.path.dirname(os.path.abspath(__file__))
Load = collections.namedtuple("Load", "key title shape conns depth size mode", defaults=("echo",))
ECHO = [
    Load("echo1", "echo, 1 KiB, 1 connection", "echo", 1, 1, 1024),
    Load("echo16", "echo, 1 KiB, 16 connections", "echo", 16, 1, 1024),
    Load("echo64", "echo, 1 KiB, 64 connections", "echo", 64, 1, 1024),
    Load("echo1000", "echo, 1 KiB, 1000 connections", "echo", 1000, 1, 1024),
    Load("line64", "lines of 100 bytes, 64 connections", "line", 64, 1, 100),
    Load("pipeline64", "echo, 1 KiB, 64 connections, 16 requests in flight on each", "echo", 64, 16, 1024),
    Load("pipelined_lines64", "lines of 100 bytes, 64 connections, 16 in flight on each", "line", 64, 16, 100),
]
ACCEPT = [Load("accept", "connect, one byte, close; 64 at a time", "echo", 64, 1, 1, "accept")]
LOADS = {"echo": ECHO, "accept": ACCEPT}

# Kept when cpromise does at least `factor` of what the base does, by throughput and by CPU time of a request.
Goal = collections.namedtuple("Goal", "kind row base factor")
GOALS = [
    *(
        Goal(kind, row, base, factor)
        for row in ("echo64", "echo1000")
        for kind, base, factor in [
            ("must", "uvloop Protocol", 1),
            ("must", "uvloop streams", 1.5),
            ("must", "asyncio streams", 3.5),
            ("must", "C epoll", 0.85),
            ("moonshot", "C epoll", 0.95),
        ]
    ),
    Goal("must", "accept", "uvloop Protocol", 1),
    Goal("must", "accept", "uvloop streams", 1),
]
SATURATED = 0.9  # of a core: who uses it up is the limit
OURS = "cpromise"


class Refused(Exception):
    """A server, or a client, that cannot do it here, and why."""


def cores():
    """(the server's, the client's)."""
    allowed = sorted(os.sched_getaffinity(0))
    return allowed[0], allowed[-1]


def settle_on(cpus):
    """For preexec_fn: bound to cpus, with as many descriptors as are allowed."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    os.sched_setaffinity(0, cpus)


class Server:
    """A server process that prints its port. `with` ends it."""

    def __init__(self, command, cpus):
        self.errors = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=self.errors, text=True, start_new_session=True, preexec_fn=lambda: settle_on(cpus)
        )
        self.pid, told = self.process.pid, self.process.stdout.readline().strip()
        if not told.isdigit():
            self.__exit__()
            self.errors.seek(0)
            told = told or self.errors.read().strip().split("\n")[-1]
            raise Refused(told.removeprefix("refused: ") or "it ended at once")
        self.port = int(told)

    def pids(self):
        """Its own, and those of the processes that it has started."""
        with open(f"/proc/{self.pid}/task/{self.pid}/children") as file:
            return [self.pid, *map(int, file.read().split())]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)  # with the processes that it has started
        self.process.wait()
        self.process.stdout.close()


def serve(name, shape):
    return Server([sys.executable, os.path.join(HERE, "servers.py"), name, shape], {cores()[0]})


def load(server, load, seconds, cpus=None):
    """One slice: {"rate", "cpu_us", "p50_us", "p99_us", "client", "server"}; the last two are the shares of a core that they used."""
    command = ["echo-client", f"port={server.port}", f"mode={load.mode}", f"conns={load.conns}", f"depth={load.depth}", f"size={load.size}"]
    command += [f"seconds={seconds}", f"warm={max(0.1, seconds / 4)}", "pid=" + ",".join(map(str, server.pids()))]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=30 + 10 * seconds, preexec_fn=lambda: settle_on(cpus or {cores()[1]})
        )
    except subprocess.TimeoutExpired:
        raise Refused("requests were never answered") from None
    if done.returncode:
        raise Refused(done.stderr.strip())
    said = json.loads(done.stdout)
    if not said["requests"]:
        raise Refused("no request was answered")
    return {
        "rate": said["requests"] / said["seconds"],
        "cpu_us": said["server_cpu_s"] * 1e6 / said["requests"],
        "p50_us": said["p50_us"],
        "p99_us": said["p99_us"],
        "client": said["client_cpu_s"] / said["seconds"],
        "server": said["server_cpu_s"] / said["seconds"],
    }


def slice_of(name, row, seconds):
    """One slice of load on a fresh server. A machine that is busy with others gets a second chance to answer at all."""
    with serve(name, row.shape) as server:
        try:
            return load(server, row, seconds)
        except Refused:
            return load(server, row, 2 * seconds)


def in_order(loads, names, chance):
    """A round's slices. The servers of a row follow each other, since a ratio of two that are near in time is quieter."""
    return [(row, name) for row in chance.sample(loads, len(loads)) for name in chance.sample(names, len(names))]


def rounds(loads, names, count, seconds, seed, tell=lambda number: None):
    """({(row, server): [slice, one a round]}, {server: why it did not take part}). A first round warms up."""
    chance, samples, missing = random.Random(seed), collections.defaultdict(list), {}
    for number in range(count + 1):
        tell(number)
        for row, name in in_order(loads, names, chance):
            if name in missing:
                continue
            try:
                slice = slice_of(name, row, seconds)
            except Refused as reason:
                missing[name] = str(reason)
                continue
            if number:
                samples[row.key, name].append(slice)
    return {key: slices for key, slices in samples.items() if key[1] not in missing}, missing


# ---- What is made of it


def column(slices, key):
    return [each[key] for each in slices]


def versus(samples, row, base, ours):
    """(throughput ours/base, CPU time base/ours), paired by round."""
    base, ours = samples[row, base], samples[row, ours]
    return measure.ratio(column(ours, "rate"), column(base, "rate")), measure.ratio(column(base, "cpu_us"), column(ours, "cpu_us"))


def table(row, names, samples, missing):
    yield tables.line([row.title, "requests/s", "CPU us a request", "p50 us", "p99 us", "cpromise's throughput / this", "this one's CPU / cpromise's"])
    yield "|---" * 7 + "|"
    for name in names:
        slices = samples.get((row.key, name))
        if not slices:
            yield tables.line([name, "refused: " + missing.get(name, "not measured"), *[""] * 5])
            continue
        figures = [tables.cell(measure.summary(column(slices, key))) for key in ("rate", "cpu_us", "p50_us", "p99_us")]
        ratios = versus(samples, row.key, name, OURS) if samples.get((row.key, OURS)) else []
        yield tables.line([name, *figures, *(tables.cell(ratio, "x") for ratio in ratios)])


def limit(slices):
    """Why a throughput says little of the server: None where the server is what limits it."""
    client, server = (measure.summary(column(slices, key)).median for key in ("client", "server"))
    if server >= SATURATED:
        return None
    return "the client is the limit" if client >= SATURATED else "neither has a core of its own here"


def verdicts(samples):
    """[(goal, "throughput" or "CPU time", met, or the reason why that cannot be said, Figure)]"""
    judged = []
    for goal in GOALS:
        if samples.get((goal.row, goal.base)) and samples.get((goal.row, OURS)):
            rate, cpu = versus(samples, goal.row, goal.base, OURS)
            met = rate.median >= goal.factor or limit(samples[goal.row, OURS]) or False
            judged += [(goal, "throughput", met, rate), (goal, "CPU time", cpu.median >= goal.factor, cpu)]
    return judged


def words(met):
    return {True: "met", False: "NOT MET"}.get(met, f"{met}: see CPU time")


def goals(judged):
    yield tables.line(["goal", "kind", "by", "asked", "measured", ""])
    yield "|---" * 6 + "|"
    for goal, by, met, figure in judged:
        text = f"{goal.row}: cpromise against {goal.base}"
        yield tables.line([text, goal.kind, by, f">= {goal.factor}x", tables.cell(figure, "x"), words(met)])


def failed(judged):
    return any(goal.kind == "must" and met is False for goal, _, met, _ in judged)


def as_json(loads, samples, missing, judged):
    rows = {}
    for load in loads:
        found = {name: slices for (key, name), slices in samples.items() if key == load.key}
        rows[load.key] = {**load._asdict(), "servers": {name: {"slices": slices, **medians(slices)} for name, slices in found.items()}}
    decided = [{**goal._asdict(), "by": by, "met": met, **figure._asdict()} for goal, by, met, figure in judged]
    return {"rows": rows, "missing": missing, "goals": decided}


def medians(slices):
    return {key: measure.summary(column(slices, key))._asdict() for key in slices[0]}


def names_of(backend):
    """The servers that take part; backend "both", "epoll" or "io_uring" selects cpromise's rows."""
    drop = {"epoll": "cpromise io_uring", "io_uring": "cpromise"}.get(backend)
    return [name for name in servers.SERVERS if name != drop]


def run(kind, options, tell):
    """(lines of Markdown, JSON, whether a must was missed) of LOADS[kind]."""
    loads = [load for load in LOADS[kind] if measure.is_wanted(load.key, options.only)]
    names = [name for name in names_of(options.backend) if not options.servers or name in options.servers.split(",")]
    if not loads or not names:
        return [], {}, False
    seed = random.randrange(2**32) if options.seed is None else options.seed
    samples, missing = rounds(loads, names, options.io_rounds, options.seconds, seed, tell)
    judged = verdicts(samples)
    covers = measure.coverage(options.io_rounds)
    lines = [f"{options.io_rounds} rounds of {options.seconds:g} s, seed {seed}; median and its {covers:.1%} interval; ratios are paired by round"]
    if len(set(cores())) == 1:
        lines.append("Server and client share the one core that there is: throughput is not worth reading.")
    for load in loads:
        lines += ["", *table(load, names, samples, missing)]
    lines += ["", *goals(judged)] if judged else []
    return lines, as_json(loads, samples, missing, judged), failed(judged)
