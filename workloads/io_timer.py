"""Sleepers: an op sleeps and gives its number. The sleeping is the models' business."""

KIND = "wait"
PARAMS = {"delay_us": 50000}


class Workload:
    def __init__(self, params):
        self.delay_s = params["delay_us"] / 1e6
        self.delay_ns = params["delay_us"] * 1000

    def overslept(self, ns):
        """Of an op that took so long; one that woke early counts as on time."""
        return max(0, ns - self.delay_ns)

    def found(self, op):
        return op.to_bytes(8, "little")
