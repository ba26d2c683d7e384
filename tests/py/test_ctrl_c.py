"""How long Ctrl-C takes to end run(), in each state: the median of several in one process, on both backends of the loop."""

import signal
import statistics
import subprocess
import sys
import textwrap
import time

import pytest

pytestmark = pytest.mark.usefixtures("poller")
LIMIT = 0.05  # seconds
TIMES, TRIES = 3, 10  # what else the machine does only adds: it is asked again

HEAD = """
import os, signal, socket, sys, time
import cpromise as cp

signal.alarm(100)  # the end of a child that nobody else ends

def on(*_):
    print("on", flush=True)

full = socket.create_server(("127.0.0.1", 0), backlog=0)  # a connection neither comes about nor fails
fillers = [socket.socket() for _ in range(8)]
for filler in fillers:
    filler.setblocking(False)
    filler.connect_ex(full.getsockname())
os.mkfifo(fifo := sys.argv[1])

def soon(fn, *args):
    '''The promise of a call off the loop that is at work when "on" is said.'''
    promise = fn(*args)
    cp.sleep(0.3).then(on)
    return promise
"""

STATES = {
    "idle": "cp.run(lambda: (cp.sleep(0).then(on), cp.sleep(100))[1])",
    "busy in Python": """
        async def main():
            on()
            while True:
                pass
        cp.run(main())
    """,
    "busy in a chain": """
        def again(value):
            return cp.Promise.resolve(value).then(again)
        cp.run(lambda: cp.sleep(0).tap(on).then(again))
    """,
    "to_thread": "cp.run(lambda: soon(cp.to_thread, time.sleep, 5))",
    "to_process": "cp.run(lambda: soon(cp.to_process, time.sleep, 5), workers=1)",
    "a file that blocks": """
        try:
            cp.run(lambda: soon(cp.open_file, fifo))
        finally:
            os.close(os.open(fifo, os.O_RDWR | os.O_NONBLOCK))  # the thread that was left behind ends
    """,
    "connecting": "cp.run(lambda: soon(cp.connect_tcp, *full.getsockname()))",
}


def medians(state, fifo):
    """Of each try: seconds from the signal to the line after run()."""
    program = HEAD + f"\nfor _ in range({TIMES * TRIES}):\n    try:\n" + textwrap.indent(textwrap.dedent(STATES[state]), " " * 8)
    program += "\n    except KeyboardInterrupt:\n        print(time.monotonic(), flush=True)\nos._exit(0)\n"
    with subprocess.Popen([sys.executable, "-c", program, str(fifo)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True) as process:
        try:
            for _ in range(TRIES):
                took = []
                for _ in range(TIMES):
                    assert process.stdout.readline() == "on\n"
                    time.sleep(0.02)
                    start = time.monotonic()
                    process.send_signal(signal.SIGINT)
                    took.append(float(process.stdout.readline()) - start)
                yield statistics.median(took)
        finally:
            process.kill()


@pytest.mark.parametrize("state", STATES)
def test_ctrl_c_ends_run_within_50_ms(state, tmp_path):
    seen = []
    for median in medians(state, tmp_path / "fifo"):
        seen.append(median)
        if median < LIMIT:
            return
    pytest.fail(f"{state}: medians of {seen} seconds")
