"""The frames of io_echo, from a server beside which threads do nothing but compute. As in mix_convoy.c."""

import hashlib
import re

import talk

KIND = "server"
PARAMS = {"bytes": 64, "spinners": 1, "spin": "python", "interval_us": 5000}
STEPS, TEXT, BUFFER = 10000, 16384, 1 << 20


def text():
    """Letters and blanks."""
    letters, x = [], 42
    for _ in range(TEXT):
        x = (1103515245 * x + 12345) & 0x7FFFFFFF
        letters.append("abcdefghijklmnopqrstuvwxyz "[(x >> 16) % 27])
    return "".join(letters)


class Workload:
    """An echo: there is no conversation. What the threads beside it do again and again is spin()."""

    def __init__(self, params):
        self.spinners, self.interval = params["spinners"], params["interval_us"] / 1e6
        self.spin = getattr(self, "spin_" + params["spin"])
        self.text, self.buffer = text(), bytes(range(256)) * (BUFFER // 256)

    def spin_python(self):
        return talk.lcg_steps(42, STEPS)

    def spin_regex(self):
        """In C, with the GIL."""
        return len(re.findall("[a-m]+[n-z]", self.text))

    def spin_sha256(self):
        """In C, without the GIL."""
        return int.from_bytes(hashlib.sha256(self.buffer).digest()[:4], "little")
