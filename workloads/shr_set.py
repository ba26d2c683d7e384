"""One set that all workers fill, as in shr_set.c: is the key there? If not it is put in, under one lock for both.

Processes have it at a manager, another process that is asked for every step.
"""

from lcg import lcg_at

KIND = "cpu"
PARAMS = {"inserts": 100, "keys": 20000}


class Workload:
    def __init__(self, params):
        self.inserts, self.keys, self.seed = params["inserts"], params["keys"], params["seed"]

    def share(self, place):
        self.there, self.lock = place.mapping(), place.lock()

    def op(self, op):
        there, lock, keys = self.there, self.lock, self.keys
        x, total = lcg_at(self.seed, op), 0
        for _ in range(self.inserts):
            x = (1103515245 * x + 12345) & 0x7FFFFFFF
            key = (x >> 8) % keys
            with lock:
                if key not in there:
                    there[key] = True
            total += key
        return total.to_bytes(8, "little")

    def reset(self):
        self.there.clear()

    def settle(self):
        keys = self.there.keys()
        return len(keys).to_bytes(8, "little") + sum(keys).to_bytes(8, "little"), 0
