"""Keeps the documents true: runs their code, fetches what they quote, builds the reference.

usage: scripts/docs check [FILE...]      run, or check, every block of code (default: of all documents)
       scripts/docs quote [FILE...]      write what blocks with from=PATH[:NAME] quote into the documents
       scripts/docs drift [FILE...]      whether `quote` would change anything
       scripts/docs build [FOLDER]       the reference, from the stub, --help and the schemas (default: build/docs/reference)

A block says in its first line what it is:

    ```python                            run; the blocks of a file share their names, like the lines of a session
    ```python prelude=PATH               the same, after the program at PATH, which readers do not see
    ```LANGUAGE file=NAME                written to NAME, in the folder in which the file's blocks run
    ```LANGUAGE from=PATH[:NAME]         a quotation: of a whole file, or of one function; it must say what is there
    ```sh [exit=N]                       run by bash; what it starts in the background lives to the end of the file
    ```sh not run: REASON                not run, and listed with its reason; but its programs, verbs and options must exist
    ```text                              what the block before it prints; ... stands for anything
    ```text figure                       not code

Blocks run in a folder that looks like the repository's, whose results/ is its own. The port 6400 is any free one there.
"""

import pathlib
import sys

import blocks
import quotes
import reference
import run

HOME = pathlib.Path(__file__).resolve().parents[2]


def documents(names):
    if names:
        return [pathlib.Path(name).resolve() for name in names]
    rooms = ("docs", "runners", "workloads", "results")
    return sorted([*HOME.glob("*.md"), *(path for room in rooms for path in (HOME / room).glob("**/*.md") if "runs" not in path.parts)])


def check(names):
    failed = 0
    for path in documents(names):
        for block, outcome, complaint in run.check(path, HOME):
            failed += bool(complaint)
            print(f"{block.place(HOME)}  {block.language:7} {outcome}", *complaint.splitlines(), sep="\n    ", flush=True)
    if failed:
        sys.exit(f"docs: {failed} blocks are broken")


def quote(names):
    for path in documents(names):
        if quotes.renew(path, HOME):
            print(f"{path}: renewed")


def drift(names):
    if drifted := [path.relative_to(HOME) for path in documents(names) if quotes.renew(path, HOME, write=False)]:
        sys.exit(f"docs: {', '.join(map(str, drifted))}: the source says otherwise than the quotations; renew them by: python3 scripts/docs quote")


def main():
    verbs = {"check": check, "quote": quote, "drift": drift, "build": lambda names: reference.build(HOME, *names)}
    if len(sys.argv) < 2 or sys.argv[1] not in verbs:
        sys.exit(__doc__.split("\n\n")[1])
    try:
        verbs[sys.argv[1]](sys.argv[2:])
    except blocks.Malformed as error:
        sys.exit(f"docs: {error}")


main()
