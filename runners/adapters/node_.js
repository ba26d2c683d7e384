// node: promises on one event loop; with the variant worker_threads, cpu ops on threads that each have an isolate of their own, with fresh on one for each op.
"use strict";

const net = require("node:net");
const { Worker, isMainThread, parentPort, workerData } = require("node:worker_threads");
const common = require("./common.js");
const style = require("./node_style.js");
const { live, serve } = require("./node_serve.js");
const waits = require("./node_waits.js");

const CHUNKS_PER_WORKER = 4;

// ---- A client of a RESP2 store, one request at a time on a connection

class Store {
    static connect(params) {
        return new Promise((resolve, reject) => {
            const socket = net.connect({ host: params.store_host, port: params.store_port, noDelay: true });
            socket.once("connect", () => resolve(new Store(socket)));
            socket.once("error", reject);
        });
    }

    constructor(socket) {
        this.socket = socket;
        this.bytes = Buffer.alloc(0);
        this.settle = null;
        const broken = (error) => this.settle && this.settle.reject(error || new Error("the store hung up"));
        socket.on("data", (data) => this.fed(data));
        socket.on("error", broken);
        socket.on("close", () => broken());
    }

    fed(data) {
        this.bytes = this.bytes.length ? Buffer.concat([this.bytes, data]) : data;
        const end = this.bytes.indexOf("\r\n");
        if (end < 0) return;
        if (this.bytes[0] !== 0x24) return this.settle.reject(new Error(`the store answered '${this.bytes.subarray(0, end)}' to GET`));
        const size = Number(this.bytes.toString("latin1", 1, end));
        if (size < 0) return this.answer(null, end + 2);
        if (this.bytes.length >= end + size + 4) this.answer(this.bytes.subarray(end + 2, end + 2 + size), end + size + 4);
    }

    answer(value, used) {
        const { resolve } = this.settle;
        this.settle = null;
        this.bytes = this.bytes.subarray(used);
        resolve(value);
    }

    get(key) {
        return new Promise((resolve, reject) => {
            this.settle = { resolve, reject };
            if (this.socket.destroyed) reject(new Error("the store hung up"));
            else this.socket.write(`*2\r\n$3\r\nGET\r\n$${key.length}\r\n${key}\r\n`);
        });
    }
}

// ---- What one sample is, for each kind and variant

function employee({ module, params, work }, stores) {
    return async (id, worker) => {
        const start = common.clock();
        const name = work.names[id];
        const store = stores[worker];
        const found = await store.get(module.idKey(name));
        let record = found === null ? null : await store.get(module.recordKey(found));
        for (let step = 2; record !== null && step < params.chain; step++) record = await store.get(module.recordKey(module.bossOf(record)));
        return [id, ...module.outcome(name, found, record), common.clock() - start];
    };
}

async function clients(given) {
    const { name, params } = given;
    const stores = await Promise.all(Array.from({ length: params.concurrency * (params.fan || 1) }, () => Store.connect(params)));
    const op = (name === "io_fanout" ? waits.fanout : employee)(given, stores);
    return (tally) => {
        let next = 0;
        const one = async (worker) => {
            while (next < params.ops) tally.done.push(await op(next++, worker));
        };
        return Promise.all(Array.from({ length: params.concurrency }, (_, worker) => one(worker)));
    };
}

// On the loop itself: a promise for each op, one after the other, whatever the number of workers; what they share they take turns at.
function onLoop({ params, work }) {
    if (params.chunk > 1) throw new Error(`chunk=${params.chunk}: node gives the loop one op at a time`);
    async function inTurn(id) {
        const start = common.clock();
        return [id, "hit", await work.turns(id), common.clock() - start];
    }
    const one = work.turns ? inTurn : (id) => common.timed(work, id);
    return (tally) => {
        let next = 0;
        const loop = async () => {
            while (next < params.ops) tally.done.push(await Promise.resolve(next++).then(one));
        };
        return Promise.all(Array.from({ length: work.turns ? params.workers : 1 }, loop));
    };
}

// A worker thread for each op: `workers` are begun, then all have ended.
function onFresh({ name, params }) {
    const begin = (id) =>
        new Promise((resolve, reject) => {
            const start = common.clock();
            const worker = new Worker(__filename, { workerData: { name, params, op: id } });
            let result = null;
            worker.on("message", (value) => (result = value));
            worker.on("error", reject);
            worker.on("exit", () => resolve([id, "hit", result, common.clock() - start]));
        });
    return async (tally) => {
        for (let first = 0; first < params.ops; first += params.workers) {
            const count = Math.min(params.workers, params.ops - first);
            tally.done.push(...(await Promise.all(Array.from({ length: count }, (_, i) => begin(first + i)))));
        }
    };
}

// A thread that answers one chunk at a time.
class Hand {
    constructor(name, params, memory) {
        this.worker = new Worker(__filename, { workerData: { name, params, memory } });
        this.worker.on("message", (done) => this.resolve(done));
        this.worker.on("error", (error) => this.reject(error));
    }

    ask(chunk) {
        return new Promise((resolve, reject) => {
            Object.assign(this, { resolve, reject });
            this.worker.postMessage(chunk);
        });
    }
}

// Round trips of payloads, one at a time with each worker.
function crossing({ params, work }, hands) {
    return (tally) => {
        let next = 0;
        const one = async (hand) => {
            for (let id = next++; id < params.ops; id = next++) {
                const start = common.clock();
                const { payload } = await hand.ask({ payload: work.op(id) });
                tally.done.push([id, "hit", payload, common.clock() - start]);
            }
        };
        return Promise.all(hands.map(one));
    };
}

async function onWorkers(given) {
    const { name, params, work } = given;
    const hands = Array.from({ length: params.workers }, () => new Hand(name, params, work.memory));
    await Promise.all(hands.map((hand) => hand.ask([0, 0])));
    if (given.work.crosses) return crossing(given, hands);
    const size = params.chunk || Math.max(1, Math.floor(params.ops / (CHUNKS_PER_WORKER * params.workers)));
    return (tally) => {
        let next = 0;
        const one = async (hand) => {
            while (next < params.ops) {
                const from = next;
                next += size;
                for (const op of await hand.ask([from, Math.min(from + size, params.ops)])) tally.done.push(op);
            }
        };
        return Promise.all(hands.map(one));
    };
}

function workerThread() {
    const { name, params, memory } = workerData;
    const work = new (common.load(name).Workload)(params, memory);
    if (workerData.role) return live({ role: workerData.role, work }, parentPort);
    if (workerData.op !== undefined) return parentPort.postMessage(work.op(workerData.op));
    parentPort.on("message", (message) => {
        if (message.payload !== undefined) return parentPort.postMessage(message);
        const [from, to] = message;
        const done = [];
        for (let id = from; id < to; id++) done.push(common.timed(work, id));
        parentPort.postMessage(done);
    });
}

// ---- The life of the adapter

async function runSamples(sample, work, wire) {
    while ((await wire.word()) === "go") {
        const tally = new common.Tally();
        if (work.reset) work.reset();
        const start = common.clock();
        await sample(tally);
        const ns = common.clock() - start;
        if (work.settle) tally.settle(work);
        tally.lines(ns, work.result && ((value) => work.result(value))).forEach((line) => wire.say(line));
    }
}

async function run(given, wire) {
    const { module, variant, params } = given;
    if (module.KIND === "wait") process.env.UV_THREADPOOL_SIZE = params.concurrency; // read at its first use: where libuv reads files
    if (module.Workload) given.work = new module.Workload(params);
    const port = module.KIND === "server" ? await serve(__filename, given) : 0;
    const prepare = given.model === "style_node" ? style.prepare : module.KIND === "client" ? clients : module.KIND === "wait" ? waits.prepare : { worker_threads: onWorkers, fresh: onFresh }[variant] || onLoop;
    const sample = port ? null : await prepare(given, wire);
    wire.say(common.attestation());
    wire.say(port ? `ready port=${port}` : "ready");
    if (port) while ((await wire.word()) !== "stop");
    else await runSamples(sample, given.work, wire);
    wire.say(common.attestation());
    wire.say("bye");
    process.exit(0);
}

if (isMainThread) {
    const given = common.parse(process.argv);
    const wire = new common.Wire();
    run(given, wire).catch((error) => {
        process.stderr.write(`${error.stack}\n`);
        wire.fail(error);
    });
} else workerThread();
