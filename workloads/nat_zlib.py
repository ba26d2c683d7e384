"""Pack a buffer (gzip, level 6) and unpack it, as in nat_zlib.c: native code that gives the GIL away."""

import zlib

from lcg import letters

KIND = "cpu"
PARAMS = {"bytes": 1 << 16}
GZIP = 15 + 16
TRAILER = 8


class Workload:
    def __init__(self, params):
        self.buffer = letters(params["bytes"], params["seed"], b"abcdefghijklmnop")

    def op(self, op):
        data = op.to_bytes(8, "little") + self.buffer
        packed = zlib.compress(data, 6, GZIP)
        if zlib.decompress(packed, GZIP) != data:
            raise ValueError(f"op {op}: what was packed did not come back")
        return packed[-TRAILER:]
