"""Runs blocks of Python one after the other, as lines of JSON ask for them, in one module: what a reader's session is.

Its own words go to the descriptor in argv[1]; what the blocks print goes to standard output, and from there to a file per block.
"""

import json
import os
import sys
import traceback
import types


def execute(request, names):
    """None, or the traceback of what went wrong."""
    target = os.open(request["output"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(target, 1)
    os.close(target)
    try:
        # as many empty lines before it as the file has: tracebacks then show its lines
        exec(compile("\n" * request["line"] + request["text"], request["path"], "exec"), names)
    except BaseException:
        return "".join(traceback.format_exc().splitlines(keepends=True)[-12:])
    finally:
        sys.stdout.flush()


def main():
    answers = os.fdopen(int(sys.argv[1]), "w")
    module = sys.modules["__main__"] = types.ModuleType("__main__")
    sys.path[0] = os.getcwd()
    for line in sys.stdin:
        answers.write(json.dumps(execute(json.loads(line), module.__dict__)) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
