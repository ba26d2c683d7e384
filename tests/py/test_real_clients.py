"""Servers and clients that are not ours at the other end: wrk, an HTTP client, redis-cli and redis-benchmark; redis-server and nginx."""

import contextlib
import hashlib
import http.client
import os
import random
import re
import shutil
import socket
import subprocess
import sys
import time

import cpromise as cp
import pytest
from wirechild import HOME, TIMEOUT_S

EXAMPLES = HOME / "docs" / "examples"
os.environ["PATH"] += ":/usr/sbin:/sbin"  # where nginx is for root only


def needs(program):
    return pytest.mark.skipif(not shutil.which(program), reason=f"{program} is not installed here; scripts/setup --for test does it")


@contextlib.contextmanager
def example(name):
    """The port of an example that runs as a process of its own. It must not have said anything on stderr."""
    process = subprocess.Popen([sys.executable, EXAMPLES / name], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        yield int(process.stdout.readline())
        assert process.poll() is None
    finally:
        process.terminate()
        errors = process.communicate(timeout=TIMEOUT_S)[1]
    assert errors == ""


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as sock:
        return sock.getsockname()[1]


def wait_for_port(port, process):
    for _ in range(10 * TIMEOUT_S):
        assert process.poll() is None, process.communicate()
        with contextlib.suppress(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port)):
            return
        time.sleep(0.1)
    raise TimeoutError(f"nobody listens on port {port}")


def receive(sock, size):
    data = b""
    while len(data) < size:
        piece = sock.recv(size - len(data))
        assert piece, f"the connection ended after {data!r}"
        data += piece
    return data


# ---- The HTTP server


def wrk(port, *options):
    command = ["wrk", "-t1", "-d1s", "--timeout", f"{TIMEOUT_S}s", *options, f"http://127.0.0.1:{port}/ada"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=3 * TIMEOUT_S)
    assert done.returncode == 0, done.stderr
    assert "Socket errors" not in done.stdout and "Non-2xx" not in done.stdout, done.stdout
    return int(re.search(r"(\d+) requests in", done.stdout)[1])


@needs("wrk")
def test_wrk_sees_no_error(poller):
    with example("http_hello.py") as port:
        assert wrk(port, "-c1") > 10
        assert wrk(port, "-c100") > 100


@needs("wrk")
def test_wrk_sees_no_error_when_it_sends_sixteen_requests_at_once(poller, tmp_path):
    script = tmp_path / "pipeline.lua"
    script.write_text('init = function() r = string.rep(wrk.format("GET", "/x"), 16) end\nrequest = function() return r end\n')
    with example("http_hello.py") as port:
        assert wrk(port, "-c16", "-s", script) > 100


def test_a_connection_is_kept_for_requests_with_and_without_bodies(poller):
    with example("http_hello.py") as port:
        client = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_S)
        client.connect()
        own = client.sock.getsockname()
        for method, path, body, expected in [
            ("GET", "/ada", None, b"hello ada, 0 bytes\n"),
            ("POST", "/eve", b"x" * 100_000, b"hello eve, 100000 bytes\n"),
            ("HEAD", "/ada", None, b""),
            ("GET", "/", None, b"hello world, 0 bytes\n"),
        ]:
            client.request(method, path, body)
            response = client.getresponse()
            assert (response.status, response.read()) == (200, expected)
            assert client.sock and client.sock.getsockname() == own
        client.request("GET", "/last", headers={"Connection": "close"})
        response = client.getresponse()
        assert response.getheader("Connection") == "close" and response.read() == b"hello last, 0 bytes\n"
        client.close()


def test_requests_in_one_piece_and_in_pieces_of_one_byte_are_answered_in_their_order(poller):
    requests = b"".join(b"POST /%d HTTP/1.1\r\nContent-Length: %d\r\n\r\n%b" % (i, i, b"b" * i) for i in range(20))
    bodies = [b"hello %d, %d bytes\n" % (i, i) for i in range(20)]
    expected = b"".join(
        b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\nConnection: keep-alive\r\n\r\n%b" % (len(body), body)
        for body in bodies
    )
    with example("http_hello.py") as port, socket.create_connection(("127.0.0.1", port), TIMEOUT_S) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.sendall(requests)
        assert receive(sock, len(expected)) == expected
        for byte in requests:
            sock.sendall(bytes([byte]))
        assert receive(sock, len(expected)) == expected


@pytest.mark.parametrize(
    "request_",
    [
        b"nonsense\r\n\r\n",
        b"GET / HTTP/2.0\r\n\r\n",
        b"GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"GET / HTTP/1.1\r\nContent-Length: 1_0\r\n\r\n",
        b"GET / HTTP/1.1\r\nno colon\r\n\r\n",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"GET / HTTP/1.1\r\nX: " + b"x" * 20_000,
    ],
)
def test_what_is_no_request_is_told_so_and_the_connection_ends(request_):
    with example("http_hello.py") as port, socket.create_connection(("127.0.0.1", port), TIMEOUT_S) as sock:
        sock.sendall(request_)
        assert receive(sock, 24) == b"HTTP/1.1 400 Bad Request"
        with contextlib.suppress(ConnectionResetError):  # of what was sent and not read
            while sock.recv(65536):
                pass


# ---- The RESP server


@needs("redis-cli")
def test_redis_cli_is_answered(poller):
    def cli(*words):
        return subprocess.run(["redis-cli", "-p", str(port), *words], capture_output=True, text=True, timeout=TIMEOUT_S).stdout.strip()

    with example("resp_server.py") as port:
        assert [cli("ping"), cli("set", "a", "1"), cli("get", "a"), cli("get", "b")] == ["PONG", "OK", "1", ""]
        assert [cli("del", "a", "b"), cli("get", "a"), cli("set", "a")] == ["1", "", "ERR wrong number of arguments for 'set'"]
        assert cli("flushall") == "ERR unknown command 'FLUSHALL'"


@needs("redis-benchmark")
@pytest.mark.parametrize("depth", [1, 16])
def test_redis_benchmark_ends_with_every_request_answered(poller, depth):
    with example("resp_server.py") as port:
        command = ["redis-benchmark", "-p", str(port), "-t", "ping_mbulk,set,get", "-n", "5000", "-c", "20", "-P", str(depth), "-d", "100", "--csv"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=3 * TIMEOUT_S)
    assert done.returncode == 0 and "rror" not in done.stdout, done.stdout + done.stderr
    assert re.findall(r'^"(PING_MBULK|SET|GET)', done.stdout, re.MULTILINE) == ["PING_MBULK", "SET", "GET"]


def test_pipelined_commands_a_large_value_and_nonsense():
    big = random.Random(1).randbytes(1 << 20)
    with example("resp_server.py") as port, socket.create_connection(("127.0.0.1", port), TIMEOUT_S) as sock:
        sock.sendall(b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$%d\r\n%b\r\n" % (len(big), big) + 3 * b"*2\r\n$3\r\nget\r\n$1\r\nk\r\n")
        answer = b"$%d\r\n%b\r\n" % (len(big), big)
        assert receive(sock, 5 + 3 * len(answer)) == b"+OK\r\n" + 3 * answer
        sock.sendall(b"*1\r\n$9999999999\r\n")
        assert receive(sock, 20) == b"-ERR Protocol error:"


# ---- A real store


@contextlib.contextmanager
def redis(folder):
    port = free_port()
    command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", folder]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        wait_for_port(port, process)
        yield port
    finally:
        process.terminate()
        process.wait(TIMEOUT_S)


@needs("redis-server")
def test_a_thousand_commands_at_once_are_answered_by_redis_in_their_order(poller, tmp_path):
    big = random.Random(2).randbytes(4 << 20)

    async def main(port):
        async with await cp.connect_tcp("127.0.0.1", port) as stream:
            stream.write(b"*3\r\n$3\r\nSET\r\n$3\r\nbig\r\n$%d\r\n%b\r\n" % (len(big), big))
            stream.writelines(b"*2\r\n$4\r\nINCR\r\n$1\r\nn\r\n" for _ in range(1000))
            await stream.write(b"*2\r\n$3\r\nGET\r\n$3\r\nbig\r\n")
            assert await stream.readuntil(b"\r\n") == b"+OK\r\n"
            assert [await stream.readuntil(b"\r\n") for _ in range(1000)] == [b":%d\r\n" % (i + 1) for i in range(1000)]
            assert await stream.readuntil(b"\r\n") == b"$%d\r\n" % len(big)
            return cp.get_running_loop().backend, await stream.readexactly(len(big) + 2) == big + b"\r\n"

    with redis(tmp_path) as port:
        assert cp.run(main(port)) == (poller, True)


# ---- A real web server

NGINX = """
daemon off; master_process off; pid {folder}/pid; error_log stderr; worker_rlimit_nofile 1024;
events {{ worker_connections 256; }}
http {{
    access_log off; default_type application/octet-stream; keepalive_requests 1000;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
    server {{ listen 127.0.0.1:{port}; root {folder}/www; }}
}}
"""


@contextlib.contextmanager
def nginx(folder, files):
    port = free_port()
    (folder / "www").mkdir()
    for name, content in files.items():
        (folder / "www" / name).write_bytes(content)
    (folder / "conf").write_text(NGINX.format(folder=folder, port=port))
    process = subprocess.Popen(["nginx", "-p", folder, "-c", folder / "conf"], stderr=subprocess.DEVNULL)
    try:
        wait_for_port(port, process)
        yield port
    finally:
        process.terminate()
        process.wait(TIMEOUT_S)


async def response(stream):
    """(status, body) of the next response, whose length its head tells."""
    head = (await stream.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
    return int(head.split()[1]), await stream.readexactly(int(re.search(r"\r\ncontent-length: (\d+)", head)[1]))


def get(path):
    return b"GET /%b HTTP/1.1\r\nHost: localhost\r\n\r\n" % path.encode()


@needs("nginx")
def test_nginx_sends_a_large_file_and_answers_on_one_connection_one_by_one_and_all_at_once(poller, tmp_path):
    files = {"large": random.Random(3).randbytes(16 << 20), **{str(i): b"%d" % i * (i * 100 + 1) for i in range(50)}}

    async def main(port):
        async with await cp.connect_tcp("localhost", port) as stream:
            for i in range(3):
                await stream.write(get(str(i)))
                assert await response(stream) == (200, files[str(i)])
            await stream.write(get("large"))
            status, body = await response(stream)
            assert (status, hashlib.sha256(body).digest()) == (200, hashlib.sha256(files["large"]).digest())
            await stream.write(b"".join(get(str(i)) for i in range(50)) + get("nothing"))
            assert [await response(stream) for i in range(50)] == [(200, files[str(i)]) for i in range(50)]
            assert (await response(stream))[0] == 404
            await stream.write(b"GET / HTTP/1.0\r\n\r\n")
            await response(stream)
            return cp.get_running_loop().backend, await stream.read()

    with nginx(tmp_path, files) as port:
        assert cp.run(main(port)) == (poller, b"")


@needs("nginx")
def test_fifty_connections_to_nginx_at_once(poller, tmp_path):
    content = random.Random(4).randbytes(300_000)

    async def fetch(port):
        async with await cp.connect_tcp("127.0.0.1", port) as stream:
            await stream.write(get("file"))
            return await response(stream)

    with nginx(tmp_path, {"file": content}) as port:

        async def main():
            return await cp.Promise.all([fetch(port) for _ in range(50)])

        assert cp.run(main()) == [(200, content)] * 50
