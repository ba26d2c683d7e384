// A server that sends back what it gets: the load generator knows what it sent.
"use strict";

exports.KIND = "server";
exports.PARAMS = { bytes: 1024 };
