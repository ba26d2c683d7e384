"""Markdown and JSON of what was measured."""

import json

import measure

RATIOS = ("asyncio", "uvloop")


def short(value):
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def cell(figure, unit=""):
    if figure is None:
        return "n/a"
    if figure.low == figure.high:
        return short(figure.median) + unit
    return f"{short(figure.median)}{unit} [{short(figure.low)}, {short(figure.high)}]"


def line(cells):
    return "| " + " | ".join(cells) + " |"


def operations(rows, contenders, samples):
    names = list(contenders.columns)
    bases = [name for name in RATIOS if name in names]
    yield line(["an operation", "unit", *names, *(f"{name} / cpromise" for name in bases)])
    yield "|---" * (2 + len(names) + len(bases)) + "|"
    for row in rows:
        ours = samples[row.key, "cpromise"]
        figures = [samples.get((row.key, name)) for name in names]
        ratios = [samples.get((row.key, name)) for name in bases]
        yield line(
            [row.title, row.unit]
            + [cell(values and measure.summary(values)) for values in figures]
            + [cell(values and measure.ratio(values, ours), "x") for values in ratios]
        )


def verdicts(goals, samples):
    """[(goal, met, figure)] of the goals that were measured."""
    judged = [(goal, *measure.judge(goal, samples)) for goal in goals]
    return [entry for entry in judged if entry[1] is not None]


def met(yes):
    return "met" if yes else "NOT MET"


def unit_of(goal):
    return "x" if goal.base else ""


def goals(judged):
    yield line(["goal", "kind", "asked", "measured", ""])
    yield "|---|---|---|---|---|"
    for goal, kept, figure in judged:
        asked = f">= {goal.limit:.3g}x" if goal.base else f"<= {goal.limit}"
        yield line([goal.text, goal.kind, asked, cell(figure, unit_of(goal)), met(kept)])


def as_json(facts, rows, samples, judged):
    results = {}
    for row in rows:
        for (key, name), values in samples.items():
            if key == row.key:
                entry = measure.summary(values)._asdict()
                results.setdefault(key, {"title": row.title, "unit": row.unit, "n": row.n, "contenders": {}})
                results[key]["contenders"][name] = {**entry, "samples": values}
    decided = [{**goal._asdict(), "met": bool(met), **figure._asdict()} for goal, met, figure in judged]
    return {**facts, "operations": results, "goals": decided}


def write(path, content):
    with open(path, "w", encoding="utf-8") as file:
        json.dump(content, file, indent=1)
        file.write("\n")
