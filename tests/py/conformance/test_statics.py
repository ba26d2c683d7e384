"""ECMAScript's Promise(executor), its statics reject, resolve, try_ and with_resolvers, and then, catch and finally_. Each test is named
after its clause. In which tick a thing happens is in test_ticks.py.
"""

import cpromise as cp
import driver
import pytest
from driver import NOT_CALLABLE, REASONS, VALUES, assert_outcome, deferred, each, exceptions, fulfilled, nothing, outcome
from driver import promise_that_settles, raising, rejected, settle, states, thenable, watch, ways

turns = driver.turns

P = cp.Promise


# ---- 27.2.4.6 Promise.reject and 27.2.4.7 Promise.resolve


@each("make", REASONS)
def test_es_27_2_4_6_reject_makes_a_promise_rejected_with_anything(turns, make):
    reason = make()
    promise = P.reject(reason)
    assert promise.state == "rejected" and promise is not reason
    assert_outcome(turns, promise, "rejected", reason)


def test_es_27_2_4_6_and_7_the_argument_can_be_left_out(turns):
    assert outcome(turns, P.reject()) == ("rejected", None)
    assert outcome(turns, P.resolve()) == ("fulfilled", None)


@states
@ways
def test_es_27_2_4_7_1_resolve_returns_a_promise_as_it_is(turns, state, way):
    promise, _ = promise_that_settles(turns, way, state, 1)
    assert P.resolve(promise) is promise
    assert not any(P.resolve(promise.then()) is one for one in (promise, promise.then()))


@each("make", VALUES)
def test_es_27_2_4_7_1_resolve_fulfils_with_a_value_at_once(turns, make):
    value = make()
    promise = P.resolve(value)
    assert promise.state == "fulfilled"
    assert_outcome(turns, promise, "fulfilled", value)


@states
def test_es_27_2_4_7_1_resolve_adopts_a_thenable_in_a_later_job(turns, state):
    promise = P.resolve(thenable(state, "outcome"))
    assert promise.state == "pending"
    assert_outcome(turns, promise, state, "outcome")
    assert P.resolve(promise) is promise


# ---- 27.2.3.1 Promise(executor)


@each("make", VALUES)
def test_es_27_2_3_1_the_executor_runs_at_once_and_what_it_returns_is_ignored(turns, make):
    log = []

    def executor(*settlers):
        log.append(settlers)
        return make()

    promise = P(executor)
    ((resolve, reject),) = log
    assert outcome(turns, promise) == ("pending", None)
    assert resolve() is None and reject() is None
    assert outcome(turns, promise) == ("fulfilled", None)


@exceptions
def test_es_27_2_3_1_an_executor_that_raises_rejects_unless_it_has_settled(turns, make_error):
    error = make_error()
    assert_outcome(turns, P(raising(error)), "rejected", error)
    for act in (lambda resolve, reject: resolve("first"), lambda resolve, reject: resolve(fulfilled("first"))):
        promise = P(lambda resolve, reject, act=act: (act(resolve, reject), raising(error)()))
        assert outcome(turns, promise) == ("fulfilled", "first")


@each("executor", {name: one for name, one in NOT_CALLABLE.items() if one is not None})
def test_es_27_2_3_1_an_executor_must_be_callable(turns, executor):
    with pytest.raises(TypeError):
        P(executor)


# ---- 27.2.4.8 Promise.try


def test_es_27_2_4_8_try_calls_the_function_at_once_with_its_arguments(turns):
    calls = []

    def fn(*args, **kwargs):
        calls.append((args, kwargs))
        return "value"

    promise = P.try_(fn, 1, None, key="word")
    assert calls == [((1, None), {"key": "word"})]
    assert (type(promise), promise.state, promise.peek()) == (P, "fulfilled", "value")
    P.try_(fn)
    assert calls[1:] == [((), {})]


@each("make", VALUES)
def test_es_27_2_4_8_try_fulfils_with_what_the_function_returns(turns, make):
    value = make()
    assert_outcome(turns, P.try_(lambda: value), "fulfilled", value)


@exceptions
def test_es_27_2_4_8_try_rejects_with_what_the_function_raises(turns, make_error):
    error = make_error()
    promise = P.try_(raising(error))
    assert promise.state == "rejected"
    assert_outcome(turns, promise, "rejected", error)


@states
@ways
def test_es_27_2_4_8_try_adopts_a_promise_and_is_another_one(turns, state, way):
    inner, go = promise_that_settles(turns, way, state, "outcome")
    promise = P.try_(lambda: inner)
    assert promise is not inner and promise.state == "pending"
    go()
    assert_outcome(turns, promise, state, "outcome")


@states
def test_es_27_2_4_8_try_adopts_a_thenable(turns, state):
    assert_outcome(turns, P.try_(thenable, state, "outcome"), state, "outcome")


@each("fn", NOT_CALLABLE)
def test_es_27_2_4_8_try_of_what_cannot_be_called_rejects_with_a_type_error(turns, fn):
    state, reason = outcome(turns, P.try_(fn))
    assert (state, type(reason)) == ("rejected", TypeError)


# ---- 27.2.4.9 Promise.withResolvers


def test_es_27_2_4_9_with_resolvers_gives_a_pending_promise_and_its_functions(turns):
    three = P.with_resolvers()
    assert type(three) is tuple
    promise, resolve, reject = three
    assert (type(promise), promise.state) == (P, "pending")
    assert callable(resolve) and callable(reject) and resolve is not reject
    assert outcome(turns, promise) == ("pending", None)
    assert P.with_resolvers()[0] is not promise


@each("make", VALUES)
def test_es_27_2_4_9_with_resolvers_resolve_fulfils(turns, make):
    promise, resolve, reject = P.with_resolvers()
    value = make()
    assert resolve(value) is None
    resolve("second")
    reject("third")
    assert_outcome(turns, promise, "fulfilled", value)


@each("make", REASONS)
def test_es_27_2_4_9_with_resolvers_reject_rejects(turns, make):
    promise, resolve, reject = P.with_resolvers()
    reason = make()
    assert reject(reason) is None
    reject("second")
    resolve("third")
    assert_outcome(turns, promise, "rejected", reason)


@states
def test_es_27_2_4_9_with_resolvers_resolve_adopts_and_the_argument_can_be_left_out(turns, state):
    promise, resolve, _ = P.with_resolvers()
    resolve(thenable(state, "outcome"))
    assert_outcome(turns, promise, state, "outcome")
    d = deferred()
    settle(d, state, None)
    promise, resolve, reject = P.with_resolvers()
    (resolve if state == "fulfilled" else reject)()
    assert outcome(turns, promise) == outcome(turns, d.promise) == (state, None)


# ---- 27.2.5.1 catch


@ways
@each("make", REASONS)
def test_es_27_2_5_1_catch_is_then_with_a_handler_of_rejections_only(turns, way, make):
    reason, calls = make(), []
    bad, go = promise_that_settles(turns, way, "rejected", reason)
    child = bad.catch(lambda got: calls.append(got) or "caught")
    passed = fulfilled("value").catch(raising(KeyError()))
    go()
    assert outcome(turns, child) == ("fulfilled", "caught")
    assert len(calls) == 1 and calls[0] is reason
    assert outcome(turns, passed) == ("fulfilled", "value")


@each("handler", NOT_CALLABLE)
def test_es_27_2_5_1_catch_ignores_a_handler_that_is_not_callable(turns, handler):
    assert outcome(turns, rejected("reason").catch(handler)) == ("rejected", "reason")


# ---- 27.2.5.3 finally


@states
@ways
@each("make", VALUES)
def test_es_27_2_5_3_finally_keeps_the_outcome_and_gets_no_argument(turns, state, way, make):
    value, calls = make(), []
    promise, go = promise_that_settles(turns, way, state, value)
    child = promise.finally_(lambda *args, **kwargs: calls.append((args, kwargs)))
    assert child is not promise and child.state == "pending"
    go()
    assert_outcome(turns, child, state, value)
    assert calls == [((), {})]


@each("make", REASONS)
def test_es_27_2_5_3_finally_keeps_any_reason(turns, make):
    reason = make()
    assert_outcome(turns, rejected(reason).finally_(nothing), "rejected", reason)


@states
@each("make", VALUES)
def test_es_27_2_5_3_1_what_the_function_returns_is_dropped(turns, state, make):
    child = promise_that_settles(turns, "already", state, "kept")[0].finally_(make)
    assert_outcome(turns, child, state, "kept")


@states
@ways
def test_es_27_2_5_3_1_finally_waits_for_a_promise_and_drops_its_value(turns, state, way):
    inner, go = promise_that_settles(turns, way, "fulfilled", "dropped")
    child = promise_that_settles(turns, "already", state, "kept")[0].finally_(lambda: inner)
    watch(child)
    turns.turn()
    assert child.state == ("pending" if way not in ("already", "before then") else state)
    go()
    assert_outcome(turns, child, state, "kept")


@states
@ways
@each("make", REASONS)
def test_es_27_2_5_3_1_a_rejection_of_what_the_function_returns_takes_the_place_of_the_outcome(turns, state, way, make):
    reason = make()
    inner, go = promise_that_settles(turns, way, "rejected", reason)
    child = promise_that_settles(turns, "already", state, "replaced")[0].finally_(lambda: inner)
    go()
    assert_outcome(turns, child, "rejected", reason)


@states
def test_es_27_2_5_3_1_finally_waits_for_a_thenable(turns, state):
    good = promise_that_settles(turns, "already", state, "kept")[0].finally_(lambda: thenable("fulfilled", "dropped"))
    bad = promise_that_settles(turns, "already", state, "replaced")[0].finally_(lambda: thenable("rejected", "reason"))
    assert outcome(turns, good) == (state, "kept")
    assert outcome(turns, bad) == ("rejected", "reason")


@states
@exceptions
def test_es_27_2_5_3_1_what_the_function_raises_takes_the_place_of_the_outcome(turns, state, make_error):
    error = make_error()
    child = promise_that_settles(turns, "already", state, "replaced")[0].finally_(raising(error))
    assert_outcome(turns, child, "rejected", error)


@states
@each("handler", NOT_CALLABLE)
def test_es_27_2_5_3_finally_passes_the_outcome_where_its_argument_is_not_callable(turns, state, handler):
    child = promise_that_settles(turns, "already", state, "outcome")[0].finally_(handler)
    assert outcome(turns, child) == (state, "outcome")


@states
def test_es_27_2_5_3_functions_of_a_chain_run_in_order_and_once(turns, state):
    log = []
    promise, _ = promise_that_settles(turns, "already", state, "kept")
    for i in range(4):
        promise = promise.finally_(lambda i=i: log.append(i))
    assert outcome(turns, promise) == (state, "kept")
    assert log == [0, 1, 2, 3]


# ---- 27.2.5.4.1 and 27.2.1.9 Rejections that nobody handles


def test_es_27_2_1_9_a_rejection_is_reported_once_and_its_late_handler_as_well(turns):
    seen, handled = [], []
    turns.loop.on_unhandled_rejection = lambda promise, reason: seen.append((promise, reason))
    turns.loop.on_rejection_handled = handled.append
    d = deferred()
    child = d.promise.then(nothing)
    d.reject("reason")
    assert seen == []
    turns.drain()
    turns.drain()
    assert (seen, handled) == ([(child, "reason")], [])
    child.catch(nothing)
    child.catch(nothing)
    turns.drain()
    assert handled == [child]


def test_es_27_2_1_9_a_handler_within_the_same_drain_is_soon_enough(turns):
    seen = []
    turns.loop.on_unhandled_rejection = lambda promise, reason: seen.append(promise)
    bad = rejected("reason")
    fulfilled().then(lambda _: None).then(lambda _: bad.catch(nothing) and None)
    turns.drain()
    assert seen == []
