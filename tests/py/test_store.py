"""The stores: RESP2 as clients really send it, the service delay, and what both hold."""

import os
import pathlib
import shutil
import signal
import socket
import subprocess
import time

import pytest
from wirechild import BUILD, TIMEOUT_S, Child, all_end, python, reference, store

import common
import io_employee

needs_redis = pytest.mark.skipif(not shutil.which("redis-server"), reason="redis-server is not installed here")
STORES = ["embedded", pytest.param("redis", marks=needs_redis)]


def started(name, **params):
    params = {"employees": 1000, **params}
    return store(**params) if name == "embedded" else Child(python("redis_store.py"), "io_employee", "peer", **params)


class Client:
    """Bytes out, bytes in."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT_S)
        self.file = self.socket.makefile("rb")

    def send(self, data):
        self.socket.sendall(data)

    def reply(self):
        """A reply as its lines and bodies, flat."""
        line = self.file.readline()
        if line[:1] == b"$" and int(line[1:]) >= 0:
            return self.file.read(int(line[1:]) + 2)[:-2]
        if line[:1] == b"*":
            return [self.reply() for _ in range(int(line[1:]))]
        return line.rstrip(b"\r\n")

    def ask(self, *words):
        self.send(command(*words))
        return self.reply()

    def close(self):
        self.file.close()
        self.socket.close()


def command(*words):
    raw = [word if isinstance(word, bytes) else word.encode() for word in words]
    return b"*%d\r\n" % len(raw) + b"".join(b"$%d\r\n%b\r\n" % (len(word), word) for word in raw)


@pytest.fixture(scope="module")
def port():
    with store(employees=1000, delay_us=0) as child:
        yield child.ready()[1]
        child.stop()


@pytest.fixture
def client(port):
    client = Client(port)
    yield client
    client.close()


# ---- What the stores hold and how they live


@pytest.mark.parametrize("name", STORES)
def test_holds_the_employees(name):
    with started(name) as child:
        client = Client(child.ready()[1])
        contents = dict(io_employee.contents(1000, 256))
        assert client.ask("DBSIZE") == b":%d" % len(contents)
        keys = list(contents)
        for at in range(0, len(keys), 500):
            values = client.ask("MGET", *keys[at : at + 500])
            assert values == [contents[key].encode() for key in keys[at : at + 500]]
        client.close()
        child.stop()


@pytest.mark.parametrize("name", STORES)
def test_both_stores_give_the_digest_of_the_reference(name):
    params = {"ops": 300, "employees": 1000, "concurrency": 4, "delay_us": 100}
    with started(name, **params) as child:
        port = child.ready()[1]
        with Child(python("threads.py"), "io_employee", "threads", store_port=port, **params) as adapter:
            adapter.ready()
            assert adapter.sample()[0]["digest"] == reference("io_employee", **params)["digest"]
            adapter.stop()
        child.stop()


@pytest.mark.parametrize("name", STORES)
def test_ends_with_the_driver(name):
    with started(name) as child:
        child.ready()
        pids = list(common.threads_of_tree(child.process.pid))
        child.gone()
        assert child.process.wait(TIMEOUT_S) == 0
        assert all_end(pids)


@needs_redis
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_redis_ends_with_its_launcher(how):
    with started("redis") as child:
        child.ready()
        pids = list(common.threads_of_tree(child.process.pid))
        assert len(pids) > 1
        child.process.send_signal(how)
        child.process.wait(TIMEOUT_S)
        assert all_end(pids)


@needs_redis
def test_redis_leaves_no_folder_behind(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    with started("redis") as child:
        child.ready()
        assert len(list(tmp_path.iterdir())) == 1
        child.stop()
        assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", STORES)
def test_a_port_in_use_is_named(name):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with started(name, port=port) as child:
            child.expect("hello")
            line = child.line()
            assert line.startswith("fail ") and str(port) in line and "in use" in line
            assert child.process.wait(TIMEOUT_S) == 1


def test_a_missing_redis_is_named(monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    with started("redis") as child:
        child.expect("hello")
        assert "redis-server is not installed" in child.line()


# ---- RESP2


def test_gets_and_sets(client):
    assert client.ask("SET", "key", b"\0\r\n\xff") == b"+OK"
    assert client.ask("get", "key") == b"\0\r\n\xff"
    assert client.ask("SET", "key", "") == b"+OK"
    assert client.ask("GET", "key") == b""
    assert client.ask("EXISTS", "key", "none", "key") == b":2"
    assert client.ask("GET", "none") == b"$-1"
    assert client.ask("MGET", "key", "none") == [b"", b"$-1"]


def test_small_talk(client):
    assert client.ask("PING") == b"+PONG"
    assert client.ask("ping", "hello") == b"hello"
    assert client.ask("ECHO", "x") == b"x"
    assert client.ask("SELECT", "3") == b"+OK"
    assert client.ask("COMMAND", "DOCS") == []


def test_unknown_commands_leave_the_connection_usable(client):
    assert client.ask("FLUSHALL") == b"-ERR unknown command 'FLUSHALL'"
    assert client.ask("BAD\r\nNAME").startswith(b"-ERR unknown command 'BAD")
    assert client.ask("GET") == b"-ERR wrong number of arguments for 'get' command"
    assert client.ask("GET", "a", "b") == b"-ERR wrong number of arguments for 'get' command"
    assert client.ask("X" * 500).startswith(b"-ERR unknown command 'XXX")
    assert client.ask("PING") == b"+PONG"


def test_a_request_in_single_bytes(client):
    for byte in command("SET", "split", "value"):
        client.send(bytes([byte]))
        time.sleep(0.0005)
    assert client.reply() == b"+OK"
    assert client.ask("GET", "split") == b"value"


def test_a_pipeline_is_answered_in_order(client):
    client.send(b"".join(command("ECHO", str(i)) for i in range(5000)))
    assert [client.reply() for _ in range(5000)] == [str(i).encode() for i in range(5000)]


def test_huge_keys_and_values(client):
    key, value = b"k" * 500_000, os.urandom(500_000)
    assert client.ask("SET", key, value) == b"+OK"
    assert client.ask("GET", key) == value


def test_a_reader_that_is_slow(client):
    """More answers than the socket takes at once: none is lost, and others are served meanwhile."""
    client.ask("SET", "big", b"x" * 100_000)
    client.send(command("GET", "big") * 200)
    time.sleep(0.1)
    other = Client(client.socket.getpeername()[1])
    assert other.ask("PING") == b"+PONG"
    other.close()
    assert all(client.reply() == b"x" * 100_000 for _ in range(200))


@pytest.mark.parametrize(
    "garbage",
    [
        b"GET key\r\n",
        b"*x\r\n",
        b"*0\r\n",
        b"*1\r\n:3\r\n",
        b"*-1\r\n",
        b"*99999\r\n",
        b"*2\r\n$3\r\nGET\r\n$-5\r\n",
        b"*1\r\n$4\r\nPINGxx",
        b"*1\r\n$2000000\r\n",
        b"*" + b"1" * 100,
        b"*1" + b"\n",
    ],
)
def test_what_is_not_resp_ends_the_connection(client, garbage):
    client.send(garbage)
    assert client.reply().startswith(b"-ERR Protocol error")
    assert client.file.read() == b""


def test_quit(client):
    client.send(command("QUIT") + command("PING"))
    assert client.reply() == b"+OK"
    assert client.file.read() == b""


def test_a_client_that_stops_sending_still_gets_its_answers(port):
    client = Client(port)
    client.send(command("PING") * 10)
    client.socket.shutdown(socket.SHUT_WR)
    assert client.file.read() == b"+PONG\r\n" * 10
    client.close()


def test_redis_cli_can_talk_to_it(port):
    if not shutil.which("redis-cli"):
        pytest.skip("redis-cli is not installed here")
    done = subprocess.run(
        ["redis-cli", "-p", str(port), "GET", "employee:id:emp000000"], capture_output=True, text=True, timeout=TIMEOUT_S
    )
    assert done.stdout == "104729\n"


# ---- The delay


def test_each_answer_waits_its_delay_and_not_for_others():
    """20 clients ask at once: all answers are there after one delay, none before it."""
    with store(employees=1, delay_us=50_000) as child:
        port = child.ready()[1]
        clients = [Client(port) for _ in range(20)]
        start = time.monotonic()
        for client in clients:
            client.send(command("PING"))
        for client in clients:
            assert client.reply() == b"+PONG"
            assert time.monotonic() - start >= 0.05
        assert time.monotonic() - start < 0.5
        for client in clients:
            client.close()
        child.stop()


def test_clients_that_leave_while_their_answers_wait():
    with store(employees=1, delay_us=20_000) as child:
        port = child.ready()[1]
        for _ in range(50):
            client = Client(port)
            client.send(command("PING") * 3)
            client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            client.close()
        time.sleep(0.05)
        stays = Client(port)
        assert stays.ask("PING") == b"+PONG"
        assert len(list(pathlib.Path(f"/proc/{child.process.pid}/fd").iterdir())) < 20
        stays.close()
        child.stop()


def test_the_store_is_for_employees():
    with Child([str(BUILD / "store")], "cpu_queens", "peer") as child:
        assert child.process.wait(TIMEOUT_S) == 2


def test_the_store_serves_without_a_driver():
    env = {name: value for name, value in os.environ.items() if not name.startswith("GILBENCH_")}
    command = [BUILD / "store", "io_employee", "alone", "employees=100", "delay_us=0"]
    with subprocess.Popen(command, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True) as process:
        line = process.stdout.readline()
        assert line.startswith("the store listens on 127.0.0.1:")
        client = Client(int(line.rpartition(":")[2]))
        assert client.ask("GET", "employee:id:emp000007") == str(io_employee.id_of(7)).encode()
        client.close()
        process.terminate()
