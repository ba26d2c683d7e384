"""workers=, pin=, and cancel() of calls that wait for a worker."""

import os
import threading

import cpromise as cp
import pytest


def affinity_of_workers(count, **options):
    """What sched_getaffinity says in `count` workers at once."""
    barrier = threading.Barrier(count)

    def look():
        barrier.wait(20)
        return os.sched_getaffinity(0)

    return cp.run(lambda: cp.Promise.all([cp.to_thread(look) for _ in range(count)]), **options)


def test_no_more_threads_than_workers():
    seen = set()

    async def main():
        await cp.Promise.all([cp.to_thread(lambda: seen.add(threading.get_ident())) for _ in range(500)])
        return cp.get_running_loop().workers

    assert cp.run(main(), workers=2) == 2
    assert len(seen) <= 2
    assert cp.Loop(workers=7).workers == 7


def test_each_worker_on_a_cpu_of_its_own_in_turn():
    allowed = sorted(os.sched_getaffinity(0))
    expected = sorted([{cpu} for cpu in allowed] * 2, key=min)
    assert sorted(affinity_of_workers(2 * len(allowed), workers=2 * len(allowed), pin=True), key=min) == expected
    assert os.sched_getaffinity(0) == set(allowed)


def test_the_cpus_that_are_named():
    cpu = max(os.sched_getaffinity(0))
    assert affinity_of_workers(3, workers=3, pin=[cpu]) == [{cpu}] * 3
    assert cp.Loop(pin=[cpu]).workers == 1


def test_one_worker_stays_off_the_cpu_of_the_loop():
    if len(os.sched_getaffinity(0)) < 2:
        pytest.skip("there is one CPU")
    (where,) = affinity_of_workers(1, workers=1, pin=True)
    assert len(where) == 1 and where < os.sched_getaffinity(0)


@pytest.mark.parametrize("pin", [False, None])
def test_not_pinned(pin):
    assert affinity_of_workers(1, workers=1, pin=pin) == [os.sched_getaffinity(0)]


@pytest.mark.parametrize(
    "options, error, text",
    [
        (dict(workers=0), ValueError, "workers=0: from 1 to 1024"),
        (dict(workers=10**30), ValueError, "from 1 to 1024"),
        (dict(workers=True), TypeError, "not bool"),
        (dict(workers="2"), TypeError, "not str"),
        (dict(pin=[4000]), ValueError, "CPU 4000 is none that this process may use: \\[0"),
        (dict(pin=[-1]), ValueError, "CPU -1"),
        (dict(pin=[10**30]), ValueError, "none that this process may use"),
        (dict(pin=[]), ValueError, "empty"),
        (dict(pin=["0"]), TypeError, "numbers, not str"),
        (dict(pin=3), TypeError, "list of CPUs"),
    ],
)
def test_wrong_options(options, error, text):
    with pytest.raises(error, match=text):
        cp.Loop(**options)
    with pytest.raises(error, match=text):
        cp.run(cp.sleep(0), **options)
    cp.run(cp.sleep(0))


def test_too_late_for_another_size():
    first = cp.to_thread(int)
    with pytest.raises(RuntimeError, match="too late"):
        cp.run(first, workers=2)
    assert cp.run(first) == 0


def with_busy_worker(body):
    """body(release) with the only worker held until release() is called."""
    gate = threading.Event()

    async def main():
        held = cp.to_thread(gate.wait, 20)
        try:
            return await body(gate.set)
        finally:
            gate.set()
            await held

    return cp.run(main(), workers=1)


def test_a_call_that_waits_is_taken_back():
    ran = []

    async def body(release):
        calls = [cp.to_thread(ran.append, i) for i in range(5)]
        for i in (0, 2, 4):
            assert calls[i].cancel()
        release()
        return await cp.Promise.all_settled(calls)

    settled = with_busy_worker(body)
    assert ran == [1, 3]
    assert [one["status"] for one in settled] == ["rejected", "fulfilled", "rejected", "fulfilled", "rejected"]


def test_the_outcome_of_a_cancelled_call_is_dropped():
    begun, gate, ended = threading.Event(), threading.Event(), threading.Event()

    def call():
        begun.set()
        gate.wait(20)
        ended.set()
        raise ValueError("nobody hears it")

    async def main():
        p = cp.to_thread(call)
        await cp.to_thread(begun.wait, 20)
        assert p.cancel()
        gate.set()
        await cp.to_thread(ended.wait, 20)
        await cp.sleep(0.01)
        return p.state

    assert cp.run(main(), workers=2) == "rejected"
    assert ended.is_set()


def test_one_call_too_many_is_rejected_and_the_others_run():
    async def body(release):
        calls = [cp.to_thread(int) for _ in range(131072)]
        with pytest.raises(cp.PromiseError, match="131072 calls wait .* concurrency="):
            await calls[-1]
        assert calls[0].cancel()
        more = cp.to_thread(int)
        release()
        calls[-1] = more
        return sum(await cp.Promise.all(calls[1:]))

    assert with_busy_worker(body) == 0
