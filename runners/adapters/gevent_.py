"""gevent: greenlets on one thread, over sockets that wait without blocking it; cpu ops through its thread pool, or with the
variant `greenlet` each in a greenlet of its own."""

import common
import gevent
import gevent.event
import gevent.server
import gevent.socket
import serving
import waits
from gevent.threadpool import ThreadPool
from stores import BlockingStore


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
            self.stores = [Store(self) for _ in range(self.connections)]
        if self.kind == "cpu" or self.name in ("io_file", "io_log"):
            self.pool = ThreadPool(self.size)
        if self.kind in ("client", "wait"):
            self.do = waits.Blocking(self, gevent.sleep, in_greenlets, self.off).do

    def one(self, worker, ops, tally):
        """What one greenlet does of a sample: the next op that nobody has taken, until there is none."""
        for op in ops:
            if self.kind == "cpu":
                tally.add(*self.pool.apply(common.timed, (self.work, op)))
            else:
                tally.add(*self.do(op, worker))

    def off(self, function, *arguments):
        return self.pool.apply(function, arguments)

    def hold(self, ops, tally):
        """A greenlet for each op, which waits until all of them do and the driver has looked."""
        gate = gevent.event.Event()

        def one(op):
            start = common.clock()
            gate.wait()
            tally.add(op, "hit", self.work.found(op), common.clock() - start)

        greenlets = [gevent.spawn(one, op) for op in ops]
        gevent.sleep(0)
        self.look(len(greenlets))
        gate.set()
        gevent.joinall(greenlets, raise_error=True)

    def begin(self, op):
        return gevent.spawn(self.work.op, op)

    def join(self, greenlet):
        return greenlet.get()

    def sample(self, tally):
        if self.variant == "greenlet":
            return common.fresh(self, tally)
        if self.name == "mem_wait":
            return [self.hold(ops, tally) for ops in waits.rounds(self)]
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


def in_greenlets(function, arguments):
    greenlets = [gevent.spawn(function, *one) for one in arguments]
    gevent.joinall(greenlets, raise_error=True)
    return [greenlet.value for greenlet in greenlets]


if __name__ == "__main__":
    common.main(Gevent)
