"""Processes: a ProcessPoolExecutor whose start method is the variant: fork, forkserver or spawn.

Ops go to the workers in chunks. Each op is timed in its worker; its result crosses to the parent, as it would in use.
"""

import multiprocessing
import os
import threading
from concurrent.futures import ProcessPoolExecutor

import common

work = None  # of this worker, a process


def end_with_parent():
    """Pool workers wait for work for ever, also when the parent was killed and a forkserver lives on for them."""
    multiprocessing.parent_process().join()
    os._exit(1)


def start_worker(given, barrier):
    """Every worker passes here once; none goes on before all are there, so that all are warm before `ready`."""
    global work
    threading.Thread(target=end_with_parent, daemon=True).start()
    work = given
    barrier.wait()


def run_chunk(ops):
    return [common.timed(work, op) for op in ops]


class Procs(common.Adapter):
    sends_chunks = True

    def setup(self):
        self.start_method = self.variant
        context = multiprocessing.get_context(self.variant)
        self.pool = ProcessPoolExecutor(self.size, context, start_worker, (self.work, context.Barrier(self.size)))
        list(self.pool.map(run_chunk, [()] * self.size))

    def sample(self, tally):
        for done in self.pool.map(run_chunk, common.chunks(self.params, self.size)):
            tally.done += done

    def close(self):
        self.pool.shutdown()


if __name__ == "__main__":
    common.main(Procs)
