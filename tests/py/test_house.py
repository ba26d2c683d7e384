"""The scripts that keep the house: each breach of a direction is found, and set-up says what is missing."""

import os
import re
import subprocess
import sys
import sysconfig

import pytest

HOME = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
CHECK = os.path.join(HOME, "scripts", "check_house")

BREACHES = [
    ("ext/core/a.c", "#include <Python.h>", "the core knows nothing of Python"),
    ("ext/core/a.c", '#include "../binding/binding.h"', "the core knows nothing of Python"),
    ("runners/driver/a.c", '#include "../../workloads/workload.h"', "only by exec"),
    ("runners/stats/a.c", "#include <stdio.h>", "no input or output"),
    ("workloads/a.c", "clock_gettime(0, &t);", "no clock"),
    ("workloads/a.py", "import threading", "no scheduling"),
    ("runners/driver/b.c", "#include <jansson.h>", "only the files of the formats see the JSON library"),
    ("runners/driver/b.c", "#include <hwloc.h>", "one header sees hwloc"),
    ("ext/core/b.c", "pthread_mutex_lock(&m);", "has mutexes"),
    ("plots/a.gp", 'plot "results.json"', ".dat files only"),
    ("tests/c/test_ghost.c", "", "there is no ghost.c that it tests"),
    ("ext/core/c.c", "/* TO" + "DO: later */", "unfinished work"),
]


def check(root):
    return subprocess.run([sys.executable, CHECK, str(root)], capture_output=True, text=True)


@pytest.mark.parametrize("path, text, why", BREACHES)
def test_a_breach_is_found(tmp_path, path, text, why):
    file = tmp_path / path
    file.parent.mkdir(parents=True)
    file.write_text(text + "\n")
    done = check(tmp_path)
    assert done.returncode == 1 and why in done.stderr and path in done.stderr


def test_an_include_cycle_is_found(tmp_path):
    (tmp_path / "ext").mkdir()
    (tmp_path / "ext" / "a.h").write_text('#include "b.h"\n')
    (tmp_path / "ext" / "b.h").write_text('#include "a.h"\n')
    assert "include cycle: ext/a.h -> ext/b.h -> ext/a.h" in check(tmp_path).stderr


def test_this_house_is_in_order():
    done = check(HOME)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    "args, message",
    [
        (["--python", "no-such-python"], "there is no interpreter 'no-such-python'"),
        (["--python", "true"], "is not a Python 3 that works"),
        (["--for", "fun"], "dist or browser, not 'fun'"),
        (["--nonsense"], "usage: scripts/setup"),
    ],
)
def test_setup_says_what_is_wrong(args, message):
    done = subprocess.run([os.path.join(HOME, "scripts", "setup"), *args], capture_output=True, text=True)
    assert done.returncode in (1, 2) and message in done.stderr


def test_setup_names_an_interpreter_without_headers(tmp_path):
    fake = tmp_path / "python"
    fake.write_text(f"#!/bin/sh\necho /no/such/include cpython-311 3.11 1 1 0\n")
    fake.chmod(0o755)
    done = subprocess.run([os.path.join(HOME, "scripts", "setup"), "--python", str(fake)], capture_output=True, text=True)
    assert done.returncode == 1 and "has no headers: /no/such/include/Python.h" in done.stderr


def test_recipes_that_need_the_interpreter_come_after_its_set_up():
    """A recipe is expanded before its first line runs: on a bare machine there is no Python yet unless a target before it installed one."""
    text = open(os.path.join(HOME, "Makefile")).read()
    rules = re.findall(r"^([a-z-]+):([^\n#]*)[^\n]*\n((?:\t[^\n]*\n)+)", text, re.M)
    needing = {target: needs for target, needs, recipe in rules if "$(VENV)" in recipe}
    assert len(needing) > 8 and [target for target, needs in needing.items() if not needs.strip().startswith("setup")] == []
    assert [target for target, _, recipe in rules if "scripts/setup" in recipe and "$(VENV)" in recipe] == []


def test_an_interpreter_that_set_up_installs_is_found(tmp_path):
    late, python = tmp_path / "late.mk", tmp_path / "python"
    late.write_text(f"include Makefile\ninstall-it:\n\tln -s {sys.executable} {python}\nlate: install-it\n\t@echo $(VENV)\n")
    done = subprocess.run(["make", "-s", "-f", late, f"PYTHON={python}", "late"], cwd=HOME, capture_output=True, text=True)
    assert done.stdout == f"build/venv-{sysconfig.get_config_var('SOABI')}\n", done
