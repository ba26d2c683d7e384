"""Word counts of small pages: a workload of one's own, for every model.

    gilbench run --workload docs/examples/my_workload.py

`unit` is all that is needed. It must give the same result for the same op, wherever and in whatever order ops are run:
that is how gilbench knows that all models have done the same work. The other functions are optional.
"""

import asyncio
import random
import time
from typing import Any

import cpromise

PARAMS = {"words": 300, "wait_us": 2000}

VOCABULARY = "loop thread promise process lock queue wait wake".split()


def setup(params: dict[str, Any]) -> dict[str, Any]:
    """Once in every process or interpreter, before the clock starts; what it returns is the second argument of the rest."""
    return {"words": params["words"], "wait_s": params["wait_us"] / 1e6, "seed": params["seed"]}


def count(op: int, state: dict[str, Any]) -> dict[str, int]:
    rng = random.Random(state["seed"] * 1_000_003 + op)
    counts = dict.fromkeys(VOCABULARY, 0)
    for _ in range(state["words"]):
        counts[rng.choice(VOCABULARY)] += 1
    return counts


def unit(op: int, state: dict[str, Any]) -> dict[str, int]:
    """One op: fetch a page (here: wait), then count its words. Blocking; for serial, threads, processes, interpreters."""
    time.sleep(state["wait_s"])
    return count(op, state)


async def aunit(op: int, state: dict[str, Any]) -> dict[str, int]:
    """The same for asyncio, uvloop and the like. Without it they run `unit` in their thread pools."""
    await asyncio.sleep(state["wait_s"])
    return count(op, state)


def punit(op: int, state: dict[str, Any]) -> cpromise.Promise[dict[str, int]]:
    """The same for cpromise: returns a promise. Without it `unit` goes through to_thread."""
    return cpromise.sleep(state["wait_s"]).then(lambda _: count(op, state))


def digest(result: dict[str, int]) -> bytes:
    """The bytes by which results are compared. Not needed where they are bytes, text, numbers, or lists and dicts of them."""
    return repr(sorted(result.items())).encode()
