// SHA-256 of (op id, buffer), chained: see cpu_sha256.py.
"use strict";

const crypto = require("node:crypto");

exports.KIND = "cpu";
exports.PARAMS = { bytes: 1 << 20, links: 1 };

function fill(size, seed) {
    const buffer = Buffer.alloc(size);
    let x = seed;
    for (let i = 0; i < size; i++) {
        x = (Math.imul(1103515245, x) + 12345) & 0x7fffffff;
        buffer[i] = (x >> 16) & 0xff;
    }
    return buffer;
}

exports.Workload = class {
    constructor(params) {
        this.buffer = fill(params.bytes, params.seed);
        this.links = params.links;
    }

    op(id) {
        let digest = Buffer.alloc(8);
        digest.writeBigUInt64LE(BigInt(id));
        for (let i = 0; i < this.links; i++) digest = crypto.createHash("sha256").update(digest).update(this.buffer).digest();
        return digest;
    }
};
