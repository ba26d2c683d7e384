// The same operations as in ft_micro.py, on what an isolate has for itself: there is nothing to share but numbers.
"use strict";

const { lcg, lcgAt, words } = require("./lcg.js");

exports.KIND = "cpu";
exports.PARAMS = { turns: 10000, pattern: "private" };

class Value {
    constructor(value) {
        this.value = value;
    }

    get() {
        return this.value;
    }
}

const valueOf = (object) => object.value;

// Each takes (shared, turns, total), and has nothing else in its loop than the operation and one addition.
const PATTERNS = {
    private(shared, turns, total) {
        const pile = [];
        for (let i = 0; i < turns; i++) {
            pile.push(shared.value);
            total += pile.pop();
        }
        return total;
    },
    attribute(shared, turns, total) {
        for (let i = 0; i < turns; i++) total += shared.value;
        return total;
    },
    item({ items }, turns, total) {
        for (let i = 0; i < turns; i++) total += items.get("value");
        return total;
    },
    element({ elements }, turns, total) {
        for (let i = 0; i < turns; i++) total += elements[0];
        return total;
    },
    method({ object }, turns, total) {
        for (let i = 0; i < turns; i++) total += object.get();
        return total;
    },
    function(shared, turns, total) {
        for (let i = 0; i < turns; i++) total += valueOf(shared);
        return total;
    },
    reference(shared, turns, total) {
        for (let i = 0; i < turns; i++) {
            const held = shared.object;
            total += held.value;
        }
        return total;
    },
    lock({ value, lock }, turns, total) {
        for (let i = 0; i < turns; i++) {
            while (Atomics.compareExchange(lock, 0, 0, 1) !== 0);
            total += value;
            Atomics.store(lock, 0, 0);
        }
        return total;
    },
    create({ value }, turns, total) {
        for (let i = 0; i < turns; i++) total += new Value(value).value;
        return total;
    },
};

exports.Workload = class {
    constructor(params) {
        const value = 1 + (lcg(params.seed) % 15);
        this.params = params;
        this.shared = {
            value,
            items: new Map([["a", 0], ["b", 0], ["c", 0], ["value", value]]),
            elements: [value, 0, 0, 0],
            object: new Value(value),
            lock: new Int32Array(1),
        };
    }

    op(id) {
        const { turns, pattern, seed } = this.params;
        return words(PATTERNS[pattern](this.shared, turns, lcgAt(seed, id)));
    }
};
