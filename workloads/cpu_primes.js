// The algorithm of cpu_primes.c: see cpu_primes.py.
"use strict";

const { stamped } = require("./lcg.js");

exports.KIND = "cpu";
exports.PARAMS = { limit: 20000 };

function isPrime(n) {
    for (let by = 2; by * by <= n; by++) if (n % by === 0) return false;
    return true;
}

exports.Workload = class {
    constructor(params) {
        this.params = params;
    }

    op(id) {
        let count = 0;
        for (let n = 2; n <= this.params.limit; n++) if (isPrime(n)) count++;
        return stamped(count, this.params.seed, id);
    }
};
