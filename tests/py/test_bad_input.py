"""Bad input: wrong types, wrong values, objects that lie, calls at the wrong moment, and nesting that is deep."""

import asyncio
import itertools
import warnings

import cpromise as cp
import pytest


@pytest.fixture
def loop():
    loop = cp.Loop()
    yield loop
    loop.close()


def resolvers(loop):
    settle = []
    promise = cp.Promise(lambda *pair: settle.extend(pair), loop=loop)
    return promise, settle[0], settle[1]


def outcome(make):
    """What becomes of the promise that make() returns, or of the coroutine: the value, or the reason's class."""

    async def main():
        try:
            return await make()
        except Exception as error:
            return type(error)

    return cp.run(main())


# ---- Wrong types and values: the call, the exception, a word of its message

P = cp.Promise
NAN, INF = float("nan"), float("inf")

CALLS = {
    "Promise(5)": (lambda p, l: P(5), TypeError, "callable or None"),
    "Promise('text')": (lambda p, l: P("text"), TypeError, "not str"),
    "Promise(print, print)": (lambda p, l: P(print, print), TypeError, "positional"),
    "Promise(loop=5)": (lambda p, l: P(loop=5), TypeError, "Loop"),
    "Promise(loop=None)": (lambda p, l: P(loop=asyncio), TypeError, "Loop"),
    "Promise(x=1)": (lambda p, l: P(x=1), TypeError, "x"),
    "then, three": (lambda p, l: p.then(1, 2, 3), TypeError, "then"),
    "then, keyword": (lambda p, l: p.then(on_fulfilled=1), TypeError, "then"),
    "catch()": (lambda p, l: p.catch(), TypeError, "catch"),
    "catch, three": (lambda p, l: p.catch(1, 2, 3), TypeError, "catch"),
    "catch('KeyError', f)": (lambda p, l: p.catch("KeyError", print), TypeError, "exception class"),
    "catch(int, f)": (lambda p, l: p.catch(int, print), TypeError, "exception class"),
    "catch(instance, f)": (lambda p, l: p.catch(KeyError(), print), TypeError, "exception class"),
    "catch((KeyError, 5), f)": (lambda p, l: p.catch((KeyError, 5), print), TypeError, "exception class"),
    "catch([KeyError], f)": (lambda p, l: p.catch([KeyError], print), TypeError, "exception class"),
    "catch(KeyError, 5)": (lambda p, l: p.catch(KeyError, 5), TypeError, "handler must be callable"),
    "finally_()": (lambda p, l: p.finally_(), TypeError, "finally_"),
    "tap()": (lambda p, l: p.tap(), TypeError, "tap"),
    "timeout()": (lambda p, l: p.timeout(), TypeError, "timeout"),
    "timeout('1')": (lambda p, l: p.timeout("1"), TypeError, "number"),
    "timeout(None)": (lambda p, l: p.timeout(None), TypeError, "number"),
    "timeout(nan)": (lambda p, l: p.timeout(NAN), ValueError, "NaN"),
    "delay('1')": (lambda p, l: p.delay("1"), TypeError, "number"),
    "delay(nan)": (lambda p, l: p.delay(NAN), ValueError, "NaN"),
    "cancel, two": (lambda p, l: p.cancel(1, 2), TypeError, "cancel"),
    "cancel, keyword": (lambda p, l: p.cancel(why=1), TypeError, "why"),
    "peek(1)": (lambda p, l: p.peek(1), TypeError, "peek"),
    "peek, pending": (lambda p, l: p.peek(), asyncio.InvalidStateError, "pending"),
    "result, pending": (lambda p, l: p.result(), asyncio.InvalidStateError, "pending"),
    "exception, pending": (lambda p, l: p.exception(), asyncio.InvalidStateError, "pending"),
    "state = 5": (lambda p, l: setattr(p, "state", 5), AttributeError, "state"),
    "an attribute": (lambda p, l: setattr(p, "mine", 5), AttributeError, "mine"),
    "Promise.attribute": (lambda p, l: setattr(P, "mine", 5), TypeError, "immutable"),
    "add_done_callback()": (lambda p, l: p.add_done_callback(), TypeError, "add_done_callback"),
    "add_done_callback, keyword": (lambda p, l: p.add_done_callback(print, loop=1), TypeError, "parameter"),
    "add_done_callback(5)": (lambda p, l: p.add_done_callback(5), TypeError, "callable"),
    "add_done_callback, context": (lambda p, l: p.add_done_callback(print, context=5), TypeError, "ontext"),
    "resolve, two": (lambda p, l: P.resolve(1, 2), TypeError, "resolve"),
    "resolve, keyword": (lambda p, l: P.resolve(value=1), TypeError, "keyword"),
    "reject, two": (lambda p, l: P.reject(1, 2), TypeError, "reject"),
    "reject, keyword": (lambda p, l: P.reject(reason=1), TypeError, "keyword"),
    "all()": (lambda p, l: P.all(), TypeError, "all"),
    "all, two": (lambda p, l: P.all([], []), TypeError, "all"),
    "all, keyword": (lambda p, l: P.all(iterable=[]), TypeError, "keyword"),
    "try_()": (lambda p, l: P.try_(), TypeError, "try_"),
    "with_resolvers(1)": (lambda p, l: P.with_resolvers(1), TypeError, "with_resolvers"),
    "from_coroutine(5)": (lambda p, l: P.from_coroutine(5), TypeError, "coroutine"),
    "from_coroutine(function)": (lambda p, l: P.from_coroutine(outcome), TypeError, "coroutine"),
    "from_future(5)": (lambda p, l: P.from_future(5), TypeError, "future"),
    "map(it)": (lambda p, l: cp.map([]), TypeError, "map"),
    "map(it, 5)": (lambda p, l: cp.map([], 5), TypeError, "callable"),
    "map, concurrency=0": (lambda p, l: cp.map([], print, concurrency=0), ValueError, "at least 1"),
    "map, concurrency=-1": (lambda p, l: cp.map([], print, concurrency=-1), ValueError, "at least 1"),
    "map, concurrency='2'": (lambda p, l: cp.map([], print, concurrency="2"), TypeError, "integer"),
    "map, concurrency=1.5": (lambda p, l: cp.map([], print, concurrency=1.5), TypeError, "integer"),
    "promisify(5)": (lambda p, l: cp.promisify(5), TypeError, "callable"),
    "Loop(5)": (lambda p, l: cp.Loop(5), TypeError, "positional"),
    "Loop(backend='x')": (lambda p, l: cp.Loop(backend="windows"), ValueError, "windows"),
    "Loop(backend=5)": (lambda p, l: cp.Loop(backend=5), TypeError, "str"),
    "Loop(x=1)": (lambda p, l: cp.Loop(x=1), TypeError, "x"),
    "run(5)": (lambda p, l: l.run(5), TypeError, "coroutine, a promise or a function"),
    "run(lambda: 5)": (lambda p, l: l.run(lambda: 5), TypeError, "coroutine, a promise or a function"),
    "run()": (lambda p, l: l.run(), TypeError, "run"),
    "queue_microtask()": (lambda p, l: l.queue_microtask(), TypeError, "callable"),
    "queue_microtask(5)": (lambda p, l: l.queue_microtask(5), TypeError, "callable"),
    "call_soon()": (lambda p, l: l.call_soon(), TypeError, "callable"),
    "call_soon(None)": (lambda p, l: l.call_soon(None), TypeError, "callable"),
    "call_soon_threadsafe(5)": (lambda p, l: l.call_soon_threadsafe(5), TypeError, "callable"),
    "call_later(1)": (lambda p, l: l.call_later(1), TypeError, "callable"),
    "call_later(1, 5)": (lambda p, l: l.call_later(1, 5), TypeError, "callable"),
    "call_later(None, f)": (lambda p, l: l.call_later(None, print), TypeError, "number"),
    "call_later(nan, f)": (lambda p, l: l.call_later(NAN, print), ValueError, "NaN"),
    "call_at('x', f)": (lambda p, l: l.call_at("x", print), TypeError, "number"),
    "call_at(nan, f)": (lambda p, l: l.call_at(NAN, print), ValueError, "NaN"),
    "call_later(10**400, f)": (lambda p, l: l.call_later(10**400, print), OverflowError, "large"),
    "slow_callback_duration": (lambda p, l: setattr(l, "slow_callback_duration", "x"), TypeError, "number"),
    "cp.run(5)": (lambda p, l: cp.run(5), TypeError, "coroutine, a promise or a function"),
    "cp.run(unhandled='x')": (lambda p, l: cp.run(p, unhandled="x"), ValueError, "'raise', 'warn', 'ignore' or a callable"),
    "cp.run(unhandled=5)": (lambda p, l: cp.run(p, unhandled=5), (TypeError, ValueError), "'raise', 'warn', 'ignore' or a callable"),
    "cp.run(backend='x')": (lambda p, l: cp.run(p, backend="x"), ValueError, "backend"),
    "cp.run(x=1)": (lambda p, l: cp.run(p, x=1), TypeError, "x"),
    "sleep()": (lambda p, l: cp.sleep(), TypeError, "sleep"),
    "sleep, three": (lambda p, l: cp.sleep(1, 2, 3), TypeError, "sleep"),
    "sleep('1')": (lambda p, l: cp.sleep("1"), TypeError, "number"),
    "sleep(nan)": (lambda p, l: cp.sleep(NAN), ValueError, "NaN"),
    "sleep(10**400)": (lambda p, l: cp.sleep(10**400), OverflowError, "large"),
    "interval(0)": (lambda p, l: cp.interval(0), ValueError, "positive"),
    "interval(-1)": (lambda p, l: cp.interval(-1), ValueError, "positive"),
    "interval(nan)": (lambda p, l: cp.interval(NAN), ValueError, "positive"),
    "get_running_loop(1)": (lambda p, l: cp.get_running_loop(1), TypeError, "get_running_loop"),
    "to_thread()": (lambda p, l: cp.to_thread(), TypeError, "callable"),
    "to_thread(5)": (lambda p, l: cp.to_thread(5), TypeError, "callable"),
}


@pytest.mark.parametrize("call", CALLS)
def test_a_wrong_argument_is_named(loop, call):
    act, error, word = CALLS[call]
    p, _, _ = resolvers(loop)
    with pytest.raises(error) as caught:
        act(p, loop)
    assert word in str(caught.value)
    assert (p.state, loop.has_pending(), loop.is_running()) == ("pending", False, False)


@pytest.mark.parametrize("name", ["Promise", "Loop", "Timer"])
def test_subclassing_is_refused(name):
    with pytest.raises(TypeError, match="not an acceptable base type"):
        type("Mine", (getattr(cp, name),), {})


def test_timers_cannot_be_made_by_hand():
    with pytest.raises(TypeError, match="cannot create"):
        cp.Timer()


@pytest.mark.parametrize("bad", [5, None, 1.5, object()])
@pytest.mark.parametrize("name", ["all", "all_settled", "any", "race"])
def test_combinators_of_what_cannot_be_iterated_reject(name, bad):
    assert outcome(lambda: getattr(P, name)(bad)) is TypeError
    assert outcome(lambda: cp.map(bad, int)) is TypeError
    assert outcome(lambda: cp.all_keyed(bad)) is TypeError
    assert outcome(lambda: cp.all_settled_keyed([bad])) is TypeError


# ---- Iterators that fail


def failing(n, error):
    yield from range(n)
    raise error


class Iterable:
    def __init__(self, iterator):
        self.iterator = iterator

    def __iter__(self):
        if isinstance(self.iterator, Exception):
            raise self.iterator
        return self.iterator


class NextFails:
    def __init__(self):
        self.count = 0

    def __next__(self):
        self.count += 1
        raise KeyError(self.count)

    def __iter__(self):
        return self


@pytest.mark.parametrize("name", ["all", "all_settled", "any", "race"])
def test_iterators_that_fail_reject(name):
    combine = getattr(P, name)
    assert outcome(lambda: combine(failing(0, KeyError()))) is KeyError
    assert outcome(lambda: combine(Iterable(ValueError()))) is ValueError
    assert outcome(lambda: combine(Iterable(5))) is TypeError
    once = NextFails()
    assert outcome(lambda: combine(once)) is KeyError and once.count == 1


def test_an_iterator_that_fails_late_wins_over_inputs_that_settle_later():
    assert outcome(lambda: P.all(failing(3, KeyError()))) is KeyError
    assert outcome(lambda: P.all(itertools.chain([cp.sleep(0.001)], failing(1, KeyError())))) is KeyError
    assert outcome(lambda: cp.map(failing(3, KeyError()), int, concurrency=1)) is KeyError


def test_a_mapping_that_lies_rejects():
    class Lies:
        def keys(self):
            return ["a", "b"]

        def __getitem__(self, key):
            raise LookupError(key)

    class Keys(Lies):
        def keys(self):
            raise LookupError("no keys")

    for combine in (cp.all_keyed, cp.all_settled_keyed):
        assert outcome(lambda: combine(Lies())) is LookupError
        assert outcome(lambda: combine(Keys())) is LookupError


# ---- Resolution


def test_a_handler_that_returns_its_own_promise_is_a_type_error(loop):
    box = []
    box.append(P(lambda resolve, _: resolve(), loop=loop).then(lambda _: box[0]))
    caught = box[0].catch(lambda error: (type(error), "itself" in str(error)))
    loop.run_microtasks()
    assert caught.peek() == (TypeError, True)


def test_promises_that_are_resolved_with_each_other_stay_pending_until_the_loop_closes():
    loop = cp.Loop()
    a, resolve_a, _ = resolvers(loop)
    b, resolve_b, _ = resolvers(loop)
    resolve_a(b)
    resolve_b(a)
    assert loop.run_microtasks() >= 0
    assert (a.state, b.state) == ("pending", "pending")
    assert repr(a).startswith("<Promise pending")
    loop.close()
    assert (type(a.peek()), type(b.peek())) == (cp.LoopClosedError, cp.LoopClosedError)


def thenable(then):
    return type("Thenable", (), {"then": staticmethod(then)})()


def raising(error):
    raise error


LIARS = {
    "raises": (lambda res, rej: raising(KeyError()), KeyError),
    "resolves and raises": (lambda res, rej: (res(1), raising(KeyError())), 1),
    "rejects and raises": (lambda res, rej: (rej(ValueError()), raising(KeyError())), ValueError),
    "resolves twice": (lambda res, rej: (res(1), res(2)), 1),
    "resolves and rejects": (lambda res, rej: (res(1), rej(KeyError())), 1),
    "rejects and resolves": (lambda res, rej: (rej(KeyError()), res(1)), KeyError),
    "resolves with a promise and rejects": (lambda res, rej: (res(cp.sleep(0, 1)), rej(KeyError())), 1),
    "resolves with a liar": (lambda res, rej: (res(thenable(lambda a, b: (a(1), b(2)))), rej(3)), 1),
    "takes no arguments": (lambda: None, TypeError),
    "takes three": (lambda a, b, c: None, TypeError),
    "calls with too many": (lambda res, rej: res(1, 2), TypeError),
    "calls with keywords": (lambda res, rej: res(value=1), TypeError),
    "is a class": (KeyError, "pending"),
    "is a bad class": (int, TypeError),
    "returns a promise": (lambda res, rej: (res(1), P.reject(5).catch(str))[1], 1),
    "raises StopIteration": (lambda res, rej: next(iter(())), RuntimeError),
    "rejects with itself": (lambda res, rej: rej(res), cp.RejectionError),
    "raises a group": (lambda res, rej: raising(ExceptionGroup("g", [KeyError()])), ExceptionGroup),
    "never": (lambda res, rej: None, "pending"),
}


@pytest.mark.parametrize("how", LIARS)
@pytest.mark.parametrize("way", ["resolve", "resolver", "handler", "coroutine"])
def test_thenables_that_lie(how, way):
    then, expected = LIARS[how]

    def make():
        liar = thenable(then)
        if way == "resolve":
            p = P.resolve(liar)
        elif way == "resolver":
            p = P(lambda resolve, _: resolve(liar))
        elif way == "handler":
            p = P.resolve().then(lambda _: liar)
        else:
            p = P.from_coroutine(returning(liar))
        return P.race([p, cp.sleep(0.003, "pending")])

    assert outcome(make) == expected


async def returning(value):
    return value


def test_attributes_that_lie():
    class Raises:
        def __getattribute__(self, name):
            raise ZeroDivisionError(name)

    class Missing:
        def __getattr__(self, name):
            raise AttributeError(name)

    class Counts:
        reads = 0

        @property
        def then(self):
            Counts.reads += 1
            return (lambda resolve, _: resolve("read once")) if Counts.reads == 1 else None

    missing = Missing()
    assert outcome(lambda: P.resolve(Raises())) is ZeroDivisionError
    assert outcome(lambda: P.resolve(missing)) is missing
    assert outcome(lambda: P.resolve(Counts())) == "read once" and Counts.reads == 1


def test_values_that_hate_to_be_looked_at():
    class Hates:
        __eq__ = __bool__ = __hash__ = __len__ = __repr__ = __str__ = lambda *_: 1 / 0

    hates = Hates()
    assert cp.run(P.all([hates, P.resolve(hates).then(lambda v: v)]))[1] is hates
    p = P.resolve(hates)
    with pytest.raises(ZeroDivisionError):
        repr(p)
    with pytest.raises(cp.RejectionError):
        cp.run(P.reject(hates))


@pytest.mark.parametrize("act", ["resolve(1)", "resolve(cp.sleep(0, 1))"])
def test_what_an_executor_raises_after_it_has_resolved_is_nobodys(act):
    def execute(resolve, reject):
        eval(act, {"cp": cp, "resolve": resolve})
        raise KeyError("late")

    assert outcome(lambda: P(execute)) == 1


def test_an_executor_that_raises_rejects_and_its_arguments_are_checked():
    assert outcome(lambda: P(lambda: None)) is TypeError
    assert outcome(lambda: P(lambda resolve, _: resolve(1, 2))) is TypeError
    assert outcome(lambda: P(lambda resolve, reject: reject())) is cp.RejectionError
    assert outcome(lambda: P(lambda resolve, reject: resolve(raising))) is raising


# ---- At the wrong moment


def test_run_microtasks_inside_of_a_handler(loop):
    log = []
    p, resolve, _ = resolvers(loop)
    p.then(lambda _: (log.append("a"), loop.run_microtasks(), log.append("c")))
    p.then(lambda _: log.append("b"))
    resolve()
    loop.run_microtasks()
    assert log == ["a", "b", "c"]


def test_close_inside_of_a_handler_of_a_running_loop_is_refused(loop):
    with pytest.raises(RuntimeError, match="stop"):
        loop.run(P(lambda resolve, _: resolve(), loop=loop).then(lambda _: loop.close()))
    assert not loop.is_closed()


def test_close_inside_of_a_handler_while_it_is_driven_happens_afterwards():
    loop, log = cp.Loop(), []
    p, resolve, _ = resolvers(loop)
    p.then(lambda _: loop.close()).then(lambda _: log.append(loop.is_closed()))
    resolve()
    loop.run_microtasks()
    assert log == [False] and loop.is_closed()


def test_run_inside_of_run_is_refused(loop):
    other = cp.Loop()

    async def main():
        for call in (lambda: loop.run(cp.sleep(0)), lambda: cp.run(cp.sleep(0)), lambda: other.run(cp.sleep(0)), loop.run_forever):
            with pytest.raises(RuntimeError, match="await|running"):
                call()
        return "alive"

    assert loop.run(main()) == "alive"
    other.close()


# ---- Hooks


def lose(*reasons):
    def main():
        for reason in reasons:
            P.reject(reason)
        return cp.sleep(0.005, "done")

    return main


def test_a_hook_that_raises_leaves_run(loop):
    loop.on_unhandled_rejection = lambda promise, reason: raising(LookupError("in the hook"))
    with pytest.raises(LookupError, match="in the hook"):
        loop.run(lose(1))


def test_a_hook_of_a_late_catch_that_raises_is_reported_and_harmless(loop, monkeypatch):
    seen = []
    monkeypatch.setattr("sys.unraisablehook", lambda what: seen.append(what.exc_type))
    loop.on_unhandled_rejection = lambda promise, reason: None
    loop.on_rejection_handled = lambda promise: 1 / 0
    p, _, reject = resolvers(loop)
    reject(5)
    loop.run_microtasks()
    assert loop.run(p.catch(lambda r: r + 1)) == 6
    assert seen == [ZeroDivisionError]


def test_a_hook_of_slow_callbacks_that_raises_leaves_run():
    loop = cp.Loop(debug=True)
    loop.slow_callback_duration = 0
    loop.on_slow_callback = lambda what, seconds: 1 / 0
    loop.call_soon(int)
    with pytest.raises(ZeroDivisionError):
        loop.run_forever()
    loop.on_slow_callback = None
    loop.slow_callback_duration = 1e9
    loop.close()


@pytest.mark.parametrize("name", ["on_unhandled_rejection", "on_rejection_handled", "on_slow_callback"])
def test_a_hook_that_cannot_be_called_is_refused(loop, name):
    with pytest.raises(TypeError, match="callable"):
        setattr(loop, name, 5)
    setattr(loop, name, None)
    setattr(loop, name, print)


def test_unhandled_in_each_mode():
    errors = KeyError(1), "text"
    with pytest.raises(cp.UnhandledRejections):
        cp.run(lose(*errors))
    with pytest.raises(cp.UnhandledRejections):
        cp.run(lose(*errors), unhandled="raise")
    assert cp.run(lose(*errors), unhandled="ignore") == "done"
    with pytest.warns(RuntimeWarning, match="nobody handled") as warned:
        assert cp.run(lose(*errors), unhandled="warn") == "done"
    assert len(warned) == 2
    seen = []
    assert cp.run(lose(*errors), unhandled=lambda promise, reason: seen.append(reason)) == "done"
    assert seen == list(errors)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(RuntimeWarning):
            cp.run(lose("only one"), unhandled="warn")


def test_the_mode_of_one_run_is_not_that_of_the_next():
    assert cp.run(lose(1), unhandled="ignore") == "done"
    with pytest.raises(cp.UnhandledRejections):
        cp.run(lose(1))


def test_unhandled_rejections_holds_all_of_a_drain():
    reasons = [KeyError(1), "text", ValueError(2), None, asyncio.CancelledError()]
    with pytest.raises(cp.UnhandledRejections) as caught:
        cp.run(lose(*reasons))
    assert [type(e) for e in caught.value.exceptions] == [KeyError, cp.RejectionError, ValueError, cp.RejectionError]
    assert [e.reason for e in caught.value.exceptions if isinstance(e, cp.RejectionError)] == ["text", None]


# ---- Numbers


@pytest.mark.parametrize("seconds", [-1, -INF, 0, -1e300, -0.0, False, 1e-300])
def test_sleeping_for_nothing_or_less_ends_at_once(seconds):
    assert cp.run(cp.sleep(seconds, "now")) == "now"


@pytest.mark.parametrize("seconds", [INF, 1e300, 1e18, 2**63, 10**300])
def test_sleeping_for_ever_stays_pending_and_can_be_cancelled(seconds):
    async def main():
        p = cp.sleep(seconds)
        q, r = P.resolve(1).delay(seconds), P().timeout(seconds)
        await cp.sleep(0.002)
        assert (p.state, q.state, r.state) == ("pending",) * 3
        assert p.cancel() and q.cancel() and r.cancel()
        return await P.all_settled([p, q, r])

    assert {s["status"] for s in cp.run(main())} == {"rejected"}


# ---- Depth

DEEP = 1_000_000


def test_a_long_chain_of_every_kind_settles_prints_and_dies(loop):
    for link in (lambda p: p.then(), lambda p: p.catch(int), lambda p: p.finally_(int), lambda p: p.tap(str)):
        p, resolve, _ = resolvers(loop)
        q = p
        for _ in range(DEEP // 4):
            q = link(q)
        assert len(repr(q)) < 300
        resolve("through")
        assert loop.run(q) == "through"
        repr(q)
        del p, q


def test_a_long_chain_rejects_all_the_way(loop):
    p, _, reject = resolvers(loop)
    q = p
    for _ in range(DEEP):
        q = q.then(int)
    reject("reason")
    assert loop.run(q.catch(str)) == "reason"


def test_adoption_by_nested_resolve_settles_prints_and_dies(loop):
    triples = [resolvers(loop) for _ in range(DEEP // 4)]
    for (_, resolve, _), (inner, _, _) in zip(triples, triples[1:]):
        resolve(inner)
    loop.run_microtasks()
    first, (_, resolve, _) = triples[0][0], triples[-1]
    assert len(repr(first)) < 300
    resolve("deep")
    del triples, inner
    assert loop.run(first) == "deep"


def test_adoption_that_is_never_settled_dies_without_recursion(loop):
    outer, resolve, _ = resolvers(loop)
    first = outer
    for _ in range(DEEP // 4):
        inner, resolve_inner, _ = resolvers(loop)
        resolve(inner)
        resolve = resolve_inner
    loop.run_microtasks()
    assert first.cancel()
    del first, outer, inner, resolve, resolve_inner


def test_coroutines_nested_by_promises():
    async def nested(n):
        if n:
            await cp.sleep(0) if n % 1000 == 0 else None
            return 1 + await P.resolve().then(lambda _: nested(n - 1))
        return 0

    assert cp.run(nested(10_000)) == 10_000


def test_combinators_nested_deeply_settle_cancel_and_die(loop):
    def nest(p):
        for _ in range(20_000):
            p = P.all([p])
        return p

    async def main():
        p, resolve, _ = P.with_resolvers()
        value = nest(p)
        resolve("core")
        value = await value
        for _ in range(20_000):
            (value,) = value
        assert value == "core"
        q = nest(P())
        assert q.cancel()
        with pytest.raises(asyncio.CancelledError):
            await q
        nest(P())

    loop.run(main())


def test_a_long_chain_is_cancelled_from_its_end(loop):
    p, _, _ = resolvers(loop)
    q = p
    for _ in range(DEEP):
        q = q.then(int)
    assert q.cancel()
    with pytest.raises(asyncio.CancelledError):
        loop.run(q)
    assert p.cancelled()
