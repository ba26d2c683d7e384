"""signal(): deliveries of signals as an async iterator. The handlers are Python's own, so whoever has the descriptor of
signal.set_wakeup_fd keeps it: run() wakes the loop by it, asyncio a guest."""

import signal as _signal
import threading
import weakref

from ._cpromise import Promise, _current_loop  # type: ignore[import-not-found]
from ._python import LoopClosedError

# For each signal that is watched: (the handler before, those that watch). Only the main thread changes it.
_watched: dict = {}


def _handle(number, frame):
    """Runs between two bytecodes of the main thread, wherever that is: it only posts."""
    for watcher in list(_watched.get(number, (None, ()))[1]):
        watcher._post(number)


def _install(number, watcher):
    if number not in _watched:
        _watched[number] = (_signal.signal(number, _handle), weakref.WeakSet())
    _watched[number][1].add(watcher)


def _remove(number, watcher):
    """The last one that watches restores the handler that was there before, unless somebody has set another one meanwhile."""
    before, watchers = _watched.get(number, (None, ()))
    if watcher not in watchers:
        return
    watchers.discard(watcher)
    if not watchers:
        del _watched[number]
        if _signal.getsignal(number) is _handle:
            _signal.signal(number, _signal.SIG_DFL if before is None else before)


def _on_main_thread():
    return threading.current_thread() is threading.main_thread()


class signal:
    """An async iterator of the deliveries of signals: each item is the number of one, a signal.Signals.

    They are caught from the call on. As in the kernel, a signal that arrives again before its item was taken is one item with it. Several
    iterators may watch the same signal: each gets it. aclose(), the end of `async with`, the end of the loop, or dropping the iterator
    restores the handler that was there before. While SIGINT is watched, Ctrl-C raises no KeyboardInterrupt. Main thread only.
    """

    _numbers: tuple = ()

    def __init__(self, *signums):
        if not signums:
            raise TypeError("signal(signum, ...): at least one signal")
        numbers = [_signal.Signals(number) for number in signums]
        self._pending = {}
        self._waiting = None
        if not _on_main_thread():
            raise RuntimeError("signal(): Python delivers signals to its main thread only; call it there and send messages to this loop")
        closing = Promise()
        closing.catch(LoopClosedError, _stopper(weakref.ref(self)))
        self._closing = closing  # pending as long as the loop is open
        self._loop = _current_loop()
        try:
            for number in numbers:
                _install(number, self)
                self._numbers += (number,)
        except ValueError as error:
            self._stop()
            raise RuntimeError(f"signal(): {error}") from None
        except OSError as error:
            self._stop()
            raise OSError(error.errno, f"signal({number!r}) cannot be caught") from None

    def _post(self, number):
        try:
            self._loop.call_soon_threadsafe(self._deliver, number)
        except LoopClosedError:
            pass

    def _deliver(self, number):
        if not self._numbers:
            return
        self._pending[_signal.Signals(number)] = True
        self._answer()

    def _answer(self):
        if self._waiting is None:
            return
        promise, resolve, reject = self._waiting
        if promise.state != "pending":  # it was cancelled: the delivery is for the next one
            self._waiting = None
        elif self._pending:
            self._waiting = None
            resolve(self._take())
        elif not self._numbers:
            self._waiting = None
            reject(StopAsyncIteration())

    def _take(self):
        number = next(iter(self._pending))
        del self._pending[number]
        return number

    def _stop(self):
        numbers, self._numbers = self._numbers, ()
        for number in numbers:
            _remove(number, self)
        self._pending.clear()
        self._answer()

    def __aiter__(self):
        return self

    def __anext__(self):
        """The promise of the next delivery. One that is cancelled loses none."""
        self._answer()
        if self._waiting is not None:
            raise RuntimeError("signal(): the next delivery is waited for already; make an iterator for each who waits")
        self._waiting = Promise.with_resolvers()
        promise = self._waiting[0]
        self._answer()
        return promise

    def aclose(self):
        """Ends it; the promise of None. Who waits for a delivery gets StopAsyncIteration."""
        self._stop()
        return Promise.resolve(None)

    async def __aenter__(self):
        return self

    async def __aexit__(self, exc_type, exc, traceback):
        self._stop()

    def __del__(self):
        if not self._numbers:
            return
        if _on_main_thread():
            self._stop()
        else:  # found by the garbage collection of another thread
            numbers = self._numbers
            try:
                self._loop.call_soon_threadsafe(_restore_unwatched, numbers)
            except LoopClosedError:
                pass


def _restore_unwatched(numbers):
    for number in numbers:
        if number in _watched and not _watched[number][1]:
            _watched[number][1].add(_restore_unwatched)
            _remove(number, _restore_unwatched)


def _stopper(watcher):
    def stop(reason):
        if (alive := watcher()) is not None:
            alive._stop()

    return stop
