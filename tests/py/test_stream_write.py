"""What streams send over real sockets: writes of a turn together, files, abort()."""

import asyncio
import os
import random
import socket

import cpromise as cp
import pytest
from echoing import with_echo


# ---- Sending together, and files


def test_what_a_turn_writes_is_sent_together():
    async def sink(stream):
        await stream.readexactly(3 * 500)

    async def client(stream, server):
        loop = cp.get_running_loop()
        before = loop.stats()["syscalls"]
        writes = [stream.write(bytes([n % 256]) * 3) for n in range(500)]
        assert loop.stats()["syscalls"] - before == 1, "the first of a turn is sent at once, the others when it ends"
        assert all(write.state == "fulfilled" for write in writes)
        assert await stream.read() == b""
        return loop.stats()["syscalls"] - before

    assert with_echo(client, sink) < 40


def test_what_the_last_turn_writes_is_sent():
    received = []

    with socket.create_server(("127.0.0.1", 0)) as listener:

        async def main():
            stream = await cp.connect_tcp("127.0.0.1", listener.getsockname()[1])
            for part in (b"a", b"b", b"c"):
                stream.write(part)

        cp.run(main())
        accepted, _ = listener.accept()
        while data := accepted.recv(100):
            received.append(data)
        accepted.close()
    assert b"".join(received) == b"abc"


def test_cancelling_one_writer_leaves_the_others():
    async def slow(stream):
        await cp.sleep(0.05)
        while await stream.read():
            pass

    async def client(stream, server):
        stream.write(bytes(20_000_000))
        first, second = stream.write(b"x"), stream.write(b"y")
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        return await second

    assert with_echo(client, slow) is None


@pytest.fixture
def big(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(random.Random(7).randbytes(3_000_001))
    return path


@pytest.mark.parametrize("offset, count", [(0, None), (1, None), (1000, 2_000_000), (0, 1), (3_000_000, 100), (4_000_000, None), (5, 0)])
def test_sendfile_takes_its_place_among_the_writes(big, offset, count):
    content = big.read_bytes()[offset:] if count is None else big.read_bytes()[offset : offset + count]

    async def client(stream, server):
        with open(big, "rb") as file:
            file.seek(17)
            stream.write(b"before" * 30_000)
            sending = stream.sendfile(file, offset, count)
            stream.write(b"after")
            received = await stream.readexactly(180_000 + len(content) + 5)
            assert file.tell() == 17
            return received, await sending

    assert with_echo(client) == (b"before" * 30_000 + content + b"after", len(content))


def test_sendfile_of_a_pipe_is_copied():
    async def client(stream, server):
        reader, writer = os.pipe()
        os.write(writer, b"through a pipe")
        os.close(writer)
        sent = await stream.sendfile(reader)
        os.close(reader)
        return sent, await stream.read()

    assert with_echo(client) == (14, b"through a pipe")


def test_sendfile_is_refused_cancelled_and_closed(big):
    async def stalls(stream):
        await cp.sleep(0.05)
        while await stream.read():
            pass

    async def client(stream, server):
        with pytest.raises(TypeError):
            stream.sendfile("name")
        with pytest.raises(ValueError):
            stream.sendfile(0, -1)
        with open(big, "rb") as file:
            stream.write(bytes(8_000_000))
            sending = stream.sendfile(file)
            with pytest.raises(RuntimeError, match="pending"):
                await stream.sendfile(file)
            assert sending.cancel() and not sending.cancel()
            again = stream.sendfile(file)
            await stream.write(b"the queue goes on")
            assert await again == 3_000_001
            stream.write(bytes(8_000_000))
            last = stream.sendfile(file)
            last_write = stream.write(b"x")
        del file
        closing = stream.close()
        assert await last == 3_000_001
        await closing
        await last_write
        with pytest.raises(ConnectionAbortedError):
            await stream.sendfile(0)

    with_echo(client, stalls)


def test_sendfile_to_a_peer_that_goes_away(big):
    async def leaves(stream):
        await stream.read(1)

    async def client(stream, server):
        with open(big, "rb") as file:
            with pytest.raises(ConnectionError):
                for _ in range(100):
                    await stream.sendfile(file)

    with_echo(client, leaves)


# ---- abort()


def test_abort_drops_what_a_peer_does_not_read(poller, big, no_descriptor_is_left):
    listener = socket.create_server(("127.0.0.1", 0))

    async def main():
        stream = await cp.connect_tcp(*listener.getsockname())
        peer, _ = listener.accept()
        writing, reading = stream.write(bytes(20_000_000)), stream.read()
        with open(big, "rb") as file:
            sending = stream.sendfile(file)
        with pytest.raises(TimeoutError):
            await stream.close().timeout(0.02)
        closing = stream.close()
        assert stream.closed and writing.state == reading.state == sending.state == closing.state == "pending"
        outcomes = cp.Promise.all_settled([writing, reading, sending])
        assert await stream.abort() is None and stream.closed and stream.peername is None
        for outcome, call in zip(await outcomes, ("write", "read", "sendfile"), strict=True):
            assert isinstance(outcome["reason"], ConnectionAbortedError) and f"closed during a {call}" in str(outcome["reason"])
        assert await closing is None and await stream.abort() is None and await stream.close() is None
        for call in (stream.read, lambda: stream.write(b"x"), stream.send_eof):
            with pytest.raises(ConnectionAbortedError, match="on a stream that is closed"):
                await call()
        with peer, pytest.raises(ConnectionResetError):
            while peer.recv(1 << 20):
                pass

    cp.run(main())
    listener.close()


def test_abort_of_a_stream_with_nothing_under_way(poller):
    async def handler(stream):
        await stream.write(b"hello")
        await stream.abort()

    async def client(stream, server):
        with pytest.raises(ConnectionResetError):
            while await stream.read():
                pass
        assert server.connections == 0

    with_echo(client, handler)


def test_abort_in_the_turn_that_writes(poller):
    """The second write of a turn waits for its end: the stream is not there any more then."""

    async def client(stream, server):
        stream.write(b"first")
        second = stream.write(b"second")
        stream.abort()
        await second  # below the high-water mark: settled before
        await cp.sleep(0)
        with pytest.raises(ConnectionAbortedError):
            await stream.read()

    with_echo(client)


def test_abort_after_the_loop_is_closed_is_harmless():
    loop = cp.Loop()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        stream = loop.run(lambda: cp.connect_tcp(*listener.getsockname()))
        loop.close()
        assert stream.abort().state == "fulfilled" and stream.closed
