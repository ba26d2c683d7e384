"""A log: an op appends a record, waits until it is on the disk, and reads it back. As in io_file.c."""

import io_file

KIND = "wait"
PARAMS = {"bytes": 256}


class Workload:
    def __init__(self, params):
        self.size = params["bytes"]
        self.body = io_file.content(0, self.size)[8:]

    def record(self, op):
        return op.to_bytes(8, "little") + self.body

    found = io_file.Workload.found
