"""cancel() in depth: what runs on the way, who else waits, where it may come from, and what must never be reported."""

import asyncio
import itertools
import threading

import cpromise as cp
import pytest


@pytest.fixture
def reported():
    return []


@pytest.fixture
def loop(reported):
    loop = cp.Loop()
    loop.on_unhandled_rejection = lambda promise, reason: reported.append(reason)
    yield loop
    loop.close()


@pytest.fixture(autouse=True)
def nothing_is_reported(request, reported):
    yield
    if "reports" not in request.node.name:
        assert not reported


def resolvers(loop):
    settle = {}
    promise = cp.Promise(lambda resolve, reject: settle.update(resolve=resolve, reject=reject), loop=loop)
    return promise, settle["resolve"], settle["reject"]


def pending(loop):
    return cp.Promise(loop=loop)


def settled(loop, value=None):
    return cp.Promise(lambda resolve, reject: resolve(value), loop=loop)


async def ends_cancelled(promise):
    with pytest.raises(asyncio.CancelledError) as caught:
        await promise
    return caught.value.args


# ---- What it returns, and what is left


@pytest.mark.parametrize("settle", ["resolve", "reject", "cancel"])
def test_a_settled_promise_says_no_and_stays_as_it_was(loop, settle):
    p, resolve, reject = resolvers(loop)
    p.catch(lambda error: None)
    {"resolve": resolve, "reject": reject, "cancel": p.cancel}[settle]("first")
    before = p.state, p.peek()
    assert p.cancel("second") is False
    assert (p.state, p.peek()) == before


@pytest.mark.parametrize("reason, args", [(None, ()), ("why", ("why",)), (0, (0,)), ("", ("",)), ((1, 2), ((1, 2),))])
def test_the_reason_is_kept_in_the_args_of_the_error(loop, reason, args):
    p = pending(loop)
    end = p.then(None).then(None)
    end.cancel(reason)
    loop.run_microtasks()
    assert p.peek().args == end.peek().args == args


def test_one_error_comes_down_the_whole_chain(loop):
    p = pending(loop)
    end = p.then(None).finally_(lambda: None).tap(print)
    end.cancel("why")
    loop.run_microtasks()
    assert end.peek() is p.peek()


@pytest.mark.parametrize("late", ["value", "promise", "thenable", "error"])
def test_what_comes_after_it_is_ignored_and_not_even_looked_at(loop, late):
    class Thenable:
        def then(self, resolve, reject):
            pytest.fail("a thenable that came too late was called")

    p, resolve, reject = resolvers(loop)
    inner = pending(loop)
    p.cancel()
    if late == "error":
        reject(ValueError("late"))
    else:
        resolve({"value": 1, "promise": inner, "thenable": Thenable()}[late])
    loop.run_microtasks()
    assert p.cancelled() and not inner.done()


def test_a_source_that_follows_no_one_any_more_may_still_fail_and_reports_only_that(loop, reported):
    shared, _, reject = resolvers(loop)
    one = shared.then(None)
    kept = shared.catch(ValueError, lambda error: "handled")
    one.cancel()
    reject(ValueError())
    loop.run_microtasks()
    assert one.cancelled() and kept.peek() == "handled" and reported == []


def test_a_timer_goes_with_its_sleep_at_the_end_of_any_chain():
    loop = cp.Loop()

    async def main():
        chains = [cp.sleep(1000).then(None).finally_(lambda: None) for _ in range(10)]
        assert all([p.cancel() for p in chains])
        assert [await ends_cancelled(p) for p in chains] == [()] * 10

    loop.run(main())
    assert not loop.has_pending()
    loop.close()


def test_a_sleep_that_was_due_in_the_same_turn_stays_cancelled():
    async def main():
        first, second = cp.sleep(0.001), cp.sleep(0.001)
        heard = first.then(lambda _: second.cancel())
        if await heard:
            assert second.cancelled()
        else:
            assert second.state == "fulfilled"

    cp.run(main())


# ---- Chains


def test_finally_runs_from_the_source_down_and_then_and_tap_do_not(loop):
    log = []
    p = top = pending(loop)
    for n in range(3):
        p = p.then(log.append).tap(log.append).finally_(lambda n=n: log.append(n))
    p.cancel()
    loop.run_microtasks()
    assert log == [0, 1, 2] and p.cancelled() and top.cancelled()


def test_the_chain_waits_for_what_a_finally_returns(loop):
    cleaning, cleaned, _ = resolvers(loop)
    top = pending(loop)
    p = top.finally_(lambda: cleaning)
    assert p.cancel("why")
    loop.run_microtasks()
    assert top.cancelled() and not p.done()
    cleaned()
    loop.run_microtasks()
    assert p.cancelled() and p.peek().args == ("why",)


def test_a_second_cancel_reaches_what_the_finally_returned(loop):
    top, cleaning = pending(loop), pending(loop)
    p = top.finally_(lambda: cleaning)
    p.cancel("first")
    loop.run_microtasks()
    assert p.cancel("second") is True
    loop.run_microtasks()
    assert top.cancelled() and cleaning.cancelled() and p.peek().args == ("second",)


def test_a_failure_of_the_clean_up_wins_and_reports_itself(loop, reported):
    failure = ValueError("clean-up failed")

    def fail():
        raise failure

    top = pending(loop)
    p = top.finally_(fail)
    p.cancel()
    loop.run_microtasks()
    assert top.cancelled() and p.peek() is failure and reported == [failure]


@pytest.mark.parametrize(
    "catch, recovers",
    [
        (lambda p: p.catch(lambda error: "back"), True),
        (lambda p: p.catch(asyncio.CancelledError, lambda error: "back"), True),
        (lambda p: p.catch((KeyError, asyncio.CancelledError), lambda error: "back"), True),
        (lambda p: p.then(None, lambda error: "back"), True),
        (lambda p: p.catch(Exception, lambda error: "back"), False),
        (lambda p: p.catch(LookupError, lambda error: "back"), False),
        (lambda p: p.then(lambda value: "back"), False),
    ],
)
def test_only_a_catch_for_it_recovers(loop, catch, recovers):
    top = pending(loop)
    p = catch(top)
    assert p.cancel()
    loop.run_microtasks()
    assert top.cancelled() and (p.cancelled(), p.state) == ((False, "fulfilled") if recovers else (True, "rejected"))


def test_a_catch_may_go_on_with_another_promise_which_the_next_cancel_reaches(loop):
    top, other = pending(loop), pending(loop)
    p = top.catch(lambda error: other)
    p.cancel()
    loop.run_microtasks()
    assert top.cancelled() and not p.done() and not other.done()
    p.cancel()
    loop.run_microtasks()
    assert other.cancelled() and p.cancelled()


def test_a_catch_may_raise_something_better(loop):
    def translate(error):
        raise KeyError(*error.args) from error

    top = pending(loop)
    p = top.catch(asyncio.CancelledError, translate)
    seen = p.catch(KeyError, lambda error: error.args)
    p.cancel("k")  # its consumers keep no promise from being cancelled itself
    loop.run_microtasks()
    assert top.cancelled() and seen.peek() == ("k",)


def test_a_promise_in_the_middle_takes_its_consumers_along(loop):
    top = pending(loop)
    middle = top.then(None)
    ends = [middle.then(None) for _ in range(3)]
    assert middle.cancel()
    loop.run_microtasks()
    assert all(p.cancelled() for p in [top, middle, *ends])


def test_a_handler_may_cancel_its_own_promise(loop):
    own = []
    own.append(settled(loop, 1).then(lambda value: own[0].cancel("mine")))
    loop.run_microtasks()
    assert own[0].done()


# ---- Who else waits


@pytest.mark.parametrize("order", list(itertools.permutations(range(4))))
def test_every_kind_of_consumer_keeps_the_source_alive(order):
    async def wait(promise):
        return await promise

    async def main():
        shared = cp.Promise()
        consumers = [
            shared.then(None),
            cp.Promise.from_coroutine(wait(shared)),
            cp.Promise.all([shared]),
            cp.Promise.resolve().then(lambda _: shared),
        ]
        await cp.sleep(0)
        for index in order:
            assert not shared.done()
            assert consumers[index].cancel()
            await ends_cancelled(consumers[index])
        assert shared.cancelled()

    cp.run(main())


def test_a_done_callback_counts_as_somebody_who_waits(loop):
    called = []
    shared = pending(loop)
    shared.add_done_callback(called.append)
    one, two = shared.then(None), shared.then(None)
    one.cancel()
    loop.run_microtasks()
    assert one.cancelled() and not shared.done()
    shared.remove_done_callback(called.append)
    two.cancel()
    assert shared.cancelled() and called == []


def test_one_who_comes_later_keeps_it_as_well(loop):
    shared, resolve, _ = resolvers(loop)
    one, two = shared.then(None), shared.then(None)
    one.cancel()
    three = shared.then(None)
    two.cancel()
    resolve("v")
    loop.run_microtasks()
    assert one.cancelled() and two.cancelled() and three.peek() == "v"


def test_both_sides_of_a_diamond_let_go_of_its_top(loop):
    top = pending(loop)
    sides = [top.then(None).finally_(lambda: None) for _ in range(2)]
    bottom = sides[0].then(lambda _: sides[1])
    assert bottom.cancel()
    loop.run_microtasks()
    assert bottom.cancelled() and sides[0].cancelled() and not top.done()
    sides[1].cancel()
    loop.run_microtasks()
    assert top.cancelled() and sides[1].cancelled()


def test_a_consumer_that_gave_up_leaves_the_order_of_the_others(loop):
    log = []
    shared, resolve, _ = resolvers(loop)
    consumers = [shared.then(lambda _, n=n: log.append(n)) for n in range(6)]
    for n in (0, 3, 5):
        consumers[n].cancel()
    resolve()
    loop.run_microtasks()
    assert log == [1, 2, 4]


# ---- It has its outcome already, but not its turn


def test_a_queued_handler_is_not_called_but_what_comes_after_it_is(loop):
    log = []
    end = settled(loop).then(lambda _: log.append("then")).finally_(lambda: log.append("finally"))
    assert end.cancel() and end.cancel()
    loop.run_microtasks()
    assert log == ["finally"] and end.cancelled()


def test_a_queued_catch_gets_the_cancellation_instead_of_the_error(loop):
    seen = []
    failed = cp.Promise(lambda resolve, reject: reject(ValueError()), loop=loop)
    end = failed.catch(lambda error: seen.append(type(error)))
    assert end.cancel()
    loop.run_microtasks()
    assert seen == [asyncio.CancelledError] and end.state == "fulfilled"


def test_a_settled_source_is_untouched(loop):
    source = settled(loop, "kept")
    one, two = source.then(None), source.then(None)
    one.cancel()
    loop.run_microtasks()
    assert one.cancelled() and two.peek() == source.peek() == "kept"


# ---- Adoption


@pytest.mark.parametrize("turn", [False, True])
def test_what_a_handler_returned_is_cancelled_unless_it_is_shared(loop, turn):
    alone, shared = pending(loop), pending(loop)
    keeper = shared.then(None)
    one, two = settled(loop).then(lambda _: alone), settled(loop).then(lambda _: shared)
    if turn:
        loop.run_microtasks()
    one.cancel(), two.cancel()
    loop.run_microtasks()
    assert one.cancelled() and two.cancelled()
    assert alone.cancelled() is turn
    assert not shared.done() and not keeper.done()


def test_a_tower_of_adoptions_is_followed_to_its_ground(loop):
    ground = top = pending(loop)
    for _ in range(10_000):
        top = cp.Promise(lambda resolve, reject, below=top: resolve(below), loop=loop)
    loop.run_microtasks()
    assert top.cancel("deep") and ground.cancelled()
    loop.run_microtasks()
    assert top.peek().args == ("deep",)


@pytest.mark.parametrize("answer", ["resolve", "reject", "raise"])
def test_a_thenable_that_answers_too_late_is_not_heard_and_nothing_is_reported(loop, answer):
    heard = []

    class Thenable:
        def then(self, resolve, reject):
            heard.extend((resolve, reject))
            if answer == "raise":
                p.cancel()
                raise ValueError("late")

    p = settled(loop).then(lambda _: Thenable())
    loop.run_microtasks()
    p.cancel()
    if answer != "raise":
        heard[answer == "reject"](ValueError("late"))
    loop.run_microtasks()
    assert p.cancelled()


# ---- From other threads


def in_threads(count, fn, *args):
    threads = [threading.Thread(target=fn, args=args) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_a_thread_is_told_what_was_settled_before_and_loops_that_are_closed():
    answers = []
    loop = cp.Loop()
    done, left = settled(loop), pending(loop)
    in_threads(1, lambda: answers.append(done.cancel()))
    loop.close()
    in_threads(1, lambda: answers.append(left.cancel()))
    assert answers == [False, False]


def test_a_whole_chain_is_cancelled_from_afar_on_its_own_thread():
    async def main():
        where = []
        top = cp.Promise()
        end = top.finally_(lambda: where.append(threading.get_ident())).then(None)
        in_threads(4, end.cancel, "afar")
        assert not end.done()
        assert await ends_cancelled(end) == ("afar",)
        assert where == [threading.get_ident()] and top.cancelled()

    cp.run(main())


def test_a_cancel_and_a_value_that_race_settle_it_once():
    async def main():
        for n in range(200):
            p, resolve, _ = cp.Promise.with_resolvers()
            outcomes = p.then(lambda value: "value", lambda error: type(error))
            threads = [threading.Thread(target=fn) for fn in ((p.cancel, resolve) if n % 2 else (resolve, p.cancel))]
            for thread in threads:
                thread.start()
            assert await outcomes in ("value", asyncio.CancelledError)
            for thread in threads:
                thread.join()

    cp.run(main())


def test_work_on_another_thread_is_not_waited_for():
    async def main():
        started, finish = threading.Event(), threading.Event()
        work = cp.to_thread(lambda: (started.set(), finish.wait(60)))
        await cp.to_thread(started.wait, 60)
        assert work.cancel()
        await ends_cancelled(work)
        finish.set()

    cp.run(main())


# ---- What run() waits for


def test_a_child_does_not_reach_the_main_promise(loop):
    main, resolve, _ = resolvers(loop)
    child = main.then(None).finally_(lambda: None)

    def cancel_child():
        assert child.cancel() and not main.done()
        loop.call_soon(resolve, "main went on")

    loop.call_soon(cancel_child)
    assert loop.run(main) == "main went on" and child.cancelled()


def test_the_children_of_a_main_that_was_cancelled_are_told():
    log = []

    async def child():
        try:
            await cp.Promise()
        finally:
            log.append("child")

    async def main():
        await cp.Promise.from_coroutine(child())

    loop = cp.Loop()

    async def around():
        p = cp.Promise.from_coroutine(main())
        p.cancel("all of it")
        await p

    with pytest.raises(asyncio.CancelledError, match="all of it"):
        loop.run(around())
    assert log == ["child"]
    loop.close()


def test_a_million_clean_ups_on_the_way(loop):
    count = itertools.count()
    end = top = pending(loop)
    for _ in range(1_000_000):
        end = end.finally_(count.__next__)
    assert end.cancel() and top.cancelled()
    loop.run_microtasks()
    assert end.cancelled() and next(count) == 1_000_000
