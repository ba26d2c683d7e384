"""What people install: gilbench by `make install`, without cpromise and without its source; cpromise, quick to import, without gilbench."""

import json
import os
import pathlib
import shutil
import subprocess
import sys

import pytest
from wirechild import BUILD, HOME, TIMEOUT_S

TINY = """[run]
reps = 1
samples = 1
warmup = 0
timeout_s = 30
[cpu_queens]
models = serial promise:await pthreads
workers = 1
ops = 20
n = 6
"""
PAPERS = ["share/man/man1/gilbench.1", "share/bash-completion/completions/gilbench", "share/zsh/site-functions/_gilbench"]
# what is built into the interpreter, and what every start of it imports
FREE = {"_collections_abc", "abc", "codecs", "genericpath", "io", "os", "os.path", "posixpath", "stat", *sys.builtin_module_names}


def make(target, *words):
    done = subprocess.run(["make", "-s", target, *words], cwd=HOME, capture_output=True, text=True, timeout=10 * TIMEOUT_S)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    if BUILD != HOME / "build" / "release" or not shutil.which("make"):
        pytest.skip("only what make builds by default is installed")
    root = tmp_path_factory.mktemp("root")
    make("install", f"DESTDIR={root}", "PREFIX=/opt/bench")
    yield root / "opt" / "bench"
    make("uninstall", f"DESTDIR={root}", "PREFIX=/opt/bench")
    assert [path for path in root.rglob("*") if not path.is_dir()] == []


def outside(folder, *command):
    """Runs in a folder of its own, with nothing of this tree in its environment."""
    env = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "GILBENCH_HOME", "GILBENCH_BUILD")}
    env.update(CI="1", PYTHON=sys.executable)
    return subprocess.run([*map(str, command)], cwd=folder, env=env, capture_output=True, text=True, timeout=4 * TIMEOUT_S)


def snapshot(folder):
    return {path: path.lstat().st_mtime_ns for path in folder.rglob("*")}


def test_an_installed_gilbench_runs_without_its_source_and_without_cpromise(installed, tmp_path):
    gilbench, before = installed / "bin" / "gilbench", snapshot(installed)
    (tmp_path / "tiny.ini").write_text(TINY)
    done = outside(tmp_path, gilbench, "run", "tiny.ini")
    assert done.returncode == 0, done.stderr
    document = json.loads((tmp_path / "results" / "latest" / "results.json").read_text())
    cells = {cell["id"].split("/")[1]: cell for cell in document["benchmarks"]}
    assert cells["serial"]["summary"]["ops_per_s"]["n"] == cells["pthreads"]["summary"]["ops_per_s"]["n"] == 1
    assert "cpromise does not import" in cells["promise:await"]["not_run"], cells["promise:await"]
    assert outside(tmp_path, gilbench, "validate", "results/latest/results.json").returncode == 0
    assert outside(tmp_path, gilbench, "report").returncode == 0
    assert snapshot(installed) == before  # results are kept where it was called


def test_the_papers_are_installed_and_the_version_is_that_of_the_package(installed, tmp_path):
    import cpromise

    done = outside(tmp_path, installed / "bin" / "gilbench", "--version")
    assert done.stdout.startswith(f"gilbench {cpromise.__version__} ("), done
    texts = [(installed / paper).read_text() for paper in PAPERS]
    assert f'"gilbench {cpromise.__version__}"' in texts[0] and "_gilbench()" in texts[1] and texts[2].startswith("#compdef gilbench")


def test_a_program_that_lost_its_house_says_so(tmp_path):
    shutil.copy(BUILD / "gilbench", tmp_path / "gilbench")
    done = outside(tmp_path, tmp_path / "gilbench", "list")
    assert done.returncode == 1 and "has runners/adapters/models.ini; GILBENCH_HOME names the one that does" in done.stderr


@pytest.mark.skipif(not shutil.which("git"), reason="git is not installed here")
def test_an_installed_gilbench_compares_commits_of_the_tree_that_it_is_called_in(installed, tmp_path):
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    done = outside(tmp_path, installed / "bin" / "gilbench", "ab", "no-such-ref", "HEAD")
    assert done.returncode == 2 and f"'no-such-ref' is no git ref of {tmp_path}" in done.stderr


def test_the_import_brings_nothing_along():
    code = "import sys; before = set(sys.modules); import cpromise; print(*set(sys.modules) - before)"
    path = pathlib.Path(sys.modules["cpromise"].__file__).parents[1]
    command = [sys.executable, "-I", "-S", "-c", f"import sys; sys.path.insert(0, {str(path)!r}); {code}"]
    brought = set(subprocess.run(command, capture_output=True, text=True, check=True, timeout=TIMEOUT_S).stdout.split())
    ours = {name for name in brought if name.split(".")[0] == "cpromise"}
    assert brought - ours - FREE == set() and {"cpromise", "cpromise._cpromise"} <= ours


def test_what_is_fetched_late_is_there_all_the_same():
    import cpromise

    assert set(cpromise.__all__) <= set(dir(cpromise))
    assert all(hasattr(cpromise, name) for name in cpromise.__all__)
    with pytest.raises(AttributeError, match="module 'cpromise' has no attribute 'signals'"):
        cpromise.signals
