"""ECMAScript's combinators: Promise.all, all_settled, any, race, and the keyed forms of the first two. Each test is named after its clause.

The keyed forms are a proposal yet. Python's adaptions: a list for an array, any mapping for an object and a dict for the result, an
ExceptionGroup for the AggregateError. In which tick a thing happens is in test_ticks.py.
"""

import types
from collections import OrderedDict, UserDict

import cpromise as cp
import driver
import pytest
from driver import REASONS, VALUES, Plain, assert_outcome, deferred, each, exceptions, fulfilled, nothing, outcome
from driver import promise_that_settles, rejected, settle, states, thenable, watch, ways

turns = driver.turns

P = cp.Promise


def statics(*names):
    """Parametrizes over the statics of these names; they are looked up by the test, which alone fails where there is none."""
    return pytest.mark.parametrize("name", names)


def call(name, *args):
    return getattr(P, name)(*args)


def was_fulfilled(value):
    return {"status": "fulfilled", "value": value}


def was_rejected(reason):
    return {"status": "rejected", "reason": reason}


COMBINATORS = ["all", "all_settled", "any", "race"]


# ---- What the four combinators have in common


def unfinished(*items):
    """An iterator that raises after some items."""
    yield from items
    raise LookupError("the iterator")


class Broken:
    def __iter__(self):
        raise LookupError("no iterator")


@statics(*COMBINATORS)
def test_es_27_2_4_every_combinator_takes_any_iterable_at_once_and_returns_a_pending_promise(turns, name):
    taken = []
    result = call(name, (taken.append(i) or deferred().promise for i in range(3)))
    assert taken == [0, 1, 2]
    assert (type(result), result.state) == (P, "pending")
    assert outcome(turns, result) == ("pending", None)


@statics(*COMBINATORS)
@pytest.mark.parametrize("kind", [list, tuple, iter, lambda items: (i for i in items), lambda items: dict.fromkeys(items).keys()])
def test_es_27_2_4_1_1_get_promise_resolve_lists_iterators_and_views_are_iterables(turns, name, kind):
    expected = {"all": [1, 2], "all_settled": [was_fulfilled(1), was_fulfilled(2)], "any": 1, "race": 1}
    assert outcome(turns, call(name, kind([fulfilled(1), 2]))) == ("fulfilled", expected[name])


@statics(*COMBINATORS)
@pytest.mark.parametrize("x", [None, 5, Plain(), nothing], ids=["None", "number", "object", "function"])
def test_es_27_2_4_if_abrupt_reject_promise_what_cannot_be_iterated_rejects_with_a_type_error(turns, name, x):
    result = call(name, x)
    assert result.state == "rejected"
    state, reason = outcome(turns, result)
    assert (state, type(reason)) == ("rejected", TypeError)


@statics(*COMBINATORS)
@each("make", {"at the start": Broken, "of an empty one": unfinished, "in the middle": lambda: unfinished(fulfilled(1), rejected(2))})
def test_es_27_2_4_if_abrupt_reject_promise_an_iterator_that_fails_rejects_at_once(turns, name, make):
    result = call(name, make())
    assert (result.state, type(result.peek())) == ("rejected", LookupError)
    turns.drain()
    assert type(result.peek()) is LookupError


@statics(*COMBINATORS)
@exceptions
def test_es_27_2_4_if_abrupt_reject_promise_the_very_exception_is_the_reason(turns, name, make_error):
    class Raises:
        def __iter__(self):
            raise error

    error = make_error()
    assert_outcome(turns, call(name, Raises()), "rejected", error)


@statics(*COMBINATORS)
def test_es_27_2_4_a_combinator_handles_the_rejections_of_its_inputs(turns, name):
    seen = []
    turns.loop.on_unhandled_rejection = lambda promise, reason: seen.append(promise)
    inputs = [fulfilled(0), rejected(1), rejected(2)]
    watch(call(name, inputs))
    turns.drain()
    assert seen == []


@statics(*COMBINATORS)
def test_es_27_2_4_nobody_is_told_more_than_once_that_a_result_was_rejected(turns, name):
    seen = []
    turns.loop.on_unhandled_rejection = lambda promise, reason: seen.append(promise)
    result = call(name, unfinished(rejected(1)))
    turns.drain()
    turns.drain()
    assert seen == [result]


@statics(*COMBINATORS)
def test_es_27_2_4_an_input_is_not_changed_by_what_is_made_of_it(turns, name):
    promise = fulfilled(1)
    inputs = [promise, 2]
    result = call(name, inputs)
    assert result is not promise
    turns.drain()
    assert inputs == [promise, 2] and promise.peek() == 1


@statics(*COMBINATORS)
def test_es_27_2_4_then_of_a_thenable_input_is_read_once(turns, name):
    x = thenable("fulfilled", 1)
    assert outcome(turns, call(name, [x]))[0] == "fulfilled"
    assert x.reads == 1


# ---- 27.2.4.1 Promise.all


def test_es_27_2_4_1_all_of_nothing_fulfils_with_an_empty_list_at_once(turns):
    result = P.all([])
    assert (result.state, result.peek()) == ("fulfilled", [])
    assert outcome(turns, P.all(iter(()))) == ("fulfilled", [])


@each("make", VALUES)
def test_es_27_2_4_1_2_all_treats_a_value_as_a_promise_of_it(turns, make):
    value = make()
    state, values = outcome(turns, P.all([value, fulfilled(value), thenable("fulfilled", value)]))
    assert (state, type(values), len(values)) == ("fulfilled", list, 3)
    assert all(one is value for one in values)


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
def test_es_27_2_4_1_3_all_gives_the_values_in_the_order_of_the_inputs(turns, order):
    inputs = [deferred() for _ in range(3)]
    result = P.all([d.promise for d in inputs])
    for count, i in enumerate(order):
        assert result.state == "pending", f"after {count} of 3"
        inputs[i].resolve(i)
        turns.turn()
    assert result.peek() == [0, 1, 2]


def test_es_27_2_4_1_3_all_takes_the_same_promise_many_times(turns):
    d = deferred()
    result = P.all([d.promise] * 3)
    d.resolve(1)
    assert outcome(turns, result) == ("fulfilled", [1, 1, 1])


@ways
@each("make", REASONS)
def test_es_27_2_4_1_all_rejects_with_the_reason_of_the_first_rejection(turns, way, make):
    reason = make()
    promise, go = promise_that_settles(turns, way, "rejected", reason)
    never = deferred()
    result = P.all([never.promise, promise, 3])
    go()
    assert_outcome(turns, result, "rejected", reason)
    never.reject("too late")
    turns.drain()
    assert result.peek() is reason


def test_es_27_2_4_1_all_of_values_is_a_new_list_each_time(turns):
    inputs = [1, 2]
    one, other = P.all(inputs), P.all(inputs)
    turns.drain()
    assert one.peek() == other.peek() == inputs
    assert one.peek() is not other.peek() and one.peek() is not inputs


def test_es_27_2_4_1_3_all_of_many(turns):
    assert outcome(turns, P.all(fulfilled(i) if i % 2 else i for i in range(5000))) == ("fulfilled", list(range(5000)))


# ---- 27.2.4.2 Promise.allSettled

OUTCOMES = {"fulfilled": VALUES, "rejected": REASONS}


def test_es_27_2_4_2_all_settled_of_nothing_fulfils_with_an_empty_list_at_once(turns):
    result = P.all_settled([])
    assert (result.state, result.peek()) == ("fulfilled", [])


@ways
@each("state, make", {f"{state} {name}": (state, make) for state, table in OUTCOMES.items() for name, make in table.items()})
def test_es_27_2_4_2_1_all_settled_tells_of_each_input_what_became_of_it(turns, way, state, make):
    value = make()
    promise, go = promise_that_settles(turns, way, state, value)
    result = P.all_settled([promise])
    go()
    got, (entry,) = outcome(turns, result)
    assert got == "fulfilled"
    assert list(entry) == (["status", "value"] if state == "fulfilled" else ["status", "reason"])
    assert type(entry) is dict and entry["status"] == state and list(entry.values())[1] is value


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
def test_es_27_2_4_2_1_all_settled_keeps_the_order_of_the_inputs_and_waits_for_all(turns, order):
    inputs = [deferred() for _ in range(3)]
    result = P.all_settled([inputs[0].promise, "plain", inputs[1].promise, thenable("rejected", "bad"), inputs[2].promise])
    for i in order:
        assert result.state == "pending"
        settle(inputs[i], "rejected" if i == 1 else "fulfilled", i)
        turns.turn()
    assert result.peek() == [was_fulfilled(0), was_fulfilled("plain"), was_rejected(1), was_rejected("bad"), was_fulfilled(2)]


def test_es_27_2_4_2_1_all_settled_gives_each_input_a_dict_of_its_own(turns):
    promise = rejected(1)
    _, entries = outcome(turns, P.all_settled([promise, promise]))
    assert entries == [was_rejected(1)] * 2 and entries[0] is not entries[1]


# ---- 27.2.4.3 Promise.any


def assert_aggregate(error, reasons):
    assert isinstance(error, cp.AggregateError) and isinstance(error, ExceptionGroup)
    assert type(error.errors) is list and len(error.errors) == len(reasons)
    assert all(got is reason for got, reason in zip(error.errors, reasons))
    for wrapped, reason in zip(error.exceptions, reasons):
        if isinstance(reason, Exception):
            assert wrapped is reason
        elif not isinstance(reason, BaseException):
            assert type(wrapped) is cp.RejectionError and wrapped.reason is reason


def test_es_27_2_4_3_any_of_nothing_rejects_at_once_with_an_aggregate_error_without_errors(turns):
    result = P.any([])
    assert result.state == "rejected"
    assert_aggregate(result.peek(), [])
    assert outcome(turns, result) == ("rejected", result.peek())


@ways
@each("make", VALUES)
def test_es_27_2_4_3_any_fulfils_with_the_first_value(turns, way, make):
    value = make()
    promise, go = promise_that_settles(turns, way, "fulfilled", value)
    never = deferred()
    result = P.any([rejected(1), never.promise, promise, rejected(2)])
    go()
    assert_outcome(turns, result, "fulfilled", value)
    never.resolve("too late")
    turns.drain()
    assert result.peek() is value


@each("make", REASONS)
def test_es_27_2_4_3_1_any_rejects_with_all_reasons_as_they_are(turns, make):
    reasons = [make(), ValueError(2), "three"]
    state, error = outcome(turns, P.any([rejected(reason) for reason in reasons]))
    assert state == "rejected"
    assert_aggregate(error, reasons)


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
def test_es_27_2_4_3_1_any_gives_the_reasons_in_the_order_of_the_inputs(turns, order):
    inputs, reasons = [deferred() for _ in range(3)], [KeyError(0), "one", ValueError(2)]
    result = P.any([d.promise for d in inputs])
    for i in order:
        assert result.state == "pending"
        inputs[i].reject(reasons[i])
        turns.turn()
    assert_aggregate(result.peek(), reasons)


def test_es_27_2_4_3_any_takes_values_and_thenables(turns):
    assert outcome(turns, P.any([rejected(1), 2])) == ("fulfilled", 2)
    assert outcome(turns, P.any([thenable("rejected", 1), thenable("fulfilled", 2)])) == ("fulfilled", 2)


def test_es_20_5_7_the_aggregate_error_can_be_told_apart_by_except_star(turns):
    _, error = outcome(turns, P.any([rejected(KeyError(1)), rejected(ValueError(2)), rejected("three")]))
    seen = []
    try:
        raise error
    except* KeyError as group:
        seen.append([type(one) for one in group.exceptions])
    except* (ValueError, cp.RejectionError) as group:
        seen.append([type(one) for one in group.exceptions])
    assert seen == [[KeyError], [ValueError, cp.RejectionError]]


# ---- 27.2.4.5 Promise.race


def test_es_27_2_4_5_race_of_nothing_stays_pending(turns):
    assert outcome(turns, P.race([])) == ("pending", None)


@states
@ways
@each("make", VALUES)
def test_es_27_2_4_5_1_race_settles_as_the_first_input_that_settles(turns, state, way, make):
    value = make()
    promise, go = promise_that_settles(turns, way, state, value)
    never = deferred()
    result = P.race([never.promise, promise])
    go()
    assert_outcome(turns, result, state, value)
    never.reject("too late")
    turns.drain()
    assert (result.state, result.peek() is value) == (state, True)


@states
def test_es_27_2_4_5_1_race_among_settled_inputs_takes_the_first_of_the_list(turns, state):
    first = (fulfilled if state == "fulfilled" else rejected)("first")
    assert outcome(turns, P.race([first, fulfilled("second"), rejected("third"), "fourth"])) == (state, "first")
    assert outcome(turns, P.race(["plain", first])) == ("fulfilled", "plain")
    assert outcome(turns, P.race([thenable(state, "a tick late"), first])) == (state, "first")


def test_es_27_2_4_5_1_race_takes_the_order_in_which_inputs_settle(turns):
    one, two = deferred(), deferred()
    result = P.race([one.promise, two.promise])
    two.reject(2)
    one.resolve(1)
    assert outcome(turns, result) == ("rejected", 2)


# ---- The keyed forms

KEYED = pytest.mark.parametrize("name", ["all_keyed", "all_settled_keyed"])


def keyed(name, mapping):
    return getattr(cp, name)(mapping)


class Unreadable(UserDict):
    def __getitem__(self, key):
        raise LookupError(key)


@KEYED
def test_es_keyed_of_nothing_fulfils_with_an_empty_dict_at_once(turns, name):
    result = keyed(name, {})
    assert (result.state, result.peek(), type(result.peek())) == ("fulfilled", {}, dict)


@KEYED
@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
def test_es_keyed_values_stand_under_the_keys_of_the_input_and_in_its_order(turns, name, order):
    inputs = {"z": deferred(), "a": deferred(), (1, None): deferred()}
    result = keyed(name, {key: d.promise for key, d in inputs.items()})
    for i in order:
        assert result.state == "pending"
        list(inputs.values())[i].resolve(i)
        turns.turn()
    values = [0, 1, 2] if name == "all_keyed" else [was_fulfilled(i) for i in range(3)]
    assert list(result.peek().items()) == list(zip(inputs, values))


@KEYED
@pytest.mark.parametrize("kind", [dict, UserDict, OrderedDict, types.MappingProxyType], ids=lambda kind: kind.__name__)
def test_es_keyed_takes_any_mapping_and_gives_a_new_dict(turns, name, kind):
    mapping = kind({"b": fulfilled(1), "a": 2, "c": thenable("fulfilled", 3)})
    before = list(mapping.items())
    state, values = outcome(turns, keyed(name, mapping))
    assert (state, type(values), list(values)) == ("fulfilled", dict, ["b", "a", "c"])
    assert list(values.values()) == ([1, 2, 3] if name == "all_keyed" else [was_fulfilled(i) for i in (1, 2, 3)])
    assert list(mapping.items()) == before


@KEYED
def test_es_keyed_sees_no_later_change_of_the_mapping(turns, name):
    d = deferred()
    mapping = {"a": d.promise, "b": 2}
    result = keyed(name, mapping)
    mapping.clear()
    mapping["c"] = 3
    d.resolve(1)
    _, values = outcome(turns, result)
    assert list(values) == ["a", "b"]


@ways
@each("make", REASONS)
def test_es_all_keyed_rejects_with_the_reason_of_the_first_rejection(turns, way, make):
    reason = make()
    promise, go = promise_that_settles(turns, way, "rejected", reason)
    never = deferred()
    result = cp.all_keyed({"never": never.promise, "bad": promise, "plain": 1})
    go()
    assert_outcome(turns, result, "rejected", reason)


@ways
@each("make", REASONS)
def test_es_all_settled_keyed_tells_of_each_key_what_became_of_it(turns, way, make):
    reason = make()
    promise, go = promise_that_settles(turns, way, "rejected", reason)
    result = cp.all_settled_keyed({"bad": promise, "plain": 1})
    go()
    state, entries = outcome(turns, result)
    assert (state, list(entries), entries["plain"]) == ("fulfilled", ["bad", "plain"], was_fulfilled(1))
    assert list(entries["bad"]) == ["status", "reason"] and entries["bad"]["reason"] is reason


@KEYED
@pytest.mark.parametrize("x", [None, 5, Plain(), [1, 2], [("a", 1)]], ids=["None", "number", "object", "list", "pairs"])
def test_es_keyed_what_is_no_mapping_rejects_with_a_type_error(turns, name, x):
    result = keyed(name, x)
    assert result.state == "rejected"
    state, reason = outcome(turns, result)
    assert (state, type(reason)) == ("rejected", TypeError)


@KEYED
def test_es_keyed_a_mapping_that_fails_rejects_at_once(turns, name):
    result = keyed(name, Unreadable(a=1))
    assert (result.state, type(result.peek())) == ("rejected", LookupError)


@KEYED
def test_es_keyed_handles_the_rejections_of_its_inputs(turns, name):
    seen = []
    turns.loop.on_unhandled_rejection = lambda promise, reason: seen.append(promise)
    watch(keyed(name, {"a": rejected(1), "b": rejected(2)}))
    turns.drain()
    assert seen == []
