// A chain of steps: see sty_chain.py. The chains are in runners/adapters/node_style.js.
"use strict";

exports.KIND = "cpu";
exports.PARAMS = { steps: 5, fail_every: 10 };

exports.Workload = class {
    result(record) {
        return record.answer();
    }
};
