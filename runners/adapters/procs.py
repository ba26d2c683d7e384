"""Processes: a ProcessPoolExecutor whose start method is the variant: fork, forkserver or spawn; or a process for each op,
by one of these methods (`fresh_fork` ...) or by running an interpreter that imports nothing but the workload (`cold`).

Ops go to the workers in chunks. Each op is timed in its worker; its result crosses to the parent, as it would in use.
server (mix_convoy): a thread for each connection, and what computes beside it has a process each.
"""

import contextlib
import multiprocessing
import os
import subprocess
import sys
import threading
from concurrent.futures import ProcessPoolExecutor
from multiprocessing.managers import SyncManager

import common
import serving

work = None  # of this worker, a process


def end_with_parent():
    """Pool workers wait for work for ever, also when the parent was killed and a forkserver lives on for them."""
    multiprocessing.parent_process().join()
    os._exit(1)


def watch_parent():
    threading.Thread(target=end_with_parent, daemon=True).start()


class Between:
    """common.Here for processes: numbers in memory that all of them see; what else there is, a manager keeps, one more process."""

    def __init__(self, context):
        self.context, self.lock = context, context.Lock

    def table(self, size):
        return self.context.RawArray("q", size)

    def mapping(self):
        manager = SyncManager(ctx=self.context)
        manager.start(watch_parent)
        return manager.dict()


def start_worker(given, barrier):
    """Every worker passes here once; none goes on before all are there, so that all are warm before `ready`."""
    global work
    watch_parent()
    work = given
    barrier.wait()


def run_chunk(ops):
    return [common.timed(work, op) for op in ops]


def answer_request(what):
    """Where requests compute: see serving.process_pool."""
    return work.answer(what)


def pool(given, size, method):
    """An executor whose workers are there and have the workload."""
    context = multiprocessing.get_context(method)
    if hasattr(given, "share"):
        given.share(Between(context))
    executor = ProcessPoolExecutor(size, context, start_worker, (given, context.Barrier(size)))
    list(executor.map(run_chunk, [()] * size))
    return executor


def spin_for_ever(given, barrier):
    """The life of a process that computes beside a server."""
    start_worker(given, barrier)
    while True:
        given.spin()


def answer(mouth, given, op):
    mouth.send_bytes(given.op(op))


COLD = """
import sys
path, name, params, op = sys.argv[1:]
sys.path.insert(0, path)
sys.stdout.buffer.write(__import__(name).Workload(eval(params)).op(int(op)))
"""


class Fresh(common.Adapter):
    """A Process and a pipe for each op."""

    def setup(self):
        self.start_method = self.variant.removeprefix("fresh_")
        self.context = multiprocessing.get_context(self.start_method)
        self.join(self.begin(0))  # a forkserver is there before `ready`

    def begin(self, op):
        ear, mouth = self.context.Pipe(duplex=False)
        process = self.context.Process(target=answer, args=(mouth, self.work, op))
        process.start()
        mouth.close()
        return process, ear

    def join(self, unit):
        process, ear = unit
        with ear:
            result = ear.recv_bytes()
        process.join()
        process.close()
        return result

    sample = common.fresh


class Cold(common.Adapter):
    start_method = "exec"

    def begin(self, op):
        path = os.path.dirname(self.module.__file__)
        command = [sys.executable, "-I", "-S", "-c", COLD, path, self.name, repr(self.params), str(op)]
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)

    def join(self, process):
        result, _ = process.communicate()
        return result

    sample = common.fresh


class Procs(serving.Threaded):
    sends_chunks = True

    def setup(self):
        self.start_method = self.variant
        if self.kind == "server":
            self.start_spinners(multiprocessing.get_context(self.variant), self.work.spinners)
            return self.listen()
        self.pool = pool(self.work, self.size, self.variant)

    def start_spinners(self, context, size):
        barrier = context.Barrier(size + 1)
        self.spinners = [context.Process(target=spin_for_ever, args=(self.work, barrier), daemon=True) for _ in range(size)]
        for process in self.spinners:
            process.start()
        barrier.wait()

    def beside(self):
        return contextlib.nullcontext()  # they compute already

    def begin(self, op):
        return self.pool.submit(common.back, self.work.op(op))

    def join(self, future):
        return future.result()

    def sample(self, tally):
        if hasattr(self.work, "crosses"):
            return common.fresh(self, tally)
        for done in self.pool.map(run_chunk, common.chunks(self.params, self.size)):
            tally.done += done

    def close(self):
        if self.kind == "server":
            for process in self.spinners:
                process.kill()
        else:
            self.pool.shutdown()


if __name__ == "__main__":
    variant = sys.argv[2].partition(":")[2] if len(sys.argv) > 2 else ""
    common.main(Cold if variant == "cold" else Fresh if variant.startswith("fresh") else Procs)
