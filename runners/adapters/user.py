"""A workload of the user's own: one file with unit(op), which every model is made to run.

    PARAMS = {"n": 8}              optional: parameters and their standard values, beside ops, seed and workers
    def setup(params): ...         optional: what it returns is given to the functions below as second argument; once in
                                   each process (or interpreter), before the clock starts
    def unit(op, state): ...       one op, numbered from 0; blocking. Without setup: unit(op)
    async def aunit(op, state)     optional: the same for loops of asyncio
    def punit(op, state)           optional: the same for cpromise: returns a promise
    def digest(result): ...        optional: the bytes by which results are compared; needed where they are not plain values

usage: user.py check FILE [key=value...]     what is wrong with it (status 2), or what the driver must know of it
       user.py digest FILE [key=value...]    the answers by which models are judged
"""

import importlib.util
import inspect
import json
import os
import subprocess
import sys
import time
import traceback

PLAIN = (bytes, str, int, float, bool, type(None))
STEP_S = 10  # how long one op may take
LEAK_OPS = 24
SAMPLE_NS = 200_000_000  # what a sample should last


class Wrong(Exception):
    """What a person must change in the file."""


# ---- The workload, as adapters know workloads


def place_of(error, path):
    """', line 12' of the deepest frame in the file."""
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == path]
    return f", line {lines[-1]}" if lines else ""


def describe(error, path):
    return " ".join(f"{type(error).__name__}: {error}".split()) + place_of(error, path)


def load(path):
    """The file as a module with KIND, PARAMS and Workload."""
    path = os.path.abspath(path)
    name = "gilbench_user_" + os.path.basename(path)[:-3]
    if name in sys.modules:
        return sys.modules[name]
    if not os.path.isfile(path):
        raise Wrong(f"there is no file {path}")
    module = importlib.util.module_from_spec(importlib.util.spec_from_file_location(name, path))
    sys.path.append(os.path.dirname(path))  # for what stands beside it
    sys.modules[name] = module  # so that its results can be pickled
    try:
        module.__spec__.loader.exec_module(module)
    except BaseException as error:
        del sys.modules[name]
        line = f", line {error.lineno}" if isinstance(error, SyntaxError) else ""
        raise Wrong(f"cannot be imported: {describe(error, path)}{line}") from error
    module.KIND = "cpu"
    module.PARAMS = getattr(module, "PARAMS", {})
    if not isinstance(module.PARAMS, dict) or not all(isinstance(value, (int, str)) for value in module.PARAMS.values()):
        raise Wrong("PARAMS must be a dict of whole numbers and texts")
    module.Workload = type("Workload", (Workload,), {"module": module})
    return module


def plain(value):
    if isinstance(value, (tuple, list)):
        return all(map(plain, value))
    if isinstance(value, dict):
        return all(plain(key) and plain(item) for key, item in value.items())
    return type(value) in PLAIN


def make(path, params):
    return load(path).Workload(params)


class Workload:
    def __init__(self, params):
        self.params = params
        self.args = (self.module.setup(dict(params)),) if hasattr(self.module, "setup") else ()
        if hasattr(self.module, "aunit"):
            self.aop = self.async_op
        if hasattr(self.module, "punit"):
            self.pop = self.promise_op

    def __reduce__(self):
        """To another process go the file's name and the parameters: its state is made there."""
        return make, (self.module.__file__, self.params)

    def encode(self, result):
        if hasattr(self.module, "digest"):
            return self.module.digest(result)
        if not plain(result):
            raise Wrong(
                f"a result of type {type(result).__name__} has no plain value to compare: "
                "return bytes, text, numbers or lists of them, or add digest(result), which gives bytes"
            )
        return result if isinstance(result, bytes) else repr(result).encode()

    def op(self, op):
        return self.encode(self.module.unit(op, *self.args))

    async def async_op(self, op):
        return self.encode(await self.module.aunit(op, *self.args))

    def promise_op(self, op):
        return self.module.punit(op, *self.args)


# ---- The check, in a process of its own: it may hang, fork or print


def functions(module):
    count = 2 if hasattr(module, "setup") else 1
    if not hasattr(module, "unit"):
        raise Wrong("has no function unit: write `def unit(op): ...`, which does one op and returns its result")
    for name, want in [("setup", 1), ("unit", count), ("aunit", count), ("punit", count), ("digest", 1)]:
        function = getattr(module, name, None)
        if function is None:
            continue
        if not callable(function):
            raise Wrong(f"{name} is no function but {function!r}")
        try:
            inspect.signature(function).bind(*range(want))
        except TypeError:
            an_op = "(op, state), since there is a setup" if count == 2 else "(op), since there is no setup"
            given = {"setup": "(params)", "digest": "(result)"}.get(name, an_op)
            raise Wrong(f"{name}{inspect.signature(function)} must take {given}") from None
    if inspect.iscoroutinefunction(module.unit):
        raise Wrong("unit is a coroutine function: call it aunit, and add a unit that blocks, for the other models")


class Examination:
    """The steps, each told to the parent before it is taken."""

    def __init__(self, path, params, tell):
        self.path, self.params, self.tell = os.path.abspath(path), params, tell
        self.pid = os.getpid()

    def step(self, what, call, *args):
        self.tell({"step": what})
        try:
            result = call(*args)
        except Wrong as error:
            raise Wrong(f"{what}: {error}") from None
        except BaseException as error:
            raise Wrong(f"{what} raised {describe(error, self.path)}") from error
        if os.getpid() != self.pid:
            self.tell({"wrong": f"{what} forks, and comes back twice: end the child inside it (os._exit), or use subprocess"})
            os._exit(2)
        return result

    def run(self):
        self.module = load(self.path)
        functions(self.module)
        self.work = self.step("setup(params)", self.module.Workload, self.params)
        first = self.encoded("unit(0)", 0)
        if self.encoded("unit(0), a second time,", 0) != first:
            raise Wrong("unit(0) gives another result each time: take it from op and params alone, or leave out by digest(result) what changes")
        self.other_forms(first)
        ns = self.leaks()
        return {
            "about": next(iter((self.module.__doc__ or "a workload of the user's").strip().splitlines())),
            "params": list(self.module.PARAMS),
            "ops": self.ops(ns),
            "forms": [name for name in ("unit", "aunit", "punit") if hasattr(self.module, name)],
        }

    def encoded(self, what, op):
        data = self.step(what, self.work.op, op)
        if not isinstance(data, bytes):
            raise Wrong(f"digest(result) must give bytes, not {type(data).__name__}")
        return data

    def other_forms(self, first):
        if hasattr(self.module, "aunit"):
            import asyncio

            if not inspect.iscoroutinefunction(self.module.aunit):
                raise Wrong("aunit must be a coroutine function: async def aunit(op, ...)")
            if self.step("aunit(0)", lambda: asyncio.run(self.unblocked())) != first:
                raise Wrong("aunit(0) and unit(0) give different results")
        if hasattr(self.module, "punit") and importlib.util.find_spec("cpromise"):
            import cpromise

            def run():
                promise = self.module.punit(0, *self.work.args)
                if not hasattr(promise, "then") and not hasattr(promise, "__await__"):
                    raise Wrong(f"it must return a promise, not {type(promise).__name__}")
                return promise

            if self.work.encode(self.step("punit(0)", cpromise.run, run)) != first:
                raise Wrong("punit(0) and unit(0) give different results")

    async def unblocked(self):
        """aunit(0), while a ticker looks how long the loop stands still."""
        import asyncio

        longest = last = 0

        async def tick():
            nonlocal longest, last
            while True:
                last = time.monotonic()
                await asyncio.sleep(0.001)
                longest = max(longest, time.monotonic() - last)

        ticker = asyncio.ensure_future(tick())
        await asyncio.sleep(0.005)
        longest, start = 0, time.monotonic()
        data = await self.work.aop(0)
        await asyncio.sleep(0.002)
        took = time.monotonic() - start
        ticker.cancel()
        if longest > 0.05 and longest > took / 2:
            raise Wrong(f"it blocks the loop for {longest:.2f} of its {took:.2f} s: await what waits, and give work to asyncio.to_thread")
        return data

    def left_behind(self):
        threads = len(os.listdir("/proc/self/task"))
        with open(f"/proc/self/task/{self.pid}/children") as file:
            children = len(file.read().split())
        return {"open file": len(os.listdir("/proc/self/fd")), "thread": threads, "child process": children}

    def leaks(self):
        """Runs more ops; the median time of one, in ns."""
        before, times, until = self.left_behind(), [], time.monotonic() + STEP_S / 4
        for op in range(LEAK_OPS):
            start = time.monotonic_ns()
            self.encoded(f"unit({op})", op)
            times.append(time.monotonic_ns() - start)
            if time.monotonic() > until:
                break
        for what, count in self.left_behind().items():
            if count - before[what] >= len(times):
                raise Wrong(f"unit leaks: every op leaves a{'n' * (what[0] in 'aeiou')} {what} behind; close it before it returns")
        return sorted(times)[len(times) // 2]

    @staticmethod
    def ops(ns):
        ops = min(100_000, max(8, SAMPLE_NS // max(ns, 1)))
        digits = 10 ** max(0, len(str(ops)) - 2)
        return ops // digits * digits


def examine(path, params):
    """In the child: findings to the descriptor that it was given, a line of JSON each."""
    out = os.fdopen(int(os.environ["GILBENCH_FINDINGS"]), "w")

    def tell(finding):
        out.write(json.dumps(finding) + "\n")
        out.flush()

    try:
        tell({"ok": Examination(path, params, tell).run()})
    except Wrong as wrong:
        tell({"wrong": str(wrong)})
    sys.stdout.flush()
    os._exit(0)


def findings(path, words):
    """Of an examination in a child that is ended when it takes too long: (what it told, what it wrote, whether it ended)."""
    ear, mouth = os.pipe()
    env = {**os.environ, "GILBENCH_FINDINGS": str(mouth)}
    command = [sys.executable, os.path.abspath(__file__), "examine", path, *words]
    quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    child = subprocess.Popen(command, **quiet, env=env, pass_fds=[mouth], start_new_session=True)
    os.close(mouth)
    ended = True
    try:
        wrote, _ = child.communicate(timeout=float(os.environ.get("GILBENCH_CHECK_S", 4 * STEP_S)))
    except subprocess.TimeoutExpired:
        ended = False
        os.killpg(child.pid, 9)
        wrote, _ = child.communicate()
    with os.fdopen(ear) as file:
        told = [json.loads(line) for line in file if line.endswith("\n")]
    return told, wrote.decode(errors="replace"), ended, child.returncode


def check(path, words):
    if not path.endswith(".py"):
        raise Wrong("must be a file of Python: NAME.py")
    told, wrote, ended, status = findings(path, words)
    answer = {key: value for finding in told for key, value in finding.items()}
    step = answer.get("step", "importing it")
    wrongs = [finding["wrong"] for finding in told if "wrong" in finding]
    if wrongs:  # of a process that came back twice both tell something
        raise Wrong(next((wrong for wrong in wrongs if "forks" in wrong), wrongs[0]))
    if not ended:
        raise Wrong(f"{step} does not return: an op must end by itself, within {STEP_S} s")
    if "ok" not in answer:
        raise Wrong(f"{step} ends the process, with status {status}")
    if wrote:
        raise Wrong(f"prints to standard output ({wrote.splitlines()[0][:40]!r}): take it out, it would be measured too")
    return answer["ok"]


# ---- The command line


def main():
    import common

    verb, path, words = sys.argv[1], sys.argv[2], sys.argv[3:]
    try:
        if verb == "check":
            found = check(path, words)
            print(os.path.basename(path)[:-3], found["ops"], ",".join(found["forms"]), " ".join(found["params"]) or "-", sep="\t")
            print(found["about"])
            return
        params = common.params_of(load(path), path, words)
        if verb == "examine":
            examine(path, params)
        work, tally = load(path).Workload(params), common.Tally()
        for op in range(params["ops"]):
            tally.add(*common.timed(work, op))
        sample = dict(word.split("=") for word in next(tally.lines(1)).split()[1:])
        print(f"digest={sample['digest']} hit={sample['hit']} miss=0 error=0")
    except Wrong as wrong:
        if verb == "examine":
            os.write(int(os.environ["GILBENCH_FINDINGS"]), json.dumps({"wrong": str(wrong)}).encode() + b"\n")
        sys.stderr.write(f"{path}: {wrong}\n")
        sys.exit(2)


if __name__ == "__main__":
    sys.modules["user"] = sys.modules[__name__]
    main()
