"""Counts in shards, each owned by one op at a time, as in shr_shard.c."""

from lcg import lcg_at

KIND = "cpu"
PARAMS = {"adds": 1000, "shards": 8, "cells": 256}


class Workload:
    def __init__(self, params):
        self.adds, self.cells, self.seed = params["adds"], params["cells"], params["seed"]
        self.expected = params["ops"] * params["adds"]
        self.count = params["shards"]

    def share(self, place):
        self.shards = [(place.lock(), place.table(self.cells)) for _ in range(self.count)]

    def op(self, op):
        lock, table = self.shards[op % self.count]
        x, cells = lcg_at(self.seed, op), self.cells
        with lock:
            for _ in range(self.adds):
                x = (1103515245 * x + 12345) & 0x7FFFFFFF
                table[(x >> 8) % cells] += 1
        return x.to_bytes(8, "little")

    def reset(self):
        for _, table in self.shards:
            table[:] = [0] * self.cells

    def settle(self):
        """(all counts, each also with the number of its cell; how many are missing)"""
        counts = [count for _, table in self.shards for count in table]
        weighted = sum(i * count for i, count in enumerate(counts, 1))
        return sum(counts).to_bytes(8, "little") + weighted.to_bytes(8, "little"), self.expected - sum(counts)
