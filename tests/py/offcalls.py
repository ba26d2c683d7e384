"""Functions that test_to_process.py and test_to_interpreter.py call at the other end."""

import mmap
import os
import signal
import sys
import threading
import time


def add(a, b=10, *, c=0):
    return a + b + c


def pid():
    return os.getpid()


def same(*values):
    return values


class Kept:
    def __init__(self, value):
        self.value = value

    def __eq__(self, other):
        return type(other) is Kept and other.value == self.value

    def double(self):
        return self.value * 2


def are_one(pair):
    return pair[0] is pair[1]


class TwoArguments(Exception):
    """Pickles, and does not unpickle."""

    def __init__(self, one, two):
        super().__init__(f"{one} and {two}")


def fail(text):
    raise LookupError(text)


def fail_oddly():
    raise TwoArguments(1, 2)


def fail_unpicklable():
    error = ValueError("with a lock")
    error.lock = threading.Lock()
    raise error


def leave():
    raise SystemExit(3)


def unpicklable_value():
    return threading.Lock()


def recurse(n=0):
    return recurse(n + 1)


def die(how):
    if how == "exit":
        os._exit(7)
    os.kill(os.getpid(), getattr(signal, how))
    time.sleep(60)


def touch_and_sleep(path, seconds):
    with open(path, "a") as file:
        file.write(f"{os.getpid()}\n")
    time.sleep(seconds)
    return os.getpid()


def say(text):
    print(text)


def huge(size):
    return b"x" * size


def fib(n):
    return n if n < 2 else fib(n - 1) + fib(n - 2)


def path():
    return sys.path


def spin_until_marked(mine, other):
    """Marks its own memory and spins, with a GIL that no other thread gets, until the other is marked."""
    sys.setswitchinterval(1000)
    mine, other = mmap.mmap(mine, 1), mmap.mmap(other, 1)
    mine[0] = 1
    while not other[0]:
        pass
    return True
