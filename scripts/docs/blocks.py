"""The blocks of code of a Markdown file."""

import dataclasses
import re

FENCE = re.compile(r"^(\s*)(`{3,}|~{3,})\s*(.*)$")
KEYS = {"prelude", "file", "from", "exit"}
LANGUAGES = {"python", "sh", "text", "c", "yaml", "ini", "json"}


class Malformed(Exception):
    pass


@dataclasses.dataclass
class Block:
    path: object
    line: int  # of the fence
    language: str
    keys: dict
    words: list
    reason: str  # why it is not run, or ""
    text: str

    def place(self, home):
        return f"{self.path.relative_to(home) if self.path.is_relative_to(home) else self.path}:{self.line}"


def _described(path, line, info):
    """The block that a fence's first line announces, without its text."""
    head, marked, reason = info.partition("not run:")
    words = head.split()
    keys = dict(word.split("=", 1) for word in words[1:] if "=" in word)
    if not words or words[0] not in LANGUAGES:
        raise Malformed(f"{path}:{line}: a block in {words[0] if words else 'no language'}: one of {', '.join(sorted(LANGUAGES))} can be checked")
    if set(keys) - KEYS:
        raise Malformed(f"{path}:{line}: {', '.join(set(keys) - KEYS)}=: {', '.join(sorted(KEYS))} are known")
    if marked and not reason.strip():
        raise Malformed(f"{path}:{line}: a block that is not run needs its reason: not run: REASON")
    return Block(path, line, words[0], keys, [word for word in words[1:] if "=" not in word], reason.strip(), "")


def read(path):
    """All blocks of a file, in their order."""
    found, block, fence = [], None, None
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        match = FENCE.match(line)
        if block is None and match:
            block, fence, lines = _described(path, number, match[3]), match, []
        elif block is not None and match and match[2].startswith(fence[2]) and not match[3]:
            block.text = "".join(line + "\n" for line in lines)
            found.append(block)
            block = None
        elif block is not None:
            lines.append(line.removeprefix(fence[1]))
    if block is not None:
        raise Malformed(f"{path}:{block.line}: this block has no end")
    return found
