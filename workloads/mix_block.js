// Requests that are answered at once, and now and then one that computes for long: see mix_block.py.
"use strict";

const talk = require("./talk.js");

exports.KIND = "server";
exports.PARAMS = { every: 100, burn: 1000000 };

exports.Workload = class {
    constructor(params) {
        Object.assign(this, { seed: params.seed, every: params.every, burn: params.burn });
    }

    isHeavy(number) {
        return number % this.every === this.every - 1;
    }

    conversation() {
        return talk.lines((number) => talk.request(number, { offload: this.isHeavy(number) }));
    }

    answer(number) {
        if (number === null) return talk.COMPLAINT;
        return Buffer.from(`${talk.lcgSteps((this.seed + number) % 2 ** 31, this.isHeavy(number) ? this.burn : 1)}\n`);
    }
};
