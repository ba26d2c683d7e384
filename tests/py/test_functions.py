"""map, promisify, tap, timeout, delay, interval: what makes programs short."""

import asyncio
import itertools
import threading

import cpromise as cp
import pytest


# ---- map


def test_map_keeps_the_order_of_its_inputs():
    async def main():
        return await cp.map([3, 1, 2], lambda n: cp.sleep(n / 1000, n * n))

    assert cp.run(main()) == [9, 1, 4]


def test_map_takes_promises_and_plain_functions_and_nothing():
    async def main():
        assert await cp.map([cp.sleep(0.001, 1), 2], lambda n: n + 1) == [2, 3]
        assert await cp.map([], lambda n: n) == []

    cp.run(main())


@pytest.mark.parametrize("limit", [1, 3, 10, 1000, None])
def test_map_runs_as_many_at_a_time_as_it_may(limit):
    running, peak, asked = 0, 0, []

    async def work(n):
        nonlocal running, peak
        running += 1
        peak = max(peak, running)
        assert len(asked) <= n + (limit or 100)
        await cp.sleep(0)
        running -= 1
        return -n

    def inputs():
        for n in range(100):
            asked.append(n)
            yield n

    async def main():
        return await cp.map(inputs(), work, concurrency=limit)

    assert cp.run(main()) == [-n for n in range(100)]
    assert peak == min(limit or 100, 100)


def test_map_stops_asking_after_the_first_rejection():
    asked = []

    async def work(n):
        await cp.sleep(0)
        if n == 5:
            raise ValueError(n)

    async def main():
        with pytest.raises(ValueError):
            await cp.map((asked.append(n) or n for n in itertools.count()), work, concurrency=2)
        before = len(asked)
        await cp.sleep(0.002)
        return before

    assert cp.run(main()) == len(asked) <= 8


def test_map_rejects_with_what_its_iterable_or_function_raises():
    def failing():
        yield 1
        raise KeyError("iterable")

    async def main():
        with pytest.raises(KeyError):
            await cp.map(failing(), lambda n: n)
        with pytest.raises(ZeroDivisionError):
            await cp.map([0], lambda n: 1 / n)
        with pytest.raises(TypeError):
            await cp.map(5, lambda n: n)

    cp.run(main())


@pytest.mark.parametrize("limit", [0, -1, 1.5, "many"])
def test_map_wants_a_positive_limit(limit):
    with pytest.raises((ValueError, TypeError)):
        cp.map([], print, concurrency=limit)


# ---- promisify


def test_promisify_follows_the_callbacks_arguments():
    def divide(a, b, callback):
        callback(ZeroDivisionError("by 0"), None) if b == 0 else callback(None, a // b, a % b)

    async def main():
        promised = cp.promisify(divide)
        assert promised.__name__ == "divide"
        assert await promised(7, 2) == (3, 1)
        with pytest.raises(ZeroDivisionError):
            await promised(1, 0)
        assert await cp.promisify(lambda callback: callback())() is None
        assert await cp.promisify(lambda callback, *, x: callback(None, x))(x=5) == 5
        with pytest.raises(OSError):
            await cp.promisify(lambda callback: open("/nowhere/at/all"))()

    cp.run(main())


def test_promisify_lets_other_threads_call_back():
    def later(value, callback):
        threading.Thread(target=callback, args=(None, value)).start()

    assert cp.run(lambda: cp.promisify(later)("x")) == "x"
    with pytest.raises(TypeError):
        cp.promisify("later")


# ---- tap, timeout, delay


def test_tap_looks_and_keeps_the_value():
    seen = []

    async def main():
        assert await cp.Promise.resolve(1).tap(seen.append) == 1
        assert await cp.Promise.resolve(2).tap(lambda value: cp.sleep(0.001).then(lambda _: seen.append(value))) == 2
        with pytest.raises(ValueError):
            await cp.Promise.resolve(3).tap(lambda _: cp.Promise.reject(ValueError()))
        with pytest.raises(KeyError):
            await cp.Promise.reject(KeyError()).tap(seen.append)
        return seen

    assert cp.run(main()) == [1, 2]


def test_timeout_takes_the_earlier_of_both():
    async def main():
        assert await cp.sleep(0.001, "in time").timeout(30) == "in time"
        assert await cp.Promise.resolve("settled").timeout(0) == "settled"
        with pytest.raises(KeyError):
            await cp.Promise.reject(KeyError()).timeout(0)
        late = cp.Promise()
        with pytest.raises(TimeoutError, match="timeout"):
            await late.timeout(0.001)
        assert late.cancelled()
        return cp.get_running_loop()

    loop = cp.Loop()
    assert loop.run(main()) is loop
    assert not loop.has_pending()  # no timer is left
    loop.close()


def test_timeout_of_a_promise_that_nobody_holds_any_more():
    async def main():
        with pytest.raises(TimeoutError):
            await cp.Promise().timeout(0.001)

    cp.run(main())


def test_a_shared_promise_outlives_the_timeout_of_one():
    async def main():
        shared = cp.sleep(0.01, "for the other")
        other = shared.then()
        with pytest.raises(TimeoutError):
            await shared.timeout(0.001)
        return await other

    assert cp.run(main()) == "for the other"


def test_delay_keeps_a_value_back_and_lets_a_reason_pass():
    async def main():
        loop = cp.get_running_loop()
        start = loop.time()
        assert await cp.Promise.resolve("v").delay(0.01) == "v"
        assert loop.time() - start >= 0.01
        rejected = cp.Promise.reject(KeyError()).delay(1000)
        with pytest.raises(KeyError):
            await rejected

    cp.run(main())


@pytest.mark.parametrize("method", ["timeout", "delay"])
@pytest.mark.parametrize("seconds, error", [("1", TypeError), (float("nan"), ValueError), (None, TypeError)])
def test_seconds_are_numbers(method, seconds, error):
    async def main():
        with pytest.raises(error):
            getattr(cp.Promise.resolve(), method)(seconds)

    cp.run(main())


# ---- interval


def test_interval_is_never_early_and_leaves_out_what_was_missed():
    async def main():
        loop, ticks = cp.get_running_loop(), []
        start = loop.time()
        async for tick in cp.interval(0.01):
            ticks.append(tick)
            assert loop.time() - start >= (tick + 1) * 0.01
            if len(ticks) == 1:
                await cp.sleep(0.035)  # too busy for the next ones
            if len(ticks) == 4:
                return ticks

    ticks = cp.run(main())
    assert ticks == sorted(set(ticks)) and ticks[1] >= ticks[0] + 3


def test_interval_counts_each_tick_of_a_loop_that_has_time():
    async def main():
        ticks = cp.interval(0.02)
        return [await anext(ticks) for _ in range(3)]

    assert any(cp.run(main()) == [0, 1, 2] for _ in range(20))  # on a machine that is at work some ticks come too late


@pytest.mark.parametrize("seconds", [0, -1, float("nan")])
def test_interval_wants_a_positive_number(seconds):
    with pytest.raises(ValueError):
        cp.interval(seconds)


def test_asyncio_is_not_imported_until_it_is_needed():
    import subprocess
    import sys

    code = "import sys, cpromise as cp; cp.run(cp.sleep(0).then(lambda _: cp.Promise.all([1]))); sys.exit('asyncio' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 0
    assert issubclass(asyncio.CancelledError, BaseException)
