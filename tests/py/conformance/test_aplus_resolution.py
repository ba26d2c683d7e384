"""Promises/A+ 1.1, clause 2.3: what it means to resolve a promise with x. Each test is named after its clause.

Python's adaptions: a function is whatever is callable; every object but a plain value (None, a number, a str, bytes, list, tuple, dict or
class) can be a thenable; a thenable's `then` is called as Python calls an attribute, so that a method has its object.
"""

import cpromise as cp
import driver
import pytest
from driver import NOT_CALLABLE, REASONS, VALUES, Plain, Thenable, assert_outcome, deferred, each, exceptions, fulfilled, nothing
from driver import outcome, promise_that_settles, raising, rejected, settle, states, thenable, watch, ways

turns = driver.turns


def by_resolve(x):
    d = deferred()
    d.resolve(x)
    return d.promise


# The ways in which a promise comes to be resolved with x.
ROUTES = {
    "resolve": by_resolve,
    "executor": lambda x: cp.Promise(lambda resolve, reject: resolve(x)),
    "on_fulfilled": lambda x: fulfilled().then(lambda _: x),
    "on_rejected": lambda x: rejected().then(None, lambda _: x),
    "Promise.resolve": fulfilled,
    "another thenable": lambda x: by_resolve(Thenable(lambda resolve, reject: resolve(x))),
}
routes = each("route", ROUTES)


# ---- Things that settle in the end with a state and a value


def pick(state, resolve, reject):
    return resolve if state == "fulfilled" else reject


def settled_promise(turns, state, value):
    return fulfilled(value) if state == "fulfilled" else rejected(value)


def later_promise(turns, state, value):
    d = deferred()
    turns.later(settle, d, state, value)
    return d.promise


def adopting_promise(turns, state, value):
    return by_resolve(later_promise(turns, state, value))


def thenable_at_once(turns, state, value):
    return thenable(state, value)


def thenable_in_a_job(turns, state, value):
    return Thenable(lambda resolve, reject: turns.job(pick(state, resolve, reject), value))


def thenable_in_a_later_turn(turns, state, value):
    return Thenable(lambda resolve, reject: turns.later(pick(state, resolve, reject), value))


def thenable_that_repeats_itself(turns, state, value):
    def then(resolve, reject):
        for other in (value, "second", "third"):
            pick(state, resolve, reject)(other)

    return Thenable(then)


def thenable_that_tries_both(turns, state, value):
    def then(resolve, reject):
        pick(state, resolve, reject)(value)
        pick(state, reject, resolve)("second")

    return Thenable(then)


def thenable_that_raises_after_all(turns, state, value):
    def then(resolve, reject):
        pick(state, resolve, reject)(value)
        raise KeyError("ignored")

    return Thenable(then)


def object_with_an_attribute(turns, state, value):
    x = Plain()
    x.then = lambda resolve, reject: pick(state, resolve, reject)(value)
    return x


def object_with_a_method(turns, state, value):
    class WithMethod:
        def then(self, resolve, reject):
            pick(state, resolve, reject)(value)

    return WithMethod()


def object_with_getattr(turns, state, value):
    class WithGetattr:
        def __getattr__(self, name):
            if name != "then":
                raise AttributeError(name)
            return lambda resolve, reject: pick(state, resolve, reject)(value)

    return WithGetattr()


def function_with_then(turns, state, value):
    def x():
        raise AssertionError("only its `then` is called")

    x.then = lambda resolve, reject: pick(state, resolve, reject)(value)
    return x


def thenable_with_the_then_of_a_promise(turns, state, value):
    return Thenable(settled_promise(turns, state, value).then)


THENABLES = [
    thenable_at_once,
    thenable_in_a_job,
    thenable_in_a_later_turn,
    thenable_that_repeats_itself,
    thenable_that_tries_both,
    thenable_that_raises_after_all,
    object_with_an_attribute,
    object_with_a_method,
    object_with_getattr,
    function_with_then,
    thenable_with_the_then_of_a_promise,
]
PROMISES = [settled_promise, later_promise, adopting_promise]
promises = pytest.mark.parametrize("maker", PROMISES)
thenables = pytest.mark.parametrize("maker", THENABLES)


# ---- 2.3.1 The promise itself


def test_2_3_1_resolving_a_promise_with_itself_rejects_it_with_a_type_error(turns):
    d = deferred()
    d.resolve(d.promise)
    state, reason = outcome(turns, d.promise)
    assert (state, type(reason)) == ("rejected", TypeError)


@states
@ways
def test_2_3_1_a_handler_that_returns_its_own_promise_rejects_it_with_a_type_error(turns, state, way):
    promise, go = promise_that_settles(turns, way, state, None)
    child = promise.then(lambda _: child, lambda _: child)
    go()
    got, reason = outcome(turns, child)
    assert (got, type(reason)) == ("rejected", TypeError)


def test_2_3_1_a_thenable_that_hands_the_promise_to_itself_rejects_it_with_a_type_error(turns):
    d = deferred()
    d.resolve(Thenable(lambda resolve, reject: resolve(d.promise)))
    state, reason = outcome(turns, d.promise)
    assert (state, type(reason)) == ("rejected", TypeError)


def test_2_3_1_promises_that_wait_for_each_other_stay_pending(turns):
    one, other = deferred(), deferred()
    one.resolve(other.promise)
    other.resolve(one.promise)
    assert outcome(turns, one.promise) == outcome(turns, other.promise) == ("pending", None)


# ---- 2.3.2 A promise


@routes
def test_2_3_2_1_a_promise_stays_pending_as_long_as_the_one_it_was_resolved_with(turns, route):
    x = deferred()
    promise = route(x.promise)
    assert outcome(turns, promise) == ("pending", None)
    assert promise.state == "pending"


@routes
@ways
@each("make", VALUES)
def test_2_3_2_2_it_fulfils_with_the_same_value(turns, route, way, make):
    value = make()
    x, go = promise_that_settles(turns, way, "fulfilled", value)
    promise = route(x)
    go()
    assert_outcome(turns, promise, "fulfilled", value)


@routes
@ways
@each("make", REASONS)
def test_2_3_2_3_it_rejects_with_the_same_reason(turns, route, way, make):
    reason = make()
    x, go = promise_that_settles(turns, way, "rejected", reason)
    promise = route(x)
    go()
    assert_outcome(turns, promise, "rejected", reason)


@promises
@states
def test_2_3_2_the_first_resolution_counts_while_it_is_still_pending(turns, maker, state):
    d = deferred()
    d.resolve(maker(turns, state, "first"))
    d.resolve("second")
    d.reject("third")
    assert_outcome(turns, d.promise, state, "first")


# ---- 2.3.3.1 and 2.3.3.2 The attribute `then`


@routes
@states
def test_2_3_3_1_then_is_read_once(turns, route, state):
    x = thenable_at_once(turns, state, "outcome")
    assert_outcome(turns, route(x), state, "outcome")
    assert x.reads == 1


@routes
@each("then", NOT_CALLABLE)
def test_2_3_3_1_then_is_read_once_also_where_it_is_not_callable(turns, route, then):
    x = Thenable(then)
    assert_outcome(turns, route(x), "fulfilled", x)
    assert x.reads == 1


def test_2_3_3_1_then_is_read_by_the_resolution_and_called_in_a_job_of_its_own(turns):
    calls = []
    x = Thenable(lambda *settlers: calls.append(len(settlers)))
    by_resolve(x)
    x.act = None
    assert (x.reads, calls) == (1, [])
    assert turns.loop.run_microtasks() == 1
    assert (x.reads, calls) == (1, [2])


@routes
@exceptions
def test_2_3_3_2_what_the_reading_of_then_raises_rejects(turns, route, make_error):
    error = make_error()
    x = type("Refuses", (), {"then": property(raising(error))})()
    assert_outcome(turns, route(x), "rejected", error)


# ---- 2.3.3.3 The call of `then`


def test_2_3_3_3_a_method_then_gets_its_object_and_two_functions(turns):
    calls = []

    class WithMethod:
        def then(self, *args, **kwargs):
            calls.append((self, args, kwargs))

    x = WithMethod()
    promise = by_resolve(x)
    assert outcome(turns, promise) == ("pending", None)
    ((self, (resolve, reject), kwargs),) = calls
    assert self is x and kwargs == {}
    assert callable(resolve) and callable(reject)
    assert resolve("value") is None and reject("reason") is None
    assert_outcome(turns, promise, "fulfilled", "value")


@routes
@each("make", VALUES)
def test_2_3_3_3_1_a_value_that_is_no_thenable_fulfils(turns, route, make):
    value = make()
    assert_outcome(turns, route(thenable_at_once(turns, "fulfilled", value)), "fulfilled", value)


@routes
@states
@pytest.mark.parametrize("maker", PROMISES + THENABLES)
@pytest.mark.parametrize("outer", THENABLES)
def test_2_3_3_3_1_a_promise_or_thenable_is_resolved_in_turn(turns, route, state, maker, outer):
    value = Plain()
    promise = route(outer(turns, "fulfilled", maker(turns, state, value)))
    assert_outcome(turns, promise, state, value)


@states
@thenables
def test_2_3_3_3_1_thenables_of_thenables_are_followed_to_the_end(turns, state, maker):
    x = value = Plain()
    for depth in range(20):
        x = maker(turns, "fulfilled" if depth else state, x)
    assert_outcome(turns, by_resolve(x), state, value)


@thenables
@each("make", REASONS)
@routes
def test_2_3_3_3_2_a_reason_rejects_as_it_is(turns, maker, make, route):
    reason = make()
    assert_outcome(turns, route(maker(turns, "rejected", reason)), "rejected", reason)


# What a thenable does first, with the outcome that follows from it; what it tries afterwards must not matter.
FIRST_CALLS = {
    "resolve": (lambda turns, resolve, reject: resolve("first"), "fulfilled"),
    "reject": (lambda turns, resolve, reject: reject("first"), "rejected"),
    "resolve with a fulfilled promise": (lambda turns, resolve, reject: resolve(fulfilled("first")), "fulfilled"),
    "resolve with a rejected promise": (lambda turns, resolve, reject: resolve(rejected("first")), "rejected"),
    "resolve with a later promise": (lambda turns, resolve, reject: resolve(later_promise(turns, "fulfilled", "first")), "fulfilled"),
    "resolve with a promise that rejects": (lambda turns, resolve, reject: resolve(later_promise(turns, "rejected", "first")), "rejected"),
    "resolve with a thenable": (lambda turns, resolve, reject: resolve(thenable_in_a_job(turns, "fulfilled", "first")), "fulfilled"),
    "resolve with one that rejects": (lambda turns, resolve, reject: resolve(thenable_at_once(turns, "rejected", "first")), "rejected"),
}
SECOND_CALLS = {
    "resolve": lambda resolve, reject: resolve("second"),
    "reject": lambda resolve, reject: reject("second"),
    "resolve with a promise": lambda resolve, reject: resolve(fulfilled("second")),
    "resolve with a rejected promise": lambda resolve, reject: resolve(rejected("second")),
    "resolve with a thenable": lambda resolve, reject: resolve(Thenable(lambda resolve, reject: resolve("second"))),
}
first_calls = each("first, state", FIRST_CALLS)
whens = pytest.mark.parametrize("when", ["at once", "in a job", "in a later turn"])


def arrange(turns, when, fn, *args):
    {"at once": lambda: fn(*args), "in a job": lambda: turns.job(fn, *args), "in a later turn": lambda: turns.later(fn, *args)}[when]()


@first_calls
@each("second", SECOND_CALLS)
@whens
def test_2_3_3_3_3_the_first_call_counts_and_others_are_ignored(turns, first, state, second, when):
    def then(resolve, reject):
        first(turns, resolve, reject)
        arrange(turns, when, second, resolve, reject)

    assert_outcome(turns, by_resolve(Thenable(then)), state, "first")


@first_calls
def test_2_3_3_3_3_also_where_the_calls_come_after_then_has_returned(turns, first, state):
    def then(resolve, reject):
        turns.later(first, turns, resolve, reject)
        for second in SECOND_CALLS.values():
            turns.later(second, resolve, reject)

    assert_outcome(turns, by_resolve(Thenable(then)), state, "first")


def test_2_3_3_3_3_the_pairs_of_nested_thenables_are_apart(turns):
    outer_pair = []

    def then(resolve, reject):
        outer_pair.extend((resolve, reject))
        resolve(Thenable(lambda resolve, reject: turns.later(resolve, "inner")))

    promise = by_resolve(Thenable(then))
    turns.turn()
    outer_pair[0]("outer")
    outer_pair[1]("outer")
    assert_outcome(turns, promise, "fulfilled", "inner")


@first_calls
@exceptions
def test_2_3_3_3_4_1_what_then_raises_after_a_call_is_ignored(turns, first, state, make_error):
    def then(resolve, reject):
        first(turns, resolve, reject)
        raise make_error()

    assert_outcome(turns, by_resolve(Thenable(then)), state, "first")


@routes
@exceptions
def test_2_3_3_3_4_2_what_then_raises_before_any_call_rejects(turns, route, make_error):
    error = make_error()
    assert_outcome(turns, route(Thenable(raising(error))), "rejected", error)


@each("second", SECOND_CALLS)
@pytest.mark.parametrize("when", ["in a job", "in a later turn"])
def test_2_3_3_3_4_2_calls_after_then_has_raised_are_ignored(turns, second, when):
    error = ValueError("first")

    def then(resolve, reject):
        arrange(turns, when, second, resolve, reject)
        raise error

    assert_outcome(turns, by_resolve(Thenable(then)), "rejected", error)


# ---- 2.3.3.4 and 2.3.4 Everything else


@routes
@each("then", NOT_CALLABLE)
def test_2_3_3_4_an_object_whose_then_is_not_callable_fulfils(turns, route, then):
    x = Plain()
    x.then = then
    assert_outcome(turns, route(x), "fulfilled", x)


@routes
@each("make", VALUES)
def test_2_3_4_a_value_that_is_no_thenable_fulfils(turns, route, make):
    value = make()
    assert_outcome(turns, route(value), "fulfilled", value)


@routes
def test_2_3_4_a_class_is_no_thenable_even_if_its_objects_are(turns, route):
    class Maker:
        @classmethod
        def then(cls, resolve, reject):
            raise AssertionError("a class is a plain value")

    assert_outcome(turns, route(Maker), "fulfilled", Maker)


@routes
def test_2_3_4_an_attribute_error_from_the_reading_of_then_means_that_there_is_none(turns, route):
    x = type("Without", (), {"then": property(raising(AttributeError("then")))})()
    assert_outcome(turns, route(x), "fulfilled", x)


def test_2_3_4_a_plain_value_needs_no_job(turns):
    d = deferred()
    calls = watch(d.promise)
    d.resolve(nothing)
    assert d.promise.state == "fulfilled" and calls == []
    assert turns.loop.run_microtasks() == 1
    assert calls == [("fulfilled", nothing)]
