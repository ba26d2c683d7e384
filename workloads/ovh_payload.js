// What goes to a worker and comes back: see ovh_payload.py.
"use strict";

const crypto = require("node:crypto");

exports.KIND = "cpu";
exports.PARAMS = { bytes: 1024, shape: "bytes" };
exports.WORDS = { shape: ["bytes", "ints", "dict", "floats"] };

const PAYLOADS = 2;
const BASE = 1024;

function numbers(seed, count) {
    const words = new Array(count);
    let x = seed % 2 ** 31;
    for (let j = 0; j < count; j++) {
        if (j >= BASE) words[j] = words[j - BASE] + 1;
        else words[j] = x = (Math.imul(1103515245, x) + 12345) & 0x7fffffff;
    }
    return words;
}

function longs(words) {
    const halves = new Uint32Array(2 * words.length);
    words.forEach((word, j) => (halves[2 * j] = word));
    return halves.buffer;
}

function payload(shape, seed, size) {
    if (shape === "bytes") return new Uint8Array(longs(numbers(seed, Math.floor(size / 8) + 1)).slice(0, size));
    if (shape === "dict") return Object.fromEntries(numbers(seed, Math.floor(size / 16)).map((word, j) => [j.toString(16).padStart(8, "0"), word]));
    const words = numbers(seed, Math.floor(size / 8));
    return shape === "floats" ? Float64Array.from(words) : words;
}

function plain(shape, value) {
    if (shape === "bytes") return value;
    if (shape === "floats") return Buffer.from(value.buffer);
    if (shape === "ints") return Buffer.from(longs(value));
    return Buffer.concat(Object.entries(value).flatMap(([key, word]) => [Buffer.from(key), Buffer.from(longs([word]))]));
}

function equal(shape, a, b) {
    if (shape === "bytes" || shape === "floats") return Buffer.compare(Buffer.from(a.buffer), Buffer.from(b.buffer)) === 0;
    if (shape === "ints") return a.length === b.length && a.every((word, j) => word === b[j]);
    for (const key in a) if (a[key] !== b[key]) return false;
    return Object.keys(a).length === Object.keys(b).length;
}

exports.Workload = class {
    constructor(params) {
        this.crosses = true;
        this.shape = params.shape;
        this.digests = [];
        this.payloads = Array.from({ length: PAYLOADS }, (_, p) => payload(this.shape, params.seed + p, params.bytes));
    }

    op(id) {
        return this.payloads[id % PAYLOADS];
    }

    // What equals a payload has its digest: to compare is cheaper than to hash, and CPU time is counted until the answer.
    result(payload) {
        let p = this.payloads.indexOf(payload);
        if (p < 0) p = this.payloads.findIndex((sent) => equal(this.shape, sent, payload));
        if (p < 0) return this.digest(payload);
        return (this.digests[p] = this.digests[p] || this.digest(payload));
    }

    digest(payload) {
        return crypto.createHash("sha256").update(plain(this.shape, payload)).digest();
    }
};
