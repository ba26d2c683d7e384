// A chain of steps, written straight on: see sty_chain.py. The other styles are in runners/adapters/node_style.js.
"use strict";

exports.KIND = "cpu";
exports.PARAMS = { steps: 5, fail_every: 10 };

class Failed extends Error {
    constructor(value, number) {
        super("a step failed");
        this.value = value;
        this.number = number;
    }
}

const after = (value, number) => (Math.imul(1103515245, (value + number) & 0x7fffffff) + 12345) & 0x7fffffff;

// What came of a chain, at the end of the sample: who reported twice or not at all is found out.
class Record {
    constructor(finished) {
        Object.assign(this, { value: 0, failed: 0, reports: 0, finished });
        this.done = (value) => {
            this.value = value;
            this.finished();
        };
        this.report = (error) => {
            this.reports++;
            this.value = error.value;
            this.failed = error.number;
            this.finished();
        };
    }

    answer() {
        const bytes = Buffer.alloc(24);
        [this.value, this.failed, this.reports].forEach((number, i) => bytes.writeUInt32LE(number, 8 * i));
        return bytes;
    }
}

function blocking2(step, value, report, done) {
    try {
        value = step(value, 1);
        value = step(value, 2);
    } catch (error) {
        return report(error);
    }
    done(value);
}

function blocking3(step, value, report, done) {
    try {
        value = step(value, 1);
        value = step(value, 2);
        value = step(value, 3);
    } catch (error) {
        return report(error);
    }
    done(value);
}

function blocking5(step, value, report, done) {
    try {
        value = step(value, 1);
        value = step(value, 2);
        value = step(value, 3);
        value = step(value, 4);
        value = step(value, 5);
    } catch (error) {
        return report(error);
    }
    done(value);
}

function blocking8(step, value, report, done) {
    try {
        value = step(value, 1);
        value = step(value, 2);
        value = step(value, 3);
        value = step(value, 4);
        value = step(value, 5);
        value = step(value, 6);
        value = step(value, 7);
        value = step(value, 8);
    } catch (error) {
        return report(error);
    }
    done(value);
}

const BLOCKING = { 2: blocking2, 3: blocking3, 5: blocking5, 8: blocking8 };

const stepOf = (fails) => (value, number) => {
    if (number === fails) throw new Failed(value, number);
    return after(value, number);
};

Object.assign(exports, { BLOCKING, Failed, Record, after, stepOf });

exports.Workload = class {
    constructor(params) {
        Object.assign(this, params);
        if (!BLOCKING[this.steps]) throw new Error(`steps=${this.steps}: chains are written out with 2, 3, 5 and 8 steps`);
    }

    first(id) {
        return (this.seed + id) % 2 ** 31;
    }

    // The step at which an op fails, 0 for none.
    fails(id) {
        const every = this.fail_every;
        return every && id % every === every - 1 ? 1 + (Math.floor(id / every) % this.steps) : 0;
    }

    op(id) {
        const record = new Record(() => {});
        BLOCKING[this.steps](stepOf(this.fails(id)), this.first(id), record.report, record.done);
        return record.answer();
    }

    result(record) {
        return record instanceof Record ? record.answer() : record;
    }
};
