// HTTP/1.1 without chunked bodies: see io_http.py.
"use strict";

const talk = require("./talk.js");

exports.KIND = "server";
exports.PARAMS = { route: "p", bytes: 10240, wait_us: 10000, n: 18 };

const HEAD_MOST = 8192;
const MOST = { b: 1000000, wait: 10000000, fib: 32 };
const FIRST_LINE = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+) (\/[!-~]*) HTTP\/([0-9])\.([0-9])$/;
const FIELD = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([^\x00-\x08\x0a-\x1f\x7f]*?)[ \t]*$/;
const NUMBERED = /^\/(b|wait|fib)\/([0-9]{1,8})$/;
const REASONS = {
    200: "OK",
    400: "Bad Request",
    404: "Not Found",
    413: "Content Too Large",
    431: "Request Header Fields Too Large",
    501: "Not Implemented",
    505: "HTTP Version Not Supported",
};
const END = "\r\n\r\n";
const LETTERS = Buffer.from("abcdefghijklmnopqrstuvwxyz".repeat(Math.ceil(MOST.b / 26)));

// The lines of a request before its body; `refused` is the status if they make no sense.
class Head {
    constructor(text) {
        const [first, ...fields] = text.split("\r\n");
        Object.assign(this, { length: null, close: false, keep: false, chunked: false, hosts: 0 });
        this.refused = this.readFirst(first);
        for (let i = 0; i < fields.length && !this.refused; i++) this.refused = this.readField(fields[i]);
        this.refused ||= this.judge();
    }

    readFirst(line) {
        const match = FIRST_LINE.exec(line);
        if (!match) return 400;
        [, this.method, this.target] = match;
        this.old = match[4] === "0";
        return match[3] === "1" && "01".includes(match[4]) ? 0 : 505;
    }

    readField(line) {
        const match = FIELD.exec(line);
        if (!match) return 400;
        const [name, value] = [match[1].toLowerCase(), match[2]];
        if (name === "content-length") {
            if (!/^[0-9]{1,15}$/.test(value) || (this.length !== null && this.length !== Number(value))) return 400;
            this.length = Number(value);
        } else if (name === "host") this.hosts++;
        else if (name === "transfer-encoding") this.chunked = true;
        else if (name === "connection") {
            const words = value.split(",").map((word) => word.replace(/^[ \t]+|[ \t]+$/g, "").toLowerCase());
            this.close ||= words.includes("close");
            this.keep ||= words.includes("keep-alive");
        }
        return 0;
    }

    judge() {
        if (this.chunked) return 501;
        if (this.hosts > 1 || !(this.old || this.hosts)) return 400;
        return this.length > MOST.b ? 413 : 0;
    }

    isLast() {
        return this.close || (this.old && !this.keep);
    }
}

// [what is asked for, its number or body]; a status where there is no such thing.
function route({ method, target }, body) {
    if (method === "GET" && target === "/p") return ["p", null];
    if (method === "POST" && target === "/echo") return ["echo", body];
    const match = method === "GET" ? NUMBERED.exec(target) : null;
    return match && Number(match[2]) <= MOST[match[1]] ? [match[1], Number(match[2])] : [404, null];
}

class Conversation {
    constructor() {
        this.bytes = Buffer.alloc(0);
    }

    feed(data) {
        this.bytes = this.bytes.length ? Buffer.concat([this.bytes, data]) : data;
        const requests = [];
        for (let request; this.bytes.length && (request = this.take()); ) requests.push(request);
        return requests;
    }

    refuse(status) {
        this.bytes = Buffer.alloc(0);
        return talk.request([status, null, true], { last: true });
    }

    // The first request of what has come; null: it is not whole.
    take() {
        let at = 0;
        while (at < HEAD_MOST && this.bytes[at] === 13 && this.bytes[at + 1] === 10) at += 2; // empty lines before a request
        const size = this.bytes.subarray(at, at + HEAD_MOST).indexOf(END);
        if (size < 0) return this.bytes.length - at >= HEAD_MOST ? this.refuse(431) : null;
        const head = new Head(this.bytes.latin1Slice(at, at + size));
        if (head.refused) return this.refuse(head.refused);
        const start = at + size + 4;
        const end = start + (head.length || 0);
        if (this.bytes.length < end) return null;
        const [what, value] = route(head, this.bytes.subarray(start, end));
        this.bytes = this.bytes.subarray(end);
        const last = head.isLast();
        return talk.request([what, value, last], { wait: what === "wait" ? value / 1000 : 0, offload: what === "fib", last });
    }
}

exports.Workload = class {
    conversation() {
        const conversation = new Conversation();
        return (data) => conversation.feed(data);
    }

    answer([what, value, last]) {
        let status = 200;
        let body;
        if (what === "p") body = "Hello, world!";
        else if (what === "b") body = LETTERS.subarray(0, value);
        else if (what === "echo") body = value;
        else if (what === "wait") body = `${value}`;
        else if (what === "fib") body = `${talk.fib(value)}`;
        else [status, body] = [what, REASONS[what]];
        const head = `HTTP/1.1 ${status} ${REASONS[status]}\r\nContent-Type: text/plain\r\nContent-Length: ${body.length}\r\nConnection: ${last ? "close" : "keep-alive"}\r\n\r\n`;
        if (typeof body === "string") return Buffer.from(head + body, "latin1");
        return Buffer.concat([Buffer.from(head, "latin1"), body]);
    }
};
