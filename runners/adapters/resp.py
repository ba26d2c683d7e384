"""Clients of a RESP2 store over a blocking socket and over asyncio streams; cpromise's is in promise.py. One
request at a time on a connection."""

import asyncio
import socket

import common
import io_employee


def request(key):
    """GET key, as bytes on the wire."""
    raw = key.encode()
    return b"*2\r\n$3\r\nGET\r\n$%d\r\n%b\r\n" % (len(raw), raw)


def bulk_size(line):
    """The size that a bulk string's first line announces; None for none. Anything else raises."""
    if line[:1] != b"$" or line[-2:] != b"\r\n":
        raise ConnectionError(f"the store answered {line!r} to GET")
    size = int(line[1:])
    return None if size < 0 else size


class BlockingStore:
    connect = staticmethod(socket.create_connection)
    def __init__(self, params):
        self.socket = self.connect((params["store_host"], params["store_port"]))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.file = self.socket.makefile("rb")

    def get(self, key):
        self.socket.sendall(request(key))
        size = bulk_size(self.file.readline())
        if size is None:
            return None
        data = self.file.read(size + 2)
        if len(data) < size + 2:
            raise ConnectionError("the store hung up in the middle of an answer")
        return data[:-2]

    def employee(self, work, op):
        """The two questions of an op, as Tally.add takes it."""
        start, name = common.clock(), work.names[op]
        employee_id = self.get(io_employee.id_key(name))
        record = None if employee_id is None else self.get(io_employee.record_key(employee_id))
        return op, *io_employee.outcome(name, employee_id, record), common.clock() - start


async def employee(store, work, op):
    """The same for a store whose get() is a coroutine."""
    start, name = common.clock(), work.names[op]
    employee_id = await store.get(io_employee.id_key(name))
    record = None if employee_id is None else await store.get(io_employee.record_key(employee_id))
    return op, *io_employee.outcome(name, employee_id, record), common.clock() - start


class AsyncioStore:
    """Over asyncio streams, on asyncio's own loop or another."""

    @classmethod
    async def connect(cls, params):
        store = cls()
        store.reader, store.writer = await asyncio.open_connection(params["store_host"], params["store_port"])
        return store

    async def get(self, key):
        self.writer.write(request(key))
        size = bulk_size(await self.reader.readuntil(b"\r\n"))
        return None if size is None else (await self.reader.readexactly(size + 2))[:-2]
