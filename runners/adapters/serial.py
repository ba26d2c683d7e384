"""One op after the other, on one thread: the baseline."""

import time

import common
import waits
from stores import BlockingStore


def in_turn(function, arguments):
    return [function(*one) for one in arguments]


def called(function, *arguments):
    return function(*arguments)


class Serial(common.Adapter):
    def setup(self):
        self.size = 1
        if self.kind == "client":
            self.stores = [BlockingStore(self) for _ in range(self.params.get("fan", 1))]
        if self.kind in ("client", "wait"):
            self.do = waits.Blocking(self, time.sleep, in_turn, called).do

    def sample(self, tally):
        for op in range(self.params["ops"]):
            if self.kind == "cpu":
                tally.add(*common.timed(self.work, op))
            else:
                tally.add(*self.do(op, 0))


if __name__ == "__main__":
    common.main(Serial)
