"""A tree of tasks, each of which waits for its six children; the sum of its leaves. As in io_tree.c."""

KIND = "wait"
PARAMS = {"depth": 4, "wait_us": 0, "cpu_percent": 0, "steps": 1000}
BRANCHES = 6


def lcg(x):
    return (1103515245 * x + 12345) & 0x7FFFFFFF


class Workload:
    def __init__(self, params):
        self.seed, self.depth, self.wait_s = params["seed"], params["depth"], params["wait_us"] / 1e6
        self.cpu_percent, self.steps = params["cpu_percent"], params["steps"]

    def children(self, op, depth, first):
        """(op, depth, first leaf) of each child of a node that is `depth` above its leaves."""
        width = BRANCHES ** (depth - 1)
        return [(op, depth - 1, first + k * width) for k in range(BRANCHES)]

    def leaf(self, op, number):
        """(value, whether the leaf waits): a leaf computes or waits."""
        value = (self.seed + op + number) & 0x7FFFFFFF
        if lcg(value) * 100 >> 31 < self.cpu_percent:
            for _ in range(self.steps):
                value = lcg(value)
            return value, False
        return value, self.wait_s > 0

    def found(self, total):
        return total.to_bytes(8, "little")
