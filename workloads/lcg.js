// The generator of workload data, and what several workloads make of it: see lcg.py.
"use strict";

const lcg = (exports.lcg = (x) => (Math.imul(1103515245, x) + 12345) & 0x7fffffff);
const lcgAt = (exports.lcgAt = (seed, id) => lcg((seed + id) % 2 ** 31));

// Whole numbers as 8 bytes each, little endian.
exports.words = (...values) => {
    const bytes = Buffer.alloc(8 * values.length);
    values.forEach((value, i) => bytes.writeBigUInt64LE(BigInt(value), 8 * i));
    return bytes;
};

exports.stamped = (value, seed, id) => exports.words(value, lcgAt(seed, id));

exports.letters = (size, seed, alphabet) => {
    const text = Buffer.alloc(size);
    let x = seed;
    for (let i = 0; i < size; i++) {
        x = lcg(x);
        text[i] = alphabet.charCodeAt((x >> 16) & (alphabet.length - 1));
    }
    return text;
};
