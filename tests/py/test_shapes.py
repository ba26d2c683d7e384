"""A loop for each core, in each of its shapes: docs/examples/server_shapes.py as a user runs it. `make conformance` tests it on every interpreter."""

import collections
import contextlib
import pathlib
import signal
import socket
import subprocess
import sys

import pytest

EXAMPLE = pathlib.Path(__file__).resolve().parents[2] / "docs" / "examples" / "server_shapes.py"
TIMEOUT_S = 30
HAS_GIL = getattr(sys, "_is_gil_enabled", lambda: True)()
interpreters = pytest.param("interpreters", marks=pytest.mark.skipif(sys.version_info < (3, 12), reason="own-GIL interpreters: Python 3.12 or later"))
threads = pytest.param("threads", marks=pytest.mark.skipif(HAS_GIL, reason="threads are of use on a free-threaded build"))


@contextlib.contextmanager
def server(shape, loops):
    process = subprocess.Popen([sys.executable, EXAMPLE, shape, str(loops)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        yield process, int(process.stdout.readline() or 0)
    finally:
        process.send_signal(signal.SIGTERM)
        errors = process.communicate(timeout=TIMEOUT_S)[1]
    assert errors == "" and process.returncode == 0


def ask(port, data):
    with socket.create_connection(("127.0.0.1", port), TIMEOUT_S) as sock:
        sock.sendall(data)
        return sock.recv(100)


@pytest.mark.parametrize("shape", ["processes", interpreters, threads])
def test_all_loops_serve_the_one_port_and_end_together(shape):
    with server(shape, 2) as (_, port):
        answers = collections.Counter(ask(port, b"which\n") for _ in range(100))
        assert set(answers) == {b"0\n", b"1\n"}
        assert ask(port, b"hello") == b"hello"
    with pytest.raises(ConnectionRefusedError):
        for _ in range(100):  # a child that was told to end is gone in a moment
            ask(port, b"which\n")


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="this Python has interpreters with a GIL of their own")
def test_interpreters_are_refused_with_the_version_that_has_them():
    done = subprocess.run([sys.executable, EXAMPLE, "interpreters"], capture_output=True, text=True, timeout=TIMEOUT_S)
    assert done.returncode == 1 and "need Python 3.12 or later" in done.stderr


@pytest.mark.skipif(not HAS_GIL, reason="this Python has no GIL")
def test_threads_are_refused_under_a_gil():
    done = subprocess.run([sys.executable, EXAMPLE, "threads"], capture_output=True, text=True, timeout=TIMEOUT_S)
    assert done.returncode == 1 and "this Python has a GIL" in done.stderr
