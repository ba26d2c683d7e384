// What worker threads share: memory, and a lock made of one number in it (0 free, 1 held).
"use strict";

exports.acquire = (locks, at) => {
    while (Atomics.compareExchange(locks, at, 0, 1) !== 0) Atomics.wait(locks, at, 1);
};

exports.release = (locks, at) => {
    Atomics.store(locks, at, 0);
    Atomics.notify(locks, at, 1);
};
