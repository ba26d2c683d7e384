"""Threads: a pool that takes ops from one queue (cpu, client), or a thread for each connection (server); with the variant
`fresh` a thread for each op (cpu). threads_offload: what requests compute is done by a pool of processes, for which the thread of
the connection waits."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import common
import serving
import waits
from stores import BlockingStore


class Threads(serving.Threaded):
    def setup(self):
        if self.variant == "fresh":
            return
        if self.model == "threads_offload":
            self.executor, answer = serving.pool(self)
            self.offload = lambda what: self.executor.submit(answer, what).result()
        if self.kind == "server":
            return self.listen()
        if self.name == "mem_wait":
            return  # starts its threads in the sample
        self.pool = started_pool(self.size)
        if self.kind == "client":
            self.stores = [BlockingStore(self) for _ in range(self.connections)]
        if self.kind in ("client", "wait"):
            fans = started_pool(self.connections) if "fan" in self.params else None
            self.do = waits.Blocking(self, time.sleep, in_threads, called, fans and fan_out(fans)).do

    def one(self, worker):
        """What one thread does of a sample: the next op that nobody has taken, until there is none."""
        tally = common.Tally()
        for op in iter(self.take, None):
            if self.kind == "cpu":
                tally.add(*common.timed(self.work, op))
            else:
                tally.add(*self.do(op, worker))
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
        if self.name == "mem_wait":
            return [self.hold(ops, tally) for ops in waits.rounds(self)]
        self.ops, self.lock = iter(range(self.params["ops"])), threading.Lock()
        for done in self.pool.map(self.one, range(self.size)):
            tally.merge(done)

    def hold(self, ops, tally):
        """A thread for each op, which waits until all of them do and the driver has looked."""
        gate, here = threading.Event(), threading.Semaphore(0)

        def one(op):
            start = common.clock()
            here.release()
            gate.wait()
            tally.add(op, "hit", self.work.found(op), common.clock() - start)

        threads = [threading.Thread(target=one, args=(op,), daemon=True) for op in ops]
        for thread in threads:
            thread.start()
        for _ in threads:
            here.acquire()
        self.look(len(threads))
        gate.set()
        for thread in threads:
            thread.join()


def started_pool(size):
    """All its threads exist already."""
    pool, barrier = ThreadPoolExecutor(size), threading.Barrier(size)
    list(pool.map(lambda _: barrier.wait(), range(size)))
    return pool


def called(function, *arguments):
    return function(*arguments)


def fan_out(pool):
    return lambda function, arguments: list(pool.map(lambda one: function(*one), arguments))


def in_threads(function, arguments):
    """Each call on a thread of its own."""
    results = [None] * len(arguments)

    def run(at):
        try:
            results[at] = function(*arguments[at])
        except BaseException as error:
            results[at] = error

    threads = [threading.Thread(target=run, args=(at,), daemon=True) for at in range(len(arguments))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return results



if __name__ == "__main__":
    common.main(Threads)
