"""One chain of promises whose work is done by a Dask cluster: here two processes of this machine, elsewhere Client("scheduler:8786").

needs: pip install distributed
example: python docs/examples/dask_chain.py 30
"""

import os
import sys

import cpromise as cp
from distributed import Client, LocalCluster


def squares(start, stop):
    return os.getpid(), [n * n for n in range(start, stop)]


def total(parts):
    return sum(sum(part) for _, part in parts)


def chain(executor, count):
    """Squares in four pieces, on whichever workers are free; their sum on one of them; then words made of it here."""
    edges = [count * i // 4 for i in range(5)]
    workers = set()
    return (
        cp.Promise.all([cp.to_executor(executor, squares, *ends) for ends in zip(edges, edges[1:])])
        .tap(lambda parts: workers.update(pid for pid, _ in parts))
        .then(lambda parts: cp.to_executor(executor, total, parts))
        .then(lambda sum: f"the squares below {count} add up to {sum}, by {len(workers - {os.getpid()})} other processes")
    )


async def failing(executor):
    try:
        await cp.to_executor(executor, int, "no number")
    except ValueError as error:
        return f"and what fails there fails here: {error}"


def main():
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster, Client(cluster) as client:
        executor = client.get_executor()
        print(cp.run(lambda: chain(executor, count)))
        print(cp.run(failing(executor)))


if __name__ == "__main__":
    main()
