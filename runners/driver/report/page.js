// What report.html does when it is touched: filters, page colours, marks by mouse and by keys. Without it everything is shown.
"use strict";
(() => {
  const all = (selector, from) => [...(from || document).querySelectorAll(selector)];
  const kinds = ["model", "workload", "python"];

  // ---- Filters: a cell is shown where all of its words are chosen
  const boxes = kind => all(`.chip input[data-${kind}]`);
  const chosen = {};
  const isShown = element => kinds.every(kind => {
    const word = element.getAttribute("data-" + kind);
    return word === null || !chosen[kind] || chosen[kind].has(word);
  });

  function apply() {
    for (const kind of kinds) {
      const known = boxes(kind);
      chosen[kind] = known.length ? new Set(known.filter(box => box.checked).map(box => box.getAttribute("data-" + kind))) : null;
    }
    for (const element of all(".series, tbody tr[data-model], .panel, .cells, .verdict")) element.classList.toggle("off", !isShown(element));
    for (const panel of all(".panel")) panel.classList.toggle("empty", !panel.querySelector(".series:not(.off)"));
    for (const more of all(".chart, details.more")) {
      const panels = all(".panel", more);
      more.classList.toggle("off", panels.length > 0 && panels.every(panel => panel.classList.contains("off")));
    }
    const shown = all(".panel:not(.off)").length, total = all(".panel").length;
    document.querySelector(".status").textContent = shown === total ? "" : `${shown} of ${total} pictures are shown.`;
    hideTip();
  }

  for (const button of all("[data-set]"))
    button.addEventListener("click", () => {
      for (const box of all("input", button.closest("fieldset"))) box.checked = button.dataset.set === "all";
      apply();
    });
  for (const box of all(".chip input")) box.addEventListener("change", apply);
  for (const form of all("form")) form.addEventListener("submit", event => event.preventDefault());
  if (window.matchMedia("(max-width: 30rem)").matches) for (const box of all("#filters, nav details")) box.open = false;

  // ---- Page colours, kept where the browser allows it
  const theme = all("input[name=theme]");
  const setTheme = value => {
    if (value) document.documentElement.dataset.theme = value;
    else delete document.documentElement.dataset.theme;
  };
  let kept = "";
  try { kept = localStorage.getItem("gilbench-theme") || ""; } catch (refused) { kept = ""; }
  for (const box of theme) {
    box.checked = box.value === kept;
    box.addEventListener("change", () => {
      setTheme(box.value);
      try { localStorage.setItem("gilbench-theme", box.value); } catch (refused) { /* for this visit only */ }
    });
  }
  setTheme(kept);

  // ---- Marks: the text of the one under the mouse, or of the one that the arrow keys reached
  const tip = document.querySelector(".tip");
  let here = null;
  for (const title of all(".mark > title")) {
    title.parentNode.dataset.text = title.textContent;
    title.remove(); // the browser's own would come as well, later
  }

  function hideTip() {
    tip.hidden = true;
    if (here) here.classList.remove("here");
    here = null;
  }

  function placeTip() {
    const at = here.getBoundingClientRect(), size = tip.getBoundingClientRect();
    tip.style.left = Math.max(4, Math.min(at.left + at.width / 2 - size.width / 2, window.innerWidth - size.width - 4)) + "px";
    tip.style.top = (at.top > size.height + 8 ? at.top - size.height - 4 : at.bottom + 4) + "px";
  }

  function showTip(mark) {
    hideTip();
    here = mark;
    mark.classList.add("here");
    tip.textContent = mark.dataset.text;
    tip.hidden = false;
    placeTip();
  }

  document.addEventListener("pointerover", event => {
    const mark = event.target.closest(".mark");
    if (mark) showTip(mark);
    else if (here && !here.closest("svg").contains(document.activeElement)) hideTip();
  });
  document.addEventListener("scroll", () => { if (here) placeTip(); }, { passive: true });
  for (const plot of all(".plot")) {
    plot.addEventListener("blur", hideTip);
    plot.addEventListener("keydown", event => {
      const marks = all(".series:not(.off) .mark", plot);
      const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
      if (event.key === "Escape") hideTip();
      if (!step || !marks.length) return;
      event.preventDefault();
      const at = marks.indexOf(here);
      const mark = marks[at < 0 ? (step > 0 ? 0 : marks.length - 1) : (at + step + marks.length) % marks.length];
      showTip(mark);
      document.querySelector(".status").textContent = mark.dataset.text;
    });
  }
})();
