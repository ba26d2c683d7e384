"""cancel() of coroutines: the error is raised at their await; they may clean up, suppress it, be told again, or do it to themselves."""

import asyncio
import contextlib
import itertools

import cpromise as cp
import pytest


async def ends_cancelled(promise):
    with pytest.raises(asyncio.CancelledError) as caught:
        await promise
    return caught.value.args


async def forever(log, name="forever"):
    try:
        await cp.Promise()
    finally:
        log.append(name)


def test_one_that_was_not_yet_asked_on_gets_it_instead_of_the_value():
    log = []

    async def eager():
        try:
            log.append(await cp.Promise.resolve("value"))
        except asyncio.CancelledError:
            log.append("cancelled")
            raise

    async def main():
        p = cp.Promise.from_coroutine(eager())
        assert p.cancel("early")
        assert await ends_cancelled(p) == ("early",)

    cp.run(main())
    assert log == ["cancelled"]


def test_one_that_yields_without_anything_to_wait_for_is_reached():
    async def busy():
        while True:
            await asyncio.sleep(0)

    async def main():
        p = cp.Promise.from_coroutine(busy())
        await cp.Promise.resolve()
        p.cancel("enough")
        assert await ends_cancelled(p) == ("enough",)

    cp.run(main())


def test_one_that_has_ended_cannot_be_cancelled():
    async def short():
        return 1

    async def main():
        p = cp.Promise.from_coroutine(short())
        assert p.cancel() is False and await p == 1

    cp.run(main())


def test_every_kind_of_clean_up_may_await():
    log = []

    @contextlib.asynccontextmanager
    async def resource(name):
        try:
            yield name
        finally:
            await cp.sleep(0)
            log.append(name)

    async def ticks():
        try:
            yield 1
            await cp.Promise()
        finally:
            await cp.sleep(0)
            log.append("generator")

    async def user():
        async with resource("outer"), resource("inner"):
            async with contextlib.aclosing(ticks()) as numbers:
                async for _ in numbers:
                    pass

    async def main():
        p = cp.Promise.from_coroutine(user())
        await cp.sleep(0)
        p.cancel()
        await ends_cancelled(p)

    cp.run(main())
    assert log == ["generator", "inner", "outer"]


def test_plain_awaits_of_coroutines_unwind_like_calls():
    log = []

    async def level(n):
        try:
            await (level(n - 1) if n else forever(log))
        finally:
            log.append(n)

    async def main():
        p = cp.Promise.from_coroutine(level(3))
        p.cancel()
        await ends_cancelled(p)

    cp.run(main())
    assert log == ["forever", 0, 1, 2, 3]


@pytest.mark.parametrize("times", [1, 2, 5])
def test_a_coroutine_may_suppress_it_as_often_as_it_comes(times):
    async def stubborn():
        for survived in itertools.count():
            try:
                return await answer.then(lambda value: (value, survived))
            except asyncio.CancelledError:
                pass

    async def main():
        nonlocal answer
        answer, resolve, _ = cp.Promise.with_resolvers()
        keeper = answer.then(None)
        p = cp.Promise.from_coroutine(stubborn())
        for _ in range(times):
            assert p.cancel()
            await cp.sleep(0)
        resolve("v")
        assert await p == ("v", times) and await keeper == "v"

    answer = None
    cp.run(main())


def test_what_the_clean_up_raises_or_returns_wins():
    async def raises():
        try:
            await cp.Promise()
        finally:
            raise KeyError("clean-up")

    async def returns():
        try:
            await cp.Promise()
        except asyncio.CancelledError as error:
            return error.args

    async def main():
        one, two = cp.Promise.from_coroutine(raises()), cp.Promise.from_coroutine(returns())
        assert one.cancel() and two.cancel("why")
        with pytest.raises(KeyError) as caught:
            await one
        assert isinstance(caught.value.__context__, asyncio.CancelledError)
        assert await two == ("why",)

    cp.run(main())


@pytest.mark.parametrize(
    "end, expected",
    [
        ("settled", asyncio.CancelledError),
        ("pending", asyncio.CancelledError),
        ("bare", asyncio.CancelledError),
        ("return", asyncio.CancelledError),
        ("raise", KeyError),
    ],
)
def test_a_coroutine_that_cancels_itself_goes_on_to_its_next_await(end, expected):
    log = []

    async def selfish(own):
        await cp.sleep(0)
        assert own[0].cancel() and own[0].cancel()
        log.append("went on")
        if end == "raise":
            raise KeyError
        if end != "return":
            await {"settled": cp.Promise.resolve, "pending": cp.Promise, "bare": lambda: asyncio.sleep(0)}[end]()
            log.append("too far")

    async def main():
        own = []
        own.append(cp.Promise.from_coroutine(selfish(own)))
        with pytest.raises(expected):
            await own[0]

    cp.run(main())
    assert log == ["went on"]


def test_two_that_cancel_each_other_both_end():
    async def side(me, sides):
        try:
            await cp.Promise()
        finally:
            sides[1 - me].cancel()

    async def main():
        sides = []
        sides.extend(cp.Promise.from_coroutine(side(me, sides)) for me in range(2))
        sides[0].cancel()
        for p in sides:
            await ends_cancelled(p)

    cp.run(main())


def test_the_error_may_be_raised_by_hand():
    async def gives_up():
        raise asyncio.CancelledError("by hand")

    async def main():
        p = cp.Promise.from_coroutine(gives_up())
        assert p.cancelled()
        assert await ends_cancelled(p) == ("by hand",)

    cp.run(main())
    with pytest.raises(asyncio.CancelledError, match="by hand"):
        cp.run(gives_up())
