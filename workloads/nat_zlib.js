// Pack a buffer (gzip, level 6) and unpack it: see nat_zlib.py.
"use strict";

const zlib = require("node:zlib");
const { letters, words } = require("./lcg.js");

exports.KIND = "cpu";
exports.PARAMS = { bytes: 1 << 16 };

const TRAILER = 8;

exports.Workload = class {
    constructor(params) {
        this.buffer = letters(params.bytes, params.seed, "abcdefghijklmnop");
    }

    op(id) {
        const data = Buffer.concat([words(id), this.buffer]);
        const packed = zlib.gzipSync(data, { level: 6 });
        if (!zlib.gunzipSync(packed).equals(data)) throw new Error(`op ${id}: what was packed did not come back`);
        return packed.subarray(-TRAILER);
    }
};
