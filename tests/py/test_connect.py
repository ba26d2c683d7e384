"""How a connection comes about: several addresses, cancellation, Unix sockets."""

import asyncio
import os
import socket
import subprocess
import sys

import cpromise as cp
import pytest


async def echo(stream):
    while data := await stream.read():
        await stream.write(data)


def descriptors():
    return len(os.listdir("/dev/fd"))


# ---- Several addresses: a getaddrinfo that gives what the test says

SHIM = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
/* "a+b+c" resolves to these addresses, after a moment where "slow" is one of them; everything else as ever. */
int getaddrinfo(const char *host, const char *port, const struct addrinfo *hints, struct addrinfo **result) {
    int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **) = dlsym(RTLD_NEXT, "getaddrinfo");
    struct addrinfo **end = result;
    char *all, *next;
    if (!host || !strchr(host, '+'))
        return real(host, port, hints, result);
    if (hints->ai_flags & AI_NUMERICHOST)
        return EAI_NONAME;
    for (all = strdup(host), *result = NULL; (next = strsep(&all, "+"));) {
        int err = !strcmp(next, "slow") ? usleep(400000) : real(next, port, hints, end);
        if (!strcmp(next, "slow"))
            continue;
        if (err)
            return err;
        end = &(*end)->ai_next;
    }
    return 0;
}
"""

PROGRAM = """
import socket, sys, cpromise as cp
host, port, fillers = sys.argv[1], int(sys.argv[2]), []
async def main():
    start = cp.get_running_loop().time()
    async with await cp.connect_tcp(host, port, timeout=20) as stream:
        print(stream.peername[0], round(cp.get_running_loop().time() - start, 3), len(sys.argv))
cp.run(main())
"""


@pytest.fixture(scope="module")
def shim(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shim")
    (folder / "shim.c").write_text(SHIM)
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", folder / "shim.so", folder / "shim.c"], check=True)
    return str(folder / "shim.so")


def connects(shim, host, port):
    preload = " ".join(filter(None, [os.environ.get("LD_PRELOAD"), shim]))
    command = [sys.executable, "-c", PROGRAM, host, str(port)]
    done = subprocess.run(command, env={**os.environ, "LD_PRELOAD": preload}, capture_output=True, text=True, timeout=60)
    if done.returncode:
        return done.stderr.splitlines()[-1], 0
    peer, seconds, _ = done.stdout.split()
    return peer, float(seconds)


LEFT_BEHIND = """
import os, signal, time, cpromise as cp
handler = lambda stream: None
for call in (lambda: cp.connect_tcp("slow+127.0.0.1", 1), lambda: cp.serve_tcp(handler, "slow+127.0.0.1", 0),
             lambda: cp.bind_udp("slow+127.0.0.1", 0), lambda: cp.resolve_host("slow+127.0.0.1")):
    promises = []
    try:
        cp.run(lambda: (promises.append(call()), cp.sleep(0.05).then(lambda _: os.kill(os.getpid(), signal.SIGINT)), cp.sleep(60))[2])
    except KeyboardInterrupt:
        print(type(promises[0].peek()).__name__, promises[0].peek())
time.sleep(1)  # the threads come to their end
"""


def test_a_look_up_that_ctrl_c_leaves_behind(shim):
    preload = " ".join(filter(None, [os.environ.get("LD_PRELOAD"), shim]))
    done = subprocess.run([sys.executable, "-c", LEFT_BEHIND], env={**os.environ, "LD_PRELOAD": preload}, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert len(lines) == 4 and all(line.startswith("LoopClosedError the loop was closed during ") for line in lines), done.stdout


@pytest.fixture
def full():
    """A listener with a full backlog on 127.0.0.2: a connection neither comes about nor fails."""
    listener = socket.create_server(("127.0.0.2", 0), backlog=0)
    fillers = [socket.socket() for _ in range(8)]
    for filler in fillers:
        filler.setblocking(False)
        filler.connect_ex(listener.getsockname())
    yield listener.getsockname()[1]
    for each in [listener, *fillers]:
        each.close()


def test_the_next_address_is_tried_while_the_first_stalls(shim, full):
    with socket.create_server(("127.0.0.1", full)):
        peer, seconds = connects(shim, "127.0.0.2+127.0.0.1", full)
        assert peer == "127.0.0.1" and seconds >= 0.25
        peer, seconds = connects(shim, "127.0.0.2+127.0.0.2+127.0.0.1", full)
        assert peer == "127.0.0.1" and seconds >= 0.5


def test_an_address_that_refuses_is_followed_at_once(shim):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        assert connects(shim, "127.0.0.3+127.0.0.4+127.0.0.1", port)[0] == "127.0.0.1"
    message, _ = connects(shim, "127.0.0.3+127.0.0.4", port)
    assert "ConnectionRefusedError" in message and f"connect_tcp 127.0.0.3+127.0.0.4:{port}" in message


def test_the_families_alternate(shim, full):
    """After a stalled IPv4 address comes the IPv6 one, before the other IPv4 addresses."""
    try:
        listener = socket.create_server(("::1", full), family=socket.AF_INET6)
    except OSError:
        pytest.skip("no IPv6 here")
    with listener, socket.create_server(("127.0.0.1", full)):
        assert connects(shim, "127.0.0.2+127.0.0.1+::1", full)[0] == "::1"


def test_a_cancelled_connect_leaves_no_descriptor(full):
    async def main():
        before = descriptors()
        for _ in range(20):
            connecting = cp.connect_tcp("127.0.0.2", full)
            await cp.sleep(0)
            assert descriptors() == before + 1
            connecting.cancel()
            assert descriptors() == before
            with pytest.raises(asyncio.CancelledError):
                await connecting
        with pytest.raises(TimeoutError):
            await cp.connect_tcp("127.0.0.2", full, timeout=0.01)
        with pytest.raises(TimeoutError):
            await cp.connect_tcp("127.0.0.2", full).timeout(0.01)
        assert descriptors() == before

    cp.run(main())


def test_a_loop_that_closes_rejects_a_connect_under_way(full):
    loop = cp.Loop()

    async def main():
        return [cp.connect_tcp("127.0.0.2", full), cp.connect_tcp("a-name.invalid", 1)]

    connecting, resolving = loop.run(main())
    loop.close()
    with pytest.raises(cp.LoopClosedError, match="connect_tcp 127.0.0.2"):
        connecting.result()
    with pytest.raises((cp.LoopClosedError, OSError), match="connect_tcp a-name.invalid"):
        resolving.result()


# ---- Unix sockets


@pytest.mark.parametrize("kind", [str, os.fsencode, "path", "abstract"])
def test_unix_sockets(tmp_path, kind):
    path = tmp_path / "socket"
    given = {"path": path, "abstract": f"\0cpromise-{os.getpid()}"}.get(kind) or kind(path)

    async def main():
        async with await cp.serve_unix(echo, given) as server:
            assert server.port is None and path.exists() == (kind != "abstract")
            async with await cp.connect_unix(given) as stream:
                await stream.write(b"hello")
                answer = await stream.read()
                await stream.send_eof()
                assert await stream.read() == b"" and stream.peername is None
        assert not path.exists()
        return answer

    assert cp.run(main()) == b"hello"


def test_the_file_of_a_dead_server_is_replaced_and_that_of_a_live_one_is_not(tmp_path):
    path = str(tmp_path / "socket")
    dead = socket.socket(socket.AF_UNIX)
    dead.bind(path)
    dead.close()

    async def main():
        async with await cp.serve_unix(echo, path) as server:
            with pytest.raises(OSError, match="serve_unix '.*': Address already in use"):
                await cp.serve_unix(echo, path)
            async with await cp.connect_unix(path) as stream:
                await stream.write(b"alive")
                assert await stream.read() == b"alive"
            os.unlink(path)
            async with await cp.serve_unix(echo, path):
                await server.close()
                assert os.path.exists(path), "the file of another server"

    cp.run(main())


def test_unix_sockets_that_cannot_be(tmp_path):
    plain = tmp_path / "plain"
    plain.write_text("no socket")

    async def main():
        with pytest.raises(FileNotFoundError, match="connect_unix .*none"):
            await cp.connect_unix(tmp_path / "none")
        with pytest.raises(ConnectionRefusedError):
            await cp.connect_unix(plain)
        with pytest.raises(OSError, match="in use"):
            await cp.serve_unix(echo, plain)
        for bad in ("", "x" * 200, "a\0b"):
            with pytest.raises(ValueError, match="connect_unix"):
                cp.connect_unix(bad)
        with pytest.raises(TypeError):
            cp.connect_unix(5)
        with pytest.raises(TypeError, match="callable"):
            cp.serve_unix(None, tmp_path / "s")
        assert plain.read_text() == "no socket"

    cp.run(main())


def test_a_full_backlog_of_a_unix_socket_is_waited_for(tmp_path):
    path = str(tmp_path / "socket")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen(0)

        async def main():
            several = [cp.connect_unix(path) for _ in range(4)]
            with pytest.raises(TimeoutError):
                await several[-1].timeout(0.05)
            accepted = [listener.accept()[0] for _ in range(1)]
            while not all(connecting.done() for connecting in several):
                listener.settimeout(0.02)
                try:
                    accepted.append(listener.accept()[0])
                except TimeoutError:
                    await cp.sleep(0.005)
            for stream in (await cp.Promise.all_settled(several))[:3]:
                await stream["value"].close() if isinstance(stream, dict) else await stream.value.close()
            for each in accepted:
                each.close()

        cp.run(main())
