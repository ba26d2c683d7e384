// How a server workload talks: see talk.py.
"use strict";

const COMPLAINT = Buffer.from("a number was expected\n");
const LINE_MOST = 19;

// wait: milliseconds, as setTimeout takes them.
const request = (what, more) => ({ what, wait: 0, offload: false, last: false, ...more });

// A conversation in lines, a number each.
function lines(understand) {
    let rest = "";
    return (data) => {
        const whole = (rest + data.latin1Slice()).split("\n");
        rest = whole.pop();
        if (rest.length >= LINE_MOST) whole.push(rest);
        const isNumber = (line) => /^[0-9]+$/.test(line) && line.length < LINE_MOST;
        return whole.map((line) => (isNumber(line) ? understand(Number(line)) : request(null, { last: true })));
    };
}

function lcgSteps(x, steps) {
    for (let i = 0; i < steps; i++) x = (Math.imul(1103515245, x) + 12345) & 0x7fffffff;
    return x;
}

const fib = (n) => (n < 2 ? n : fib(n - 1) + fib(n - 2));

module.exports = { COMPLAINT, fib, lcgSteps, lines, request };
