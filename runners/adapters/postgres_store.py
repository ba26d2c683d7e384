"""A real PostgreSQL as the store: a cluster of its own in a folder of its own, filled with what workloads/io_employee.c defines, and
stopped whatever happens. It has no service delay; nothing of it is meant to outlive the run, so it does not wait for the disk.

Debian has its programs under /usr/lib/postgresql/VERSION/bin. They refuse to run as root, so root runs them as another user.
"""

import contextlib
import glob
import os
import pwd
import re
import shutil
import signal
import subprocess
import tempfile
import time

from store_server import StoreError, dies_with_parent, free_port, main

import io_employee

START_S = 30
STOP = signal.SIGQUIT  # its immediate shutdown
QUICK = ["fsync=off", "full_page_writes=off", "synchronous_commit=off", "autovacuum=off", "log_min_messages=fatal"]


def programs():
    """The folder of the newest there is."""
    folders = glob.glob("/usr/lib/postgresql/*/bin")
    folders = [folder for folder in folders if os.access(f"{folder}/postgres", os.X_OK)]
    if folders:
        return max(folders, key=lambda folder: float(re.search(r"postgresql/([\d.]+)/", folder)[1]))
    if found := shutil.which("postgres"):
        return os.path.dirname(os.path.realpath(found))
    raise StoreError("PostgreSQL is not installed (package postgresql)")


def other_user():
    """Popen's arguments for whom it runs as, and that user; nothing where this is not root."""
    if os.getuid():
        return {}, None
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            user = pwd.getpwnam(name)
            return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}, user
    raise StoreError("PostgreSQL does not run as root, and there is neither a user postgres nor nobody")


def run(command, who, **more):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd="/", **who, **more)
    if done.returncode:
        raise StoreError(f"{os.path.basename(command[0])} ended with status {done.returncode}: {' '.join(done.stdout.split())[-300:]}")


@contextlib.contextmanager
def cluster(port, connections):
    """A server that ends with the block or with this process, the folder of its socket, and its programs."""
    who, user = other_user()
    bin = programs()
    folder = tempfile.mkdtemp(prefix="postgres-", dir=os.environ.get("GILBENCH_SCRATCH"))
    if user:
        os.chown(folder, user.pw_uid, user.pw_gid)
    server = None
    try:
        data = f"{folder}/data"
        run([f"{bin}/initdb", "-D", data, "-U", "postgres", "-A", "trust", "-N", "--no-locale", "-E", "UTF8"], who)
        command = [f"{bin}/postgres", "-D", data, "-p", str(port), "-h", "127.0.0.1", "-k", folder, "-N", str(connections)]
        command += [word for setting in QUICK for word in ("-c", setting)]
        server = subprocess.Popen(command, stdout=subprocess.DEVNULL, cwd="/", preexec_fn=dies_with_parent(STOP), **who)
        yield server, folder, bin
    finally:
        if server:
            server.send_signal(STOP)
            server.wait()
        shutil.rmtree(folder, ignore_errors=True)


def statements(employees, size):
    """What makes and fills the tables, for psql."""
    yield "CREATE TABLE names (name text, id int);\nCREATE TABLE employees (id int, boss int, record text);\nCOPY names FROM stdin;\n"
    for i in range(employees):
        yield f"emp{i:06d}\t{io_employee.id_of(i)}\n"
    for i in range(io_employee.LEAVERS):
        yield f"gone{i:06d}\t{io_employee.IDS + i}\n"
    yield "\\.\nCOPY employees FROM stdin;\n"
    for i in range(employees):
        yield f"{io_employee.id_of(i)}\t{io_employee.id_of(i // 10)}\t{io_employee.record_of(i, size)}\n"
    yield "\\.\nALTER TABLE names ADD PRIMARY KEY (name);\nALTER TABLE employees ADD PRIMARY KEY (id);\nVACUUM ANALYZE;\n"


def await_start(server, folder, bin, port):
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        if server.poll() is not None:
            raise StoreError(f"postgres on port {port} ended with status {server.returncode}: is the port in use?")
        if subprocess.run([f"{bin}/pg_isready", "-q", "-h", folder, "-p", str(port)]).returncode == 0:
            return
        time.sleep(0.02)
    raise StoreError(f"postgres on port {port} accepts no connection after {START_S} s")


@contextlib.contextmanager
def filled(params):
    port = params["port"] or free_port()
    connections = params["concurrency"] * params.get("fan", 1) + 10
    with cluster(port, connections) as (server, folder, bin):
        await_start(server, folder, bin, port)
        psql = [f"{bin}/psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-h", folder, "-p", str(port), "-U", "postgres", "postgres"]
        run(psql, {}, input="".join(statements(params["employees"], params["record"])))
        yield port


if __name__ == "__main__":
    main(filled)
