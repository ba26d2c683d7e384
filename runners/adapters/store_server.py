"""What the adapters of real servers behind a store have in common: they start one, fill it, tell the driver its port, and stop it
whatever happens. Importing it makes the modules of workloads/ importable."""

import ctypes
import signal
import socket
import sys

import common


class StoreError(Exception):
    """What a person has to be told."""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def dies_with_parent(number):
    """For Popen's preexec_fn: the server gets this signal when this process ends, however it does (PR_SET_PDEATHSIG)."""
    return lambda: ctypes.CDLL(None).prctl(1, number)


def attend(wire, filled, params):
    """filled(params) is a context manager: a server that is filled and ends with the block, and gives its port."""
    with filled(params) as port:
        wire.say(common.attestation())
        wire.say(f"ready port={port}")
        while wire.word() != "stop":
            pass
        wire.say(common.attestation())
        wire.say("bye")


def main(filled):
    _, _, params = common.parse(sys.argv)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # unwinds, so that the server ends too
    wire = common.Wire()
    try:
        attend(wire, filled, params)
    except common.DriverGone:
        pass
    except (StoreError, OSError) as error:
        wire.fail(error)
