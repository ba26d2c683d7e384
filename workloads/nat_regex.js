// All matches of a regular expression in a text: see nat_regex.py.
"use strict";

const { lcgAt, letters, words } = require("./lcg.js");

exports.KIND = "cpu";
exports.PARAMS = { bytes: 2000 };

const LETTERS = "abcdefghijklmnopqrstuvwx.    \n@@";

exports.Workload = class {
    constructor(params) {
        this.text = letters(params.bytes, params.seed, LETTERS).toString("latin1");
        this.seed = params.seed;
    }

    op(id) {
        const start = lcgAt(this.seed, id) % this.text.length;
        const found = (this.text.slice(start) + this.text.slice(0, start)).match(/[a-z]+@[a-z]+/g) || [];
        return words(found.length, found.join("").length);
    }
};
