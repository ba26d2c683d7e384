"""Subinterpreters with a GIL each, one on every worker thread (PEP 684, Python 3.12 and later).

An interpreter shares no object with another, so ops and results cross as bytes, over pipes that all of them read: a
message of 16 bytes is a range of ops, and whoever reads it has it. With the variant `fresh` each op has an interpreter
and a thread that are made for it. server (mix_convoy): a thread of the main interpreter for each connection, and what computes
beside it has an interpreter each. ovh_payload: payloads go through a pipe to each worker, pickled as between processes.
"""

import contextlib
import marshal
import os
import pickle
import struct
import sys
import threading

import common
import serving

try:
    import _interpreters as interpreters
except ImportError:
    import _xxsubinterpreters as interpreters

RANGE = struct.Struct("qq")
SIZE = struct.Struct("q")

PROGRAM = """
import sys
sys.path[:] = {path!r}
import interp
interp.{life}({name!r}, {params!r}, {tasks}, {results})
"""


FRESH = """
import sys
sys.path[:] = {path!r}
import os, {name}
os.write({results}, {name}.Workload({params!r}).op({op}))
"""


def create():
    """An interpreter of its own GIL."""
    return interpreters.create("isolated") if sys.version_info >= (3, 13) else interpreters.create(isolated=True)


def run(interpreter, program):
    failed = interpreters.run_string(interpreter, program)
    if failed is not None:
        print(failed.formatted, file=sys.stderr)


def read_all(fd, size):
    data = b""
    while len(data) < size:
        part = os.read(fd, size - len(data))
        if not part:
            raise EOFError("a subinterpreter ended early")
        data += part
    return data


def write_all(fd, data):
    while data:
        data = data[os.write(fd, data) :]


def say(fd, value):
    data = marshal.dumps(value)
    write_all(fd, SIZE.pack(len(data)) + data)


def hear(fd):
    return marshal.loads(read_all(fd, SIZE.unpack(read_all(fd, SIZE.size))[0]))


def send_back(name, params, tasks, results):
    """The life of a worker whose ops are payloads."""
    say(results, common.interpreter_id())
    while size := os.read(tasks, SIZE.size):
        say(results, pickle.dumps(common.back(pickle.loads(read_all(tasks, SIZE.unpack(size)[0]))), -1))


def work_for(name, params, tasks, results):
    """The life of a worker, inside its interpreter: says its id, then answers ranges until the end of the file."""
    work = common.make_work(common.load(name), params)
    say(results, common.interpreter_id())
    while message := os.read(tasks, RANGE.size):
        try:
            say(results, [common.timed(work, op) for op in range(*RANGE.unpack(message))])
        except Exception as error:
            say(results, f"{type(error).__name__}: {error}")


def spin_for_ever(name, params, _, results):
    """The life of what computes beside a server: says its id when it has begun."""
    work = common.load(name).Workload(params)
    work.spin()
    say(results, common.interpreter_id())
    while True:
        work.spin()


class Interp(serving.Threaded):
    sends_chunks = True

    def setup(self):
        self.tasks, self.results = os.pipe(), []
        if self.kind == "server":
            self.start("spin_for_ever", self.work.spinners)
            return self.listen()
        self.interp = ",".join(map(str, self.start("work_for", self.size)))

    def start(self, life, size):
        """The ids of so many interpreters, which have begun."""
        ids = []
        for _ in range(size):
            pipe = os.pipe()
            self.results.append(pipe[0])
            threading.Thread(target=self.live, args=(life, create(), self.source(), pipe[1]), daemon=True).start()
            ids.append(hear(pipe[0]))
        return ids

    def beside(self):
        return contextlib.nullcontext()  # they compute already

    def source(self):
        """Where a worker reads its tasks: all where the others do."""
        return self.tasks[0]

    def live(self, life, interpreter, tasks, results):
        path = [os.path.dirname(os.path.abspath(__file__)), *sys.path]
        program = PROGRAM.format(path=path, life=life, name=self.name, params=self.params, tasks=tasks, results=results)
        try:
            run(interpreter, program)
        finally:
            os.close(results)  # whoever waits for this worker finds the end of the file

    def sample(self, tally):
        chunks = common.chunks(self.params, self.size)
        feeder = threading.Thread(target=lambda: [os.write(self.tasks[1], RANGE.pack(c.start, c.stop)) for c in chunks], daemon=True)
        feeder.start()
        self.collect(tally, len(chunks))
        feeder.join()

    def collect(self, tally, chunks):
        """From whichever worker has something, until all is there."""
        import select

        poll = select.poll()
        for fd in self.results:
            poll.register(fd, select.POLLIN)
        while chunks:
            for fd, _ in poll.poll():
                done = hear(fd)
                if isinstance(done, str):
                    raise RuntimeError(f"in a subinterpreter: {done}")
                tally.done += done
                chunks -= 1

    def close(self):
        os._exit(0)  # threads inside their interpreters wait for work for ever


class Crossing(Interp):
    """Round trips of payloads."""

    def setup(self):
        self.mouths, self.results = [], []
        self.interp = ",".join(map(str, self.start("send_back", self.size)))

    def source(self):
        ear, mouth = os.pipe()
        self.mouths.append(mouth)
        return ear

    def begin(self, op):
        data = pickle.dumps(self.work.op(op), -1)
        write_all(self.mouths[op % self.size], SIZE.pack(len(data)))
        write_all(self.mouths[op % self.size], data)
        return op % self.size

    def join(self, worker):
        return pickle.loads(hear(self.results[worker]))

    sample = common.fresh


class Fresh(common.Adapter):
    def begin(self, op):
        ear, mouth = os.pipe()
        thread = threading.Thread(target=self.live, args=(op, mouth))
        thread.start()
        return thread, ear

    def live(self, op, mouth):
        interpreter = create()
        try:
            program = FRESH.format(path=sys.path, name=self.name, params=self.params, results=mouth, op=op)
            run(interpreter, program)
        finally:
            os.close(mouth)
            interpreters.destroy(interpreter)

    def join(self, unit):
        thread, ear = unit
        with open(ear, "rb") as file:
            result = file.read()
        thread.join()
        return result

    sample = common.fresh


if __name__ == "__main__":
    crossing = sys.argv[1:2] == ["ovh_payload"]
    common.main(Fresh if sys.argv[2:3] == ["interp:fresh"] else Crossing if crossing else Interp)
