"""What waits: long employee chains in every style and against PostgreSQL, memory that is read while ops wait, samples that did not
wait, limits that are reached."""

import errno
import glob
import json
import os
import subprocess
import sys

import pytest
from subjects import Cell, command, visible_models
from wirechild import BUILD, Child, python, reference

import limits

CHAIN = {"ops": 110, "employees": 500, "delay_us": 0, "seed": 11}
STYLES = ["serial", "threads", "asyncio", "asyncio:callback", "promise:chain", "promise:await", "promise:callback", "node:promise", "cloop", "cloop:callback"]


def named(models):
    return [model for model in visible_models() if model.values[0] in models]


def run(tmp_path, matrix, *options):
    file = tmp_path / "waits.ini"
    file.write_text("[run]\nreps = 1\nsamples = 1\nwarmup = 0\n" + matrix)
    words = [BUILD / "gilbench", "run", file, "--python", sys.executable, "-o", tmp_path / "run", "--progress", "none", *options]
    done = subprocess.run(words, capture_output=True, text=True, timeout=120)
    results = tmp_path / "run" / "results.json"
    return done, json.loads(results.read_text())["benchmarks"] if results.exists() else []


@pytest.mark.parametrize("model", named(STYLES))
def test_a_longer_chain_ends_at_another_boss(model):
    expected = reference("io_employee", chain=4, **CHAIN)
    assert expected != reference("io_employee", **CHAIN)
    with Cell(model, "io_employee", chain=4, **CHAIN) as cell:
        sample = cell.adapter.sample()[0]
        assert {key: sample[key] for key in expected} == expected
        cell.adapter.stop()


# ---- PostgreSQL


@pytest.fixture(scope="module")
def postgres():
    if not glob.glob("/usr/lib/postgresql/*/bin/postgres"):
        pytest.skip("PostgreSQL is not installed here (scripts/setup --with postgresql)")
    with Child(python("postgres_store.py"), "io_employee", "peer", concurrency=30, **CHAIN) as store:
        os.chmod(store.scratch.name, 0o711)
        yield store.ready()[1]
        store.stop()


SPEAKERS = ["serial", "threads", "asyncio", "asyncio:callback", "uvloop", "gevent", "promise:chain", "promise:await", "promise:callback"]


@pytest.mark.parametrize("join", [0, 1])
@pytest.mark.parametrize("model", named(SPEAKERS))
def test_the_same_answers_from_postgres(model, join, postgres):
    params = {**CHAIN, "chain": 3, "join": join, "concurrency": 2, "store_port": postgres, "store_speaks": "postgres"}
    expected = reference("io_employee", chain=3, **CHAIN)
    with Child(command(model), "io_employee", model, **params) as child:
        child.ready()
        sample = child.sample()[0]
        assert {key: sample[key] for key in expected} == expected
        child.stop()


def test_what_no_client_or_store_can_do_is_not_run(tmp_path):
    done, _ = run(tmp_path, "[io_employee]\nmodels = asyncio\nops = 5\njoin = 1\n")
    assert done.returncode == 77
    assert "join = 1 needs a store that knows SQL: --store postgres" in done.stdout


# ---- Waiting


@pytest.mark.parametrize("model", named(["threads", "gevent", "asyncio", "promise:chain", "promise:await", "node:promise", "cloop", "pthreads"]))
def test_as_many_wait_as_may_be_in_flight(model):
    with Cell(model, "mem_wait", width=4, ops=10) as cell:
        cell.adapter.sample()
        assert cell.adapter.waited == [4, 4, 2]
        cell.adapter.stop()


def test_the_memory_of_what_waits_is_read(tmp_path):
    _, (cell,) = run(tmp_path, "[mem_wait]\nmodels = threads\nops = 50\nconcurrency = 50\n")
    (sample,) = cell["reps"][0]["samples"]
    assert sample["waiting"]["tasks"] == 50 and sample["waiting"]["threads"] == 51
    assert sample["waiting"]["pss_b"] > cell["reps"][0]["pss_ready_b"] > 0
    assert cell["summary"]["waiting_pss_b"]["value"] == sample["waiting"]["pss_b"]


def test_who_did_not_wait_is_void(tmp_path):
    done, (cell,) = run(tmp_path, "[io_timer]\nmodels = fake:good\nops = 10\ndelay_us = 50000\n")
    assert "its ops wait for 490 ms at least" in cell["void"]
    assert done.returncode == 6


# ---- Limits


@pytest.mark.parametrize(
    "error, name",
    [
        (OSError(errno.EMFILE, "Too many open files"), "RLIMIT_NOFILE"),
        (OSError(errno.ENFILE, "Too many open files in system"), "fs.file-max"),
        (RuntimeError("can't start new thread"), "limit"),
        (BlockingIOError(errno.EAGAIN, "fork"), "limit"),
        (MemoryError(), "the limit is"),
        (ExceptionGroup("of tasks", [ValueError("no"), OSError(errno.EMFILE, "Too many open files")]), "RLIMIT_NOFILE"),
    ],
)
def test_a_limit_is_named(error, name):
    assert name in limits.explain(error)


def test_other_errors_are_left_alone():
    assert limits.explain(ValueError("no limit")) == ""


def test_more_connections_than_open_files_are_not_run(tmp_path):
    matrix = tmp_path / "many.ini"
    matrix.write_text("[io_employee]\nmodels = asyncio\nops = 1\nconcurrency = 1000\n")
    words = f"ulimit -n 512; exec {BUILD}/gilbench run {matrix} --reps 1 --python {sys.executable} -o {tmp_path}/many --progress none"
    done = subprocess.run(["/bin/sh", "-c", words], capture_output=True, text=True, timeout=120)
    assert "needs 1064 open files, and the hard limit is 512" in done.stdout
    assert done.returncode == 77
