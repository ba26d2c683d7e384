"""What the conformance tests share: a loop that is driven from outside, a turn at a time, and ways to settle and to watch a promise."""

from typing import Any, Callable, NamedTuple

import cpromise as cp
import pytest


def current_loop():
    """The loop of this thread, on which Promise.resolve and its like make their promises."""
    return cp.Promise().get_loop()


def nothing(*_):
    """A hook or handler of which nothing is wanted."""


class Turns:
    """A loop and what is to happen in its later turns: later(fn) keeps fn until the queue of jobs is empty."""

    def __init__(self, loop):
        self.loop = loop
        self.waiting = []

    def later(self, fn, *args):
        self.waiting.append((fn, args))

    def job(self, fn, *args):
        self.loop.queue_microtask(fn, *args)

    def turn(self):
        """Runs the jobs that there are; how many ran."""
        ran = self.loop.run_microtasks()
        assert self.loop.run_microtasks() == 0, "one drain empties the queue"
        return ran

    def drain(self):
        self.turn()
        while self.waiting:
            fn, args = self.waiting.pop(0)
            fn(*args)
            self.turn()


@pytest.fixture
def turns():
    left_by_another_test = current_loop()
    left_by_another_test.on_unhandled_rejection = nothing
    left_by_another_test.close()
    loop = current_loop()
    loop.on_unhandled_rejection = nothing
    yield Turns(loop)
    loop.close()


class Deferred(NamedTuple):
    promise: cp.Promise
    resolve: Callable[..., Any]
    reject: Callable[..., Any]


def deferred():
    pair = []
    promise = cp.Promise(lambda resolve, reject: pair.extend((resolve, reject)))
    return Deferred(promise, *pair)


def settle(d, state, value):
    (d.resolve if state == "fulfilled" else d.reject)(value)


WAYS = ["already", "before then", "after then", "in a job", "in a later turn"]


def promise_that_settles(turns, way, state, value):
    """A promise, and a function that the test calls once it has attached its handlers: the promise settles then at the latest."""
    d = deferred()
    if way == "already":
        settle(d, state, value)
        turns.turn()
        return d.promise, nothing
    if way == "before then":
        settle(d, state, value)
        return d.promise, nothing
    if way == "after then":
        return d.promise, lambda: settle(d, state, value)
    return d.promise, lambda: (turns.job if way == "in a job" else turns.later)(settle, d, state, value)


def watch(promise):
    """The calls of a pair of handlers, as (state, argument)."""
    calls = []
    promise.then(lambda value: calls.append(("fulfilled", value)), lambda reason: calls.append(("rejected", reason)))
    return calls


def outcome(turns, promise):
    """What the handlers of a promise are told once everything that was going to happen has happened."""
    calls = watch(promise)
    turns.drain()
    assert len(calls) <= 1
    return calls[0] if calls else ("pending", None)


def assert_outcome(turns, promise, state, value):
    seen_state, seen_value = outcome(turns, promise)
    assert (seen_state, promise.state) == (state, state)
    assert seen_value is value and promise.peek() is value


class Ticks:
    """Counts ticks: job n of this chain runs first of all in tick n after now."""

    def __init__(self, length=16):
        self.now = 0
        self.log = []
        beat = cp.Promise.resolve()
        for _ in range(length):
            beat = beat.then(self._beat)

    def _beat(self, _):
        self.now += 1

    def note(self, name):
        """A handler that logs the tick in which it runs."""
        return lambda *_: self.log.append((self.now, name))

    def watch(self, promise, name):
        promise.then(self.note(name + " fulfilled"), self.note(name + " rejected"))


class Plain:
    """An object without `then`."""


class Thenable:
    """An object whose `then` is act; counts how often it is read."""

    def __init__(self, act):
        self.act = act
        self.reads = 0

    @property
    def then(self):
        self.reads += 1
        return self.act


def thenable(state, value):
    """A thenable that settles at once when it is asked."""
    return Thenable(lambda resolve, reject: (resolve if state == "fulfilled" else reject)(value))


def fulfilled(value=None):
    return cp.Promise.resolve(value)


def rejected(reason=None):
    return cp.Promise.reject(reason)


def raising(error):
    def handler(*_):
        raise error

    return handler


# ---- Parameters: made anew for each test, since promises belong to a loop. Many values are false, and some look like something else.

VALUES = {
    "None": lambda: None,
    "False": lambda: False,
    "zero": lambda: 0,
    "float": lambda: 0.5,
    "empty str": str,
    "empty bytes": bytes,
    "list": list,
    "tuple": lambda: (1, 2),
    "dict": lambda: {"then": nothing},
    "class": lambda: Plain,
    "function": lambda: nothing,
    "object": Plain,
    "exception": lambda: ValueError("as a value"),
}
REASONS = {
    **VALUES,
    "exception class": lambda: ValueError,
    "StopIteration": lambda: StopIteration(1),
    "KeyboardInterrupt": KeyboardInterrupt,
    "fulfilled promise": fulfilled,
    "rejected promise": rejected,
    "thenable": lambda: Thenable(lambda resolve, reject: resolve("adopted")),
}
EXCEPTIONS = {
    "ValueError": lambda: ValueError("raised"),
    "StopIteration": lambda: StopIteration("raised"),
    "AssertionError": AssertionError,
    "ExceptionGroup": lambda: ExceptionGroup("raised", [KeyError(1)]),
}
NOT_CALLABLE = {"None": None, "False": False, "number": 5, "str": "then", "list": [nothing], "object": Plain(), "Ellipsis": ...}


def each(name, table):
    return pytest.mark.parametrize(name, list(table.values()), ids=list(table))


ways = pytest.mark.parametrize("way", WAYS)
states = pytest.mark.parametrize("state", ["fulfilled", "rejected"])
exceptions = each("make_error", EXCEPTIONS)
