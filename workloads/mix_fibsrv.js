// Beazley's server of Fibonacci numbers: see mix_fibsrv.py.
"use strict";

const talk = require("./talk.js");

exports.KIND = "server";
exports.PARAMS = { n: 1, heavy: 27, heavies: 1 };
const FIB_MOST = 40;

exports.Workload = class {
    conversation() {
        return talk.lines((number) => (number <= FIB_MOST ? talk.request(number, { offload: true }) : talk.request(null, { last: true })));
    }

    answer(number) {
        return number === null ? talk.COMPLAINT : Buffer.from(`${talk.fib(number)}\n`);
    }
};
