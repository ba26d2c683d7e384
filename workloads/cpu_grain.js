// A grain of work: see cpu_grain.py.
"use strict";

exports.KIND = "cpu";
exports.PARAMS = { steps: 1000, chunk: 1 };

exports.Workload = class {
    constructor(params) {
        this.seed = params.seed;
        this.steps = params.steps;
    }

    op(id) {
        let x = (this.seed + id) % 2 ** 31;
        for (let i = 0; i < this.steps; i++) x = (Math.imul(1103515245, x) + 12345) & 0x7fffffff;
        const result = Buffer.alloc(8);
        result.writeUInt32LE(x);
        return result;
    }
};
