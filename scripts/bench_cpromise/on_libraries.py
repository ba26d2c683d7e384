"""The chain and the await with promise libraries from the Python package index, each where it is installed."""

import asyncio
import time

OPERATIONS = {"promise": {}, "promisio": {}}
clock = time.perf_counter_ns


def operation(library, name):
    def register(make):
        OPERATIONS[library][name] = lambda n: asyncio.run(make(n))
        return make

    return register


def maker(library):
    """(class, function that gives a pending promise and its resolve)."""
    module = __import__(library)

    def pending():
        settle = []
        promise = module.Promise(lambda resolve, reject: settle.append(resolve))
        return promise, settle[0]

    return module.Promise, pending


async def chain(library, n, make_function):
    _, pending = maker(library)
    start = clock()
    tail, resolve = pending()
    for _ in range(n):
        tail = tail.then(make_function())
    resolve(0)
    assert await tail == n
    return clock() - start


def fresh():
    return lambda x: x + 1


def add(x):
    return x + 1


async def await_settled(library, n):
    """Neither of the two gives the loop a turn here: less is done than by the others."""
    settled = maker(library)[0].resolve(1)
    start = clock()
    for _ in range(n):
        await settled
    return clock() - start


def register(library):
    operation(library, "chain")(lambda n: chain(library, n, fresh))
    operation(library, "chain_shared")(lambda n: chain(library, n, lambda: add))
    operation(library, "await")(lambda n: await_settled(library, n))


for name in OPERATIONS:
    register(name)
