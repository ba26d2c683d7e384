"""signal(): deliveries, what coalesces, and the handlers that were there before."""

import asyncio
import gc
import os
import signal
import subprocess
import sys
import textwrap
import threading

import cpromise as cp
import pytest

USR1, USR2 = signal.SIGUSR1, signal.SIGUSR2


@pytest.fixture(autouse=True)
def handlers_are_restored():
    mine = []
    before = [signal.signal(number, lambda number, frame: mine.append(number)) for number in (USR1, USR2)]
    handlers = [signal.getsignal(number) for number in (USR1, USR2)]
    yield mine
    gc.collect()
    assert [signal.getsignal(number) for number in (USR1, USR2)] == handlers
    for number, handler in zip((USR1, USR2), before):
        signal.signal(number, handler)


def send(number):
    os.kill(os.getpid(), number)


def test_deliveries_one_by_one():
    async def main():
        got = []
        async with cp.signal(USR1) as deliveries:
            for _ in range(20):
                cp.get_running_loop().call_later(0.001, send, USR1)  # while it waits
                got.append(await anext(deliveries))
        return got

    got = cp.run(main())
    assert got == [USR1] * 20 and isinstance(got[0], signal.Signals)


def test_a_signal_from_a_thread_wakes_an_idle_loop():
    async def main():
        threading.Timer(0.02, send, [USR1]).start()
        async for number in cp.signal(USR1):
            return number

    assert cp.run(main()) == USR1


def test_those_that_are_not_taken_become_one_for_each_number():
    async def main():
        async with cp.signal(USR1, USR2) as deliveries:
            for number in (USR1, USR2, USR1, USR1):
                send(number)
                await cp.sleep(0)
            await cp.sleep(0.001)
            got = [await anext(deliveries), await anext(deliveries)]
            third = anext(deliveries)
            await cp.sleep(0.001)
            assert third.state == "pending"
            third.cancel()
        return got

    assert cp.run(main()) == [USR1, USR2]


def test_several_iterators_get_it_each():
    async def main():
        iterators = [cp.signal(USR1) for _ in range(3)]
        send(USR1)
        got = await cp.Promise.all([anext(each) for each in iterators])
        await iterators[0].aclose()
        send(USR1)
        got += await cp.Promise.all([anext(each) for each in iterators[1:]])
        return len(got)

    assert cp.run(main()) == 5


def test_one_that_is_cancelled_loses_none():
    async def main():
        async with cp.signal(USR1) as deliveries:
            first = anext(deliveries)
            with pytest.raises(TimeoutError):
                await first.timeout(0.001)
            send(USR1)
            return await anext(deliveries)

    assert cp.run(main()) == USR1


def test_the_former_handler_comes_back(handlers_are_restored):
    async def main():
        deliveries = cp.signal(USR1)
        send(USR1)
        await anext(deliveries)
        waiting = anext(deliveries)
        await deliveries.aclose()
        with pytest.raises(StopAsyncIteration):
            await waiting
        with pytest.raises(StopAsyncIteration):
            await anext(deliveries)
        send(USR1)
        await cp.sleep(0)

    cp.run(main())
    assert handlers_are_restored == [USR1]


def test_an_async_for_ends_with_aclose():
    async def main():
        deliveries = cp.signal(USR1)
        cp.get_running_loop().call_later(0.001, send, USR1)
        cp.get_running_loop().call_later(0.05, deliveries.aclose)
        return [number async for number in deliveries]

    assert cp.run(main()) == [USR1]


def test_the_end_of_the_loop_restores(handlers_are_restored):
    kept = []

    async def main():
        kept.append(cp.signal(USR1))

    cp.run(main())
    send(USR1)
    assert handlers_are_restored == [USR1]


def test_who_waits_is_told_that_the_loop_closes():
    reasons = []

    async def main():
        deliveries = cp.signal(USR1)
        anext(deliveries).catch(reasons.append)
        reasons.append(deliveries)

    cp.run(main())
    assert isinstance(reasons[1], (cp.LoopClosedError, StopAsyncIteration))


def test_dropping_it_restores(handlers_are_restored):
    async def main():
        async for number in cp.signal(USR1):
            break
        gc.collect()
        send(USR1)
        await cp.sleep(0)

    async def with_one():
        cp.get_running_loop().call_later(0.001, send, USR1)
        await main()

    cp.run(with_one())
    assert handlers_are_restored == [USR1]


def test_a_handler_that_somebody_sets_meanwhile_stays():
    fixture, others = signal.getsignal(USR1), []

    async def main():
        async with cp.signal(USR1):
            signal.signal(USR1, lambda number, frame: others.append(number))
        send(USR1)
        await cp.sleep(0)

    cp.run(main())
    signal.signal(USR1, fixture)
    assert others == [USR1]


def test_sigint_while_it_is_watched_interrupts_nothing():
    async def main():
        async with cp.signal(signal.SIGINT) as deliveries:
            send(signal.SIGINT)
            return await anext(deliveries)

    assert cp.run(main()) == signal.SIGINT
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_the_descriptor_of_somebody_else_is_left_alone():
    read, write = os.pipe()
    os.set_blocking(write, False)
    signal.set_wakeup_fd(write)
    try:
        cp.run(first_of_two())
        assert signal.set_wakeup_fd(write) == write
        send(USR1)
        assert os.read(read, 10) == bytes([USR1])
    finally:
        signal.set_wakeup_fd(-1)
        os.close(read)
        os.close(write)


async def first_of_two():
    async with cp.signal(USR1, USR2) as deliveries:
        cp.get_running_loop().call_later(0.001, send, USR2)
        return await anext(deliveries)


def test_inside_asyncio():
    async def main():
        loop = cp.attach(asyncio.get_running_loop())
        asyncio.get_running_loop().add_signal_handler(USR2, lambda: None)  # asyncio owns the descriptor
        async with cp.signal(USR1) as deliveries:
            threading.Timer(0.02, send, [USR1]).start()
            number = await anext(deliveries)
        asyncio.get_running_loop().remove_signal_handler(USR2)
        loop.close()
        return number

    before = signal.getsignal(USR2)
    assert asyncio.run(main()) == USR1
    signal.signal(USR2, before)


def test_bad_arguments():
    with pytest.raises(TypeError, match="at least one"):
        cp.signal()
    for bad in (0, -1, 1000, "x"):
        with pytest.raises(ValueError):
            cp.signal(bad)
    with pytest.raises(OSError, match="cannot be caught"):
        cp.signal(USR1, signal.SIGKILL)


def test_two_at_once_of_one_iterator():
    async def main():
        async with cp.signal(USR1) as deliveries:
            anext(deliveries).catch(lambda reason: None)
            with pytest.raises(RuntimeError, match="already"):
                anext(deliveries)

    cp.run(main())


def test_other_threads_are_refused():
    errors = []

    def other():
        try:
            cp.signal(USR1)
        except RuntimeError as error:
            errors.append(str(error))

    thread = threading.Thread(target=other)
    thread.start()
    thread.join()
    assert "main thread" in errors[0]


def test_thousands_in_a_row_in_a_child():
    """Two processes that play ping-pong with signals: none is lost while the other end waits for it."""
    code = """
        import os, signal, cpromise as cp
        async def main():
            deliveries = cp.signal(signal.SIGUSR1)
            print(os.getpid(), flush=True)
            for _ in range(2000):
                await anext(deliveries)
                os.kill(os.getppid(), signal.SIGUSR1)
        cp.run(main())
    """

    async def main():
        deliveries = cp.signal(USR1)
        child = subprocess.Popen([sys.executable, "-c", textwrap.dedent(code)], stdout=subprocess.PIPE)
        child.stdout.readline()
        for n in range(2000):
            child.send_signal(USR1)
            for _ in range(3):  # once, the clock of a virtual machine may have jumped
                try:
                    await anext(deliveries).timeout(15)
                    break
                except TimeoutError:
                    continue
            else:
                pytest.fail(f"no answer to signal {n}; the child: {child.poll()}, {signals_of(child.pid)}; here: {signals_of(os.getpid())}")
        child.stdout.close()
        return child.wait()

    assert cp.run(main()) == 0


def signals_of(pid):
    """What a process waits for, and which signals are pending, blocked and caught there."""
    try:
        with open(f"/proc/{pid}/status") as status, open(f"/proc/{pid}/wchan") as wait:
            return wait.read(), [line.strip() for line in status if line.startswith(("State", "Sig", "Shd"))]
    except OSError as gone:
        return str(gone)
