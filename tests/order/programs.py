"""Random promise programs: a seed gives a program, as data that run.py and run.mjs both carry out.

A program is a list of statements, and every node is a list that starts with its name, so that it goes through JSON.

  statement  ["def", name]                  a pending promise; its resolve and reject are kept under the name
             ["let", name, expr]            the value gets a name, and is shown at the end where it is a promise
             ["do", expr]                   evaluated, dropped
             ["res" | "rej", name, expr]    settles a "def"; nothing where there is none yet
             ["R" | "J", expr]              resolve and reject of the executor or thenable that runs
             ["micro", label, block]        queueMicrotask
             ["log", label]   ["throw", label]   ["ret", expr]
             ["turn"]                       top level only: the microtasks are drained before the next statement
  in async   ["await", label, expr]         and ["try", label, [expr ..], [expr ..], [expr ..]]: awaited in try, catch, finally
  expr       ["n", int] ["s", str] ["u"] ["l", [expr ..]] ["e", label] ["p", name] ["in"]
             ["ok", expr] ["ko", expr]      Promise.resolve, Promise.reject
             ["new", label, block]          new Promise(executor)
             ["t", label, kind, block]      a thenable; kind: plain, get (a getter that logs), getthrow, nofn (then is not callable)
             ["then", expr, handler, handler] ["catch", expr, handler] ["fin", expr, handler]
             ["comb", kind, mode, [expr ..]]     kind: all, allSettled, any, race; mode: list, gen, genthrow, bad (not iterable)
             ["async", label, body]         the promise of a call of an async function
             ["coro", label, body]          the same; in Python the coroutine itself, in places where it is adopted at once
  handler    None, ["x", value] (not callable) or ["h", label, block]

Every name and label is used once. Code is finite and nothing runs it twice but a thenable that is called again, which
the runners do only a few times: so each program ends.
"""

import random

PLAIN = ["n", "n", "s", "u", "l", "e"]
PROMISES = ["p"] * 5 + ["ok", "ok", "ko", "new", "new", "then", "then", "then", "catch", "fin", "fin", "async", "async", "comb", "comb"]
VALUES = PLAIN * 2 + ["in", "in", "t", "t", "t", "t"] + PROMISES
CORO_VALUES = VALUES + ["coro", "coro"]
REASONS = ["e", "e", "e", "n", "in", "t", "p", "u"]
LEAVES = ["n", "s", "u", "p", "p", "in"]
TOP = ["def"] * 3 + ["let"] * 9 + ["chain"] * 8 + ["settle"] * 7 + ["micro"] * 2 + ["turn", "log"]
NESTED = ["log", "let", "chain", "chain", "settle", "settle", "settle", "micro"]
ENDS = ["ret"] * 6 + ["throw", "throw", ""]
SETTLES = ["R", "R", "R", "R", "J", "J", "micro", "micro", "nested"]
KINDS = ["plain"] * 6 + ["get", "get", "getthrow", "nofn"]
CHAINS = ["then", "then", "catch", "fin"]
COMBINATORS = ["all", "all", "allSettled", "any", "race"]
MODES = ["list"] * 8 + ["gen"] * 5 + ["genthrow", "bad"]
NOT_CALLABLE = [None, 5, "x"]


class Generator:
    def __init__(self, seed):
        self.random = random.Random(seed).random
        self.names = []  # of promises
        self.deferreds = []
        self.count = 0
        self.left = 0  # nodes that may still be made; then there are leaves only

    def pick(self, choices):
        return choices[int(self.random() * len(choices))]

    def label(self, prefix):
        self.count += 1
        return f"{prefix}{self.count}"

    def program(self):
        length = 3 + int(self.random() ** 2 * 28)
        self.left = 15 + length * 8
        return [self.statement(TOP, 4) for _ in range(length)]

    # ---- Statements

    def statement(self, kinds, depth):
        self.left -= 1
        kind = self.pick(kinds)
        if kind == "settle" and not self.deferreds:
            kind = "def"
        return getattr(self, "make_" + kind)(depth)

    def make_def(self, _depth):
        name = self.label("p")
        self.names.append(name)
        self.deferreds.append(name)
        return ["def", name]

    def let(self, make, depth):
        """The name is known to its own expression now and then: there it is missing at first, and the promise itself later."""
        name, known = self.label("p"), self.random() < 0.2
        if known:
            self.names.append(name)
        value = make(depth)
        if not known:
            self.names.append(name)
        return ["let", name, value]

    def make_let(self, depth):
        return self.let(self.promise, depth)

    def make_chain(self, depth):
        return self.let(self.chain, depth) if self.random() < 0.7 else ["do", self.chain(depth)]

    def chain(self, depth):
        kind, source = self.pick(CHAINS), self.reference()
        return [kind, source, self.handler(depth)] + ([self.handler(depth)] if kind == "then" else [])

    def make_settle(self, depth):
        name = self.pick(self.deferreds)
        return ["rej", name, self.reason(depth)] if self.random() < 0.25 else ["res", name, self.value(depth)]

    def make_micro(self, depth):
        return ["micro", self.label("m"), self.block(depth - 1)]

    def make_turn(self, _depth):
        return ["turn"]

    def make_log(self, _depth):
        return ["log", self.label("g")]

    def block(self, depth):
        if depth <= 0 or self.left <= 0:
            return []
        names, deferreds = len(self.names), len(self.deferreds)
        made = [self.statement(NESTED, depth - 1) for _ in range(int(self.random() * 3))]
        if self.random() < 0.8:  # most names of a block are its own: outside of it they are missing until it has run
            del self.names[names:], self.deferreds[deferreds:]
        return made

    def ending(self, depth):
        end = self.pick(ENDS)
        if not end:
            return []
        return [["throw", self.label("E")] if end == "throw" else ["ret", self.value(depth, CORO_VALUES)]]

    # ---- Functions of the program

    def handler(self, depth):
        chance = self.random()
        if chance < 0.12:
            return None
        if chance < 0.17:
            return ["x", self.pick(NOT_CALLABLE)]
        self.left -= 1
        return ["h", self.label("h"), self.block(depth - 1) + self.ending(depth - 1)]

    def settling(self, depth):
        """What an executor and a thenable's then do: settle, twice or never, later, and throw after it or instead."""
        block = []
        for _ in range(self.pick([0, 1, 1, 1, 1, 2, 2, 3])):
            kind = self.pick(SETTLES)
            if kind == "R":
                block.append(["R", self.value(depth)])
            elif kind == "J":
                block.append(["J", self.reason(depth)])
            elif kind == "micro":
                block.append(["micro", self.label("m"), self.settling(depth - 1) if depth > 0 else [["R", self.leaf()]]])
            else:
                block += self.block(depth)
        if self.random() < 0.12:
            block.append(["throw", self.label("E")])
        return block

    def body(self, depth):
        steps = []
        for _ in range(int(self.random() * 4)):
            chance = self.random()
            if chance < 0.6 or depth <= 0:
                steps.append(["await", self.label("a"), self.value(depth - 1, CORO_VALUES)])
            elif chance < 0.85:
                steps.append(["try", self.label("y"), self.awaited(depth, 1), self.awaited(depth, 0), self.awaited(depth, 0)])
            else:
                steps.append(self.statement(NESTED, depth - 1))
        return steps + self.ending(depth)

    def awaited(self, depth, least):
        return [self.value(depth - 1, CORO_VALUES) for _ in range(least + int(self.random() * 2))]

    # ---- Expressions

    def leaf(self):
        return getattr(self, "make_" + self.pick(LEAVES))(0)

    def value(self, depth, kinds=VALUES):
        self.left -= 1
        if depth <= 0 or self.left <= 0:
            return self.leaf()
        return getattr(self, "make_" + self.pick(kinds))(depth - 1)

    def promise(self, depth):
        return self.value(depth, PROMISES) if depth > 0 and self.left > 0 else self.reference()

    def reason(self, depth):
        return self.value(depth, REASONS)

    def reference(self):
        if not self.names:
            return ["ok", self.make_n(0)]
        last = self.names[-4:] if self.random() < 0.5 else self.names
        return ["p", self.pick(last)]

    def make_n(self, _depth):
        return ["n", int(self.random() * 100)]

    def make_s(self, _depth):
        return ["s", self.pick(["x", "", "then"])]

    def make_u(self, _depth):
        return ["u"]

    def make_l(self, depth):
        return ["l", [self.value(depth, PLAIN) for _ in range(int(self.random() * 3))]]

    def make_e(self, _depth):
        return ["e", self.label("E")]

    def make_p(self, _depth):
        return self.reference()

    def make_in(self, _depth):
        return ["in"]

    def make_ok(self, depth):
        return ["ok", self.value(depth, CORO_VALUES)]

    def make_ko(self, depth):
        return ["ko", self.reason(depth)]

    def make_new(self, depth):
        return ["new", self.label("x"), self.settling(depth)]

    def make_t(self, depth):
        return ["t", self.label("t"), self.pick(KINDS), self.settling(depth)]

    def make_then(self, depth):
        return ["then", self.promise(depth), self.handler(depth), self.handler(depth)]

    def make_catch(self, depth):
        return ["catch", self.promise(depth), self.handler(depth)]

    def make_fin(self, depth):
        return ["fin", self.promise(depth), self.handler(depth)]

    def make_comb(self, depth):
        kind, mode = self.pick(COMBINATORS), self.pick(MODES)
        values = VALUES if mode == "list" else CORO_VALUES
        return ["comb", kind, mode, [self.value(depth + 1, values) for _ in range(int(self.random() * 5))]]

    def make_async(self, depth):
        return ["async", self.label("f"), self.body(depth)]

    def make_coro(self, depth):
        return ["coro", self.label("f"), self.body(depth)]


def program(seed):
    return Generator(seed).program()


# ---- Shrinking

EXPRESSIONS = {"n", "s", "u", "l", "e", "p", "in", "ok", "ko", "new", "t", "then", "catch", "fin", "comb", "async", "coro"}


def is_expression(node):
    return isinstance(node, list) and bool(node) and isinstance(node[0], str) and node[0] in EXPRESSIONS


def smaller(node):
    """The programs that are one step smaller than this one: an item of a list gone, or an expression made simpler."""
    if not isinstance(node, list):
        return
    if all(isinstance(item, list) for item in node):
        for i in range(len(node)):
            yield node[:i] + node[i + 1 :]
    elif is_expression(node):
        if len(node) > 2 or node[0] in ("ok", "ko", "l"):
            yield ["u"]
        yield from (item for item in node[1:] if is_expression(item) and item[0] != "coro")
    elif node[0] == "h":
        yield None
    for i, item in enumerate(node):
        for less in smaller(item):
            yield node[:i] + [less] + node[i + 1 :]


def shrink(program, differs):
    """The smallest program on the way down for which differs(program) stays true."""
    found = True
    while found:
        found = False
        for less in smaller(program):
            if differs(less):
                program, found = less, True
                break
    return program
