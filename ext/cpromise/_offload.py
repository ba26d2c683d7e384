"""Calls off the loop that begin in Python: to_process(), to_interpreter() and to_executor(). What they need is in _crossing.py, _processes.py and ext/binding/py_apart.c."""

import sys

from ._cpromise import Promise, _current_loop, _to_interpreter  # type: ignore[import-not-found]


def to_process(fn, /, *args, **kwargs):
    """The promise of fn(*args, **kwargs), called in a worker process of the loop, of which there are at most Loop(workers=).

    The workers are started when they are needed, as new programs (not forks), and stay until the loop closes. fn and what it takes and
    returns are copied: a function of a module goes by its name, a lambda or an inner function that uses no variables of its maker as
    code, everything else as pickle sends it; what cannot be pickled rejects at once, with pickle's error. As with multiprocessing, the
    main program's file is run in the worker when something of it is needed: keep its doings under `if __name__ == "__main__":`.

    What fn raises is the reason, with the traceback from there as its __cause__. A worker that dies rejects the call that it was at with
    WorkerDied and is replaced. cancel() takes back a call that was not sent; the outcome of another one is dropped. A loop that closes
    ends its workers: those that are at work get SIGTERM, and SIGKILL a second later.
    """
    from . import _crossing
    from ._processes import Processes

    settle = promise, _, reject = Promise.with_resolvers()
    try:
        request = _crossing.request("to_process", fn, args, kwargs)
        loop = _current_loop()
        if loop._processes is None:
            loop._processes = Processes(loop.workers)
        loop._processes.submit(_crossing.name_of(fn), request, settle)
    except Exception as error:
        reject(error)
    return promise


def to_interpreter(fn, /, *args, **kwargs):
    """The promise of fn(*args, **kwargs), called in another interpreter of this process, with a GIL of its own: on a CPU of its own, and
    without the price of a process. The loop has at most Loop(workers=) of them, started when needed; they stay until it closes.

    Needs Python 3.12; rejects with RuntimeError before. What goes there and back is copied as for to_process(). An extension module that
    does not know of such interpreters cannot be imported there: its ImportError is the reason. cancel() takes back a call that has not
    begun; the outcome of another one is dropped, and closing the loop waits for it. WorkerDied: no interpreter could be made.
    """
    from . import _crossing

    try:
        if sys.version_info < (3, 12):
            have = ".".join(map(str, sys.version_info[:2]))
            raise RuntimeError(f"to_interpreter() needs Python 3.12 or later, and this is {have}; use to_process()")
        request = _crossing.request("to_interpreter", fn, args, kwargs)
        return _to_interpreter(_crossing.setup, request, _crossing.outcome)
    except Exception as error:
        return Promise.reject(error)


def to_executor(executor, fn, /, *args, **kwargs):
    """The promise of executor.submit(fn, *args, **kwargs), for any executor of concurrent.futures: threads, processes, and those of
    Dask (Client.get_executor()), mpi4py (MPIPoolExecutor) or Ray, whose workers may be on other machines.

    cancel() cancels the future: that ends a call which has not begun. The executor stays the caller's, who shuts it down. What submit()
    raises is the reason. TypeError: it has no submit().
    """
    submit = getattr(executor, "submit", None)
    if not callable(submit):
        raise TypeError(f"to_executor(executor, fn, *args, **kwargs): {type(executor).__name__} has no submit(), as an Executor has")
    try:
        return Promise.from_future(submit(fn, *args, **kwargs))
    except Exception as error:
        return Promise.reject(error)
