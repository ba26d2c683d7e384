"""Threads: a pool that takes ops from one queue (cpu, client), or a thread for each connection (server); with the variant
`fresh` a thread for each op (cpu)."""

import socket
import threading
from concurrent.futures import ThreadPoolExecutor

import common
from resp import BlockingStore


class Threads(common.Adapter):
    def setup(self):
        if self.variant == "fresh":
            return
        if self.kind == "server":
            self.listener = socket.create_server(("127.0.0.1", self.params["port"]), backlog=4096)
            return self.listener.getsockname()[1]
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

    def serve(self, wait):
        threading.Thread(target=accept_all, args=(self.listener,), daemon=True).start()
        while wait() != "stop":
            pass


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
