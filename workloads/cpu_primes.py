"""How many primes there are up to `limit`, by trial division as in cpu_primes.c."""

from lcg import stamped

KIND = "cpu"
PARAMS = {"limit": 20000}


def is_prime(n):
    by = 2
    while by * by <= n:
        if n % by == 0:
            return False
        by += 1
    return True


class Workload:
    def __init__(self, params):
        self.limit, self.seed = params["limit"], params["seed"]

    def op(self, op):
        count = 0
        for n in range(2, self.limit + 1):
            if is_prime(n):
                count += 1
        return stamped(count, self.seed, op)
