// Nothing but steps: see loop_steps.py.
"use strict";

const { lcgAt, words } = require("./lcg.js");

exports.KIND = "cpu";
exports.PARAMS = { steps: 1000 };

exports.Workload = class {
    constructor(params) {
        this.params = params;
    }

    op(id) {
        const step = (value) => value + id + 1;
        let value = lcgAt(this.params.seed, id);
        for (let i = 0; i < this.params.steps; i++) value = step(value);
        return words(value);
    }
};
