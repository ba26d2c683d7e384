"""asyncio's loop itself, on one thread, as promise_loop.py: each step of an op is a task, a coroutine or a callback."""

import asyncio

import common


async def plain(value, step):
    return step(value)


async def task(value, step, steps):
    create_task = asyncio.get_running_loop().create_task
    for _ in range(steps):
        value = await create_task(plain(value, step))
    return value


async def coroutine(value, step, steps):
    """Awaited where it is made: the loop learns nothing of it."""
    for _ in range(steps):
        value = await plain(value, step)
    return value


def callback(first, step, steps):
    loop = asyncio.get_running_loop()
    value, left, future = first, steps, loop.create_future()

    def run():
        nonlocal value, left
        value = step(value)
        left -= 1
        if left:
            loop.call_soon(run)
        else:
            future.set_result(value)

    loop.call_soon(run)
    return future


WAYS = {"task": task, "coroutine": coroutine, "callback": callback}


class OnLoop(common.OnLoop):
    shares = "task"

    @staticmethod
    def pause():
        return asyncio.sleep(0)

    @staticmethod
    def together(coroutines):
        return asyncio.gather(*coroutines)

    def setup(self):
        self.runner = asyncio.Runner()
        self.loop = common.qualified(self.runner.get_loop())

    def sample(self, tally):
        self.runner.run(self.ops(tally, WAYS[self.variant]))

    def close(self):
        self.runner.close()


if __name__ == "__main__":
    common.main(OnLoop)
