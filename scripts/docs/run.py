"""Runs the blocks of a document, in a folder that looks like the repository's."""

import importlib.util
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
import tempfile
import time

import blocks
import commands
import quotes

PORT, TIMEOUT_S = "6400", 120
SESSION = pathlib.Path(__file__).with_name("session.py")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


def agrees(expected, printed):
    """Whether it was printed so; `...` stands for anything, and blanks at the ends of lines for nothing."""
    expected, printed = ("\n".join(line.rstrip() for line in text.strip().splitlines()) for text in (expected, printed))
    pattern = ".*".join(map(re.escape, expected.split("...")))
    return re.fullmatch(pattern, printed, re.S) is not None


# Files that somebody else's program will read: their schemas come with check-jsonschema, where that is installed.
SCHEMAS = {".gitlab-ci.yml": "gitlab-ci", ".github/workflows": "github-workflows"}


def _unfit(path, name):
    """What is wrong with a file of configuration."""
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema"]
    for start, schema in SCHEMAS.items():
        if name.startswith(start) and importlib.util.find_spec("check_jsonschema"):
            done = subprocess.run([*command, f"vendor.{schema}", path], capture_output=True, text=True)
            return done.stdout + done.stderr if done.returncode else ""
    return ""


def _exit_code(process):
    """Of a process that ends in time, else None. It stays a zombie."""
    deadline = time.monotonic() + TIMEOUT_S
    while not (ended := os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT | os.WNOHANG)):
        if time.monotonic() > deadline:
            return None
        time.sleep(0.01)
    return ended.si_status if ended.si_code == os.CLD_EXITED else -ended.si_status


class Reader:
    """Somebody who types in the blocks of one document. A context manager that leaves nothing running."""

    def __init__(self, home):
        self.home, self.processes, self.python = home, [], None
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="docs-"))
        self.port = free_port()
        self._furnish()

    def _furnish(self):
        for entry in self.home.iterdir():
            if entry.name not in (".git", "results"):
                (self.folder / entry.name).symlink_to(entry)
        (self.folder / "results").mkdir()
        for schema in (self.home / "results").glob("*.json"):
            shutil.copy(schema, self.folder / "results")
        build = self.home / "build" / "release"
        path = [str(build), sysconfig.get_path("scripts"), os.environ["PATH"]]
        self.env = {**os.environ, "PATH": ":".join(path), "PYTHON": sys.executable, "GILBENCH_HOME": str(self.folder), "CI": "true"}
        self.env.update(GITHUB_ACTIONS="", GITHUB_STEP_SUMMARY="")  # what is typed here is no news for GitHub
        self.env["PYTHONPATH"] = ":".join(filter(None, [str(build / "python"), os.environ.get("PYTHONPATH")]))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.python:
            self.python.stdin.close()
            self.answers.close()
        for process in self.processes:  # none was waited for, so that its number still names its group and no other
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        shutil.rmtree(self.folder)

    def text(self, block):
        return block.text.replace(PORT, self.port)

    def type(self, block):
        """(what it printed, complaint or "")."""
        if "prelude" in block.keys:
            prelude = pathlib.Path(block.keys["prelude"])
            printed, complaint = self._run_python(str(prelude), 0, (self.home / prelude).read_text())
            if complaint:
                return printed, complaint
        if "file" in block.keys:
            target = self.folder / block.keys["file"]
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(self.text(block))
            return "", _unfit(target, block.keys["file"])
        if block.language == "python":
            return self._run_python(block.place(self.home).rpartition(":")[0], block.line, self.text(block))
        return self._run_shell(self.text(block), int(block.keys.get("exit", 0)))

    def _run_python(self, path, line, text):
        if self.python is None:
            read, write = os.pipe()
            command = [sys.executable, "-X", "dev", SESSION, str(write)]
            self.python = subprocess.Popen(
                command, cwd=self.folder, env=self.env, stdin=subprocess.PIPE, pass_fds=(write,), text=True, start_new_session=True
            )
            os.close(write)
            self.answers = os.fdopen(read)
            self.processes.append(self.python)
        output = self.folder / "python.out"
        self.python.stdin.write(json.dumps({"path": path, "line": line, "text": text, "output": str(output)}) + "\n")
        self.python.stdin.flush()
        signal.signal(signal.SIGALRM, self._too_slow)
        signal.alarm(TIMEOUT_S)
        answer = self.answers.readline()
        signal.alarm(0)
        printed = output.read_text()
        return printed, (json.loads(answer) or "") if answer else f"the interpreter died, or was at it for {TIMEOUT_S} s\n{printed}"

    def _too_slow(self, *_):
        self.python.kill()

    def _run_shell(self, text, status):
        out, err = self.folder / "sh.out", self.folder / "sh.err"
        with open(out, "w") as stdout, open(err, "w") as stderr:
            process = subprocess.Popen(
                ["bash", "-euo", "pipefail", "-c", text], cwd=self.folder, env=self.env, stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr, start_new_session=True
            )
            self.processes.append(process)
            code = _exit_code(process)
        if code is None:
            return out.read_text(), f"ran for more than {TIMEOUT_S} s"
        complaint = "" if code == status else f"exit {code}, not {status}\n{out.read_text()}{err.read_text()}"
        return out.read_text(), complaint or self._await_servers(text)

    def _await_servers(self, text):
        """A reader takes a moment to go on; by then what was started in the background listens."""
        for port in re.findall(r"port=(\d+)[^\n]*&\s*$", text, re.M):
            deadline = time.monotonic() + TIMEOUT_S
            while socket.socket().connect_ex(("127.0.0.1", int(port))):
                if time.monotonic() > deadline:
                    return f"nobody listens on port {port}"
                time.sleep(0.05)
        return ""


def _outcome(reader, block, printed):
    """(outcome, complaint, what it printed) of one block, given what the one before it printed."""
    if "from" in block.keys:
        same = quotes.quoted(block, reader.home) == block.text
        return "quoted", "" if same else "the source says otherwise; renew it by: python3 scripts/docs quote", None
    if block.language == "text":
        if "figure" in block.words:
            return "figure", "", None
        if printed is None:
            return "output", "this follows no block that prints; a picture is marked so: ```text figure", None
        return "output", "" if agrees(reader.text(block), printed) else f"it printed:\n{printed}", None
    if block.reason:
        return f"not run: {block.reason}", commands.check(block.text, reader), None
    if block.language not in ("python", "sh") and "file" not in block.keys:
        return "not run", f"nothing runs {block.language}: use file=NAME, from=PATH, or not run: REASON", None
    printed, complaint = reader.type(block)
    return "ok", complaint, printed


def check(path, home):
    """(block, outcome, complaint or "") of each block of a document."""
    found, printed = blocks.read(path), None
    with Reader(home) as reader:
        for block in found:
            outcome, complaint, printed = _outcome(reader, block, printed)
            yield block, "BROKEN" if complaint else outcome, complaint
