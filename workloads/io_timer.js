// Sleepers: see io_timer.py.
"use strict";

const { le64 } = require("./numbers.js");

exports.KIND = "wait";
exports.PARAMS = { delay_us: 50000 };

exports.Workload = class {
    constructor(params) {
        this.delayMs = params.delay_us / 1000;
        this.delayNs = BigInt(params.delay_us) * 1000n;
    }

    overslept(ns) {
        return ns > this.delayNs ? ns - this.delayNs : 0n;
    }

    found(op) {
        return le64(op);
    }
};
