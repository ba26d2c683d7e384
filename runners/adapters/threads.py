"""Threads: a pool that takes ops from one queue (cpu, client), or a thread for each connection (server); with the variant
`fresh` a thread for each op (cpu). threads_offload: what requests compute is done by a pool of processes, for which the thread of
the connection waits."""

import threading
from concurrent.futures import ThreadPoolExecutor

import common
import serving
from resp import BlockingStore


class Threads(serving.Threaded):
    def setup(self):
        if self.variant == "fresh":
            return
        if self.model == "threads_offload":
            self.executor, answer = serving.pool(self)
            self.offload = lambda what: self.executor.submit(answer, what).result()
        if self.kind == "server":
            return self.listen()
        self.pool = ThreadPoolExecutor(self.size)
        barrier = threading.Barrier(self.size)
        list(self.pool.map(lambda _: barrier.wait(), range(self.size)))  # all threads exist before `ready`
        if self.kind == "client":
            self.stores = [BlockingStore(self.params) for _ in range(self.size)]

    def one(self, worker):
        """What one thread does of a sample: the next op that nobody has taken, until there is none."""
        tally = common.Tally()
        for op in iter(self.take, None):
            if self.kind == "client":
                tally.add(*self.stores[worker].employee(self.work, op))
            else:
                tally.add(*common.timed(self.work, op))
        return tally

    def take(self):
        with self.lock:
            return next(self.ops, None)

    def begin(self, op):
        results = []
        thread = threading.Thread(target=lambda: results.append(self.work.op(op)))
        thread.start()
        return thread, results

    def join(self, unit):
        thread, results = unit
        thread.join()
        return results[0]

    def sample(self, tally):
        if self.variant == "fresh":
            return common.fresh(self, tally)
        self.ops, self.lock = iter(range(self.params["ops"])), threading.Lock()
        for done in self.pool.map(self.one, range(self.size)):
            tally.merge(done)


if __name__ == "__main__":
    common.main(Threads)
