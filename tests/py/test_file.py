"""Files: what is read and written, positions, order, cancelling, closing, and what goes wrong."""

import asyncio
import errno
import io
import os
import random
import subprocess
import sys
import textwrap
import threading
import warnings

import cpromise as cp
import pytest

pytestmark = pytest.mark.usefixtures("no_descriptor_is_left")


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "file")


def with_file(path, mode, use, **options):
    """Runs use(file) on a file that is closed afterwards."""

    async def main():
        async with await cp.open_file(path, mode, **options) as file:
            return await use(file)

    return cp.run(main())


def put(path, data):
    with open(path, "wb") as file:
        file.write(data)
    return path


def get(path):
    with open(path, "rb") as file:
        return file.read()


# ---- Reading and writing


def test_what_is_written_can_be_read(path):
    async def main():
        async with await cp.open_file(path, "wb") as file:
            assert await file.write(b"hello ") == 6
            assert await file.write(bytearray(b"wor")) == 3
            assert await file.writelines([b"l", memoryview(b"d")]) == 2
        async with await cp.open_file(path) as file:
            return await file.read()

    assert cp.run(main()) == b"hello world" == get(path)


@pytest.mark.parametrize("buffering", [-1, 0, 1, 7, 4096])
def test_it_reads_as_a_plain_file_does(path, buffering):
    """Random calls here and on a file of Python's, which must agree on every answer."""
    rng = random.Random(buffering)
    put(path, b"".join(rng.randbytes(rng.randrange(300)) + b"\n" for _ in range(300)))
    size = os.path.getsize(path)

    async def use(file):
        with open(path, "rb") as plain:
            for _ in range(600):
                n = rng.choice([0, 1, 5, 100, 5000, 70000, -1])
                at = rng.randrange(size + 10)
                call = rng.choice(["read", "read", "readline", "readline", "seek", "tell", "readinto"])
                arguments = {"read": (n,), "seek": (at,), "readinto": (max(n, 0),)}.get(call, ())
                if call == "readinto":
                    ours, theirs = bytearray(arguments[0]), bytearray(arguments[0])
                    assert await file.readinto(ours) == plain.readinto(theirs)
                    assert ours == theirs
                else:
                    assert await getattr(file, call)(*arguments) == getattr(plain, call)(*arguments), (call, arguments)

    with_file(path, "rb", use, buffering=buffering)


@pytest.mark.parametrize("mode", ["rb+", "wb+", "ab+"])
def test_reads_and_writes_mixed_are_as_in_a_plain_file(path, mode, tmp_path):
    rng = random.Random(mode)
    other = str(tmp_path / "other")
    for each in (path, other):
        put(each, b"line\n" * 1000)

    async def use(file):
        with open(other, mode, buffering=0) as plain:
            for _ in range(500):
                data = rng.randbytes(rng.randrange(200))
                call, *arguments = rng.choice(
                    [("read", rng.randrange(200)), ("write", data), ("seek", rng.randrange(4000)), ("seek", -rng.randrange(10), 2)]
                    + [("seek", 3, 1), ("tell",), ("readline",), ("truncate", rng.randrange(6000))]
                )
                if call == "seek" and len(arguments) > 1 and arguments[1] == 2 and plain.seek(0, 2) < 10:
                    continue
                assert await getattr(file, call)(*arguments) == getattr(plain, call)(*arguments), (call, arguments)

    with_file(path, mode, use)
    assert get(path) == get(other)


def test_read_of_all_takes_what_was_appended_meanwhile(path):
    put(path, b"a" * 10)

    async def use(file):
        with open(path, "ab") as more:
            more.write(b"b" * 300000)
        return await file.read(), await file.read(), await file.read(None)

    assert with_file(path, "rb", use) == (b"a" * 10 + b"b" * 300000, b"", b"")


def test_a_file_whose_size_is_not_known_beforehand():
    assert with_file("/proc/self/status", "rb", lambda file: file.read()).startswith(b"Name:")


def test_lines(path):
    lines = [b"\n", b"one\n", b"x" * 200000 + b"\n", b"\xff\r\n", b"no end"]
    put(path, b"".join(lines))

    async def use(file):
        first = await file.readline()
        return [first] + [line async for line in file] + [await file.readline()]

    assert with_file(path, "rb", use) == lines + [b""]


def test_seek_beyond_the_end_leaves_a_hole(path):
    async def use(file):
        await file.seek(5)
        await file.write(b"x")
        assert await file.seek(0, os.SEEK_HOLE) in (0, 6)
        assert await file.seek(-1, os.SEEK_END) == 5

    with_file(path, "wb", use)
    assert get(path) == b"\0" * 5 + b"x"


def test_truncate_flush_and_sync(path):
    async def use(file):
        await file.write(b"0123456789")
        assert await file.truncate(4) == 4
        assert await file.tell() == 10
        await file.seek(2)
        assert await file.truncate() == 2
        assert await file.flush() is None
        assert await file.sync() is None

    with_file(path, "wb", use)
    assert get(path) == b"01"


def test_a_megabyte_in_one_piece(path):
    data = os.urandom(1 << 20)
    assert with_file(path, "wb+", lambda f: cp.Promise.all([f.write(data), f.seek(0), f.read()])) == [len(data), 0, data]


# ---- Opening


def test_modes(path):
    put(path, b"old")
    with pytest.raises(FileExistsError):
        with_file(path, "xb", None)
    with_file(path, "ab", lambda f: f.write(b"er"))
    assert get(path) == b"older"
    with_file(path, "bw", lambda f: f.flush())
    assert get(path) == b""
    os.unlink(path)
    with_file(path, "xb+", lambda f: f.write(b"new"))
    assert get(path) == b"new"


@pytest.mark.parametrize("mode", ["r", "rt", "w", "rbt", "r+"])
def test_text_is_refused_with_advice(path, mode):
    with pytest.raises(ValueError, match="decode"):
        cp.open_file(path, mode)


@pytest.mark.parametrize("mode", ["rwb", "b", "rbb", "rb++", "rbq", "b+"])
def test_modes_that_are_none(path, mode):
    with pytest.raises(ValueError, match="one of r, w, x, a"):
        cp.open_file(path, mode)


def test_errors_name_the_file(path):
    with pytest.raises(FileNotFoundError) as info:
        with_file(path, "rb", None)
    assert (info.value.errno, info.value.filename) == (errno.ENOENT, path)
    with pytest.raises(IsADirectoryError) as info:
        with_file(os.path.dirname(path), "rb", None)
    assert info.value.filename == os.path.dirname(path)


def test_paths_of_every_kind(tmp_path):
    class Path:
        def __fspath__(self):
            return os.fsencode(tmp_path / "f")

    with_file(tmp_path / "f", "wb", lambda f: f.write(b"x"))
    for path in (tmp_path / "f", str(tmp_path / "f"), os.fsencode(tmp_path / "f"), Path(), os.open(tmp_path / "f", os.O_RDONLY)):
        assert with_file(path, "rb", lambda f: f.read()) == b"x"
    for bad, error in ((None, TypeError), (5.0, TypeError), ("a\0b", ValueError), (-1, ValueError)):
        with pytest.raises(error):
            cp.open_file(bad)


def test_a_descriptor_that_is_none_of_ours():
    with pytest.raises(OSError) as info:
        with_file(10**6, "rb", None)
    assert info.value.errno == errno.EBADF


def test_what_can_be_seen(path):
    async def main():
        file = await cp.open_file(path, "wb+")
        assert (file.name, file.mode, file.closed) == (path, "wb+", False)
        assert os.path.samestat(os.fstat(file.fileno()), os.stat(path))
        assert not os.get_inheritable(file.fileno())
        assert repr(file) == f"<cpromise.File {path!r} mode='wb+'>"
        await file.close()
        assert file.closed and "closed" in repr(file)
        with pytest.raises(ValueError, match="closed file"):
            file.fileno()

    cp.run(main())


# ---- Order


def test_calls_that_nobody_awaits_keep_their_order(path):
    async def use(file):
        for i in range(200):
            file.write(b"%d\n" % i)
        file.seek(0)
        lines = [file.readline() for _ in range(201)]
        return b"".join(await cp.Promise.all(lines))

    assert with_file(path, "wb+", use) == b"".join(b"%d\n" % i for i in range(200))


def test_files_do_not_wait_for_each_other(tmp_path):
    os.mkfifo(tmp_path / "fifo")

    async def main():
        stuck = cp.open_file(tmp_path / "fifo", "rb")
        assert await (await cp.open_file(put(str(tmp_path / "f"), b"x"))).read() == b"x"
        assert stuck.state == "pending"
        with open(tmp_path / "fifo", "wb") as fifo:
            async with await stuck as file:
                fifo.write(b"line\nrest")
                fifo.flush()
                assert await file.readline() == b"line\n"
                with pytest.raises(OSError) as info:
                    await file.seek(0)
                assert info.value.errno == errno.ESPIPE
                fifo.close()
                assert await file.read() == b"rest"

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        cp.run(main())


def test_the_loop_goes_on_meanwhile(path):
    async def use(file):
        ticks = 0
        write = file.write(b"x" * (64 << 20))
        while write.state == "pending":
            await cp.sleep(0)
            ticks += 1
        return ticks

    assert with_file(path, "wb", use) > 3


# ---- Errors


def test_calls_on_a_closed_file_reject(path):
    async def main():
        file = await cp.open_file(path, "wb+")
        await file.close()
        assert await file.close() is None
        calls = [file.read, file.readline, file.tell, file.flush, file.sync, file.truncate]
        for call in [*calls, lambda: file.write(b""), lambda: file.seek(0), lambda: file.readinto(bytearray(1))]:
            with pytest.raises(ValueError, match="closed file"):
                await call()

    cp.run(main())


def test_a_mode_that_does_not_allow_it(path):
    put(path, b"x")

    async def main():
        async with await cp.open_file(path, "rb") as file:
            for call in (lambda: file.write(b"x"), file.truncate):
                with pytest.raises(io.UnsupportedOperation, match="not writable"):
                    await call()
        async with await cp.open_file(path, "ab") as file:
            for call in (file.read, file.readline, lambda: file.readinto(bytearray(1))):
                with pytest.raises(io.UnsupportedOperation, match="not readable"):
                    await call()

    cp.run(main())


def test_bad_arguments(path):
    put(path, b"x")

    async def use(file):
        for call in (
            lambda: file.write("text"),
            lambda: file.write(5.0),
            lambda: file.read("x"),
            lambda: file.readinto(b"readonly"),
            lambda: file.seek("x"),
            lambda: file.read(1, 2),
            lambda: file.seek(),
        ):
            with pytest.raises((TypeError, BufferError)):
                call()
        for call in (lambda: file.seek(0, 9), lambda: file.truncate(-1)):
            with pytest.raises(ValueError):
                call()
        for bad in (file.seek(-1), file.seek(-5, 1), file.seek(-5, 2)):
            with pytest.raises(OSError) as info:
                await bad
            assert info.value.errno == errno.EINVAL
        return await file.read()

    assert with_file(path, "rb+", use) == b"x"


def test_a_full_disk_says_so_and_names_the_file():
    async def main():
        file = await cp.open_file("/dev/full", "wb")
        with pytest.raises(OSError) as info:
            await file.write(b"x")
        assert (info.value.errno, info.value.filename) == (errno.ENOSPC, "/dev/full")
        await file.close()

    cp.run(main())


def test_more_than_there_is_memory_for(path):
    async def use(file):
        with pytest.raises(MemoryError):
            await file.read(1 << 62)
        return await file.read(1)

    assert with_file(put(path, b"x"), "rb", use) == b"x"


# ---- Cancelling


def test_what_is_cancelled_before_its_turn_is_left_out(path):
    async def use(file):
        first = file.write(b"a")
        left_out = file.write(b"b")
        last = file.write(b"c")
        assert left_out.cancel()
        with pytest.raises(asyncio.CancelledError):
            await left_out
        return await first, await last

    assert with_file(path, "wb", use) == (1, 1)
    assert get(path) == b"ac"


def test_a_read_that_is_cancelled_leaves_the_position(path):
    put(path, b"0123456789" * 20000)

    async def use(file):
        for n in (1, 100000, -1):
            read = file.read(n)
            read.cancel()
            assert await file.tell() == 0
        line = file.readline()
        line.cancel()
        return await file.read(5)

    assert with_file(path, "rb", use) == b"01234"


def test_a_write_that_is_cancelled_under_way_is_done(path):
    async def use(file):
        write = file.write(b"abc")  # nothing is ahead of it: it is on its way
        write.cancel()
        assert await file.tell() == 3
        await file.write(b"d")

    with_file(path, "wb", use)
    assert get(path) == b"abcd"


def test_close_that_is_cancelled_closes(path):
    async def main():
        file = await cp.open_file(path, "wb")
        fd = file.fileno()
        file.write(b"x" * 100000)
        close = file.close()
        close.cancel()
        assert file.closed
        while os.path.exists(f"/proc/self/fd/{fd}"):
            await cp.sleep(0.001)

    cp.run(main())


def test_open_that_is_cancelled_leaves_nothing_open(path):
    put(path, b"x")

    async def main():
        before = set(os.listdir("/proc/self/fd"))
        for _ in range(20):
            cp.open_file(path).cancel()
        while set(os.listdir("/proc/self/fd")) != before or cp.get_running_loop().stats()["promises_alive"] > 2:
            await cp.sleep(0.001)

    with warnings.catch_warnings():
        warnings.simplefilter("error", ResourceWarning)
        cp.run(main())


# ---- The end of the loop


def test_a_loop_that_closes_rejects_what_has_not_begun(path):
    kept, outcomes = [], []

    async def main():
        file = await cp.open_file(path, "wb")
        kept.append(file)
        for i in range(50):
            file.write(b"x").then(lambda n: outcomes.append("done"), lambda e: outcomes.append(type(e)))

    cp.run(main())
    assert set(outcomes) <= {"done", cp.LoopClosedError} and len(outcomes) == 50
    assert os.path.getsize(path) == outcomes.count("done")
    file = kept[0]
    for call in (file.tell, lambda: file.write(b"y")):
        with pytest.raises(cp.LoopClosedError):
            call()
    assert not file.closed
    assert file.close().state == "fulfilled" and file.closed


def test_a_loop_that_closes_lets_async_with_close(path):
    files = []

    async def stays():
        async with await cp.open_file(path, "wb") as file:
            files.append(file)
            await cp.Promise()

    async def main():
        task = cp.Promise.from_coroutine(stays())
        task.catch(cp.LoopClosedError, lambda e: None)
        while not files:
            await cp.sleep(0.001)

    with warnings.catch_warnings():
        warnings.simplefilter("error", ResourceWarning)
        cp.run(main())
        assert files[0].closed
        files.clear()


def test_a_descriptor_that_a_thread_left_behind_still_reads_is_closed_last(path):
    """Ctrl-C leaves a read that blocks to its thread: the number of the descriptor must not get into other hands meanwhile."""
    program = """
        import os, signal, sys, time, cpromise as cp
        files = []
        async def main():
            files.append(await cp.open_file(sys.argv[1], "rb+"))
            for read in [files[0].read(1) for _ in range(3)]:
                read.catch(cp.LoopClosedError, lambda reason: print(type(reason).__name__))
            cp.get_running_loop().call_later(0.02, signal.raise_signal, signal.SIGINT)
            await cp.Promise()
        try:
            cp.run(main())
        except KeyboardInterrupt:
            pass
        file = files.pop()
        fd = file.fileno()
        file.close()
        assert file.closed and os.fstat(fd)
        os.write(fd, b"x")
        del file
        while True:
            try:
                os.fstat(fd)
            except OSError:
                break
            time.sleep(0.001)
        print("closed")
    """
    os.mkfifo(path)
    command = [sys.executable, "-W", "error", "-c", textwrap.dedent(program), path]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout.split(), done.stderr) == (0, ["LoopClosedError"] * 3 + ["closed"], "")


def test_a_file_that_is_dropped_is_closed_with_a_warning(path):
    async def main():
        await cp.open_file(path, "wb")

    with pytest.warns(ResourceWarning, match="unclosed file <cpromise.File"):
        cp.run(main())


def test_another_thread_is_refused(path):
    async def use(file):
        errors = []

        def other():
            for call in (file.read, file.close):
                try:
                    call()
                except cp.WrongLoopError as error:
                    errors.append(error)

        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
        return len(errors)

    assert with_file(path, "wb+", use) == 2


def test_inside_asyncio(path):
    async def main():
        loop = cp.attach(asyncio.get_running_loop())
        async with await cp.open_file(path, "wb+") as file:
            await file.write(b"guest")
            await file.seek(0)
            data = await file.read()
        loop.close()
        return data

    assert asyncio.run(main()) == b"guest"
