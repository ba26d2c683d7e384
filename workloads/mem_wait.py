"""Ops that wait for one signal, while the driver reads their memory."""

KIND = "wait"
PARAMS = {}


class Workload:
    def __init__(self, params):
        pass

    def found(self, op):
        return op.to_bytes(8, "little")
