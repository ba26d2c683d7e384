"""to_executor past one machine: docs/examples/dask_chain.py on a Dask cluster of two worker processes."""

import pathlib
import subprocess
import sys

import pytest

EXAMPLE = pathlib.Path(__file__).resolve().parents[2] / "docs" / "examples" / "dask_chain.py"


def test_a_chain_on_two_dask_workers():
    pytest.importorskip("distributed", reason="Dask's distributed cannot be had here")
    done = subprocess.run([sys.executable, EXAMPLE, "30"], capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    first, second = done.stdout.splitlines()
    assert first.startswith("the squares below 30 add up to 8555, by ") and first.split()[-3] in "12"
    assert second == "and what fails there fails here: invalid literal for int() with base 10: 'no number'"
