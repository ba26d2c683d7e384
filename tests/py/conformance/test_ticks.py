"""The order of jobs is ECMAScript's, tick for tick: in which tick a reaction on each kind of promise runs, and in which order within one.

The numbers follow from the clauses in the names and are those that an ECMAScript engine shows, counted from the call that makes the
promise. One tick is what a handler on a settled promise waits.
"""

import cpromise as cp
import driver
import pytest
from driver import Thenable, Ticks, deferred, fulfilled, nothing, raising, rejected, thenable

turns = driver.turns

P = cp.Promise


def value():
    return thenable("fulfilled", 1)


def resolved_with(x):
    d = deferred()
    d.resolve(x)
    return d.promise


def check(turns, make, tick, state):
    ticks = Ticks()
    ticks.watch(make(), "it")
    turns.drain()
    assert ticks.log == [(tick, "it " + state)]


def cases(table):
    """name: (make, tick, state)"""
    return pytest.mark.parametrize("make, tick, state", list(table.values()), ids=list(table))


@cases(
    {
        "resolve(value)": (fulfilled, 1, "fulfilled"),
        "reject(reason)": (rejected, 1, "rejected"),
        "then with a handler": (lambda: fulfilled().then(nothing), 2, "fulfilled"),
        "then without a handler": (lambda: fulfilled().then(), 2, "fulfilled"),
        "a rejection passed on": (lambda: rejected().then(nothing), 2, "rejected"),
        "a handler that raises": (lambda: fulfilled().then(raising(KeyError())), 2, "rejected"),
        "catch": (lambda: rejected().catch(nothing), 2, "fulfilled"),
        "a chain of three": (lambda: fulfilled().then().then(nothing).then(), 4, "fulfilled"),
    }
)
def test_es_27_2_2_1_a_reaction_takes_one_tick_for_each_link(turns, make, tick, state):
    check(turns, make, tick, state)


@cases(
    {
        "resolve with a promise": (lambda: resolved_with(fulfilled()), 3, "fulfilled"),
        "resolve with a rejected promise": (lambda: resolved_with(rejected()), 3, "rejected"),
        "resolve with an adopting promise": (lambda: resolved_with(resolved_with(fulfilled())), 4, "fulfilled"),
        "a handler that returns a promise": (lambda: fulfilled().then(lambda _: fulfilled()), 4, "fulfilled"),
        "a handler that returns a rejected one": (lambda: fulfilled().then(lambda _: rejected()), 4, "rejected"),
        "a thenable": (lambda: P.resolve(value()), 2, "fulfilled"),
        "a thenable that rejects": (lambda: P.resolve(thenable("rejected", 1)), 2, "rejected"),
        "a thenable that raises": (lambda: P.resolve(Thenable(raising(KeyError()))), 2, "rejected"),
        "a handler that returns a thenable": (lambda: fulfilled().then(lambda _: value()), 3, "fulfilled"),
        "a thenable of a thenable": (lambda: P.resolve(thenable("fulfilled", value())), 3, "fulfilled"),
        "a thenable of a promise": (lambda: P.resolve(thenable("fulfilled", fulfilled())), 4, "fulfilled"),
    }
)
def test_es_27_2_2_2_adoption_takes_a_job_for_the_call_of_then(turns, make, tick, state):
    check(turns, make, tick, state)


@cases(
    {
        "nothing": (lambda: P.all([]), 1, "fulfilled"),
        "no iterable": (lambda: P.all(5), 1, "rejected"),
        "one": (lambda: P.all([fulfilled()]), 2, "fulfilled"),
        "three": (lambda: P.all([fulfilled(), 1, fulfilled()]), 2, "fulfilled"),
        "one that rejects": (lambda: P.all([rejected(), fulfilled()]), 2, "rejected"),
        "a thenable": (lambda: P.all([fulfilled(), value()]), 3, "fulfilled"),
    }
)
def test_es_27_2_4_1_all_settles_in_the_reaction_on_the_last_input(turns, make, tick, state):
    check(turns, make, tick, state)


@cases(
    {
        "nothing": (lambda: P.all_settled([]), 1, "fulfilled"),
        "no iterable": (lambda: P.all_settled(5), 1, "rejected"),
        "one": (lambda: P.all_settled([fulfilled()]), 2, "fulfilled"),
        "one that rejects": (lambda: P.all_settled([rejected(), fulfilled()]), 2, "fulfilled"),
        "a thenable": (lambda: P.all_settled([fulfilled(), value()]), 3, "fulfilled"),
    }
)
def test_es_27_2_4_2_all_settled_settles_in_the_reaction_on_the_last_input(turns, make, tick, state):
    check(turns, make, tick, state)


@cases(
    {
        "nothing": (lambda: P.any([]), 1, "rejected"),
        "no iterable": (lambda: P.any(5), 1, "rejected"),
        "one": (lambda: P.any([fulfilled()]), 2, "fulfilled"),
        "the second": (lambda: P.any([rejected(), fulfilled()]), 2, "fulfilled"),
        "none of two": (lambda: P.any([rejected(), rejected()]), 2, "rejected"),
        "a thenable": (lambda: P.any([rejected(), value()]), 3, "fulfilled"),
    }
)
def test_es_27_2_4_3_any_settles_in_the_reaction_that_decides(turns, make, tick, state):
    check(turns, make, tick, state)


@cases(
    {
        "no iterable": (lambda: P.race(5), 1, "rejected"),
        "one": (lambda: P.race([fulfilled()]), 2, "fulfilled"),
        "the first rejects": (lambda: P.race([rejected(), fulfilled()]), 2, "rejected"),
        "the second is earlier": (lambda: P.race([value(), rejected()]), 2, "rejected"),
        "a thenable": (lambda: P.race([value()]), 3, "fulfilled"),
    }
)
def test_es_27_2_4_5_race_settles_in_the_first_reaction(turns, make, tick, state):
    check(turns, make, tick, state)


@cases(
    {
        "a value": (lambda: P.try_(nothing), 1, "fulfilled"),
        "an exception": (lambda: P.try_(raising(KeyError())), 1, "rejected"),
        "a thenable": (lambda: P.try_(value), 2, "fulfilled"),
        "a promise": (lambda: P.try_(fulfilled), 3, "fulfilled"),
    }
)
def test_es_27_2_4_8_try_settles_as_resolve_does(turns, make, tick, state):
    check(turns, make, tick, state)


@cases(
    {
        "a function that returns a value": (lambda: fulfilled().finally_(nothing), 4, "fulfilled"),
        "after a rejection": (lambda: rejected().finally_(nothing), 4, "rejected"),
        "a function that returns a promise": (lambda: fulfilled().finally_(fulfilled), 4, "fulfilled"),
        "a function that returns a rejected one": (lambda: fulfilled().finally_(rejected), 4, "rejected"),
        "a function that returns a thenable": (lambda: fulfilled().finally_(value), 5, "fulfilled"),
        "a function that raises": (lambda: fulfilled().finally_(raising(KeyError())), 2, "rejected"),
        "no function": (lambda: fulfilled().finally_(None), 2, "fulfilled"),
    }
)
def test_es_27_2_5_3_finally_waits_for_its_function_even_where_it_returns_at_once(turns, make, tick, state):
    check(turns, make, tick, state)


@cases(
    {
        "all_keyed of nothing": (lambda: cp.all_keyed({}), 1, "fulfilled"),
        "all_keyed": (lambda: cp.all_keyed({"a": fulfilled(), "b": 1}), 2, "fulfilled"),
        "all_keyed with a rejection": (lambda: cp.all_keyed({"a": fulfilled(), "b": rejected()}), 2, "rejected"),
        "all_keyed with a thenable": (lambda: cp.all_keyed({"a": value()}), 3, "fulfilled"),
        "all_settled_keyed of nothing": (lambda: cp.all_settled_keyed({}), 1, "fulfilled"),
        "all_settled_keyed": (lambda: cp.all_settled_keyed({"a": fulfilled(), "b": rejected()}), 2, "fulfilled"),
    }
)
def test_es_keyed_forms_take_the_ticks_of_the_forms_without_keys(turns, make, tick, state):
    check(turns, make, tick, state)


# ---- Several at once: the traces are those of an ECMAScript engine


def logger(log):
    """Handlers that log a name."""
    return lambda name: lambda *_: log.append(name)


def traced(turns, program):
    log = []
    program(log, logger(log))
    assert log == [], "no handler runs before the drain"
    turns.drain()
    return log


def test_es_9_5_5_jobs_of_chains_are_interleaved(turns):
    def returns_a_promise(log, name):
        log.append("c1")
        fulfilled().then(name("c inner")).then(name("c inner 2"))
        return fulfilled()

    def program(log, name):
        fulfilled().then(name("a1")).then(name("a2")).then(name("a3"))
        rejected().catch(name("b1")).then(name("b2")).then(name("b3"))
        fulfilled().then(lambda _: returns_a_promise(log, name)).then(name("c2"))
        resolved_with(fulfilled()).then(name("d1"))
        P.resolve(Thenable(lambda resolve, _: (log.append("then called"), resolve()))).then(name("e1"))
        fulfilled().finally_(name("f1")).then(name("f2"))

    first, second, third = ["a1", "b1", "c1", "then called", "f1"], ["a2", "b2", "c inner", "e1"], ["a3", "b3", "c inner 2", "d1"]
    assert traced(turns, program) == first + second + third + ["c2", "f2"]


def test_es_9_5_5_combinators_settle_in_the_order_of_their_last_inputs(turns):
    def program(log, name):
        P.all([fulfilled(), 1]).then(name("all"))
        P.all_settled([rejected(), 1]).then(name("all_settled"))
        P.any([rejected(), 1]).then(name("any"))
        P.race([rejected(), 1]).catch(name("race"))
        fulfilled().then(name("one")).then(name("two")).then(name("three"))
        P.all([]).then(name("all of nothing"))
        P.any([]).catch(name("any of nothing"))

    expected = ["one", "all of nothing", "any of nothing", "all", "all_settled", "any", "race", "two", "three"]
    assert traced(turns, program) == expected


def test_es_9_5_5_handlers_wait_for_the_settlement_of_their_promise_not_for_their_turn_to_subscribe(turns):
    def program(log, name):
        p, q = deferred(), deferred()
        q.promise.then(name("q1"))
        p.promise.then(name("p1"))
        p.promise.then(lambda _: (log.append("p2"), q.resolve()))
        q.promise.then(name("q2"))
        p.promise.then(name("p3"))
        p.resolve()
        q.resolve(fulfilled())
        p.promise.then(name("p4"))
        q.promise.then(name("q3"))

    assert traced(turns, program) == ["p1", "p2", "p3", "p4", "q1", "q2", "q3"]


def test_es_9_5_5_combinators_inside_handlers(turns):
    def program(log, name):
        fulfilled().then(lambda _: P.all([fulfilled().then(name("x")), fulfilled().then(name("y")).then(name("z"))])).then(name("all"))
        fulfilled().then(lambda _: P.race([fulfilled().then(name("u")), fulfilled()])).then(name("race"))
        chain = fulfilled()
        for i in range(1, 7):
            chain = chain.then(name(i))

    assert traced(turns, program) == [1, "x", "y", "u", 2, "z", 3, "race", 4, 5, "all", 6]


def test_es_9_5_5_finally_in_chains(turns):
    def program(log, name):
        fulfilled().finally_(name("f1")).finally_(name("f2")).then(name("f3"))
        rejected().finally_(lambda: (log.append("g1"), fulfilled())[1]).catch(name("g2"))
        chain = fulfilled()
        for i in range(1, 10):
            chain = chain.then(name(i))

    assert traced(turns, program) == ["f1", "g1", 1, 2, 3, "f2", "g2", 4, 5, 6, "f3", 7, 8, 9]
