"""The sun and four planets in floating point, as in cpu_nbody.c. With shared=1 all threads read one list of bodies."""

import math
import struct

from lcg import lcg_at

KIND = "cpu"
PARAMS = {"steps": 1000, "shared": 0}
DAYS = 365.24
SUN = 4 * 3.141592653589793 * 3.141592653589793
DT = 0.01
NEPTUNE = 4

PLACES = [  # and masses
    [0.0, 0.0, 0.0, 1.0],
    [4.84143144246472090e00, -1.16032004402742839e00, -1.03622044471123109e-01, 9.54791938424326609e-04],
    [8.34336671824457987e00, 4.12479856412430479e00, -4.03523417114321381e-01, 2.85885980666130812e-04],
    [1.28943695621391310e01, -1.51111514016986312e01, -2.23307578892655734e-01, 4.36624404335156298e-05],
    [1.53796971148509165e01, -2.59193146099879641e01, 1.79258772950371181e-01, 5.15138902046611451e-05],
]
SPEEDS = [
    [0.0, 0.0, 0.0],
    [1.66007664274403694e-03, 7.69901118419740425e-03, -6.90460016972063023e-05],
    [-2.76742510726411740e-03, 4.99852801234917238e-03, 2.30417297573763929e-05],
    [2.96460137564761618e-03, 2.37847173959480950e-03, -2.96589568540237556e-05],
    [2.68067772490389322e-03, 1.62824170038242295e-03, -9.51592254519715870e-05],
]


def make_system():
    """(bodies, speeds), in years, with the sun moving so that the whole stands still."""
    bodies = [[x, y, z, mass * SUN] for x, y, z, mass in PLACES]
    speeds = [[v * DAYS for v in speed] for speed in SPEEDS]
    for axis in range(3):
        momentum = 0.0
        for body, speed in zip(bodies, speeds):
            momentum += speed[axis] * body[3]
        speeds[0][axis] = -momentum / SUN
    return bodies, speeds


def pull(bodies, speeds):
    """What a step does to the speeds."""
    for i in range(5):
        a, of_i = bodies[i], speeds[i]
        for j in range(i + 1, 5):
            b, of_j = bodies[j], speeds[j]
            dx, dy, dz = a[0] - b[0], a[1] - b[1], a[2] - b[2]
            square = dx * dx + dy * dy + dz * dz
            force = DT / (square * math.sqrt(square))
            of_a, of_b = a[3] * force, b[3] * force
            of_i[0] -= dx * of_b
            of_i[1] -= dy * of_b
            of_i[2] -= dz * of_b
            of_j[0] += dx * of_a
            of_j[1] += dy * of_a
            of_j[2] += dz * of_a


def move(bodies, speeds):
    for body, speed in zip(bodies, speeds):
        for axis in range(3):
            body[axis] += DT * speed[axis]


def energy(bodies, speeds):
    total = 0.0
    for i in range(5):
        a, v = bodies[i], speeds[i]
        total += 0.5 * a[3] * (v[0] * v[0] + v[1] * v[1] + v[2] * v[2])
        for b in bodies[i + 1 :]:
            dx, dy, dz = a[0] - b[0], a[1] - b[1], a[2] - b[2]
            total -= a[3] * b[3] / math.sqrt(dx * dx + dy * dy + dz * dz)
    return total


class Workload:
    def __init__(self, params):
        self.steps, self.shared, self.seed = params["steps"], params["shared"], params["seed"]
        self.bodies, self.speeds = make_system()

    def op(self, op):
        bodies = self.bodies if self.shared else [body[:] for body in self.bodies]
        speeds = [speed[:] for speed in self.speeds]
        speeds[NEPTUNE][0] += (lcg_at(self.seed, op) % 1024) / (1 << 20)
        before = energy(bodies, speeds)
        for _ in range(self.steps):
            pull(bodies, speeds)
            if not self.shared:
                move(bodies, speeds)
        return struct.pack("<dd", before, energy(bodies, speeds))

    def settle(self):
        """The list that all have read is what it was."""
        return struct.pack("<d", energy(self.bodies, self.speeds)), 0
