"""Documents: every block of code in them runs, or says why not; what they quote is what the source says; their links lead somewhere."""

import pathlib
import re
import shutil
import subprocess
import sys

import pytest
from wirechild import BUILD, HOME, TIMEOUT_S

SCRIPT = HOME / "scripts" / "docs"
ROOMS = ("docs", "runners", "workloads", "results")
DOCUMENTS = sorted([*HOME.glob("*.md"), *(path for room in ROOMS for path in (HOME / room).glob("**/*.md") if "runs" not in path.parts)])
NAMES = [str(path.relative_to(HOME)) for path in DOCUMENTS]
FENCED = re.compile(r"^ *```.*?^ *``` *$", re.S | re.M)

pytestmark = pytest.mark.skipif(BUILD != HOME / "build" / "release", reason="documents speak of what make builds by default")


def docs(*words):
    return subprocess.run([sys.executable, SCRIPT, *map(str, words)], capture_output=True, text=True, timeout=20 * TIMEOUT_S)


# ---- What the documents say


@pytest.mark.parametrize("name", [name for name, path in zip(NAMES, DOCUMENTS) if "```" in path.read_text()])
def test_every_block_runs(name):
    done = docs("check", HOME / name)
    assert done.returncode == 0, done.stdout + done.stderr


def anchors(text):
    heads = re.findall(r"^#+ (.*)", FENCED.sub("", text), re.M)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


@pytest.mark.parametrize("name", NAMES)
def test_every_link_leads_somewhere(name):
    path, broken = HOME / name, []
    for target in re.findall(r"\]\(([^)\s]+)\)", FENCED.sub("", path.read_text())):
        if re.match(r"[a-z]+:", target):
            continue
        file, _, anchor = target.partition("#")
        found = path.parent / file if file else path
        if not found.exists() or (anchor and anchor not in anchors(found.read_text())):
            broken.append(target)
    assert broken == []


def test_the_reference_has_all_that_there_is(tmp_path):
    import cpromise

    done = docs("build", tmp_path)
    assert done.returncode == 0, done.stderr
    api, cli, schema = ((tmp_path / f"{name}.md").read_text() for name in ("api", "cli", "schema"))
    assert [name for name in cpromise.__all__ if not re.search(rf"^## {name}\b", api, re.M)] == []
    assert "### Promise.all_settled\n" in api and "The list of all outcomes" in api
    verbs = re.findall(r"&verb_(\w+)", (HOME / "runners" / "driver" / "verbs.c").read_text())
    assert len(verbs) > 10 and [verb for verb in verbs if f"## gilbench {verb}\n\n```text\nusage:" not in cli] == []
    assert "### cell\n" in schema and "| `benchmarks` | array of [cell](#cell) |  |  |" in schema


GIL = "[run]\nreps = 1\nsamples = 1\nwarmup = 0\n[cpu_queens]\nmodels = serial\nworkers = 1\nops = 20\nn = 6\n[cpu_queens]\nmodels = threads\nworkers = 2\nops = 20\nn = 6\n"


@pytest.mark.skipif(not shutil.which("gnuplot"), reason="gnuplot is not installed here")
def test_the_figures_of_the_gil_are_drawn_from_a_run_and_put_into_their_page(tmp_path):
    page, svg = tmp_path / "docs" / "explanation" / "gil.md", tmp_path / "docs" / "explanation" / "gil" / "threads.svg"
    page.parent.mkdir(parents=True)
    shutil.copy(HOME / "docs" / "explanation" / "gil.md", page)
    for name in ("build", "plots"):
        (tmp_path / name).symlink_to(HOME / name)
    (tmp_path / "scripts").mkdir()
    for name in ("gil_figures", "measured.py"):
        shutil.copy(HOME / "scripts" / name, tmp_path / "scripts")
    (tmp_path / "gil.ini").write_text(GIL)
    run = [BUILD / "gilbench", "run", tmp_path / "gil.ini", "--python", sys.executable, "-o", tmp_path / "run", "--progress", "none"]
    subprocess.run(run, check=True, capture_output=True, timeout=4 * TIMEOUT_S)
    for _ in range(2):  # the second time takes the place of the first
        done = subprocess.run([sys.executable, tmp_path / "scripts" / "gil_figures", tmp_path / "run"], capture_output=True, text=True, timeout=TIMEOUT_S)
        assert done.returncode == 0 and "convoy: NOT DRAWN: no run has its cells" in done.stdout, done
    assert "2 threads" in svg.read_text() and "cpython-" in svg.read_text()
    assert page.read_text().count("](gil/threads.svg)") == 1


# ---- A broken document is found


BROKEN = {
    "an exception": ("```python\n1 / 0\n```\n", "ZeroDivisionError"),
    "another output": ("```python\nprint(41 + 1)\n```\n```text\n43\n```\n", "it printed:\n    42"),
    "a name that an earlier block did not make": ("```python\nx = 1\n```\n```python\nprint(y)\n```\n", "NameError"),
    "a dead interpreter": ("```python\nimport os\nos._exit(3)\n```\n", "the interpreter died"),
    "a command that fails": ("```sh\ntrue\nfalse\ntrue\n```\n", "exit 1, not 0"),
    "a command that should fail": ("```sh exit=3\ntrue\n```\n", "exit 0, not 3"),
    "a target that make lacks": ("```sh not run: slow\nmake benhc\n```\n", "make has no target benhc"),
    "a verb that gilbench lacks": ("```sh not run: slow\nCI=1 gilbench mesure smoke\n```\n", "gilbench has no verb mesure"),
    "an option that a verb lacks": ("```sh not run: slow\ncd x && gilbench run smoke --fast\n```\n", "gilbench run --help knows no --fast"),
    "a script that is not there": ("```sh not run: slow\nscripts/gat HEAD\n```\n", "scripts/gat is no program"),
    "no reason": ("```sh not run:\nmake\n```\n", "needs its reason"),
    "a language that nobody runs": ("```ruby\nputs 1\n```\n", "a block in ruby"),
    "no language": ("```\nmake\n```\n", "a block in no language"),
    "configuration that nobody reads": ("```ini\n[run]\n```\n", "nothing runs ini"),
    "an output of nothing": ("```text\nall is well\n```\n```text\n42\n```\n", "follows no block that prints"),
    "a quotation that drifted": ("```c from=ext/core/loop.c:cp_loop_step\nint cp_loop_step(void) {\n}\n```\n", "the source says otherwise"),
    "a quotation of nothing": ("```c from=ext/core/loop.c:cp_loop_stop\n```\n", "ext/core/loop.c has no cp_loop_stop"),
    "no end": ("```python\nx = 1\n", "this block has no end"),
    "a pipeline that is none": ("```yaml file=.gitlab-ci.yml\ngate:\n  scirpt: [make]\n```\n", "scirpt"),
}


@pytest.mark.parametrize("text, complaint", BROKEN.values(), ids=BROKEN)
def test_a_broken_block_is_found(tmp_path, text, complaint):
    if "yaml" in text:
        pytest.importorskip("check_jsonschema", reason="check-jsonschema is not installed")
    path = tmp_path / "page.md"
    path.write_text("# A page\n\n```python\nprint('all is well')\n```\n\n" + text)
    done = docs("check", path)
    assert done.returncode == 1 and complaint in done.stdout + done.stderr, done


def test_quotations_are_renewed_and_outputs_may_leave_gaps(tmp_path):
    path = tmp_path / "page.md"
    head = "```c from=ext/core/loop.c:cp_loop_fileno\n"
    path.write_text("before\n" + head + "old\nlines\n```\nafter\n```python\nprint('a', 7, 'b')\n```\n```text\na ... b\n```\n")
    assert docs("quote", path).returncode == 0
    assert path.read_text().startswith("before\n" + head + "int cp_loop_fileno(const struct cp_loop *loop) {\n    return loop->poller->fileno(loop);\n}\n```\nafter\n")
    assert docs("check", path).returncode == 0


def test_nothing_that_a_block_starts_outlives_the_document(tmp_path):
    path = tmp_path / "page.md"
    path.write_text(f"```sh\nsleep 600 & echo $! > {tmp_path}/pid\n```\n```sh\ntest -d results && test ! -e results/latest && kill -0 $(cat {tmp_path}/pid)\n```\n")
    done = docs("check", path)
    assert done.returncode == 0, done.stdout
    pid = pathlib.Path("/proc") / (tmp_path / "pid").read_text().strip()
    assert not pid.exists() or " Z " in (pid / "stat").read_text()
