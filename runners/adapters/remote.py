"""Ops where there is no adapter: in another process, interpreter or machine, which is only told a name and parameters."""

import common

works = {}  # of this process or interpreter, made when they are first asked for


def work_of(name, params):
    """`params`: (key, value) pairs, so that they cross without pickle."""
    key = name, params
    work = works.get(key)
    if work is None:
        work = works[key] = common.make_work(common.load(name), dict(params))
    return work


def run(name, params, op):
    """One op of a cpu workload, as Tally.add takes it."""
    return common.timed(work_of(name, params), op)


def warm(name, params):
    """Nothing but that the workload is there."""
    work_of(name, params)


def answer(name, params, what):
    """To a request of a server workload."""
    return work_of(name, params).answer(what)


def run_some(name, params, ops):
    return [run(name, params, op) for op in ops]


def arguments(adapter):
    """(name, params) of an adapter's workload."""
    return adapter.name, tuple(adapter.params.items())
