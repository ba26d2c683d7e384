"""The load generator against servers that are good, that corrupt a byte, that close early and that say nothing."""

import socket
import threading

import pytest
from wirechild import TIMEOUT_S, load, reference


class Server:
    """Echoes on a thread for each connection, through `change(connection, data)`, which returns what is sent."""

    def __init__(self, change):
        self.change = change
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.connections = []
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.connections.append(connection)
            threading.Thread(target=self.echo, args=(connection,), daemon=True).start()

    def echo(self, connection):
        try:
            while data := connection.recv(65536):
                connection.sendall(self.change(connection, data))
        except OSError:
            pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for connection in self.connections:
            connection.close()


def good(_, data):
    return data


def dribble(connection, data):
    """The same bytes, in small pieces."""
    for at in range(0, len(data), 100):
        connection.sendall(data[at : at + 100])
    return b""


def corrupt(_, data):
    return data[:-1] + bytes([data[-1] ^ 1])


def swallow(_, data):
    return b""


def hang_up(connection, data):
    connection.shutdown(socket.SHUT_RDWR)
    return b""


def add_a_byte(_, data):
    return data + b"!"


@pytest.mark.parametrize("change", [good, dribble])
@pytest.mark.parametrize("size, concurrency, ops", [(4, 1, 5), (1024, 1, 50), (1024, 16, 333), (300000, 3, 10)])
def test_a_good_server(change, size, concurrency, ops):
    params = {"bytes": size, "concurrency": concurrency, "ops": ops, "seed": 3}
    with Server(change) as server, load(server.port, **params) as generator:
        attest, _ = generator.ready()
        assert attest["runtime"] == "c"
        for _ in range(2):
            sample, latency = generator.sample()
            assert {key: sample[key] for key in ("digest", "hit", "miss", "error")} == reference("io_echo", **params)
            assert sum(latency.values()) == ops
        assert len(server.connections) == concurrency
        generator.stop()


@pytest.mark.parametrize(
    "change, complaint",
    [(corrupt, "came back as"), (hang_up, "closed a connection"), (add_a_byte, "came back as")],
)
def test_a_bad_server_is_a_failure(change, complaint):
    with Server(change) as server, load(server.port, bytes=100, ops=10, concurrency=2) as generator:
        generator.ready()
        generator.say("go")
        line = generator.line()
        assert line.startswith("fail ") and complaint in line
        assert generator.process.wait(TIMEOUT_S) == 1


def test_a_corrupt_byte_is_named():
    with Server(corrupt) as server, load(server.port, bytes=100, ops=1) as generator:
        generator.ready()
        generator.say("go")
        assert generator.line().startswith("fail op 0: byte 99 of 100 came back as ")


def test_waits_for_a_silent_server_until_the_driver_is_gone():
    with Server(swallow) as server, load(server.port, ops=1) as generator:
        generator.ready()
        generator.say("go")
        with pytest.raises(Exception, match="timed out"):
            generator.process.wait(0.2)
        generator.gone()
        assert generator.process.wait(TIMEOUT_S) == 0


def test_nobody_listens():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with load(port) as generator:
        generator.expect("hello")
        assert generator.line() == f"fail connecting to port {port}: Connection refused"
        assert generator.process.wait(TIMEOUT_S) == 1


# ---- Talk: servers that answer otherwise than they should


def http(status, body, more=b""):
    return lambda _, data: b"HTTP/1.1 %b\r\nContent-Length: %d\r\n\r\n%b%b" % (status, len(body), body, more)


CHEATS = {
    "wrong byte": ("io_http", http(b"200 OK", b"Hello, World!"), "byte 7 of 13 came back as 57, expected was 77"),
    "shorter": ("io_http", http(b"200 OK", b"Hello, world"), "12 bytes came back, expected were 13"),
    "refusal": ("io_http", http(b"503 Busy", b""), "the server refused it, or sent no answer: 'HTTP/1.1 503 Busy'"),
    "two answers": ("io_http", http(b"200 OK", b"Hello, world!", b"HTTP/1.1"), "more than one answer"),
    "no answer": ("io_http", lambda _, data: data, "the server refused it, or sent no answer: 'GET /p HTTP/1.1'"),
    "wrong number": ("mix_fibsrv", lambda _, data: b"2\n", "expected was"),
    "a complaint": ("mix_cross", lambda _, data: b"a number was expected\n", "the server refused it"),
    "no computing": ("mix_block", lambda _, data: data, "expected"),
}


@pytest.mark.parametrize("workload, change, complaint", CHEATS.values(), ids=CHEATS.keys())
def test_a_cheating_server_is_a_failure(workload, change, complaint):
    with Server(change) as server, load(server.port, workload, ops=10, concurrency=2) as generator:
        generator.ready()
        generator.say("go")
        line = generator.line()
        assert line.startswith("fail op ") and complaint in line
        assert generator.process.wait(TIMEOUT_S) == 1


def test_a_talk_that_comes_in_pieces():
    def dribble_http(connection, data):
        for byte in http(b"200 OK", b"Hello, world!")(connection, data):
            connection.sendall(bytes([byte]))
        return b""

    with Server(dribble_http) as server, load(server.port, "io_http", ops=6, concurrency=2) as generator:
        generator.ready()
        sample, latency = generator.sample()
        assert sample["digest"] == reference("io_http", ops=6)["digest"] and sum(latency.values()) == 6
        generator.stop()
