"""Debug mode and repr: where a promise was made, what it waits for, and who kept the loop."""

import os
import subprocess
import sys
import time
import warnings

import cpromise as cp
import pytest


@pytest.fixture
def loop():
    loop = cp.Loop(debug=True)
    yield loop
    loop.close()


@pytest.fixture
def plain():
    loop = cp.Loop(debug=False)
    yield loop
    loop.close()


def pending(loop):
    return cp.Promise(loop=loop)


def test_repr_tells_where_a_promise_was_made(loop):
    text = repr(pending(loop))
    assert text.startswith("<Promise pending, made at ") and text.endswith("in pending>")
    assert os.path.basename(__file__) in text


def test_a_promise_that_takes_the_place_of_a_dead_one_tells_its_own_origin(loop):
    for _ in range(100):
        pending(loop)
    p = cp.Promise(loop=loop)
    assert "in test_a_promise_that_takes_the_place" in repr(p)


def test_without_debug_mode_nothing_is_noted(plain):
    assert repr(pending(plain)) == "<Promise pending>"
    assert not plain.debug


def test_repr_shows_the_chain_by_the_names_of_its_handlers(plain):
    def parse(value):
        return value

    p = pending(plain)
    q = p.then(parse).catch(ValueError, parse).finally_(print)
    assert repr(q) == "<Promise pending: finally_(print) of catch(cpromise.TypedCatch) of then(%s) of promise>" % parse.__qualname__
    assert repr(p.tap(parse).then(None, parse)).startswith("<Promise pending: catch(")


def test_repr_of_the_settled_shows_the_outcome(plain):
    async def main():
        return [cp.Promise.resolve("v"), cp.Promise.reject(KeyError("k")).catch(lambda e: e)]

    value, reason = plain.run(main())
    assert repr(value) == "<Promise fulfilled: 'v'>"
    rejected = cp.Promise(lambda resolve, reject: reject(value), loop=plain)
    rejected.catch(print)
    assert repr(rejected) == "<Promise rejected: <Promise>>"


def test_a_repr_that_raises_is_the_callers_to_see(plain):
    class Unprintable:
        def __repr__(self):
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        repr(cp.Promise(lambda resolve, reject: resolve(Unprintable()), loop=plain))


def slow(*_):
    time.sleep(0.02)


@pytest.mark.parametrize("kind", ["then", "microtask", "callback", "coroutine", "timer"])
def test_a_slow_callback_is_reported(loop, kind):
    reports = []
    loop.slow_callback_duration = 0.01
    loop.on_slow_callback = lambda what, seconds: reports.append((what, seconds))

    async def coroutine():
        await cp.sleep(0)
        slow()

    async def main():
        start = {
            "then": lambda: cp.Promise.resolve().then(slow),
            "microtask": lambda: loop.queue_microtask(slow),
            "callback": lambda: loop.call_soon(slow),
            "coroutine": lambda: cp.Promise.resolve(coroutine()),
            "timer": lambda: loop.call_later(0, slow),
        }[kind]
        start()
        await cp.sleep(0.001)

    loop.run(main())
    (what, seconds), *others = reports
    assert not others and seconds >= 0.01
    assert what is slow or (kind == "coroutine" and what.__name__ == "coroutine")


def test_without_a_hook_a_slow_callback_is_a_warning(loop):
    loop.slow_callback_duration = 0
    loop.call_soon(slow)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        loop.run(cp.Promise(lambda resolve, reject: loop.call_soon(resolve), loop=loop))
    assert any("kept the loop for" in str(w.message) and w.category is RuntimeWarning for w in caught)


def test_an_unhandled_rejection_tells_where_its_promise_was_made():
    async def main():
        cp.Promise.reject(ValueError("lost"))
        await cp.sleep(0)

    with pytest.warns(RuntimeWarning, match="made at .*in main was rejected and nobody handled it: ValueError"):
        cp.run(main(), debug=True, unhandled="warn")


@pytest.mark.parametrize(
    "options, variable, expected",
    [([], "", "False"), ([], "1", "True"), ([], "0", "False"), (["-X", "dev"], "", "True")],
)
def test_debug_mode_follows_pythons_development_mode_and_the_environment(options, variable, expected):
    command = [sys.executable, *options, "-c", "import cpromise; print(cpromise.Loop().debug)"]
    done = subprocess.run(command, env={**os.environ, "CPROMISE_DEBUG": variable}, capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == expected, done.stderr
