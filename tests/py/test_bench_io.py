"""The benchmark of sockets, short: every server that can run here answers every byte, and what is written adds up."""

import json
import pathlib
import shutil
import subprocess
import sys

import pytest
from wirechild import TIMEOUT_S

BENCH = pathlib.Path(__file__).resolve().parents[2] / "scripts" / "bench_cpromise"
SERVERS = ["C epoll", "cpromise", "asyncio Protocol", "asyncio streams", "threads"]
needs_programs = pytest.mark.skipif(not shutil.which("echo-client"), reason="echo-client is not on PATH: run through make test, or eval $(make -s env)")


def bench(tmp_path, *options):
    file = tmp_path / "bench.json"
    command = [sys.executable, BENCH, *options, "--io-rounds", "1", "--seconds", "0.05", "--json", file]
    done = subprocess.run(command, capture_output=True, text=True, timeout=10 * TIMEOUT_S)
    assert done.returncode == 0, done.stderr
    return json.loads(file.read_text()), done.stdout


@needs_programs
@pytest.mark.parametrize("row", ["echo16", "line64", "pipeline64", "pipelined_lines64"])
def test_every_server_answers_every_shape_of_load(tmp_path, row):
    content, printed = bench(tmp_path, "--echo", "--only", row, "--servers", ",".join(SERVERS))
    assert content["echo"]["missing"] == {}
    servers = content["echo"]["rows"][row]["servers"]
    assert set(servers) == set(SERVERS)
    for name, found in servers.items():
        assert found["slices"][0]["rate"] > 0 and found["slices"][0]["cpu_us"] > 0 and f"| {name} |" in printed
        assert found["slices"][0]["p50_us"] <= found["slices"][0]["p99_us"]


@needs_programs
def test_goals_are_judged_by_throughput_and_by_cpu_time(tmp_path):
    content, printed = bench(tmp_path, "--accept", "--servers", "cpromise,uvloop Protocol")
    if "uvloop Protocol" in content["accept"]["missing"]:
        pytest.skip(content["accept"]["missing"]["uvloop Protocol"])
    assert [goal["by"] for goal in content["accept"]["goals"]] == ["throughput", "CPU time"]
    assert "accept: cpromise against uvloop Protocol" in printed


@needs_programs
def test_what_cannot_run_here_is_a_row_with_its_reason(tmp_path):
    content, printed = bench(tmp_path, "--echo", "--only", "echo16", "--servers", "cpromise,cpromise io_uring")
    reason = content["echo"]["missing"].get("cpromise io_uring")
    assert reason is None or f"refused: {reason}" in printed


@needs_programs
def test_a_server_that_answers_wrongly_is_refused(tmp_path):
    wrong = tmp_path / "wrong.py"
    wrong.write_text(
        "import socket\nserver = socket.create_server(('127.0.0.1', 0))\nprint(server.getsockname()[1], flush=True)\n"
        "sock, _ = server.accept()\nwhile data := sock.recv(65536):\n    sock.sendall(data[::-1])\n"
    )
    server = subprocess.Popen([sys.executable, wrong], stdout=subprocess.PIPE, text=True)
    port = server.stdout.readline().strip()
    done = subprocess.run(["echo-client", f"port={port}", "conns=1", "seconds=0.1"], capture_output=True, text=True, timeout=TIMEOUT_S)
    server.kill()
    server.wait()
    server.stdout.close()
    assert done.returncode == 1 and "what came back is not what was sent" in done.stderr


def test_work_off_the_loop_is_measured_against_run_in_executor(tmp_path):
    content, printed = bench(tmp_path, "--offloop")
    contenders = content["offloop"]["contenders"]
    for name in ("to_thread", "ThreadPoolExecutor", "to_process", "ProcessPoolExecutor"):
        assert all(contenders[name][what]["samples"][0] > 0 for what in ("round_trip", "pipelined", "speed_up"))
    assert contenders["control"]["speed_up"]["median"] > 0
    assert "| processes: pipelined, us a task |" in printed
