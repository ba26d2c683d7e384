"""Clients of a RESP2 store: the same two requests over a blocking socket and over asyncio streams. cpromise's is in promise.py."""

import socket

import common


def request(key):
    """GET key, as bytes on the wire."""
    raw = key.encode()
    return b"*2\r\n$3\r\nGET\r\n$%d\r\n%b\r\n" % (len(raw), raw)


def bulk_size(line):
    """The size that a bulk string's first line announces; -1 for none. An error reply raises."""
    if line[:1] != b"$":
        raise RuntimeError(f"the store answered {line!r}")
    return int(line[1:])


class BlockingStore:
    """One connection, one request at a time."""

    def __init__(self, params):
        self.socket = socket.create_connection((params["store_host"], params["store_port"]))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.file = self.socket.makefile("rb")

    def get(self, key):
        self.socket.sendall(request(key))
        size = bulk_size(self.file.readline())
        return None if size < 0 else self.file.read(size + 2)[:-2]

    def employee(self, module, work, op):
        start = common.clock()
        name = work.names[op]
        employee_id = self.get(module.id_key(name))
        record = None if employee_id is None else self.get(module.record_key(employee_id))
        return op, *module.outcome(name, employee_id, record), common.clock() - start


class AsyncioStore:
    """The same over asyncio streams, on asyncio's own loop or uvloop's."""

    async def connect(self, params):
        import asyncio

        self.reader, self.writer = await asyncio.open_connection(params["store_host"], params["store_port"])
        return self

    async def get(self, key):
        self.writer.write(request(key))
        size = bulk_size(await self.reader.readuntil(b"\r\n"))
        return None if size < 0 else (await self.reader.readexactly(size + 2))[:-2]

    async def employee(self, module, work, op):
        start = common.clock()
        name = work.names[op]
        employee_id = await self.get(module.id_key(name))
        record = None if employee_id is None else await self.get(module.record_key(employee_id))
        return op, *module.outcome(name, employee_id, record), common.clock() - start
