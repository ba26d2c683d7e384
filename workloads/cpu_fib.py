"""fib(n) by naive recursion, as in cpu_fib.c: nothing but calls."""

from lcg import stamped

KIND = "cpu"
PARAMS = {"n": 27}


def fib(n):
    return n if n < 2 else fib(n - 1) + fib(n - 2)


class Workload:
    def __init__(self, params):
        self.n, self.seed = params["n"], params["seed"]

    def op(self, op):
        return stamped(fib(self.n), self.seed, op)
