"""cpromise inside asyncio and uvloop, in depth: asyncio's own tools, order and fairness, contexts, ends, the face of a future."""

import asyncio
import contextvars
import threading

import cpromise as cp
import pytest

try:
    import uvloop
except ImportError:
    uvloop = None

LOOPS = {"asyncio": asyncio.new_event_loop, "uvloop": getattr(uvloop, "new_event_loop", None)}
var = contextvars.ContextVar("var", default="unset")


@pytest.fixture(params=LOOPS)
def factory(request):
    if LOOPS[request.param] is None:
        pytest.skip("uvloop is not installed for this interpreter")
    return LOOPS[request.param]


@pytest.fixture
def run(factory):
    """run(coroutine function): calls it with the asyncio loop and the attached one, and sees that nothing was left unhandled."""

    def run(main):
        unhandled = []

        async def attached():
            host = asyncio.get_running_loop()
            host.set_exception_handler(lambda _, context: unhandled.append(context))
            loop = cp.attach(host)
            try:
                return await asyncio.wait_for(main(host, loop), 30)
            finally:
                await settle()
                loop.close()

        with asyncio.Runner(loop_factory=factory) as runner:
            result = runner.run(attached())
        assert not unhandled
        return result

    return run


async def settle():
    for _ in range(10):
        await asyncio.sleep(0)


async def wait_for(awaitable):
    return await awaitable


# ---- asyncio's tools take promises


def test_wait_and_as_completed_take_promises(run):
    async def main(host, loop):
        quick, slow = cp.Promise.resolve("quick"), cp.Promise()
        done, waiting = await asyncio.wait([quick, slow], return_when=asyncio.FIRST_COMPLETED)
        assert (done, waiting) == ({quick}, {slow})
        done, waiting = await asyncio.wait([slow], timeout=0.001)
        assert (done, waiting) == (set(), {slow}) and not slow.done()
        results = [await each for each in asyncio.as_completed([cp.sleep(0.001, "b"), cp.Promise.resolve("a")])]
        assert results == ["a", "b"]

    run(main)


def test_gather_returns_the_errors_of_promises_in_their_place(run):
    async def main(host, loop):
        failure = KeyError("k")

        def failing(reason):  # later: from 3.12 gather() does not look at what has failed before until all are done
            return cp.sleep(0).then(lambda _: cp.Promise.reject(reason))

        results = await asyncio.gather(failing(failure), failing("x"), cp.sleep(0, 1), return_exceptions=True)
        assert results[0] is failure and isinstance(results[1], cp.RejectionError) and results[2] == 1
        with pytest.raises(KeyError):
            await asyncio.gather(failing(failure), cp.sleep(0))

    run(main)


def test_cancelling_gather_cancels_its_promises(run):
    async def main(host, loop):
        promises = [cp.Promise(), cp.sleep(1000)]
        gathered = asyncio.gather(*promises)
        await asyncio.sleep(0)
        gathered.cancel()
        await settle()
        assert gathered.done() and all(p.cancelled() for p in promises)
        with pytest.raises(asyncio.CancelledError):
            await gathered
        gathered = asyncio.gather(cp.Promise.reject(asyncio.CancelledError("why")), return_exceptions=True)
        await settle()
        assert gathered.done() and isinstance(gathered.result()[0], asyncio.CancelledError)

    run(main)


def test_a_group_that_fails_cancels_the_promises_that_its_tasks_wait_for(run):
    async def fails():  # makes its promise when it awaits it: one made earlier could reject before anybody handles it
        await cp.sleep(0.001).then(lambda _: 1 // 0)

    async def main(host, loop):
        log = []
        forever = cp.Promise()
        chained = forever.finally_(lambda: log.append("cleaned"))
        with pytest.raises(ExceptionGroup) as caught:
            async with asyncio.TaskGroup() as group:
                group.create_task(wait_for(chained))
                group.create_task(fails())
        assert [type(error) for error in caught.value.exceptions] == [ZeroDivisionError]
        assert forever.cancelled() and chained.cancelled() and log == ["cleaned"]

    run(main)


def test_a_timeout_of_asyncio_waits_for_the_clean_up_of_a_coroutine_of_promises(run):
    async def cleans_up(log):
        try:
            await cp.Promise()
        finally:
            await cp.sleep(0.001)
            log.append("cleaned")

    async def main(host, loop):
        log = []
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.001):
                await cp.Promise.from_coroutine(cleans_up(log))
        assert log == ["cleaned"]
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(cp.Promise.from_coroutine(cleans_up(log)), 0.001)
        assert log == ["cleaned"] * 2

    run(main)


def test_a_shield_keeps_a_promise_and_still_hears_of_it(run):
    async def main(host, loop):
        promise, resolve, _ = cp.Promise.with_resolvers()
        shielded = asyncio.shield(promise)
        task = host.create_task(wait_for(shielded))
        await asyncio.sleep(0)
        task.cancel()
        await settle()
        assert task.cancelled() and shielded.cancelled() and not promise.done()
        again = asyncio.shield(promise)
        resolve("v")
        assert await again == "v"

    run(main)


def test_our_own_timeout_works_here_as_well(run):
    async def main(host, loop):
        with pytest.raises(TimeoutError):
            await cp.Promise.resolve(host.create_future()).timeout(0.001)

    run(main)


def test_a_loop_may_run_until_a_promise_has_settled(factory):
    host = factory()
    loop = cp.attach(host)
    try:
        assert host.run_until_complete(cp.sleep(0.001, "slept").then(str.upper)) == "SLEPT"
        with pytest.raises(ZeroDivisionError):
            host.run_until_complete(cp.Promise.resolve(0).then(lambda n: 1 // n))
        with pytest.raises(asyncio.CancelledError):
            cancelled = cp.Promise()
            host.call_soon(cancelled.cancel)
            host.run_until_complete(cancelled)
    finally:
        loop.close()
        host.close()


# ---- Coroutines of promises use what asyncio has


def test_locks_queues_and_events_join_both_kinds_of_coroutines(run):
    async def produces(queue):
        for n in range(5):
            await queue.put(n)
        await queue.put(None)

    async def consumes(queue, lock, seen):
        while (item := await queue.get()) is not None:
            async with lock:
                seen.append(item)

    async def main(host, loop):
        seen, queue, lock, event = [], asyncio.Queue(1), asyncio.Lock(), asyncio.Event()
        consumer = cp.Promise.from_coroutine(consumes(queue, lock, seen))
        await asyncio.gather(produces(queue), consumer)
        assert seen == [0, 1, 2, 3, 4]
        consumer = host.create_task(consumes(queue, lock, seen))
        await cp.Promise.all([cp.Promise.from_coroutine(produces(queue)), consumer])
        assert seen == [0, 1, 2, 3, 4] * 2
        waiter = cp.Promise.from_coroutine(event.wait())
        cp.sleep(0).then(lambda _: event.set())
        assert await waiter is True

    run(main)


def test_a_lock_that_a_cancelled_coroutine_held_or_waited_for_is_free(run):
    async def holds(lock):
        async with lock:
            await cp.Promise()

    async def main(host, loop):
        lock = asyncio.Lock()
        holder, waiter = (cp.Promise.from_coroutine(holds(lock)) for _ in range(2))
        await settle()
        assert lock.locked()
        waiter.cancel()
        await settle()
        assert waiter.cancelled() and not holder.done()
        holder.cancel()
        await settle()
        assert holder.cancelled() and not lock.locked()

    run(main)


@pytest.mark.parametrize("settled", [True, False])
@pytest.mark.parametrize("kind", ["value", "exception", "cancelled"])
def test_futures_and_tasks_are_heard_alike_whether_awaited_or_adopted(run, settled, kind):
    async def main(host, loop):
        for use in (lambda f: cp.Promise.from_coroutine(wait_for(f)), cp.Promise.resolve, cp.Promise.from_future):
            future = host.create_future()
            finish = {
                "value": lambda: future.set_result("v"),
                "exception": lambda: future.set_exception(LookupError("e")),
                "cancelled": future.cancel,
            }[kind]
            if settled:
                finish()
            promise = use(future)
            if not settled:
                host.call_soon(finish)
            outcome = await promise.then(lambda value: value, lambda error: type(error))
            assert outcome == {"value": "v", "exception": LookupError, "cancelled": asyncio.CancelledError}[kind]

    run(main)


def test_a_task_that_suppresses_its_cancellation_decides_what_the_promise_becomes(run):
    async def stubborn():
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            return "kept on"

    async def main(host, loop):
        task = host.create_task(stubborn())
        chain = cp.Promise.resolve(task).then(str.upper)
        await settle()
        assert chain.cancel() and not chain.done()
        assert await chain == "KEPT ON" and not task.cancelled()

    run(main)


# ---- Order and fairness


def test_microtasks_drain_before_asyncio_goes_on(run):
    async def main(host, loop):
        log = []

        def chain(n):
            log.append(n)
            if not n:
                host.call_soon(log.append, "asyncio")
            if n < 1000:
                return cp.Promise.resolve(n + 1).then(chain)

        await cp.Promise.resolve(0).then(chain)
        await settle()
        assert log == [*range(1001), "asyncio"]

    run(main)


def test_each_timer_of_ours_is_followed_by_its_microtasks(run):
    async def main(host, loop):
        log = []
        for n in range(3):
            loop.call_later(0, lambda n=n: (log.append(("timer", n)), loop.queue_microtask(log.append, ("micro", n))))
        await cp.sleep(0.001)
        assert log == [(kind, n) for n in range(3) for kind in ("timer", "micro")]

    run(main)


def test_a_long_chain_that_sleeps_lets_asyncio_go_on(run):
    async def main(host, loop):
        ticks = 0

        def tick():
            nonlocal ticks
            ticks += 1
            host.call_later(0, tick)

        def work(n):
            before = ticks
            return cp.sleep(0, n - 1).then(work) if n else before

        tick()
        await cp.Promise.resolve(2000).then(work)
        assert ticks > 100

    run(main)


def test_a_thread_wakes_an_idle_loop_once_for_every_message(run):
    async def main(host, loop):
        for n in range(20):
            promise, resolve, reject = cp.Promise.with_resolvers()
            thread = threading.Thread(target=reject if n % 2 else resolve, args=(n,))
            host.call_later(0.001, thread.start)
            assert await promise.catch(lambda reason: reason) == n
            thread.join()
        called = asyncio.Event()
        threading.Thread(target=loop.call_soon_threadsafe, args=(called.set,)).start()
        await called.wait()

    run(main)


def test_a_timer_that_comes_earlier_than_the_one_asyncio_waits_for_is_not_late(run):
    async def main(host, loop):
        late = cp.sleep(1000)
        await settle()
        assert await cp.sleep(0.001, "early") == "early"
        host.call_later(0.001, loop.call_later, 0.001, late.cancel)
        with pytest.raises(asyncio.CancelledError):
            await late

    run(main)


# ---- Contexts


def test_every_side_has_its_own_variables(run):
    async def ours():
        seen = [var.get()]
        var.set("ours")
        await asyncio.sleep(0)
        await cp.sleep(0)
        return [*seen, var.get()]

    async def theirs(promise):
        var.set("theirs")
        await promise
        return var.get()

    async def main(host, loop):
        var.set("main")
        promise = cp.Promise.from_coroutine(ours())
        task = host.create_task(theirs(promise))
        seen = []
        promise.add_done_callback(lambda _: (seen.append(var.get()), var.set("callback")))
        special = contextvars.copy_context()
        special.run(var.set, "special")
        promise.add_done_callback(lambda _: seen.append(var.get()), context=special)
        assert await promise == ["main", "ours"]
        assert await task == "theirs"
        await settle()
        assert seen == ["main", "special"] and var.get() == "main"

    run(main)


# ---- Ends


def test_what_fails_in_callbacks_goes_to_asyncios_exception_handler(run):
    async def main(host, loop):
        caught = []
        host.set_exception_handler(lambda _, context: caught.append(context["exception"]))

        def fail(*args):
            raise LookupError

        loop.call_soon(fail)
        await settle()
        loop.queue_microtask(fail)
        await settle()
        cp.Promise.resolve().add_done_callback(fail)
        await settle()
        cp.Promise.reject("no exception")
        await settle()
        assert len(caught) == 4 and await cp.sleep(0, "alive") == "alive"

    run(main)


@pytest.mark.parametrize("error", [SystemExit, KeyboardInterrupt])
def test_what_must_leave_leaves_asyncio(factory, error):
    def leave(_):
        raise error

    host = factory()
    loop = cp.attach(host)
    cp.sleep(0).then(leave)
    with pytest.raises(error):
        host.run_until_complete(asyncio.wait_for(host.create_future(), 60))
    assert host.run_until_complete(cp.sleep(0, "alive")) == "alive"
    loop.close()
    host.close()


def test_closing_tells_those_who_wait_in_asyncio(run):
    async def main(host, loop):
        called, promise = [], cp.Promise()
        # as a task adds to what it awaits: it cannot be entered inside another one, the one that calls close()
        promise.add_done_callback(lambda f: called.append((f, asyncio.current_task())))
        loop.close()
        assert isinstance(promise.exception(), cp.LoopClosedError)
        await settle()
        assert called == [(promise, None)]
        loop.close()

    run(main)


def test_a_thread_has_one_attached_loop_after_the_other(factory):
    seen = []

    async def main():
        loop = cp.attach(asyncio.get_running_loop())
        assert all(loop is not other for other in seen)
        seen.append(loop)
        assert await cp.sleep(0, len(seen)) == len(seen)

    for _ in range(3):
        with asyncio.Runner(loop_factory=factory) as runner:
            runner.run(main())
            assert cp.attach(runner.get_loop()) is seen[-1]
        assert cp.run(cp.sleep(0, "home")) == "home"


def test_two_threads_each_have_their_own(factory):
    results = []

    async def main(n):
        cp.attach(asyncio.get_running_loop())
        return await cp.Promise.all([cp.sleep(0.001, n), asyncio.sleep(0, n)])

    def thread(n):
        with asyncio.Runner(loop_factory=factory) as runner:
            results.append(runner.run(main(n)))

    threads = [threading.Thread(target=thread, args=(n,)) for n in range(3)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert sorted(results) == [[n, n] for n in range(3)]


def test_a_promise_of_another_loop_is_refused_by_a_task_and_by_a_coroutine(run):
    async def main(host, loop):
        other = cp.Loop()
        foreign = cp.Promise(loop=other)
        with pytest.raises(RuntimeError):
            await foreign
        with pytest.raises(cp.WrongLoopError):
            await cp.Promise.from_coroutine(wait_for(foreign))
        other.close()

    run(main)


# ---- The face of a future, compared with a real one


def outcome_of(call):
    try:
        return call()
    except BaseException as error:
        return type(error), error.args if isinstance(error, asyncio.CancelledError) else None


SETTLE = {
    "pending": lambda settle: None,
    "value": lambda settle: settle["resolve"](5),
    "none": lambda settle: settle["resolve"](None),
    "error": lambda settle: settle["reject"](LookupError("e")),
    "cancelled": lambda settle: settle["cancel"](),
    "cancelled with a reason": lambda settle: settle["cancel"](msg="why"),
}
QUESTIONS = {
    "done": lambda f: f.done(),
    "cancelled": lambda f: f.cancelled(),
    "get_loop": lambda f: f.get_loop(),
    "result": lambda f: f.result(),
    "exception": lambda f: repr(f.exception()),
    "remove a stranger": lambda f: f.remove_done_callback(print),
    "cancel": lambda f: f.cancel(),
    "cancel twice": lambda f: (f.cancel(), f.cancel()),
    "blocking": lambda f: f._asyncio_future_blocking,
    "isfuture": asyncio.isfuture,
}


@pytest.mark.parametrize("question", QUESTIONS)
@pytest.mark.parametrize("settled", SETTLE)
def test_a_promise_answers_as_a_future_does(run, settled, question):
    async def main(host, loop):
        future, (promise, resolve, reject) = host.create_future(), cp.Promise.with_resolvers()
        SETTLE[settled]({"resolve": future.set_result, "reject": future.set_exception, "cancel": future.cancel})
        SETTLE[settled]({"resolve": resolve, "reject": reject, "cancel": promise.cancel})
        promise.catch(lambda error: None)
        assert outcome_of(lambda: QUESTIONS[question](promise)) == outcome_of(lambda: QUESTIONS[question](future))
        future.cancelled() or future.done() and future.exception()

    run(main)


@pytest.mark.parametrize("removed", ["none", "first", "twice"])
def test_callbacks_come_in_order_and_never_at_once(run, removed):
    async def main(host, loop):
        orders = []
        for future, finish in faces(host):
            order = []
            orders.append(order)

            def first(f, order=order, future=future):
                order.append(("first", f is future))

            def second(f, order=order):
                order.append("second")

            for callback in (first, second, first):
                future.add_done_callback(callback)
            if removed != "none":
                order.append(future.remove_done_callback(first))
            if removed == "twice":
                order.append(future.remove_done_callback(first))
            finish("v")
            order.append("finished")
            future.add_done_callback(second)
            order.append("added late")
            await settle()
        assert orders[0] == orders[1] and orders[0][-1] == "second"

    run(main)


def faces(host):
    future, (promise, resolve, _) = host.create_future(), cp.Promise.with_resolvers()
    return (future, future.set_result), (promise, resolve)
