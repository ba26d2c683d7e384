"""One op after the other, on one thread: the baseline."""

import common
from resp import BlockingStore


class Serial(common.Adapter):
    def setup(self):
        if self.kind == "client":
            self.store = BlockingStore(self.params)

    def sample(self, tally):
        for op in range(self.params["ops"]):
            if self.kind == "client":
                tally.add(*self.store.employee(self.work, op))
            else:
                tally.add(*common.timed(self.work, op))


if __name__ == "__main__":
    common.main(Serial)
