// Numbers as bytes, for the workloads in JavaScript.
"use strict";

// A whole number below 2^53 as 8 bytes, little endian.
exports.le64 = (number) => {
    const bytes = Buffer.alloc(8);
    bytes.writeUInt32LE(number % 2 ** 32, 0);
    bytes.writeUInt32LE(Math.floor(number / 2 ** 32), 4);
    return bytes;
};
