#!/usr/bin/env python3
"""A key-value server that speaks RESP2: GET, SET, DEL and PING for redis-cli, redis-benchmark and any client of Redis.

Each connection is a coroutine that reads a command and writes its answer. Commands that came together are answered in one turn of the loop,
and their answers leave together; a client that does not read its answers holds up nobody but itself.

usage: resp_server.py [PORT]      prints the port that it listens on; then: redis-cli -p PORT set name ada
"""

import asyncio
import sys
from collections.abc import Callable

import cpromise as cp

MOST_ARGUMENTS, MOST_BYTES = 1024, 1 << 20
store: dict[bytes, bytes] = {}


class Malformed(Exception):
    """What came is no command; the connection ends."""


def bulk(value: bytes | None) -> bytes:
    return b"$-1\r\n" if value is None else b"$%d\r\n%b\r\n" % (len(value), value)


def ping(*message: bytes) -> bytes:
    return bulk(message[0]) if message else b"+PONG\r\n"


def get(key: bytes) -> bytes:
    return bulk(store.get(key))


def set_(key: bytes, value: bytes) -> bytes:
    store[key] = value
    return b"+OK\r\n"


def delete(*keys: bytes) -> bytes:
    return b":%d\r\n" % sum(store.pop(key, None) is not None for key in keys)


# Name: the function, and the least and the greatest number of its arguments.
COMMANDS: dict[bytes, tuple[Callable[..., bytes], int, int]] = {
    b"PING": (ping, 0, 1),
    b"GET": (get, 1, 1),
    b"SET": (set_, 2, 2),
    b"DEL": (delete, 1, MOST_ARGUMENTS),
}


def execute(name: bytes, *arguments: bytes) -> bytes:
    name = name.upper()
    if name not in COMMANDS:
        return b"-ERR unknown command '%b'\r\n" % name[:64].replace(b"\r", b" ").replace(b"\n", b" ")
    function, least, most = COMMANDS[name]
    if not least <= len(arguments) <= most:
        return b"-ERR wrong number of arguments for '%b'\r\n" % name.lower()
    return function(*arguments)


async def number(stream: cp.Stream, mark: bytes, most: int) -> int:
    line = await stream.readuntil(b"\r\n", limit=32)
    if line[:1] != mark or not line[1:-2].isdigit() or int(line[1:-2]) > most:
        raise Malformed(f"expected {mark.decode()} and a number up to {most}, got {line!r}")
    return int(line[1:-2])


async def command(stream: cp.Stream) -> list[bytes]:
    """The words of the next command, of which there is at least one."""
    count = await number(stream, b"*", MOST_ARGUMENTS)
    if not count:
        raise Malformed("a command without a name")
    words = []
    for _ in range(count):
        size = await number(stream, b"$", MOST_BYTES)
        words.append((await stream.readexactly(size + 2))[:-2])
    return words


async def serve(stream: cp.Stream) -> None:
    while True:
        try:
            await stream.write(execute(*await command(stream)))
        except (asyncio.IncompleteReadError, ConnectionError):
            return  # the client has gone
        except (Malformed, asyncio.LimitOverrunError) as error:
            await stream.write(b"-ERR Protocol error: %b\r\n" % str(error).replace("\r\n", " ").encode())
            return


async def main(port: int) -> None:
    async with await cp.serve_tcp(serve, "127.0.0.1", port) as server:
        print(server.port, flush=True)
        await cp.Promise[None]()  # until Ctrl-C


if __name__ == "__main__":
    cp.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 0))
