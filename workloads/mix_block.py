"""Requests that are answered at once, but for every `every`th, which computes for long. As in mix_block.c."""

import talk

KIND = "server"
PARAMS = {"every": 100, "burn": 1000000}


class Workload:
    def __init__(self, params):
        self.seed, self.every, self.burn = params["seed"], params["every"], params["burn"]

    def is_heavy(self, number):
        return number % self.every == self.every - 1

    def conversation(self):
        return talk.lines(lambda number: talk.Request(number, offload=self.is_heavy(number)))

    def answer(self, number):
        if number is None:
            return talk.COMPLAINT
        return b"%d\n" % talk.lcg_steps((self.seed + number) & 0x7FFFFFFF, self.burn if self.is_heavy(number) else 1)
