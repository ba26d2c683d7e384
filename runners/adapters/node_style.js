// The chains of sty_chain on node's loop: straight on, with callbacks, with promises, with async functions. See styles.py.
"use strict";

const common = require("./common.js");

// ---- The chains, written out

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

function callbacks2(step, value, report, done) {
    step(value, 1, (error, value) => {
        if (error) return report(error);
        step(value, 2, (error, value) => {
            if (error) return report(error);
            done(value);
        });
    });
}

function callbacks3(step, value, report, done) {
    step(value, 1, (error, value) => {
        if (error) return report(error);
        step(value, 2, (error, value) => {
            if (error) return report(error);
            step(value, 3, (error, value) => {
                if (error) return report(error);
                done(value);
            });
        });
    });
}

function callbacks5(step, value, report, done) {
    step(value, 1, (error, value) => {
        if (error) return report(error);
        step(value, 2, (error, value) => {
            if (error) return report(error);
            step(value, 3, (error, value) => {
                if (error) return report(error);
                step(value, 4, (error, value) => {
                    if (error) return report(error);
                    step(value, 5, (error, value) => {
                        if (error) return report(error);
                        done(value);
                    });
                });
            });
        });
    });
}

function callbacks8(step, value, report, done) {
    step(value, 1, (error, value) => {
        if (error) return report(error);
        step(value, 2, (error, value) => {
            if (error) return report(error);
            step(value, 3, (error, value) => {
                if (error) return report(error);
                step(value, 4, (error, value) => {
                    if (error) return report(error);
                    step(value, 5, (error, value) => {
                        if (error) return report(error);
                        step(value, 6, (error, value) => {
                            if (error) return report(error);
                            step(value, 7, (error, value) => {
                                if (error) return report(error);
                                step(value, 8, (error, value) => {
                                    if (error) return report(error);
                                    done(value);
                                });
                            });
                        });
                    });
                });
            });
        });
    });
}

function chain2(step, value, report, done) {
    step(value, 1)
        .then((value) => step(value, 2))
        .then(done)
        .catch(report);
}

function chain3(step, value, report, done) {
    step(value, 1)
        .then((value) => step(value, 2))
        .then((value) => step(value, 3))
        .then(done)
        .catch(report);
}

function chain5(step, value, report, done) {
    step(value, 1)
        .then((value) => step(value, 2))
        .then((value) => step(value, 3))
        .then((value) => step(value, 4))
        .then((value) => step(value, 5))
        .then(done)
        .catch(report);
}

function chain8(step, value, report, done) {
    step(value, 1)
        .then((value) => step(value, 2))
        .then((value) => step(value, 3))
        .then((value) => step(value, 4))
        .then((value) => step(value, 5))
        .then((value) => step(value, 6))
        .then((value) => step(value, 7))
        .then((value) => step(value, 8))
        .then(done)
        .catch(report);
}

async function await2(step, value, report, done) {
    try {
        value = await step(value, 1);
        value = await step(value, 2);
    } catch (error) {
        return report(error);
    }
    done(value);
}

async function await3(step, value, report, done) {
    try {
        value = await step(value, 1);
        value = await step(value, 2);
        value = await step(value, 3);
    } catch (error) {
        return report(error);
    }
    done(value);
}

async function await5(step, value, report, done) {
    try {
        value = await step(value, 1);
        value = await step(value, 2);
        value = await step(value, 3);
        value = await step(value, 4);
        value = await step(value, 5);
    } catch (error) {
        return report(error);
    }
    done(value);
}

async function await8(step, value, report, done) {
    try {
        value = await step(value, 1);
        value = await step(value, 2);
        value = await step(value, 3);
        value = await step(value, 4);
        value = await step(value, 5);
        value = await step(value, 6);
        value = await step(value, 7);
        value = await step(value, 8);
    } catch (error) {
        return report(error);
    }
    done(value);
}

const CHAINS = {
    blocking: { 2: blocking2, 3: blocking3, 5: blocking5, 8: blocking8 },
    callbacks: { 2: callbacks2, 3: callbacks3, 5: callbacks5, 8: callbacks8 },
    chain: { 2: chain2, 3: chain3, 5: chain5, 8: chain8 },
    await: { 2: await2, 3: await3, 5: await5, 8: await8 },
};

// ---- A step of each style

class Failed extends Error {
    constructor(value, number) {
        super("a step failed");
        this.value = value;
        this.number = number;
    }
}

const after = (value, number) => (Math.imul(1103515245, (value + number) & 0x7fffffff) + 12345) & 0x7fffffff;

const STEPS = {
    blocking: (fails) => (value, number) => {
        if (number === fails) throw new Failed(value, number);
        return after(value, number);
    },
    callbacks: (fails) => (value, number, callback) => {
        if (number === fails) setImmediate(callback, new Failed(value, number), null);
        else setImmediate(callback, null, after(value, number));
    },
    promises: (fails) => (value, number) =>
        new Promise((resolve, reject) => {
            if (number === fails) setImmediate(reject, new Failed(value, number));
            else setImmediate(resolve, after(value, number));
        }),
};

// ---- The model

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

// A sample: one chain after the other.
exports.prepare = ({ params, variant }) => {
    const chain = CHAINS[variant][params.steps];
    if (!chain) throw new Error(`steps=${params.steps}: chains are written out with 2, 3, 5 and 8 steps`);
    const step = STEPS[variant] || STEPS.promises;
    const fails = (id) => (params.fail_every && id % params.fail_every === params.fail_every - 1 ? 1 + (Math.floor(id / params.fail_every) % params.steps) : 0);
    const one = (id, tally, finished) => {
        const start = common.clock();
        const record = new Record(() => {
            tally.done.push([id, "hit", record, common.clock() - start]);
            finished();
        });
        chain(step(fails(id)), (params.seed + id) % 2 ** 31, record.report, record.done);
    };
    const straightOn = (tally) => {
        for (let id = 0; id < params.ops; id++) one(id, tally, () => {});
    };
    const onLoop = (tally) =>
        new Promise((resolve) => {
            let id = 0;
            const next = () => (id < params.ops ? one(id++, tally, next) : resolve());
            next();
        });
    return variant === "blocking" ? straightOn : onLoop;
};
