"""Ops where there is no adapter: in another process, interpreter or machine, which is only told a name and parameters."""

import common

works = {}  # of this process or interpreter, made when they are first asked for


def run(name, params, op):
    """One op of a cpu workload, as Tally.add takes it. `params`: (key, value) pairs, so that they cross without pickle."""
    key = name, params
    work = works.get(key)
    if work is None:
        work = works[key] = common.load(name).Workload(dict(params))
    return common.timed(work, op)


def run_some(name, params, ops):
    return [run(name, params, op) for op in ops]


def arguments(adapter):
    """(name, params) of an adapter's workload."""
    return adapter.name, tuple(adapter.params.items())
