"""cpromise, in two styles: `chain` (then, then, catch) and `await` (coroutines on the same loop). cpu ops go through
to_thread; what the requests of a server compute is computed on the loop, but for the variants that name another place."""

import functools

import common
import cpromise as cp
import io_employee
import remote
from resp import bulk_size, employee, request


class ChainStore:
    """A RESP2 client whose get() is a promise."""

    def __init__(self, stream):
        self.stream = stream

    def get(self, key):
        self.stream.write(request(key))
        return self.stream.readuntil(b"\r\n").then(self.body)

    def body(self, line):
        size = bulk_size(line)
        return None if size is None else self.stream.readexactly(size + 2).then(lambda data: data[:-2])

    def employee(self, work, op):
        """The two questions of an op, as Tally.add takes it."""
        start, name = common.clock(), work.names[op]

        def details(employee_id):
            if employee_id is None:
                raise LookupError(name)
            return self.get(io_employee.record_key(employee_id)).then(lambda record: finish(employee_id, record))

        def finish(employee_id, record):
            return op, *io_employee.outcome(name, employee_id, record), common.clock() - start

        return self.get(io_employee.id_key(name)).then(details).catch(LookupError, lambda _: finish(None, None))


class AwaitStore:
    """The same with coroutines."""

    def __init__(self, stream):
        self.stream = stream

    async def get(self, key):
        self.stream.write(request(key))
        size = bulk_size(await self.stream.readuntil(b"\r\n"))
        return None if size is None else (await self.stream.readexactly(size + 2))[:-2]

    def employee(self, work, op):
        return employee(self, work, op)


class Promises(common.Adapter):
    build = cp.__build__

    def setup(self):
        self.style = Chain if self.variant == "chain" else Await
        if hasattr(self.work, "pop") and self.variant in ("chain", "await"):
            self.thread = self.promise
        self.offload = {"native": self.native, "process": self.process, "interp": self.interpreter}.get(self.variant, self.thread)
        self.cp_loop = cp.Loop(workers=self.workers())
        return self.cp_loop.run(self.prepare)

    def workers(self):
        if self.kind == "server" and self.variant not in ("chain", "await"):
            return self.params["workers"] + (self.variant == "thread")  # one thread more waits for the driver's words
        return self.size if self.kind == "cpu" else None

    async def prepare(self):
        self.loop = common.qualified(cp.get_running_loop())
        if self.kind == "server":
            await self.prepare_offload()
            serve_one = functools.partial(self.style.converse, self) if hasattr(self.work, "conversation") else self.style.echo
            self.server = await cp.serve_tcp(serve_one, "127.0.0.1", self.params["port"], backlog=4096)
            return self.server.port
        if self.kind == "client":
            address = self.params["store_host"], self.params["store_port"]
            self.stores = [self.style.store(await cp.connect_tcp(*address)) for _ in range(self.size)]
        if self.variant in ("process", "interp"):
            self.start_method = "spawn" if self.variant == "process" else "none"
            self.arguments = remote.arguments(self)
            await self.warm()

    async def prepare_offload(self):
        """Where the requests of a server compute: self.away, from request.what to a promise; None: on the loop."""
        self.away = functools.partial(cp.to_thread, self.work.answer) if self.variant == "thread" else None
        call = {"process": cp.to_process, "interp": cp.to_interpreter}.get(self.variant)
        if call:
            arguments = remote.arguments(self)
            self.start_method = "spawn" if self.variant == "process" else "none"
            self.away = functools.partial(call, remote.answer, *arguments)
            await cp.Promise.all(call(remote.warm, *arguments) for _ in range(4 * self.params["workers"]))

    def answer(self, request):
        """Its bytes, or a promise of them."""
        if request.offload and self.away:
            return self.away(request.what)
        return self.work.answer(request.what)

    def op(self, op, worker):
        """Starts one op: what comes of it, as Tally.add takes it, later."""
        if self.kind == "client":
            return self.stores[worker].employee(self.work, op)
        return self.offload(op)

    def thread(self, op):
        return cp.to_thread(common.timed, self.work, op)

    def promise(self, op):
        """Of a user's workload that makes promises itself: nothing goes off the loop."""
        start, work = common.clock(), self.work
        return cp.Promise.resolve(work.pop(op)).then(lambda result: (op, "hit", work.encode(result), common.clock() - start))

    def elsewhere(self, call, op):
        if not hasattr(self.work, "crosses"):
            return call(remote.run, *self.arguments, op)
        start = common.clock()
        return call(common.back, self.work.op(op)).then(lambda value: (op, "hit", value, common.clock() - start))

    def process(self, op):
        return self.elsewhere(cp.to_process, op)

    def interpreter(self, op):
        return self.elsewhere(cp.to_interpreter, op)

    def native(self, op):
        """The same work in C, without the GIL: queens is a kernel of cpromise."""
        start, n = common.clock(), self.params["n"]
        return cp.to_native("queens", n, op % n).then(lambda count: (op, "hit", count.to_bytes(8, "little"), common.clock() - start))

    async def warm(self):
        """Processes and interpreters are there, and have the workload, before `ready`."""
        await cp.Promise.all(self.op(op, op) for op in range(4 * self.size))

    def all(self):
        ops = iter(range(self.params["ops"]))
        return cp.Promise.all(self.style.one(self, worker, ops) for worker in range(self.size))

    def sample(self, tally):
        self.tally = tally
        self.cp_loop.run(self.all)

    def serve(self, wait):
        self.cp_loop.run(lambda: until_stop(wait))

    def close(self):
        self.cp_loop.close()


async def until_stop(wait):
    while await cp.to_thread(wait) != "stop":
        pass


class Chain:
    """Each step starts the next and returns nothing, so no chain of promises grows with the number of steps."""

    store = ChainStore

    @staticmethod
    def one(adapter, worker, ops):
        """What one worker does of a sample: the next op that nobody has taken, until there is none."""

        def run(resolve, reject):
            def start_next(done=None):
                if done:
                    adapter.tally.add(*done)
                op = next(ops, None)
                if op is None:
                    resolve()
                else:
                    adapter.op(op, worker).then(start_next).catch(reject)

            start_next()

        return cp.Promise(run)

    @staticmethod
    def echo(stream):
        def run(resolve, reject):
            def read(_=None):
                stream.read().then(write).catch(reject)

            def write(data):
                if data:
                    stream.write(data).then(read).catch(reject)
                else:
                    resolve()

            read()

        return cp.Promise(run)


    @staticmethod
    def converse(adapter, stream):
        """Answers what comes on a connection, one request after the other."""
        conversation = adapter.work.conversation()

        def run(resolve, reject):
            def read(_=None):
                stream.read().then(take).catch(reject)

            def take(data):
                if data:
                    go_on(iter(conversation(data)))
                else:
                    resolve()

            def go_on(requests):
                request = next(requests, None)
                if request is None:
                    read()
                elif request.wait:
                    cp.sleep(request.wait).then(lambda _: answer(request, requests)).catch(reject)
                else:
                    answer(request, requests)

            def answer(request, requests):
                given = adapter.answer(request)
                if isinstance(given, bytes):
                    write(given, request, requests)
                else:
                    given.then(lambda text: write(text, request, requests)).catch(reject)

            def write(text, request, requests):
                stream.write(text).then(lambda _: resolve() if request.last else go_on(requests)).catch(reject)

            read()

        return cp.Promise(run)


class Await:
    store = AwaitStore

    @staticmethod
    async def one(adapter, worker, ops):
        for op in ops:
            adapter.tally.add(*await adapter.op(op, worker))

    @staticmethod
    async def echo(stream):
        while data := await stream.read():
            await stream.write(data)

    @staticmethod
    async def converse(adapter, stream):
        conversation = adapter.work.conversation()
        while data := await stream.read():
            for request in conversation(data):
                if request.wait:
                    await cp.sleep(request.wait)
                given = adapter.answer(request)
                await stream.write(given if isinstance(given, bytes) else await given)
                if request.last:
                    return


if __name__ == "__main__":
    common.main(Promises)
