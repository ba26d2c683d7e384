"""The TCP echo under load, by gilbench, in processes of their own on pinned cores."""

import json
import os
import subprocess
import sys
import tempfile

HOME = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def cells():
    with tempfile.TemporaryDirectory() as folder:
        command = ["gilbench", "run", "echo", "--python", sys.executable, "-o", os.path.join(folder, "run"), "--progress", "none"]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=HOME)
        with open(os.path.join(folder, "run", "results.json"), encoding="utf-8") as file:
            return [cell for cell in json.load(file)["benchmarks"] if cell["summary"]["ops_per_s"]]


def interval(figure, divisor=1, digits=0):
    value, low, high = (f"{figure[name] / divisor:.{digits}f}" for name in ("value", "lo", "hi"))
    return f"{value} [{low}, {high}]"


def table():
    """Lines of Markdown. A model is compared with asyncio at the same number of connections."""
    found = cells()
    base = {cell["params"]["concurrency"]: cell["summary"] for cell in found if cell["model"] == "asyncio"}
    yield "| echo, 1 KiB | connections | requests/s [95 %] | CPU us a request [95 %] | throughput / asyncio | CPU asyncio / this |"
    yield "|---" * 6 + "|"
    for cell in found:
        connections, rate, cpu = cell["params"]["concurrency"], cell["summary"]["ops_per_s"], cell["summary"]["cpu_ns_per_op"]
        faster = rate["value"] / base[connections]["ops_per_s"]["value"]
        cheaper = base[connections]["cpu_ns_per_op"]["value"] / cpu["value"]
        figures = f"{interval(rate)} | {interval(cpu, 1e3, 1)} | {faster:.2f}x | {cheaper:.2f}x"
        yield f"| {cell['model']} | {connections} | {figures} |"
