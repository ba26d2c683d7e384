"""The servers of the echo benchmark, each in the plain style of its library: python servers.py NAME SHAPE.

SHAPE is "echo" (what comes goes back) or "line" (each line goes back). Prints its port and serves until it is killed. Exits 77, with the
reason on its last line, where there is no such thing here.
"""

import asyncio
import os
import socket
import sys


def refuse(reason):
    print(f"refused: {reason}", flush=True)
    sys.exit(77)


def tell(port):
    print(port, flush=True)


def listener(backlog=4096):
    sock = socket.create_server(("0.0.0.0", 0), backlog=backlog)
    tell(sock.getsockname()[1])
    return sock


# ---- cpromise


async def cp_echo(stream):
    while data := await stream.read():
        await stream.write(data)


async def cp_line(stream):
    async for line in stream:
        await stream.write(line)


def on_cpromise(backend):
    def serve(shape):
        import cpromise as cp

        async def main():
            server = await cp.serve_tcp({"echo": cp_echo, "line": cp_line}[shape], None, 0, backlog=4096)
            tell(server.port)
            await cp.Promise()

        try:
            loop = cp.Loop(backend=backend)
        except Exception as error:
            refuse(error)
        loop.run(main())

    return serve


# ---- asyncio and uvloop


class Echo(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.transport.write(data)


class Line(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport, self.rest = transport, b""

    def data_received(self, data):
        *lines, self.rest = (self.rest + data).split(b"\n")
        for line in lines:
            self.transport.write(line + b"\n")


async def echo(reader, writer):
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.close()


async def line(reader, writer):
    async for data in reader:
        writer.write(data)
        await writer.drain()
    writer.close()


async def protocol(shape):
    server = await asyncio.get_running_loop().create_server({"echo": Echo, "line": Line}[shape], sock=listener(), backlog=4096)
    await server.serve_forever()


async def streams(shape):
    server = await asyncio.start_server({"echo": echo, "line": line}[shape], sock=listener(), backlog=4096)
    await server.serve_forever()


def on_uvloop(main):
    def serve(shape):
        try:
            import uvloop
        except ImportError as error:
            refuse(error)
        loop = uvloop.new_event_loop()
        asyncio.set_event_loop(loop)
        loop.run_until_complete(main(shape))

    return serve


# ---- threads and greenlets


def blocking_echo(sock):
    with sock:
        while data := sock.recv(65536):
            sock.sendall(data)


def blocking_line(sock):
    with sock, sock.makefile("rb") as file:
        for data in file:
            sock.sendall(data)


def threads(shape):
    import threading

    handle, server = {"echo": blocking_echo, "line": blocking_line}[shape], listener()
    threading.stack_size(256 * 1024)
    while True:
        sock, _ = server.accept()
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=handle, args=(sock,), daemon=True).start()


def gevent(shape):
    try:
        from gevent import monkey

        monkey.patch_socket()
        from gevent.server import StreamServer
    except ImportError as error:
        refuse(error)
    handle = {"echo": blocking_echo, "line": blocking_line}[shape]
    server = StreamServer(("0.0.0.0", 0), lambda sock, address: handle(sock), backlog=4096)
    server.start()
    tell(server.server_port)
    server.serve_forever()


# ---- other programs


def program(name, *args):
    def serve(shape):
        os.execvp(name, [name, *args, shape])

    return serve


NODE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "server.mjs")
SERVERS = {
    "C epoll": program("echo-epoll"),
    "C io_uring": program("echo-uring"),
    "cpromise": on_cpromise("epoll"),
    "cpromise io_uring": on_cpromise("io_uring"),
    "uvloop Protocol": on_uvloop(protocol),
    "uvloop streams": on_uvloop(streams),
    "asyncio Protocol": lambda shape: asyncio.run(protocol(shape)),
    "asyncio streams": lambda shape: asyncio.run(streams(shape)),
    "gevent": gevent,
    "threads": threads,
    "node": program("node", NODE),
}

if __name__ == "__main__":
    SERVERS[sys.argv[1]](sys.argv[2])
