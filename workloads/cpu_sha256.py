"""SHA-256 of (op id, buffer), chained, as in cpu_sha256.c: native code that gives the GIL away."""

import hashlib

KIND = "cpu"
PARAMS = {"bytes": 1 << 20, "links": 1}


def fill(size, seed):
    x = seed
    buffer = bytearray(size)
    for i in range(size):
        x = (1103515245 * x + 12345) & 0x7FFFFFFF
        buffer[i] = (x >> 16) & 0xFF
    return bytes(buffer)


class Workload:
    def __init__(self, params):
        self.buffer = fill(params["bytes"], params["seed"])
        self.links = params["links"]

    def op(self, op):
        digest = op.to_bytes(8, "little")
        for _ in range(self.links):
            hash = hashlib.sha256(digest)
            hash.update(self.buffer)
            digest = hash.digest()
        return digest
