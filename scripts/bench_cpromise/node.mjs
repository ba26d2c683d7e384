// The same operations on node's promises. A line of stdin is {"name", "n"}; the answer is a line with the figure, or null where
// node has no such thing. Run with --expose-gc: what an operation leaves is collected before the answer, off the clock.
import { AsyncLocalStorage } from "node:async_hooks";
import { createInterface } from "node:readline";

const now = () => Number(process.hrtime.bigint());

function pending(n) {
  const resolves = [];
  const promises = Array.from({ length: n }, () => new Promise((resolve) => resolves.push(resolve)));
  return [promises, resolves];
}

async function chain(n) {
  const start = now();
  let resolve;
  let tail = new Promise((r) => (resolve = r));
  for (let i = 0; i < n; i++) tail = tail.then((x) => x + 1);
  resolve(0);
  if ((await tail) !== n) throw new Error("chain");
  return now() - start;
}

async function chain_shared(n) {
  const add = (x) => x + 1;
  const start = now();
  let resolve;
  let tail = new Promise((r) => (resolve = r));
  for (let i = 0; i < n; i++) tail = tail.then(add);
  resolve(0);
  if ((await tail) !== n) throw new Error("chain_shared");
  return now() - start;
}

const storage = new AsyncLocalStorage();

async function await_chain(n) {
  const link = async (before) => (await before) + 1;
  const start = now();
  let resolve;
  let tail = new Promise((r) => (resolve = r));
  for (let i = 0; i < n; i++) tail = link(tail);
  resolve(0);
  if ((await tail) !== n) throw new Error("await_chain");
  return now() - start;
}

async function await_each(n) {
  const start = now();
  for (let i = 0; i < n; i++) {
    let resolve;
    const promise = new Promise((r) => (resolve = r));
    queueMicrotask(() => resolve(1));
    await promise;
  }
  return now() - start;
}

function callback(n) {
  return new Promise((resolve) => {
    let left = n;
    const start = now();
    const step = () => (--left ? queueMicrotask(step) : resolve(now() - start));
    queueMicrotask(step);
  });
}

async function await_settled(n) {
  const settled = Promise.resolve(1);
  const start = now();
  for (let i = 0; i < n; i++) await settled;
  return now() - start;
}

async function all(n) {
  const [promises, resolves] = pending(n);
  const start = now();
  const gathered = Promise.all(promises);
  for (const resolve of resolves) resolve(1);
  await gathered;
  return now() - start;
}

async function all_settled(n) {
  const promises = Array.from({ length: n }, () => Promise.resolve(1));
  const start = now();
  await Promise.all(promises);
  return now() - start;
}

async function timer(n) {
  const start = now();
  for (let i = 0; i < n - 1; i++) setTimeout(Math.abs, 1 + (i % 2));
  const finished = new Promise((resolve) => setTimeout(resolve, 3));
  const wait = now();
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 4); // all are due; the wait is off the clock
  const fire = now();
  await finished;
  return now() - fire + wait - start;
}

async function timer_cancel(n) {
  const start = now();
  for (let i = 0; i < n; i++) clearTimeout(setTimeout(Math.abs, 1e6));
  return now() - start;
}

function bytes(n, add) {
  const kept = new Array(n).fill(null);
  globalThis.gc();
  const before = process.memoryUsage().heapUsed;
  for (let i = 0; i < n; i++) kept[i] = add(kept[i - 1]);
  globalThis.gc();
  return (process.memoryUsage().heapUsed - before) / n + 0 * kept.length;
}

const operations = {
  chain,
  chain_shared,
  chain_context: (n) => storage.run(1, () => chain(n)),
  await_chain,
  await_each,
  callback,
  await: await_settled,
  all,
  all_settled,
  timer,
  timer_cancel,
  traced: (n) => bytes(n, () => new Promise(() => {})),
  traced_link: (n) => bytes(n, (before) => (before || new Promise(() => {})).then(Math.abs)),
};

for await (const line of createInterface({ input: process.stdin })) {
  const { name, n } = JSON.parse(line);
  const figure = name in operations ? await operations[name](n) : null;
  globalThis.gc();
  process.stdout.write(JSON.stringify(figure) + "\n");
}
