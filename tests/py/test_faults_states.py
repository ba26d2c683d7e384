"""Cancelling, closing and ending the loop in every state of a stream, on each poller and each kind of connection; and what the system does
to a process: no descriptors left, signals at any time, ports in use, forks.
"""

import asyncio
import contextlib
import errno
import os
import signal
import socket
import ssl
import subprocess
import sys

import cpromise as cp
import pytest
from test_faults import echo, fds, run, speaks, until
from wirechild import TIMEOUT_S

trustme = pytest.importorskip("trustme", reason="trustme is not installed here")
AUTHORITY = trustme.CA()
MANY = 20


def contexts():
    server, client = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    AUTHORITY.issue_cert("localhost").configure_cert(server)
    AUTHORITY.configure_trust(client)
    return server, client


class Wire:
    """How a pair of streams is made: over TCP, a Unix socket or TLS."""

    def __init__(self, kind, folder):
        self.kind, self.path = kind, os.path.join(folder, "socket")
        self.server_tls, self.client_tls = contexts() if kind == "tls" else (None, None)

    def serve(self, handler):
        return cp.serve_unix(handler, self.path) if self.kind == "unix" else cp.serve_tcp(handler, "localhost", 0, tls=self.server_tls)

    def connect(self, server):
        return cp.connect_unix(self.path) if self.kind == "unix" else cp.connect_tcp("localhost", server.port, tls=self.client_tls)

    @contextlib.asynccontextmanager
    async def pair(self):
        """(ours, the other end): two streams that are connected."""
        there, give, _ = cp.Promise.with_resolvers()
        over, end, _ = cp.Promise.with_resolvers()

        async def handler(stream):
            give([stream])  # a list, since a stream might be taken for a thenable
            await over

        async with await self.serve(handler) as server, await self.connect(server) as ours:
            yield ours, (await there)[0]
            end()


@pytest.fixture(params=["tcp", "unix", "tls"])
def wire(request, tmp_path):
    return Wire(request.param, tmp_path)


STATES = {
    "read": lambda stream: stream.read(),
    "readexactly": lambda stream: stream.readexactly(10),
    "readuntil": lambda stream: stream.readuntil(b"\n"),
    "line": lambda stream: anext(aiter(stream)),
}


async def write_until_it_waits(stream):
    """A write that waits for the other end to read; what came before it has its outcome observed as well."""
    while (writing := stream.write(bytes(1 << 20))).state != "pending":
        await writing
    return [writing]


# ---- Cancelled


@pytest.mark.parametrize("state", STATES)
def test_a_read_that_is_cancelled_leaves_the_stream_usable(poller, wire, state):
    async def main():
        cancelled = 0
        async with wire.pair() as (ours, other):
            for _ in range(MANY):
                pending = STATES[state](ours)
                await cp.sleep(0)
                assert pending.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await pending
                cancelled += 1
            await other.write(b"after all\n")
            return cancelled, await ours.readuntil()

    assert run(main, poller) == (MANY, b"after all\n")


def test_a_write_that_waits_and_is_cancelled_still_sends_all(poller, wire):
    async def main():
        async with wire.pair() as (ours, other):
            (writing,) = await write_until_it_waits(ours)
            sent = 0
            assert writing.cancel()
            with pytest.raises(asyncio.CancelledError):
                await writing
            reading = cp.Promise.from_coroutine(drained(other))
            await ours.write(b"end\n")
            await ours.send_eof() if wire.kind != "tls" else await ours.close()
            sent, tail = await reading
            return sent % (1 << 20), tail

    assert run(main, poller) == (4, b"end\n")


async def drained(stream):
    """(how many bytes came until the end, the last four of them)"""
    count, tail = 0, b""
    while data := await stream.read():
        count, tail = count + len(data), (tail + data)[-4:]
    return count, tail


# ---- Closed


@pytest.mark.parametrize("state", STATES)
def test_a_stream_that_closes_rejects_the_read_that_waits(poller, wire, state):
    async def main():
        rejected = 0
        for _ in range(MANY if wire.kind != "tls" else 3):
            async with wire.pair() as (ours, other):
                pending = STATES[state](ours)
                closing = ours.close()
                with pytest.raises(ConnectionAbortedError, match="the stream was closed during a"):
                    await pending
                await closing
                with pytest.raises((ConnectionError, OSError, RuntimeError)):
                    await ours.read()
                rejected += 1
        return rejected

    assert run(main, poller) == (MANY if wire.kind != "tls" else 3)


def test_a_stream_that_closes_while_a_write_waits_sends_it_all(poller, wire):
    async def main():
        async with wire.pair() as (ours, other):
            (writing,) = await write_until_it_waits(ours)
            closing = ours.close()
            assert closing.state == "pending" and ours.closed
            total, _ = await drained(other)
            await cp.Promise.all([writing, closing])
            return total % (1 << 20), total > 0

    assert run(main, poller) == (0, True)


@pytest.mark.parametrize("state", [*STATES, "write"])
def test_the_loop_ends_while_something_waits(poller, wire, state):
    """Nothing hangs, nothing leaks; run() checks the descriptors."""
    kept, served = [], []

    async def main():
        async def handler(stream):
            served.append(stream)
            await cp.Promise()

        server = await wire.serve(handler)
        for _ in range(3):
            stream = await wire.connect(server)
            kept.extend(await write_until_it_waits(stream) if state == "write" else [STATES[state](stream)])
        await until(lambda: len(served) == 3)

    run(main, poller)
    for promise in kept:
        assert isinstance(promise.exception(), cp.LoopClosedError)


# ---- Connecting and accepting


@contextlib.contextmanager
def full_backlog():
    """A port at which connections neither succeed nor fail."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener, contextlib.ExitStack() as stack:
        for _ in range(4):
            sock = stack.enter_context(socket.socket())
            sock.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                sock.connect(listener.getsockname())
        yield listener.getsockname()[1]


@pytest.mark.parametrize("how", ["cancel", "timeout", "parameter", "loop"])
def test_a_connect_that_is_under_way_ends_in_every_way(poller, how):
    ended = {"cancel": asyncio.CancelledError, "timeout": TimeoutError, "parameter": TimeoutError}

    async def main(port):
        before, connecting = fds(), [cp.connect_tcp("127.0.0.1", port, timeout=0.05 if how == "parameter" else None) for _ in range(MANY)]
        await cp.sleep(0.02)
        if how == "loop":
            return connecting
        for promise in connecting:
            if how == "cancel":
                promise.cancel()
            with pytest.raises(ended[how]):
                await (promise.timeout(0.01) if how == "timeout" else promise)
        await until(lambda: fds() == before)
        return []

    with full_backlog() as port:
        for promise in run(lambda: main(port), poller):
            assert isinstance(promise.exception(), cp.LoopClosedError)


def test_a_server_closes_while_it_accepts_and_its_connections_live_on(poller, wire):
    async def main():
        lived = 0
        for _ in range(MANY if wire.kind != "tls" else 3):
            server = await wire.serve(echo)
            stream = await wire.connect(server)
            await stream.write(b"first")  # once it is answered the connection is accepted, and not in the queue that ends with the server
            assert await stream.readexactly(5) == b"first"
            await server.close()
            with pytest.raises(OSError):
                await wire.connect(server)
            await stream.write(b"still")
            lived += await stream.readexactly(5) == b"still"
            await stream.close()
        return lived

    assert run(main, poller) == (MANY if wire.kind != "tls" else 3)


def test_a_host_that_has_no_address_and_a_port_that_is_taken_are_named(poller):
    async def main():
        with pytest.raises(OSError, match="no-such-host.invalid"):
            await cp.connect_tcp("no-such-host.invalid", 80)
        async with await cp.serve_tcp(echo, "127.0.0.1", 0) as server:
            with pytest.raises(OSError, match=str(server.port)) as taken:
                await cp.serve_tcp(echo, "127.0.0.1", server.port)
            assert taken.value.errno == errno.EADDRINUSE
            assert await speaks(server.port)
            port = server.port
        with pytest.raises(ConnectionRefusedError, match=str(port)):
            await cp.connect_tcp("127.0.0.1", port)

    run(main, poller)


# ---- What the system does

FEW_DESCRIPTORS = """
import resource, cpromise as cp

async def serve(stream):
    async for line in stream:
        if line == b"turns\\n":
            line = b"%d\\n" % cp.get_running_loop().stats()["turns"]
        await stream.write(line)

async def main():
    async with await cp.serve_tcp(serve, "127.0.0.1", 0) as server:
        resource.setrlimit(resource.RLIMIT_NOFILE, (40, 40))
        print(server.port, flush=True)
        await cp.Promise()

cp.run(main())
"""


def ask(sock, line):
    sock.sendall(line)
    with sock.makefile("rb") as file:
        return file.readline()


def test_a_server_without_descriptors_waits_recovers_and_loses_no_listener(poller):
    server = subprocess.Popen([sys.executable, "-X", "dev", "-c", FEW_DESCRIPTORS], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    port = int(server.stdout.readline())
    try:
        for _ in range(2):
            with contextlib.ExitStack() as stack:
                socks = [stack.enter_context(socket.create_connection(("127.0.0.1", port), TIMEOUT_S)) for _ in range(60)]
                assert ask(socks[0], b"first\n") == b"first\n"
                turns = int(ask(socks[0], b"turns\n"))
                socks[-1].settimeout(1)
                with pytest.raises(TimeoutError):  # it is not accepted
                    ask(socks[-1], b"last\n")
                assert int(ask(socks[0], b"turns\n")) - turns < 500  # and the loop does not spin meanwhile
                for sock in socks[:40]:
                    sock.close()
                socks[-1].settimeout(TIMEOUT_S)
                with socks[-1].makefile("rb") as file:
                    assert file.readline() == b"last\n"
        with socket.create_connection(("127.0.0.1", port), TIMEOUT_S) as sock:
            assert ask(sock, b"again\n") == b"again\n"
        assert server.poll() is None
    finally:
        server.kill()
        server.communicate()


def test_signals_at_any_time_disturb_nothing(poller):
    heard = 0

    def handler(signum, frame):
        nonlocal heard
        heard += 1

    async def main():
        async def talk(number):
            async with await cp.connect_tcp("127.0.0.1", server.port) as stream:
                for turn in range(100):
                    await stream.write(b"%d %d\n" % (number, turn) + bytes(5000) + b"\n")
                    assert await stream.readuntil() == b"%d %d\n" % (number, turn)
                    assert await stream.readexactly(5001) == bytes(5000) + b"\n"
                    await cp.sleep(0.0005)
            return 1

        async with await cp.serve_tcp(echo, "127.0.0.1", 0) as server:
            return sum(await cp.Promise.all([talk(number) for number in range(MANY)]))

    before = signal.signal(signal.SIGALRM, handler)
    signal.setitimer(signal.ITIMER_REAL, 0.001, 0.0005)
    try:
        assert run(main, poller) == MANY
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert heard > 20


FORK = """
import os, cpromise as cp

async def echo(stream):
    while data := await stream.read():
        await stream.write(data)

async def once(port):
    async with await cp.connect_tcp("127.0.0.1", port) as stream:
        await stream.write(b"hello")
        return await stream.readexactly(5)

async def own():
    async with await cp.serve_tcp(echo, "127.0.0.1", 0) as server:
        return await once(server.port)

def child(stream, loop):
    try:
        stream.read()
    except RuntimeError as refused:
        assert "fork" in str(refused), refused
    else:
        return 1
    del stream, loop
    return 0 if cp.run(own()) == b"hello" else 2

async def main():
    loop = cp.get_running_loop()
    async with await cp.serve_tcp(echo, "127.0.0.1", 0) as server, await cp.connect_tcp("127.0.0.1", server.port) as stream:
        await stream.write(b"one")
        reading = stream.readexactly(6)
        for _ in range(5):
            pid = os.fork()
            if pid == 0:
                status = 3
                try:
                    status = child(stream, loop)
                finally:
                    os._exit(status)
            assert os.waitpid(pid, 0)[1] == 0
            assert await once(server.port) == b"hello"
        await stream.write(b"two")
        return await reading

assert cp.run(main()) == b"onetwo"
"""


def test_a_fork_leaves_the_parents_connections_alone_and_the_child_makes_its_own_loop(poller):
    done = subprocess.run([sys.executable, "-X", "dev", "-c", FORK], capture_output=True, text=True, timeout=2 * TIMEOUT_S)
    assert (done.returncode, done.stderr) == (0, "")
