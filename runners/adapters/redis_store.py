"""A real redis-server as the store: started on a free port of the loopback, without persistence, in a folder of its own, filled with
the people of workloads/io_employee.c through its socket, and stopped whatever happens."""

import ctypes
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

import common

EMPLOYEES, DANGLING = 100000, 1000


def die_with_parent():
    """In the child: SIGKILL when this process ends, however it does (PR_SET_PDEATHSIG)."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def employee_id(i):
    return (7919 * i + 104729) % 1000003


def record(i, size):
    id = employee_id(i)
    text = (
        f'{{"id":{id},"name":"emp{i:06d}","dept":{id % 97},"salary":{30000 + 37 * id % 90000},'
        f'"boss":{employee_id(i // 10)}}}'
    )
    return text.ljust(size)


def commands(size):
    for i in range(EMPLOYEES):
        id = str(employee_id(i))
        yield f"employee:id:emp{i:06d}", id
        yield f"employee:{id}", record(i, size)
    for i in range(DANGLING):
        yield f"employee:id:gone{i:06d}", str(1000003 + i)


def fill(connection, size):
    """Pipelined in batches; each answer must be OK."""
    replies = connection.makefile("rb")
    batch = []

    def flush():
        connection.sendall("".join(batch).encode())
        for _ in batch:
            if (line := replies.readline()) != b"+OK\r\n":
                raise RuntimeError(f"redis-server answered {line!r} to SET")
        batch.clear()

    for key, value in commands(size):
        batch.append(f"*3\r\n$3\r\nSET\r\n${len(key)}\r\n{key}\r\n${len(value)}\r\n{value}\r\n")
        if len(batch) == 1000:
            flush()
    flush()


def connect(port, server):
    for _ in range(200):
        if server.poll() is not None:
            raise RuntimeError(f"redis-server ended with status {server.returncode}")
        try:
            return socket.create_connection(("127.0.0.1", port))
        except ConnectionRefusedError:
            time.sleep(0.05)
    raise RuntimeError("redis-server does not accept connections after 10 s")


def serve(wire, params, folder):
    port = params["port"] or free_port()
    command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", folder]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, preexec_fn=die_with_parent)
    try:
        with connect(port, server) as connection:
            fill(connection, params["record"])
        idle = common.Adapter(None, "", {})
        wire.say(idle.attest())
        wire.say(f"ready port={port}")
        while wire.word() != "stop":
            pass
        wire.say(idle.attest())
    finally:
        server.kill()
        server.wait()


def main():
    _, _, _, params = common.parse(sys.argv)
    wire = common.Wire()
    if not shutil.which("redis-server"):
        common.fail(wire, RuntimeError("redis-server is not installed (package redis-server)"))
    folder = tempfile.mkdtemp(prefix="gilbench-redis-")
    try:
        serve(wire, params, folder)
    except (RuntimeError, OSError) as error:
        common.fail(wire, error)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    wire.say("bye")


if __name__ == "__main__":
    main()
