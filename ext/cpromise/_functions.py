"""The parts of cpromise that are policy over what the native part offers."""

from ._cpromise import Promise, get_running_loop, sleep  # type: ignore[import-not-found]


def promisify(fn):
    """Makes a function that takes a callback into one that returns a promise.

    `fn` must take, as its last positional argument, a callback(error=None, *values), as node's functions do: an error that is not None
    rejects, one value fulfils as it is, several as a tuple, none as None. The callback may be called from any thread; its first call counts.
    What `fn` raises rejects as well.
    """
    if not callable(fn):
        raise TypeError(f"promisify(fn): fn must be callable, not {type(fn).__name__}")

    from functools import wraps

    @wraps(fn)
    def promised(*args, **kwargs):
        def execute(resolve, reject):
            def callback(error=None, *values):
                if error is not None:
                    reject(error)
                else:
                    resolve(values[0] if len(values) == 1 else values or None)

            fn(*args, callback, **kwargs)

        return Promise(execute)

    return promised


class interval:
    """An async iterator that ticks every `seconds`: 0, 1, 2 ... Ticks do not drift; those that the loop was too busy for are left out."""

    def __init__(self, seconds):
        if not seconds > 0:
            raise ValueError(f"interval(seconds): a positive number, not {seconds!r}")
        self._seconds = seconds
        self._start = None
        self._tick = 0

    def __aiter__(self):
        return self

    async def __anext__(self):
        now = get_running_loop().time()
        if self._start is None:
            self._start = now
        passed = int((now - self._start) / self._seconds)
        self._tick = max(self._tick, passed) + 1
        await sleep(self._start + self._tick * self._seconds - now)
        return self._tick - 1
