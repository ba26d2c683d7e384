"""What goes to a worker and comes back: bytes, a list of whole numbers, a dict or an array of doubles, as in ovh_payload.c.

`op` gives the payload; a model whose workers are elsewhere sends it there and back, others hand over a reference. What came
back is turned into a result after the clock has stopped.
"""

import hashlib
from array import array

KIND = "cpu"
PARAMS = {"bytes": 1024, "shape": "bytes"}
WORDS = {"shape": ("bytes", "ints", "dict", "floats")}
PAYLOADS = 2
BASE = 1024


def numbers(seed, count):
    """The LCG's first numbers from the seed, again and again, one more each time: all are objects of their own."""
    x, base = seed & 0x7FFFFFFF, []
    for _ in range(BASE):
        x = (1103515245 * x + 12345) & 0x7FFFFFFF
        base.append(x)
    return [word + turn for turn in range(count // BASE + 1) for word in base][:count]


def payload(shape, seed, size):
    if shape == "bytes":
        return array("Q", numbers(seed, size // 8 + 1)).tobytes()[:size]
    if shape == "dict":
        return {f"{j:08x}": word for j, word in enumerate(numbers(seed, size // 16))}
    words = numbers(seed, size // 8)
    return array("d", words) if shape == "floats" else words


def plain(shape, value):
    if shape == "bytes":
        return value
    if shape == "dict":
        return b"".join(key.encode() + word.to_bytes(8, "little") for key, word in value.items())
    return array("d" if shape == "floats" else "Q", value).tobytes()


class Workload:
    crosses = True

    def __init__(self, params):
        self.shape = params["shape"]
        self.payloads = [payload(self.shape, params["seed"] + p, params["bytes"]) for p in range(PAYLOADS)]
        self.digests = {}

    def op(self, op):
        return self.payloads[op % PAYLOADS]

    def result(self, payload):
        """What equals a payload has its digest: to compare is cheaper than to hash, and CPU time is counted until the answer."""
        for p, sent in enumerate(self.payloads):
            if payload is sent or payload == sent:
                if p not in self.digests:
                    self.digests[p] = self.digest(sent)
                return self.digests[p]
        return self.digest(payload)

    def digest(self, payload):
        return hashlib.sha256(plain(self.shape, payload)).digest()
