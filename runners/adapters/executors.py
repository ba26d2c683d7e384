"""cpromise past one machine: cpu ops through to_executor and somebody else's concurrent.futures Executor.

`dask` starts a cluster of local processes, one thread each; `mpi` starts workers by MPI_Comm_spawn. Ops go in
chunks.
"""

import os
import sys

import common
import cpromise as cp
import remote

# Open MPI 4 (OMPI_) and 5 (PRTE_): as many workers as are asked for on the cores that gilbench has chosen, and in a container too.
OPEN_MPI = {
    "OMPI_ALLOW_RUN_AS_ROOT": "1",
    "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
    "OMPI_MCA_rmaps_base_oversubscribe": "1",
    "OMPI_MCA_hwloc_base_binding_policy": "none",
    "PRTE_ALLOW_RUN_AS_ROOT": "1",
    "PRTE_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
    "PRTE_MCA_rmaps_default_mapping_policy": ":oversubscribe",
    "PRTE_MCA_hwloc_default_binding_policy": "none",
}


def dask(size):
    from distributed import Client, LocalCluster

    cluster = LocalCluster(n_workers=size, threads_per_worker=1, processes=True, dashboard_address=None, silence_logs=40)
    client = Client(cluster, set_as_default=False)
    client.wait_for_workers(size)
    return client.get_executor(pure=False), lambda: (client.close(), cluster.close())


def mpi(size):
    for name, value in OPEN_MPI.items():
        os.environ.setdefault(name, value)
    from mpi4py.futures import MPIPoolExecutor

    executor = MPIPoolExecutor(size, path=sys.path, env=dict(os.environ))
    executor.bootup(wait=True)
    return executor, executor.shutdown


class Executors(common.Adapter):
    build = cp.__build__
    sends_chunks = True

    def setup(self):
        self.executor, self.end = {"dask": dask, "mpi": mpi}[self.model](self.size)
        self.cp_loop = cp.Loop()
        self.loop = common.qualified(self.cp_loop)
        self.start_method = "spawn"
        self.cp_loop.run(lambda: self.ask([range(0)] * self.size))

    def ask(self, chunks):
        name, params = remote.arguments(self)
        return cp.Promise.all(cp.to_executor(self.executor, remote.run_some, name, params, ops) for ops in chunks)

    async def cross(self, op):
        start = common.clock()
        value = await cp.to_executor(self.executor, common.back, self.work.op(op))
        return op, "hit", value, common.clock() - start

    async def cross_all(self, tally):
        for first in range(0, self.params["ops"], self.size):
            tally.done += await cp.Promise.all(map(self.cross, range(first, min(first + self.size, self.params["ops"]))))

    def sample(self, tally):
        if hasattr(self.work, "crosses"):
            return self.cp_loop.run(self.cross_all(tally))
        for done in self.cp_loop.run(lambda: self.ask(common.chunks(self.params, self.size))):
            tally.done += [tuple(one) for one in done]

    def close(self):
        self.cp_loop.close()
        self.end()


if __name__ == "__main__":
    common.main(Executors)
