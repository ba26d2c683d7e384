"""cancel(): CancelledError is raised where the chain waits, and goes up only where nobody else waits."""

import asyncio
import threading

import cpromise as cp
import pytest


@pytest.fixture
def loop():
    loop = cp.Loop()
    reported = []
    loop.on_unhandled_rejection = lambda promise, reason: reported.append(reason)
    yield loop
    loop.close()
    assert not reported, "a cancelled promise is not an unhandled rejection"


def pending(loop):
    return cp.Promise(loop=loop)


def cancelled(*promises):
    return [p.cancelled() for p in promises]


def test_a_settled_promise_cannot_be_cancelled(loop):
    p = cp.Promise(lambda resolve, reject: resolve(1), loop=loop)
    assert p.cancel() is False and p.peek() == 1


def test_a_root_is_rejected_at_once_and_late_settlements_are_ignored(loop):
    settle = []
    p = cp.Promise(lambda resolve, reject: settle.extend((resolve, reject)), loop=loop)
    assert p.cancel("why") is True
    assert isinstance(p.peek(), asyncio.CancelledError) and p.peek().args == ("why",)
    settle[0](1)
    settle[1](2)
    assert p.cancel() is False and p.cancelled()


def test_asyncio_may_say_msg(loop):
    p = pending(loop)
    assert p.cancel(msg="as asyncio") and p.peek().args == ("as asyncio",)
    with pytest.raises(TypeError, match="has no parameter"):
        pending(loop).cancel(message="no")


def test_a_chain_is_cancelled_from_its_top_and_finally_runs_on_the_way_down(loop):
    log = []
    top = pending(loop)
    middle = top.then(lambda value: log.append("then")).finally_(lambda: log.append("finally"))
    end = middle.then(lambda value: log.append("end"))
    assert end.cancel()
    loop.run_microtasks()
    assert log == ["finally"] and cancelled(top, middle, end) == [True] * 3


def test_a_catch_on_the_way_may_recover(loop):
    top = pending(loop)
    end = top.catch(asyncio.CancelledError, lambda error: "recovered").then(lambda value: value + "!")
    assert end.cancel()
    loop.run_microtasks()
    assert top.cancelled() and end.peek() == "recovered!"


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1), (1, 2, 0)])
def test_it_reaches_up_only_when_no_other_consumer_is_left(loop, order):
    shared = pending(loop)
    consumers = [shared.then(lambda value: value) for _ in range(3)]
    for left, index in enumerate(order):
        assert not shared.done()
        consumers[index].cancel()
        loop.run_microtasks()
        assert sum(cancelled(*consumers)) == left + 1
    assert shared.cancelled()


def test_the_other_consumers_go_on(loop):
    settle = []
    shared = cp.Promise(lambda resolve, reject: settle.append(resolve), loop=loop)
    first, second, third = (shared.then(lambda value: value) for _ in range(3))
    second.cancel()
    settle[0]("v")
    loop.run_microtasks()
    assert second.cancelled() and [first.peek(), third.peek()] == ["v", "v"]


def test_one_that_has_its_outcome_but_not_its_turn(loop):
    log = []
    p = cp.Promise(lambda resolve, reject: resolve(1), loop=loop)
    q = p.then(log.append)
    assert q.cancel()
    loop.run_microtasks()
    assert log == [] and q.cancelled() and p.peek() == 1


@pytest.mark.parametrize("turns", [0, 1])
def test_adoption_is_followed_to_what_was_adopted(loop, turns):
    inner = pending(loop)
    outer = cp.Promise(lambda resolve, reject: resolve(inner), loop=loop)
    if turns:
        loop.run_microtasks()
    assert outer.cancel()
    loop.run_microtasks()
    assert cancelled(outer, inner) == [True, True]


@pytest.mark.parametrize("turns", [0, 1])
def test_a_thenable_is_not_called_any_more_or_not_heard(loop, turns):
    log = []

    class Thenable:
        def then(self, resolve, reject):
            log.append(resolve)

    p = cp.Promise(lambda resolve, reject: resolve(Thenable()), loop=loop)
    if turns:
        loop.run_microtasks()
    assert p.cancel()
    loop.run_microtasks()
    assert len(log) == turns and p.cancelled()
    for resolve in log:
        resolve("late")
    assert p.cancelled()


def test_sleep_takes_its_timer_along():
    loop = cp.Loop()

    async def main():
        sleeping = cp.sleep(1000)
        assert sleeping.cancel()
        delayed = cp.Promise.resolve(1).delay(1000)
        await cp.sleep(0)
        assert delayed.cancel() and delayed.cancelled()

    loop.run(main())
    assert not loop.has_pending()
    loop.close()


# ---- Coroutines


async def waiting(log, *, suppress=False, clean_up=True):
    try:
        await cp.Promise()
    except asyncio.CancelledError as error:
        log.append(error.args)
        if not suppress:
            raise
    finally:
        if clean_up:
            await cp.sleep(0)
        log.append("cleaned")
    return "went on"


def test_a_coroutine_gets_the_error_at_its_await_and_may_await_while_it_cleans_up():
    async def main():
        log = []
        p = cp.Promise.from_coroutine(waiting(log))
        assert p.cancel("why") and not p.done()
        with pytest.raises(asyncio.CancelledError):
            await p
        assert log == [("why",), "cleaned"]

    cp.run(main())


def test_a_coroutine_may_suppress_it():
    async def main():
        p = cp.Promise.from_coroutine(waiting([], suppress=True))
        p.cancel()
        assert await p == "went on"

    cp.run(main())


def test_a_second_cancel_reaches_the_clean_up():
    async def main():
        log = []
        p = cp.Promise.from_coroutine(waiting(log))
        p.cancel()
        await cp.Promise.resolve()
        assert p.cancel()
        with pytest.raises(asyncio.CancelledError):
            await p
        assert log == [()]

    cp.run(main())


@pytest.mark.parametrize("awaits", [True, False])
def test_a_coroutine_that_cancels_itself_is_told_at_its_next_await_or_end(awaits):
    async def selfish(own):
        await cp.sleep(0)
        own[0].cancel()
        if awaits:
            await cp.sleep(1000)

    async def main():
        own = []
        own.append(cp.Promise.from_coroutine(selfish(own)))
        with pytest.raises(asyncio.CancelledError):
            await own[0]

    cp.run(main())


def test_a_coroutine_that_does_not_wait_alone_leaves_what_it_waits_for():
    async def wait_for(shared):
        return await shared

    async def main():
        shared = cp.Promise()
        one, two = (cp.Promise.from_coroutine(wait_for(shared)) for _ in range(2))
        one.cancel()
        with pytest.raises(asyncio.CancelledError):
            await one
        assert not shared.done() and not two.done()
        two.cancel()
        assert shared.cancelled()
        await two.catch(asyncio.CancelledError, lambda error: None)

    cp.run(main())


def test_nested_coroutines_unwind_from_the_inside():
    log = []

    async def level(n):
        try:
            await (cp.Promise.from_coroutine(level(n - 1)) if n else cp.Promise())
        finally:
            log.append(n)

    async def main():
        p = cp.Promise.from_coroutine(level(5))
        p.cancel()
        with pytest.raises(asyncio.CancelledError):
            await p

    cp.run(main())
    assert log == [0, 1, 2, 3, 4, 5]


# ---- Combinators


@pytest.mark.parametrize("combine", [cp.Promise.all, cp.Promise.all_settled, cp.Promise.any, cp.Promise.race])
def test_combinators_pass_it_on_to_inputs_that_nobody_else_waits_for(combine):
    async def main():
        alone, shared = cp.Promise(), cp.Promise()
        other = shared.then()
        combined = combine([alone, 1, shared]) if combine is cp.Promise.all_settled else combine([alone, shared])
        assert combined.cancel() and combined.cancelled()
        assert alone.cancelled() and not shared.done()
        other.cancel()
        assert shared.cancelled()

    cp.run(main())


def test_map_and_keyed_and_nested_combinators_too():
    async def main():
        inputs = {key: cp.Promise() for key in "abc"}
        mapped = cp.map(list(inputs.values()), lambda value: value)
        keyed = cp.all_keyed(inputs)
        assert mapped.cancel() and not any(p.done() for p in inputs.values())
        assert cp.Promise.all([keyed]).cancel()
        assert all(p.cancelled() for p in inputs.values())

    cp.run(main())


def test_a_race_does_not_cancel_its_losers():
    async def main():
        loser = cp.Promise()
        assert await cp.Promise.race([loser, 1]) == 1
        assert not loser.done()

    cp.run(main())


# ---- Where it comes from


def test_it_may_come_from_another_thread():
    async def main():
        p = cp.Promise()
        thread = threading.Thread(target=p.cancel, args=("from afar",))
        thread.start()
        with pytest.raises(asyncio.CancelledError, match="from afar"):
            await p
        thread.join()

    cp.run(main())


def test_on_a_closed_loop_there_is_nothing_to_cancel():
    loop = cp.Loop()
    p = pending(loop)
    loop.close()
    assert p.cancel() is False and isinstance(p.peek(), cp.LoopClosedError)


def test_run_itself_waits_for_its_main_promise(loop):
    main = pending(loop)
    loop.call_soon(main.then().cancel)
    loop.call_later(0.001, lambda: settle(main))

    def settle(promise):
        assert not promise.done()
        promise.cancel()

    with pytest.raises(asyncio.CancelledError):
        loop.run(main)


def test_a_chain_of_a_million_links_is_cancelled_without_recursion(loop):
    end = top = pending(loop)
    for _ in range(1_000_000):
        end = end.then(None)
    assert end.cancel() and top.cancelled()
    loop.run_microtasks()
    assert end.cancelled()
