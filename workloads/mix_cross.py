"""A request waits, then computes; `f` per mille of its time are computing. As in mix_cross.c."""

import talk

KIND = "server"
PARAMS = {"f": 100, "total_us": 10000, "steps_per_ms": 10000}


class Workload:
    def __init__(self, params):
        cpu_us = params["total_us"] * params["f"] // 1000
        self.seed = params["seed"]
        self.wait = (params["total_us"] - cpu_us) / 1e6
        self.steps = cpu_us * params["steps_per_ms"] // 1000

    def conversation(self):
        return talk.lines(lambda number: talk.Request(number, self.wait, self.steps > 0))

    def answer(self, number):
        if number is None:
            return talk.COMPLAINT
        return b"%d\n" % talk.lcg_steps((self.seed + number) & 0x7FFFFFFF, self.steps)
