"""A Python function that a build can be told to run longer: `gilbench selftest` measures whether that is found.

usage: spin.py FAKE_CONF WORKLOAD MODEL key=value ...

FAKE_CONF is the file that fake.c reads, too: pad=50 is 5 % more steps. The results are the workload's, computed before the clock runs.
"""

import sys

import common

STEPS = 5000  # of an op: enough that what is around them counts for little


def spin(steps):
    x = 1
    for _ in range(steps):
        x = x * 1103515245 + 12345 & 0x7FFFFFFF
    return x


def pad(path):
    """Thousandths of the steps."""
    try:
        with open(path) as file:
            words = file.read().split()
    except FileNotFoundError:
        return 0
    return sum(int(word[4:]) for word in words if word.startswith("pad="))


class Spin(common.Adapter):
    def setup(self):
        self.steps = STEPS + STEPS * pad(CONF) // 1000
        self.done = [(op, "hit", self.work.op(op)) for op in range(self.params["ops"])]

    def sample(self, tally):
        for op, outcome, result in self.done:
            start = common.clock()
            spin(self.steps)
            tally.add(op, outcome, result, common.clock() - start)


if __name__ == "__main__":
    CONF = sys.argv.pop(1)
    common.main(Spin)
