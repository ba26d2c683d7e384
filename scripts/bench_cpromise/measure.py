"""Rounds and what is made of them: medians, and 95 % intervals of medians by order statistics."""

import collections
import gc
import math
import random
import statistics

Figure = collections.namedtuple("Figure", "median low high")


def per_operation(row, figure):
    return figure / row.n if row.unit == "ns" else figure


def rounds(rows, columns, count, seed, tell=lambda number: None):
    """{(row, contender): [figure, one a round]}. Each round runs everything once, in an order of its own; the first round warms up."""
    jobs = [(row, name) for row in rows for name, operations in columns.items() if row.key in operations]
    chance, samples = random.Random(seed), collections.defaultdict(list)
    for number in range(count + 1):
        tell(number)
        chance.shuffle(jobs)
        for row, name in jobs:
            gc.collect()
            figure = per_operation(row, columns[name][row.key](row.n))
            if number:
                samples[row.key, name].append(figure)
    return samples


def rank(n):
    """The largest k for which [k-th smallest, k-th largest] of n values covers the median with 95 % at least; else 1."""
    below, k = 0, 0
    while k < n // 2:
        below += math.comb(n, k) / 2**n
        if 2 * below > 0.05:
            break
        k += 1
    return max(k, 1)


def summary(values):
    ordered, k = sorted(values), rank(len(values))
    return Figure(statistics.median(ordered), ordered[k - 1], ordered[-k])


def coverage(n):
    """What the interval of n values covers, so that few rounds do not pass for 95 %."""
    return 1 - 2 * sum(math.comb(n, i) for i in range(rank(n))) / 2**n


def ratio(base, values):
    """Of two lists of samples, paired by round."""
    return summary([b / v for b, v in zip(base, values)])


def judge(goal, samples):
    """(met or None where it was not measured, the Figure that decides)."""
    ours = samples.get((goal.row, "cpromise"))
    if goal.base is None:
        figure = summary(ours) if ours else None
        return figure and figure.median <= goal.limit, figure
    base = samples.get((goal.row, goal.base)) or samples.get((goal.base, "cpromise"))
    if not ours or not base:
        return None, None
    figure = ratio(base, ours)
    return figure.median >= goal.limit, figure


def is_wanted(key, only):
    """`only`: what --only was given; nothing wants all."""
    return not only or any(name in key for name in only.split(","))
