"""The backends of the loop: which one is taken, what is said where io_uring cannot be had, and what a ring must leave behind."""

import gc
import os
import socket
import subprocess
import sys
import textwrap
import threading

import cpromise as cp
import pytest

# A program's beginning: from then on io_uring_setup fails with `err`, as in a sandbox.
FORBID = """
import ctypes, errno, struct
import cpromise as cp

def forbid(err):
    code = [(0x20, 0, 0, 0), (0x15, 0, 1, 425), (0x06, 0, 0, 0x00050000 | err), (0x06, 0, 0, 0x7FFF0000)]
    text = b"".join(struct.pack("=HBBI", *line) for line in code)
    filter = ctypes.create_string_buffer(text, len(text))
    program = struct.pack("@HP", len(code), ctypes.addressof(filter))
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    prctl.argtypes = [ctypes.c_int] + [ctypes.c_ulong] * 4
    space = ctypes.create_string_buffer(program, len(program))
    assert prctl(38, 1, 0, 0, 0) == 0 and prctl(22, 2, ctypes.addressof(space), 0, 0) == 0

forbid({err})
"""


def program(code, **env):
    env = {**{name: value for name, value in os.environ.items() if name != "CPROMISE_BACKEND"}, **env}
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], env=env, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def has_io_uring():
    try:
        cp.Loop(backend="io_uring").close()
    except OSError:
        return False
    return True


needs_io_uring = pytest.mark.skipif(not has_io_uring(), reason="this kernel or sandbox refuses io_uring, or it was not built")


@pytest.fixture(params=["epoll", pytest.param("io_uring", marks=needs_io_uring)])
def backend(request):
    return request.param


def test_the_loop_says_which_one_it_has(backend):
    loop = cp.Loop(backend=backend)
    assert loop.backend == backend and backend in repr(loop) and loop.backend_note is None
    loop.close()
    assert loop.backend == backend


def test_run_takes_the_one_that_is_asked_for(backend):
    async def main():
        return cp.get_running_loop().backend

    assert cp.run(main(), backend=backend) == backend


@needs_io_uring
def test_a_loop_that_is_there_cannot_change_its_backend():
    probe = cp.Loop()
    other = "epoll" if probe.backend == "io_uring" else "io_uring"
    probe.close()
    early = cp.sleep(0)
    with pytest.raises(RuntimeError, match=f"backend='{other}'.*CPROMISE_BACKEND"):
        cp.run(early, backend=other)
    cp.run(early)


def test_the_environment_chooses_for_auto_alone(backend):
    code = "import cpromise as cp; print(cp.Loop().backend, cp.Loop(backend='epoll').backend)"
    assert program(code, CPROMISE_BACKEND=backend) == f"{backend} epoll"
    assert program(code, CPROMISE_BACKEND="") == program(code, CPROMISE_BACKEND="auto") == program(code)


def test_a_wrong_name_is_refused_wherever_it_comes_from():
    with pytest.raises(ValueError, match="backend='kqueue': choose"):
        cp.Loop(backend="kqueue")
    code = """
        import cpromise as cp
        try:
            cp.run(cp.sleep(0))
        except ValueError as error:
            print(error)
    """
    assert program(code, CPROMISE_BACKEND="kqueue").startswith("CPROMISE_BACKEND=kqueue in the environment: choose")


@needs_io_uring
@pytest.mark.skipif(os.uname().machine != "x86_64", reason="the filter is written for x86-64")
@pytest.mark.parametrize("err, words", [("errno.EPERM", "sandbox"), ("errno.ENOSYS", "has none")])
def test_a_refusal_says_why_and_auto_goes_on(err, words):
    code = f"""
        loop = cp.Loop()
        assert loop.backend == "epoll"
        loop.close()
        for make in (lambda: cp.Loop(backend="io_uring"), lambda: cp.run(cp.Promise.resolve, backend="io_uring")):
            try:
                make()
            except OSError as error:
                assert error.errno == {err} and {words!r} in str(error) and "epoll" in str(error), error
            else:
                raise AssertionError("made a ring that is forbidden")
        import os
        os.environ["CPROMISE_BACKEND"] = "io_uring"
        loop = cp.Loop()
        assert loop.backend == "epoll" and {words!r} in loop.backend_note, loop.backend_note
        loop.close()
        print(cp.run(lambda: cp.sleep(0, "on epoll")))
    """
    assert program(FORBID.replace("{err}", err) + textwrap.dedent(code)) == "on epoll"


def open_files():
    return sorted(os.listdir("/proc/self/fd"))


def test_a_hundred_loops_leave_no_descriptor(backend):
    async def main():
        async with await cp.serve_tcp(lambda stream: None, "127.0.0.1", 0) as server:
            stream = await cp.connect_tcp("127.0.0.1", server.port)
            pending = stream.read()
            del pending

    gc.collect()
    before = open_files()
    for _ in range(100):
        loop = cp.Loop(backend=backend)
        loop.run(main())
        loop.close()
    assert open_files() == before


def test_closing_ends_what_is_under_way(backend):
    loop, accepted = cp.Loop(backend=backend), []

    async def main():
        server = await cp.serve_tcp(accepted.append, "127.0.0.1", 0)
        stream = await cp.connect_tcp("127.0.0.1", server.port)
        peer = socket.create_connection(("127.0.0.1", server.port))
        return stream, stream.read(), stream.write(bytes(32 << 20)), peer

    stream, reading, writing, peer = loop.run(main())
    loop.close()
    for promise in (reading, writing):
        with pytest.raises((ConnectionError, OSError, cp.LoopClosedError)):
            promise.result()
    with peer:
        peer.settimeout(30)
        try:
            assert peer.recv(1) == b""
        except ConnectionResetError:
            pass


def test_a_loop_that_dies_on_another_thread_closes_its_sockets(backend):
    kept = []
    listener = socket.create_server(("127.0.0.1", 0))

    def thread():
        async def main():
            stream = await cp.connect_tcp(*listener.getsockname())
            pending = stream.read()  # after it, a ring goes on to receive
            kept.append(listener.accept()[0])
            kept[0].send(b"x")
            assert await pending == b"x"
            kept.append(stream)

        loop = cp.Loop(backend=backend)
        loop.run(main())
        kept.append(loop)

    worker = threading.Thread(target=thread)
    worker.start()
    worker.join()
    with listener, kept[0] as peer:
        kept.clear()
        gc.collect()
        peer.settimeout(30)
        assert peer.recv(1) == b""


@pytest.mark.skipif(not getattr(sys, "_is_gil_enabled", lambda: True)(), reason="without a GIL it dies on its own thread, later")
def test_a_stream_that_dies_on_another_thread_is_closed(backend):
    async def main():
        listener = socket.create_server(("127.0.0.1", 0))
        kept = [await cp.connect_tcp(*listener.getsockname())]
        pending = kept[0].read()
        peer = listener.accept()[0]
        peer.send(b"x")
        assert await pending == b"x"

        def drop():
            kept.clear()
            with listener, peer:
                peer.settimeout(30)
                return peer.recv(1)

        assert await cp.to_thread(drop) == b""

    cp.run(main(), backend=backend)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_forked_child_leaves_the_parents_ring_alone(backend):
    async def main():
        got = []

        async def echo(stream):
            while data := await stream.read():
                got.append(data)
                await stream.write(data)

        async with await cp.serve_tcp(echo, "127.0.0.1", 0) as server:
            async with await cp.connect_tcp("127.0.0.1", server.port) as stream:
                pending = stream.read()
                if (child := os.fork()) == 0:
                    try:
                        own = cp.Loop(backend=backend)
                        own.run(in_child(backend))
                        own.close()
                        gc.collect()
                        os._exit(0)
                    finally:
                        os._exit(1)
                assert os.waitpid(child, 0)[1] == 0
                await stream.write(b"after")
                assert await pending == b"after"

    async def in_child(backend):
        assert cp.get_running_loop().backend == backend
        await cp.sleep(0.001)

    cp.run(main(), backend=backend)


def test_short_and_long_messages_in_turns_keep_their_order(backend):
    sizes = [1, 4095, 4096, 4097, 70000, 10, 300000, 1] * 12

    async def main():
        async def send(stream):
            for number, size in enumerate(sizes):
                await stream.write(bytes([number % 251]) * size)
                if number % 3 == 0:
                    await cp.sleep(0.0005)

        async with await cp.serve_tcp(send, "127.0.0.1", 0) as server:
            async with await cp.connect_tcp("127.0.0.1", server.port) as stream:
                for number, size in enumerate(sizes):
                    assert await stream.readexactly(size) == bytes([number % 251]) * size
                assert await stream.read() == b""

    cp.run(main(), backend=backend)


def test_a_turn_that_has_nothing_to_ask_costs_no_call_on_the_ring():
    if not has_io_uring():
        pytest.skip("this kernel or sandbox refuses io_uring, or it was not built")

    async def main():
        loop = cp.get_running_loop()
        before = loop.stats()["syscalls"]
        for _ in range(100):
            await cp.Promise(lambda resolve, _: loop.call_soon(resolve, None))
        return loop.stats()["syscalls"] - before

    assert cp.run(main(), backend="io_uring") <= 2
