// One number that all workers add 1 to: see shr_counter.py.
"use strict";

const { lcgAt, words } = require("./lcg.js");
const { acquire, release } = require("./shared.js");

exports.KIND = "cpu";
exports.PARAMS = { adds: 1000, lock: 1 };

exports.Workload = class {
    // memory: of the first of these, for those on other threads.
    constructor(params, memory = new SharedArrayBuffer(16)) {
        this.params = params;
        this.memory = memory;
        this.cell = new Float64Array(memory, 0, 1);
        this.lock = new Int32Array(memory, 8, 1);
    }

    op(id) {
        for (let i = 0; i < this.params.adds; i++) {
            if (this.params.lock) acquire(this.lock, 0);
            this.cell[0]++;
            if (this.params.lock) release(this.lock, 0);
        }
        return words(lcgAt(this.params.seed, id));
    }

    // On one loop: the lock is that nobody waits between reading and writing.
    async turns(id) {
        for (let i = 0; i < this.params.adds; i++) {
            if (this.params.lock) {
                this.cell[0]++;
                await null;
            } else {
                const value = this.cell[0];
                await null;
                this.cell[0] = value + 1;
            }
        }
        return words(lcgAt(this.params.seed, id));
    }

    reset() {
        this.cell[0] = 0;
    }

    settle() {
        return [words(this.cell[0]), this.params.ops * this.params.adds - this.cell[0]];
    }
};
