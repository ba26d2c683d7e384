"""cpromise, in two styles: `chain` (then, then, catch) and `await` (coroutines on the same loop). cpu ops through to_thread."""

import common
import cpromise as cp
from resp import bulk_size, request


class Store:
    """A RESP2 client whose get() is a promise."""

    def __init__(self, stream):
        self.stream = stream

    def get(self, key):
        self.stream.write(request(key))
        return self.stream.readuntil(b"\r\n").then(self.body)

    def body(self, line):
        size = bulk_size(line)
        return None if size < 0 else self.stream.readexactly(size + 2).then(lambda data: data[:-2])

    async def aget(self, key):
        self.stream.write(request(key))
        size = bulk_size(await self.stream.readuntil(b"\r\n"))
        return None if size < 0 else (await self.stream.readexactly(size + 2))[:-2]


class Promises(common.Adapter):
    build = cp.__build__

    def setup(self):
        self.work = self.module.Workload(self.params)
        self.cp_loop = cp.Loop()
        self.loop = "cpromise.Loop"
        style = {"chain": self.chain_op, "await": self.await_op}[self.variant]
        self.op = style if self.module.KIND == "client" else self.offloaded_op
        return self.cp_loop.run(self.prepare)

    async def prepare(self):
        self.loop = common.qualified(cp.get_running_loop())
        if self.module.KIND == "server":
            handler = {"chain": echo_chain, "await": echo}[self.variant]
            self.server = await cp.serve_tcp(handler, "127.0.0.1", self.params["port"], backlog=4096)
            return self.server.port
        self.size = self.params["workers" if self.module.KIND == "cpu" else "concurrency"]
        if self.module.KIND == "client":
            host, port = self.params["store_host"], self.params["store_port"]
            self.stores = [Store(await cp.connect_tcp(host, port)) for _ in range(self.size)]

    # One op, in each style: a promise of (op, class, result, ns).

    def offloaded_op(self, op, worker):
        return cp.to_thread(common.timed, self.work, op)

    def chain_op(self, op, worker):
        start, name, store = common.clock(), self.work.names[op], self.stores[worker]

        def details(employee_id):
            if employee_id is None:
                raise LookupError(name)
            return store.get(self.module.record_key(employee_id)).then(lambda record: finish(employee_id, record))

        def finish(employee_id, record):
            return op, *self.module.outcome(name, employee_id, record), common.clock() - start

        return store.get(self.module.id_key(name)).then(details).catch(LookupError, lambda _: finish(None, None))

    async def await_op(self, op, worker):
        start, name, store = common.clock(), self.work.names[op], self.stores[worker]
        employee_id = await store.aget(self.module.id_key(name))
        record = None if employee_id is None else await store.aget(self.module.record_key(employee_id))
        return op, *self.module.outcome(name, employee_id, record), common.clock() - start

    # What one worker does of a sample: the next op that nobody has taken, until there is none.

    def one_chain(self, worker, ops, tally):
        def run(resolve, reject):
            def next_op(_=None):
                op = next(ops, None)
                if op is None:
                    resolve()
                else:
                    self.op(op, worker).then(lambda done: tally.add(*done)).then(next_op).catch(reject)

            next_op()

        return cp.Promise(run)

    async def one_await(self, worker, ops, tally):
        for op in ops:
            tally.add(*await self.op(op, worker))

    def sample(self, tally):
        ops = iter(range(self.params["ops"]))
        one = {"chain": self.one_chain, "await": self.one_await}[self.variant]
        self.cp_loop.run(lambda: cp.Promise.all(one(worker, ops, tally) for worker in range(self.size)))

    def serve(self, wait):
        self.cp_loop.run(lambda: until_stop(wait))

    def close(self):
        self.cp_loop.close()


async def until_stop(wait):
    while await cp.to_thread(wait) != "stop":
        pass


async def echo(stream):
    while data := await stream.read():
        await stream.write(data)


def echo_chain(stream):
    """A promise that settles when the peer is done. Each turn starts the next and returns nothing: no chain grows."""

    def run(resolve, reject):
        def read(_=None):
            stream.read().then(write, reject)

        def write(data):
            if data:
                stream.write(data).then(read, reject)
            else:
                resolve()

        read()

    return cp.Promise(run)


if __name__ == "__main__":
    common.main(Promises)
