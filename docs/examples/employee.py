#!/usr/bin/env python3
"""The founding example: a name gives an employee's id, the id gives the details; asked of a store that speaks RESP2, such as Redis.

The same questions in three forms (chain, await, keyed) on three loops (cpromise's own, asyncio, uvloop where it is installed). Prints
one line a form and loop; all lines say the same.

usage: employee.py PORT NAME...       e.g. build/release/store serves some, or redis-server after SET employee:id:ada 7
"""

import asyncio
import importlib
import sys
from collections.abc import Awaitable, Callable

import cpromise as cp

Details = dict[str, str | None]


class Store:
    """A client for GET. Requests leave at once; answers come in their order, so each reading waits for the one before it."""

    def __init__(self, stream: cp.Stream) -> None:
        self.stream = stream
        self.last: cp.Promise[str | None] = cp.Promise.resolve(None)

    @staticmethod
    def connect(port: int) -> cp.Promise["Store"]:
        return cp.connect_tcp("127.0.0.1", port).then(Store)

    def get(self, key: str) -> cp.Promise[str | None]:
        raw = key.encode()
        self.stream.write(b"*2\r\n$3\r\nGET\r\n$%d\r\n%b\r\n" % (len(raw), raw))
        self.last = self.last.then(lambda _: self.answer())
        return self.last

    async def answer(self) -> str | None:
        line = await self.stream.readuntil(b"\r\n")
        if line[:1] != b"$":
            raise ConnectionError(f"the store answered {line!r}")
        size = int(line[1:])
        return None if size < 0 else (await self.stream.readexactly(size + 2))[:-2].decode()


def found(employee_id: str | None) -> str:
    if employee_id is None:
        raise LookupError("no such employee")
    return employee_id


def chain(store: Store, name: str) -> Awaitable[str | None]:
    return (
        store.get(f"employee:id:{name}")  # first the id ...
        .then(found)
        .then(lambda employee_id: store.get(f"employee:{employee_id}"))  # ... then the details with it
        .catch(LookupError, lambda error: None)
    )


async def awaiting(store: Store, name: str) -> str | None:
    employee_id = await store.get(f"employee:id:{name}")
    return None if employee_id is None else await store.get(f"employee:{employee_id}")


async def one_by_one(ask: Callable[[Store, str], Awaitable[str | None]], port: int, names: list[str]) -> Details:
    store = await Store.connect(port)
    try:
        return {name: await ask(store, name) for name in names}
    finally:
        await store.stream.close()


async def keyed(port: int, names: list[str]) -> Details:
    """All questions at once; the answers by name."""
    store = await Store.connect(port)
    try:
        return await cp.all_keyed({name: chain(store, name) for name in names})
    finally:
        await store.stream.close()


FORMS: dict[str, Callable[[int, list[str]], Awaitable[Details]]] = {
    "chain": lambda port, names: one_by_one(chain, port, names),
    "await": lambda port, names: one_by_one(awaiting, port, names),
    "keyed": keyed,
}


async def as_guest(form: str, port: int, names: list[str]) -> Details:
    loop = cp.attach(asyncio.get_running_loop())
    try:
        return await FORMS[form](port, names)
    finally:
        loop.close()


def on_asyncio(form: str, port: int, names: list[str]) -> Details:
    return asyncio.run(as_guest(form, port, names))


def on_uvloop(form: str, port: int, names: list[str]) -> Details:
    uvloop = importlib.import_module("uvloop")
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(as_guest(form, port, names))


LOOPS: dict[str, Callable[[str, int, list[str]], Details]] = {
    "cpromise": lambda form, port, names: cp.run(FORMS[form](port, names)),
    "asyncio": on_asyncio,
    "uvloop": on_uvloop,
}


def main() -> None:
    if len(sys.argv) < 3 or not sys.argv[1].isdecimal():
        sys.exit(__doc__.strip().rpartition("\n\n")[2])
    port, names = int(sys.argv[1]), sys.argv[2:]
    for loop, run in LOOPS.items():
        for form in FORMS:
            try:
                print(f"{loop:9}{form:6}", run(form, port, names))
            except ModuleNotFoundError as missing:
                print(f"{loop:9}{form:6} NOT RUN: {missing}", file=sys.stderr)


if __name__ == "__main__":
    main()
