// The algorithm of cpu_fib.c: see cpu_fib.py.
"use strict";

const { stamped } = require("./lcg.js");

exports.KIND = "cpu";
exports.PARAMS = { n: 27 };

const fib = (n) => (n < 2 ? n : fib(n - 1) + fib(n - 2));

exports.Workload = class {
    constructor(params) {
        this.params = params;
    }

    op(id) {
        return stamped(fib(this.params.n), this.params.seed, id);
    }
};
