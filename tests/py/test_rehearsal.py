"""A fork and its pull requests, rehearsed with git on this machine: what scripts/gate says of a branch that is slower, and of one that is not.

Upstream is a bare repository of what is committed here. A contributor clones it, and pushes branches to a fork; upstream goes on meanwhile.
The CI fetches a branch as a pull request's head and runs scripts/gate as .github/workflows/gate.yml does.
"""

import os
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as xml

import pytest
from test_gilbench_gate import cores_are_wanted
from wirechild import BUILD, HOME

pytestmark = pytest.mark.long

MATRIX = "[run]\ntimeout_s = 60\n[loop_steps]\nmodels = promise_loop:then\nworkers = 1\nops = 200\n"
POLICY = "[gate]\nmatrix = {matrix}\ncells = *\nlooks = 12 24\nir = off\nbudget_s = 240\n"
CHANGES = {  # what cp_promise_settle begins with
    "slower": "    for (volatile int i = 0; i < 120; i++) {\n    }\n",
    "neutral": "    /* settles it */\n",
}
SETTLE = re.compile(r"^int cp_promise_settle\([^;{]*\{\n", re.M)


def git(folder, *words):
    command = ["git", "-C", folder, "-c", "user.name=A Contributor", "-c", "user.email=contributor@fork.example", *words]
    return subprocess.run(list(map(str, command)), check=True, capture_output=True, text=True).stdout.strip()


def commit(clone, path, change, subject):
    file = clone / path
    file.write_text(change(file.read_text()))
    git(clone, "commit", "-q", "-a", "-m", subject)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """upstream.git, fork.git with a branch for each change, and the CI's clone."""
    if not (HOME / ".git").exists() or not shutil.which("git"):
        pytest.skip("this is no git repository, or git is not installed here")
    folder = tmp_path_factory.mktemp("rehearsal")
    git(folder, "clone", "-q", "--bare", HOME, folder / "upstream.git")
    branch = git(folder / "upstream.git", "symbolic-ref", "--short", "HEAD")
    git(folder, "clone", "-q", "--bare", folder / "upstream.git", folder / "fork.git")
    git(folder, "clone", "-q", folder / "upstream.git", folder / "contributor")
    contributor = folder / "contributor"
    for name in CHANGES:
        git(contributor, "checkout", "-q", "-b", name, f"origin/{branch}")
        commit(contributor, "ext/core/promise.c", lambda text: SETTLE.sub(lambda match: match[0] + CHANGES[name], text), f"core: {name}")
        git(contributor, "push", "-q", folder / "fork.git", name)
    git(contributor, "checkout", "-q", branch)  # upstream goes on: nobody may be blamed or praised for this
    commit(contributor, "README.md", lambda text: text + "\nMore.\n", "docs: more")
    git(contributor, "push", "-q", "origin", branch)
    git(folder, "clone", "-q", folder / "upstream.git", folder / "ci")
    (folder / "then.ini").write_text(MATRIX)
    (folder / "policy.ini").write_text(POLICY.format(matrix=folder / "then.ini"))
    return folder, branch


def pull_request(place, name):
    """What the CI does with it: (process, summary)."""
    folder, branch = place
    ci, summary = folder / "ci", folder / f"{name}.md"
    git(ci, "fetch", "-q", folder / "fork.git", name)
    git(ci, "checkout", "-q", "--detach", "FETCH_HEAD")
    env = {**os.environ, "GILBENCH": str(BUILD / "gilbench"), "PYTHON": sys.executable, "GITHUB_ACTIONS": "true"}
    env.update(GITHUB_BASE_REF=branch, GITHUB_STEP_SUMMARY=str(folder / "step.md"), CI="true")
    command = ["scripts/gate", "--policy", folder / "policy.ini", "--summary", summary, "--junit", folder / f"{name}.xml", "-o", folder / f"{name}-results"]
    for _ in range(2):
        if cores_are_wanted():
            pytest.skip("this machine is at work: somebody waits for a core for four fifths of the time")
        shutil.rmtree(folder / f"{name}-results", ignore_errors=True)
        summary.unlink(missing_ok=True)
        done = subprocess.run([*map(str, command)], cwd=ci, env=env, capture_output=True, text=True, timeout=1500)
        if done.returncode != 5:
            return done, summary.read_text() if summary.exists() else ""
    pytest.skip("this machine is too disturbed to measure: " + done.stdout.splitlines()[0])


def row_of(summary):
    (row,) = (line for line in summary.splitlines() if line.startswith("| loop"))
    return [cell.strip() for cell in row.strip("|").split("|")]


def test_the_branches_differ_in_what_is_meant_alone(place):
    folder, branch = place
    for name, line in CHANGES.items():
        added = git(folder / "fork.git", "diff", f"{branch}...{name}").splitlines()
        assert [text[1:] for text in added if re.match(r"[+-](?![+-])", text)] == line.splitlines()


def test_a_slower_branch_is_stopped_and_the_summary_says_by_how_much(place):
    done, summary = pull_request(place, "slower")
    assert done.returncode == 3, (done.stdout, done.stderr)
    assert "which is measured in its place" in done.stderr  # not against what upstream did meanwhile
    assert summary.startswith("## gilbench gate: regressed\n") and "Null control" in summary
    benchmark, verdict, ratio = row_of(summary)[:3]
    assert "promise" in benchmark and verdict == "**regressed**" and float(ratio.split()[0]) > 1.03
    assert re.search(r"^::error title=regressed - loop_steps/promise_loop", done.stdout, re.M)
    assert xml.parse(place[0] / "slower.xml").getroot().get("failures") == "1"
    assert (place[0] / "step.md").read_text().startswith(summary)


def test_a_neutral_branch_passes(place):
    done, summary = pull_request(place, "neutral")
    assert done.returncode == 0, (done.stdout, done.stderr)
    assert row_of(summary)[1] in ("ok", "improved", "inconclusive") and "::error" not in done.stdout
    assert xml.parse(place[0] / "neutral.xml").getroot().get("failures") == "0"
