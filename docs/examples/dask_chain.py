"""One chain of promises whose work is done by a Dask cluster: here two processes of this machine, elsewhere Client("scheduler:8786").

needs: pip install distributed
example: python docs/examples/dask_chain.py 30
"""

import importlib
import os
import sys
from concurrent.futures import Executor

import cpromise as cp

Parts = list[tuple[int, list[int]]]  # of each piece, the process that did it and its squares


def squares(start: int, stop: int) -> tuple[int, list[int]]:
    return os.getpid(), [n * n for n in range(start, stop)]


def total(parts: Parts) -> int:
    return sum(sum(part) for _, part in parts)


async def chain(executor: Executor, count: int) -> str:
    """Squares in four pieces, on whichever workers are free; their sum on one of them; then words made of it here."""
    edges = [count * i // 4 for i in range(5)]
    workers: set[int] = set()
    added = (
        cp.Promise.all([cp.to_executor(executor, squares, *ends) for ends in zip(edges, edges[1:])])
        .tap(lambda parts: workers.update(pid for pid, _ in parts))
        .then(lambda parts: cp.to_executor(executor, total, parts))
    )
    return f"the squares below {count} add up to {await added}, by {len(workers - {os.getpid()})} other processes"


async def failing(executor: Executor) -> str:
    try:
        return str(await cp.to_executor(executor, int, "no number"))
    except ValueError as error:
        return f"and what fails there fails here: {error}"


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    dask = importlib.import_module("distributed")
    with dask.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster, dask.Client(cluster) as client:
        executor = client.get_executor()
        print(cp.run(chain(executor, count)))
        print(cp.run(failing(executor)))


if __name__ == "__main__":
    main()
