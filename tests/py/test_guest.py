"""cpromise in asyncio: promises in tasks, futures in coroutines of promises, streams and threads in a guest; on asyncio and on uvloop."""

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
def run(request):
    """run(coroutine function): calls it with the attached Loop inside an asyncio loop, and sees that nothing was left unhandled."""
    if LOOPS[request.param] is None:
        pytest.skip("uvloop is not installed for this interpreter")

    def run(main):
        unhandled = []

        async def attached():
            host = asyncio.get_running_loop()
            host.set_exception_handler(lambda _, context: unhandled.append(context.get("exception") or context))
            loop = cp.attach(host)
            try:
                return await main(loop)
            finally:
                await asyncio.sleep(0)
                loop.close()

        with asyncio.Runner(loop_factory=LOOPS[request.param]) as runner:
            result = runner.run(attached())
        assert not unhandled
        return result

    return run


def test_promises_are_awaited_in_tasks(run):
    async def main(loop):
        assert cp.attach(asyncio.get_running_loop()) is loop
        assert await cp.Promise.resolve(1) == 1
        assert await cp.sleep(0.001, "slept") == "slept"
        with pytest.raises(KeyError):
            await cp.Promise.reject(KeyError())
        with pytest.raises(cp.RejectionError):
            await cp.Promise.reject("no exception")
        assert await cp.Promise.all([cp.sleep(0.001, 1), cp.Promise.resolve(2)]) == [1, 2]

    run(main)


def test_asyncios_own_tools_take_promises(run):
    async def main(loop):
        assert await asyncio.wait_for(cp.sleep(0.001, 1), 30) == 1
        assert await asyncio.gather(cp.sleep(0.001, 1), asyncio.sleep(0, 2), cp.Promise.resolve(3)) == [1, 2, 3]
        late = cp.Promise()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(late, 0.001)
        assert late.cancelled()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.001):
                await cp.sleep(1000)
        kept = cp.Promise()
        shielded = asyncio.shield(kept)
        shielded.cancel()
        await asyncio.sleep(0)
        assert not kept.done()
        assert asyncio.isfuture(kept) and asyncio.ensure_future(kept) is kept
        async with asyncio.TaskGroup() as group:
            task = group.create_task(wait_for(cp.sleep(0.001, "in a group")))
        assert task.result() == "in a group"

    run(main)


async def wait_for(awaitable):
    return await awaitable


def test_coroutines_of_promises_await_what_asyncio_has(run):
    async def ours(future):
        event = asyncio.Event()
        asyncio.get_running_loop().call_soon(event.set)
        await event.wait()
        await asyncio.sleep(0.001)
        task = asyncio.get_running_loop().create_task(asyncio.sleep(0, "task"))
        return await future, await task, await asyncio.gather(task, cp.sleep(0, "ours"))

    async def main(loop):
        future = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_later(0.001, future.set_result, "future")
        assert await cp.Promise.resolve(ours(future)) == ("future", "task", ["task", "ours"])
        failed = asyncio.get_running_loop().create_future()
        failed.set_exception(KeyError("failed"))
        with pytest.raises(KeyError, match="failed"):
            await cp.Promise.resolve(wait_for(failed))

    run(main)


def test_futures_and_tasks_are_adopted(run):
    async def main(loop):
        host = asyncio.get_running_loop()
        future = host.create_future()
        promise = cp.Promise.resolve(future).then(lambda value: value + 1)
        host.call_soon(future.set_result, 1)
        assert await promise == 2
        assert await cp.Promise.from_future(host.create_task(asyncio.sleep(0, "t"))) == "t"
        assert await cp.Promise.resolve().then(lambda _: host.create_task(asyncio.sleep(0, "returned"))) == "returned"
        assert await cp.Promise.all([host.create_task(asyncio.sleep(0, n)) for n in range(3)]) == [0, 1, 2]

    run(main)


def test_timers_callbacks_threads_and_streams_work_in_a_guest(run):
    async def echo(stream):
        while data := await stream.read():
            await stream.write(data)

    async def main(loop):
        host, log = asyncio.get_running_loop(), []
        loop.queue_microtask(log.append, "micro")
        loop.call_soon(log.append, "soon")
        loop.call_later(0.001, log.append, "later")
        assert log == []
        promise, resolve, _ = cp.Promise.with_resolvers()
        host.call_later(0.003, threading.Thread(target=resolve, args=("from a thread",)).start)
        assert await promise == "from a thread"
        assert log[0] == "micro" and sorted(log) == ["later", "micro", "soon"]  # on a slow machine the timer is due in the first turn
        async with await cp.serve_tcp(echo, "127.0.0.1", 0) as server:
            async with await cp.connect_tcp("127.0.0.1", server.port) as stream:
                await stream.write(b"hello")
                assert await stream.read() == b"hello"
        assert await cp.to_thread(threading.current_thread) is not threading.current_thread()

    run(main)


def test_asyncio_goes_on_between_turns(run):
    async def main(loop):
        ticks = []
        ticker = asyncio.get_running_loop().create_task(tick(ticks))
        for _ in range(50):
            await cp.sleep(0)
        ticker.cancel()
        assert len(ticks) > 10

    async def tick(ticks):
        while True:
            ticks.append(1)
            await asyncio.sleep(0)

    run(main)


def test_variables_cross_the_border_as_they_should(run):
    async def main(loop):
        var.set("task")
        promise, resolve, _ = cp.Promise.with_resolvers()
        seen = promise.then(lambda _: (var.get(), var.set("handler"))[0])
        var.set("task, later")
        resolve()
        assert await seen == "task"
        assert var.get() == "task, later"

    run(main)


def test_what_nobody_handles_goes_to_asyncios_exception_handler(run):
    async def main(loop):
        caught = []
        host = asyncio.get_running_loop()
        host.set_exception_handler(lambda _, context: caught.append(context["exception"]))
        cp.Promise.reject(ValueError("lost"))
        await asyncio.sleep(0.001)
        (group,) = caught
        assert isinstance(group, cp.UnhandledRejections) and isinstance(group.exceptions[0], ValueError)
        assert await cp.Promise.resolve("alive") == "alive"

    run(main)


def test_attaching_ends_and_begins_again(run):
    async def main(loop):
        waiting = cp.Promise()
        loop.close()
        assert isinstance(waiting.peek(), cp.LoopClosedError)
        again = cp.attach(asyncio.get_running_loop())
        assert again is not loop and await cp.sleep(0.001, "again") == "again"
        again.close()

    run(main)
    run(main)
    assert cp.run(cp.sleep(0, "at home")) == "at home"


def test_a_guest_whose_host_is_gone_makes_room():
    async def forgets():
        cp.attach(asyncio.get_running_loop())
        return await cp.Promise.resolve(1)

    assert asyncio.run(forgets()) == 1
    assert asyncio.run(forgets()) == 1
    assert cp.run(cp.sleep(0, 2)) == 2


def test_wrong_use_says_what_to_do(run):
    async def main(loop):
        with pytest.raises(RuntimeError, match="attached"):
            cp.run(cp.sleep(0))
        with pytest.raises(RuntimeError, match="attached"):
            loop.run(cp.sleep(0))

    run(main)
    closed = asyncio.new_event_loop()
    closed.close()
    with pytest.raises(RuntimeError, match="closed"):
        cp.attach(closed)

    async def in_ours():
        with pytest.raises(RuntimeError, match="running"):
            cp.attach(open_loop)

    open_loop = asyncio.new_event_loop()
    cp.run(in_ours())
    open_loop.close()


def test_without_attach_a_task_refuses_promises():
    loop = cp.Loop()

    async def main():
        await cp.Promise(loop=loop)

    with pytest.raises(RuntimeError, match="attached to a different loop"):
        asyncio.run(main())
    loop.close()


def faces(host, loop):
    return [host.create_future(), cp.Promise()]


def test_the_face_is_that_of_a_future(run):
    async def main(loop):
        host = asyncio.get_running_loop()
        for future in faces(host, loop):
            called = []
            assert (future.done(), future.cancelled(), future.get_loop()) == (False, False, host)
            for method in (future.result, future.exception):
                with pytest.raises(asyncio.InvalidStateError):
                    method()
            future.add_done_callback(called.append)
            future.add_done_callback(called.append)
            future.add_done_callback(print)
            assert future.remove_done_callback(print) == 1 and future.remove_done_callback(print) == 0
            assert future.cancel() and not future.cancel()
            assert future.done() and future.cancelled() and called == []
            for method in (future.result, future.exception):
                with pytest.raises(asyncio.CancelledError):
                    method()
            await asyncio.sleep(0.001)
            assert called == [future, future]
        settled = cp.Promise.resolve(5)
        assert settled.result() == 5 and settled.exception() is None
        failed = cp.Promise.reject(KeyError())
        assert isinstance(failed.exception(), KeyError)
        with pytest.raises(KeyError):
            failed.result()

    run(main)


@pytest.mark.parametrize("what", [1, "future", object(), print])
def test_from_future_wants_a_future(what):
    with pytest.raises(TypeError, match="from_future"):
        cp.Promise.from_future(what)
