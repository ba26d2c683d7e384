"""Asynchronous generators that are left unfinished: their `finally` may await, so a loop has to close them. run() sees to that."""

import sys
import weakref

from ._cpromise import Promise  # type: ignore[import-not-found]


class AsyncGens:
    """What a loop knows of the asynchronous generators that were started while it ran; the hooks of PEP 525."""

    def __init__(self, loop):
        self.loop = loop
        self.unfinished = weakref.WeakSet()
        self.before = None

    def begin(self):
        self.before = sys.get_asyncgen_hooks()
        sys.set_asyncgen_hooks(firstiter=self.unfinished.add, finalizer=self.collected)

    def end(self):
        sys.set_asyncgen_hooks(*self.before)

    def collected(self, generator):
        """Garbage collection found one, on whichever thread: it is closed by a coroutine of the loop."""
        self.unfinished.discard(generator)
        if not self.loop.is_closed():
            self.loop.call_soon_threadsafe(Promise.from_coroutine, close(generator))

    async def close_all(self):
        if self.unfinished:
            await Promise.all_settled([close(generator) for generator in list(self.unfinished)])


async def close(generator):
    await generator.aclose()
