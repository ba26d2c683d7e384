"""Carries out a program of programs.py with cpromise: run(program) gives the trace, a list of strings."""

import sys

import cpromise as cp

Promise = cp.Promise
COMBINATORS = {"all": "all", "allSettled": "all_settled", "any": "any", "race": "race"}
MOST_CALLS = 3  # what a thenable's then does may bring about another call of it, and so on for ever


class Err(Exception):
    """An error that the program made."""


class Plain:
    """An object whose then is not callable."""

    def __init__(self, label):
        self.label = label
        self.then = 5


class Thenable:
    def __init__(self, runner, label, block):
        self.runner, self.label, self.block = runner, label, block
        self.calls = 0

    def then(self, resolve, reject):
        self.runner.log(self.label + " then")
        self.calls += 1
        if self.calls <= MOST_CALLS:
            self.runner.block(self.block, (resolve, reject, None))


class GetThenable(Thenable):
    """Shows when then is looked up."""

    @property
    def then(self):
        self.runner.log(self.label + " get")
        return super().then


class ThrowThenable(Thenable):
    @property
    def then(self):
        self.runner.log(self.label + " get")
        raise Err(self.label)


THENABLES = {"plain": Thenable, "get": GetThenable, "getthrow": ThrowThenable}


def text(value):
    """The canonical form of a value, the same as in run.mjs."""
    if value is None:
        return "undefined"
    if isinstance(value, (int, str)):
        return str(value)
    if isinstance(value, list):
        return "[" + ",".join(map(text, value)) + "]"
    if isinstance(value, dict):
        return "{" + ",".join(f"{key}={text(item)}" for key, item in value.items()) + "}"
    if isinstance(value, Promise):
        return "<promise>"
    if isinstance(value, (Thenable, Plain)):
        return f"<{value.label}>"
    if isinstance(value, Err):
        return "Error " + value.args[0]
    if isinstance(value, cp.RejectionError):
        return text(value.reason)
    if isinstance(value, cp.AggregateError):
        return "AggregateError " + text(list(value.errors))
    return "TypeError" if isinstance(value, TypeError) else f"! {value!r}"


def plain(reason):
    """What was thrown: await raises RejectionError for a reason that is no exception."""
    return reason.reason if isinstance(reason, cp.RejectionError) else reason


class Runner:
    """The context of a block is (resolve, reject, input): those of the executor or thenable, and the handler's argument."""

    def __init__(self, loop):
        self.loop = loop
        self.trace = []
        self.names = {}
        self.settlers = {}

    def log(self, line):
        self.trace.append(line)

    def run(self, program):
        for statement in program:
            if statement[0] == "turn":
                self.loop.run_microtasks()
                self.log("turn")
            else:
                self.statement(statement, (None, None, None))
        self.loop.run_microtasks()
        for name, value in self.names.items():
            if isinstance(value, Promise):
                self.log(f"{name} {value.state}" + ("" if value.state == "pending" else " " + text(value.peek())))

    # ---- Statements

    def block(self, block, context):
        for statement in block:
            if statement[0] == "ret":
                return self.value(statement[1], context)
            self.statement(statement, context)
        return None

    def statement(self, statement, context):
        STATEMENTS[statement[0]](self, context, *statement[1:])

    def do_def(self, _context, name):
        self.names[name] = Promise(lambda *settlers: self.settlers.update({name: settlers}), loop=self.loop)

    def do_let(self, context, name, expr):
        self.names[name] = self.value(expr, context)

    def do_do(self, context, expr):
        self.value(expr, context)

    def do_res(self, context, name, expr, which=0):
        value = self.value(expr, context)
        if name in self.settlers:
            self.settlers[name][which](value)

    def do_rej(self, context, name, expr):
        self.do_res(context, name, expr, 1)

    def do_resolve(self, context, expr, which=0):
        value = self.value(expr, context)
        if context[which]:
            context[which](value)

    def do_reject(self, context, expr):
        self.do_resolve(context, expr, 1)

    def do_micro(self, context, label, block):
        def job():
            self.log(label)
            try:
                self.block(block, context)
            except Err as error:
                self.log("caught " + text(error))

        self.loop.queue_microtask(job)

    def do_log(self, _context, label):
        self.log(label)

    def do_throw(self, _context, label):
        raise Err(label)

    # ---- Expressions

    def value(self, expr, context):
        return EXPRESSIONS[expr[0]](self, context, *expr[1:])

    def promise(self, expr, context):
        return Promise.resolve(self.value(expr, context))

    def ev_list(self, context, items):
        return [self.value(item, context) for item in items]

    def ev_name(self, _context, name):
        return self.names.get(name, "?" + name)

    def ev_reject(self, context, expr):
        return Promise.reject(self.value(expr, context))

    def ev_new(self, context, label, block):
        def executor(resolve, reject):
            self.log(label)
            self.block(block, (resolve, reject, context[2]))

        return Promise(executor, loop=self.loop)

    def ev_thenable(self, _context, label, kind, block):
        return Plain(label) if kind == "nofn" else THENABLES[kind](self, label, block)

    def ev_then(self, context, expr, on_fulfilled, on_rejected):
        return self.promise(expr, context).then(self.handler(on_fulfilled), self.handler(on_rejected))

    def ev_catch(self, context, expr, handler):
        return self.promise(expr, context).catch(self.handler(handler))

    def ev_finally(self, context, expr, handler):
        fn = self.handler(handler)
        return self.promise(expr, context).finally_((lambda: fn(None)) if callable(fn) else fn)

    def ev_combine(self, context, kind, mode, items):
        if mode == "bad":
            inputs = 5
        elif mode == "list":
            inputs = self.ev_list(context, items)
        else:
            inputs = self.inputs(context, items, mode)
        return getattr(Promise, COMBINATORS[kind])(inputs)

    def inputs(self, context, items, mode):
        for item in items:
            yield self.value(item, context)
        if mode == "genthrow":
            raise Err("iterator")

    def ev_async(self, context, label, body):
        return Promise.resolve(self.call_async(context, label, body))

    async def call_async(self, context, label, body):
        self.log(label)
        for step in body:
            if step[0] == "ret":
                return self.value(step[1], context)
            if step[0] == "await":
                value = await self.promise(step[2], context)
                self.log(f"{step[1]} {text(value)}")
                context = (None, None, value)
            elif step[0] == "try":
                _, name, tried, caught, final = step
                try:
                    for expr in tried:
                        self.log(f"{name} try {text(await self.promise(expr, context))}")
                except Exception as error:
                    context = (None, None, plain(error))
                    self.log(f"{name} catch {text(error)}")
                    for expr in caught:
                        self.log(f"{name} in catch {text(await self.promise(expr, context))}")
                finally:
                    for expr in () if isinstance(sys.exc_info()[1], GeneratorExit) else final:  # collected while it waits
                        self.log(f"{name} finally {text(await self.promise(expr, context))}")
            else:
                self.statement(step, context)

    def handler(self, handler):
        if handler is None or handler[0] == "x":
            return handler and handler[1]
        _, label, block = handler

        def call(value):
            self.log(f"{label} {text(value)}")
            return self.block(block, (None, None, plain(value)))

        return call


STATEMENTS = {"def": Runner.do_def, "let": Runner.do_let, "do": Runner.do_do, "res": Runner.do_res, "rej": Runner.do_rej,
              "R": Runner.do_resolve, "J": Runner.do_reject, "micro": Runner.do_micro, "log": Runner.do_log, "throw": Runner.do_throw}
EXPRESSIONS = {"n": lambda _r, _c, value: value, "s": lambda _r, _c, value: value, "u": lambda _r, _c: None,
               "e": lambda _r, _c, label: Err(label), "in": lambda _r, context: context[2], "l": Runner.ev_list,
               "p": Runner.ev_name, "ok": lambda r, context, expr: r.promise(expr, context), "ko": Runner.ev_reject,
               "new": Runner.ev_new, "t": Runner.ev_thenable, "then": Runner.ev_then, "catch": Runner.ev_catch,
               "fin": Runner.ev_finally, "comb": Runner.ev_combine, "async": Runner.ev_async, "coro": Runner.call_async}


def run(program):
    loop = Promise().get_loop()  # the thread's own, which the statics use; closed at the end, so that the next program has a new one
    loop.on_unhandled_rejection = lambda promise, reason: None
    runner = Runner(loop)
    try:
        runner.run(program)
    except Exception as error:
        runner.log(f"! {error!r}")
    trace, runner.trace = runner.trace, []
    loop.close()
    return trace
