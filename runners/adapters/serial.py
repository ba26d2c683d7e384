"""One op after the other, on one thread: the baseline."""

import common
from resp import BlockingStore


class Serial(common.Adapter):
    def setup(self):
        self.work = self.module.Workload(self.params)
        if self.module.KIND == "client":
            self.store = BlockingStore(self.params)

    def sample(self, tally):
        for op in range(self.params["ops"]):
            if self.module.KIND == "client":
                tally.add(*self.store.employee(self.module, self.work, op))
            else:
                tally.add(*common.timed(self.work, op))


if __name__ == "__main__":
    common.main(Serial)
