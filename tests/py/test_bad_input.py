"""Wrong types and values, handlers and hooks that fail: each gets the outcome of the contract and a message that says what was wrong."""

import math
import time

import cpromise as cp
import pytest


@pytest.fixture
def loop():
    loop = cp.Loop()
    yield loop
    loop.close()


CALLS = [
    # what is called, what it raises, words of its message
    (lambda loop: cp.Promise(5), TypeError, "executor must be callable or None, not int"),
    (lambda loop: cp.Promise(loop=5), TypeError, "Loop"),
    (lambda loop: cp.Promise(None, loop), TypeError, "positional"),
    (lambda loop: type("Sub", (cp.Promise,), {}), TypeError, "not an acceptable base type"),
    (lambda loop: cp.Promise.resolve(1, 2), TypeError, "resolve.. takes 0 to 1"),
    (lambda loop: cp.Promise.resolve(value=1), TypeError, "no keyword"),
    (lambda loop: cp.Promise.reject(1, 2), TypeError, "reject.. takes 0 to 1"),
    (lambda loop: cp.Promise.all(), TypeError, "all.. takes 1"),
    (lambda loop: cp.Promise.any([], []), TypeError, "any.. takes 1"),
    (lambda loop: cp.Promise.try_(), TypeError, "try_.. takes"),
    (lambda loop: cp.Promise.with_resolvers(1), TypeError, "with_resolvers.. takes"),
    (lambda loop: cp.Promise.from_coroutine(1), TypeError, "async def.*not int"),
    (lambda loop: cp.Promise.from_future(1), TypeError, "from_future.*not int"),
    (lambda loop: cp.Promise(loop=loop).then(1, 2, 3), TypeError, "then.. takes 0 to 2"),
    (lambda loop: cp.Promise(loop=loop).catch(), TypeError, "catch.. takes 1 to 2"),
    (lambda loop: cp.Promise(loop=loop).catch(5, print), TypeError, "exception class or a tuple of them, not 5"),
    (lambda loop: cp.Promise(loop=loop).catch(KeyError, 5), TypeError, "handler must be callable, not int"),
    (lambda loop: cp.Promise(loop=loop).timeout("1"), TypeError, "number|float"),
    (lambda loop: cp.Promise(loop=loop).timeout(math.nan), ValueError, "not NaN"),
    (lambda loop: cp.Promise(loop=loop).delay(None), TypeError, "number|float"),
    (lambda loop: cp.Promise(loop=loop).cancel(1, 2), TypeError, "cancel.. takes"),
    (lambda loop: cp.Promise(loop=loop).peek(), Exception, "still pending; use then.. or await"),
    (lambda loop: cp.map([], 5), TypeError, "fn must be callable, not int"),
    (lambda loop: cp.map([], print, concurrency=0), ValueError, "at least 1 or None, not 0"),
    (lambda loop: cp.promisify(5), TypeError, "fn must be callable, not int"),
    (lambda loop: cp.sleep("1"), TypeError, "number|float"),
    (lambda loop: cp.sleep(math.nan), ValueError, "not NaN"),
    (lambda loop: cp.sleep(), TypeError, "sleep.. takes 1 to 2"),
    (lambda loop: cp.interval(0), ValueError, "positive"),
    (lambda loop: cp.run(5), TypeError, "coroutine, a promise or a function that returns one, not int"),
    (lambda loop: cp.run(lambda: 5), TypeError, "not int"),
    (lambda loop: cp.run(cp.sleep(0), unhandled="never"), ValueError, "'raise', 'warn', 'ignore' or a callable, not 'never'"),
    (lambda loop: cp.run(cp.sleep(0), backend="select"), ValueError, "backend=select"),
    (lambda loop: cp.Loop(backend="select"), ValueError, "backend=select"),
    (lambda loop: cp.get_running_loop(), RuntimeError, "start one with run"),
    (lambda loop: loop.queue_microtask(), TypeError, "queue_microtask.*fn must be callable"),
    (lambda loop: loop.call_soon(5), TypeError, "call_soon.*fn must be callable"),
    (lambda loop: loop.call_soon_threadsafe(5), TypeError, "call_soon_threadsafe.*fn must be callable"),
    (lambda loop: loop.call_later(1), TypeError, "call_later|seconds"),
    (lambda loop: loop.call_later(math.nan, print), ValueError, "not NaN"),
    (lambda loop: loop.call_at(0, 5), TypeError, "fn must be callable"),
]


@pytest.mark.parametrize("call, error, words", CALLS)
def test_wrong_use_says_what_was_wrong(loop, call, error, words):
    with pytest.raises(error, match=words):
        call(loop)


@pytest.mark.parametrize("iterable", [5, None, object(), lambda: 1])
@pytest.mark.parametrize("combine", [cp.Promise.all, cp.Promise.all_settled, cp.Promise.any, cp.Promise.race, cp.all_keyed])
def test_what_cannot_be_iterated_rejects(combine, iterable):
    async def main():
        with pytest.raises(TypeError):
            await combine(iterable)

    cp.run(main())


def test_a_failing_iterator_rejects_and_what_it_gave_before_is_handled():
    def inputs():
        yield cp.Promise.reject(ValueError("handled by all"))
        yield cp.sleep(0.001)
        raise KeyError("iterator")

    async def main():
        with pytest.raises(KeyError, match="iterator"):
            await cp.Promise.all(inputs())
        await cp.sleep(0.002)

    cp.run(main())


def test_an_executor_that_raises_after_it_resolved_is_not_heard(loop):
    def execute(resolve, reject):
        resolve(1)
        raise ValueError("too late")

    assert cp.Promise(execute, loop=loop).peek() == 1


def test_a_handler_that_returns_its_own_promise(loop):
    p = cp.Promise(lambda resolve, reject: resolve(1), loop=loop)
    q = p.then(lambda value: q)
    told = q.catch(str)
    loop.run_microtasks()
    assert told.peek() == "a promise cannot be resolved with itself"


class Liar:
    """A thenable that calls what its script says, in turn."""

    def __init__(self, *script):
        self.script = script

    def then(self, resolve, reject):
        for what in self.script:
            if isinstance(what, Exception):
                raise what
            {"resolve": resolve, "reject": reject}[what[0]](what[1])


LIARS = [
    ([("resolve", 1), ("resolve", 2), ("reject", 3)], ("fulfilled", 1)),
    ([("reject", 1), ("resolve", 2)], ("rejected", 1)),
    ([("resolve", 1), ValueError("after")], ("fulfilled", 1)),
    ([ValueError("before"), ("resolve", 1)], ("rejected", "before")),
    ([("resolve", Liar(("reject", 5), ("resolve", 6))), ("reject", 7)], ("rejected", 5)),
    ([("resolve", Liar()), ("reject", 7)], ("pending", None)),
]


@pytest.mark.parametrize("script, outcome", LIARS)
def test_thenables_that_lie(loop, script, outcome):
    loop.on_unhandled_rejection = lambda promise, reason: None
    p = cp.Promise(lambda resolve, reject: resolve(Liar(*script)), loop=loop)
    loop.run_microtasks()
    peeked = p.peek() if p.done() else None
    assert (p.state, str(peeked) if isinstance(peeked, Exception) else peeked) == outcome


def test_all_that_a_drain_leaves_unhandled_is_in_one_group():
    async def main():
        for error in (ValueError(1), "no exception", KeyError(2)):
            cp.Promise.reject(error)
        await cp.sleep(0.001)

    with pytest.raises(cp.UnhandledRejections) as caught:
        cp.run(main())
    assert [type(error) for error in caught.value.exceptions] == [ValueError, cp.RejectionError, KeyError]
    assert caught.value.exceptions[1].reason == "no exception"


def test_unhandled_can_be_heard_warned_of_or_ignored():
    async def main():
        cp.Promise.reject(ValueError("lost"))
        await cp.sleep(0.001)
        return "went on"

    heard = []
    assert cp.run(main(), unhandled=lambda promise, reason: heard.append((promise.state, reason))) == "went on"
    assert heard[0][0] == "rejected" and str(heard[0][1]) == "lost"
    assert cp.run(main(), unhandled="ignore") == "went on"
    with pytest.warns(RuntimeWarning, match="nobody handled it: ValueError"):
        assert cp.run(main(), unhandled="warn") == "went on"
    with pytest.raises(cp.UnhandledRejections):
        cp.run(main(), unhandled="raise")


def test_a_late_catch_is_told_to_the_other_hook(loop):
    log = []
    loop.on_unhandled_rejection = lambda promise, reason: log.append(("unhandled", reason))
    loop.on_rejection_handled = lambda promise: log.append(("handled", promise))
    p = cp.Promise(lambda resolve, reject: reject("r"), loop=loop)
    loop.run_microtasks()
    p.catch(print)
    assert log == [("unhandled", "r"), ("handled", p)]


def test_a_slow_hook_that_raises_leaves_run():
    loop = cp.Loop(debug=True)
    loop.slow_callback_duration = 0

    def complain(what, seconds):
        raise ZeroDivisionError("in the hook")

    loop.on_slow_callback = complain
    loop.call_soon(time.sleep, 0)
    with pytest.raises(ZeroDivisionError):
        loop.run(cp.Promise(loop=loop))
    loop.on_slow_callback = None
    loop.slow_callback_duration = 1000
    loop.close()


def test_sleep_takes_what_numbers_there_are():
    async def main():
        assert await cp.sleep(-1, "at once") == "at once"
        assert await cp.sleep(True * 0, "bool") == "bool"
        for endless in (math.inf, 1e300, 10**30):
            assert cp.sleep(endless).cancel()

    cp.run(main())


def test_a_million_adopted_one_by_one_settle_print_and_die(loop):
    settle = []
    first = outer = cp.Promise(lambda resolve, reject: settle.append(resolve), loop=loop)
    for _ in range(1_000_000):
        outer = cp.Promise(lambda resolve, reject, inner=outer: resolve(inner), loop=loop)
    settle[0]("through")
    loop.run_microtasks()
    assert outer.peek() == "through" and "through" in repr(outer)
    del first, outer


def test_coroutines_nested_ten_thousand_deep_return_and_unwind():
    async def level(n):
        return await cp.Promise.resolve(n) if n == 0 else await cp.sleep(0, n)

    async def main():
        promise = cp.Promise.from_coroutine(level(0))
        for n in range(10_000):
            promise = cp.Promise.from_coroutine(wait(promise))
        return await promise

    async def wait(promise):
        return await promise

    assert cp.run(main()) == 0
