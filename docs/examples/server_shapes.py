#!/usr/bin/env python3
"""One server, a loop for each core: the loops listen on one port (reuse_port), and the kernel deals out the connections.

    processes      each loop in a process of its own; runs everywhere
    interpreters   each loop in an interpreter with its own GIL, in threads of one process; Python 3.12 and later
    threads        each loop in a thread of one interpreter; of use on a free-threaded build, where no GIL makes them take turns

What is shared differs: nothing; nothing but the process; everything. The server echoes, and answers "which" with the number of the loop.

usage: server_shapes.py processes|interpreters|threads [LOOPS]      prints the port once all loops listen; the default is one for each core
"""

import importlib
import os
import select
import signal
import socket
import sys
import threading
from collections.abc import Callable
from typing import Any

import cpromise as cp


def serve(number: int, port: int, listening: int) -> None:
    """One loop, until the process ends. Writes a byte to the descriptor `listening` when it listens."""

    async def echo(stream: cp.Stream) -> None:
        while data := await stream.read():
            await stream.write(b"%d\n" % number if data == b"which\n" else data)

    async def main() -> None:
        async with await cp.serve_tcp(echo, "127.0.0.1", port, reuse_port=True, backlog=4096):
            os.write(listening, b".")
            await cp.Promise[None]()

    cp.run(main())


def processes(loops: int, port: int, listening: int) -> list[int]:
    """Returns the ids of the processes; the other shapes have none."""
    pids = []
    for number in range(loops):
        pids.append(os.fork())
        if pids[-1] == 0:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            serve(number, port, listening)
    return pids


def in_thread(target: Callable[..., Any], *args: object) -> None:
    threading.Thread(target=target, args=args, daemon=True).start()


def interpreters(loops: int, port: int, listening: int) -> list[int]:
    """Each interpreter imports this file for itself: nothing but numbers and text crosses over."""
    if sys.version_info < (3, 12):
        sys.exit("refused: interpreters with a GIL of their own need Python 3.12 or later; take 'processes'")
    api = importlib.import_module("_interpreters" if sys.version_info >= (3, 13) else "_xxsubinterpreters")
    folder = os.path.dirname(os.path.abspath(__file__))
    for number in range(loops):
        code = f"import sys; sys.path.insert(0, {folder!r}); import server_shapes; server_shapes.serve({number}, {port}, {listening})"
        in_thread(api.run_string, api.create(), code)
    return []


def threads(loops: int, port: int, listening: int) -> list[int]:
    if getattr(sys, "_is_gil_enabled", lambda: True)():
        sys.exit("refused: this Python has a GIL, under which threads take turns; take a free-threaded build, or 'processes'")
    for number in range(loops):
        in_thread(serve, number, port, listening)
    return []


SHAPES = {"processes": processes, "interpreters": interpreters, "threads": threads}


def reserve_port() -> socket.socket:
    """A socket that is bound to a free port and does not listen: it keeps the number for the loops."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    sock.bind(("127.0.0.1", 0))
    return sock


def wait_for(loops: int, heard: int) -> None:
    for _ in range(loops):
        if not select.select([heard], [], [], 30)[0]:
            sys.exit(f"one of the {loops} loops does not listen after 30 seconds")
        os.read(heard, 1)


def end(signum: int, frame: object) -> None:
    raise KeyboardInterrupt


def main(shape: str, loops: int) -> None:
    heard, listening = os.pipe()
    signal.signal(signal.SIGTERM, end)
    pids: list[int] = []
    with reserve_port() as sock:
        port: int = sock.getsockname()[1]
        try:
            pids = SHAPES[shape](loops, port, listening)
            wait_for(loops, heard)
            print(port, flush=True)
            signal.pause()
        except KeyboardInterrupt:
            pass
        finally:
            for pid in pids:
                os.kill(pid, signal.SIGTERM)
    os._exit(0)  # the loops of the threads and interpreters end with the process: nobody waits for them


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3) or sys.argv[1] not in SHAPES:
        sys.exit(__doc__)
    main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else len(os.sched_getaffinity(0)))
