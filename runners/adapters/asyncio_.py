"""asyncio: one loop on one thread; cpu ops through its thread pool. loops.py runs the same on other loops.

asyncio_offload: what requests compute is done by a pool of threads or processes.
"""

import asyncio
import contextlib
from concurrent.futures import ThreadPoolExecutor

import common
import serving
import chains
import waits
from stores import AsyncioStore, CallbackStore


class Asyncio(common.Adapter):
    new_loop = staticmethod(asyncio.new_event_loop)
    offload = None  # where requests compute: a function of request.what; None: on the loop

    def setup(self):
        if self.model == "asyncio_offload":
            pool, answer = serving.pool(self)
            self.offload = lambda what: asyncio.get_running_loop().run_in_executor(pool, answer, what)
        self.runner = asyncio.Runner(loop_factory=self.new_loop)
        return self.runner.run(self.prepare())

    async def prepare(self):
        loop = asyncio.get_running_loop()
        self.loop = common.qualified(loop)
        if self.kind == "server":
            serve_one = self.converse if hasattr(self.work, "conversation") else echo
            self.server = await asyncio.start_server(serve_one, "127.0.0.1", self.params["port"], backlog=4096)
            return self.server.sockets[0].getsockname()[1]
        if self.kind == "client":
            store = CallbackStore if self.variant == "callback" else AsyncioStore
            self.stores = [await store.connect(self) for _ in range(self.connections)]
        else:
            loop.set_default_executor(ThreadPoolExecutor(self.size))
        if self.kind in ("client", "wait"):
            self.do = waits.Coroutines(self, asyncio.sleep, at_once, asyncio.to_thread).do

    async def one(self, worker, ops, tally):
        """What one task does of a sample: the next op that nobody has taken, until there is none."""
        for op in ops:
            if self.kind != "cpu":
                tally.add(*await self.do(op, worker))
            elif hasattr(self.work, "aop"):
                start = common.clock()
                tally.add(op, "hit", await self.work.aop(op), common.clock() - start)
            else:
                tally.add(*await asyncio.to_thread(common.timed, self.work, op))

    async def all(self, tally):
        ops = iter(range(self.params["ops"]))
        async with asyncio.TaskGroup() as group:
            for worker in range(self.size):
                group.create_task(self.one(worker, ops, tally))

    async def in_callbacks(self, tally):
        """A sample without a task or a future but this one, which the last connection ends."""
        ops, left, over = iter(range(self.params["ops"])), self.size, asyncio.get_running_loop().create_future()

        def finished(error):
            nonlocal left
            left -= 1
            if error and not over.done():
                over.set_exception(error)
            elif not left and not over.done():
                over.set_result(None)

        for store in self.stores:
            chains.take_turns(store, self.work, ops, tally, finished)
        await over

    async def hold(self, ops, tally):
        """A task for each op, which waits until all of them do and the driver has looked."""
        gate = asyncio.Event()

        async def one(op):
            start = common.clock()
            await gate.wait()
            tally.add(op, "hit", self.work.found(op), common.clock() - start)

        async with asyncio.TaskGroup() as group:
            for op in ops:
                group.create_task(one(op))
            await asyncio.sleep(0)
            self.look(len(ops))
            gate.set()

    def sample(self, tally):
        if self.name == "mem_wait":
            return [self.runner.run(self.hold(ops, tally)) for ops in waits.rounds(self)]
        self.runner.run(self.in_callbacks(tally) if self.variant == "callback" else self.all(tally))

    def serve(self, wait):
        self.runner.run(until_stop(wait))

    async def converse(self, reader, writer):
        """Answers what comes on a connection, one request after the other."""
        conversation, answer = self.work.conversation(), self.work.answer
        with contextlib.closing(writer), contextlib.suppress(ConnectionError):
            while data := await reader.read(serving.SIZE):
                for request in conversation(data):
                    if request.wait:
                        await asyncio.sleep(request.wait)
                    away = request.offload and self.offload
                    writer.write(await self.offload(request.what) if away else answer(request.what))
                    if request.last:
                        return
                await writer.drain()

    def close(self):
        self.runner.close()


def at_once(function, arguments):
    return asyncio.gather(*[function(*one) for one in arguments])


async def until_stop(wait):
    while await asyncio.to_thread(wait) != "stop":
        pass


async def echo(reader, writer):
    while data := await reader.read(serving.SIZE):
        writer.write(data)
        await writer.drain()
    writer.close()


if __name__ == "__main__":
    common.main(Asyncio)
