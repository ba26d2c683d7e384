"""What an op is in workloads of clients and of those that wait, in two styles: Blocking, for threads, greenlets or nobody else, and
Coroutines, for loops. Each op gives what Tally.add takes. In promises they are in promise_waits.py.

A style is made of what its model waits with:
- sleep(seconds)
- spread(function, arguments): function(*a) for each a, all at once; the list of results. spread_fan: the same for requests to a store
- off(function, *arguments): called where it may block
"""

import common
import files
import chains


class Style:
    def __init__(self, adapter, sleep, spread, off=None, spread_fan=None):
        self.adapter, self.work, self.stores = adapter, adapter.work, getattr(adapter, "stores", None)
        self.sleep, self.spread, self.off, self.spread_fan = sleep, spread, off, spread_fan or spread
        self.fan = adapter.params.get("fan", 1)
        self.do = getattr(self, adapter.name, None)  # mem_wait is no op but a whole sample
        if adapter.name == "io_file":
            self.paths = files.make(self.work)
        self.logs = [files.Log(worker) for worker in range(adapter.size)] if adapter.name == "io_log" else []

    def asked(self, op, worker):
        """(store, name) of each request of io_fanout."""
        stores = self.stores[worker * self.fan : (worker + 1) * self.fan]
        return list(zip(stores, self.work.names[op]))


def ask(store, name):
    return store.id_of(name)


class Blocking(Style):
    def io_employee(self, op, worker):
        return chains.blocking(self.stores[worker], self.work, op)

    def io_fanout(self, op, worker):
        start = common.clock()
        ids = self.spread_fan(ask, self.asked(op, worker))
        return op, "hit", self.work.found(ids), common.clock() - start

    def io_timer(self, op, worker):
        start, work = common.clock(), self.work
        self.sleep(work.delay_s)
        return op, "hit", work.found(op), work.overslept(common.clock() - start)

    def io_tree(self, op, worker):
        start = common.clock()
        total = self.node(op, self.work.depth, 0)
        return op, "hit", self.work.found(total), common.clock() - start

    def node(self, op, depth, first):
        if depth:
            return sum(self.spread(self.node, self.work.children(op, depth, first)))
        value, waits = self.work.leaf(op, first)
        if waits:
            self.sleep(self.work.wait_s)
        return value

    def io_file(self, op, worker):
        start = common.clock()
        data = self.off(files.read, self.paths[self.work.file(op)])
        return op, "hit", self.work.found(data), common.clock() - start

    def io_log(self, op, worker):
        start = common.clock()
        data = self.off(self.logs[worker].append, self.work.record(op))
        return op, "hit", self.work.found(data), common.clock() - start


class Coroutines(Style):
    def io_employee(self, op, worker):
        return chains.awaited(self.stores[worker], self.work, op)

    async def io_fanout(self, op, worker):
        start = common.clock()
        ids = await self.spread(ask, self.asked(op, worker))
        return op, "hit", self.work.found(ids), common.clock() - start

    async def io_timer(self, op, worker):
        start, work = common.clock(), self.work
        await self.sleep(work.delay_s)
        return op, "hit", work.found(op), work.overslept(common.clock() - start)

    async def io_tree(self, op, worker):
        start = common.clock()
        total = await self.node(op, self.work.depth, 0)
        return op, "hit", self.work.found(total), common.clock() - start

    async def node(self, op, depth, first):
        if depth:
            return sum(await self.spread(self.node, self.work.children(op, depth, first)))
        value, waits = self.work.leaf(op, first)
        if waits:
            await self.sleep(self.work.wait_s)
        return value

    async def io_file(self, op, worker):
        start = common.clock()
        data = await self.off(files.read, self.paths[self.work.file(op)])
        return op, "hit", self.work.found(data), common.clock() - start

    async def io_log(self, op, worker):
        start = common.clock()
        data = await self.off(self.logs[worker].append, self.work.record(op))
        return op, "hit", self.work.found(data), common.clock() - start


def rounds(adapter):
    """The ops of mem_wait, as many at a time as may be in flight."""
    ops = adapter.params["ops"]
    return [range(first, min(first + adapter.size, ops)) for first in range(0, ops, adapter.size)]
