"""The program of a worker process of to_process(): takes requests from a socket and answers them, one after the other, until that ends.

A message is its number and its size, 8 bytes each, and the bytes. A request is run only if its byte in the shared memory is still free:
its sender takes one back by marking it first.
"""

import mmap
import os
import signal
import socket
import struct
import sys

from . import _crossing
from ._cpromise import _claim, _die_with  # type: ignore[import-not-found]

HEADER = struct.Struct("=QQ")
SLOTS = 64  # bytes of the shared memory; request n is claimed in byte n % SLOTS
READ_SIZE = 256 * 1024
BEGUN, TAKEN_BACK = 1, 2  # marks


def messages(receive):
    """Yields (number, bytes) of what receive(size) brings, until it brings nothing."""
    buffer, start = bytearray(), 0
    while data := receive(READ_SIZE):
        buffer += data
        while len(buffer) - start >= HEADER.size:
            number, size = HEADER.unpack_from(buffer, start)
            end = start + HEADER.size + size
            if len(buffer) < end:
                break
            yield number, bytes(memoryview(buffer)[start + HEADER.size : end])
            start = end
        del buffer[:start]
        start = 0


def flush():
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (AttributeError, OSError, ValueError):
            pass


def serve(sock, slots):
    for number, request in messages(sock.recv):
        if _claim(slots, number % SLOTS, BEGUN):
            answer = _crossing.answer(request)
            flush()
            sock.sendall(HEADER.pack(number, len(answer)))
            sock.sendall(answer)


def main(parent, sock, slots, setup):
    """Ctrl-C at the terminal is the parent's affair; a handler, unlike SIG_IGN, is not inherited by what a call starts."""
    signal.signal(signal.SIGINT, lambda signum, frame: None)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])
    if not _die_with(parent, signal.SIGKILL):
        return
    _crossing.begin(bytes.fromhex(setup))
    memory = mmap.mmap(slots, SLOTS)
    os.close(slots)
    with socket.socket(fileno=sock) as parents:
        try:
            serve(parents, memory)
        except (BrokenPipeError, ConnectionResetError):
            pass  # the parent has closed its loop, or is gone
