"""What an op is in workloads of clients and of those that wait, in promises; and with cpromise's files in either style. See
waits.py."""

import common
import cpromise as cp
import files
import chains
import waits


def at_once(function, arguments):
    return cp.Promise.all([function(*one) for one in arguments])


class Awaited(waits.Coroutines):
    """waits.Coroutines, but for files, which cpromise has itself."""

    def __init__(self, adapter):
        super().__init__(adapter, cp.sleep, at_once)

    async def io_file(self, op, worker):
        start = common.clock()
        async with await cp.open_file(self.paths[self.work.file(op)], buffering=0) as file:
            data = await file.read()
        return op, "hit", self.work.found(data), common.clock() - start

    async def io_log(self, op, worker):
        start, log = common.clock(), self.logs[worker]
        record = self.work.record(op)
        await log.file.write(record)
        await log.file.sync()
        await log.file.seek(log.size)
        data = await log.file.read(len(record))
        log.size += len(record)
        return op, "hit", self.work.found(data), common.clock() - start


class Chained(waits.Style):
    def __init__(self, adapter):
        super().__init__(adapter, cp.sleep, at_once)

    def io_employee(self, op, worker):
        return chains.chained(self.stores[worker], self.work, op)

    def finish(self, op, start):
        """What makes of the value the op that Tally.add takes."""
        return lambda value: (op, "hit", self.work.found(value), common.clock() - start)

    def io_fanout(self, op, worker):
        return self.spread(waits.ask, self.asked(op, worker)).then(self.finish(op, common.clock()))

    def io_timer(self, op, worker):
        start, work = common.clock(), self.work
        return cp.sleep(work.delay_s).then(lambda _: (op, "hit", work.found(op), work.overslept(common.clock() - start)))

    def io_tree(self, op, worker):
        start = common.clock()
        return self.node(op, self.work.depth, 0).then(self.finish(op, start))

    def node(self, op, depth, first):
        if depth:
            return self.spread(self.node, self.work.children(op, depth, first)).then(sum)
        value, sleeps = self.work.leaf(op, first)
        return cp.sleep(self.work.wait_s, value) if sleeps else cp.Promise.resolve(value)

    def io_file(self, op, worker):
        start = common.clock()

        def opened(file):
            return file.read().finally_(file.close)

        return cp.open_file(self.paths[self.work.file(op)], buffering=0).then(opened).then(self.finish(op, start))

    def io_log(self, op, worker):
        start, log, record = common.clock(), self.logs[worker], self.work.record(op)

        def back(data):
            log.size += len(record)
            return data

        return (
            log.file.write(record)
            .then(lambda _: log.file.sync())
            .then(lambda _: log.file.seek(log.size))
            .then(lambda _: log.file.read(len(record)))
            .then(back)
            .then(self.finish(op, start))
        )
