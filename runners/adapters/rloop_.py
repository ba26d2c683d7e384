"""rloop: the programs of asyncio_.py on a loop written in Rust over mio."""

import common
import rloop
from asyncio_ import Asyncio


class Rloop(Asyncio):
    new_loop = staticmethod(rloop.new_event_loop)


if __name__ == "__main__":
    common.main(Rloop)
