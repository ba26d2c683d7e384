"""What of the native part is written in Python: its exceptions, and some functions that it calls."""

import errno
import os

COPY_SIZE = 256 * 1024  # bytes that copy_file reads at once


class PromiseError(Exception):
    """Base of the errors that cpromise itself raises."""


class RejectionError(PromiseError):
    """What await raises for a promise that was rejected with something that is not an exception."""

    @property
    def reason(self) -> object:
        return self.args[0]

    def __str__(self) -> str:
        return f"a promise was rejected with {self.reason!r}"


class WrongLoopError(PromiseError):
    """A promise or a loop was used from a thread, or together with a loop, that it does not belong to."""


class LoopClosedError(PromiseError):
    """The loop was closed, before or while something waited for it."""


class WorkerDied(PromiseError):
    """The worker that ran a call off the loop died before the call returned."""


class UnhandledRejections(ExceptionGroup):
    """Promises were rejected and nobody handled it."""

    def derive(self, excs):
        return UnhandledRejections(self.message, excs)


class AggregateError(ExceptionGroup):
    """Every promise that any() was given was rejected. `errors` are the reasons, in the order of the inputs."""

    errors: list

    def derive(self, excs):
        return _aggregate(self.message, list(excs), excs)


def _aggregate(message, reasons, exceptions):
    error = AggregateError(message, exceptions)
    error.errors = reasons
    return error


def aggregate(reasons):
    """The AggregateError of a list of reasons. A group cannot be empty and holds exceptions only, so what is none is wrapped."""
    if not reasons:
        return _aggregate("any() was given no promises", [], [PromiseError("there was nothing to wait for")])
    exceptions = [reason if isinstance(reason, Exception) else RejectionError(reason) for reason in reasons]
    return _aggregate("every promise was rejected", list(reasons), exceptions)


def breathe():
    """Called now and then where C code runs for long: at its start the interpreter looks for signals and hands the GIL over, if asked to."""


async def awaiting(awaitable):
    """For run(): the coroutine of an object that can be awaited and is nothing else."""
    return await awaitable


async def copy_file(stream, file, offset, count):
    """What sendfile() does where the kernel does not: reads on a pool thread and writes. count -1: to the end."""
    from ._cpromise import to_thread  # type: ignore[import-not-found]

    fd = file if isinstance(file, int) else file.fileno()
    sent, read = 0, os.pread
    while size := COPY_SIZE if count < 0 else min(COPY_SIZE, count - sent):
        try:
            data = await (to_thread(os.pread, fd, size, offset + sent) if read is os.pread else to_thread(os.read, fd, size))
        except OSError as error:
            if error.errno != errno.ESPIPE or read is os.read:
                raise
            read = os.read  # a pipe has no offsets
            continue
        if not data:
            break
        await stream.write(data)
        sent += len(data)
    return sent
