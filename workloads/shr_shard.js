// Counts in shards, each owned by one op at a time: see shr_shard.py.
"use strict";

const { lcg, lcgAt, words } = require("./lcg.js");
const { acquire, release } = require("./shared.js");

exports.KIND = "cpu";
exports.PARAMS = { adds: 1000, shards: 8, cells: 256 };

exports.Workload = class {
    constructor(params, memory) {
        const { shards, cells } = params;
        this.params = params;
        this.memory = memory || new SharedArrayBuffer(8 * shards * (cells + 1));
        this.tables = new Float64Array(this.memory, 0, shards * cells);
        this.locks = new Int32Array(this.memory, 8 * shards * cells, shards);
    }

    op(id) {
        const { adds, shards, cells, seed } = this.params;
        const shard = id % shards;
        let x = lcgAt(seed, id);
        acquire(this.locks, shard);
        for (let i = 0; i < adds; i++) {
            x = lcg(x);
            this.tables[shard * cells + ((x >> 8) % cells)]++;
        }
        release(this.locks, shard);
        return words(x);
    }

    reset() {
        this.tables.fill(0);
    }

    settle() {
        const total = this.tables.reduce((sum, count) => sum + count, 0);
        const weighted = this.tables.reduce((sum, count, i) => sum + (i + 1) * count, 0);
        return [words(total, weighted), this.params.ops * this.params.adds - total];
    }
};
