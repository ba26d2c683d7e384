"""Promises for Python on a native event loop: chain calls instead of nesting callbacks."""

from ._cpromise import (
    Loop,
    Promise,
    Server,
    Stream,
    Timer,
    __build__,
    all_keyed,
    all_settled_keyed,
    connect_tcp,
    get_running_loop,
    map,
    run,
    serve_tcp,
    sleep,
    to_thread,
)
from ._errors import AggregateError, LoopClosedError, PromiseError, RejectionError, UnhandledRejections, WorkerDied, WrongLoopError
from ._functions import interval, promisify
from ._version import __version__
from .aio import attach

__all__ = [
    "AggregateError",
    "Loop",
    "LoopClosedError",
    "Promise",
    "PromiseError",
    "RejectionError",
    "Server",
    "Stream",
    "Timer",
    "UnhandledRejections",
    "WorkerDied",
    "WrongLoopError",
    "__build__",
    "__version__",
    "all_keyed",
    "all_settled_keyed",
    "attach",
    "connect_tcp",
    "get_running_loop",
    "interval",
    "map",
    "promisify",
    "run",
    "serve_tcp",
    "sleep",
    "to_thread",
]
