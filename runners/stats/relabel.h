/* relabel.h - how often a gate would stop equal code, without measuring anew: pairs of equal code
 * have their arms exchanged or not, each by a coin, and are judged by the gate's rule. Where the
 * order within a pair was drawn, every such exchange was as likely as what was measured. Pure. */
#ifndef GILBENCH_RELABEL_H
#define GILBENCH_RELABEL_H

#include "paired.h"

enum { RELABEL_SERIES = 16, RELABEL_LOOKS = 4, RELABEL_PAIRS = 256 };

/* As in driver/ab_stats.c and verdict.c, but for what needs more than d: the null control, pairs
 * that were dropped, and the confirmation. All of these only take alarms back. */
struct relabel_rule {
    double margin, limit;             /* ratios less 1; limit 0: nothing is ok before the last */
    double alpha;                     /* one-sided error of a look, over all series */
    int looks[RELABEL_LOOKS], nlooks; /* pairs, ascending, up to RELABEL_PAIRS */
};

/* The d of one benchmark, in the order of measuring. */
struct relabel_series {
    const double *d;
    size_t n;
};

/* Of `draws` runs, those in which any of the series (at most RELABEL_SERIES) is called slower. A run
 * takes a window of looks[last] pairs from a random place of each series, or all where it has
 * fewer; looks for which there are too few pairs are not taken. */
unsigned relabel_alarms(const struct relabel_series *series, size_t nseries,
                        const struct relabel_rule *rule, unsigned draws, uint64_t seed);

#endif
