"""Files of which each op reads one: what is in them, and what an op gives for the bytes that it got. As in io_file.c."""

import zlib

KIND = "wait"
PARAMS = {"files": 1024, "bytes": 4096}


def content(number, size):
    """Of file or record `number`."""
    pattern = bytes((31 * i + 7) & 255 for i in range(256))
    return number.to_bytes(8, "little") + (pattern * (size // 256 + 1))[8:size]


class Workload:
    def __init__(self, params):
        self.files, self.size = params["files"], params["bytes"]

    def file(self, op):
        return op % self.files

    def found(self, data):
        return zlib.crc32(data).to_bytes(8, "little")
