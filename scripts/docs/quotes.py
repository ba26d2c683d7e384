"""Quotations: what a document shows of the source is fetched from there."""

import re

import blocks

DEFINED = {
    ".c": r"^[a-z][^\n;]*\b{name}\([^;{{]*\) \{{\n.*?^\}}\n",
    ".py": r"^(?:async )?(?:def|class) {name}\b.*?\n(?=\S|\Z)",
}


def quoted(block, home):
    """What the block must say."""
    name, _, part = block.keys["from"].partition(":")
    source = home / name
    if not source.is_file():
        raise blocks.Malformed(f"{block.place(home)}: there is no {name} to quote")
    text = source.read_text(encoding="utf-8")
    if not part:
        return text
    match = re.search(DEFINED[source.suffix].format(name=re.escape(part)), text, re.S | re.M)
    if not match:
        raise blocks.Malformed(f"{block.place(home)}: {name} has no {part}")
    return match[0].rstrip("\n") + "\n"


def renew(path, home, write=True):
    """Puts what is quoted where it is quoted; whether anything changed, or would."""
    before = path.read_text(encoding="utf-8")
    lines = before.splitlines(keepends=True)
    for block in reversed(blocks.read(path)):
        if "from" in block.keys:
            lines[block.line : block.line + block.text.count("\n")] = [quoted(block, home)]
    after = "".join(lines)
    if write and after != before:
        path.write_text(after, encoding="utf-8")
    return after != before
