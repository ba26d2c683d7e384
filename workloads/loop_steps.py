"""Nothing but steps: the LCG's value for the op, to which op + 1 is added `steps` times.

`begin` gives the parts of an op to models that get from one step to the next in their own way.
"""

KIND = "cpu"
PARAMS = {"steps": 1000}


class Workload:
    def __init__(self, params):
        self.seed, self.steps = params["seed"], params["steps"]

    def begin(self, op):
        """(first value, the step, how many): as small as a step in Python can be."""
        first = (1103515245 * ((self.seed + op) & 0x7FFFFFFF) + 12345) & 0x7FFFFFFF
        more = op + 1
        return first, lambda value: value + more, self.steps

    def finish(self, value):
        return value.to_bytes(8, "little")

    def op(self, op):
        value, step, steps = self.begin(op)
        for _ in range(steps):
            value = step(value)
        return self.finish(value)
