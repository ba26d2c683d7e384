"""TLS over streams: both sides, against Python's own ssl module, with certificates of a test authority."""

import asyncio
import datetime
import socket
import ssl
import threading

import cpromise as cp
import pytest

trustme = pytest.importorskip("trustme", reason="trustme is not installed here")
AUTHORITY, STRANGER = trustme.CA(), trustme.CA()


def server_context(authority=AUTHORITY, *names, **how):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*(names or ("localhost", "127.0.0.1")), **how).configure_cert(context)
    return context


def client_context(authority=AUTHORITY):
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


SERVER, CLIENT = server_context(), client_context()


async def echo(stream):
    while data := await stream.read():
        await stream.write(data)


def with_server(client, handler=echo, tls=SERVER, loop=None):
    async def main():
        async with await cp.serve_tcp(handler, "127.0.0.1", 0, tls=tls) as server:
            return await client(server)

    return loop.run(main()) if loop else cp.run(main())


def connect(server, tls=CLIENT, **how):
    return cp.connect_tcp("127.0.0.1", server.port, tls=tls, **how)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("size", [1, 16384, 16385, 3_000_000])
def test_bytes_go_both_ways(size, version):
    context = client_context()
    context.minimum_version = context.maximum_version = version
    data = bytes(range(256)) * (size // 256 + 1)

    async def client(server):
        async with await connect(server, context) as stream:
            sent = cp.Promise.from_coroutine(send(stream))
            received = await stream.readexactly(len(data))
            await sent
            return received, stream.ssl_object.version(), stream.ssl_object.getpeercert()["subjectAltName"][0]

    async def send(stream):
        for start in range(0, len(data), 50_000):
            await stream.write(data[start : start + 50_000])

    received, spoken, name = with_server(client)
    assert received == data and spoken == version.name.replace("_", ".") and name == ("DNS", "localhost")


def test_lines_cancelled_reads_and_the_end():
    async def some(stream):
        received = b""
        while not received.endswith(b"!"):
            received += await stream.read()
        await stream.write(received)

    async def client(server):
        async with await connect(server) as stream:
            reading = stream.read()
            await cp.sleep(0.01)
            reading.cancel()
            await stream.write(b"one\ntwo\nrest!")
            lines = [await stream.readuntil(), await stream.readuntil()]
            with pytest.raises(asyncio.IncompleteReadError) as caught:
                await stream.readexactly(6)
            return lines, caught.value.partial, await stream.read()

    assert with_server(client, some) == ([b"one\n", b"two\n"], b"rest!", b"")


def test_python_clients_and_servers_speak_with_it():
    async def client(server):
        return await cp.to_thread(ask, server.port)

    def ask(port):
        with socket.create_connection(("127.0.0.1", port)) as plain, CLIENT.wrap_socket(plain, server_hostname="localhost") as tls:
            tls.sendall(b"from python")
            answer = tls.recv(100)
            tls.unwrap()
            return answer

    assert with_server(client) == b"from python"

    listener = socket.create_server(("127.0.0.1", 0))

    def serve():
        plain, _ = listener.accept()
        with SERVER.wrap_socket(plain, server_side=True) as tls:
            tls.sendall(tls.recv(100).upper())

    thread = threading.Thread(target=serve)
    thread.start()

    async def ours():
        async with await cp.connect_tcp("localhost", listener.getsockname()[1], tls=CLIENT) as stream:
            await stream.write(b"to python")
            return await stream.read(), await stream.read()

    assert cp.run(ours()) == (b"TO PYTHON", b"")
    thread.join()
    listener.close()


PAST = datetime.datetime(2020, 1, 1, tzinfo=datetime.timezone.utc)


# in debug mode a failed handshake is told of
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize(
    "tls, how, complaint",
    [
        (server_context(STRANGER), {}, "unable to get local issuer|self.signed"),
        (server_context(AUTHORITY, "example.org"), {}, "IP address mismatch"),
        (SERVER, {"server_hostname": "example.org"}, "Hostname mismatch"),
        (server_context(AUTHORITY, "127.0.0.1", not_before=PAST - datetime.timedelta(9), not_after=PAST), {}, "certificate has expired"),
    ],
)
def test_a_wrong_certificate_is_refused_and_the_server_lives_on(tls, how, complaint, capfd):
    async def client(server):
        for _ in range(3):
            with pytest.raises(ssl.SSLCertVerificationError, match=complaint):
                await connect(server, **how)
        lenient = ssl.create_default_context()
        lenient.check_hostname, lenient.verify_mode = False, ssl.CERT_NONE
        async with await connect(server, lenient) as stream:
            await stream.write(b"alive")
            answer = await stream.read()
        while server.connections:
            await cp.sleep(0.001)
        return answer

    assert with_server(client, tls=tls) == b"alive"
    assert capfd.readouterr().err == ""


@pytest.mark.filterwarnings("error::pytest.PytestUnraisableExceptionWarning")
def test_a_handshake_that_the_end_of_the_loop_ends_is_nobodys_news(poller, capfd):
    loop = cp.Loop(debug=True)

    async def main():
        server = await cp.serve_tcp(echo, "127.0.0.1", 0, tls=SERVER)
        plain = await cp.connect_tcp("127.0.0.1", server.port)
        while not server.connections:
            await cp.sleep(0.001)
        return plain

    plain = loop.run(main())
    loop.close()
    assert plain.closed and capfd.readouterr().err == ""


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("garbage", [b"GET / HTTP/1.0\r\n\r\n", b"\x16\x03\x01\x00\x05hello", bytes(300), b"\x16", b""])
def test_garbage_instead_of_a_handshake(garbage):
    async def client(server):
        async with await cp.connect_tcp("127.0.0.1", server.port) as plain:
            await plain.write(garbage)
            await plain.send_eof()
            while await plain.read():
                pass
        async with await connect(server) as stream:
            await stream.write(b"alive")
            assert await stream.read() == b"alive"
        while server.connections:
            await cp.sleep(0.001)

    async def speaks_no_tls(stream):
        await stream.read()
        await stream.write(garbage)

    async def ours(server):
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await connect(server)

    with_server(client)
    with_server(ours, speaks_no_tls, tls=None)


def test_a_peer_that_stalls_is_not_waited_for():
    async def says_nothing(stream):
        await stream.read(1)
        await cp.Promise()

    async def client(server):
        with pytest.raises(TimeoutError, match="connect_tcp 127.0.0.1"):
            await connect(server, timeout=0.05)
        connecting = connect(server)
        await cp.sleep(0.02)
        assert connecting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await connecting

    with_server(client, says_nothing, tls=None)


def test_the_loop_is_closed_during_a_handshake():
    loop, kept = cp.Loop(), []

    async def main():
        server = await cp.serve_tcp(kept.append, "127.0.0.1", 0)
        connecting = connect(server)
        await cp.sleep(0.02)
        return server, [connecting]

    server, (connecting,) = loop.run(main())
    loop.close()
    with pytest.raises(cp.LoopClosedError, match="connect_tcp|handshake"):
        connecting.result()


@pytest.mark.parametrize("tls", [5, "yes", ssl])
def test_the_parameter_is_checked(tls):
    async def main():
        with pytest.raises(TypeError, match="SSLContext"):
            await cp.connect_tcp("127.0.0.1", 1, tls=tls)
        with pytest.raises(TypeError, match="SSLContext"):
            await cp.serve_tcp(echo, "127.0.0.1", 0, tls=tls)

    cp.run(main())


def test_no_half_close_and_no_use_after_close():
    async def client(server):
        stream = await connect(server)
        with pytest.raises(NotImplementedError):
            await stream.send_eof()
        await stream.close()
        for call in (stream.read, lambda: stream.write(b"x")):
            with pytest.raises(ConnectionAbortedError):
                await call()

    with_server(client)


def test_a_handler_that_fails_over_tls_is_reported_and_harmless():
    heard = []
    loop = cp.Loop()
    loop.on_unhandled_rejection = lambda promise, reason: heard.append(repr(reason))

    def fails(stream):
        raise KeyError("handler")

    async def client(server):
        for _ in range(2):
            stream = await connect(server)
            assert await stream.read() == b""

    with_server(client, fails, loop=loop)
    loop.close()
    assert heard == ["KeyError('handler')"] * 2


def test_abort_says_no_goodbye(poller):
    """And waits for nobody: the peer sees a connection that was reset, or that ended without close_notify."""
    gone = []

    async def handler(stream):
        await stream.read()
        writing = stream.write(bytes(20_000_000))
        with pytest.raises(TimeoutError):
            await stream.close().timeout(0.02)
        await stream.abort()
        with pytest.raises(ConnectionAbortedError, match="closed during a write"):
            await writing
        gone.append(stream)

    async def client(server):
        async with await connect(server) as stream:
            await stream.write(b"go")
            while not gone:
                await cp.sleep(0.001)
            with pytest.raises(ConnectionResetError):
                while await stream.read():
                    pass

    with_server(client, handler)
