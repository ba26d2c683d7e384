"""Child processes: spawn(), and the Process that it makes. Starting one and waiting for it are native; see ext/binding/py_process.c."""

import os
from _signal import SIGKILL, SIGTERM  # type: ignore[import-not-found]

from ._cpromise import Promise, _pipe_stream, _spawn, _when_readable  # type: ignore[import-not-found]
from ._python import LoopClosedError

PIPE, STDOUT, DEVNULL = -1, -2, -3  # as subprocess has them

# Children whose loop was closed before they ended, by process id: reaped when the next one is started, as subprocess does.
_left_running: dict = {}


def _reap_left_running():
    for pid, process in list(_left_running.items()):
        process._reap(os.WNOHANG)


class _Ends:
    """Descriptors that are closed when nobody needs them any more, whatever happens."""

    def __init__(self):
        self.fds = []

    def add(self, fd):
        self.fds.append(fd)
        return fd

    def take(self, fd):
        self.fds.remove(fd)
        return fd

    def close(self):
        while self.fds:
            os.close(self.fds.pop())

    __del__ = close


def _no_stream(name, value):
    return ValueError(f"spawn({name}=): None, PIPE, DEVNULL, a file or a descriptor, not {value!r}")


def _stdio(name, value, ends, stdout=None):
    """(what the child gets, -1 to inherit; our end of the pipe, or None)."""
    if value is None:
        return -1, None
    if value == PIPE:
        child, ours = map(ends.add, os.pipe2(os.O_CLOEXEC))
        if name != "stdin":
            child, ours = ours, child
        os.set_blocking(ours, False)
        return child, ours
    if value == DEVNULL:
        return ends.add(os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)), None
    if value == STDOUT and stdout is not None:
        return (1 if stdout < 0 else stdout), None
    fd = value if isinstance(value, int) else value.fileno() if hasattr(value, "fileno") else -1
    if isinstance(value, bool) or fd < 0:
        raise _no_stream(name, value)
    # a copy: the program is started a little later, and the caller may close it meanwhile
    return ends.add(os.dup(fd)), None


def _text(what, value):
    data = os.fsencode(value)
    if b"\0" in data:
        raise ValueError(f"spawn(): a null byte in {what}: {value!r}")
    return data


def _environment(env):
    if env is None:
        env = os.environb
    pairs = []
    for name, value in env.items():
        key = _text("env", name)
        if not key or b"=" in key:
            raise ValueError(f"spawn(env=): {name!r} cannot be the name of a variable")
        pairs.append(key + b"=" + _text("env", value))
    return tuple(pairs)


def _search_path(env):
    if env is None:
        return os.get_exec_path()
    path = env.get("PATH", env.get(b"PATH"))
    return os.get_exec_path({} if path is None else {"PATH": os.fsdecode(path)})


def _programs(program, env):
    if b"/" in program:
        return (program,)
    return tuple(os.path.join(os.fsencode(folder), program) for folder in _search_path(env))


def spawn(
    argv,
    *,
    stdin=None,
    stdout=None,
    stderr=None,
    cwd=None,
    env=None,
    pass_fds=(),
    start_new_session=False,
    process_group=None,
    restore_signals=True,
):
    """Starts a program without blocking the loop; the promise of its Process.

    argv is a sequence, the program first; one without a slash is looked for in PATH. stdin, stdout and stderr: None to inherit ours,
    subprocess.PIPE for a Stream of the Process, subprocess.DEVNULL, a descriptor or anything with fileno(); stderr=subprocess.STDOUT
    sends it where stdout goes. Other descriptors than these and pass_fds are not inherited. Signals are as in a fresh process: none
    blocked, none ignored (restore_signals=False: those that are ignored here are there).

    Rejects with FileNotFoundError or PermissionError that names the program, or the folder cwd. A spawn() that is cancelled leaves no
    process behind. A loop that closes leaves its children running; wait() then rejects with LoopClosedError.
    """
    if isinstance(argv, (str, bytes)) or not hasattr(argv, "__iter__"):
        raise TypeError(f"spawn(argv): a sequence such as ['ls', '-l'], not {argv!r}; for a shell: ['sh', '-c', command]")
    argv = list(argv)
    if not argv:
        raise ValueError("spawn(argv): at least the program is needed")
    arguments = tuple(_text("argv", word) for word in argv)
    pass_fds = tuple(pass_fds)
    for fd in pass_fds:
        os.fstat(fd)
    _reap_left_running()
    ends, ours = _Ends(), _Ends()
    stdio, pipes = _all_stdio(ends, ours, stdin, stdout, stderr)
    started = _spawn(
        argv[0],
        _programs(arguments[0], env),
        arguments,
        _environment(env),
        None if cwd is None else _text("cwd", cwd),
        cwd,
        stdio,
        pass_fds,
        start_new_session,
        restore_signals,
        -1 if process_group is None else process_group,
    )

    def born(pid):
        ends.close()
        try:
            return Process(pid, argv, [fd if fd is None else _pipe_stream(ours.take(fd)) for fd in pipes])
        except BaseException:
            os.kill(pid, SIGKILL)
            os.waitpid(pid, 0)
            raise

    def unborn(reason):
        ends.close()
        ours.close()
        raise reason

    return started.then(born, unborn)


def _all_stdio(ends, ours, stdin, stdout, stderr):
    """What the child gets as 0, 1 and 2, and our ends of the pipes among these."""
    given, pipes = [], []
    for name, value in (("stdin", stdin), ("stdout", stdout), ("stderr", stderr)):
        fd, end = _stdio(name, value, ends, given[1] if name == "stderr" else None)
        given.append(fd)
        pipes.append(end if end is None else ours.add(ends.take(end)))
    return tuple(given), pipes


class Process:
    """A child process, made by spawn(). Its end is noticed, and the zombie reaped, also when nobody waits for it."""

    def __init__(self, pid, argv, streams):
        self.pid = pid
        self.args = argv
        self.stdin, self.stdout, self.stderr = streams
        self._returncode = None
        self._end = self._watch().then(lambda _: self._reap(os.WNOHANG), self._lost)
        self._end.catch(lambda reason: None)  # there may be nobody else who looks at it

    def __repr__(self):
        return f"<cpromise.Process {self.pid} {self.args[0]!r} {'running' if self._returncode is None else self._returncode}>"

    def _watch(self):
        """A promise that is settled when the process has ended."""
        try:
            return _when_readable(os.pidfd_open(self.pid))
        except OSError:  # no pidfd: an old kernel, or forbidden
            return self._watch_in_thread()

    def _watch_in_thread(self):
        import contextlib
        import threading

        promise, resolve, _ = Promise.with_resolvers()

        def wait():
            with contextlib.suppress(ChildProcessError):  # somebody else was quicker
                os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOWAIT)
            with contextlib.suppress(LoopClosedError):
                resolve()

        threading.Thread(target=wait, daemon=True, name=f"cpromise waits for {self.pid}").start()
        return promise

    def _reap(self, options):
        """Takes the exit status from the kernel. Only the loop's thread does, so until then the process id is nobody else's."""
        try:
            pid, status = os.waitpid(self.pid, options)
        except ChildProcessError:  # as asyncio does
            import warnings

            warnings.warn(f"process {self.pid} was waited for by somebody else; its returncode is said to be 255", RuntimeWarning, 2)
            pid, status = self.pid, 255 << 8
        if pid:
            self._returncode = os.waitstatus_to_exitcode(status)
            _left_running.pop(self.pid, None)
        return self._returncode

    def _lost(self, reason):
        _left_running[self.pid] = self
        raise reason

    @property
    def returncode(self):
        """The exit status, the negative number of the signal that ended it, or None: it runs, as far as the loop knows."""
        if self._returncode is None and self.pid in _left_running:
            self._reap(os.WNOHANG)
        return self._returncode

    def wait(self):
        """The promise of its returncode. To cancel it leaves the process alone."""
        return self._end.then(None)

    def send_signal(self, signal, /):
        """Sends a signal; nothing, once the process has ended."""
        if self.returncode is None:
            os.kill(self.pid, signal)

    def terminate(self):
        """Sends SIGTERM."""
        self.send_signal(SIGTERM)

    def kill(self):
        """Sends SIGKILL."""
        self.send_signal(SIGKILL)

    def communicate(self, input=None):
        """Writes input to stdin and closes it, reads stdout and stderr to their ends, waits. The promise of (stdout, stderr), None for
        what is no PIPE. A child that does not read its input to the end is no error."""
        if input is not None and self.stdin is None:
            raise ValueError("communicate(input): the process has no stdin to send it to; spawn it with stdin=PIPE")
        return Promise.from_coroutine(self._communicate(input))

    async def _communicate(self, input):
        feed = _feed(self.stdin, input)
        _, out, err, _ = await Promise.all([feed, _read_all(self.stdout), _read_all(self.stderr), self.wait()])
        return out, err

    async def _close_streams(self):
        for stream in (self.stdin, self.stdout, self.stderr):
            if stream is not None:
                await stream.close()

    async def __aenter__(self):
        return self

    async def __aexit__(self, exc_type, exc, traceback):
        """Closes the pipes and waits. The process is killed when this is cancelled, or what it stands around was, or the loop closes."""
        if exc is not None and not isinstance(exc, Exception):
            self.kill()
        try:
            await self._close_streams()
            await self.wait()
        except BaseException:
            self.kill()
            await Promise.all_settled([self.wait()])
            raise


async def _feed(stream, data):
    if stream is None:
        return
    try:
        if data:
            await stream.write(data)
        await stream.close()
    except (BrokenPipeError, ConnectionResetError):
        await stream.close()


async def _read_all(stream):
    if stream is None:
        return None
    chunks = []
    while data := await stream.read():
        chunks.append(data)
    await stream.close()
    return b"".join(chunks)
