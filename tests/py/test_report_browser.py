"""report.html in a real browser, opened from a file: no complaint, nothing overflows, filters, marks, keys. Skipped where there is no Chromium.

SCREENSHOTS=folder keeps a picture of each page at each width, light and dark."""

import os
import subprocess

import browser
import pytest
import report_data

HOME = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
GILBENCH = os.path.join(HOME, "build", "release", "gilbench")

pytestmark = pytest.mark.skipif(browser.find() is None, reason="there is no Chromium: make setup-browser installs it")


@pytest.fixture(scope="module")
def chromium(tmp_path_factory):
    running = browser.Browser(tmp_path_factory.mktemp("profile"))
    yield running
    running.close()


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """Addresses: one run on two interpreters, with a cell that is VOID and names that are long; and two runs side by side."""
    folder = tmp_path_factory.mktemp("pages")
    pythons = ("3.11", "3.13t")
    for name, seed, only, pythons in (("one", 0, "cpu_queens io_echo mix_convoy mem_wait", pythons), ("two", 1, "cpu_queens", pythons), ("three", 2, "cpu_queens io_echo", ("3.11",))):
        (folder / name).mkdir()
        report_data.results(folder / name / "results.json", seed=seed, only=only, pythons=pythons)
    for args in (["one"], ["two", "--against", "three", "-o", "one/both.html"]):
        done = subprocess.run([GILBENCH, "report", *args], cwd=folder, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
    return {"one": f"file://{folder}/one/report.html", "both": f"file://{folder}/one/both.html"}


@pytest.fixture
def open_page(chromium):
    opened = []

    def open_page(url, width=1440, scheme="light"):
        opened.append(browser.Page(chromium, url, width, scheme))
        return opened[-1]

    yield open_page
    for page in opened:
        page.close()


# What is wider than the page, or cut off in a picture: words for people.
TOO_WIDE = """(() => {
    const wide = document.documentElement.clientWidth + 0.5, found = [];
    if (document.documentElement.scrollWidth > wide) found.push("the page: " + document.documentElement.scrollWidth);
    for (const e of document.querySelectorAll("body *")) {
        const box = e.getBoundingClientRect();
        if (box.width && (box.right > wide || box.left < -0.5) && !e.closest(".scroll, pre, .skip, .theme legend, svg.points") && getComputedStyle(e).position !== "absolute")
            found.push(e.tagName + "." + e.getAttribute("class") + " " + box.left + " to " + box.right);
    }
    for (const plot of document.querySelectorAll("svg.plot")) {
        const frame = plot.getBoundingClientRect();
        for (const text of plot.querySelectorAll("text")) {
            const box = text.getBoundingClientRect();
            if (box.width && (box.left < frame.left - 1 || box.right > frame.right + 1 || box.top < frame.top - 1 || box.bottom > frame.bottom + 1))
                found.push(plot.getAttribute("aria-label") + ": " + text.textContent);
        }
    }
    return found;
})()"""

# The least contrast of text with what is behind it, and of the colours of models with theirs (WCAG 2.1, relative luminance).
CONTRAST = """(() => {
    const ink = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
    const light = colour => {
        ink.fillStyle = colour; ink.fillRect(0, 0, 1, 1);
        const [r, g, b] = [...ink.getImageData(0, 0, 1, 1).data].map(v => v / 255).map(v => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const ratio = (a, b) => (Math.max(light(a), light(b)) + 0.05) / (Math.min(light(a), light(b)) + 0.05);
    const behind = e => { for (; e; e = e.parentElement) { const c = getComputedStyle(e).backgroundColor; if (c !== "rgba(0, 0, 0, 0)") return c; } };
    const least = (selector, property) => Math.min(...[...document.querySelectorAll(selector)].filter(e => e.getClientRects().length)
        .map(e => ratio(getComputedStyle(e)[property], behind(e.closest("svg") ? e.closest("svg").parentElement : e))));
    return { text: least("p, h1, h2, a, th, td, summary, label, .what, .measure", "color"), plot: least(".plot text", "fill"), model: least(".series use", "color") };
})()"""


SIGHTS = [("one", 1440, "light"), ("one", 1440, "dark"), ("one", 375, "light"), ("one", 375, "dark"), ("both", 1440, "light"), ("both", 375, "dark")]


@pytest.mark.parametrize("name, width, scheme", SIGHTS)
def test_it_opens_fits_and_can_be_read(pages, open_page, name, width, scheme):
    page = open_page(pages[name], width, scheme)
    page.run("document.querySelectorAll('details').forEach(d => d.open = true)")
    assert page.run(TOO_WIDE) == []
    contrast = page.run(CONTRAST)
    assert contrast["text"] >= 4.5 and contrast["plot"] >= 4.5 and contrast["model"] >= 3, contrast
    assert page.run("getComputedStyle(document.body).backgroundColor") == {"light": "rgb(255, 255, 255)", "dark": "rgb(21, 23, 26)"}[scheme]
    assert page.complaints() == []
    if os.environ.get("SCREENSHOTS"):
        page.run("document.querySelectorAll('main details').forEach(d => d.open = false)")
        page.screenshot(os.path.join(os.environ["SCREENSHOTS"], f"{name}-{width}-{scheme}.png"))


def shown(page, selector):
    return page.run(f"[...document.querySelectorAll({selector!r})].filter(e => e.getClientRects().length).length")


def test_filters(pages, open_page):
    page = open_page(pages["one"])
    everything = {s: shown(page, s) for s in (".panel", ".series", "#cells tbody tr")}
    assert min(everything.values()) > 10
    page.run("document.querySelector('input[data-model=threads]').click()")
    assert shown(page, ".series[data-model=threads]") == 0 == shown(page, "#cells tr[data-model=threads]")
    assert 0 < shown(page, ".series") < everything[".series"] and shown(page, ".panel") == everything[".panel"]
    page.run("document.querySelector('input[data-python=\"3.13t\"]').click()")
    assert shown(page, ".series[data-python='3.13t']") == 0 and shown(page, ".series[data-python='3.11']") > 0
    page.run("document.querySelector('input[data-workload=io_echo]').click()")
    assert shown(page, ".panel[data-workload=io_echo]") == 0 and shown(page, "#latency") == 0 and shown(page, "#speedup") == 1
    assert "pictures are shown" in page.run("document.querySelector('.status').textContent")
    page.run("document.querySelector('[data-filter=model] [data-set=none]').click()")
    assert shown(page, ".series") == 0 and shown(page, ".panel.empty") == shown(page, ".panel") > 0
    page.run("document.querySelectorAll('[data-set=all]').forEach(b => b.click())")
    assert {s: shown(page, s) for s in everything} == everything
    assert page.complaints() == []


def test_marks_by_mouse_and_by_keys(pages, open_page):
    page = open_page(pages["one"])
    page.run("document.querySelector('#speedup').scrollIntoView()")
    at = page.run("(() => { const b = document.querySelector('#speedup .mark').getBoundingClientRect(); return [b.x + b.width / 2, b.y + b.height / 2]; })()")
    page.move_mouse(*at)
    tip = "(t => t.hidden ? '' : t.textContent)(document.querySelector('.tip'))"
    by_mouse = page.run(tip)
    assert ", workers=1 n=10: speed-up 1.00x [" in by_mouse or ": speed-up 1.0" in by_mouse
    page.move_mouse(1, 1)
    assert page.run(tip) == ""
    page.run("document.querySelector('#speedup .plot').focus()")
    seen = []
    for key in ("ArrowRight", "ArrowRight", "ArrowLeft"):
        page.press(key)
        seen.append(page.run(tip))
    assert seen[0] == seen[2] != seen[1] and all("speed-up" in text for text in seen)
    assert page.run("document.querySelector('.status').textContent") == seen[2], "a reader of the screen is told"
    inside = "(b => b.left >= 0 && b.right <= innerWidth && b.top >= 0)(document.querySelector('.tip').getBoundingClientRect())"
    assert page.run(inside)
    page.press("Escape")
    assert page.run(tip) == ""


def test_everything_is_reached_by_tab(pages, open_page):
    page = open_page(pages["one"])
    reached = []
    for _ in range(60):
        page.press("Tab")
        reached.append(page.run("(e => e.tagName + ' ' + (e.dataset.model || e.name || e.className.baseVal || e.className))(document.activeElement)"))
    for what in ("A skip", "INPUT theme", "INPUT threads", "BUTTON ", "svg plot", "SUMMARY "):
        assert what in reached, (what, reached)


def test_page_colours_can_be_chosen(pages, open_page):
    page = open_page(pages["one"], scheme="dark")
    colour = "getComputedStyle(document.body).backgroundColor"
    page.run("document.querySelector('input[name=theme][value=light]').click()")
    assert page.run(colour) == "rgb(255, 255, 255)"
    page.run("document.querySelector('input[name=theme][value=dark]').click()")
    assert page.run(colour) == "rgb(21, 23, 26)"
    page.run("document.querySelector('input[name=theme][value=\"\"]').click()")
    assert page.run(colour) == "rgb(21, 23, 26)"


def test_without_scripts_everything_is_shown(pages, open_page):
    page = open_page("about:blank")
    page.call("Emulation.setScriptExecutionDisabled", value=True)
    page.call("Page.navigate", url=pages["one"])
    page.browser.wait("Page.loadEventFired", page.session)
    assert shown(page, ".panel") > 10 and shown(page, ".mark title") == 0 and page.run("document.querySelectorAll('.mark > title').length") > 50
