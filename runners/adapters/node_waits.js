// What an op is in workloads that wait, in promises, and in io_fanout; each gives what a tally takes.
"use strict";

const fs = require("node:fs/promises");
const path = require("node:path");
const common = require("./common.js");
const { content } = require("../../workloads/io_file.js");

const sleep = (ms, value) => new Promise((resolve) => setTimeout(resolve, ms, value));

function scratch(name) {
    if (!process.env.GILBENCH_SCRATCH) throw new Error("GILBENCH_SCRATCH is not set: the driver names a folder for files by it");
    return path.join(process.env.GILBENCH_SCRATCH, name);
}

// ---- One op, for each workload: given what it works on, a function of (op, worker)

function timer({ work }) {
    return async (op) => {
        const start = common.clock();
        await sleep(work.delayMs);
        return [op, "hit", work.found(op), work.overslept(common.clock() - start)];
    };
}

function tree({ work }) {
    async function node(op, depth, first) {
        if (depth) {
            const values = await Promise.all(work.children(depth, first).map((child) => node(op, depth - 1, child)));
            return values.reduce((sum, value) => sum + value, 0);
        }
        const [value, waits] = work.leaf(op, first);
        return waits ? sleep(work.waitMs, value) : value;
    }
    return async (op) => {
        const start = common.clock();
        const total = await node(op, work.depth, 0);
        return [op, "hit", work.found(total), common.clock() - start];
    };
}

async function file({ work }) {
    const paths = Array.from({ length: work.files }, (_, number) => scratch(`file${number}`));
    for (const [number, name] of paths.entries()) await fs.writeFile(name, content(number, work.size));
    return async (op) => {
        const start = common.clock();
        const bytes = await fs.readFile(paths[work.file(op)]);
        return [op, "hit", work.found(bytes), common.clock() - start];
    };
}

async function log({ work, params }) {
    const logs = [];
    for (let k = 0; k < params.concurrency; k++) logs.push({ handle: await fs.open(scratch(`log${k}`), "a+"), size: 0 });
    return async (op, worker) => {
        const start = common.clock();
        const one = logs[worker];
        await one.handle.write(work.record(op));
        await one.handle.sync();
        const { buffer } = await one.handle.read(Buffer.alloc(work.size), 0, work.size, one.size);
        one.size += work.size;
        return [op, "hit", work.found(buffer), common.clock() - start];
    };
}

// ---- A sample of them

async function prepare(given, wire) {
    const { name, params, work } = given;
    if (name === "mem_wait") return (tally) => hold(given, wire, tally);
    const one = await { io_timer: timer, io_tree: tree, io_file: file, io_log: log }[name](given);
    return (tally) => {
        let next = 0;
        const worker = async (at) => {
            while (next < params.ops) tally.done.push(await one(next++, at));
        };
        return Promise.all(Array.from({ length: params.concurrency }, (_, at) => worker(at)));
    };
}

// A promise for each op, all of them there when the driver looks.
async function hold({ params, work }, wire, tally) {
    for (let first = 0; first < params.ops; first += params.concurrency) {
        let open;
        const gate = new Promise((resolve) => (open = resolve));
        const one = async (op) => {
            const start = common.clock();
            await gate;
            tally.done.push([op, "hit", work.found(op), common.clock() - start]);
        };
        const count = Math.min(params.concurrency, params.ops - first);
        const all = Array.from({ length: count }, (_, k) => one(first + k));
        wire.say(`waiting tasks=${count}`);
        await wire.word();
        open();
        await Promise.all(all);
    }
}

// Of stores.length / fan ops in flight each has `fan` connections.
function fanout({ module, params, work }, stores) {
    return async (op, worker) => {
        const start = common.clock();
        const mine = stores.slice(worker * params.fan, (worker + 1) * params.fan);
        const ids = await Promise.all(work.names[op].map((name, k) => mine[k].get(module.idKey(name))));
        return [op, "hit", work.found(ids), common.clock() - start];
    };
}

module.exports = { prepare, fanout };
