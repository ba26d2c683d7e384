"""Promises for Python on a native event loop: chain calls instead of nesting callbacks."""

from ._cpromise import (
    Loop,
    Promise,
    Server,
    Stream,
    Timer,
    __build__,
    connect_tcp,
    get_running_loop,
    run,
    serve_tcp,
    sleep,
    to_thread,
)
from ._errors import LoopClosedError, PromiseError, RejectionError, UnhandledRejections, WrongLoopError
from ._version import __version__

__all__ = [
    "__build__",
    "__version__",
    "Loop",
    "LoopClosedError",
    "Promise",
    "PromiseError",
    "RejectionError",
    "Server",
    "Stream",
    "Timer",
    "UnhandledRejections",
    "WrongLoopError",
    "connect_tcp",
    "get_running_loop",
    "run",
    "serve_tcp",
    "sleep",
    "to_thread",
]
