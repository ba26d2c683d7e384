"""The promise, as seen from Python. Each test is named after what it shows; A+ and ES say which clause."""

import gc
import sys

import cpromise as cp
import pytest


@pytest.fixture
def loop():
    loop = cp.Loop()
    yield loop
    loop.close()


def resolvers(loop):
    settle = {}
    promise = cp.Promise(lambda resolve, reject: settle.update(resolve=resolve, reject=reject), loop=loop)
    return promise, settle["resolve"], settle["reject"]


def test_aplus_2_1_a_settled_promise_never_changes(loop):
    p, resolve, reject = resolvers(loop)
    assert p.state == "pending"
    resolve(1)
    resolve(2)
    reject(ValueError())
    assert (p.state, p.peek()) == ("fulfilled", 1)


def test_aplus_2_2_1_handlers_that_are_not_callable_are_passed_over(loop):
    p, resolve, _ = resolvers(loop)
    q = p.then(None, 5).then("x", None)
    resolve("value")
    loop.run_microtasks()
    assert q.peek() == "value"


def test_aplus_2_2_4_nothing_runs_before_the_stack_is_empty(loop):
    log = []
    p, resolve, _ = resolvers(loop)
    p.then(log.append)
    resolve("late")
    assert log == []
    assert loop.has_pending()
    assert loop.run_microtasks() == 1
    assert log == ["late"]
    assert not loop.has_pending()


def test_aplus_2_2_6_handlers_run_in_the_order_of_their_then(loop):
    log = []
    p, resolve, _ = resolvers(loop)
    for i in range(5):
        p.then(lambda value, i=i: log.append((i, value)))
    resolve(7)
    loop.run_microtasks()
    assert log == [(i, 7) for i in range(5)]


def test_aplus_2_2_7_2_an_exception_rejects_the_child(loop):
    p, resolve, _ = resolvers(loop)
    q = p.then(lambda value: 1 / value)
    caught = q.catch(lambda reason: type(reason))
    resolve(0)
    loop.run_microtasks()
    assert caught.peek() is ZeroDivisionError


def test_aplus_2_2_7_3_and_4_value_and_reason_pass_through(loop):
    p, resolve, _ = resolvers(loop)
    q, _, reject = resolvers(loop)
    good, bad = p.catch(lambda r: "no").then(), q.then(lambda v: "no").catch(lambda r: ("caught", r))
    resolve("v")
    reject("r")
    loop.run_microtasks()
    assert (good.peek(), bad.peek()) == ("v", ("caught", "r"))


def test_aplus_2_3_1_resolving_with_itself_is_a_type_error(loop):
    p, resolve, _ = resolvers(loop)
    resolve(p)
    caught = p.catch(lambda reason: str(reason))
    loop.run_microtasks()
    assert "itself" in caught.peek()


def test_aplus_2_3_2_a_promise_is_adopted(loop):
    p, resolve, _ = resolvers(loop)
    q, resolve_q, _ = resolvers(loop)
    resolve(q)
    resolve("ignored")
    loop.run_microtasks()
    assert p.state == "pending"
    resolve_q(3)
    loop.run_microtasks()
    assert p.peek() == 3


class Thenable:
    def __init__(self, act):
        self.act = act
        self.reads = 0

    @property
    def then(self):
        self.reads += 1
        return self.act


def test_aplus_2_3_3_a_thenable_is_asked_once_and_its_first_call_counts(loop):
    def act(resolve, reject):
        resolve("first")
        reject("second")
        raise RuntimeError("third")

    thenable = Thenable(act)
    p, resolve, _ = resolvers(loop)
    resolve(thenable)
    assert p.state == "pending"
    loop.run_microtasks()
    assert (p.peek(), thenable.reads) == ("first", 1)


def test_aplus_2_3_3_2_and_3_4_what_a_thenable_raises_rejects(loop):
    def fail(resolve, reject):
        raise ValueError("thrown")

    p, resolve, _ = resolvers(loop)
    resolve(Thenable(fail))
    q, resolve_q, _ = resolvers(loop)
    resolve_q(type("Bad", (), {"then": property(lambda self: 1 / 0)})())
    kinds = [p.catch(type), q.catch(type)]
    loop.run_microtasks()
    assert [k.peek() for k in kinds] == [ValueError, ZeroDivisionError]


@pytest.mark.parametrize("value", [None, 0, "then", b"then", [1], (1,), {"then": 1}, dict, 1.5, Thenable("not callable")])
def test_aplus_2_3_4_everything_else_fulfils_as_it_is(loop, value):
    p, resolve, _ = resolvers(loop)
    resolve(value)
    loop.run_microtasks()
    assert p.peek() is value


def test_job_order_is_that_of_ecmascript(loop):
    """Traced in node: adoption costs two ticks, a handler's own promise as well."""
    log = []
    p = cp.Promise(loop=loop)
    done, resolve, _ = resolvers(loop)
    resolve()
    done.then(lambda _: resolvers_resolved(loop)).then(lambda _: log.append("adopted"))
    q = done
    for i in range(5):
        q = q.then(lambda _, i=i: log.append(i))
    loop.run_microtasks()
    assert log == [0, 1, 2, "adopted", 3, 4]
    del p


def resolvers_resolved(loop):
    p, resolve, _ = resolvers(loop)
    resolve()
    return p


def test_catch_takes_exception_types(loop):
    p, _, reject = resolvers(loop)
    log = []
    p.catch(KeyError, log.append).catch((OSError, ValueError), lambda e: log.append(type(e)))
    reject(ValueError("x"))
    loop.run_microtasks()
    assert log == [ValueError]
    with pytest.raises(TypeError, match="exception class"):
        p.catch("KeyError", log.append)
    with pytest.raises(TypeError, match="callable"):
        p.catch(KeyError, None)


def test_finally_keeps_the_outcome_and_waits(loop):
    p, resolve, _ = resolvers(loop)
    gate, open_gate, _ = resolvers(loop)
    q = p.finally_(lambda: gate)
    resolve("kept")
    loop.run_microtasks()
    assert q.state == "pending"
    open_gate("dropped")
    loop.run_microtasks()
    assert q.peek() == "kept"


def test_finally_lets_its_own_failure_win(loop):
    p, _, reject = resolvers(loop)
    caught = p.finally_(lambda: 1 / 0).catch(type)
    reject("first")
    loop.run_microtasks()
    assert caught.peek() is ZeroDivisionError


def test_es_all_keeps_order_and_fails_with_the_first_reason():
    async def main():
        assert await cp.Promise.all([]) == []
        assert await cp.Promise.all([3, cp.sleep(0.002, "b"), cp.sleep(0.001, "c")]) == [3, "b", "c"]
        with pytest.raises(KeyError):
            await cp.Promise.all([cp.sleep(0.01), cp.Promise.reject(KeyError(1)), cp.Promise.reject(ValueError(2))])
        with pytest.raises(TypeError):
            await cp.Promise.all(5)

    cp.run(main())


def test_es_race_takes_the_first():
    async def main():
        assert await cp.Promise.race([cp.sleep(0.02, "slow"), cp.sleep(0.001, "fast")]) == "fast"
        assert cp.Promise.race([]).state == "pending"

    cp.run(main())


def test_resolve_returns_promises_of_this_loop_themselves():
    async def main():
        p = cp.sleep(0)
        assert cp.Promise.resolve(p) is p
        assert await cp.Promise.resolve() is None

    cp.run(main())


def test_await_raises_the_reason_or_rejection_error():
    async def main():
        with pytest.raises(ValueError, match="mine"):
            await cp.Promise.reject(ValueError("mine"))
        with pytest.raises(cp.RejectionError) as caught:
            await cp.Promise.reject({"code": 7})
        assert caught.value.reason == {"code": 7}
        with pytest.raises(RuntimeError, match="StopIteration"):
            await cp.Promise.reject(StopIteration(1))

    cp.run(main())


def test_await_of_a_settled_promise_takes_one_tick(loop):
    log = []
    p, resolve, _ = resolvers(loop)
    resolve(1)

    async def waiter():
        log.append(await p)

    cp_task = cp.Promise(lambda r, _: r(waiter()), loop=loop)
    p.then(lambda _: log.append("then"))
    loop.run_microtasks()
    assert log == [1, "then"]
    del cp_task


def test_a_coroutine_returned_by_a_handler_is_run():
    async def details(eid):
        return await cp.sleep(0, f"employee {eid}")

    assert cp.run(cp.Promise.resolve(7).then(details)) == "employee 7"


def test_a_coroutine_that_awaits_something_foreign_is_told_so():
    class Foreign:
        def __await__(self):
            yield "not a promise"

    async def main():
        with pytest.raises(RuntimeError, match="can await promises"):
            await Foreign()
        return "alive"

    assert cp.run(main()) == "alive"


def test_unhandled_rejections_leave_run():
    with pytest.raises(cp.UnhandledRejections) as caught:
        cp.run(lambda: [cp.Promise.reject(KeyError("lost")), cp.sleep(1)][1])
    assert [type(e) for e in caught.value.exceptions] == [KeyError]


def test_unhandled_rejections_go_to_the_hook(loop):
    seen, later = [], []
    loop.on_unhandled_rejection = lambda promise, reason: seen.append((promise, reason))
    loop.on_rejection_handled = later.append
    p, _, reject = resolvers(loop)
    reject("r")
    loop.run_microtasks()
    loop.run_microtasks()
    assert seen == [(p, "r")]
    p.catch(lambda _: None)
    assert later == [p]


def test_keyboard_interrupt_and_system_exit_leave_run_at_once():
    def leave(error):
        def handler(_):
            raise error

        return handler

    for error in (KeyboardInterrupt(), SystemExit(3)):
        with pytest.raises(type(error)):
            cp.run(cp.Promise.resolve().then(leave(error)))


def test_executor_that_raises_rejects_and_arguments_are_checked(loop):
    p = cp.Promise(lambda resolve, reject: 1 / 0, loop=loop)
    caught = p.catch(type)
    loop.run_microtasks()
    assert caught.peek() is ZeroDivisionError
    with pytest.raises(TypeError, match="executor must be callable"):
        cp.Promise(5)
    with pytest.raises(TypeError, match="one optional positional"):
        resolvers(loop)[1](1, 2)


def test_peek_of_a_pending_promise_is_an_invalid_state(loop):
    import asyncio

    with pytest.raises(asyncio.InvalidStateError):
        cp.Promise(loop=loop).peek()


def test_repr_shows_the_state_and_survives_a_cycle(loop):
    p, resolve, _ = resolvers(loop)
    assert repr(p).startswith("<Promise pending")
    box = [p]
    resolve(box)
    assert repr(p).startswith("<Promise fulfilled: [<Promise fulfilled: ...")


def test_promises_of_two_loops_do_not_mix(loop):
    other = cp.Loop()
    p, resolve, _ = resolvers(loop)
    resolve(cp.Promise(loop=other))
    caught = p.catch(type)
    loop.run_microtasks()
    assert caught.peek() is cp.WrongLoopError
    other.close()


def test_a_chain_of_a_million_links_settles_dies_and_prints():
    p, resolve, _ = new_pending()
    q = p
    for _ in range(1_000_000):
        q = q.then(lambda x: x + 1)
    resolve(0)
    assert cp.run(q) == 1_000_000
    head = q = cp.Promise()
    for _ in range(1_000_000):
        q = q.then(None)
    assert repr(q).startswith("<Promise pending: promise of promise of promise of promise of ...")
    del head, q


def new_pending():
    settle = []
    p = cp.Promise(lambda resolve, reject: settle.extend((resolve, reject)))
    return p, settle[0], settle[1]


def test_no_garbage_cycle_is_left_by_success_or_failure():
    async def one(i):
        try:
            await cp.Promise.reject(ValueError(i)).catch(KeyError, print)
        except ValueError:
            pass
        await cp.Promise.all([cp.sleep(0), cp.Promise.resolve(i).then(lambda x: x).finally_(lambda: None)])
        return cp.get_running_loop().stats()["promises_alive"]

    async def main():
        await one(0)
        gc.collect()
        gc.disable()
        try:
            before = await one(1)
            for i in range(200):
                after = await one(i)
            return before, after, gc.collect()
        finally:
            gc.enable()

    before, after, _ = cp.run(main())
    assert after <= before


def test_size_of_a_pending_promise_with_its_gc_head():
    assert sys.getsizeof(cp.Promise()) <= 104
