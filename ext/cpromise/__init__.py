"""Promises for Python on a native event loop: chain calls instead of nesting callbacks."""

import atexit as _atexit

from ._cpromise import (
    File,
    Loop,
    Promise,
    Server,
    Stream,
    Timer,
    UdpSocket,
    __build__,
    _close_loops,
    _close_thread_loop,
    all_keyed,
    all_settled_keyed,
    bind_udp,
    connect_tcp,
    connect_udp,
    connect_unix,
    get_running_loop,
    map,
    open_file,
    resolve_host,
    run,
    serve_tcp,
    serve_unix,
    sleep,
    to_native,
    to_thread,
)
from ._python import AggregateError, LoopClosedError, PromiseError, RejectionError, UnhandledRejections, WorkerDied, WrongLoopError
from ._functions import interval, promisify
from ._offload import to_executor, to_interpreter, to_process
from ._process import Process, spawn
from ._version import __version__
from .aio import attach

# What still waits at the end of the interpreter is told so while Python code can run.
_atexit.register(_close_loops)

__all__ = [
    "AggregateError",
    "File",
    "Loop",
    "LoopClosedError",
    "Process",
    "Promise",
    "PromiseError",
    "RejectionError",
    "Server",
    "Stream",
    "Timer",
    "UdpSocket",
    "UnhandledRejections",
    "WorkerDied",
    "WrongLoopError",
    "__build__",
    "__version__",
    "all_keyed",
    "all_settled_keyed",
    "attach",
    "bind_udp",
    "connect_tcp",
    "connect_udp",
    "connect_unix",
    "get_running_loop",
    "interval",
    "map",
    "open_file",
    "promisify",
    "resolve_host",
    "run",
    "serve_tcp",
    "serve_unix",
    "signal",
    "sleep",
    "spawn",
    "to_executor",
    "to_interpreter",
    "to_native",
    "to_process",
    "to_thread",
]


def __getattr__(name):
    """signal() needs modules that take longer to import than all of cpromise: it is fetched when it is first asked for."""
    if name != "signal":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from ._signals import signal

    globals()["signal"] = signal
    return signal


def __dir__():
    return sorted({*globals(), "signal"})
