"""The driver's end of the wire (runners/README.md), for tests of the programs that stand at its other end."""

import os
import pathlib
import select
import subprocess
import sys
import tempfile
import time

HOME = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("GILBENCH_BUILD", HOME / "build" / "release"))
ADAPTERS = HOME / "runners" / "adapters"
TIMEOUT_S = 30
sys.path.insert(0, str(ADAPTERS))  # for tests that import common, which puts the workloads on the path


def fields(line):
    """The key=value words of a line behind its first."""
    return dict(word.split("=", 1) for word in line.split()[1:])


def words(params):
    return [f"{key}={value}" for key, value in params.items()]


def reference(workload, **params):
    """What the C reference says: digest, hit, miss, error, as text."""
    command = [BUILD / "reference", "digest", workload, *words(params)]
    answer = subprocess.run(command, capture_output=True, text=True, check=True, timeout=TIMEOUT_S)
    found = fields("digest " + answer.stdout)
    return {key: found[key] for key in ("digest", "hit", "miss", "error")}


class Child:
    """A child of ours in the driver's place; a context manager that leaves no process behind."""

    def __init__(self, command, workload, model, **params):
        self.scratch = tempfile.TemporaryDirectory()
        out_read, out_write = os.pipe()
        in_read, in_write = os.pipe()
        self.process = subprocess.Popen(
            [*command, workload, model, *words(params)],
            env={**os.environ, "GILBENCH_OUT": str(out_write), "GILBENCH_IN": str(in_read), "GILBENCH_SCRATCH": self.scratch.name},
            pass_fds=(out_write, in_read),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        os.close(out_write)
        os.close(in_read)
        self.out, self.buffer = out_read, b""
        self.words = os.fdopen(in_write, "w")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.communicate()
        os.close(self.out)
        self.gone()
        self.scratch.cleanup()

    def peek(self):
        """The next line, which stays the next."""
        line = self.line()
        self.buffer = line.encode() + b"\n" + self.buffer
        return line

    def line(self):
        """The next line; '' at the end."""
        while b"\n" not in self.buffer:
            if not select.select([self.out], [], [], TIMEOUT_S)[0]:
                raise TimeoutError(f"no line within {TIMEOUT_S} s")
            if not (data := os.read(self.out, 65536)):
                return ""
            self.buffer += data
        line, self.buffer = self.buffer.split(b"\n", 1)
        return line.decode()

    def expect(self, kind):
        """The fields of the next line, which must be of this kind."""
        line = self.line()
        assert line.split(" ")[0] == kind, f"expected {kind}, got {line!r}; stderr: {self.complaint(line)}"
        return {} if kind == "hello" else fields(line)

    def complaint(self, line):
        return self.process.communicate(timeout=TIMEOUT_S)[1] if line == "" or line.startswith("fail") else ""

    def ready(self):
        """hello, attest, ready: what is attested, and the port, if any."""
        self.expect("hello")
        attest = self.expect("attest")
        return attest, int(self.expect("ready").get("port", 0))

    def say(self, word):
        self.words.write(word + "\n")
        self.words.flush()

    def sample(self):
        """go: the fields of the sample, and its latency histogram as {bucket: count}; that of heavy requests in
        `heavy`, and how many ops waited, each time that some said so, in `waited`."""
        self.say("go")
        self.waited = []
        while (line := self.line()).startswith("waiting "):
            self.waited.append(int(fields(line)["tasks"]))
            self.say("go")
        assert line.startswith("sample "), f"expected a sample, got {line!r}; stderr: {self.complaint(line)}"
        self.heavy = self.latency("heavy") if "heavy" in self.peek() else {}
        return fields(line), self.latency()

    def latency(self, kind="uncorrected"):
        """The next line, a histogram: {bucket: count}."""
        latency = self.expect("latency")
        assert latency["unit"] == "ns" and latency["sub"] == "5" and latency.get("kind", "uncorrected") == kind
        buckets = (pair.split(":") for pair in latency["buckets"].split(","))
        return {int(bucket): int(count) for bucket, count in buckets}

    def stop(self):
        """stop, attest, bye and exit status 0: what is attested."""
        self.say("stop")
        attest = self.expect("attest")
        self.expect("bye")
        assert self.process.wait(TIMEOUT_S) == 0
        return attest

    def gone(self):
        """Closes the driver's end of the words."""
        try:
            self.words.close()
        except BrokenPipeError:
            pass


def python(name):
    return [sys.executable, str(ADAPTERS / name)]


def store(workload="io_employee", **params):
    return Child([str(BUILD / "store")], workload, "peer", **params)


def load(port, workload="io_echo", **params):
    return Child([str(BUILD / "load")], workload, "peer", target_port=port, **params)


def is_alive(pid):
    try:
        state = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state not in "ZX"


def all_end(pids):
    """Whether these processes and threads are gone, now or soon."""
    deadline = time.monotonic() + TIMEOUT_S
    while any(map(is_alive, pids)) and time.monotonic() < deadline:
        time.sleep(0.01)
    return not any(map(is_alive, pids))
