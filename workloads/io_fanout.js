// Many requests at once to the store of io_employee: see io_fanout.py.
"use strict";

const employee = require("./io_employee.js");
const { le64 } = require("./numbers.js");

exports.KIND = "client";
exports.PARAMS = { fan: 16, employees: 100000, record: 256, delay_us: 1000 };
exports.idKey = employee.idKey;

exports.Workload = class {
    constructor({ seed, fan, employees, ops }) {
        const name = (id) => "emp" + employee.number(seed, id, employees);
        this.names = Array.from({ length: ops }, (_, op) => Array.from({ length: fan }, (_, k) => name(fan * op + k)));
    }

    found(ids) {
        return le64(ids.reduce((sum, id) => sum + Number(id.toString("latin1")), 0));
    }
};
