"""A real redis-server as the store: started on a free port of the loopback, without persistence, filled through a
private socket with what workloads/io_employee.c defines, and stopped whatever happens.

It has no service delay: delay_us is accepted, so that the same matrix can be run against it, and has no effect.
"""

import contextlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time

from store_server import StoreError, dies_with_parent, free_port, main

import io_employee

BATCH = 1000
START_S = 10


def set_command(key, value):
    return f"*3\r\n$3\r\nSET\r\n${len(key)}\r\n{key}\r\n${len(value)}\r\n{value}\r\n"


def fill(connection, contents):
    """Pipelined in batches; each answer must be OK."""
    replies = connection.makefile("rb")
    commands = [set_command(key, value) for key, value in contents]
    for at in range(0, len(commands), BATCH):
        batch = commands[at : at + BATCH]
        connection.sendall("".join(batch).encode())
        for _ in batch:
            if (line := replies.readline()) != b"+OK\r\n":
                raise StoreError(f"redis-server answered {line!r} to SET")


@contextlib.contextmanager
def redis_server(port):
    """A server that ends with the block or with this process, and the path of a socket that is its alone: on the port
    of a server that could not start, somebody else's may be listening."""
    folder = tempfile.mkdtemp(prefix="gilbench-redis-")
    path = f"{folder}/redis.sock"
    command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--unixsocket", path]
    command += ["--dir", folder, "--save", "", "--appendonly", "no"]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, preexec_fn=dies_with_parent(signal.SIGKILL))
    try:
        yield server, path
    finally:
        server.kill()
        server.wait()
        shutil.rmtree(folder, ignore_errors=True)


def connect(server, path, port):
    connection = socket.socket(socket.AF_UNIX)
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        if server.poll() is not None:
            raise StoreError(f"redis-server on port {port} ended with status {server.returncode}: is the port in use?")
        with contextlib.suppress(FileNotFoundError, ConnectionRefusedError):
            connection.connect(path)
            return connection
        time.sleep(0.02)
    raise StoreError(f"redis-server on port {port} accepts no connection after {START_S} s")


@contextlib.contextmanager
def filled(params):
    if not shutil.which("redis-server"):
        raise StoreError("redis-server is not installed (package redis-server)")
    port = params["port"] or free_port()
    with redis_server(port) as (server, path), connect(server, path, port) as connection:
        fill(connection, io_employee.contents(params["employees"], params["record"]))
        yield port


if __name__ == "__main__":
    main(filled)
