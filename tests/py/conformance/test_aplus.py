"""Promises/A+ 1.1, clauses 2.1 and 2.2: the states, and `then`. Each test is named after its clause; 2.3 is in test_aplus_resolution.py.

Python's adaptions: a function is whatever is callable; any object may be a reason.
Clause 2.2.5 (handlers are called without a `this`) does not apply to Python.
"""

import cpromise as cp
import driver
import pytest
from driver import NOT_CALLABLE, REASONS, VALUES, Plain, Thenable, assert_outcome, deferred, each, exceptions, fulfilled, nothing
from driver import promise_that_settles, raising, rejected, settle, states, watch, ways

turns = driver.turns


def then_on(promise, state, handler):
    """then() with a handler for that outcome and none for the other."""
    return promise.then(handler) if state == "fulfilled" else promise.then(None, handler)


# ---- 2.1 States


def test_2_1_1_1_a_pending_promise_may_become_fulfilled_or_rejected(turns):
    good, bad, never = three = deferred(), deferred(), deferred()
    assert [d.promise.state for d in three] == ["pending"] * 3
    good.resolve()
    bad.reject()
    turns.drain()
    assert [d.promise.state for d in three] == ["fulfilled", "rejected", "pending"]


SECOND_TRIES = {
    "resolve": lambda d: d.resolve("other"),
    "reject": lambda d: d.reject("other"),
    "resolve with a promise": lambda d: d.resolve(fulfilled("other")),
    "resolve with a rejected promise": lambda d: d.resolve(rejected("other")),
    "resolve with itself": lambda d: d.resolve(d.promise),
    "resolve with a thenable": lambda d: d.resolve(Thenable(lambda resolve, reject: resolve("other"))),
}
tried_again = each("again", SECOND_TRIES)
whens = pytest.mark.parametrize("when", ["at once", "in a job", "in a later turn"])


def try_again(turns, when, again, d):
    {"at once": lambda fn, *args: fn(*args), "in a job": turns.job, "in a later turn": turns.later}[when](again, d)
    turns.drain()


@tried_again
@whens
def test_2_1_2_1_a_fulfilled_promise_never_changes_state(turns, again, when):
    d = deferred()
    calls = watch(d.promise)
    d.resolve("first")
    try_again(turns, when, again, d)
    assert d.promise.state == "fulfilled"
    assert [state for state, _ in calls + watch_later(turns, d.promise)] == ["fulfilled"] * 2


@each("make", VALUES)
@tried_again
def test_2_1_2_2_a_fulfilled_promise_keeps_the_very_value(turns, make, again):
    d, value = deferred(), make()
    d.resolve(value)
    assert d.promise.peek() is value
    try_again(turns, "in a later turn", again, d)
    assert_outcome(turns, d.promise, "fulfilled", value)


@tried_again
@whens
def test_2_1_3_1_a_rejected_promise_never_changes_state(turns, again, when):
    d = deferred()
    calls = watch(d.promise)
    d.reject("first")
    try_again(turns, when, again, d)
    assert d.promise.state == "rejected"
    assert [state for state, _ in calls + watch_later(turns, d.promise)] == ["rejected"] * 2


@each("make", REASONS)
@tried_again
def test_2_1_3_2_a_rejected_promise_keeps_the_very_reason(turns, make, again):
    d, reason = deferred(), make()
    d.reject(reason)
    assert d.promise.peek() is reason
    try_again(turns, "in a later turn", again, d)
    assert_outcome(turns, d.promise, "rejected", reason)


def watch_later(turns, promise):
    calls = watch(promise)
    turns.drain()
    return calls


# ---- 2.2.1 Both arguments are optional


@each("handler", NOT_CALLABLE)
@ways
def test_2_2_1_1_an_on_fulfilled_that_is_not_callable_is_ignored(turns, handler, way):
    promise, go = promise_that_settles(turns, way, "rejected", "reason")
    calls = []
    children = [promise.then(handler, calls.append), promise.then(handler).then(handler, calls.append)]
    go()
    turns.drain()
    assert calls == ["reason"] * 2
    assert [child.state for child in children] == ["fulfilled"] * 2


@each("handler", NOT_CALLABLE)
@ways
def test_2_2_1_2_an_on_rejected_that_is_not_callable_is_ignored(turns, handler, way):
    promise, go = promise_that_settles(turns, way, "fulfilled", "value")
    calls = []
    children = [promise.then(calls.append, handler), promise.then(None, handler).then(calls.append, handler)]
    go()
    turns.drain()
    assert calls == ["value"] * 2
    assert [child.state for child in children] == ["fulfilled"] * 2


# ---- 2.2.2 and 2.2.3 When, how often and with what a handler is called


def check_argument(turns, state, way, make):
    value, calls = make(), []
    promise, go = promise_that_settles(turns, way, state, value)
    then_on(promise, state, lambda *args, **kwargs: calls.append((promise.state, args, kwargs)))
    go()
    turns.drain()
    ((seen, args, kwargs),) = calls
    assert (seen, len(args), kwargs) == (state, 1, {})
    assert args[0] is value


@each("make", VALUES)
@ways
def test_2_2_2_1_on_fulfilled_is_called_after_fulfilment_with_the_value(turns, make, way):
    check_argument(turns, "fulfilled", way, make)


@each("make", REASONS)
@ways
def test_2_2_3_1_on_rejected_is_called_after_rejection_with_the_reason(turns, make, way):
    check_argument(turns, "rejected", way, make)


def check_not_before(turns, state):
    d, calls = deferred(), []
    then_on(d.promise, state, calls.append)
    turns.drain()
    assert calls == []
    settle(d, state, "outcome")
    assert calls == []
    turns.drain()
    assert calls == ["outcome"]


def test_2_2_2_2_on_fulfilled_is_not_called_before_fulfilment(turns):
    check_not_before(turns, "fulfilled")


def test_2_2_3_2_on_rejected_is_not_called_before_rejection(turns):
    check_not_before(turns, "rejected")


def check_once(turns, state, way, times):
    promise, go = promise_that_settles(turns, way, state, "outcome")
    calls = []
    for i in range(times):
        then_on(promise, state, lambda _, i=i: calls.append(i))
    go()
    go()
    turns.drain()
    then_on(promise, state, lambda _: calls.append("late"))
    turns.drain()
    turns.drain()
    assert calls == [*range(times), "late"]


@ways
@pytest.mark.parametrize("times", [1, 2, 5])
def test_2_2_2_3_on_fulfilled_is_called_once(turns, way, times):
    check_once(turns, "fulfilled", way, times)


@ways
@pytest.mark.parametrize("times", [1, 2, 5])
def test_2_2_3_3_on_rejected_is_called_once(turns, way, times):
    check_once(turns, "rejected", way, times)


@ways
def test_2_2_2_and_2_2_3_only_the_handler_of_the_outcome_is_called(turns, way):
    for state in ("fulfilled", "rejected"):
        promise, go = promise_that_settles(turns, way, state, 1)
        calls = watch(promise)
        go()
        turns.drain()
        assert calls == [(state, 1)]


# ---- 2.2.4 Handlers run on an empty stack


@ways
@states
def test_2_2_4_then_returns_before_any_handler_runs(turns, way, state):
    promise, go = promise_that_settles(turns, way, state, None)
    calls = watch(promise)
    assert calls == []
    go()
    assert calls == []
    turns.drain()
    assert len(calls) == 1


@states
def test_2_2_4_nothing_runs_until_the_loop_is_asked_and_then_one_job(turns, state):
    d = deferred()
    calls = watch(d.promise)
    assert not turns.loop.has_pending() and turns.loop.run_microtasks() == 0
    settle(d, state, "outcome")
    assert turns.loop.has_pending() and calls == []
    assert turns.loop.run_microtasks() == 1
    assert calls == [(state, "outcome")] and not turns.loop.has_pending()


@states
def test_2_2_4_a_handler_ends_before_those_begin_that_it_causes(turns, state):
    log, other = [], deferred()
    then_on(other.promise, state, lambda _: log.append("other"))

    def handler(_):
        then_on(promise, state, lambda _: log.append("inner"))
        settle(other, state, None)
        log.append("end of the outer")

    promise, _ = promise_that_settles(turns, "already", state, None)
    then_on(promise, state, handler)
    turns.drain()
    assert log == ["end of the outer", "inner", "other"]


@states
def test_2_2_4_an_executor_or_a_thenable_that_settles_calls_no_handler_itself(turns, state):
    log, d = [], deferred()
    then_on(d.promise, state, lambda _: log.append("handler"))

    def act(resolve, reject):
        settle(d, state, None)
        log.append("executor")

    cp.Promise(act)
    assert log == ["executor"]
    turns.drain()
    assert log == ["executor", "handler"]


# ---- 2.2.6 Several handlers


def check_order(turns, state, way):
    log = []
    promise, go = promise_that_settles(turns, way, state, "outcome")

    def first(_):
        log.append(1)
        then_on(promise, state, lambda value: log.append((4, value)))
        return "other"

    children = [then_on(promise, state, first), then_on(promise, state, raising(KeyError(2)))]
    then_on(promise, state, lambda value: log.append((3, value)))
    go()
    turns.drain()
    assert log == [1, (3, "outcome"), (4, "outcome")], "neither a result nor an error of a handler reaches the others"
    assert (children[0].peek(), type(children[1].peek())) == ("other", KeyError)


@ways
def test_2_2_6_1_handlers_of_a_fulfilled_promise_run_in_the_order_of_their_then(turns, way):
    check_order(turns, "fulfilled", way)


@ways
def test_2_2_6_2_handlers_of_a_rejected_promise_run_in_the_order_of_their_then(turns, way):
    check_order(turns, "rejected", way)


@states
def test_2_2_6_handlers_from_before_and_after_the_settlement_keep_their_order(turns, state):
    d, log = deferred(), []
    for i in range(6):
        if i == 3:
            settle(d, state, None)
        then_on(d.promise, state, lambda _, i=i: log.append(i))
    turns.drain()
    assert log == [0, 1, 2, 3, 4, 5]


# ---- 2.2.7 then returns a promise


@ways
@states
def test_2_2_7_then_returns_a_new_pending_promise(turns, way, state):
    promise, _ = promise_that_settles(turns, way, state, None)
    children = [promise.then(), promise.then(nothing), promise.then(None, nothing), promise.then(nothing, nothing)]
    assert [type(child) for child in children] == [cp.Promise] * 4
    assert [child.state for child in children] == ["pending"] * 4
    assert len({id(one) for one in (promise, *children)}) == 5


@each("make", VALUES)
@states
@ways
def test_2_2_7_1_what_a_handler_returns_fulfils_the_child(turns, make, state, way):
    value = make()
    promise, go = promise_that_settles(turns, way, state, "of the parent")
    child = then_on(promise, state, lambda _: value)
    go()
    assert_outcome(turns, child, "fulfilled", value)


@exceptions
@states
@ways
def test_2_2_7_2_what_a_handler_raises_rejects_the_child(turns, make_error, state, way):
    error = make_error()
    promise, go = promise_that_settles(turns, way, state, "of the parent")
    child = then_on(promise, state, raising(error))
    go()
    assert_outcome(turns, child, "rejected", error)


@each("handler", NOT_CALLABLE)
@ways
def test_2_2_7_3_without_on_fulfilled_the_value_passes_through(turns, handler, way):
    value = Plain()
    promise, go = promise_that_settles(turns, way, "fulfilled", value)
    child = promise.then(handler, raising(KeyError()))
    go()
    assert_outcome(turns, child, "fulfilled", value)


@each("handler", NOT_CALLABLE)
@ways
def test_2_2_7_4_without_on_rejected_the_reason_passes_through(turns, handler, way):
    reason = Plain()
    promise, go = promise_that_settles(turns, way, "rejected", reason)
    child = promise.then(raising(KeyError()), handler)
    go()
    assert_outcome(turns, child, "rejected", reason)


@each("make", REASONS)
def test_2_2_7_4_any_reason_passes_through_as_it_is(turns, make):
    reason = make()
    assert_outcome(turns, rejected(reason).then(nothing).then().then(None, None), "rejected", reason)
