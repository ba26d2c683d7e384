"""One number that all workers add 1 to, as in shr_counter.c; with lock=0 additions may get lost."""

from lcg import lcg_at

KIND = "cpu"
PARAMS = {"adds": 1000, "lock": 1}


class Workload:
    def __init__(self, params):
        self.adds, self.locked = params["adds"], params["lock"]
        self.seed, self.expected = params["seed"], params["ops"] * params["adds"]

    def share(self, place):
        self.cell, self.lock = place.table(1), place.lock()

    def op(self, op):
        cell, lock = self.cell, self.lock
        if self.locked:
            for _ in range(self.adds):
                with lock:
                    cell[0] += 1
        else:
            for _ in range(self.adds):
                cell[0] += 1
        return self.stamp(op)

    async def turns(self, op, pause):
        """On one loop: the lock is that nobody waits between reading and writing."""
        cell = self.cell
        for _ in range(self.adds):
            if self.locked:
                cell[0] += 1
                await pause()
            else:
                value = cell[0]
                await pause()
                cell[0] = value + 1
        return self.stamp(op)

    def stamp(self, op):
        return lcg_at(self.seed, op).to_bytes(8, "little")

    def reset(self):
        self.cell[0] = 0

    def settle(self):
        """(what it is at the end, how many additions are missing)"""
        return self.cell[0].to_bytes(8, "little"), self.expected - self.cell[0]
