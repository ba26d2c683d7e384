"""Who cancels whom between asyncio and promises, and that the reason gets there; futures of executors and of other threads' loops."""

import asyncio
import concurrent.futures
import threading

import cpromise as cp
import pytest

try:
    import uvloop
except ImportError:
    uvloop = None

LOOPS = {"asyncio": asyncio.new_event_loop, "uvloop": getattr(uvloop, "new_event_loop", None)}


@pytest.fixture(params=LOOPS)
def run(request):
    """run(coroutine function): calls it in an asyncio loop with one of ours attached, and sees that nothing was left unhandled."""
    if LOOPS[request.param] is None:
        pytest.skip("uvloop is not installed for this interpreter")

    def run(main):
        unhandled = []

        async def attached():
            host = asyncio.get_running_loop()
            host.set_exception_handler(lambda _, context: unhandled.append(context))
            loop = cp.attach(host)
            try:
                return await main(host)
            finally:
                await settle()
                loop.close()

        with asyncio.Runner(loop_factory=LOOPS[request.param]) as runner:
            runner.run(attached())
        assert not unhandled

    return run


async def settle():
    for _ in range(10):
        await asyncio.sleep(0)


# ---- The table. A cancelled waiter cancels what it alone waits for; a cancelled awaited raises CancelledError in the waiter.


async def stuck_on(awaitable, seen):
    try:
        await awaitable
    except asyncio.CancelledError as error:
        seen.append(error.args)
        raise


# makes what is awaited; the list gets the args of the CancelledError that its coroutine sees, if it has one
AWAITED = {
    "promise": lambda host, seen: cp.Promise(),
    "coroutine": lambda host, seen: cp.Promise.from_coroutine(stuck_on(cp.Promise(), seen)),
    "future": lambda host, seen: host.create_future(),
    "task": lambda host, seen: host.create_task(stuck_on(host.create_future(), seen)),
}
WAITERS = {
    "task": lambda host, awaited, seen: host.create_task(stuck_on(awaited, seen)),
    "coroutine": lambda host, awaited, seen: cp.Promise.from_coroutine(stuck_on(awaited, seen)),
    "chain": lambda host, awaited, seen: cp.Promise.resolve(awaited).then(None),
}
C = "cancelled: why"
TABLE = [
    # waiter     awaited      cancelled   waiter then  awaited then
    ("task", "promise", "waiter", C, C),
    ("task", "promise", "awaited", C, C),
    ("task", "coroutine", "waiter", C, C),
    ("task", "coroutine", "awaited", C, C),
    ("task", "future", "waiter", C, C),
    ("task", "future", "awaited", C, C),
    ("task", "task", "waiter", C, C),
    ("task", "task", "awaited", C, C),
    ("coroutine", "promise", "waiter", C, C),
    ("coroutine", "promise", "awaited", C, C),
    ("coroutine", "coroutine", "waiter", C, C),
    ("coroutine", "coroutine", "awaited", C, C),
    ("coroutine", "future", "waiter", C, C),
    ("coroutine", "future", "awaited", C, C),
    ("coroutine", "task", "waiter", C, C),
    ("coroutine", "task", "awaited", C, C),
    ("chain", "promise", "waiter", C, C),
    ("chain", "promise", "awaited", C, C),
    ("chain", "coroutine", "waiter", C, C),
    ("chain", "coroutine", "awaited", C, C),
    ("chain", "future", "waiter", C, C),
    ("chain", "future", "awaited", C, C),
    ("chain", "task", "waiter", C, C),
    ("chain", "task", "awaited", C, C),
]


def end_of(future, seen):
    """How it ended and with which reason; `seen` is what its coroutine was told: a Task forgets its reason once it was asked."""
    if not future.done():
        return "pending"
    if not future.cancelled():
        return "done"
    try:
        future.result()
    except asyncio.CancelledError as error:
        args = seen[0] if seen else error.args
    return ": ".join(["cancelled", *args])


@pytest.mark.parametrize("waiter, awaited, who, waiter_then, awaited_then", TABLE)
def test_who_cancels_whom_and_why(run, waiter, awaited, who, waiter_then, awaited_then):
    async def main(host):
        told_waiter, told_awaited = [], []
        what = AWAITED[awaited](host, told_awaited)
        one = WAITERS[waiter](host, what, told_waiter)
        await settle()
        assert (one if who == "waiter" else what).cancel("why")
        await settle()
        assert end_of(one, told_waiter) == waiter_then
        assert end_of(what, told_awaited) == awaited_then

    run(main)


@pytest.mark.parametrize("awaited", AWAITED)
@pytest.mark.parametrize("waiter", WAITERS)
def test_a_second_cancel_of_either_changes_nothing(run, waiter, awaited):
    async def main(host):
        what = AWAITED[awaited](host, [])
        one = WAITERS[waiter](host, what, [])
        await settle()
        for _ in range(2):
            one.cancel()
            what.cancel()
        await settle()
        assert one.cancelled() and what.cancelled()
        assert one.cancel() is False and what.cancel() is False

    run(main)


@pytest.mark.parametrize("awaited", AWAITED)
@pytest.mark.parametrize("waiter", ["task", "coroutine"])
def test_a_waiter_that_suppresses_it_goes_on(run, waiter, awaited):
    async def stubborn(what, seen):
        try:
            await what
        except asyncio.CancelledError:
            await cp.sleep(0)
            await asyncio.sleep(0)
            return "went on"

    async def main(host):
        what = AWAITED[awaited](host, [])
        one = cp.Promise.from_coroutine(stubborn(what, [])) if waiter == "coroutine" else host.create_task(stubborn(what, []))
        await settle()
        one.cancel()
        assert await one == "went on" and what.cancelled() and not one.cancelled()

    run(main)


def test_a_task_that_uncancels_itself_is_counted_by_asyncio(run):
    async def patient(promise):
        try:
            await promise
        except asyncio.CancelledError:
            return asyncio.current_task().cancelling(), asyncio.current_task().uncancel()

    async def main(host):
        task = host.create_task(patient(cp.Promise()))
        await asyncio.sleep(0)
        task.cancel()
        assert await task == (1, 0)

    run(main)


def test_the_mixed_chain_of_all_is_unwound_from_the_inside(run):
    log = []

    async def named(name, awaitable):
        try:
            await awaitable
        finally:
            await asyncio.sleep(0)
            await cp.sleep(0)
            log.append(name)

    async def main(host):
        inner = host.create_task(named("task", host.create_future()))
        middle = cp.Promise.from_coroutine(named("coroutine", inner))
        chain = middle.finally_(lambda: log.append("finally"))
        outer = host.create_task(named("outer task", chain))
        await settle()
        outer.cancel()
        with pytest.raises(asyncio.CancelledError):
            await outer
        assert log == ["task", "coroutine", "finally", "outer task"]
        assert inner.cancelled() and middle.cancelled() and chain.cancelled()

    run(main)


# ---- concurrent.futures, at home


def at_home(main):
    return cp.run(main())


@pytest.mark.parametrize("settled", [True, False])
@pytest.mark.parametrize("kind", ["value", "exception", "cancelled"])
def test_a_future_of_another_thread_is_adopted(settled, kind):
    async def main():
        future = concurrent.futures.Future()
        finish = {
            "value": lambda: future.set_result("v"),
            "exception": lambda: future.set_exception(LookupError("e")),
            "cancelled": future.cancel,
        }[kind]
        thread = threading.Thread(target=finish)
        if settled:
            finish()
        promises = [cp.Promise.resolve(future), cp.Promise.from_future(future), cp.Promise.resolve().then(lambda _: future)]
        if not settled:
            await cp.sleep(0)
            thread.start()
        for promise in promises:
            outcome = await promise.then(lambda value: value, lambda error: type(error))
            assert outcome == {"value": "v", "exception": LookupError, "cancelled": asyncio.CancelledError}[kind]

    at_home(main)


def test_work_of_an_executor_that_has_not_begun_is_never_begun():
    begun, go = [], threading.Event()

    async def main():
        first = cp.Promise.resolve(executor.submit(go.wait, 60))
        second = cp.Promise.resolve(executor.submit(begun.append, "second"))
        assert second.cancel()
        with pytest.raises(asyncio.CancelledError):
            await second
        go.set()
        assert await first is True

    with concurrent.futures.ThreadPoolExecutor(1) as executor:
        at_home(main)
    assert begun == []


def test_many_futures_of_an_executor_come_back_each_with_its_own():
    async def main():
        futures = [executor.submit(pow, n, 2) for n in range(200)]
        assert await cp.Promise.all(futures) == [n * n for n in range(200)]

    with concurrent.futures.ThreadPoolExecutor(4) as executor:
        at_home(main)


def test_a_future_that_settles_after_our_loop_has_closed_hurts_nobody():
    future = concurrent.futures.Future()
    loop = cp.Loop()

    async def main():
        return cp.Promise.resolve(future), None

    promise, _ = loop.run(main())
    loop.close()
    future.set_result("late")
    assert isinstance(promise.peek(), cp.LoopClosedError)


@pytest.fixture
def elsewhere():
    """An asyncio loop that runs on another thread."""
    host = asyncio.new_event_loop()
    thread = threading.Thread(target=host.run_forever)
    thread.start()
    yield host
    host.call_soon_threadsafe(host.stop)
    thread.join()
    host.close()


@pytest.mark.parametrize("kind", ["value", "exception", "cancelled"])
def test_a_future_of_an_asyncio_loop_of_another_thread_is_adopted_and_awaited(elsewhere, kind):
    async def main():
        for use in (cp.Promise.resolve, lambda f: cp.Promise.from_coroutine(stuck_on(f, []))):
            future = elsewhere.create_future()
            promise = use(future)
            finish, args = {
                "value": (future.set_result, ["v"]),
                "exception": (future.set_exception, [LookupError("e")]),
                "cancelled": (future.cancel, []),
            }[kind]
            elsewhere.call_soon_threadsafe(finish, *args)
            outcome = await promise.then(lambda value: "v", lambda error: type(error))
            assert outcome == {"value": "v", "exception": LookupError, "cancelled": asyncio.CancelledError}[kind]

    at_home(main)


def test_cancelling_reaches_the_other_thread_on_that_thread(elsewhere):
    where = []

    async def main():
        future = elsewhere.create_future()
        future.add_done_callback(lambda f: where.append((threading.get_ident(), f.cancelled())))
        promise = cp.Promise.resolve(future)
        assert promise.cancel()
        with pytest.raises(asyncio.CancelledError):
            await promise
        assert future.cancelled()

    at_home(main)
    asyncio.run_coroutine_threadsafe(asyncio.sleep(0), elsewhere).result(60)
    ((thread, cancelled),) = where
    assert cancelled and thread != threading.get_ident()


def test_a_future_whose_loop_has_closed_can_still_be_given_up():
    async def main():
        host = asyncio.new_event_loop()
        promise = cp.Promise.resolve(host.create_future())
        host.close()
        assert promise.cancel() is True
        with pytest.raises(asyncio.CancelledError):
            await promise.timeout(10)

    at_home(main)
