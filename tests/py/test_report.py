"""report.html: that it says what the results say, and that nothing of them becomes markup. In a browser: test_report_browser.py."""

import html.parser
import json
import os
import re
import shutil
import subprocess

import pytest
import report_data

HOME = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
GILBENCH = os.path.join(HOME, "build", "release", "gilbench")
VOID = {"br", "meta", "link", "input", "img", "hr", "wbr"}


def gilbench(*args, **kwargs):
    return subprocess.run([GILBENCH, *map(str, args)], capture_output=True, text=True, timeout=120, **kwargs)


class Tree(html.parser.HTMLParser):
    """Checks that tags are closed in their order, and collects what tests ask for."""

    def __init__(self, text):
        super().__init__()
        self.open, self.ids, self.tags, self.texts = [], [], [], {}
        self.feed(text)
        self.close()
        assert not self.open, self.open

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.tags.append((tag, attrs))
        self.ids += [attrs["id"]] if "id" in attrs else []
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self.ids += [dict(attrs)["id"]] if "id" in dict(attrs) else []

    def handle_endtag(self, tag):
        assert self.open and self.open[-1] == tag, (tag, self.open[-3:], self.getpos())
        self.open.pop()

    def handle_data(self, data):
        for tag in set(self.open[-2:]):
            self.texts.setdefault(tag, []).append(data.strip())


@pytest.fixture(scope="module")
def laws(tmp_path_factory):
    """The folder of a run with something of everything, reported."""
    folder = tmp_path_factory.mktemp("laws")
    report_data.results(folder / "results.json")
    done = gilbench("report", folder)
    assert done.returncode == 0, done.stderr
    assert done.stderr.splitlines() == [f"report: {folder}/report.md", f"report: {folder}/report.html"]
    return folder


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """The folder of a run of one workload, not yet reported."""
    folder = tmp_path_factory.mktemp("small")
    report_data.results(folder / "results.json", only="cpu_queens")
    return folder


def section(text, name):
    return text.split(f'id="{name}">')[1].split("</section>")[0]


QUESTIONS = "winner crossover speedup convoy latency load memory start cost chain".split()


def test_the_page_is_whole_and_needs_nothing(laws):
    text = (laws / "report.html").read_text()
    tree = Tree(text)
    assert len(tree.ids) == len(set(tree.ids)), "an id is there twice"
    assert set(QUESTIONS) | {"claims", "cells", "attested", "machine", "repeat", "main"} <= set(tree.ids)
    for tag, attrs in tree.tags:
        for name in ("src", "href", "xlink:href", "action"):
            assert attrs.get(name, "#").startswith(("#", "data:")), (tag, attrs)
    assert "@import" not in text and "url(" not in text
    for name in QUESTIONS:
        shown = section(text, name)
        assert "<h2>" in shown and "class=\"plot\"" in shown and 'class="answer">' in shown and "gilbench run laws --seed 42 --reps 5 --only" in shown
    plots = [attrs for tag, attrs in tree.tags if tag == "svg" and attrs.get("class") == "plot"]
    assert all(attrs["role"] == "img" and attrs["aria-label"] and attrs["tabindex"] == "0" for attrs in plots)
    assert text.count('class="data"') >= len(plots)


def test_every_mark_says_what_the_results_say(laws):
    """The text of each mark of the speed-up: model, parameters, value and interval are those of report.md."""
    shown = section((laws / "report.html").read_text(), "speedup")
    marks = re.findall(r'<g class="mark"><title>([^<]*)</title>', shown)
    rows = {}
    for line in (laws / "report.md").read_text().splitlines():
        cells = [c.strip() for c in line.split("|")]
        if len(cells) > 5 and cells[2].startswith("workers="):
            rows.setdefault(f"{cells[1]}, {cells[2]}: speed-up {cells[4]}", line)
    assert len(marks) == 2 * 7 and all(html.unescape(mark) in rows for mark in marks)


def test_answers(laws):
    text = html.unescape((laws / "report.html").read_text())
    answers = re.findall(r'<p class="answer">([^<]*)</p>', section(text, "speedup"))
    assert len(answers) == 2 and all(a.startswith("With 2 workers, faster: ") for a in answers)
    queens, sha = answers
    assert "procs:fork 1.9" in queens and "slower: threads 0.9" in queens
    assert re.search(r"faster: threads 1\.9.*; no faster: promise:chain", sha)
    law = re.findall(r'<p class="answer">([^<]*)</p>', section(text, "convoy"))[0]
    assert re.search(r"threads -?\d+\.?\d* us \+ 1\.0\d times the interval \(R2 (0\.99\d|1\.000)\)", law)
    memory = re.findall(r'<p class="answer">([^<]*)</p>', section(text, "memory"))[0]
    slope = float(re.search(r"threads (\d+\.\d+) KiB", memory).group(1))
    assert slope == pytest.approx(70000 / 1024, rel=0.02)


def test_what_is_not_in_a_run_says_where_it_is(tmp_path):
    report_data.results(tmp_path / "results.json", only="cpu_queens io_echo")
    document = json.loads((tmp_path / "results.json").read_text())
    document["benchmarks"] = [b for b in document["benchmarks"] if "rate" not in b["params"]]
    (tmp_path / "results.json").write_text(json.dumps(document))
    assert gilbench("report", tmp_path).returncode == 0
    text = (tmp_path / "report.html").read_text()
    assert "<code>gilbench run latency" in section(text, "latency") and "class=\"plot\"" not in section(text, "latency")
    assert "Not in this run; " in section(text, "convoy") and "Not in this run; " in section(text, "chain")
    Tree(text)


def test_void_and_missing_cells_are_listed_with_their_reason(tmp_path):
    report_data.results(tmp_path / "results.json", only="cpu_queens cpu_sha256")
    document = json.loads((tmp_path / "results.json").read_text())
    first, second = [b for b in document["benchmarks"] if b["workload"] == "cpu_queens"][:2]  # the first is serial: no speed-up is left
    for rep in first["reps"]:
        rep.update(void="it gave another digest", void_code=1)
    second.update(not_run="there is no such thing here", reps=[])
    (tmp_path / "results.json").write_text(json.dumps(document))
    assert gilbench("report", tmp_path).returncode == 0
    text = (tmp_path / "report.html").read_text()
    assert f"<li>{first['id']}: it gave another digest</li>" in section(text, "speedup")
    assert "VOID: it gave another digest" in section(text, "cells") and "NOT RUN: there is no such thing here" in section(text, "cells")


def test_a_run_of_zeros_and_of_one_process(tmp_path):
    """No switches at all, one rep and so no interval, one cell and so nothing to compare."""
    report_data.results(tmp_path / "results.json", only="cpu_queens")
    document = json.loads((tmp_path / "results.json").read_text())
    document["benchmarks"] = document["benchmarks"][:1]
    (rep, *_) = document["benchmarks"][0]["reps"]
    rep["samples"][0]["usage"].update(nvcsw=0, nivcsw=0)
    document["benchmarks"][0]["reps"] = [rep]
    (tmp_path / "results.json").write_text(json.dumps(document))
    done = gilbench("report", tmp_path)
    assert done.returncode == 0, done.stderr
    assert "Least: serial 0 (0 + 0)" in section((tmp_path / "report.html").read_text(), "cost")


def test_a_run_without_a_number(tmp_path):
    report_data.results(tmp_path / "results.json", only="cpu_queens")
    document = json.loads((tmp_path / "results.json").read_text())
    for b in document["benchmarks"]:
        b.update(not_run="nothing runs here", reps=[])
    (tmp_path / "results.json").write_text(json.dumps(document))
    assert gilbench("report", tmp_path).returncode == 0
    text = (tmp_path / "report.html").read_text()
    Tree(text)
    assert "NOT RUN: nothing runs here" in text and 'class="plot"' not in text


HOSTILE = "<script>alert(1)</script>\"'&{}%s"


def test_nothing_of_the_results_becomes_markup(tmp_path):
    report_data.results(tmp_path / "results.json", only="cpu_queens io_echo", matrix=HOSTILE)
    document = json.loads((tmp_path / "results.json").read_text())
    document["facts"]["cpu_model"] = HOSTILE
    for number, b in enumerate(document["benchmarks"]):
        b["workload"] = "w" + HOSTILE
        b["model"] = "m" + HOSTILE
        b["python"] = "p<i>\"'"
        b["params"]["bytes"] = "1'\"><img src=x>`id`"
        b["id"] = f"{HOSTILE}{number}"
    (tmp_path / "results.json").write_text(json.dumps(document))
    done = gilbench("report", tmp_path)
    assert done.returncode == 0, done.stderr
    text = (tmp_path / "report.html").read_text()
    tree = Tree(text)
    assert sum(tag == "script" for tag, _ in tree.tags) == 1 and not any(tag in ("img", "i") for tag, _ in tree.tags)
    assert html.escape(HOSTILE, quote=False).split("&#x27;")[0][:20] in text


def test_two_runs_side_by_side(laws, tmp_path):
    report_data.results(tmp_path / "results.json", seed=1, only="cpu_queens io_echo mix_convoy")
    done = gilbench("report", tmp_path, "--against", laws)
    assert done.returncode == 0 and done.stderr == f"report: {tmp_path}/report-against-20260101T000000Z-law.html\n"
    text = (tmp_path / "report-against-20260101T000000Z-law.html").read_text()
    Tree(text)
    shown = section(text, "speedup")
    queens, sha = shown.split('<figure class="panel pair" ')[1:]
    assert queens.count('class="plot"') == 2 and sha.count('class="plot"') == 1 and "Not in this run." in sha
    axes = [re.findall(r"<text>([0-9.]+)</text>", plot) for plot in queens.split("<svg ")[1:]]
    assert axes[0] == axes[1] and len(axes[0]) > 4, "both sides have the same axes"
    rows = re.findall(r"<tr [^>]*><td>([^<]*)</td><th[^>]*>([^<]*)</th><td>([^<]*)</td><td>([^<]*)</td><td>([^<]*)</td>", section(text, "comparison"))
    assert len(rows) > 30 and all(re.fullmatch(r"\d\.\d+ \[\d\.\d+, \d\.\d+\]", row[3]) for row in rows)
    assert {row[4] for row in rows} <= {"slower", "faster", "no difference seen"}
    assert not (tmp_path / "report.html").exists()


def test_one_process_of_gnuplot_and_nothing_left_behind(small, tmp_path):
    log = tmp_path / "log"
    fake = tmp_path / "bin" / "gnuplot"
    fake.parent.mkdir()
    fake.write_text(f'#!/bin/sh\necho run >> {log}\nexec {shutil.which("gnuplot")} "$@"\n')
    fake.chmod(0o755)
    scratch = tmp_path / "tmp"
    scratch.mkdir()
    env = {**os.environ, "PATH": f"{fake.parent}:{os.environ['PATH']}", "TMPDIR": str(scratch)}
    done = gilbench("report", small, "-o", tmp_path / "elsewhere.html", env=env)
    assert done.returncode == 0 and log.read_text() == "run\n" and os.listdir(scratch) == []
    assert (tmp_path / "elsewhere.html").read_text().endswith("</html>\n") and not (small / "report.html").exists()


BROKEN = [(None, 77, "it needs gnuplot"), ("#!/bin/sh\nexit 0\n", 1, "cannot read"), ("#!/bin/sh\necho no >&2; exit 3\n", 1, "gnuplot: no")]


@pytest.mark.parametrize("gnuplot, code, message", BROKEN)
def test_without_a_gnuplot_that_works(small, tmp_path, gnuplot, code, message):
    """No page at all instead of half a one, and the old page stays."""
    if gnuplot:
        (tmp_path / "gnuplot").write_text(gnuplot)
        (tmp_path / "gnuplot").chmod(0o755)
    page = tmp_path / "page.html"
    page.write_text("the old one")
    done = gilbench("report", small, "-o", page, env={**os.environ, "PATH": str(tmp_path) + (":/usr/bin:/bin" if gnuplot else "")})
    assert done.returncode == code and message in done.stderr
    assert page.read_text() == "the old one" and not any(name.endswith(".tmp") for name in os.listdir(tmp_path))


def test_without_gnuplot_there_is_markdown(tmp_path):
    report_data.results(tmp_path / "results.json", only="cpu_queens")
    done = gilbench("report", tmp_path, env={**os.environ, "PATH": str(tmp_path)})
    assert done.returncode == 0 and "report.html is not written: it needs gnuplot" in done.stderr
    assert sorted(os.listdir(tmp_path)) == ["report.md", "results.json"]


@pytest.mark.parametrize(
    "args, code, message",
    [
        (["/no/such/run"], 2, "no such run"),
        ([".", "--against"], 2, "see gilbench report --help"),
        (["a", "b"], 2, "a second one is given by --against"),
        ([os.path.join(HOME, "tests/data/ab-1.0.json")], 6, "is not a gilbench result"),
    ],
)
def test_usage_errors(args, code, message):
    done = gilbench("report", *args)
    assert (done.returncode, done.stdout) == (code, "") and message in done.stderr
