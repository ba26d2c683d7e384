"""All matches of a regular expression in a text, as in nat_regex.c: native code that keeps the GIL."""

import re

from lcg import lcg_at, letters

KIND = "cpu"
PARAMS = {"bytes": 2000}
LETTERS = b"abcdefghijklmnopqrstuvwx.    \n@@"
ADDRESS = re.compile(rb"[a-z]+@[a-z]+")


class Workload:
    def __init__(self, params):
        self.text, self.seed = letters(params["bytes"], params["seed"], LETTERS), params["seed"]

    def op(self, op):
        """The text starts somewhere else for each op, and goes round."""
        start = lcg_at(self.seed, op) % len(self.text)
        found = ADDRESS.findall(self.text[start:] + self.text[:start])
        return len(found).to_bytes(8, "little") + len(b"".join(found)).to_bytes(8, "little")
