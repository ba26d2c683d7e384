"""Child processes: how they are started, what they inherit, their pipes, their end, and what goes wrong."""

import asyncio
import gc
import os
import signal
import subprocess
import sys
import textwrap
import time
import warnings

import cpromise as cp
import pytest
from cpromise import _process

PIPE, DEVNULL, STDOUT = subprocess.PIPE, subprocess.DEVNULL, subprocess.STDOUT


def children(states="RSDZT"):
    """The children of this process in one of these states: Z for those that have ended and that nobody has waited for."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
                state, parent = file.read().rpartition(")")[2].split()[:2]
        except OSError:
            continue
        if int(parent) == os.getpid() and state in states:
            found.append(int(pid))
    return found


def zombies():
    return children("Z")


@pytest.fixture(autouse=True)
def nothing_is_left(no_descriptor_is_left):
    yield
    gc.collect()
    cp._close_thread_loop()
    assert not zombies()


def python(code, **options):
    return cp.spawn([sys.executable, "-S", "-E", "-c", textwrap.dedent(code)], **options)


def run(code, input=None, **options):
    """(stdout, stderr, returncode) of a child that runs the code."""

    async def main():
        process = await python(code, stdin=PIPE, **{"stdout": PIPE, "stderr": PIPE, **options})
        return (*await process.communicate(input), process.returncode)

    return cp.run(main())


def soon(test):
    """Waits until test() is true; ends after seconds, not at once, so that a slow machine has time."""
    for _ in range(2000):
        if test():
            return True
        time.sleep(0.005)
    return False


# ---- Pipes


def test_communicate():
    assert run("import sys; sys.stdout.write(sys.stdin.read().upper()); sys.stderr.write('e')", b"input") == (b"INPUT", b"e", 0)


def test_a_megabyte_each_way():
    data = os.urandom(1 << 20)
    out, err, code = run("import sys, shutil; shutil.copyfileobj(sys.stdin.buffer, sys.stdout.buffer)", data)
    assert (out == data, err, code) == (True, b"", 0)


def test_a_child_that_reads_nothing_is_no_error():
    assert run("print(1)", b"x" * (1 << 20)) == (b"1\n", b"", 0)


def test_streams_one_by_one():
    async def main():
        async with await cp.spawn(["cat"], stdin=PIPE, stdout=PIPE) as cat:
            assert cat.stderr is None
            for i in range(50):
                await cat.stdin.write(b"%d\n" % i)
                assert await cat.stdout.readuntil() == b"%d\n" % i
            cat.stdin.writelines([b"a\n", b"b\n"])
            cat.stdin.write(b"c")
            await cat.stdin.send_eof()
            rest = [line async for line in cat.stdout]
        return rest, cat.returncode, cat.stdin.closed, cat.stdout.closed

    assert cp.run(main()) == ([b"a\n", b"b\n", b"c"], 0, True, True)


def test_many_small_writes_wait_for_the_reader():
    """More than a pipe holds, written without awaiting: gathered, in order, and complete."""

    async def main():
        process = await cp.spawn(["cat"], stdin=PIPE, stdout=PIPE)
        for i in range(20000):
            process.stdin.write(b"%07d\n" % i)
        process.stdin.close()
        return b"".join([line async for line in process.stdout]), await process.wait()

    assert cp.run(main()) == (b"".join(b"%07d\n" % i for i in range(20000)), 0)


def test_writing_to_a_child_that_has_ended():
    async def main():
        process = await cp.spawn(["true"], stdin=PIPE)
        await process.wait()
        with pytest.raises(BrokenPipeError):
            await process.stdin.write(b"x")
        await process.stdin.close()

    cp.run(main())


def test_files_devnull_and_the_same_place_for_both(tmp_path):
    async def main():
        with open(tmp_path / "out", "wb") as out, open(__file__, "rb") as source:
            copy = cp.spawn(["sh", "-c", "cat; echo error >&2"], stdin=source, stdout=out, stderr=STDOUT)
        assert await (await copy).wait() == 0  # the program starts after these are closed
        quiet = await cp.spawn(["sh", "-c", "echo out; echo err >&2; read x"], stdin=DEVNULL, stdout=DEVNULL, stderr=DEVNULL)
        assert await quiet.wait() == 1
        both = await cp.spawn(["sh", "-c", "echo out; echo err >&2"], stdout=PIPE, stderr=STDOUT)
        assert await both.communicate() == (b"out\nerr\n", None)
        async with await cp.open_file(tmp_path / "ours", "wb") as file:
            await (await cp.spawn(["echo", "hi"], stdout=file)).wait()

    cp.run(main())
    with open(__file__, "rb") as source:
        assert (tmp_path / "out").read_bytes() == source.read() + b"error\n"
    assert (tmp_path / "ours").read_bytes() == b"hi\n"


def test_a_child_sees_pipes_and_not_sockets():
    assert run("import os, stat; print([stat.S_ISFIFO(os.fstat(i).st_mode) for i in range(3)])")[0] == b"[True, True, True]\n"


def test_low_descriptors_that_are_free_here():
    """Our standard descriptors are closed: the pipes get their numbers, and still land where they belong."""
    code = """
        import os, sys, cpromise as cp
        report = os.dup(1)
        os.closerange(0, 3)
        async def main():
            process = await cp.spawn(["sh", "-c", "cat; echo err >&2"], stdin=-1, stdout=-1, stderr=-1)
            return await process.communicate(b"in ")
        os.write(report, repr(cp.run(main())).encode())
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], stdout=subprocess.PIPE, timeout=60)
    assert done.stdout == rb"(b'in ', b'err\n')"


# ---- What the child is like


def test_folder_environment_and_arguments(tmp_path):
    code = "import os, sys; print(os.getcwd(), os.environ.get('A'), 'PATH' in os.environ, sys.argv[1:])"

    async def main():
        process = await cp.spawn(
            [sys.executable, "-S", "-E", "-c", code, "one", b"two", tmp_path], cwd=tmp_path, env={"A": "b"}, stdout=PIPE
        )
        return (await process.communicate())[0].decode()

    assert cp.run(main()) == f"{tmp_path} b False {['one', 'two', str(tmp_path)]}\n"


def test_the_path_of_the_given_environment_is_searched(tmp_path):
    tool = tmp_path / "only-here"
    tool.write_text("#!/bin/sh\necho found\n")
    tool.chmod(0o755)

    async def main(env):
        return await (await cp.spawn(["only-here"], env=env, stdout=PIPE)).communicate()

    assert cp.run(main({"PATH": f"/nonexistent:{tmp_path}:/bin"}))[0] == b"found\n"
    with pytest.raises(FileNotFoundError):
        cp.run(main({"PATH": "/nonexistent"}))


def test_only_passed_descriptors_are_inherited():
    secret, passed = os.pipe()
    try:
        for fd in (secret, passed):
            os.set_inheritable(fd, True)
        out = run("import os; print(sorted(map(int, os.listdir('/proc/self/fd'))))", pass_fds=[passed])[0]
        fds = eval(out)
        assert passed in fds and secret not in fds
        assert fds[:3] == [0, 1, 2] and len(fds) <= 5  # the folder itself is open as well
    finally:
        os.close(secret)
        os.close(passed)




def signal_sets(**options):
    """(blocked, ignored) of a shell child: Python itself would ignore SIGPIPE again."""

    async def main():
        process = await cp.spawn(["grep", "-E", "SigBlk|SigIgn", "/proc/self/status"], stdout=PIPE, **options)
        lines = (await process.communicate())[0].splitlines()
        return [int(line.split()[1], 16) & ~(3 << 31) for line in lines]  # 32 and 33 are the C library's own

    return cp.run(main())


def test_signals_are_as_in_a_fresh_process():
    old = signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR2])
    try:
        assert signal_sets() == [0, 0]
        blocked, ignored = signal_sets(restore_signals=False)
        assert blocked == 0 and ignored & 1 << signal.SIGUSR1 - 1 and ignored & 1 << signal.SIGPIPE - 1
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGUSR2])
        signal.signal(signal.SIGUSR1, old)


def test_sessions_and_groups():
    assert run("import os; print(os.getsid(0) == os.getpid())", start_new_session=True)[0] == b"True\n"
    assert run("import os; print(os.getpgid(0) == os.getpid(), os.getsid(0) == os.getpid())", process_group=0)[0] == b"True False\n"


# ---- Its end


def refused(pid, flags=0):
    raise PermissionError("as in a sandbox")


def test_returncodes():
    async def main():
        codes = []
        for code in ("raise SystemExit(3)", "import os; os.kill(os.getpid(), 9)", ""):
            process = await python(code)
            assert process.returncode is None or process.returncode == 0
            codes.append(await process.wait())
            assert process.returncode == codes[-1] == await process.wait()
        return codes

    assert cp.run(main()) == [3, -9, 0]


def test_signals_to_it():
    async def main():
        codes = []
        for send in (cp.Process.terminate, cp.Process.kill, lambda p: p.send_signal(signal.SIGUSR1)):
            process = await cp.spawn(["sleep", "100"])
            send(process)
            codes.append(await process.wait())
            send(process)  # it has ended: nothing happens
        return codes

    assert cp.run(main()) == [-signal.SIGTERM, -signal.SIGKILL, -signal.SIGUSR1]


@pytest.mark.parametrize("pidfd", [True, False])
def test_no_end_is_lost(pidfd, monkeypatch):
    """Two hundred that end at once."""

    if not pidfd:
        monkeypatch.setattr(os, "pidfd_open", refused)

    async def main():
        gate, release = os.pipe()
        processes = await cp.Promise.all([cp.spawn(["sh", "-c", f"read x; exit {i % 100}"], stdin=gate) for i in range(200)])
        os.close(gate)
        os.close(release)
        return await cp.Promise.all([process.wait() for process in processes])

    assert cp.run(main()) == [i % 100 for i in range(200)]


def test_the_zombie_of_a_process_that_is_dropped_is_reaped():
    async def main():
        await cp.spawn(["true"])
        gc.collect()
        for _ in range(2000):
            await cp.sleep(0.005)
            if not children():
                return True

    assert cp.run(main())


def test_somebody_else_waits_for_it():
    async def main():
        process = await cp.spawn(["sleep", "1000"])
        process.kill()
        os.waitpid(process.pid, 0)
        return await process.wait()

    with pytest.warns(RuntimeWarning, match="somebody else"):
        assert cp.run(main()) == 255


def test_to_cancel_wait_leaves_the_process_alone():
    async def main():
        process = await cp.spawn(["sleep", "100"])
        with pytest.raises(TimeoutError):
            await process.wait().timeout(0.01)
        wait = process.wait()
        wait.cancel()
        assert process.returncode is None
        process.kill()
        return await process.wait()

    assert cp.run(main()) == -9


def test_async_with_waits_and_closes_the_pipes():
    async def main():
        async with await cp.spawn(["cat"], stdin=PIPE, stdout=PIPE) as process:
            pass
        return process.returncode, process.stdin.closed, process.stdout.closed

    assert cp.run(main()) == (0, True, True)


def test_an_exception_in_async_with_waits():
    async def main():
        with pytest.raises(LookupError):
            async with await cp.spawn(["sh", "-c", "read x; exit 5"], stdin=PIPE) as process:
                raise LookupError
        return process.returncode

    assert cp.run(main()) == 5


@pytest.mark.parametrize("where", ["body", "end"])
def test_cancelling_async_with_kills(where):
    async def main():
        processes = []

        async def work():
            async with await cp.spawn(["sleep", "100"]) as process:
                processes.append(process)
                if where == "body":
                    await cp.Promise()

        task = cp.Promise.from_coroutine(work())
        while not processes:
            await cp.sleep(0.001)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return processes[0].returncode

    assert cp.run(main()) == -9


# ---- What goes wrong


def failure(*args, **options):
    with pytest.raises(OSError) as info:
        cp.run(cp.spawn(*args, **options))
    return info.value


def test_no_such_program_is_named(tmp_path):
    error = failure(["no-such-program-anywhere", "x"])
    assert isinstance(error, FileNotFoundError) and error.filename == "no-such-program-anywhere"
    assert isinstance(failure(["/no/such/program"]), FileNotFoundError)


def test_not_executable(tmp_path):
    (tmp_path / "text").write_text("x")
    error = failure([tmp_path / "text"])
    assert isinstance(error, PermissionError) and error.filename == tmp_path / "text"
    error = failure(["text"], env={"PATH": f"{tmp_path}:/nonexistent"})
    assert isinstance(error, PermissionError)


def test_no_such_folder_is_named(tmp_path):
    error = failure(["true"], cwd=tmp_path / "none")
    assert isinstance(error, FileNotFoundError) and error.filename == tmp_path / "none"


@pytest.mark.parametrize(
    "args, options, error, text",
    [
        ("ls -l", {}, TypeError, "sequence"),
        (b"ls", {}, TypeError, "sequence"),
        (5, {}, TypeError, "sequence"),
        ([], {}, ValueError, "program"),
        ([5], {}, TypeError, "int"),
        (["a\0b"], {}, ValueError, "null byte"),
        (["true"], {"env": {"A=B": "c"}}, ValueError, "A=B"),
        (["true"], {"env": {"": "c"}}, ValueError, "''"),
        (["true"], {"stdin": "text"}, ValueError, "stdin"),
        (["true"], {"stdin": STDOUT}, ValueError, "stdin"),
        (["true"], {"stdout": -7}, ValueError, "stdout"),
        (["true"], {"stderr": True}, ValueError, "stderr"),
        (["true"], {"stdin": 10**6}, OSError, "descriptor"),
        (["true"], {"pass_fds": [10**6]}, OSError, "descriptor"),
        (["true"], {"process_group": "x"}, TypeError, "int"),
    ],
)
def test_bad_arguments(args, options, error, text):
    with pytest.raises(error, match=text):
        cp.spawn(args, **options)


def test_communicate_without_stdin():
    async def main():
        process = await cp.spawn(["true"])
        with pytest.raises(ValueError, match="stdin=PIPE"):
            process.communicate(b"x")
        return await process.communicate()

    assert cp.run(main()) == (None, None)


def test_spawn_that_is_cancelled_leaves_no_process():
    async def main():
        for _ in range(10):
            spawning = cp.spawn(["sleep", "1000"], stdin=PIPE, stdout=PIPE)
            spawning.cancel()
            with pytest.raises(asyncio.CancelledError):
                await spawning
        for _ in range(2000):
            await cp.sleep(0.005)
            if not children():
                return True

    assert cp.run(main())


@pytest.mark.parametrize("pidfd", [True, False])
def test_a_loop_that_closes_leaves_children_running_and_no_zombies(pidfd, monkeypatch):
    kept = []
    if not pidfd:
        monkeypatch.setattr(os, "pidfd_open", refused)

    async def main():
        kept.append(await cp.spawn(["sleep", "1000"], stdin=PIPE))

    cp.run(main())
    process = kept.pop()
    os.kill(process.pid, 0)
    assert process.returncode is None
    with pytest.raises(cp.LoopClosedError):
        process.wait()
    process.kill()
    assert soon(lambda: process.returncode == -9)

    async def another():
        kept.append(await cp.spawn(["true"]))

    cp.run(another())
    pid = kept.pop().pid
    assert soon(lambda: pid in zombies() or pid not in _process._left_running)
    cp.run(lambda: cp.spawn(["true"]).then(cp.Process.wait))  # takes it along
    assert pid not in zombies()


def test_wait_is_rejected_when_the_loop_closes():
    reasons = []

    async def main():
        process = await cp.spawn(["sleep", "1000"])
        process.wait().catch(lambda reason: (reasons.append(type(reason)), process.kill()))
        return process

    process = cp.run(main())
    assert reasons == [cp.LoopClosedError]
    assert soon(lambda: process.returncode == -9)


def test_spawning_while_the_loop_closes():
    kept = []
    cp.run(lambda: kept.extend(cp.spawn(["true"], stdin=PIPE) for _ in range(50)) or cp.sleep(0))
    for spawned in kept:
        assert spawned.state != "pending"
    assert soon(lambda: all(process.returncode == 0 for process in list(_process._left_running.values())))


def test_inside_asyncio():
    async def main():
        loop = cp.attach(asyncio.get_running_loop())
        process = await cp.spawn(["echo", "guest"], stdout=PIPE)
        out, _ = await process.communicate()
        loop.close()
        return out, process.returncode

    assert asyncio.run(main()) == (b"guest\n", 0)


def test_repr():
    async def main():
        process = await cp.spawn(["sleep", "100"])
        running = repr(process)
        process.kill()
        await process.wait()
        return running.replace(str(process.pid), "1"), repr(process).replace(str(process.pid), "1")

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert cp.run(main()) == ("<cpromise.Process 1 'sleep' running>", "<cpromise.Process 1 'sleep' -9>")
