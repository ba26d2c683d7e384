"""asyncio: one loop on one thread; cpu ops through its thread pool. uvloop_.py runs the same on another loop."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

import common
from resp import AsyncioStore


class Asyncio(common.Adapter):
    new_loop = staticmethod(asyncio.new_event_loop)

    def setup(self):
        self.work = self.module.Workload(self.params)
        self.runner = asyncio.Runner(loop_factory=self.new_loop)
        self.loop = common.qualified(self.runner.get_loop())
        return self.runner.run(self.prepare())

    async def prepare(self):
        if self.module.KIND == "server":
            self.server = await asyncio.start_server(echo, "127.0.0.1", self.params["port"], backlog=4096)
            return self.server.sockets[0].getsockname()[1]
        self.size = self.params["workers" if self.module.KIND == "cpu" else "concurrency"]
        if self.module.KIND == "cpu":
            asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(self.size))
        else:
            self.stores = [await AsyncioStore().connect(self.params) for _ in range(self.size)]

    async def one(self, worker, ops, tally):
        """What one task does of a sample: the next op that nobody has taken, until there is none."""
        for op in ops:
            if self.module.KIND == "client":
                tally.add(*await self.stores[worker].employee(self.module, self.work, op))
            else:
                tally.add(*await asyncio.to_thread(common.timed, self.work, op))

    async def all(self, tally):
        ops = iter(range(self.params["ops"]))
        await asyncio.gather(*(self.one(worker, ops, tally) for worker in range(self.size)))

    def sample(self, tally):
        self.runner.run(self.all(tally))

    def serve(self, wait):
        async def until_stop():
            while await asyncio.to_thread(wait) != "stop":
                pass

        self.runner.run(until_stop())


async def echo(reader, writer):
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.close()


if __name__ == "__main__":
    common.main(Asyncio)
