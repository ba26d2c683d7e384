"""cancel() of what is made of several promises, or of a promise and a time: inputs that nobody else waits for go along."""

import asyncio

import cpromise as cp
import pytest


async def ends_cancelled(promise):
    with pytest.raises(asyncio.CancelledError) as caught:
        await promise
    return caught.value.args


COMBINATORS = [cp.Promise.all, cp.Promise.all_settled, cp.Promise.any, cp.Promise.race]


@pytest.mark.parametrize("combine", COMBINATORS)
def test_an_input_that_comes_twice_is_still_only_waited_for_by_one(combine):
    async def main():
        p = cp.Promise()
        combined = combine([p, p])
        assert combined.cancel("why")
        assert await ends_cancelled(combined) == ("why",) and p.cancelled()

    cp.run(main())


@pytest.mark.parametrize("combine", COMBINATORS)
def test_inputs_that_are_chains_clean_up(combine):
    log = []

    async def main():
        tops = [cp.Promise() for _ in range(3)]
        combined = combine([p.finally_(lambda n=n: log.append(n)) for n, p in enumerate(tops)])
        assert combined.cancel()
        await ends_cancelled(combined)
        await cp.sleep(0)
        assert all(p.cancelled() for p in tops)

    cp.run(main())
    assert log == [0, 1, 2]


def test_combined_promises_inside_others_are_reached_at_any_depth():
    async def main():
        top = combined = cp.Promise()
        for _ in range(10_000):
            combined = cp.Promise.all([combined])
        assert combined.cancel()
        await ends_cancelled(combined)
        assert top.cancelled()

    cp.run(main())


@pytest.mark.parametrize(
    "combine, expected",
    [
        (cp.Promise.all, "rejected"),
        (cp.Promise.all_settled, "fulfilled"),
        (cp.Promise.any, "fulfilled"),
        (cp.Promise.race, "rejected"),
    ],
)
def test_an_input_that_was_cancelled_is_one_that_was_rejected(combine, expected):
    async def main():
        p, (q, resolve, _) = cp.Promise(), cp.Promise.with_resolvers()
        outcome = combine([p, q]).then(lambda value: "fulfilled", lambda error: "rejected")
        p.cancel()
        await cp.sleep(0)
        assert not q.done()
        resolve("v")
        assert await outcome == expected

    cp.run(main())


def test_map_starts_nothing_more():
    async def main():
        started, given = [], []

        def work(n):
            started.append(n)
            given.append(cp.Promise())
            return given[-1]

        mapped = cp.map(iter(range(100)), work, concurrency=2)
        await cp.sleep(0)
        assert started == [0, 1]
        mapped.cancel()
        await ends_cancelled(mapped)
        await cp.sleep(0)
        assert started == [0, 1] and all(p.cancelled() for p in given)

    cp.run(main())


# ---- Time


@pytest.mark.parametrize("limit", [lambda p: p.timeout(1000), lambda p: p.delay(1000)], ids=["timeout", "delay"])
@pytest.mark.parametrize("shared", [False, True])
def test_timeout_and_delay_pass_it_on_and_leave_no_timer(limit, shared):
    loop = cp.Loop()

    async def main():
        source = cp.Promise()
        keeper = source.then(None) if shared else None
        limited = limit(source)
        assert limited.cancel("why")
        assert await ends_cancelled(limited) == ("why",)
        assert source.cancelled() is not shared
        return keeper and keeper.cancel()

    loop.run(main())
    assert not loop.has_pending()
    loop.close()


@pytest.mark.parametrize("shared", [False, True])
def test_a_timeout_that_expires_cancels_its_source_unless_it_is_shared(shared):
    log = []

    async def main():
        top = cp.Promise()
        source = top.finally_(lambda: log.append("cleaned"))
        keeper = source.then(None) if shared else None
        with pytest.raises(TimeoutError):
            await source.timeout(0.001)
        await cp.sleep(0)
        assert top.cancelled() is not shared and log == ([] if shared else ["cleaned"])
        if keeper:
            keeper.cancel()
            await ends_cancelled(keeper)

    cp.run(main())


def test_a_timeout_expires_even_if_nobody_can_settle_its_source_any_more():
    async def main():
        with pytest.raises(TimeoutError):
            await cp.Promise().timeout(0.001)

    cp.run(main())


def test_a_value_that_is_being_held_back_is_dropped():
    loop = cp.Loop()

    async def main():
        held = cp.Promise.resolve("value").delay(1000)
        for _ in range(5):
            await cp.sleep(0)
        assert held.cancel()
        await ends_cancelled(held)

    loop.run(main())
    assert not loop.has_pending()
    loop.close()
