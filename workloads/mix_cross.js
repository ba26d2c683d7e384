// A request waits, then computes: see mix_cross.py.
"use strict";

const talk = require("./talk.js");

exports.KIND = "server";
exports.PARAMS = { f: 100, total_us: 10000, steps_per_ms: 10000 };

exports.Workload = class {
    constructor(params) {
        const cpuUs = Math.floor((params.total_us * params.f) / 1000);
        this.seed = params.seed;
        this.wait = (params.total_us - cpuUs) / 1000;
        this.steps = Math.floor((cpuUs * params.steps_per_ms) / 1000);
    }

    conversation() {
        return talk.lines((number) => talk.request(number, { wait: this.wait, offload: this.steps > 0 }));
    }

    answer(number) {
        if (number === null) return talk.COMPLAINT;
        return Buffer.from(`${talk.lcgSteps((this.seed + number) % 2 ** 31, this.steps)}\n`);
    }
};
