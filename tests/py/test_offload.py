"""to_thread: results, errors, many calls, closing."""

import threading
import time

import cpromise as cp
import pytest


def test_result_arguments_and_thread():
    def work(a, b=0, *, c=0):
        return a + b + c, threading.get_ident()

    total, thread = cp.run(cp.to_thread(work, 1, 2, c=3))
    assert total == 6
    assert thread != threading.get_ident()


def test_what_it_raises_is_the_reason():
    def work():
        raise LookupError("in a thread")

    with pytest.raises(LookupError, match="in a thread"):
        cp.run(cp.to_thread(work))


def test_calls_overlap():
    async def main():
        barrier = threading.Barrier(3)
        return await cp.Promise.all([cp.to_thread(barrier.wait, 20) for _ in range(3)])

    assert sorted(cp.run(main())) == [0, 1, 2]


def test_thousands_of_calls_come_home():
    async def main():
        return await cp.Promise.all([cp.to_thread(pow, i, 2) for i in range(3000)])

    assert cp.run(main()) == [i * i for i in range(3000)]


def test_the_loop_goes_on_meanwhile():
    async def main():
        work = cp.to_thread(time.sleep, 0.05)
        ticks = 0
        while work.state == "pending":
            await cp.sleep(0.001)
            ticks += 1
        return ticks

    assert cp.run(main()) > 5


def test_closing_waits_for_what_runs_and_rejects_what_does_not():
    done, dropped = [], []

    def slow(i):
        time.sleep(0.05)
        done.append(i)

    def start():
        for i in range(100):
            cp.to_thread(slow, i).catch(cp.LoopClosedError, lambda e: dropped.append(str(e)))
        return cp.sleep(0.01)

    cp.run(start)
    assert 0 < len(done) < 100
    assert len(done) + len(dropped) == 100


def test_the_function_must_be_callable():
    with pytest.raises(TypeError, match="callable"):
        cp.to_thread(5)


def test_a_thread_may_run_a_loop_of_its_own():
    assert cp.run(cp.to_thread(lambda: cp.run(cp.sleep(0.001, "inner")))) == "inner"
