"""gevent: greenlets on one thread, over sockets that wait without blocking it; cpu ops through its thread pool, or with the
variant `greenlet` each in a greenlet of its own."""

import common
import gevent
import gevent.server
import gevent.socket
import serving
from gevent.threadpool import ThreadPool
from resp import BlockingStore


class Store(BlockingStore):
    connect = staticmethod(gevent.socket.create_connection)


class Gevent(common.Adapter):
    def setup(self):
        hub = gevent.get_hub()
        self.loop = common.qualified(hub.loop)
        self.waiters = ThreadPool(1)  # where the wire is read, while the loop runs
        if self.kind == "server":
            self.server = gevent.server.StreamServer(("127.0.0.1", self.params["port"]), self.serve_one, backlog=4096)
            self.server.start()
            return self.server.server_port
        if self.kind == "client":
            self.stores = [Store(self.params) for _ in range(self.size)]
        else:
            self.pool = ThreadPool(self.size)

    def one(self, worker, ops, tally):
        """What one greenlet does of a sample: the next op that nobody has taken, until there is none."""
        for op in ops:
            if self.kind == "client":
                tally.add(*self.stores[worker].employee(self.work, op))
            else:
                tally.add(*self.pool.apply(common.timed, (self.work, op)))

    def begin(self, op):
        return gevent.spawn(self.work.op, op)

    def join(self, greenlet):
        return greenlet.get()

    def sample(self, tally):
        if self.variant == "greenlet":
            return common.fresh(self, tally)
        ops = iter(range(self.params["ops"]))
        gevent.joinall([gevent.spawn(self.one, worker, ops, tally) for worker in range(self.size)], raise_error=True)

    def serve(self, wait):
        while self.waiters.apply(wait) != "stop":
            pass
        self.server.stop()

    def serve_one(self, connection, _):
        serving.no_delay(connection)
        with connection:
            if hasattr(self.work, "conversation"):
                serving.converse(connection, self.work.conversation(), gevent.sleep, lambda request: self.work.answer(request.what))
            else:
                serving.echo(connection)


if __name__ == "__main__":
    common.main(Gevent)
