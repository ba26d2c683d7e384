// The chains of sty_chain on node's loop, with callbacks, with promises, with async functions, or straight on. See styles.py.
"use strict";

const common = require("./common.js");
const chain = common.load("sty_chain");
const { Failed, Record, after } = chain;

// ---- The chains, written out

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
    blocking: chain.BLOCKING,
    callbacks: { 2: callbacks2, 3: callbacks3, 5: callbacks5, 8: callbacks8 },
    chain: { 2: chain2, 3: chain3, 5: chain5, 8: chain8 },
    await: { 2: await2, 3: await3, 5: await5, 8: await8 },
};

// ---- A step of each style

const STEPS = {
    blocking: chain.stepOf,
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

// A sample: one chain after the other.
exports.prepare = ({ params, variant, work }) => {
    const run = CHAINS[variant][params.steps];
    const step = STEPS[variant] || STEPS.promises;
    const one = (id, tally, finished) => {
        const start = common.clock();
        const record = new Record(() => {
            tally.done.push([id, "hit", record, common.clock() - start]);
            finished();
        });
        run(step(work.fails(id)), work.first(id), record.report, record.done);
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
