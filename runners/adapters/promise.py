"""cpromise, in three styles: `chain` (then, then, catch), `await` (coroutines on the same loop) and `callback` (the store's answers
go to callbacks). cpu ops go through to_thread; what the requests of a server compute is computed on the loop, but for the variants
that name another place."""

import functools

import common
import cpromise as cp
import promise_stores
import promise_waits
import remote
import chains
import waits


class Promises(common.Adapter):
    build = cp.__build__

    def setup(self):
        self.style = {"chain": Chain, "callback": Callback}.get(self.variant, Await)
        if hasattr(self.work, "pop") and self.variant in ("chain", "await"):
            self.thread = self.promise
        self.offload = {"native": self.native, "process": self.process, "interp": self.interpreter}.get(self.variant, self.thread)
        self.cp_loop = cp.Loop(workers=self.workers())
        return self.cp_loop.run(self.prepare)

    def workers(self):
        if self.kind == "server" and self.variant not in ("chain", "await"):
            return self.params["workers"] + (self.variant == "thread")  # one thread more waits for the driver's words
        return min(self.size, 1024) if self.kind in ("cpu", "wait") else None  # of 100,000 who sleep none needs a thread

    async def prepare(self):
        self.loop = common.qualified(cp.get_running_loop())
        if self.kind == "server":
            await self.prepare_offload()
            serve_one = functools.partial(self.style.converse, self) if hasattr(self.work, "conversation") else self.style.echo
            self.server = await cp.serve_tcp(serve_one, "127.0.0.1", self.params["port"], backlog=4096)
            return self.server.port
        if self.kind == "client":
            self.stores = [await self.style.store.connect(self) for _ in range(self.connections)]
        if self.kind in ("client", "wait"):
            await self.prepare_waits()
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

    async def prepare_waits(self):
        style = self.style.waits(self)
        self.do = style.do
        for log in style.logs:
            log.file = await cp.open_file(log.fd, "ab+", buffering=0)

    def op(self, op, worker):
        """Starts one op: what comes of it, as Tally.add takes it, later."""
        return self.offload(op) if self.kind == "cpu" else self.do(op, worker)

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

    async def hold(self, ops):
        """What waits for each op: until all of them do, and the driver has looked."""
        gate, open_gate, _ = cp.Promise.with_resolvers()
        all = cp.Promise.all([self.style.wait(self, op, gate) for op in ops])
        await cp.sleep(0)
        self.look(len(ops))
        open_gate()
        await all

    def sample(self, tally):
        self.tally = tally
        if self.name == "mem_wait":
            return [self.cp_loop.run(self.hold(ops)) for ops in waits.rounds(self)]
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

    store, waits = promise_stores.ChainStore, promise_waits.Chained

    @staticmethod
    def wait(adapter, op, gate):
        start = common.clock()
        return gate.then(lambda _: adapter.tally.add(op, "hit", adapter.work.found(op), common.clock() - start))

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
    store, waits = promise_stores.AwaitStore, promise_waits.Awaited

    @staticmethod
    async def wait(adapter, op, gate):
        start = common.clock()
        await gate
        adapter.tally.add(op, "hit", adapter.work.found(op), common.clock() - start)

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


class Callback(Await):
    """Of a sample one promise is made for each connection, and none for an op but the stream's own."""

    store = promise_stores.CallbackStore

    @staticmethod
    def one(adapter, worker, ops):
        def run(resolve, reject):
            finished = lambda error: reject(error) if error else resolve()
            chains.take_turns(adapter.stores[worker], adapter.work, ops, adapter.tally, finished)

        return cp.Promise(run)


if __name__ == "__main__":
    common.main(Promises)
