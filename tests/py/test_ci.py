"""What runs where: the steps of .ci/run, the jobs of the workflows, and whether GitHub would understand these."""

import importlib.util
import re
import subprocess
import sys

import pytest
from wirechild import HOME, TIMEOUT_S

WORKFLOWS = sorted((HOME / ".github" / "workflows").glob("*.yml"))
STEPS = [line.split("|") for line in (HOME / ".ci" / "steps").read_text().splitlines() if line and line[0] != "#"]


def job(name):
    """The lines of a job of ci.yml."""
    text = (HOME / ".github" / "workflows" / "ci.yml").read_text()
    return re.search(rf"^  {name}:.*?(?=^  \w|\Z)", text, re.S | re.M)[0]


def test_every_step_has_a_job_on_github_and_a_target_here():
    targets = set(re.findall(r"^([a-z-]+):", (HOME / "Makefile").read_text(), re.M))
    assert len(STEPS) > 4 and STEPS[-1][0].strip() == "make test"
    for command, name, covers in STEPS:
        target = command.split()[1]
        assert target in targets and covers.strip() and re.search(rf"run: make {target}\b", job(name.strip())), command


def test_the_list_is_what_is_run(tmp_path):
    """.ci/run with a make that only says what it was called with."""
    fake = tmp_path / "make"
    fake.write_text('#!/bin/sh\necho "make $*"\ncase "$*" in bench*) exit 3 ;; esac\n')
    fake.chmod(0o755)
    env = {"PATH": f"{tmp_path}:/usr/bin:/bin", "PYTHON": "python3.99"}
    done = subprocess.run(["bash", HOME / ".ci" / "run"], capture_output=True, text=True, env=env, timeout=TIMEOUT_S)
    called = [line for line in done.stdout.splitlines() if line.startswith("make ")]
    steps = [" ".join(step[0].replace("${PYTHON:-python3}", "python3.99").split()) for step in STEPS]
    failing = next(number for number, step in enumerate(steps) if step.startswith("make bench"))
    assert called == steps[: failing + 1] and done.returncode == 3  # the first step that fails is the last one
    listed = subprocess.run(["make", "-s", "ci-list"], cwd=HOME, capture_output=True, text=True, timeout=TIMEOUT_S).stdout.splitlines()
    assert [" ".join(line.split()) for line in listed] == [" ".join(" ".join(step).split()) for step in STEPS]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_is_one(path):
    if not importlib.util.find_spec("check_jsonschema"):
        pytest.skip("check-jsonschema is not installed")
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.github-workflows", path]
    done = subprocess.run(command, capture_output=True, text=True, timeout=2 * TIMEOUT_S)
    assert done.returncode == 0, done.stdout + done.stderr


def test_what_workflows_run_is_there():
    targets = set(re.findall(r"^([a-z-]+):", (HOME / "Makefile").read_text(), re.M))
    for path in WORKFLOWS:
        text = re.sub(r"#.*|^ *(- )?name:.*", "", path.read_text(), flags=re.M)
        assert set(re.findall(r"\bmake ([a-z-]+)", text)) <= targets, path.name
        for script in re.findall(r"\b(scripts/\w+)", text):
            assert (HOME / script).exists(), f"{path.name}: {script}"
        verbs = set(re.findall(r"&verb_(\w+)", (HOME / "runners" / "driver" / "verbs.c").read_text()))
        assert set(re.findall(r"\bgilbench (\w+)", text)) <= verbs, path.name
