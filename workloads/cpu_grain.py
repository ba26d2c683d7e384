"""A grain of work: the LCG, `steps` times from (seed + op) mod 2^31; with steps = 0 an op is empty. As in cpu_grain.c."""

KIND = "cpu"
PARAMS = {"steps": 1000, "chunk": 1}


class Workload:
    def __init__(self, params):
        self.seed, self.steps = params["seed"], params["steps"]

    def op(self, op):
        x = (self.seed + op) & 0x7FFFFFFF
        for _ in range(self.steps):
            x = (1103515245 * x + 12345) & 0x7FFFFFFF
        return x.to_bytes(8, "little")
