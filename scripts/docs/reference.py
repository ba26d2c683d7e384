"""The reference, made from what cannot be wrong about itself: the stub and docstrings, --help, the schemas."""

import ast
import importlib
import inspect
import json
import os
import pathlib
import re
import subprocess
import sys

# ---- The API


def _said(thing):
    """A docstring without the signature that C functions begin theirs with."""
    text = inspect.getdoc(thing) or ""
    head, marked, rest = text.partition("\n--\n\n")
    return (rest if marked else head).strip()


def _signature(node):
    """A function of the stub as it is declared, without what only type checkers need."""
    node.decorator_list = [d for d in node.decorator_list if not (isinstance(d, ast.Name) and d.id == "overload")]
    return re.sub(r":\s*\.\.\.$", "", ast.unparse(node)).replace("@property\ndef", "@property def").replace("@classmethod\ndef", "@classmethod def")


def _named(body):
    """{name: [its declarations]}, overloads together, in the stub's order."""
    found = {}
    for node in body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            found.setdefault(node.name, []).append(node)
        elif isinstance(node, ast.AnnAssign):
            found.setdefault(node.target.id, []).append(node)
    return found


def _entry(level, name, nodes, thing):
    lines = [f"{'#' * level} {name}", "", "```python", *(ast.unparse(n) if isinstance(n, ast.AnnAssign) else _signature(n) for n in nodes), "```", ""]
    return lines + ([_said(thing), ""] if _said(thing) else [])


def _class(node, thing):
    bases = ", ".join(map(ast.unparse, node.bases))
    lines = [f"## {node.name}" + f" ({bases})" * bool(bases), "", _said(thing), ""]
    for name, nodes in _named(node.body).items():
        if not name.startswith("_"):
            lines += _entry(3, f"{node.name}.{name}", nodes, inspect.getattr_static(thing, name, None))
    return lines


def api(home):
    sys.path.insert(0, str(home / "build" / "release" / "python"))
    module = importlib.import_module("cpromise")
    stub = _named(ast.parse((home / "ext" / "cpromise" / "__init__.pyi").read_text()).body)
    lines = [f"# cpromise {module.__version__}", "", _said(module), "", "Types are those of the stub, `ext/cpromise/__init__.pyi`.", ""]
    for name in sorted(module.__all__, key=list(stub).index):
        nodes, thing = stub[name], getattr(module, name)
        lines += _class(nodes[0], thing) if isinstance(nodes[0], ast.ClassDef) else _entry(2, name, nodes, thing if callable(thing) else None)
    return "\n".join(lines)


# ---- The command line


def _help(gilbench, *verb):
    return subprocess.run([gilbench, *verb, "--help"], capture_output=True, text=True, check=True).stdout


def cli(home):
    gilbench = home / "build" / "release" / "gilbench"
    top = _help(gilbench)
    lines = ["# gilbench", "", "```text", top.rstrip(), "```", ""]
    for verb in re.findall(r"^  (\w+) +\S", top, re.M):
        lines += [f"## gilbench {verb}", "", "```text", _help(gilbench, verb).rstrip(), "```", ""]
    return "\n".join(lines)


# ---- The schemas


def _kind(schema):
    """The type of a value in a few words."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#{name})"
    if "const" in schema:
        return f"`{json.dumps(schema['const'])}`"
    if "enum" in schema:
        return ", ".join(f"`{json.dumps(value)}`" for value in schema["enum"])
    for word in ("oneOf", "anyOf"):
        if word in schema:
            return " or ".join(map(_kind, schema[word]))
    kind = schema.get("type", "any")
    kind = " or ".join(kind) if isinstance(kind, list) else kind
    return f"{kind} of {_kind(schema['items'])}" if "items" in schema else kind


def _limits(schema):
    words = {"minimum": "at least", "maximum": "at most", "exclusiveMinimum": "above", "minItems": "items at least", "pattern": "matches"}
    return [f"{word} `{schema[key]}`" for key, word in words.items() if key in schema]


def _cell(text):
    return text.replace("|", "\\|")


def _fields(schema):
    for part in [schema, *schema.get("oneOf", ()), *schema.get("allOf", ())]:
        for name, field in part.get("properties", {}).items():
            said = "; ".join(filter(None, [field.get("description", ""), *_limits(field)]))
            wanted = "" if name in part.get("required", ()) else "optional"
            yield f"| `{name}` | {_cell(_kind(field))} | {wanted} | {_cell(said)} |"


def _object(title, level, schema):
    rows = list(_fields(schema))
    table = ["| field | type | | |", "|---|---|---|---|", *rows, ""] if rows else [_kind(schema), ""]
    return [f"{'#' * level} {title}", "", *([schema["description"], ""] if "description" in schema else []), *table]


def schemas(home):
    lines = ["# Results", "", "Made from the JSON Schemas in `results/`, which `gilbench validate` reads and `gilbench schema` prints.", ""]
    for path in sorted((home / "results").glob("*.json")):
        schema = json.loads(path.read_text())
        lines += _object(f"{schema['title']} (results/{path.name})", 2, schema)
        for name, part in schema.get("$defs", {}).items():
            lines += _object(name, 3, part)
    return "\n".join(lines)


PAGES = {"api.md": api, "cli.md": cli, "schema.md": schemas}


def build(home, folder=None):
    target = pathlib.Path(folder or home / "build" / "docs" / "reference")
    target.mkdir(parents=True, exist_ok=True)
    for name, page in PAGES.items():
        (target / name).write_text(page(home) + "\n", encoding="utf-8")
        print(os.path.relpath(target / name))
