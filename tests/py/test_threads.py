"""Threads: who may call what from where, and what comes of it. On free-threaded builds these are the tests for races."""

import asyncio
import gc
import sys
import threading
import time

import cpromise as cp
import pytest

THREADS = 8
GUARD = 60  # seconds until a test that hangs is given up


@pytest.fixture
def loop():
    loop = cp.Loop()
    yield loop
    loop.close()


def resolvers(loop):
    settle = []
    promise = cp.Promise(lambda *pair: settle.extend(pair), loop=loop)
    return promise, settle[0], settle[1]


def in_thread(fn, *args):
    """Calls fn in a thread of its own: what it returned, or raises what it raised."""
    outcome = []

    def call():
        try:
            outcome.append((fn(*args), None))
        except BaseException as error:
            outcome.append((None, error))

    thread = threading.Thread(target=call)
    thread.start()
    thread.join(GUARD)
    value, error = outcome[0]
    if error:
        raise error
    return value


class Crew:
    """Threads that begin together; whatever one of them raises is raised again at the end."""

    def __init__(self, fn, count=THREADS):
        self.errors = []
        self.barrier = threading.Barrier(count)
        self.threads = [threading.Thread(target=self.work, args=(fn, i), daemon=True) for i in range(count)]
        for thread in self.threads:
            thread.start()

    def work(self, fn, i):
        try:
            self.barrier.wait(GUARD)
            fn(i)
        except BaseException as error:
            self.errors.append(error)

    def join(self):
        for thread in self.threads:
            thread.join(GUARD)
            assert not thread.is_alive(), "a thread hangs"
        if self.errors:
            raise self.errors[0]


def wait_until(condition):
    end = time.monotonic() + GUARD
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.001)


def test_the_import_leaves_a_free_threaded_interpreter_without_its_gil():
    if "free-threading" not in sys.version:
        pytest.skip("this interpreter has a GIL")
    assert sys._is_gil_enabled() is False


# ---- Settling from elsewhere


def test_the_first_of_two_calls_wins_whichever_thread_makes_it(loop):
    first_here, resolve_here, reject_here = resolvers(loop)
    resolve_here("here")
    in_thread(reject_here, ValueError())
    first_there, resolve_there, reject_there = resolvers(loop)
    in_thread(resolve_there, "there")
    assert first_there.state == "pending", "it is settled by its own loop, later"
    reject_there(ValueError())
    resolve_there("late")
    loop.run(cp.Promise(lambda resolve, _: loop.call_soon(resolve), loop=loop))
    assert (first_here.peek(), first_there.peek()) == ("here", "there")


def test_handlers_run_on_the_thread_of_the_loop(loop):
    seen = []
    p, resolve, _ = resolvers(loop)
    q, _, reject = resolvers(loop)
    r, _, _ = resolvers(loop)
    here = threading.get_ident()

    def note(_):
        seen.append(threading.get_ident())
        if len(seen) == 3:
            loop.stop()

    p.then(note)
    q.catch(note)
    r.catch(note)
    for act in (lambda: resolve(1), lambda: reject(KeyError()), r.cancel):
        in_thread(act)
    loop.run_forever()
    assert seen == [here] * 3


def test_a_thread_may_cancel(loop):
    p, resolve, _ = resolvers(loop)
    child = p.then(print)
    assert in_thread(child.cancel, "enough") is True
    with pytest.raises(asyncio.CancelledError, match="enough"):
        loop.run(child)
    assert in_thread(child.cancel) is False


def test_messages_of_one_thread_keep_their_order(loop):
    log = []
    promises = [resolvers(loop) for _ in range(300)]

    def send():
        for i, (_, resolve, reject) in enumerate(promises):
            (reject if i % 3 == 0 else resolve)(2 * i)
            loop.call_soon_threadsafe(log.append, 2 * i + 1)
        loop.call_soon_threadsafe(loop.stop)

    for p, _, _ in promises:
        p.then(log.append, log.append)
    in_thread(send)
    loop.run_forever()
    assert log == list(range(600))


def test_microtasks_drain_between_two_messages(loop):
    log = []

    def message(name):
        log.append(name)
        loop.queue_microtask(log.append, name + "!")

    def send():
        loop.call_soon_threadsafe(message, "a")
        loop.call_soon_threadsafe(message, "b")
        loop.call_soon_threadsafe(loop.stop)

    in_thread(send)
    loop.run_forever()
    assert log == ["a", "a!", "b", "b!"]


def test_an_idle_loop_is_woken(loop):
    p, resolve, _ = resolvers(loop)

    def settle_when_idle():
        wait_until(lambda: loop.stats()["gil_releases"])
        time.sleep(0.02)
        resolve("awake")

    thread = threading.Thread(target=settle_when_idle)
    thread.start()
    assert loop.run(p) == "awake"
    thread.join(GUARD)
    assert loop.stats()["wakeups"] == 1


def test_a_busy_loop_is_not_woken(loop):
    promises = [resolvers(loop) for _ in range(1000)]

    def send():
        for _, resolve, _ in promises:
            resolve()
            loop.call_soon_threadsafe(int)

    loop.call_soon(in_thread, send)  # the loop is in this handler while all messages come
    loop.run(all_of(promises))
    assert loop.stats()["wakeups"] == 0


def all_of(promises):
    async def main():
        for p, *_ in promises:
            await p

    return main()


def test_a_waiting_loop_is_woken_once_for_a_burst(loop):
    p, resolve, _ = resolvers(loop)

    def burst():
        wait_until(lambda: loop.stats()["gil_releases"])
        time.sleep(0.02)
        hold = threading.Event()
        loop.call_soon_threadsafe(hold.wait, GUARD)  # wakes it; what follows finds it busy
        wait_until(lambda: loop.stats()["macrotasks"])
        for _ in range(1000):
            loop.call_soon_threadsafe(int)
        loop.call_soon_threadsafe(resolve)
        hold.set()

    thread = threading.Thread(target=burst)
    thread.start()
    loop.run(p)
    thread.join(GUARD)
    assert loop.stats()["wakeups"] <= 2


# ---- What a foreign thread may not do


async def one():
    return 1


FOREIGN = {
    "then": lambda loop, p: p.then(print),
    "catch": lambda loop, p: p.catch(print),
    "catch typed": lambda loop, p: p.catch(KeyError, print),
    "finally_": lambda loop, p: p.finally_(print),
    "tap": lambda loop, p: p.tap(print),
    "timeout": lambda loop, p: p.timeout(1),
    "delay": lambda loop, p: p.delay(1),
    "add_done_callback": lambda loop, p: p.add_done_callback(print),
    "remove_done_callback": lambda loop, p: p.remove_done_callback(print),
    "Promise(loop=)": lambda loop, p: cp.Promise(loop=loop),
    "Promise(executor, loop=)": lambda loop, p: cp.Promise(lambda *_: pytest.fail("it ran"), loop=loop),
    "queue_microtask": lambda loop, p: loop.queue_microtask(print),
    "call_soon": lambda loop, p: loop.call_soon(print),
    "call_later": lambda loop, p: loop.call_later(0, print),
    "call_at": lambda loop, p: loop.call_at(0, print),
    "close": lambda loop, p: loop.close(),
    "run": lambda loop, p: loop.run(p),
    "run_forever": lambda loop, p: loop.run_forever(),
    "run_microtasks": lambda loop, p: loop.run_microtasks(),
}


@pytest.mark.parametrize("call", FOREIGN)
def test_a_call_from_a_foreign_thread_is_told_what_to_do(loop, call):
    p, _, _ = resolvers(loop)
    with pytest.raises(cp.WrongLoopError, match=r"another thread; use call_soon_threadsafe\(\) or resolve\(\) and reject\(\)"):
        in_thread(FOREIGN[call], loop, p)
    assert not loop.has_pending() and not loop.is_closed()


def test_a_timer_is_cancelled_on_its_own_thread_only(loop):
    timer = loop.call_later(100, print)
    with pytest.raises(cp.WrongLoopError, match="another thread"):
        in_thread(timer.cancel)
    assert timer.cancel()


def test_await_of_a_pending_promise_on_a_foreign_thread_says_what_to_do(loop):
    p, _, _ = resolvers(loop)
    with pytest.raises(cp.WrongLoopError, match="another (loop|thread).*(settle|use)"):
        in_thread(cp.run, awaiting(p))


async def awaiting(p):
    return await p


def test_await_of_a_settled_promise_elsewhere_does_not_depend_on_what_its_loop_does(loop):
    p, resolve, _ = resolvers(loop)
    resolve("value")

    def there():
        try:
            return in_thread(cp.run, awaiting(p))
        except cp.WrongLoopError:
            return "refused"

    async def main():
        return there()

    assert there() == loop.run(main())


def test_a_promise_of_another_thread_cannot_be_adopted(loop):
    p, _, _ = resolvers(loop)

    def adopt():
        return cp.run(cp.Promise.resolve().then(lambda _: p))

    with pytest.raises(cp.WrongLoopError, match="another loop; settle it from there"):
        in_thread(adopt)
    with pytest.raises(cp.WrongLoopError):
        in_thread(lambda: cp.run(cp.Promise.all([p, 1])))


def test_looking_is_allowed_from_anywhere(loop):
    p, resolve, _ = resolvers(loop)
    assert in_thread(lambda: (p.state, p.done(), p.cancelled(), repr(p)[:16])) == ("pending", False, False, "<Promise pending")
    resolve("seen")
    assert in_thread(lambda: (p.state, p.done(), p.peek(), p.result(), p.exception())) == ("fulfilled", True, "seen", "seen", None)
    assert in_thread(lambda: (loop.is_running(), loop.is_closed(), loop.has_pending())) == (False, False, False)


# ---- Loops and threads that have ended


def test_call_soon_threadsafe_on_a_closed_loop_is_a_loop_closed_error(loop):
    loop.close()
    for call in (loop.call_soon_threadsafe, lambda fn: in_thread(loop.call_soon_threadsafe, fn)):
        with pytest.raises(cp.LoopClosedError, match=r"call_soon_threadsafe\(\) on a loop that is closed"):
            call(print)


def test_promises_of_a_thread_that_has_ended_are_rejected_and_resolve_is_ignored():
    p, resolve, reject = in_thread(cp.Promise.with_resolvers)
    q, child = in_thread(lambda: (lambda q: (q, q.then(print)))(cp.Promise()))
    for promise in (p, q, child):
        assert promise.state == "rejected" and type(promise.peek()) is cp.LoopClosedError
    resolve(1)
    reject(ValueError())
    assert p.cancel() is False
    assert type(p.peek()) is cp.LoopClosedError
    with pytest.raises(cp.LoopClosedError):
        p.then(print)


def test_settling_after_the_loop_was_closed_is_ignored_from_any_thread(loop):
    p, resolve, reject = resolvers(loop)
    loop.close()
    in_thread(resolve, 1)
    in_thread(reject, ValueError())
    assert type(p.peek()) is cp.LoopClosedError


def test_each_thread_runs_a_loop_of_its_own_at_the_same_time():
    meeting = threading.Barrier(2)
    loops = []

    def work(i):
        async def main():
            loops.append(cp.get_running_loop())
            meeting.wait(GUARD)  # both loops are inside run() now
            for _ in range(50):
                await cp.sleep(0)
            return i

        assert cp.run(main()) == i

    Crew(work, 2).join()
    assert loops[0] is not loops[1]


def test_two_loops_pass_a_ball():
    rounds = 300
    gates = [{}, {}]
    ready = threading.Barrier(2)

    def work(i):
        async def main():
            mine = [cp.Promise.with_resolvers() for _ in range(rounds)]
            gates[i] = [resolve for _, resolve, _ in mine]
            ready.wait(GUARD)
            if i == 0:
                gates[1][0](0)
            for k, (p, _, _) in enumerate(mine):
                assert await p == k
                if i == 1:
                    gates[0][k](k)
                elif k + 1 < rounds:
                    gates[1][k + 1](k + 1)

        cp.run(main())

    Crew(work, 2).join()


# ---- Many threads


def settled(p):
    return p.state, p.done(), p.peek() if p.done() else None


def peek(p):
    try:
        return p.peek()
    except asyncio.InvalidStateError:
        return None


def test_one_promise_under_the_hammer_has_exactly_one_outcome(loop):
    outcomes = {}
    triples = [resolvers(loop) for _ in range(400)]
    for k, (p, _, _) in enumerate(triples):
        outcomes[k] = []
        p.then(lambda v, k=k: outcomes[k].append(("fulfilled", v)), lambda r, k=k: outcomes[k].append(("rejected", r)))

    def hammer(i):
        for k, (p, resolve, reject) in enumerate(triples):
            settle = (lambda: resolve(i), lambda: reject(KeyError(i)), p.cancel)
            acts = (*settle, lambda: peek(p), lambda: settled(p), p.cancelled, lambda: repr(p))
            for n in range(len(acts)):
                acts[(i + k + n) % len(acts)]()

    crew = Crew(hammer)
    loop.run(all_done(triples))
    crew.join()
    loop.run(one())
    for k, (p, _, _) in enumerate(triples):
        assert len(outcomes[k]) == 1, outcomes[k]
        assert outcomes[k][0] == (p.state, p.peek())


def all_done(triples):
    async def main():
        for p, *_ in triples:
            try:
                await p
            except (KeyError, asyncio.CancelledError):
                pass

    return main()


def test_eight_threads_resolve_many_promises_of_one_loop(loop):
    each = 1000
    values = []
    triples = [resolvers(loop) for _ in range(THREADS * each)]
    for p, _, _ in triples:
        p.then(values.append)

    def settle(i):
        for n in range(i * each, (i + 1) * each):
            triples[n][1](n)

    crew = Crew(settle)
    loop.run(all_done(triples))
    crew.join()
    assert sorted(values) == list(range(THREADS * each))
    for i in range(THREADS):
        mine = [v for v in values if v // each == i]
        assert mine == sorted(mine), "messages of one thread overtook each other"


def test_foreign_threads_drop_the_last_reference_to_promises_of_a_running_loop(loop):
    stop = threading.Event()
    bags = [[] for _ in range(THREADS)]

    async def main():
        for n in range(3000):
            p, resolve, reject = cp.Promise.with_resolvers()
            p.then(lambda v: v).catch(KeyError, print)
            bags[n % THREADS].append([p, resolve, reject] if n % 2 else p)
            bags[(n + 1) % THREADS].append(cp.Promise.resolve([n]))
            bags[(n + 2) % THREADS].append(cp.sleep(0, n) if n % 3 else cp.Promise.resolve().then(lambda _: cp.Promise()))
            if n % 16 == 0:
                await cp.sleep(0)
        wait_until(lambda: not any(bags))
        await cp.sleep(0)

    def drop(i):
        while not stop.is_set() or bags[i]:
            if bags[i]:
                bags[i].pop()

    before = loop.stats()["promises_alive"]
    crew = Crew(drop)
    try:
        loop.run(main())
    finally:
        stop.set()
    crew.join()
    loop.run(cp_sleep())
    gc.collect()
    assert loop.stats()["promises_alive"] <= before + 2


def cp_sleep():
    async def main():
        await cp.sleep(0.001)

    return main()


def test_what_a_promise_waits_for_dies_elsewhere_while_it_is_cancelled_here(loop):
    bags = [[] for _ in range(4)]
    stop = threading.Event()

    def drop(i):
        while not stop.is_set() or bags[i]:
            if bags[i]:
                bags[i].pop()

    async def main():
        for n in range(4000):
            source = cp.Promise()
            child = source.then(print)
            leaf = child.then(print)
            bags[n % 4].append(source)
            del source
            if n % 3:
                repr(leaf)
            if n % 2:
                leaf.cancel()
                child.catch(asyncio.CancelledError, int)
            if n % 64 == 0:
                await cp.sleep(0)

    loop.on_unhandled_rejection = lambda promise, reason: None
    crew = Crew(drop, 4)
    try:
        loop.run(main())
    finally:
        stop.set()
    crew.join()


def test_the_collector_runs_on_other_threads_meanwhile(loop):
    stop = threading.Event()

    def collect(_):
        while not stop.wait(0.0005):  # where a collection stops the world, the loop has this pause to go on in
            gc.collect()

    async def main():
        for n in range(3000):
            p, resolve, _ = cp.Promise.with_resolvers()
            cycle = [p.then(lambda v: v)]
            cycle.append(cycle)
            cp.Promise.all([p, cp.Promise.resolve(n)])
            resolve(cycle)
            await cycle[0]

    crew = Crew(collect, 2)
    try:
        loop.run(main())
    finally:
        stop.set()
    crew.join()


# ---- Closing under fire


@pytest.mark.parametrize("round", range(20))
def test_a_loop_is_closed_while_threads_still_call(round):
    loop = cp.Loop()
    triples = [resolvers(loop) for _ in range(2000)]
    called, refused = [], []

    def call(i):
        for n, (p, resolve, reject) in enumerate(triples):
            (resolve if n % 2 else reject)(KeyError(n))
            try:
                loop.call_soon_threadsafe(called.append, n)
            except cp.LoopClosedError:
                refused.append(n)
            if n % 8 == i and p.cancel() not in (True, False):
                raise AssertionError("cancel() is True or False")

    loop.on_unhandled_rejection = lambda promise, reason: None
    crew = Crew(call)
    loop.run(cp_sleep())
    loop.close()
    crew.join()
    assert loop.is_closed()
    for p, _, _ in triples:
        assert p.state != "pending"
        assert type(p.peek()) in (KeyError, cp.LoopClosedError, asyncio.CancelledError)
    assert len(called) + len(refused) <= 2000 * THREADS


def test_a_loop_may_die_with_its_last_reference_on_another_thread():
    for n in range(50):
        box = [cp.Loop()]
        p, resolve, _ = resolvers(box[0])
        p.then(print)
        in_thread(box.clear)
        del p, resolve
        gc.collect()
