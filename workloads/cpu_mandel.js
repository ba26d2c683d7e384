// The algorithm of cpu_mandel.c: see cpu_mandel.py. Numbers stay below 2^53, so they are whole.
"use strict";

const { stamped } = require("./lcg.js");

exports.KIND = "cpu";
exports.PARAMS = { size: 256, iterations: 200 };

const UNIT = 2 ** 20;

function point(cx, cy, most) {
    let zx = 0;
    let zy = 0;
    let count = 0;
    for (; count < most; count++) {
        const a = Math.floor((zx * zx) / UNIT);
        const b = Math.floor((zy * zy) / UNIT);
        if (a + b > 4 * UNIT) break;
        zy = Math.floor((2 * zx * zy) / UNIT) + cy;
        zx = a - b + cx;
    }
    return count;
}

exports.Workload = class {
    constructor(params) {
        this.params = params;
    }

    op(id) {
        const { size, iterations, seed } = this.params;
        const cy = Math.floor((2 * (id % size) * UNIT) / size) - UNIT;
        let total = 0;
        for (let x = 0; x < size; x++) total += point(Math.floor((3 * x * UNIT) / size) - 2 * UNIT, cy, iterations);
        return stamped(total, seed, id);
    }
};
