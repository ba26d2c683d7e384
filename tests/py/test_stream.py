"""Streams and servers over real sockets: connecting, reading, ends and errors."""

import asyncio
import os
import random
import socket
import struct

import cpromise as cp
import pytest
from echoing import with_echo


def test_read_returns_what_is_there_and_then_the_end():
    async def client(stream, server):
        await stream.write(b"hello")
        first = await stream.read()
        await stream.send_eof()
        return first, await stream.read(), await stream.read()

    assert with_echo(client) == (b"hello", b"", b"")


def test_read_takes_at_most_what_is_asked_for():
    async def client(stream, server):
        await stream.write(b"abcdef")
        return await stream.read(2), await stream.readexactly(3), await stream.read()

    assert with_echo(client) == (b"ab", b"cde", b"f")


def test_readuntil_and_lines():
    async def client(stream, server):
        await stream.write(b"one\ntwo\r\nthree\nfour")
        await stream.send_eof()
        first = await stream.readuntil()
        second = await stream.readuntil(b"\r\n")
        return first, second, [line async for line in stream]

    assert with_echo(client) == (b"one\n", b"two\r\n", [b"three\n", b"four"])


def test_readexactly_and_readuntil_at_the_end_of_the_stream():
    async def client(stream, server):
        await stream.write(b"abc")
        await stream.send_eof()
        with pytest.raises(asyncio.IncompleteReadError) as caught:
            await stream.readexactly(5)
        assert (caught.value.partial, caught.value.expected) == (b"abc", 5)
        assert await stream.readexactly(0) == b""
        with pytest.raises(asyncio.IncompleteReadError):
            await stream.readuntil()

    with_echo(client)


def test_readuntil_over_its_limit_leaves_the_bytes():
    async def client(stream, server):
        await stream.write(b"x" * 50)
        with pytest.raises(asyncio.LimitOverrunError):
            await stream.readuntil(b"\n", limit=10)
        assert await stream.readexactly(50) == b"x" * 50
        await stream.write(b"y" * 20 + b"\n")
        with pytest.raises(asyncio.LimitOverrunError):
            await stream.readuntil(limit=10)
        return await stream.readuntil(limit=20)

    assert with_echo(client) == b"y" * 20 + b"\n"


def test_large_writes_come_back_in_order_with_back_pressure():
    data = random.Random(1).randbytes(20_000_000)

    async def client(stream, server):
        writes = [stream.write(data[i : i + 100_000]) for i in range(0, len(data), 100_000)]
        waiting = writes[-1]
        assert waiting.state == "pending" and writes[0].state == "fulfilled"
        received = await receive(stream, len(data))
        await waiting
        return received

    async def receive(stream, size):
        parts = []
        while size:
            parts.append(await stream.read())
            size -= len(parts[-1])
        return b"".join(parts)

    assert with_echo(client) == data


def test_write_takes_any_buffer_as_it_was():
    async def client(stream, server):
        buffer = bytearray(b"abc")
        await stream.write(buffer)
        buffer[:] = b"xyz"
        await stream.writelines([b"d", b"e"])
        with pytest.raises(TypeError):
            stream.write("text")
        return await stream.readexactly(5)

    assert with_echo(client) == b"abcde"


def test_a_closed_stream_rejects_and_never_hangs():
    async def client(stream, server):
        reading = stream.read()
        await stream.close()
        await stream.close()
        with pytest.raises(ConnectionAbortedError, match="during a read"):
            await reading
        for call in (stream.read, lambda: stream.write(b"x"), stream.readuntil, stream.send_eof):
            with pytest.raises(ConnectionAbortedError, match="closed"):
                await call()
        return stream.closed, stream.peername

    assert with_echo(client) == (True, None)


def test_close_sends_what_was_written_before():
    async def sink(stream):
        total = 0
        while data := await stream.read():
            total += len(data)
        done.append(total)

    done = []

    async def client(stream, server):
        stream.write(b"z" * 5_000_000)
        await stream.close()
        while not done:
            await cp.sleep(0.001)

    with_echo(client, sink)
    assert done == [5_000_000]


def test_a_second_read_while_one_pends_is_refused():
    async def client(stream, server):
        first = stream.read()
        with pytest.raises(RuntimeError, match="pending already"):
            await stream.read()
        await stream.write(b"x")
        return await first

    assert with_echo(client) == b"x"


def test_a_reset_by_the_peer_is_an_error():
    async def reset(stream):
        await stream.read()

    async def main():
        listener = socket.create_server(("127.0.0.1", 0))
        stream = await cp.connect_tcp("127.0.0.1", listener.getsockname()[1])
        peer, _ = listener.accept()
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        peer.close()
        with pytest.raises(ConnectionResetError, match="read"):
            await stream.read()
        failed = stream.write(b"x")
        await cp.sleep(0)
        assert failed.state == "rejected"
        await stream.close()
        listener.close()

    cp.run(main())


def test_a_handler_that_fails_closes_its_stream_and_the_server_lives_on(capsys):
    seen = []

    async def handler(stream):
        data = await stream.readexactly(1)
        if data == b"!":
            raise ValueError("handler failed")
        await stream.write(data)

    async def client(stream, server):
        cp.get_running_loop().on_unhandled_rejection = lambda promise, reason: seen.append(str(reason))
        await stream.write(b"!")
        assert await stream.read() == b""
        second = await cp.connect_tcp("127.0.0.1", server.port)
        await second.write(b"k")
        answer = await second.read()
        await second.close()
        return answer

    assert with_echo(client, handler) == b"k"
    assert seen == ["handler failed"]


def test_a_handler_may_be_a_function_that_chains():
    def handler(stream):
        return stream.readexactly(3).then(lambda data: stream.write(data[::-1]))

    async def client(stream, server):
        await stream.write(b"abc")
        return await stream.read(), await stream.read(), server.connections

    answer = with_echo(client, handler)
    assert answer[:2] == (b"cba", b"")


def test_connections_are_counted():
    async def client(stream, server):
        others = [await cp.connect_tcp("127.0.0.1", server.port) for _ in range(5)]
        while server.connections < 6:
            await cp.sleep(0.001)
        for other in others:
            await other.close()
        while server.connections > 1:
            await cp.sleep(0.001)

    with_echo(client)


def test_peername_and_ipv6():
    async def main():
        async def handler(stream):
            await stream.write(repr(stream.peername).encode())

        try:
            server = await cp.serve_tcp(handler, "::1", 0)
        except OSError as error:
            pytest.skip(f"no IPv6 here: {error}")
        stream = await cp.connect_tcp("::1", server.port)
        assert stream.peername[:2] == ("::1", server.port)
        return await stream.read()

    assert cp.run(main()).startswith(b"('::1', ")


def test_names_are_resolved_and_unknown_ones_reject():
    async def main():
        async with await cp.serve_tcp(lambda s: s.write(b"hi"), "localhost", 0) as server:
            stream = await cp.connect_tcp("localhost", server.port)
            assert await stream.read() == b"hi"
        with pytest.raises(OSError, match="no-such-host.invalid:80"):
            await cp.connect_tcp("no-such-host.invalid", 80)

    cp.run(main())


def test_a_refused_connection_rejects_with_its_address():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

    async def main():
        with pytest.raises(ConnectionRefusedError, match=f"connect_tcp 127.0.0.1:{port}"):
            await cp.connect_tcp("127.0.0.1", port)

    cp.run(main())


def test_a_port_in_use_rejects_with_its_address():
    async def main():
        async with await cp.serve_tcp(print, "127.0.0.1", 0) as server:
            with pytest.raises(OSError, match=f"serve_tcp 127.0.0.1:{server.port}"):
                await cp.serve_tcp(print, "127.0.0.1", server.port)

    cp.run(main())


def test_connect_times_out():
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
        port = listener.getsockname()[1]
        fillers = []
        for _ in range(8):  # the backlog is full then: a connection neither comes about nor fails
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.1", port))
            fillers.append(filler)

        async def main():
            with pytest.raises(TimeoutError, match="timed out"):
                await cp.connect_tcp("127.0.0.1", port, timeout=0.05)

        cp.run(main())
        for filler in fillers:
            filler.close()


@pytest.mark.parametrize(
    "call, error",
    [
        (lambda: cp.connect_tcp("127.0.0.1", 70000), ValueError),
        (lambda: cp.serve_tcp(None, "127.0.0.1", 0), TypeError),
        (lambda: cp.serve_tcp(print, "127.0.0.1", -1), ValueError),
    ],
)
def test_arguments_are_checked(call, error):
    with pytest.raises(error):
        call()


def test_connections_dropped_at_random_moments_leak_nothing():
    def open_fds():
        return len(os.listdir("/proc/self/fd"))

    async def echo(stream):
        while data := await stream.read():
            await stream.write(data * 50)

    async def rude(port, rng):
        stream = await cp.connect_tcp("127.0.0.1", port)
        stream.write(b"x" * rng.randrange(1, 5000))
        if rng.random() < 0.5:
            await stream.read()
        if rng.random() < 0.3:
            stream.read()
        await stream.close()

    async def main():
        loop = cp.get_running_loop()
        loop.on_unhandled_rejection = lambda promise, reason: None
        rng = random.Random(5)
        server = await cp.serve_tcp(echo, "127.0.0.1", 0)
        for _ in range(20):
            await cp.Promise.all([rude(server.port, rng) for _ in range(50)])
        await server.close()
        for _ in range(200):
            if not server.connections:
                break
            await cp.sleep(0.005)
        return server.connections

    before = open_fds()
    assert cp.run(main()) == 0
    assert open_fds() <= before


def test_out_of_descriptors_the_server_waits_and_goes_on():
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)

    async def main():
        server = await cp.serve_tcp(lambda s: s.write(b"in").then(lambda _: s.close()), "127.0.0.1", 0)
        clients = [socket.socket() for _ in range(5)]
        last = os.dup(0)
        resource.setrlimit(resource.RLIMIT_NOFILE, (last + 1, hard))
        try:
            for client in clients:
                client.setblocking(False)
                client.connect_ex(("127.0.0.1", server.port))
            await cp.sleep(0.03)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
            os.close(last)
        await cp.sleep(0.3)
        answers = [client.recv(10) for client in clients]
        for client in clients:
            client.close()
        return answers

    assert cp.run(main()) == [b"in"] * 5


# ---- Reads that are cancelled


def test_a_read_that_is_cancelled_or_times_out_loses_no_bytes():
    async def handler(stream):
        await stream.readuntil(b"!")
        await stream.write(b"abcdef\n")
        await stream.read()

    async def main():
        async with await cp.serve_tcp(handler, "127.0.0.1", 0) as server:
            async with await cp.connect_tcp("127.0.0.1", server.port) as stream:
                with pytest.raises(TimeoutError):
                    await stream.read().timeout(0.001)
                assert stream.read().cancel()
                assert stream.readexactly(3).cancel()
                waiting = stream.readexactly(4)
                await stream.write(b"?!")
                assert await waiting == b"abcd"
                assert await stream.read(1) == b"e"
                assert await stream.readuntil() == b"f\n"

    cp.run(main())


def test_bytes_that_come_after_a_cancelled_read_wait_for_the_next():
    async def handler(stream):
        await stream.readexactly(2)
        await stream.write(b"abcdef")
        await stream.readexactly(4)
        await stream.write(b"\n")
        await stream.read()

    async def main():
        async with await cp.serve_tcp(handler, "127.0.0.1", 0) as server:
            async with await cp.connect_tcp("127.0.0.1", server.port) as stream:
                assert stream.read().cancel()
                await stream.write(b"go")
                await cp.sleep(0.01)
                assert await stream.read(2) == b"ab"
                assert stream.readexactly(9).cancel()  # its receive is under way while the next reads are served
                assert await stream.read(1) == b"c"
                await stream.write(b"more")
                assert await stream.read(1) == b"d"
                await cp.sleep(0.01)
                assert await stream.readexactly(3) == b"ef\n"

    cp.run(main())
