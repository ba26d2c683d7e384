// The algorithm of cpu_queens.c: see cpu_queens.py.
"use strict";

exports.KIND = "cpu";
exports.PARAMS = { n: 8 };

function place(full, columns, left, right) {
    if (columns === full) return 1;
    let count = 0;
    let free = full & ~(columns | left | right);
    while (free) {
        const queen = free & -free;
        free ^= queen;
        count += place(full, columns | queen, (left | queen) << 1, (right | queen) >> 1);
    }
    return count;
}

exports.Workload = class {
    constructor(params) {
        this.n = params.n;
    }

    op(id) {
        const queen = 1 << id % this.n;
        const result = Buffer.alloc(8);
        result.writeBigUInt64LE(BigInt(place((1 << this.n) - 1, queen, queen << 1, queen >> 1)));
        return result;
    }
};
