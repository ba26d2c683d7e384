"""The worker processes of a loop, for to_process(). What a worker does is in _worker.py.

Requests are sent ahead, up to AHEAD to a worker, so that it need not wait for the loop; but none has to stand behind one that runs for
long: a worker that has nothing to do gets what others have not begun. Memory that is shared with each worker says what it has begun,
and so what is lost when it dies: one call at the most.
"""

import collections
import mmap
import os
import signal
import socket
import subprocess
import sys
import time

from ._cpromise import Promise, _claim, _pipe_stream  # type: ignore[import-not-found]
from ._crossing import outcome, setup
from ._python import LoopClosedError, PromiseError, WorkerDied
from ._worker import HEADER, READ_SIZE, SLOTS, TAKEN_BACK

AHEAD = 8  # requests that a worker has and has not answered
MOST_WAITING = 131072  # as in py_offload.c
GRACE = 1.0  # seconds that workers have between the request to end and SIGKILL
BOOT = "import sys; sys.path[:] = {path!r}; from cpromise._worker import main; main({parent}, {sock}, {slots}, {setup!r})"


class _Job:
    __slots__ = ("name", "promise", "reject", "request", "resolve")

    def __init__(self, name, request, settle):
        self.name, self.request = name, request
        self.promise, self.resolve, self.reject = settle

    def settle(self, answer):
        returned, value = outcome(answer)
        (self.resolve if returned else self.reject)(value)


def _popen(sock, slots):
    """Starts the program. SIGINT is blocked until it has its handler."""
    if not sys.executable:
        raise RuntimeError("to_process(): sys.executable does not say which program is to run as a worker")
    packed = setup()
    code = BOOT.format(path=list(map(str, sys.path)), parent=os.getpid(), sock=sock, slots=slots, setup=packed.hex())
    argv = [sys.executable, *subprocess._args_from_interpreter_flags(), "-c", code]
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        return subprocess.Popen(argv, stdin=subprocess.DEVNULL, pass_fds=(sock, slots))
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class _Worker:
    """sent: {number: job} of what it has and has not answered, in the order in which it will come to it."""

    def __init__(self):
        self.process = None
        slots = os.memfd_create("cpromise worker")
        ours, theirs = socket.socketpair()
        try:
            os.ftruncate(slots, SLOTS)
            self.slots = mmap.mmap(slots, SLOTS)
            self.process = _popen(theirs.fileno(), slots)
            self.socket = ours
            ours.setblocking(False)
            self.stream = _pipe_stream(os.dup(ours.fileno()))
        except BaseException:
            ours.close()
            if self.process:
                self.process.kill()
                self.process.wait()
            raise
        finally:
            theirs.close()
            os.close(slots)
        self.sent = {}
        self.next = 0  # number of the next job that it gets
        self.passed = -1  # the last one that it is known to have come to

    def has_room(self):
        """Also for the marks: a byte is used again only when the worker has seen it."""
        return len(self.sent) < AHEAD and self.next - self.passed < SLOTS

    def send(self, job):
        number = self.next
        self.next += 1
        self.slots[number % SLOTS] = 0
        self.sent[number] = job
        self.stream.write(HEADER.pack(number, len(job.request)) + job.request).catch(OSError, _nothing)

    def take_back_last(self):
        """The last job that it has not begun, or None."""
        for number in reversed(self.sent):
            if _claim(self.slots, number % SLOTS, TAKEN_BACK):
                return self.sent.pop(number)
            return None
        return None

    def fate(self):
        """How it ended, for a message."""
        code = self.process.returncode
        if code is None or code >= 0:
            return f"ended with status {code}"
        try:
            return f"was killed by {signal.Signals(-code).name}"
        except ValueError:
            return f"was killed by signal {-code}"

    def ask_to_end(self):
        try:
            self.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        if self.sent:
            self.process.terminate()

    def end(self, deadline):
        try:
            self.process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.forget()

    def forget(self):
        self.stream.close()
        self.socket.close()


def _nothing(error):
    """That it cannot be written to is known from reading, too."""


class Processes:
    def __init__(self, most):
        self.most = most
        self.workers = []
        self.waiting = collections.deque()
        self.closed = False

    def submit(self, name, request, settle):
        if len(self.waiting) >= MOST_WAITING:
            raise PromiseError(
                f"to_process(): {MOST_WAITING} calls wait for this loop's workers already; cpromise.map() with concurrency= "
                "starts no more than it is told to"
            )
        self.waiting.append(_Job(name, request, settle))
        self.dispatch()

    def choose(self):
        """The worker for the next job; None where it has to wait."""
        best = min(self.workers, key=lambda worker: len(worker.sent), default=None)
        if (best is None or best.sent) and len(self.workers) < self.most:
            best = _Worker()
            self.workers.append(best)
            Promise.from_coroutine(self.read(best))
        return best if best.has_room() else None

    def dispatch(self):
        while self.waiting and not self.closed:
            if self.waiting[0].promise.state != "pending":  # cancelled
                self.waiting.popleft()
                continue
            try:
                worker = self.choose()
            except Exception as error:
                self.waiting.popleft().reject(error)
                continue
            if worker is None:
                return
            worker.send(self.waiting.popleft())

    def balance(self, idle):
        """A worker has nothing to do: it gets what another one has not begun."""
        for other in self.workers:
            if len(other.sent) > 1 and (job := other.take_back_last()):
                if job.promise.state == "pending":
                    return idle.send(job)

    async def read(self, worker):
        try:
            await self.take_answers(worker)
        except (OSError, LoopClosedError):
            pass
        if not self.closed:
            await self.bury(worker)

    async def take_answers(self, worker):
        buffer, start = bytearray(), 0
        while data := await worker.stream.read(READ_SIZE):
            buffer += data
            while len(buffer) - start >= HEADER.size:
                number, size = HEADER.unpack_from(buffer, start)
                end = start + HEADER.size + size
                if len(buffer) < end:
                    break
                self.answered(worker, number, bytes(memoryview(buffer)[start + HEADER.size : end]))
                start = end
            del buffer[:start]
            start = 0
            self.dispatch()
            if not worker.sent and not self.closed:
                self.balance(worker)

    def answered(self, worker, number, answer):
        worker.passed = number
        job = worker.sent.pop(number)
        if job.promise.state == "pending":
            job.settle(answer)

    async def bury(self, worker):
        """The worker is dead, or has closed its socket: then it dies now. What it had begun is lost, the rest goes on."""
        from ._cpromise import sleep  # type: ignore[import-not-found]

        self.workers.remove(worker)
        for _ in range(50):
            if worker.process.poll() is not None:
                break
            await sleep(0.01)
        worker.end(time.monotonic())
        lost, kept = [], []
        for number, job in worker.sent.items():
            (kept if _claim(worker.slots, number % SLOTS, TAKEN_BACK) else lost).append(job)
        if kept and not lost and worker.passed < 0:  # it did not come so far, and may never do
            lost.append(kept.pop(0))
        for job in lost:
            job.reject(WorkerDied(f"to_process({job.name}): the worker, process {worker.process.pid}, {worker.fate()} before the call returned"))
        self.waiting.extendleft(reversed(kept))
        if not self.closed:
            self.dispatch()

    def close(self):
        """Ends the workers: the idle ones are told so by the end of their socket, the others by SIGTERM. Blocks, at most for GRACE."""
        self.closed = True
        self.waiting.clear()
        deadline = time.monotonic() + GRACE
        for worker in self.workers:
            worker.ask_to_end()
        for worker in self.workers:
            worker.end(deadline)
        self.workers.clear()
