"""gilbench advise: from tables that were measured, and from a user's function. How good its model is: tests/c/test_advise.c."""

import json
import os
import re
import subprocess
import sys

import pytest

HOME = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
GILBENCH = os.path.join(HOME, "build", "release", "gilbench")
MATRIX = """[run]
reps = 1
samples = 1
warmup = 0
[mix_cross]
models = asyncio threads
f = 0
concurrency = 64 512
ops = 600
[mix_cross]
models = asyncio threads
f = 500 1000
concurrency = 64
ops = 64
steps_per_ms = 1000
"""


def gilbench(*args, **kwargs):
    env = {**os.environ, "PYTHON": sys.executable, "CI": "1"}
    return subprocess.run([GILBENCH, *map(str, args)], capture_output=True, text=True, timeout=240, env=env, **kwargs)


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    """A run of two models, with a tenth of the work."""
    folder = tmp_path_factory.mktemp("advise")
    (folder / "m.ini").write_text(MATRIX.replace("concurrency = 64 512", "concurrency = 64 512\nsteps_per_ms = 1000"))
    done = gilbench("run", folder / "m.ini", "-o", folder / "out", "--progress", "none")
    assert done.returncode == 0, done.stderr
    return folder / "out"


def test_models_are_ranked_for_the_work_described(tables):
    done = gilbench("advise", "--tables", tables, "--wait-ms", 5, "--cpu-us", 100, "--concurrency", 10)
    assert done.returncode == 0, done.stderr
    rows = re.findall(r"^ *(\d+)  (\S+) +([\d.]+k?) \[([\d.]+k?), ([\d.]+k?)\]  p99 .* kept by (waiting|the loop|Python, a lane): (mix_cross/\S+)", done.stdout, re.M)
    assert sorted(row[1] for row in rows) == ["asyncio", "threads"] and [row[0] for row in rows] == ["1", "2"]
    number = [float(row[2].replace("k", "e3")) for row in rows]
    assert number[0] >= number[1] and number[0] <= 10 / 0.005  # ten requests that wait 5 ms each
    assert 'The folk rule says "it waits for long: asyncio"' in done.stdout or "The folk rule says the same" in done.stdout
    assert "Not in the tables: threads_offload:process" in done.stdout


def test_limits_are_kept_or_it_is_said(tables):
    done = gilbench("advise", "--tables", tables, "--wait-ms", 5, "--memory-mb", 1, "--p99-ms", 1)
    assert done.returncode == 0 and done.stdout.count("OVER the memory") == 2 and done.stdout.count("MISSES the p99") == 2
    assert "but nothing keeps all limits" in done.stdout


def test_the_score_names_each_model_its_error_and_the_regret(tables):
    done = gilbench("advise", "--score", tables)
    assert done.returncode == 0, done.stderr
    assert re.search(r"^asyncio +1 +[\d.]+ % +[\d.]+ %", done.stdout, re.M)
    assert re.search(r"^\d of 2 predictions of requests a second are within 25 %", done.stdout, re.M)


FUNCTIONS = """
import asyncio, hashlib, time
BYTES = bytes(1 << 20)
def waits(): time.sleep(0.02)
def computes(): sum(i * i for i in range(20000))
def hashes(): hashlib.sha256(BYTES).digest(); print("not the answer")
def takes(x): pass
def raises(): raise KeyError("k")
async def coroutine(): pass
"""


@pytest.fixture(scope="module")
def functions(tmp_path_factory):
    path = tmp_path_factory.mktemp("functions") / "app.py"
    path.write_text(FUNCTIONS)
    return path


def profile(path, name):
    script = os.path.join(HOME, "runners", "adapters", "profile_user.py")
    done = subprocess.run([sys.executable, script, f"{path}:{name}"], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return {key: float(value) for key, value in re.findall(r"(\w+)=([\d.]+)", done.stdout)}


def test_a_function_is_profiled(functions):
    """Which of the three is the largest: the machine may be at work."""
    waits, computes, hashes = (profile(functions, name) for name in ("waits", "computes", "hashes"))
    assert waits["wait_us"] >= 19000 and waits["python_us"] + waits["native_us"] < 5000
    assert computes["python_us"] + computes["native_us"] > 100
    assert hashes["native_us"] + hashes["python_us"] > 100
    assert computes["held_us"] / (computes["python_us"] + computes["native_us"]) > hashes["held_us"] / (hashes["python_us"] + hashes["native_us"]) or os.getloadavg()[0] > 2


def test_a_profile_is_answered(functions, tables):
    done = gilbench("advise", "--tables", tables, "--profile", f"{functions}:waits", "--concurrency", 20)
    assert done.returncode == 0, done.stderr
    assert re.match(r"a request waits 2\d\.\d ms, computes .* in Python and .* in C; 20 under way", done.stdout)


@pytest.mark.parametrize(
    "args, message",
    [
        ((), "what does a request do? --wait-ms, --cpu-us and --native-us say it"),
        (("--wait-ms", "long"), "--wait-ms: a number of 0 or more expected, not 'long'"),
        (("--cpu-us", "-1"), "--cpu-us: a number of 0 or more expected, not '-1'"),
        (("--wait-ms", "1", "--concurrency", "0"), "--concurrency: a number of 1 or more expected, not '0'"),
        (("--wait-ms", "1", "--cores", "0"), "--cores: a number of 1 or more expected, not '0'"),
        (("--wait-ms", "1", "--profile", "a.py:f"), "one or the other"),
        (("--wait-ms", "1", "--tables", "nowhere"), "no such run: nowhere"),
        (("--wait-ms", "1", "much"), "'much' is too much"),
    ],
)
def test_bad_input_is_named(args, message, tmp_path):
    done = gilbench("advise", *args, cwd=tmp_path)
    assert done.returncode == 2 and message in done.stderr and done.stdout == "", done.stderr


@pytest.mark.parametrize(
    "name, message",
    [
        ("takes", "takes x: name a function that takes no argument"),
        ("raises", "raised KeyError: 'k'"),
        ("coroutine", "coroutine is a coroutine"),
        ("nothing", "has no function 'nothing'"),
    ],
)
def test_a_function_that_cannot_be_profiled_is_named(functions, tables, name, message):
    done = gilbench("advise", "--tables", tables, "--profile", f"{functions}:{name}")
    assert done.returncode == 2 and message in done.stderr, done.stderr


def test_tables_without_the_cells_are_refused(tmp_path):
    run = json.load(open(os.path.join(HOME, "tests", "data", "run-1.0.json")))
    (tmp_path / "results.json").write_text(json.dumps(run))
    done = gilbench("advise", "--tables", tmp_path, "--wait-ms", 1)
    assert done.returncode == 77 and "gilbench advise --measure" in done.stderr
