// A log: see io_log.py.
"use strict";

const { content, crc32 } = require("./io_file.js");
const { le64 } = require("./numbers.js");

exports.KIND = "wait";
exports.PARAMS = { bytes: 256 };

exports.Workload = class {
    constructor(params) {
        this.size = params.bytes;
        this.body = content(0, this.size).subarray(8);
    }

    record(op) {
        return Buffer.concat([le64(op), this.body]);
    }

    found(bytes) {
        return le64(crc32(bytes));
    }
};
