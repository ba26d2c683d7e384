// What the adapter in JavaScript needs, as common.py: command line, wire, attestation, digest, latencies.
"use strict";

const fs = require("node:fs");
const net = require("node:net");
const path = require("node:path");

const COMMON = { ops: 100, seed: 42, workers: 1, concurrency: 1, store_host: "127.0.0.1", store_port: 0, store_speaks: "resp", port: 0 };
const AT_LEAST_ONE = ["ops", "workers", "concurrency"];
const MASK = (1n << 64n) - 1n;

const clock = () => process.hrtime.bigint();

function end(message) {
    process.stderr.write(message + "\n");
    process.exit(1);
}

// ---- Digest and latencies

// FNV-1a64 over the op id and the result, stirred (workloads/README.md); in two halves of 32 bits: BigInt would cost more than many an op.
function opDigest(id, result) {
    let high = 0xcbf29ce4;
    let low = 0x84222325;
    const step = (byte) => {
        low = (low ^ byte) >>> 0;
        // times 0x100000001b3 = 2^40 + 0x1b3
        const product = low * 0x1b3;
        const carry = Math.floor(product / 2 ** 32);
        high = (Math.imul(high, 0x1b3) + carry + (low << 8)) >>> 0;
        low = product >>> 0;
    };
    for (let i = 0, rest = id; i < 8; i++, rest = Math.floor(rest / 256)) step(rest & 255);
    for (const byte of result) step(byte);
    const hash = (BigInt(high) << 32n) | BigInt(low);
    const stirred = ((hash ^ (hash >> 33n)) * 0xff51afd7ed558ccdn) & MASK;
    return stirred ^ (stirred >> 33n);
}

function bucket(value) {
    if (value < 64) return value;
    const shift = Math.floor(Math.log2(value)) - 5;
    return 32 * shift + Math.floor(value / 2 ** shift);
}

// The ops of one sample: [id, class, result, ns].
class Tally {
    constructor() {
        this.done = [];
        this.lost = 0;
        this.settled = 0n;
    }

    // Where workers share what ops change: what has become of it, as if it were the result of one more op.
    settle(work) {
        const [result, lost] = work.settle();
        this.lost = lost;
        this.settled = opDigest(this.done.length, result);
    }

    lines(ns, encode = (result) => result) {
        let digest = this.settled;
        const counts = { hit: 0, miss: 0, error: 0 };
        const buckets = new Map();
        for (const [id, outcome, result, opNs] of this.done) {
            digest += opDigest(id, encode(result));
            counts[outcome]++;
            const index = bucket(Number(opNs));
            buckets.set(index, (buckets.get(index) || 0) + 1);
        }
        const hex = (digest & MASK).toString(16).padStart(16, "0");
        const pairs = [...buckets].sort((a, b) => a[0] - b[0]).map(([i, c]) => `${i}:${c}`);
        return [
            `sample ns=${ns} ops=${this.done.length} hit=${counts.hit} miss=${counts.miss} error=${counts.error} digest=${hex}${this.lost ? ` lost=${this.lost}` : ""}`,
            `latency unit=ns sub=5 buckets=${pairs.join(",")}`,
        ];
    }
}

// One op of a cpu workload, as a tally keeps it.
function timed(work, id) {
    const start = clock();
    const result = work.op(id);
    return [id, "hit", result, clock() - start];
}

// ---- Attestation

// The CPUs on which any thread of this process may run, in the kernel's form.
function affinity() {
    const cpus = new Set();
    for (const task of fs.readdirSync("/proc/self/task")) {
        let status;
        try {
            status = fs.readFileSync(`/proc/self/task/${task}/status`, "latin1");
        } catch {
            continue; // the thread has ended
        }
        for (const range of /^Cpus_allowed_list:\s*(\S+)/m.exec(status)[1].split(",")) {
            const [first, last] = range.split("-").map(Number);
            for (let cpu = first; cpu <= (last ?? first); cpu++) cpus.add(cpu);
        }
    }
    return cpuList([...cpus].sort((a, b) => a - b));
}

function cpuList(cpus) {
    const ranges = [];
    for (const cpu of cpus) {
        const last = ranges[ranges.length - 1];
        if (last && last[1] === cpu - 1) last[1] = cpu;
        else ranges.push([cpu, cpu]);
    }
    return ranges.map(([a, b]) => (a === b ? `${a}` : `${a}-${b}`)).join(",");
}

function attestation() {
    const facts = {
        gil: "none",
        runtime: `node-${process.versions.node}`,
        loop: "libuv",
        interp: 0,
        affinity: affinity(),
        build: `v8-${process.versions.v8}`,
        debug: "no",
        start_method: "none",
        pid: process.pid,
    };
    return "attest " + Object.entries(facts).map(([key, value]) => `${key}=${value}`).join(" ");
}

// ---- The wire and the command line

class Wire {
    constructor() {
        const { GILBENCH_OUT: out, GILBENCH_IN: words } = process.env;
        if (!out || !words) end(`${out ? "GILBENCH_IN" : "GILBENCH_OUT"} is not set: this program is run by gilbench`);
        this.out = Number(out);
        this.say("hello 1");
        this.queue = [];
        this.waiting = null;
        this.listen(Number(words));
    }

    // Through the poller: a read on libuv's pool would keep the process from ending.
    listen(fd) {
        let rest = "";
        const stream = new net.Socket({ fd, readable: true, writable: false });
        stream.setEncoding("latin1");
        stream.on("data", (text) => {
            const lines = (rest + text).split("\n");
            rest = lines.pop();
            lines.forEach((line) => this.heard(line.trim()));
        });
        stream.on("end", () => process.exit(0)); // the driver is gone
        stream.on("error", () => process.exit(0));
    }

    heard(word) {
        if (this.waiting) {
            const resolve = this.waiting;
            this.waiting = null;
            resolve(word);
        } else this.queue.push(word);
    }

    // A promise of 'go' or 'stop'.
    word() {
        return new Promise((resolve) => {
            if (this.queue.length) resolve(this.queue.shift());
            else this.waiting = resolve;
        });
    }

    say(line) {
        const bytes = Buffer.from(line + "\n");
        try {
            for (let at = 0; at < bytes.length; ) at += fs.writeSync(this.out, bytes, at);
        } catch {
            process.exit(0); // EPIPE: nobody is left to work for
        }
    }

    fail(error) {
        this.say("fail " + `${error.name}: ${error.message}`.split(/\s+/).join(" "));
        process.exit(1);
    }
}

function number(word, key, value) {
    const least = AT_LEAST_ONE.includes(key) ? 1 : 0;
    if (/^\d+$/.test(value) && Number(value) >= least) return Number(value);
    return end(`${word}: a whole number of ${least} or more was expected`);
}

function choice(word, words, value) {
    return words.includes(value) ? value : end(`${word}: one of these was expected: ${words.join(" ")}`);
}

function load(name) {
    const file = path.join(__dirname, "..", "..", "workloads", `${name}.js`);
    if (!/^\w+$/.test(name) || !fs.existsSync(file)) end(`unknown workload '${name}'`);
    return require(file);
}

// {name, model, variant, module, params} of a command line.
function parse(argv) {
    if (argv.length < 4) end(`usage: ${argv[1]} WORKLOAD MODEL[:VARIANT] key=value ...`);
    const module = load(argv[2]);
    const params = { ...COMMON, ...module.PARAMS };
    for (const word of argv.slice(4)) {
        const at = word.indexOf("=");
        const key = word.slice(0, at);
        if (at < 0 || !Object.hasOwn(params, key)) end(`unknown parameter '${word}' of ${argv[2]}; there are: ${Object.keys(params).join(" ")}`);
        const value = word.slice(at + 1);
        if (module.WORDS && module.WORDS[key]) params[key] = choice(word, module.WORDS[key], value);
        else params[key] = typeof params[key] === "number" ? number(word, key, value) : value;
    }
    const [model, variant] = argv[3].split(":");
    return { name: argv[2], model, variant: variant || "", module, params };
}

module.exports = { Tally, Wire, attestation, bucket, clock, load, opDigest, parse, timed };
