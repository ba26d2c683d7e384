"""contextvars: a handler sees the variables as they were at its then(), and keeps to itself what it sets."""

import contextvars

import cpromise as cp
import pytest

var = contextvars.ContextVar("var", default="unset")
other = contextvars.ContextVar("other")


@pytest.fixture
def loop():
    loop = cp.Loop()
    yield loop
    loop.close()


def note(seen):
    return lambda *_: seen.append(var.get())


def test_a_handler_sees_the_variables_of_its_then(loop):
    def register():
        p, seen = cp.Promise(lambda resolve, reject: resolve(), loop=loop), []
        for value in "abc":
            var.set(value)
            p.then(note(seen))
        var.set("later")
        loop.run_microtasks()
        return seen

    assert contextvars.copy_context().run(register) == ["a", "b", "c"]


@pytest.mark.parametrize("method", ["then", "catch", "finally_", "tap"])
def test_so_does_every_kind_of_handler(loop, method):
    def register():
        seen = []
        p = cp.Promise(lambda resolve, reject: (reject if method == "catch" else resolve)(1), loop=loop)
        var.set("mine")
        getattr(p, method)(note(seen))
        var.set("later")
        loop.run_microtasks()
        return seen

    assert contextvars.copy_context().run(register) == ["mine"]


@pytest.mark.parametrize("schedule", ["queue_microtask", "call_soon", "call_soon_threadsafe", "call_later"])
def test_so_does_every_callback(loop, schedule):
    seen = []

    async def main():
        delay = [0] if schedule == "call_later" else []
        for value in "ab":
            var.set(value)
            getattr(loop, schedule)(*delay, note(seen))
        var.set("later")
        await cp.sleep(0.001)

    loop.run(main())
    assert seen == ["a", "b"]


def test_what_a_handler_sets_no_other_sees(loop):
    seen = []

    def meddle(_):
        seen.append(var.get())
        var.set("meddled")

    p = cp.Promise(lambda resolve, reject: resolve(), loop=loop)
    for _ in range(3):
        p.then(meddle)
    p.then(note(seen))
    loop.run_microtasks()
    assert seen == ["unset"] * 4
    assert var.get() == "unset"


def test_a_then_inside_a_handler_sees_what_the_handler_set(loop):
    seen = []

    def handler(_):
        var.set("handler")
        q = cp.Promise(lambda resolve, reject: resolve(), loop=loop)
        q.then(note(seen))
        var.set("later")
        q.then(note(seen))

    cp.Promise(lambda resolve, reject: resolve(), loop=loop).then(handler).then(note(seen))
    loop.run_microtasks()
    assert sorted(seen) == ["handler", "later", "unset"]


def test_a_coroutine_has_variables_of_its_own(loop):
    async def child(name):
        assert var.get() == "parent"
        var.set(name)
        for _ in range(3):
            await cp.sleep(0)
            assert var.get() == name
        return var.get()

    async def main():
        var.set("parent")
        names = await cp.Promise.all([child("a"), child("b"), cp.Promise.resolve(child("c"))])
        assert var.get() == "parent"
        return names

    assert loop.run(main()) == ["a", "b", "c"]
    assert var.get() == "unset"


def test_handlers_between_the_steps_of_a_coroutine_do_not_mix_with_it(loop):
    async def main():
        var.set("main")
        for i in range(50):
            seen = []
            p = cp.Promise.resolve(i)
            var.set(i)
            p.then(note(seen))
            p.then(lambda _: var.set("handler"))
            await cp.sleep(0)
            assert seen == [i] and var.get() == i

    loop.run(main())


def test_a_context_that_is_run_inside_a_handler_is_left_again(loop):
    seen = []
    inner = contextvars.copy_context()

    def handler(_):
        var.set("outer")
        inner.run(var.set, "inner")
        inner.run(lambda: loop.run_microtasks())
        seen.append(var.get())

    p = cp.Promise(lambda resolve, reject: resolve(), loop=loop)
    p.then(handler)
    p.then(note(seen))
    loop.run_microtasks()
    assert seen == ["unset", "outer"] and inner[var] == "inner"


def test_exceptions_leave_no_context_entered(loop):
    before = contextvars.copy_context()

    def fail(_):
        var.set("failed")
        raise KeyboardInterrupt

    p = cp.Promise(lambda resolve, reject: resolve(), loop=loop)
    p.then(fail)
    with pytest.raises(KeyboardInterrupt):
        loop.run_microtasks()
    assert var.get() == "unset"
    assert list(contextvars.copy_context().items()) == list(before.items())


def test_a_thenable_is_called_with_the_variables_of_its_resolution(loop):
    seen = []

    class Thenable:
        def then(self, resolve, reject):
            seen.append(var.get())
            resolve(1)

    def register():
        var.set("resolving")
        cp.Promise(lambda resolve, reject: resolve(Thenable()), loop=loop)
        var.set("later")
        loop.run_microtasks()

    contextvars.copy_context().run(register)
    assert seen == ["resolving"]


def test_variables_are_not_kept_alive_by_an_idle_loop(loop):
    class Value:
        alive = 0

        def __init__(self):
            Value.alive += 1

        def __del__(self):
            Value.alive -= 1

    async def main():
        other.set(Value())
        await cp.Promise.resolve(1).then(lambda _: None)

    loop.run(main())
    loop.run(cp.Promise(lambda resolve, reject: resolve(1), loop=loop).then(lambda _: None))
    assert Value.alive == 0
