// The algorithm of cpu_nbody.c: see cpu_nbody.py.
"use strict";

const { lcgAt } = require("./lcg.js");

exports.KIND = "cpu";
exports.PARAMS = { steps: 1000, shared: 0 };

const DAYS = 365.24;
const SUN = 4 * 3.141592653589793 * 3.141592653589793;
const DT = 0.01;
const NEPTUNE = 4;

// Places and masses
const PLACES = [
    [0, 0, 0, 1],
    [4.8414314424647209, -1.16032004402742839, -1.03622044471123109e-1, 9.54791938424326609e-4],
    [8.34336671824457987, 4.12479856412430479, -4.03523417114321381e-1, 2.85885980666130812e-4],
    [1.2894369562139131e1, -1.51111514016986312e1, -2.23307578892655734e-1, 4.36624404335156298e-5],
    [1.53796971148509165e1, -2.59193146099879641e1, 1.79258772950371181e-1, 5.15138902046611451e-5],
];
const SPEEDS = [
    [0, 0, 0],
    [1.66007664274403694e-3, 7.69901118419740425e-3, -6.90460016972063023e-5],
    [-2.7674251072641174e-3, 4.99852801234917238e-3, 2.30417297573763929e-5],
    [2.96460137564761618e-3, 2.3784717395948095e-3, -2.96589568540237556e-5],
    [2.68067772490389322e-3, 1.62824170038242295e-3, -9.5159225451971587e-5],
];

function makeSystem() {
    const bodies = PLACES.map(([x, y, z, mass]) => [x, y, z, mass * SUN]);
    const speeds = SPEEDS.map((speed) => speed.map((v) => v * DAYS));
    for (let axis = 0; axis < 3; axis++) {
        let momentum = 0;
        bodies.forEach((body, i) => (momentum += speeds[i][axis] * body[3]));
        speeds[0][axis] = -momentum / SUN;
    }
    return { bodies, speeds };
}

function pull(bodies, speeds) {
    for (let i = 0; i < 5; i++) {
        const a = bodies[i];
        const ofI = speeds[i];
        for (let j = i + 1; j < 5; j++) {
            const b = bodies[j];
            const ofJ = speeds[j];
            const dx = a[0] - b[0];
            const dy = a[1] - b[1];
            const dz = a[2] - b[2];
            const square = dx * dx + dy * dy + dz * dz;
            const force = DT / (square * Math.sqrt(square));
            const ofA = a[3] * force;
            const ofB = b[3] * force;
            ofI[0] -= dx * ofB;
            ofI[1] -= dy * ofB;
            ofI[2] -= dz * ofB;
            ofJ[0] += dx * ofA;
            ofJ[1] += dy * ofA;
            ofJ[2] += dz * ofA;
        }
    }
}

function move(bodies, speeds) {
    for (let i = 0; i < 5; i++) for (let axis = 0; axis < 3; axis++) bodies[i][axis] += DT * speeds[i][axis];
}

function energy(bodies, speeds) {
    let total = 0;
    for (let i = 0; i < 5; i++) {
        const a = bodies[i];
        const v = speeds[i];
        total += 0.5 * a[3] * (v[0] * v[0] + v[1] * v[1] + v[2] * v[2]);
        for (let j = i + 1; j < 5; j++) {
            const b = bodies[j];
            const dx = a[0] - b[0];
            const dy = a[1] - b[1];
            const dz = a[2] - b[2];
            total -= (a[3] * b[3]) / Math.sqrt(dx * dx + dy * dy + dz * dz);
        }
    }
    return total;
}

function doubles(...values) {
    const bytes = Buffer.alloc(8 * values.length);
    values.forEach((value, i) => bytes.writeDoubleLE(value, 8 * i));
    return bytes;
}

exports.Workload = class {
    constructor(params) {
        this.params = params;
        this.start = makeSystem();
    }

    op(id) {
        const { steps, shared, seed } = this.params;
        const bodies = shared ? this.start.bodies : this.start.bodies.map((body) => body.slice());
        const speeds = this.start.speeds.map((speed) => speed.slice());
        speeds[NEPTUNE][0] += (lcgAt(seed, id) % 1024) / 2 ** 20;
        const before = energy(bodies, speeds);
        for (let i = 0; i < steps; i++) {
            pull(bodies, speeds);
            if (!shared) move(bodies, speeds);
        }
        return doubles(before, energy(bodies, speeds));
    }

    settle() {
        return [doubles(energy(this.start.bodies, this.start.speeds)), 0];
    }
};
