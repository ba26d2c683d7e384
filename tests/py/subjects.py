"""Which pairs of model and workload the tests are made of: those of the register that can be run here."""

import configparser
import contextlib
import functools
import importlib
import importlib.util
import shutil
import sys

import pytest
from wirechild import ADAPTERS, BUILD, HOME, Child, load, reference, store

import common  # makes the modules of workloads/ importable

PARAMS = {
    "cpu_queens": {"ops": 30, "n": 6},
    "cpu_grain": {"ops": 10, "steps": 5, "seed": 3},
    "ovh_payload": {"ops": 5, "bytes": 100_000, "seed": 9},
    "sty_chain": {"ops": 40, "steps": 3, "fail_every": 3, "seed": 2},
    "cpu_sha256": {"ops": 12, "bytes": 5000, "links": 3, "seed": 7},
    "cpu_fib": {"ops": 12, "n": 10, "seed": 3},
    "cpu_mandel": {"ops": 12, "size": 12, "iterations": 20, "seed": 3},
    "cpu_nbody": {"ops": 12, "steps": 10, "shared": 1, "seed": 3},
    "cpu_primes": {"ops": 12, "limit": 200, "seed": 3},
    "nat_zlib": {"ops": 12, "bytes": 2000, "seed": 3},
    "nat_regex": {"ops": 12, "bytes": 2000, "seed": 3},
    "ft_micro": {"ops": 12, "turns": 20, "pattern": "method", "seed": 3},
    "shr_counter": {"ops": 24, "adds": 40, "seed": 3},
    "shr_set": {"ops": 24, "inserts": 10, "keys": 100, "seed": 3},
    "shr_shard": {"ops": 24, "adds": 40, "shards": 2, "cells": 16, "seed": 3},
    "loop_steps": {"ops": 20, "steps": 50, "seed": 5},
    "io_employee": {"ops": 200, "employees": 500, "delay_us": 100, "seed": 11},
    "io_echo": {"ops": 300, "bytes": 3000, "seed": 5},
    "io_http": {"ops": 40, "route": "mixed", "bytes": 2000, "wait_us": 300, "n": 8, "seed": 5},
    "mix_cross": {"ops": 20, "f": 500, "total_us": 400, "seed": 5},
    "mix_convoy": {"ops": 10, "bytes": 100, "interval_us": 200, "seed": 5},
    "mix_fibsrv": {"ops": 20, "n": 3, "heavy": 12, "heavies": 2},
    "mix_block": {"ops": 20, "every": 5, "burn": 2000, "seed": 5},
    "io_fanout": {"ops": 20, "fan": 5, "employees": 500, "delay_us": 100, "seed": 11},
    "io_timer": {"ops": 40, "delay_us": 3000},
    "io_tree": {"ops": 2, "depth": 2, "wait_us": 2000, "cpu_percent": 30, "steps": 10, "seed": 3},
    "mem_wait": {"ops": 40},
    "io_file": {"ops": 40, "files": 7, "bytes": 5000},
    "io_log": {"ops": 20, "bytes": 100},
}
KIND = {workload: importlib.import_module(workload).KIND for workload in PARAMS}
# What adapters do for these they do for io_http or io_echo: one a language is enough, and one for each place where something computes.
ONLY = dict.fromkeys(["mix_cross", "mix_fibsrv", "mix_block"], ("threads", "node:promise", "pthreads"))
ONLY["mix_convoy"] = ("threads", "promise:await", "procs:spawn", "interp", "node:worker_threads", "pthreads", "cloop")
START = {"dask": "spawn", "mpi": "spawn", "promise:process": "spawn", "asyncio_offload:process": "spawn", "threads_offload:process": "spawn", "procs:cold": "exec"}
# Every workload runs on these, so in every language; and what workers share on all kinds of workers.
EVERYWHERE = {"cpu": "serial pthreads node:promise", "client": "serial cloop node:promise"}
SHARING = "threads procs:spawn promise:await promise_loop:await asyncio_loop:task asyncio node:worker_threads"
WIDTH = {"cpu": "workers", "client": "concurrency", "server": "concurrency", "wait": "concurrency"}


@functools.cache
def register():
    models = configparser.ConfigParser()
    models.read(ADAPTERS / "models.ini")
    return models


def command(model):
    places = {"{python}": sys.executable, "{home}": str(HOME), "{build}": str(BUILD)}
    words = register()[model.partition(":")[0]]["command"].split()
    for mark, place in places.items():
        words = [word.replace(mark, place) for word in words]
    return words


def visible_models():
    """Each model with each of its variants; those whose module is missing are marked to be skipped, and why."""
    found = []
    for name, section in register().items():
        if name == "DEFAULT" or "hidden" in section:
            continue
        for variant in section.get("variants", "").split() or [""]:
            variant = variant.replace("-", "")  # also without one
            reason = why_not(section, variant)
            marks = [pytest.mark.skip(reason=reason)] if reason else []
            found.append(pytest.param(f"{name}:{variant}" if variant else name, marks=marks))
    return found


def named(models):
    """These of the visible models, with their marks."""
    return [model for model in visible_models() if model.values[0] in models.split()]


def is_installed(module):
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        return False


def why_not(section, variant):
    """Why a model cannot run here, or None."""
    for module in section.get("needs", "").split():
        if not is_installed(module):
            return f"{module} is not installed here"
    program = section.get("needs_program")
    if program and not shutil.which(program):
        return f"{program} is not installed here"
    oldest = section.get(f"oldest_{variant}" if variant else "oldest", "3.0")
    return f"needs Python {oldest}" if sys.version_info < tuple(map(int, oldest.split("."))) else None


def supports(model, workload):
    name, _, variant = model.partition(":")
    section = register()[name]
    of_variant = f"_{variant}" if variant else ""
    only = section.get(f"supports{of_variant}")
    if workload in section.get(f"cannot{of_variant}", "").split():
        return False
    return KIND[workload] in section["kinds"].split() and (only is None or workload in only.split() or KIND[workload] in only.split())


def first(model, kind):
    """The workload of a kind that stands for the others, or None."""
    return next((workload for workload in KIND if KIND[workload] == kind and supports(model, workload)), None)


def is_telling(model, workload):
    """Whether a pair shows what others do not: a model with one workload of a kind, or a workload in another language."""
    kind = KIND[workload]
    if kind == "server":
        return supports(model, workload) and (workload not in ONLY or model in ONLY[workload])
    if kind == "wait" or workload == "io_fanout":  # each model waits in its own way; asyncio's programs are the same on other loops
        return supports(model, workload) and (workload == first(model, kind) or not model.startswith(("uvloop", "rloop")))
    more = EVERYWHERE[kind].split() + (SHARING.split() if workload.startswith("shr_") else [])
    steps = workload == "loop_steps" and model.startswith("promise_loop")
    return workload == first(model, kind) or (model in more or steps) and supports(model, workload)


def pairs(*kinds):
    """(model, workload) of what the register says can be run, of these kinds of workload."""
    return [
        pytest.param(model.values[0], workload, marks=model.marks)
        for model in visible_models()
        for workload, kind in KIND.items()
        if kind in kinds and is_telling(model.values[0], workload)
    ]


def one_of_each(*kinds):
    """Of pairs(), the first for each model and kind: for what is the model's and not the workload's."""
    found = {}
    for pair in pairs(*kinds):
        model, workload = pair.values
        found.setdefault((model, KIND[workload]), pair)
    return list(found.values())


def one_of_each_program():
    """One model of those that are the same program."""
    found = {}
    for model in visible_models():
        if not model.marks:
            found.setdefault(str(command(model.values[0])), model)
    return list(found.values())


def start(model, workload, **params):
    return Child(command(model), workload, model, **params)


class Cell(contextlib.ExitStack):
    """An adapter with its peer, if it needs one: both up to `ready`. A context manager."""

    def __init__(self, model, workload, width=3, **more):
        super().__init__()
        with contextlib.ExitStack() as opened:
            self.start(opened, model, workload, {**PARAMS[workload], WIDTH[KIND[workload]]: width, **more})
            self.push(opened.pop_all())

    def start(self, opened, model, workload, params):
        self.peer = None
        if KIND[workload] == "client":
            self.peer = opened.enter_context(store(workload, **params))
            params["store_port"] = self.peer.ready()[1]
        self.adapter = self.measured = opened.enter_context(start(model, workload, **params))
        self.attest, port = self.adapter.ready()
        self.port = port
        if KIND[workload] == "server":
            self.peer = self.measured = opened.enter_context(load(port, workload, **params))
            self.peer.ready()


def expected(workload, width=3, **more):
    return reference(workload, **{**PARAMS[workload], WIDTH[KIND[workload]]: width, **more})
