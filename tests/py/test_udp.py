"""Datagrams over real sockets."""

import asyncio
import errno
import os
import socket
import threading

import cpromise as cp
import pytest

pytestmark = pytest.mark.usefixtures("no_descriptor_is_left")


def with_pair(use, host="127.0.0.1"):
    """Runs use(server, client): a bound socket, and one that is connected to it."""

    async def main():
        async with await cp.bind_udp(host, 0) as server:
            async with await cp.connect_udp(host, server.sockname[1]) as client:
                return await use(server, client)

    return cp.run(main())


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost"])
def test_there_and_back(host):
    async def use(server, client):
        await client.send(b"question")
        data, address = await server.receive()
        assert address == client.sockname and client.peername[:2] == server.sockname[:2]
        await server.send_to(b"answer to " + data, address)
        answer, sender = await client.receive()
        assert sender == server.sockname
        return answer

    assert with_pair(use, host) == b"answer to question"


def test_a_receive_that_waits():
    async def use(server, client):
        waiting = server.receive()
        assert waiting.state == "pending"
        await cp.sleep(0.001)
        client.send(bytearray(b"now"))
        return (await waiting)[0]

    assert with_pair(use) == b"now"


def test_datagrams_keep_their_borders_and_their_order():
    sizes = [0, 1, 10, 1400, 9000, 65507]

    async def use(server, client):
        for size in sizes:
            await client.send(memoryview(b"x" * size))
        return [len((await server.receive())[0]) for _ in sizes]

    assert with_pair(use) == sizes


def test_async_for_ends_with_close():
    async def use(server, client):
        for i in range(5):
            client.send(b"%d" % i)
        got = []
        async for data, _ in server:
            got.append(data)
            if len(got) == 5:
                cp.get_running_loop().call_later(0.001, server.close)
        assert server.closed and [item async for item in server] == []
        return got

    assert with_pair(use) == [b"0", b"1", b"2", b"3", b"4"]


def test_only_the_peer_is_heard():
    async def use(server, client):
        async with await cp.bind_udp("127.0.0.1", 0) as stranger:
            await stranger.send_to(b"stranger", client.sockname)
            await server.send_to(b"peer", client.sockname)
            return (await client.receive())[0]

    assert with_pair(use) == b"peer"


def test_nobody_listens():
    async def main():
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        async with await cp.connect_udp("127.0.0.1", port) as client:
            await client.send(b"x")
            with pytest.raises(ConnectionRefusedError):
                await client.receive()
            waiting = client.receive()
            await client.send(b"x")
            with pytest.raises(ConnectionRefusedError):
                await waiting

    cp.run(main())


def test_too_large():
    async def use(server, client):
        for sending in (client.send(b"x" * 70000), server.send_to(b"x" * 70000, client.sockname)):
            with pytest.raises(OSError) as info:
                await sending
            assert info.value.errno == errno.EMSGSIZE

    with_pair(use)


def test_a_full_socket_makes_send_wait():
    """Unix sockets hold back whoever sends to a full one, which UDP over the loopback does not: one of them poses as a UdpSocket."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    theirs.setblocking(False)

    async def use(server, client):
        os.dup2(ours.fileno(), client.fileno(), inheritable=False)
        os.set_blocking(client.fileno(), False)
        sends = []
        while not sends or sends[-1].state != "pending":
            sends.append(client.send(b"%d" % len(sends)))
        sends += [client.send(b"behind"), client.send(b"left out"), client.send(b"last")]
        sends[-2].cancel()
        assert [send.state for send in sends[-4:]] == ["pending", "pending", "rejected", "pending"]
        return sends

    async def drain(server, client):
        sends = await use(server, client)
        with pytest.raises(BlockingIOError):
            while True:
                theirs.recv(100)
        client.close()
        for send in sends[-4:]:
            with pytest.raises((ConnectionAbortedError, asyncio.CancelledError)):
                await send

    with ours, theirs:
        with_pair(drain)


def test_thousands_are_sent_with_await_and_none_is_cut():
    async def use(server, client):
        got = set()

        async def take():
            async for data, _ in server:
                got.add(data)

        taking = cp.Promise.from_coroutine(take())
        for i in range(5000):
            await client.send(b"%05d" % i)
            if i % 50 == 0:
                await cp.sleep(0)
        for _ in range(200):
            if len(got) == 5000:
                break
            await cp.sleep(0.005)
        server.close()
        await taking
        return got

    got = with_pair(use)
    assert len(got) > 2500 and all(len(data) == 5 for data in got)  # UDP may drop


def test_cancelled_receive_loses_nothing():
    async def use(server, client):
        first = server.receive()
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        second = server.receive()
        with pytest.raises(TimeoutError):
            await second.timeout(0.001)
        await client.send(b"kept")
        await cp.sleep(0.005)
        return (await server.receive())[0]

    assert with_pair(use) == b"kept"


def test_two_receives_at_once():
    async def use(server, client):
        first = server.receive()
        with pytest.raises(RuntimeError, match="pending already"):
            await server.receive()
        client.send(b"x")
        return (await first)[0]

    assert with_pair(use) == b"x"


def test_closed_sockets_reject():
    async def use(server, client):
        waiting = server.receive()
        address = client.sockname
        assert await server.close() is None and await server.close() is None
        assert (server.closed, server.sockname, server.peername, server.fileno()) == (True, None, None, -1)
        for call in (lambda: waiting, server.receive, lambda: server.send_to(b"", address), lambda: server.send(b"")):
            with pytest.raises(ConnectionAbortedError):
                await call()

    with_pair(use)


def test_the_end_of_the_loop():
    reasons, kept = [], []

    async def main():
        server = await cp.bind_udp(None, 0)
        kept.append(server)
        server.receive().catch(reasons.append)

    cp.run(main())
    assert [type(reason) for reason in reasons] == [cp.LoopClosedError]
    server = kept.pop()
    assert server.closed and server.close().state == "fulfilled"
    with pytest.raises(cp.LoopClosedError):
        server.receive()


def test_opening_is_cancelled_or_the_loop_closes():
    async def main():
        for _ in range(20):
            cp.connect_udp("localhost", 9).cancel()
        cp.connect_udp("localhost", 9).catch(cp.LoopClosedError, lambda e: None)

    cp.run(main())


def test_reuse_port():
    async def main():
        async with await cp.bind_udp("127.0.0.1", 0, reuse_port=True) as first:
            async with await cp.bind_udp("127.0.0.1", first.sockname[1], reuse_port=True) as second:
                assert second.sockname == first.sockname
            with pytest.raises(OSError) as info:
                await cp.bind_udp("127.0.0.1", first.sockname[1])
            assert info.value.errno == errno.EADDRINUSE

    cp.run(main())


def test_bad_arguments():
    for call, error in (
        (lambda: cp.connect_udp("127.0.0.1", 70000), ValueError),
        (lambda: cp.bind_udp("127.0.0.1", -1), ValueError),
        (lambda: cp.connect_udp(None, 1), TypeError),
        (lambda: cp.bind_udp(5, 1), TypeError),
        (lambda: cp.bind_udp("a\0b", 1), ValueError),
    ):
        with pytest.raises(error):
            call()

    async def use(server, client):
        for data, address, error in (
            ("text", ("127.0.0.1", 1), TypeError),
            (5.0, ("127.0.0.1", 1), TypeError),
            (b"", "127.0.0.1", TypeError),
            (b"", ("127.0.0.1",), TypeError),
            (b"", ("localhost", 1), ValueError),
            (b"", ("::1", 1), ValueError),
            (b"", ("127.0.0.1", 70000), ValueError),
        ):
            with pytest.raises(error):
                server.send_to(data, address)
        with pytest.raises(OSError):
            await server.send(b"to whom?")
        with pytest.raises(TypeError):
            client.send("text")

    with_pair(use)


def test_names_that_cannot_be_resolved():
    async def main():
        with pytest.raises(socket.gaierror, match="connect_udp no-such-host.invalid:1"):
            await cp.connect_udp("no-such-host.invalid", 1)

    cp.run(main())


def test_another_thread_is_refused():
    async def use(server, client):
        errors = []

        def other():
            for call in (client.receive, client.close, lambda: client.send(b"")):
                try:
                    call()
                except cp.WrongLoopError as error:
                    errors.append(error)

        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
        return len(errors)

    assert with_pair(use) == 3


def test_inside_asyncio():
    async def main():
        loop = cp.attach(asyncio.get_running_loop())
        async with await cp.bind_udp("127.0.0.1", 0) as server, await cp.connect_udp(*server.sockname) as client:
            waiting = server.receive()
            await client.send(b"guest")
            data, _ = await waiting
        loop.close()
        return data

    assert asyncio.run(main()) == b"guest"
