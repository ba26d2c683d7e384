"""Threads: a pool that takes ops from one queue (cpu, client), or a thread for each connection (server)."""

import itertools
import socket
import threading
from concurrent.futures import ThreadPoolExecutor

import common
from resp import BlockingStore


class Threads(common.Adapter):
    def setup(self):
        self.work = self.module.Workload(self.params)
        if self.module.KIND == "server":
            self.listener = socket.create_server(("127.0.0.1", self.params["port"]), backlog=4096)
            return self.listener.getsockname()[1]
        self.size = self.params["workers" if self.module.KIND == "cpu" else "concurrency"]
        self.pool = ThreadPoolExecutor(self.size)
        barrier = threading.Barrier(self.size)
        list(self.pool.map(lambda _: barrier.wait(), range(self.size)))  # all threads exist before `ready`
        if self.module.KIND == "client":
            self.stores = [BlockingStore(self.params) for _ in range(self.size)]

    def one(self, worker):
        """What one thread does of a sample: the next op that nobody has taken, until there is none."""
        tally = common.Tally()
        for op in iter(self.next_op, None):
            if self.module.KIND == "client":
                tally.add(*self.stores[worker].employee(self.module, self.work, op))
            else:
                tally.add(*common.timed(self.work, op))
        return tally

    def sample(self, tally):
        ops = itertools.chain(range(self.params["ops"]), itertools.repeat(None))
        self.next_op = ops.__next__  # atomic under the GIL; on a free-threaded build guarded below
        if common.gil() == "off":
            lock = threading.Lock()
            self.next_op = lambda: next_locked(lock, ops)
        for done in self.pool.map(self.one, range(self.size)):
            tally.merge(done)

    def serve(self, wait):
        threading.Thread(target=accept_all, args=(self.listener,), daemon=True).start()
        while wait() != "stop":
            pass


def next_locked(lock, iterator):
    with lock:
        return next(iterator)


def accept_all(listener):
    while True:
        connection, _ = listener.accept()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=echo, args=(connection,), daemon=True).start()


def echo(connection):
    with connection:
        while data := connection.recv(65536):
            connection.sendall(data)


if __name__ == "__main__":
    common.main(Threads)
