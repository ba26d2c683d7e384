"""What gilbench tells shells and man of itself. That it names every verb and option is tested in tests/c/test_help.c."""

import os
import re
import shutil
import subprocess

import pytest

HOME = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
GILBENCH = os.path.join(HOME, "build", "release", "gilbench")


def gilbench(*args, **kwargs):
    return subprocess.run([GILBENCH, *args], capture_output=True, text=True, timeout=60, **kwargs)


def needs(program):
    if not shutil.which(program):
        pytest.skip(f"{program} is not installed")


def completed(line, folder):
    """What bash offers behind `line`."""
    needs("bash")
    script = f"""
        eval "$({GILBENCH} completion bash)"
        COMP_WORDS=({line}) COMP_CWORD=$(( {len(line.split())} - 1 ))
        _gilbench
        printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    done = subprocess.run(["bash", "--norc", "-uc", script], capture_output=True, text=True, timeout=60, cwd=folder)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.splitlines()


@pytest.mark.parametrize(
    "line, there, not_there",
    [
        ("gilbench re", ["report"], ["run"]),
        ("gilbench run sm", ["smoke"], ["default"]),
        ("gilbench run --pro", ["--progress"], ["--python"]),
        ("gilbench run --progress p", ["plain"], ["auto"]),
        ("gilbench run --progress = n", ["none"], ["plain"]),
        ("gilbench export --to h", ["hyperfine"], ["md"]),
        ("gilbench report a", ["a file"], []),
        ("gilbench help ga", ["gate"], ["run"]),
        ("gilbench completion z", ["zsh"], ["bash"]),
    ],
)
def test_bash_completes(line, there, not_there, tmp_path):
    (tmp_path / "a file").write_text("")
    offered = completed(line, tmp_path)
    assert set(there) <= set(offered) and not set(not_there) & set(offered)


def test_zsh_takes_the_completion(tmp_path):
    needs("zsh")
    script = f"""autoload -Uz compinit && compinit -D -u
        eval "$({GILBENCH} completion zsh)" && print -r -- $_comps[gilbench]"""
    done = subprocess.run(["zsh", "-fc", script], capture_output=True, text=True, timeout=60, env={**os.environ, "HOME": str(tmp_path)})
    assert (done.stdout, done.stderr) == ("_gilbench\n", "")


def test_the_manual_page_renders_without_warnings(tmp_path):
    needs("groff")
    page = tmp_path / "gilbench.1"
    page.write_text(gilbench("help", "--man").stdout)
    done = subprocess.run(["groff", "-man", "-ww", "-Tascii", "-P-cbu", page], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    assert "gilbench run [MATRIX] [options]" in done.stdout and "--progress auto|plain|none" in done.stdout


def test_help_fits_the_terminal_and_is_found_anywhere():
    needs("script")
    done = subprocess.run(["script", "-qec", f"stty cols 60; {GILBENCH} run smoke --seed 1 --help", "/dev/null"], capture_output=True, text=True, timeout=60)
    lines = done.stdout.splitlines()
    assert lines[0].startswith("usage: gilbench run") and 50 < max(map(len, lines)) <= 60
    assert gilbench("help", "run").stdout == gilbench("run", "--help").stdout


@pytest.mark.parametrize("args", [["help", "nope"], ["help", "--nope"], ["completion"], ["completion", "fish"], ["plot", "--nope"], ["list", "x"]])
def test_usage_errors(args):
    done = gilbench(*args)
    assert done.returncode == 2 and done.stdout == "" and "gilbench" in done.stderr.splitlines()[-1]


TINY = "[run]\nreps = 2\nsamples = 1\nwarmup = 0\n[cpu_queens]\nmodels = fake:good fake:bad_digest\nworkers = 1\nops = 20\n"


@pytest.mark.parametrize("columns, more, coloured", [(80, {}, True), (140, {}, True), (80, {"NO_COLOR": "1"}, False), (80, {"CI": "1"}, False)])
def test_a_run_on_a_terminal(tmp_path, columns, more, coloured):
    """The table is aligned and no row with numbers is broken; colours only where they are wanted."""
    needs("script")
    (tmp_path / "m.ini").write_text(TINY)
    env = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "CI")}
    command = f"stty cols {columns}; {GILBENCH} run m.ini -o out"
    done = subprocess.run(["script", "-qec", command, "/dev/null"], capture_output=True, text=True, timeout=60, cwd=tmp_path, env={**env, "TERM": "xterm", **more})
    assert ("\033[3" in done.stdout) == coloured
    assert ("ETA" in done.stdout) == ("CI" not in more)
    lines = [re.sub(r"\033\[[0-9;]*[mK]", "", line) for line in done.stdout.splitlines()]
    head = next(line for line in lines if line.startswith("workload"))
    good = next(line for line in lines if line.startswith("cpu_queens  fake:good"))
    bad = next(line for line in lines if line.startswith("cpu_queens  fake:bad_digest") and "VOID: checksum" in line)
    assert max(len(head), len(good)) <= columns and ("CPU/op" in head) == (columns > 100)
    assert head.index("ops/s") == re.search(r"\d\S* \[", good).start() == bad.index("VOID")
