"""What can be said of a command without running it: its program, target, verb and options exist."""

import os
import re
import shlex
import shutil
import subprocess

SYSTEM = {"git", "pip", "python3", "cd", "eval", "export", "sudo", "apt-get", "echo", "docker", "curl"}  # not ours to look into


def _targets(home):
    return set(re.findall(r"^([a-z-]+):", (home / "Makefile").read_text(), re.M))


def _words_of_make(words, reader):
    names = [word for word in words if re.fullmatch(r"[a-z][a-z-]*", word)]
    unknown = set(names) - _targets(reader.home)
    return f"make has no target {', '.join(sorted(unknown))}" if unknown else ""


def _help(reader, *verb):
    done = subprocess.run(["gilbench", *verb, "--help"], env=reader.env, cwd=reader.folder, capture_output=True, text=True)
    return done.stdout if done.returncode == 0 else ""


def _words_of_gilbench(words, reader):
    if not words or words[0].startswith("-"):
        return "" if words in (["--help"], []) else f"gilbench {words[0]}: no verb"
    text = _help(reader, words[0])
    if not text:
        return f"gilbench has no verb {words[0]}"
    options = [word.split("=")[0] for word in words[1:] if re.match(r"-{1,2}[a-z]", word)]
    unknown = [word for word in options if not re.search(rf"(?<![\w-]){re.escape(word)}(?![\w-])", text)]
    return f"gilbench {words[0]} --help knows no {', '.join(unknown)}" if unknown else ""


def _complaint(words, reader):
    while words and re.match(r"[A-Z_]+=", words[0]):
        words = words[1:]
    if not words or words[0] in SYSTEM:
        return ""
    program = words[0].rpartition("/")[2]
    if program == "make":
        return _words_of_make(words[1:], reader)
    if program == "gilbench":
        return _words_of_gilbench(words[1:], reader)
    if "/" in words[0]:
        return "" if os.access(reader.folder / words[0], os.X_OK) else f"{words[0]} is no program"
    return "" if shutil.which(words[0], path=reader.env["PATH"]) else f"there is no program {words[0]}"


def check(text, reader):
    """The complaints about the commands of a block of sh, or ""."""
    complaints = []
    for line in text.replace("\\\n", " ").splitlines():
        commands = [[]]
        lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
        lexer.whitespace_split = True
        for word in lexer:
            if word in ("&&", "||", ";", "|", "&"):
                commands.append([])
            else:
                commands[-1].append(word)
        complaints += filter(None, (_complaint(words, reader) for words in commands))
    return "\n".join(complaints)
