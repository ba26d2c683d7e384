"""The parts of the workloads in Python, against those in C and against known answers."""

import importlib
import struct
import subprocess

import pytest
from subjects import KIND, named, start
from wirechild import BUILD, reference

import common
import cpu_fib
import cpu_mandel
import cpu_nbody
import cpu_primes
import cpu_queens
import cpu_sha256
import ft_micro
import lcg


@pytest.mark.parametrize("workload", KIND)
def test_parameters_are_those_of_the_reference(workload):
    listed = subprocess.run([BUILD / "reference", "params", workload], capture_output=True, text=True, check=True)
    words = {key: standard for key, standard, *_ in map(str.split, listed.stdout.splitlines())}
    in_c = {key: int(standard) if standard.isdecimal() else standard for key, standard in words.items()}
    shared = {key: common.COMMON[key] for key in ("ops", "seed", "workers", "concurrency")}
    assert {**shared, **importlib.import_module(workload).PARAMS} == in_c


@pytest.mark.parametrize("n, total", [(8, 92), (9, 352), (10, 724)])
def test_queens(n, total):
    work = cpu_queens.Workload({"n": n})
    assert sum(int.from_bytes(work.op(op), "little") for op in range(n)) == total


def u64(data, at=0):
    return int.from_bytes(data[8 * at : 8 * at + 8], "little")


def test_fib_primes_mandel():
    assert u64(cpu_fib.Workload({"n": 20, "seed": 1}).op(0)) == 6765
    assert u64(cpu_primes.Workload({"limit": 20000, "seed": 1}).op(0)) == 2262
    mandel = cpu_mandel.Workload({"size": 32, "iterations": 50, "seed": 1})
    assert sum(u64(mandel.op(row)) for row in range(32)) == 17888


def test_nbody():
    before, after = struct.unpack("<dd", cpu_nbody.Workload({"steps": 1000, "shared": 0, "seed": 643}).op(0))
    assert f"{before:.9f} {after:.9f}" == "-0.169075164 -0.169087605"


@pytest.mark.parametrize("model", named("serial node:promise"))
@pytest.mark.parametrize("shared", [0, 1])
def test_nbody_is_the_same_in_all_languages(model, shared):
    """To the last bit, after enough steps for any difference in rounding to show."""
    params = {"ops": 3, "steps": 500, "shared": shared, "seed": 8}
    with start(model, "cpu_nbody", **params) as child:
        child.ready()
        assert child.sample()[0]["digest"] == reference("cpu_nbody", **params)["digest"]


@pytest.mark.parametrize("pattern", ft_micro.PATTERNS)
def test_every_pattern_is_the_same_sum(pattern):
    params = {"turns": 30, "pattern": pattern, "seed": 5}
    assert u64(common.make_work(ft_micro, params).op(2)) == lcg.lcg(7) + 30 * (1 + lcg.lcg(5) % 15)


def test_sha256_chain():
    work = cpu_sha256.Workload({"bytes": 0, "seed": 0, "links": 1000})
    known = "f61ec23d76b258605d544dab141cfc815bb3d433ee0069afd082a1c257ebbb14"
    assert work.op(int.from_bytes(b"gilbench", "little")).hex() == known


def lower_edge(index):
    """As runners/README.md says it."""
    if index < 64:
        return index
    e = index // 32 - 1
    return (index - 32 * e) << e


@pytest.mark.parametrize("value", [0, 1, 63, 64, 65, 127, 128, 1000, 12345, 10**6, 10**9, 2**40 - 1, 2**63])
def test_buckets(value):
    index = common.bucket(value)
    assert lower_edge(index) <= value < lower_edge(index + 1)
    assert index < 64 or (lower_edge(index + 1) - lower_edge(index)) * 32 <= value


def test_cpu_lists():
    assert common.cpu_list({0, 1, 2, 4, 7, 8}) == "0-2,4,7-8"
    assert common.cpu_list(set()) == ""
