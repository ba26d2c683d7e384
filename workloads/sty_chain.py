"""A chain of steps, each on what the last one gave; now and then one fails. As in sty_chain.c; here written straight on, and in
runners/adapters/styles.py with callbacks, promises and coroutines. How the source looks is measured, too (scripts/style_facts), so
the chains are written out.
"""

import struct

KIND = "cpu"
PARAMS = {"steps": 5, "fail_every": 10}
ANSWER = struct.Struct("<QQQ")


class Failed(Exception):
    """`value`: what the step was given; `number`: of the step."""

    def __init__(self, value, number):
        self.value, self.number = value, number


def after(value, number):
    """What a step makes of a value."""
    return (1103515245 * ((value + number) & 0x7FFFFFFF) + 12345) & 0x7FFFFFFF


class Record:
    """What came of a chain. It is reported to, and never by, itself: who reports twice or not at all is found out."""

    __slots__ = "failed", "finished", "reports", "value"

    def __init__(self, finished):
        self.value = self.failed = self.reports = 0
        self.finished = finished

    def done(self, value):
        self.value = value
        self.finished()

    def report(self, error):
        self.reports += 1
        self.value, self.failed = error.value, error.number
        self.finished()

    def answer(self):
        return ANSWER.pack(self.value, self.failed, self.reports)


# ---- The chains


def blocking_2(step, value, report, done):
    try:
        value = step(value, 1)
        value = step(value, 2)
    except Failed as error:
        report(error)
    else:
        done(value)


def blocking_3(step, value, report, done):
    try:
        value = step(value, 1)
        value = step(value, 2)
        value = step(value, 3)
    except Failed as error:
        report(error)
    else:
        done(value)


def blocking_5(step, value, report, done):
    try:
        value = step(value, 1)
        value = step(value, 2)
        value = step(value, 3)
        value = step(value, 4)
        value = step(value, 5)
    except Failed as error:
        report(error)
    else:
        done(value)


def blocking_8(step, value, report, done):
    try:
        value = step(value, 1)
        value = step(value, 2)
        value = step(value, 3)
        value = step(value, 4)
        value = step(value, 5)
        value = step(value, 6)
        value = step(value, 7)
        value = step(value, 8)
    except Failed as error:
        report(error)
    else:
        done(value)


def find(chains, style, steps):
    """The chain of so many steps among the functions of a module."""
    if f"{style}_{steps}" not in chains:
        raise ValueError(f"steps={steps}: chains are written out with 2, 3, 5 and 8 steps")
    return chains[f"{style}_{steps}"]


def step_of(fails):
    def step(value, number):
        if number == fails:
            raise Failed(value, number)
        return after(value, number)

    return step


class Workload:
    def __init__(self, params):
        self.seed, self.steps, self.fail_every = params["seed"], params["steps"], params["fail_every"]
        find(globals(), "blocking", self.steps)

    def first(self, op):
        return (self.seed + op) & 0x7FFFFFFF

    def fails(self, op):
        """The step at which an op fails, 0 for none."""
        every = self.fail_every
        return 1 + op // every % self.steps if every and op % every == every - 1 else 0

    def op(self, op):
        record = Record(lambda: None)
        find(globals(), "blocking", self.steps)(step_of(self.fails(op)), self.first(op), record.report, record.done)
        return record.answer()

    def result(self, record):
        return record if isinstance(record, bytes) else record.answer()
