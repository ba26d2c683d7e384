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
