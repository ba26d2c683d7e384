"""The chains of sty_chain on a loop: with callbacks, with promises, with coroutines; on cpromise (model style_promise) and on
asyncio (style_asyncio).

A step is done when the loop calls back on its next turn. That is so in each style: a promise or a coroutine comes on top of it.
scripts/style_facts counts in the source of the chains how deep they are nested, and at how many places errors are handled.
"""

import asyncio
import sys

import common
import sty_chain
from sty_chain import Failed, Record, after

# ---- The chains, written out


def callbacks_2(step, value, report, done):
    def first(error, value):
        if error:
            return report(error)

        def second(error, value):
            if error:
                return report(error)
            done(value)

        step(value, 2, second)

    step(value, 1, first)


def callbacks_3(step, value, report, done):
    def first(error, value):
        if error:
            return report(error)

        def second(error, value):
            if error:
                return report(error)

            def third(error, value):
                if error:
                    return report(error)
                done(value)

            step(value, 3, third)

        step(value, 2, second)

    step(value, 1, first)


def callbacks_5(step, value, report, done):
    def first(error, value):
        if error:
            return report(error)

        def second(error, value):
            if error:
                return report(error)

            def third(error, value):
                if error:
                    return report(error)

                def fourth(error, value):
                    if error:
                        return report(error)

                    def fifth(error, value):
                        if error:
                            return report(error)
                        done(value)

                    step(value, 5, fifth)

                step(value, 4, fourth)

            step(value, 3, third)

        step(value, 2, second)

    step(value, 1, first)


def callbacks_8(step, value, report, done):
    def first(error, value):
        if error:
            return report(error)

        def second(error, value):
            if error:
                return report(error)

            def third(error, value):
                if error:
                    return report(error)

                def fourth(error, value):
                    if error:
                        return report(error)

                    def fifth(error, value):
                        if error:
                            return report(error)

                        def sixth(error, value):
                            if error:
                                return report(error)

                            def seventh(error, value):
                                if error:
                                    return report(error)

                                def eighth(error, value):
                                    if error:
                                        return report(error)
                                    done(value)

                                step(value, 8, eighth)

                            step(value, 7, seventh)

                        step(value, 6, sixth)

                    step(value, 5, fifth)

                step(value, 4, fourth)

            step(value, 3, third)

        step(value, 2, second)

    step(value, 1, first)


def chain_2(step, value, report, done):
    return (
        step(value, 1)
        .then(lambda value: step(value, 2))
        .then(done)
        .catch(Failed, report)
    )


def chain_3(step, value, report, done):
    return (
        step(value, 1)
        .then(lambda value: step(value, 2))
        .then(lambda value: step(value, 3))
        .then(done)
        .catch(Failed, report)
    )


def chain_5(step, value, report, done):
    return (
        step(value, 1)
        .then(lambda value: step(value, 2))
        .then(lambda value: step(value, 3))
        .then(lambda value: step(value, 4))
        .then(lambda value: step(value, 5))
        .then(done)
        .catch(Failed, report)
    )


def chain_8(step, value, report, done):
    return (
        step(value, 1)
        .then(lambda value: step(value, 2))
        .then(lambda value: step(value, 3))
        .then(lambda value: step(value, 4))
        .then(lambda value: step(value, 5))
        .then(lambda value: step(value, 6))
        .then(lambda value: step(value, 7))
        .then(lambda value: step(value, 8))
        .then(done)
        .catch(Failed, report)
    )


async def await_2(step, value, report, done):
    try:
        value = await step(value, 1)
        value = await step(value, 2)
    except Failed as error:
        report(error)
    else:
        done(value)


async def await_3(step, value, report, done):
    try:
        value = await step(value, 1)
        value = await step(value, 2)
        value = await step(value, 3)
    except Failed as error:
        report(error)
    else:
        done(value)


async def await_5(step, value, report, done):
    try:
        value = await step(value, 1)
        value = await step(value, 2)
        value = await step(value, 3)
        value = await step(value, 4)
        value = await step(value, 5)
    except Failed as error:
        report(error)
    else:
        done(value)


async def await_8(step, value, report, done):
    try:
        value = await step(value, 1)
        value = await step(value, 2)
        value = await step(value, 3)
        value = await step(value, 4)
        value = await step(value, 5)
        value = await step(value, 6)
        value = await step(value, 7)
        value = await step(value, 8)
    except Failed as error:
        report(error)
    else:
        done(value)


# ---- A step of each style: `later` has the loop call a function with arguments, soon


def calls_back(later, fails):
    def step(value, number, callback):
        if number == fails:
            later(callback, Failed(value, number), None)
        else:
            later(callback, None, after(value, number))

    return step


def promises(later, fails):
    with_resolvers = cp.Promise.with_resolvers

    def step(value, number):
        promise, resolve, reject = with_resolvers()
        if number == fails:
            later(reject, Failed(value, number))
        else:
            later(resolve, after(value, number))
        return promise

    return step


def futures(later, fails):
    create_future = asyncio.get_running_loop().create_future

    def step(value, number):
        future = create_future()
        if number == fails:
            later(future.set_exception, Failed(value, number))
        else:
            later(future.set_result, after(value, number))
        return future

    return step


# ---- The models


class Style(common.Adapter):
    """One chain after the other. `later` and `steps_of` are the loop's."""

    def __init__(self, *given):
        super().__init__(*given)
        self.chain = sty_chain.find(globals(), self.variant, self.params["steps"])

    def new(self, op, tally, finished):
        """(the chain's arguments, its record), which are added to the tally when it has finished."""
        start = common.clock()

        def over():
            tally.add(op, "hit", record, common.clock() - start)
            finished()

        record = Record(over)
        return self.steps_of(self.later, self.work.fails(op)), self.work.first(op), record.report, record.done

    def begin_next(self, ops, tally, end):
        op = next(ops, None)
        if op is None:
            end(None)
        else:
            self.chain(*self.new(op, tally, lambda: self.begin_next(ops, tally, end)))

    async def await_all(self, tally):
        for op in range(self.params["ops"]):
            await self.chain(*self.new(op, tally, lambda: None))

    def begin_all(self, tally, end):
        self.begin_next(iter(range(self.params["ops"])), tally, end)


class OnPromises(Style):
    def setup(self):
        self.build = cp.__build__
        self.cp_loop = cp.Loop()
        self.loop = common.qualified(self.cp_loop)
        self.later = self.cp_loop.call_soon
        self.steps_of = calls_back if self.variant == "callbacks" else promises

    def all(self, tally):
        return cp.Promise(lambda resolve, reject: self.begin_all(tally, resolve))

    def sample(self, tally):
        self.cp_loop.run(self.await_all(tally) if self.variant == "await" else lambda: self.all(tally))

    def close(self):
        self.cp_loop.close()


class OnAsyncio(Style):
    def setup(self):
        self.runner = asyncio.Runner()
        self.loop = common.qualified(self.runner.get_loop())
        self.later = self.runner.get_loop().call_soon
        self.steps_of = calls_back if self.variant == "callbacks" else futures

    async def all(self, tally):
        future = asyncio.get_running_loop().create_future()
        self.begin_all(tally, future.set_result)
        await future

    def sample(self, tally):
        self.runner.run(self.await_all(tally) if self.variant == "await" else self.all(tally))

    def close(self):
        self.runner.close()


if __name__ == "__main__":
    if sys.argv[2:3] and sys.argv[2].startswith("style_asyncio"):
        common.main(OnAsyncio)
    else:
        import cpromise as cp

        common.main(OnPromises)
