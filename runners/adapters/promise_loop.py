"""cpromise's loop itself, on one thread: each step of an op is a reaction, an await, a callback, a timer or an element of
all()."""

import common
import cpromise as cp


def then(first, step, steps):
    promise = cp.Promise.resolve(first)
    for _ in range(steps):
        promise = promise.then(step)
    return promise


async def awaited(first, step, steps):
    value, resolve = first, cp.Promise.resolve
    for _ in range(steps):
        value = step(await resolve(value))
    return value


def callback(first, step, steps):
    value, left = first, steps
    promise, resolve, _ = cp.Promise.with_resolvers()
    call_soon = cp.get_running_loop().call_soon

    def run():
        nonlocal value, left
        value = step(value)
        left -= 1
        if left:
            call_soon(run)
        else:
            resolve(value)

    call_soon(run)
    return promise


def timer(first, step, steps):
    """All timers are scheduled at once and are due at once."""
    value, left = first, steps
    promise, resolve, _ = cp.Promise.with_resolvers()

    def fire():
        nonlocal value, left
        value = step(value)
        left -= 1
        if not left:
            resolve(value)

    call_later = cp.get_running_loop().call_later
    for _ in range(steps):
        call_later(0, fire)
    return promise


async def all_of(first, step, steps):
    value, resolve = first, cp.Promise.resolve
    for _ in await cp.Promise.all([resolve(None) for _ in range(steps)]):
        value = step(value)
    return value


WAYS = {"then": then, "await": awaited, "callback": callback, "timer": timer, "all": all_of}


class OnLoop(common.OnLoop):
    build = cp.__build__
    shares, pause, together = "await", staticmethod(cp.Promise.resolve), staticmethod(cp.Promise.all)

    def setup(self):
        self.cp_loop = cp.Loop()
        self.cp_loop.run(self.prepare())

    async def prepare(self):
        self.loop = common.qualified(cp.get_running_loop())

    def sample(self, tally):
        self.cp_loop.run(self.ops(tally, WAYS[self.variant]))

    def close(self):
        self.cp_loop.close()


if __name__ == "__main__":
    common.main(OnLoop)
