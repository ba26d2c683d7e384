"""Code of others that runs where one does not expect it: in __del__, __eq__, __getattr__, getters, iterators, callbacks and hooks. It
calls back into promises and loops, and nothing breaks. The last test makes up such programs at random."""

import asyncio
import concurrent.futures
import functools
import gc
import random

import cpromise as cp
import pytest


@pytest.fixture
def loop():
    loop = cp.Loop()
    loop.on_unhandled_rejection = lambda promise, reason: None
    yield loop
    loop.close()


def resolvers(loop):
    settle = []
    promise = cp.Promise(lambda *pair: settle.extend(pair), loop=loop)
    return promise, *settle


class Dying:
    """A callable that calls fn when it dies."""

    def __init__(self, fn):
        self.fn = fn

    def __call__(self, *args):
        return args

    def __del__(self):
        self.fn()


# ---- Cancelled from within


def test_a_then_getter_that_cancels_its_promise(loop):
    class Thenable:
        @property
        def then(self):
            p.cancel()
            return lambda resolve, reject: resolve(1)

    p, resolve, _ = resolvers(loop)
    resolve(Thenable())
    loop.run_microtasks()
    assert p.cancelled()


def test_a_coroutine_that_cancels_the_promise_which_adopts_it(loop):
    async def main():
        async def adopted():
            child.cancel()
            await cp.sleep(0)

        child = cp.Promise.resolve(1).then(lambda value: adopted())
        with pytest.raises(asyncio.CancelledError):
            await child

    loop.run(main())


def test_a_future_whose_callback_cancels_the_timeout_that_cancelled_it(loop):
    async def main():
        future = concurrent.futures.Future()
        timed = cp.Promise.from_future(future).timeout(0.001)
        future.add_done_callback(lambda _: timed.cancel())
        with pytest.raises(TimeoutError):
            await timed

    loop.run(main())


def test_promises_that_wait_for_each_other_can_be_cancelled(loop):
    a, resolve_a, _ = resolvers(loop)
    b, resolve_b, _ = resolvers(loop)
    resolve_a(b)
    resolve_b(a)
    loop.run_microtasks()
    assert a.cancel()
    loop.run_microtasks()
    assert a.cancelled() and b.cancelled()


def test_a_coroutine_that_awaits_itself_can_be_cancelled(loop):
    async def main():
        async def narcissus():
            await cp.sleep(0)
            await own[0]

        own = [cp.Promise.from_coroutine(narcissus())]
        await cp.sleep(0.001)
        own[0].cancel()
        with pytest.raises(asyncio.CancelledError):
            await own[0]

    loop.run(main())


def test_a_generator_whose_end_cancels_the_result_of_its_map(loop):
    async def main():
        def inputs():
            try:
                yield from range(9)
            finally:
                mapped[0].cancel()

        mapped = []
        mapped.append(cp.map(inputs(), lambda n: 1 / 0, concurrency=1))
        with pytest.raises(ZeroDivisionError):
            await mapped[0]

    loop.run(main())


# ---- Dying


def test_a_handler_that_dies_and_cancels_a_sibling(loop):
    p = cp.Promise(loop=loop)
    p.then(Dying(lambda: sibling.cancel()))
    sibling = p.then(print)
    del p
    loop.run_microtasks()
    assert sibling.cancelled()


def test_a_future_that_dies_and_cancels_what_followed_it(loop):
    class Future(concurrent.futures.Future):
        def __del__(self):
            followed.cancel()

    async def main():
        nonlocal followed
        followed = cp.Promise.from_future(Future())
        followed.catch(lambda error: None)

    followed = None
    loop.run(main())
    gc.collect()
    loop.close()
    assert followed.state == "rejected"


def test_a_thenable_that_dies_and_runs_the_loop(loop):
    class Thenable:
        def then(self, resolve, reject):
            raise AssertionError("it was cancelled")

        def __del__(self):
            loop.run_microtasks()

    p = cp.Promise(lambda resolve, reject: resolve(Thenable()), loop=loop)
    p.cancel()
    loop.run_microtasks()
    assert p.cancelled()


# ---- Looking


def test_callbacks_whose_comparison_runs_the_loop(loop):
    class Callback:
        def __eq__(self, other):
            resolve(1)
            loop.run_microtasks()
            return False

        def __call__(self, promise):
            called.append(promise)

    p, resolve, _ = resolvers(loop)
    called = []
    for _ in range(2):
        p.add_done_callback(Callback())
    assert p.remove_done_callback(Callback()) == 0
    assert called == [p, p]


def test_a_repr_whose_handlers_name_runs_the_loop(loop):
    class Handler:
        def __call__(self, value):
            return value

        def __getattr__(self, name):
            resolve(1)
            loop.run_microtasks()
            raise AttributeError(name)

    p, resolve, _ = resolvers(loop)
    assert "then(" in repr(p.then(Handler()).then(Handler()))


def test_hooks_that_take_their_own_place(loop):
    def hook(*args):
        loop.on_unhandled_rejection = loop.on_rejection_handled = None
        raise ValueError("in a hook")

    loop.on_unhandled_rejection = functools.partial(hook, 1)
    cp.Promise(lambda resolve, reject: reject(1), loop=loop)
    with pytest.raises(ValueError, match="in a hook"):
        loop.run_microtasks()


def test_a_hook_that_runs_the_loop_loses_no_coroutine():
    async def main():
        p, resolve, _ = cp.Promise.with_resolvers()

        async def waits():
            return await p

        def hook(*_):
            resolve("went on")
            cp.get_running_loop().run_microtasks()

        cp.get_running_loop().on_unhandled_rejection = hook
        task = cp.Promise.from_coroutine(waits())
        await cp.sleep(0)
        cp.Promise.reject(1)
        return await task

    assert cp.run(main()) == "went on"


# ---- Taking inputs


@pytest.mark.parametrize("limit", [1, 2, None])
def test_an_iterator_that_runs_the_loop_loses_no_input(loop, limit):
    async def main():
        def inputs():
            for n in range(10):
                loop.run_microtasks()
                yield n

        return await cp.map(inputs(), lambda n: n, concurrency=limit)

    assert loop.run(main()) == list(range(10))


# ---- Closing


def test_a_job_may_close_its_loop():
    log = []
    loop = cp.Loop()
    cp.Promise(lambda resolve, reject: resolve(1), loop=loop).then(lambda _: (loop.close(), log.append("asked"))).then(log.append)
    loop.run_microtasks()
    assert log[0] == "asked" and loop.is_closed()


def test_what_reacts_to_the_closing_may_close_again():
    loop = cp.Loop()
    cp.Promise(loop=loop).catch(lambda error: loop.close())
    loop.close()
    assert loop.is_closed()


def test_a_guest_may_be_closed_by_its_own_job():
    async def main():
        loop = cp.attach(asyncio.get_running_loop())
        cp.Promise.resolve(1).then(lambda value: loop.close())
        await asyncio.sleep(0.01)
        return loop.is_closed()

    assert asyncio.run(main())


def test_jobs_that_never_end_do_not_keep_a_loop_from_closing():
    loop = cp.Loop()

    def again():
        loop.queue_microtask(again)

    cp.Promise(loop=loop).catch(lambda error: again())
    loop.close()
    assert loop.is_closed()


def test_what_an_interrupt_ended_is_rejected_when_the_loop_closes():
    loop = cp.Loop()

    def interrupt(_):
        raise KeyboardInterrupt

    p = cp.Promise(lambda resolve, reject: resolve(1), loop=loop)
    q = p.then(interrupt)
    end = q.then(print).catch(cp.LoopClosedError, lambda error: "told")
    with pytest.raises(KeyboardInterrupt):
        loop.run_microtasks()
    loop.close()
    assert isinstance(q.peek(), cp.LoopClosedError) and end.peek() == "told"


def test_a_loop_that_is_dropped_with_work_in_its_queue_is_collected():
    freed = []

    def make():
        loop = cp.Loop()
        loop.call_soon(Dying(lambda: freed.append("callback")))
        p = cp.Promise(lambda resolve, reject: resolve(1), loop=loop)
        p.then(Dying(lambda: freed.append("handler")))
        loop.call_later(1000, Dying(lambda: freed.append("timer")))

    make()
    gc.collect()
    assert sorted(freed) == ["callback", "handler", "timer"]


def test_circles_are_rejected_at_the_latest_when_somebody_looks():
    loop = cp.Loop()
    a, resolve_a, _ = resolvers(loop)
    b, resolve_b, _ = resolvers(loop)
    resolve_a(b)
    resolve_b(a)
    loop.run_microtasks()
    loop.close()
    assert isinstance(a.peek(), cp.LoopClosedError) and b.state == "rejected"


# ---- At random


class Program:
    """A random program: every step may happen at the top level, in a handler, a coroutine, a getter, a callback, or a __del__."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.loop = cp.Loop(debug=self.random.random() < 0.2)
        self.loop.on_unhandled_rejection = lambda promise, reason: None
        self.promises, self.settlers, self.futures = [], [], []
        self.depth, self.budget = 0, 150

    def step(self, *_):
        if self.depth > 3 or self.budget <= 0:
            return
        self.budget -= 1
        self.depth += 1
        try:
            self.act(self.random.randrange(26), self.pick())
        except (cp.LoopClosedError, ValueError):
            pass
        finally:
            self.depth -= 1

    def pick(self):
        return self.random.choice(self.promises) if self.promises else None

    def maybe(self, probability):
        return self.random.random() < probability

    def handler(self):
        def handle(*_):
            for _ in range(self.random.choice((0, 0, 1, 2))):
                self.step()
            return self.outcome()

        dying = Dying(lambda: self.maybe(0.3) and self.step())
        return lambda *args: (dying, handle(*args))[1]

    def outcome(self):
        kind = self.random.randrange(8)
        if kind == 0:
            raise ValueError(1)
        return [0, self.pick(), self.coroutine() if kind == 2 else 0, Thenable(self), *self.futures[:1], 5, 6, 7, 8][kind]

    async def coroutine(self):
        for _ in range(self.random.choice((0, 1, 2))):
            self.step()
            promise = self.pick()
            if promise is not None and self.maybe(0.7):
                try:
                    await promise
                except Exception:
                    pass
        return self.pick() if self.maybe(0.3) else 7

    def some(self):
        return [self.pick() for _ in range(self.random.randrange(4))]

    def act(self, kind, promise):
        add, choice = self.promises.append, self.random.choice
        if kind == 0 or promise is None:
            promise, *pair = resolvers(self.loop)
            add(promise)
            self.settlers.extend(pair)
        elif kind < 4:
            add(promise.then(self.handler(), self.handler() if self.maybe(0.3) else None))
        elif kind < 7:
            add([promise.catch, promise.finally_, promise.tap][kind - 4](self.handler()))
        elif kind == 7:
            add(promise.timeout(choice((0, 0.001))))
        elif kind == 8:
            add(promise.delay(0))
        elif kind < 11:
            promise.cancel()
        elif kind < 15 and self.settlers:
            value = choice((1, None, promise, ValueError(2), Thenable(self)))
            choice(self.settlers)(self.coroutine() if self.maybe(0.2) else value)
        elif kind == 15:
            add(choice((cp.Promise.all, cp.Promise.any, cp.Promise.race, cp.Promise.all_settled))(self.some()))
        elif kind == 16:
            add(cp.map((self.pick() for _ in range(self.random.randrange(6))), self.handler(), concurrency=choice((1, 2, None))))
        elif kind == 17:
            add(cp.Promise.from_coroutine(self.coroutine()))
        elif kind == 18:
            promise.add_done_callback(self.handler())
        elif kind == 19 and len(self.promises) > 3:
            self.promises.pop(self.random.randrange(len(self.promises)))
        elif kind == 20:
            repr(promise)
        elif kind == 21:
            self.loop.call_later(0, self.handler())
        elif kind == 22:
            future = concurrent.futures.Future()
            self.futures.append(future)
            add(cp.Promise.from_future(future))
            future.add_done_callback(self.step)
        elif kind == 23 and self.futures:
            future = choice(self.futures)
            if not future.done():
                choice((lambda: future.set_result(1), lambda: future.set_exception(ValueError()), future.cancel))()
        elif kind == 24:
            add(cp.all_keyed({1: promise, 2: self.pick()}))
        elif kind == 25:
            self.loop.run_microtasks()

    async def main(self):
        for _ in range(30):
            self.step()
        for _ in range(3):
            await cp.sleep(0.001)
            self.step()

    def run(self):
        try:
            self.loop.run(self.main())
        except ValueError:
            pass  # a handler's, out of a step at the top level
        self.budget = 30
        if self.maybe(0.5):
            self.promises.clear()
        self.loop.close()
        # what was made after that, by code that dies late, belongs to this thread's own loop
        assert all(promise.done() for promise in self.promises if promise.get_loop() is self.loop)


class Thenable:
    def __init__(self, program):
        self.program = program

    @property
    def then(self):
        self.program.step()

        def then(*pair):
            self.program.step()
            self.program.settlers.extend(pair)

        return then


@pytest.mark.filterwarnings("ignore:coroutine .* was never awaited")
def test_random_programs_that_call_back_from_everywhere():
    for seed in range(400):
        program = Program(seed)
        program.run()
        program.budget = 0
        program.promises.clear()
        thread_loop = cp.Promise().get_loop()
        thread_loop.on_unhandled_rejection = lambda promise, reason: None
        thread_loop.close()
        if seed % 20 == 0:
            gc.collect()
    gc.collect()
    assert not [loop for loop in gc.get_objects() if type(loop) is cp.Loop and not loop.is_closed()]
