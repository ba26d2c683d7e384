"""Beazley's server of Fibonacci numbers: a client sends n and gets fib(n). As in mix_fibsrv.c."""

import talk

KIND = "server"
PARAMS = {"n": 1, "heavy": 27, "heavies": 1}
FIB_MOST = 40


class Workload:
    def __init__(self, params):
        pass

    def conversation(self):
        return talk.lines(lambda number: talk.Request(number, offload=True) if number <= FIB_MOST else talk.Request(None, last=True))

    def answer(self, number):
        return talk.COMPLAINT if number is None else b"%d\n" % talk.fib(number)
