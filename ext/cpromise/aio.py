"""cpromise inside asyncio: a loop of ours as the guest of an asyncio or uvloop loop."""

from ._cpromise import Loop, _current_loop, _set_current_loop  # type: ignore[import-not-found]


class _Guest:
    """The asyncio calls that give a loop its turns: when its descriptor says that there is work, and when a timer is due."""

    def __init__(self, host):
        self.host = host
        self.loop = Loop()
        self.next = None
        self.descriptor = self.loop._guest_begin(host, self)
        host.add_reader(self.descriptor, self.turn)

    def detach(self):
        self.forget_next()
        if not self.host.is_closed():
            self.host.remove_reader(self.descriptor)

    def forget_next(self):
        if self.next is not None:
            self.next.cancel()
            self.next = None

    def turn(self):
        self.forget_next()
        if self.loop.is_closed():
            return
        wait = 0
        try:
            wait = self.loop._guest_turn()
        finally:  # what it raises is for asyncio's exception handler, and ends nothing
            if wait is not None and not self.loop.is_closed():
                self.next = self.host.call_later(wait, self.turn)


def attach(asyncio_loop):
    """Makes `asyncio_loop`, which belongs to this thread, run this thread's promises; returns their Loop.

    From then on promises settle while it runs, its tasks can await them, and coroutines of promises can await its futures. Attaching
    again returns the same Loop. An exception that nobody handles goes to the asyncio loop's exception handler. close() ends it.
    """
    if asyncio_loop.is_closed():
        raise RuntimeError("attach(): this asyncio loop is closed; attach to one that is open")
    current = _current_loop()
    if current is not None and current._guest_of is not None and current._guest_of.is_closed():
        current.close()
        current = None
    if current is not None and current.is_running():
        raise RuntimeError("attach(): a cpromise loop is running on this thread; it cannot be a guest as well")
    if current is not None and current._guest_of is asyncio_loop:
        return current
    guest = _Guest(asyncio_loop)
    _set_current_loop(guest.loop)
    return guest.loop
