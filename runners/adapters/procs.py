"""Processes: a ProcessPoolExecutor whose start method is the variant: fork, forkserver or spawn.

Ops go to the workers in chunks, a quarter of an equal share each, so that the work is spread evenly and an op that is small is
not all pickling. Each op is timed in its worker.
"""

import multiprocessing
from concurrent.futures import ProcessPoolExecutor

import common

work = None


def start_worker(module, params):
    global work
    work = __import__(module).Workload(params)


def run_chunk(ops):
    return [common.timed(work, op) for op in ops]


def wait_for_all(barrier):
    barrier.wait()


class Procs(common.Adapter):
    def setup(self):
        self.start_method = self.variant
        context = multiprocessing.get_context(self.variant)
        workers = self.params["workers"]
        self.manager = context.Manager()
        barrier = self.manager.Barrier(workers)
        self.pool = ProcessPoolExecutor(workers, context, start_worker, (self.module.__name__, self.params))
        list(self.pool.map(wait_for_all, [barrier] * workers))  # all workers exist, and are warm, before `ready`
        self.manager.shutdown()

    def sample(self, tally):
        ops, workers = self.params["ops"], self.params["workers"]
        size = max(1, ops // (4 * workers))
        for done in self.pool.map(run_chunk, [range(i, min(i + size, ops)) for i in range(0, ops, size)]):
            tally.results += done

    def close(self):
        self.pool.shutdown()


if __name__ == "__main__":
    common.main(Procs)
