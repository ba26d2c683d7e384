// Files of which each op reads one: see io_file.py.
"use strict";

const zlib = require("node:zlib");
const { le64 } = require("./numbers.js");

exports.KIND = "wait";
exports.PARAMS = { files: 1024, bytes: 4096 };

const TABLE = Uint32Array.from({ length: 256 }, (_, n) => {
    for (let k = 0; k < 8; k++) n = n & 1 ? 0xedb88320 ^ (n >>> 1) : n >>> 1;
    return n;
});

// node has one of its own from 22.2 on.
function crc32(bytes) {
    let crc = 0xffffffff;
    for (let i = 0; i < bytes.length; i++) crc = TABLE[(crc ^ bytes[i]) & 255] ^ (crc >>> 8);
    return (crc ^ 0xffffffff) >>> 0;
}
exports.crc32 = zlib.crc32 || crc32;

// Of file or record `number`.
exports.content = (number, size) => {
    const bytes = Buffer.alloc(size);
    for (let i = 0; i < size; i++) bytes[i] = (31 * i + 7) & 255;
    le64(number).copy(bytes);
    return bytes;
};

exports.Workload = class {
    constructor(params) {
        Object.assign(this, { files: params.files, size: params.bytes });
    }

    file(op) {
        return op % this.files;
    }

    found(bytes) {
        return le64(exports.crc32(bytes));
    }
};
