"""scripts/prove_gate: its arithmetic and the slower then(), and, among the long tests, a run of each kind."""

import importlib.machinery
import importlib.util
import os
import shutil
import subprocess
import sys

import pytest

HOME = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SCRIPT = os.path.join(HOME, "scripts", "prove_gate")


@pytest.fixture(scope="module")
def prove():
    loader = importlib.machinery.SourceFileLoader("prove_gate", SCRIPT)
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("prove_gate", loader))
    sys.dont_write_bytecode, before = True, sys.dont_write_bytecode
    loader.exec_module(module)
    sys.dont_write_bytecode = before
    return module


@pytest.mark.parametrize("hits, tries, low, high", [(20, 20, 0.8609, 1), (19, 20, 0.7839, 0.9974), (0, 20, 0, 0.1391), (0, 300, 0, 0.009936), (1, 1, 0.05, 1)])
def test_bounds_are_clopper_and_pearson_s(prove, hits, tries, low, high):
    assert prove.at_least(hits, tries) == pytest.approx(low, abs=1e-4)
    assert prove.at_most(hits, tries) == pytest.approx(high, abs=1e-4)


def test_then_is_found_in_the_source_and_made_longer(prove):
    with open(os.path.join(HOME, prove.PATH)) as file:
        source = file.read()
    slower = prove.slow_down(source, 24)
    assert len(slower.splitlines()) == len(source.splitlines()) + 2 and "injected < 24" in slower
    with pytest.raises(prove.Failed, match="tell scripts/prove_gate"):
        prove.slow_down(source.replace("promise_then", "promise_and"), 24)


@pytest.mark.parametrize(
    "slower, equal, code",
    [
        ({"regressed": 3}, {"ok": 2, "inconclusive": 1}, 0),
        ({"regressed": 2, "contaminated": 1}, {"ok": 3}, 5),
        ({"regressed": 2, "inconclusive": 1}, {"ok": 3}, 1),
        ({"regressed": 3}, {"ok": 2, "regressed": 1}, 1),
    ],
)
def test_what_was_counted_is_printed_and_decides_the_exit_code(prove, capsys, slower, equal, code):
    counts = {"slower": prove.collections.Counter(slower), "equal": prove.collections.Counter(equal)}
    assert prove.report(counts, 0.0502, 3) == code
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith(f"then() slower (5.02 % more instructions): caught {slower['regressed']} of 3, at least ")
    assert second.startswith(f"the same commit against itself: stopped {equal.get('regressed', 0)} of 3, at most ")


@pytest.mark.parametrize("args, code, text", [(["--help"], 0, "example:"), (["--runs", "0"], 2, "more than 0"), (["--nope"], 2, "--nope")])
def test_usage(args, code, text):
    done = subprocess.run([SCRIPT, *args], capture_output=True, text=True, timeout=30)
    assert done.returncode == code and text in done.stdout + done.stderr


@pytest.mark.long
def test_a_slower_then_is_caught_and_the_same_commit_passes(tmp_path):
    if not os.path.exists(os.path.join(HOME, ".git")) or not shutil.which("git"):
        pytest.skip("this is no git repository, or git is not installed here")
    done = subprocess.run([SCRIPT, "--runs", "1", "--budget", "90"], capture_output=True, text=True, timeout=1800, env={**os.environ, "PYTHON": sys.executable})
    assert done.returncode in (0, 1, 5), done.stderr
    assert "caught" in done.stdout and "the same commit against itself: stopped 0 of 1" in done.stdout, done.stdout
    if shutil.which("valgrind"):
        share = float(done.stdout.split("(")[2].split()[0])
        assert 4.4 <= share <= 5.6
