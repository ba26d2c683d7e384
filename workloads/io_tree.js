// A tree of tasks: see io_tree.py.
"use strict";

const { le64 } = require("./numbers.js");

exports.KIND = "wait";
exports.PARAMS = { depth: 4, wait_us: 0, cpu_percent: 0, steps: 1000 };

const BRANCHES = 6;
const lcg = (x) => (Math.imul(1103515245, x) + 12345) & 0x7fffffff;

exports.Workload = class {
    constructor(params) {
        Object.assign(this, { seed: params.seed, depth: params.depth, waitMs: params.wait_us / 1000, cpuPercent: params.cpu_percent, steps: params.steps });
    }

    // The first leaf of each child of a node that is `depth` above its leaves.
    children(depth, first) {
        const width = BRANCHES ** (depth - 1);
        return Array.from({ length: BRANCHES }, (_, k) => first + k * width);
    }

    // [value, whether the leaf waits]: a leaf computes or waits.
    leaf(op, number) {
        let value = (this.seed + op + number) % 2 ** 31;
        if (Math.floor((lcg(value) * 100) / 2 ** 31) >= this.cpuPercent) return [value, this.waitMs > 0];
        for (let i = 0; i < this.steps; i++) value = lcg(value);
        return [value, false];
    }

    found(total) {
        return le64(total);
    }
};
