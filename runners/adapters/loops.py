"""Loops that others made for asyncio: the programs of asyncio_.py on them. The model's name is the module's."""

import importlib

import common
from asyncio_ import Asyncio


class OtherLoop(Asyncio):
    def __init__(self, name, model, params):
        module = importlib.import_module(model.partition(":")[0])
        self.new_loop = getattr(module, "new_event_loop", None) or module.Loop
        super().__init__(name, model, params)


if __name__ == "__main__":
    common.main(OtherLoop)
