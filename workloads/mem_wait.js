// Ops that wait for one signal: see mem_wait.py.
"use strict";

const { le64 } = require("./numbers.js");

exports.KIND = "wait";
exports.PARAMS = {};

exports.Workload = class {
    found(op) {
        return le64(op);
    }
};
