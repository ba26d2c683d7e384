// The frames of io_echo, beside threads that do nothing but compute: see mix_convoy.py.
"use strict";

const { createHash } = require("node:crypto");
const talk = require("./talk.js");

exports.KIND = "server";
exports.PARAMS = { bytes: 64, spinners: 1, spin: "python", interval_us: 5000 };
const STEPS = 10000;
const TEXT = 16384;
const BUFFER = 1 << 20;

function text() {
    let letters = "";
    for (let i = 0, x = 42; i < TEXT; i++) {
        x = talk.lcgSteps(x, 1);
        letters += "abcdefghijklmnopqrstuvwxyz "[(x >> 16) % 27];
    }
    return letters;
}

exports.Workload = class {
    constructor(params) {
        this.kind = params.spin;
        this.text = text();
        this.buffer = Buffer.from(Uint8Array.from({ length: BUFFER }, (_, i) => i & 255));
    }

    spin() {
        if (this.kind === "regex") return this.text.match(/[a-m]+[n-z]/g).length;
        if (this.kind === "sha256") return createHash("sha256").update(this.buffer).digest().readUInt32LE();
        return talk.lcgSteps(42, STEPS);
    }
};
