"""uvloop: the programs of asyncio_.py on a loop written in Cython over libuv."""

import common
import uvloop
from asyncio_ import Asyncio


class Uvloop(Asyncio):
    new_loop = staticmethod(uvloop.new_event_loop)


if __name__ == "__main__":
    common.main(Uvloop)
