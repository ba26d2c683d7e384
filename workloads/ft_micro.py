"""One small operation on what all threads share, `turns` times, as in ft_micro.c: which of them contend without a GIL?

Each pattern is a function of its own, with nothing else in its loop than the operation and one addition.
"""

from lcg import lcg, lcg_at

KIND = "cpu"
PARAMS = {"turns": 10000, "pattern": "private"}


class Shared:
    """Has a number, as an attribute and otherwise."""

    def __init__(self, value):
        self.value = value
        self.items = {"a": 0, "b": 0, "c": 0, "value": value}
        self.elements = [value, 0, 0, 0]
        self.object = Value(value)

    def get(self):
        return self.value


class Value:
    __slots__ = ("value",)

    def __init__(self, value):
        self.value = value


def value_of(shared):
    return shared.value


def private(shared, turns, total):
    pile, value = [], shared.value
    for _ in range(turns):
        pile.append(value)
        total += pile.pop()
    return total


def attribute(shared, turns, total):
    for _ in range(turns):
        total += shared.value
    return total


def item(shared, turns, total):
    items = shared.items
    for _ in range(turns):
        total += items["value"]
    return total


def element(shared, turns, total):
    elements = shared.elements
    for _ in range(turns):
        total += elements[0]
    return total


def method(shared, turns, total):
    for _ in range(turns):
        total += shared.get()
    return total


def function(shared, turns, total):
    for _ in range(turns):
        total += value_of(shared)
    return total


def reference(shared, turns, total):
    for _ in range(turns):
        held = shared.object
        total += held.value
    return total


def lock(shared, turns, total):
    held, value = shared.lock, shared.value
    for _ in range(turns):
        with held:
            total += value
    return total


def create(shared, turns, total):
    value = shared.value
    for _ in range(turns):
        total += Value(value).value
    return total


PATTERNS = {call.__name__: call for call in (private, attribute, item, element, method, function, reference, lock, create)}


class Workload:
    def __init__(self, params):
        self.turns, self.seed = params["turns"], params["seed"]
        self.pattern = PATTERNS[params["pattern"]]
        self.shared = Shared(1 + lcg(self.seed) % 15)

    def share(self, place):
        self.shared.lock = place.lock()

    def op(self, op):
        return self.pattern(self.shared, self.turns, lcg_at(self.seed, op)).to_bytes(8, "little")
