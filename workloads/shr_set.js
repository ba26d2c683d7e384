// One set that all workers fill: see shr_set.py. In shared memory there are only numbers, so it is a table as in shr_set.c.
"use strict";

const { lcg, lcgAt, words } = require("./lcg.js");
const { acquire, release } = require("./shared.js");

exports.KIND = "cpu";
exports.PARAMS = { inserts: 100, keys: 20000 };

exports.Workload = class {
    constructor(params, memory) {
        let slots = 2;
        while (slots < 2 * params.keys) slots *= 2;
        this.params = params;
        this.memory = memory || new SharedArrayBuffer(4 * (slots + 1));
        this.lock = new Int32Array(this.memory, 0, 1);
        this.slots = new Int32Array(this.memory, 4); // 0, or key + 1
    }

    checkThenInsert(key) {
        const { slots } = this;
        let at = Math.imul(key, 0x9e3779b1) >>> 7;
        acquire(this.lock, 0);
        while (slots[at & (slots.length - 1)] && slots[at & (slots.length - 1)] !== key + 1) at++;
        slots[at & (slots.length - 1)] = key + 1;
        release(this.lock, 0);
    }

    op(id) {
        const { inserts, keys, seed } = this.params;
        let x = lcgAt(seed, id);
        let total = 0;
        for (let i = 0; i < inserts; i++) {
            x = lcg(x);
            const key = (x >> 8) % keys;
            this.checkThenInsert(key);
            total += key;
        }
        return words(total);
    }

    reset() {
        this.slots.fill(0);
    }

    settle() {
        const keys = this.slots.filter((slot) => slot).map((slot) => slot - 1);
        return [words(keys.length, keys.reduce((a, b) => a + b, 0)), 0];
    }
};
