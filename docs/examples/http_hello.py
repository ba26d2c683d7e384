#!/usr/bin/env python3
"""An HTTP/1.1 server: greets whoever asks, on connections that stay open, also for clients that send several requests at once.

usage: http_hello.py [PORT]       prints the port that it listens on; then: curl http://127.0.0.1:PORT/ada
"""

import asyncio
import sys

import cpromise as cp

MOST_HEADERS, MOST_BODY = 16384, 1 << 20


def answer(status: str, body: bytes, close: bool) -> bytes:
    connection = "close" if close else "keep-alive"
    head = f"HTTP/1.1 {status}\r\nContent-Type: text/plain\r\nContent-Length: {len(body)}\r\nConnection: {connection}\r\n\r\n"
    return head.encode("latin-1") + body


def parse(head: bytes) -> tuple[str, str, bool, int]:
    """Method, path, whether the connection ends after it, and the length of the body. ValueError: not HTTP/1."""
    first, *lines = head[:-4].decode("latin-1").split("\r\n")
    method, path, version = first.split(" ")
    if version not in ("HTTP/1.0", "HTTP/1.1"):
        raise ValueError(version)
    headers = {name.lower(): value.strip() for name, value in (line.split(":", 1) for line in lines)}
    if "transfer-encoding" in headers:
        raise ValueError("bodies come with a Content-Length here")
    connection, length = headers.get("connection", "").lower(), headers.get("content-length", "0")
    if not length.isdecimal() or int(length) > MOST_BODY:
        raise ValueError(length)
    return method, path, connection == "close" or (version == "HTTP/1.0" and connection != "keep-alive"), int(length)


async def serve(stream: cp.Stream) -> None:
    while True:
        try:
            method, path, close, length = parse(await stream.readuntil(b"\r\n\r\n", limit=MOST_HEADERS))
            body = await stream.readexactly(length)
        except (asyncio.IncompleteReadError, ConnectionError):
            return  # the client has gone
        except (ValueError, asyncio.LimitOverrunError):
            await stream.write(answer("400 Bad Request", b"this is no request\n", close=True))
            return
        greeting = f"hello {path[1:] or 'world'}, {len(body)} bytes\n".encode("latin-1")
        reply = answer("200 OK", greeting, close)
        await stream.write(reply[: -len(greeting)] if method == "HEAD" else reply)
        if close:
            return


async def main(port: int) -> None:
    async with await cp.serve_tcp(serve, "127.0.0.1", port) as server:
        print(server.port, flush=True)
        await cp.Promise[None]()  # until Ctrl-C


if __name__ == "__main__":
    cp.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 0))
