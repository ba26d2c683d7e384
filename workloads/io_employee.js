// The founding example: see io_employee.py.
"use strict";

exports.KIND = "client";
exports.PARAMS = { employees: 100000, record: 256, delay_us: 1000, chain: 2, join: 0 };

const LEAVERS = 1000;
const lcg = (x) => (Math.imul(1103515245, x) + 12345) & 0x7fffffff;
const pick = (x, of) => String(Math.floor((x * of) / 2 ** 31)).padStart(6, "0");

function nameOf(seed, op, employees) {
    const x = lcg(lcg(lcg((seed + op) % 2 ** 31)));
    if (op % 100 === 37) return "nob" + pick(x, employees);
    if (op % 100 === 73) return "gone" + pick(x, LEAVERS);
    return "emp" + pick(x, employees);
}

exports.number = (seed, id, employees) => pick(lcg(lcg(lcg((seed + id) % 2 ** 31))), employees);
exports.bossOf = (record) => Buffer.from(String(JSON.parse(record.toString("latin1")).boss));
exports.idKey = (name) => "employee:id:" + name;
exports.recordKey = (id) => "employee:" + id.toString("latin1");

// [class, result bytes] of an op that found this id and this record, either of which may be null.
exports.outcome = (name, id, record) => {
    if (id === null) return ["miss", Buffer.alloc(0)];
    if (record === null) return ["error", Buffer.from(name)];
    return ["hit", Buffer.concat([Buffer.from(name), record])];
};

exports.Workload = class {
    constructor(params) {
        this.names = Array.from({ length: params.ops }, (_, op) => nameOf(params.seed, op, params.employees));
    }
};
