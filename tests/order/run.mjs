// Carries out programs of programs.py with the promises of V8. A line of stdin is a program in JSON, an empty line ends
// a batch; then the traces are written, a line of JSON each. Each program has come to rest before the next one starts.
import { createInterface } from "node:readline";

process.on("unhandledRejection", () => {});
process.on("rejectionHandled", () => {}); // else a warning for each

const MOST_CALLS = 3; // as in run.py

class Err extends Error {
  constructor(label) {
    super(label);
    this.label = label;
  }
}
Error.stackTraceLimit = 0;

class Plain {
  constructor(label) {
    this.label = label;
    this.then = 5;
  }
}

class Thenable {
  constructor(runner, label, block) {
    this.runner = runner;
    this.label = label;
    this.code = block;
    this.calls = 0;
  }
  then(resolve, reject) {
    this.runner.log(this.label + " then");
    if (++this.calls <= MOST_CALLS) this.runner.block(this.code, [resolve, reject, undefined]);
  }
}

class GetThenable extends Thenable {
  get then() {
    this.runner.log(this.label + " get");
    return super.then;
  }
}

class ThrowThenable extends Thenable {
  get then() {
    this.runner.log(this.label + " get");
    throw new Err(this.label);
  }
}

const THENABLES = { plain: Thenable, get: GetThenable, getthrow: ThrowThenable };

function text(value) {
  if (value === undefined || value === null) return "undefined";
  if (typeof value !== "object") return String(value);
  if (Array.isArray(value)) return "[" + value.map(text).join(",") + "]";
  if (value instanceof Promise) return "<promise>";
  if (value instanceof Thenable || value instanceof Plain) return `<${value.label}>`;
  if (value instanceof Err) return "Error " + value.label;
  if (value instanceof AggregateError) return "AggregateError " + text(value.errors);
  if (value instanceof TypeError) return "TypeError";
  if (value instanceof Error) return "! " + value;
  return "{" + Object.entries(value).map(([key, item]) => `${key}=${text(item)}`).join(",") + "}";
}

const STATEMENTS = {
  def(r, context, name) {
    r.names.set(name, new Promise((...settlers) => r.settlers.set(name, settlers)));
  },
  let(r, context, name, expr) {
    r.names.set(name, r.value(expr, context));
  },
  do(r, context, expr) {
    r.value(expr, context);
  },
  res(r, context, name, expr, which = 0) {
    const value = r.value(expr, context);
    if (r.settlers.has(name)) r.settlers.get(name)[which](value);
  },
  rej(r, context, name, expr) {
    STATEMENTS.res(r, context, name, expr, 1);
  },
  R(r, context, expr, which = 0) {
    const value = r.value(expr, context);
    if (context[which]) context[which](value);
  },
  J(r, context, expr) {
    STATEMENTS.R(r, context, expr, 1);
  },
  micro(r, context, label, block) {
    queueMicrotask(() => {
      r.log(label);
      try {
        r.block(block, context);
      } catch (error) {
        r.log("caught " + text(error));
      }
    });
  },
  log(r, context, label) {
    r.log(label);
  },
  throw(r, context, label) {
    throw new Err(label);
  },
};

const EXPRESSIONS = {
  n: (r, context, value) => value,
  s: (r, context, value) => value,
  u: () => undefined,
  l: (r, context, items) => items.map((item) => r.value(item, context)),
  e: (r, context, label) => new Err(label),
  p: (r, context, name) => (r.names.has(name) ? r.names.get(name) : "?" + name),
  in: (r, context) => context[2],
  ok: (r, context, expr) => r.promise(expr, context),
  ko: (r, context, expr) => Promise.reject(r.value(expr, context)),
  new: (r, context, label, block) =>
    new Promise((resolve, reject) => {
      r.log(label);
      r.block(block, [resolve, reject, context[2]]);
    }),
  t: (r, context, label, kind, block) => (kind === "nofn" ? new Plain(label) : new THENABLES[kind](r, label, block)),
  then: (r, context, expr, onFulfilled, onRejected) =>
    r.promise(expr, context).then(r.handler(onFulfilled), r.handler(onRejected)),
  catch: (r, context, expr, handler) => r.promise(expr, context).catch(r.handler(handler)),
  fin: (r, context, expr, handler) => r.promise(expr, context).finally(r.handler(handler)),
  comb(r, context, kind, mode, items) {
    if (mode === "bad") return Promise[kind](5);
    return Promise[kind](mode === "list" ? EXPRESSIONS.l(r, context, items) : r.inputs(context, items, mode));
  },
  async: (r, context, label, body) => r.callAsync(context, label, body),
  coro: (r, context, label, body) => r.callAsync(context, label, body),
};

class Runner {
  trace = [];
  names = new Map();
  settlers = new Map();

  log(line) {
    this.trace.push(line);
  }

  // States are seen from outside only by asking, and that takes a turn.
  ask() {
    const states = [];
    for (const [name, value] of this.names) {
      if (!(value instanceof Promise)) continue;
      const at = states.push(`${name} pending`) - 1;
      value.then(
        (result) => (states[at] = `${name} fulfilled ${text(result)}`),
        (reason) => (states[at] = `${name} rejected ${text(reason)}`),
      );
    }
    return states;
  }

  block(block, context) {
    for (const statement of block) {
      if (statement[0] === "ret") return this.value(statement[1], context);
      this.statement(statement, context);
    }
  }

  statement(statement, context) {
    STATEMENTS[statement[0]](this, context, ...statement.slice(1));
  }

  value(expr, context) {
    return EXPRESSIONS[expr[0]](this, context, ...expr.slice(1));
  }

  promise(expr, context) {
    return Promise.resolve(this.value(expr, context));
  }

  *inputs(context, items, mode) {
    for (const item of items) yield this.value(item, context);
    if (mode === "genthrow") throw new Err("iterator");
  }

  // Await is given the value itself here: run.py's await of Promise.resolve(value) must be the same.
  async callAsync(context, label, body) {
    this.log(label);
    for (const step of body) {
      if (step[0] === "ret") return this.value(step[1], context);
      if (step[0] === "await") {
        const value = await this.value(step[2], context);
        this.log(`${step[1]} ${text(value)}`);
        context = [undefined, undefined, value];
      } else if (step[0] === "try") {
        const [, name, tried, caught, final] = step;
        try {
          for (const expr of tried) this.log(`${name} try ${text(await this.value(expr, context))}`);
        } catch (error) {
          context = [undefined, undefined, error];
          this.log(`${name} catch ${text(error)}`);
          for (const expr of caught) this.log(`${name} in catch ${text(await this.value(expr, context))}`);
        } finally {
          for (const expr of final) this.log(`${name} finally ${text(await this.value(expr, context))}`);
        }
      } else {
        this.statement(step, context);
      }
    }
  }

  handler(handler) {
    if (handler === null || handler[0] === "x") return handler?.[1];
    const [, label, block] = handler;
    return (value) => {
      this.log(`${label} ${text(value)}`);
      return this.block(block, [undefined, undefined, value]);
    };
  }
}

function run(program, done) {
  const runner = new Runner();
  let at = 0;
  // Statements up to the next ["turn"], and on from there once the microtasks are drained.
  function turn() {
    try {
      while (at < program.length) {
        const statement = program[at++];
        if (statement[0] === "turn") return setImmediate(next);
        runner.statement(statement, [undefined, undefined, undefined]);
      }
    } catch (error) {
      runner.log("! " + error);
    }
    setImmediate(rest);
  }
  function next() {
    runner.log("turn");
    turn();
  }
  function rest() {
    const states = runner.ask();
    setImmediate(() => done(runner.trace.concat(states)));
  }
  turn();
}

process.stdout.on("error", () => process.exit()); // nobody reads any more
let batch = [];
createInterface({ input: process.stdin }).on("line", (line) => {
  if (line) {
    batch.push(line);
    return;
  }
  const programs = batch;
  const traces = [];
  batch = [];
  (function next() {
    if (traces.length === programs.length) return process.stdout.write(traces.join("\n") + "\n");
    run(JSON.parse(programs[traces.length]), (trace) => {
      traces.push(JSON.stringify(trace));
      next();
    });
  })();
});
