// Servers on the loop of node; with worker threads for what requests compute, or for what computes beside the server.
"use strict";

const net = require("node:net");
const { Worker } = require("node:worker_threads");

function echo(socket) {
    socket.pipe(socket);
}

// Answers what comes on a connection, one request after the other. `away`: where requests compute, null: here.
function converse(socket, work, away) {
    const conversation = work.conversation();
    const waiting = [];
    let busy = false;
    let over = false;

    async function answerAll() {
        busy = true;
        while (waiting.length) {
            const request = waiting.shift();
            if (request.wait) await new Promise((resolve) => setTimeout(resolve, request.wait));
            socket.write(request.offload && away ? await away(request.what) : work.answer(request.what));
            if (request.last) return socket.end(); // and stays busy: nothing more is answered
        }
        busy = false;
        if (over) socket.end();
    }

    socket.on("data", (data) => {
        waiting.push(...conversation(data));
        if (!busy) answerAll().catch((error) => socket.destroy(error));
    });
    socket.on("end", () => {
        over = true;
        if (!busy) socket.end();
    });
}

// Worker threads that answer one request at a time each. A function from request.what to a promise of the answer.
async function startPool(file, { name, params }) {
    const idle = [];
    const waiting = [];

    function ask(worker, { what, resolve }) {
        worker.resolve = resolve;
        worker.postMessage(what);
    }

    function answered(worker, text) {
        worker.resolve(text);
        if (waiting.length) ask(worker, waiting.shift());
        else idle.push(worker);
    }

    for (let i = 0; i < params.workers; i++) {
        const worker = await start(file, { role: "answer", name, params });
        worker.on("message", (text) => answered(worker, Buffer.from(text, "latin1")));
        idle.push(worker);
    }
    return (what) =>
        new Promise((resolve) => {
            if (idle.length) ask(idle.shift(), { what, resolve });
            else waiting.push({ what, resolve });
        });
}

// A worker thread that has said that it is there.
function start(file, workerData) {
    return new Promise((resolve, reject) => {
        const worker = new Worker(file, { workerData });
        worker.once("message", () => resolve(worker));
        worker.once("error", reject);
        worker.on("error", (error) => {
            throw error;
        });
    });
}

// The life of such a thread.
function live({ role, work }, port) {
    if (role === "answer") port.on("message", (what) => port.postMessage(work.answer(what).latin1Slice()));
    else work.spin();
    port.postMessage("ready");
    while (role === "spin") work.spin();
}

// The port. `file`: of the worker threads.
async function serve(file, given) {
    const { variant, params, work } = given;
    const threads = variant === "worker_threads";
    const talks = Boolean(work && work.conversation);
    const away = talks && threads ? await startPool(file, given) : null;
    if (work && work.spin) for (let i = 0; i < params.spinners; i++) await start(file, { role: "spin", name: given.name, params });
    const server = net.createServer({ noDelay: true, allowHalfOpen: talks }, (socket) => {
        socket.on("error", () => socket.destroy());
        if (talks) converse(socket, work, away);
        else echo(socket);
    });
    return new Promise((resolve, reject) => {
        server.once("error", reject);
        server.listen({ host: "127.0.0.1", port: params.port, backlog: 4096 }, () => resolve(server.address().port));
    });
}

module.exports = { live, serve };
