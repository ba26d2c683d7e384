"""A row of the Mandelbrot set over whole numbers in units of 2^-20, as in cpu_mandel.c: how many iterations its points take."""

from lcg import stamped

KIND = "cpu"
PARAMS = {"size": 256, "iterations": 200}
UNIT = 1 << 20


def point(cx, cy, most):
    zx = zy = count = 0
    while count < most:
        a, b = zx * zx >> 20, zy * zy >> 20
        if a + b > 4 * UNIT:
            break
        zy = (2 * zx * zy >> 20) + cy
        zx = a - b + cx
        count += 1
    return count


class Workload:
    def __init__(self, params):
        self.size, self.iterations, self.seed = params["size"], params["iterations"], params["seed"]

    def op(self, op):
        cy, total = 2 * (op % self.size) * UNIT // self.size - UNIT, 0
        for x in range(self.size):
            total += point(3 * x * UNIT // self.size - 2 * UNIT, cy, self.iterations)
        return stamped(total, self.seed, op)
