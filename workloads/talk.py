"""How a server workload talks, as in talk.h: a conversation is fed the bytes that come on one connection, and gives requests."""

from typing import Any, NamedTuple

COMPLAINT = b"a number was expected\n"
LINE_MOST = 19  # bytes, the newline included: up to 18 digits


class Request(NamedTuple):
    what: Any  # for answer(); None: not understood
    wait: float = 0.0  # seconds until it is answered
    offload: bool = False  # its answer takes computing, which may be done elsewhere
    last: bool = False  # the connection ends after the answer


def lines(understand):
    """A conversation in lines, a number each: understand(number) is the request. What is no such line gets None, and is the last."""
    rest = b""

    def feed(data):
        nonlocal rest
        *whole, rest = (rest + data).split(b"\n")
        if len(rest) >= LINE_MOST:
            whole.append(rest)
        return [understand(int(line)) if line.isdigit() and len(line) < LINE_MOST else Request(None, last=True) for line in whole]

    return feed


def lcg_steps(x, steps):
    """A fixed amount of computing whose result is known."""
    for _ in range(steps):
        x = (1103515245 * x + 12345) & 0x7FFFFFFF
    return x


def fib(n):
    """Naive on purpose: about fib(n) calls."""
    return n if n < 2 else fib(n - 1) + fib(n - 2)
