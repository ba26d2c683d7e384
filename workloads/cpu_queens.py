"""How many ways there are to put n queens on a board, with the first row's queen in column op mod n.

Pure Python, the algorithm of cpu_queens.c.
"""

KIND = "cpu"
PARAMS = {"n": 8}


def place(full, columns, left, right):
    if columns == full:
        return 1
    count = 0
    free = full & ~(columns | left | right)
    while free:
        queen = free & -free
        free ^= queen
        count += place(full, columns | queen, (left | queen) << 1, (right | queen) >> 1)
    return count


class Workload:
    def __init__(self, params):
        self.n = params["n"]

    def op(self, op):
        queen = 1 << op % self.n
        return place((1 << self.n) - 1, queen, queen << 1, queen >> 1).to_bytes(8, "little")
