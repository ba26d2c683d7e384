/* history.h - the lines that gates appended, as a series for each benchmark, and where its level
 * changed: what a single gate is too coarse to see. */
#ifndef GILBENCH_HISTORY_H
#define GILBENCH_HISTORY_H

#include "gilbench.h"
#include "verdict.h"
#include <stdio.h>

struct history_point {
    char when[32], base[24], cand[24]; /* 12 letters of a commit, else what was asked for */
    enum ab_verdict verdict;
    double ratio, lo, hi; /* candidate over baseline, divided by the ratio of the null control */
    bool raw;             /* there was no null control: not divided */
    bool left_out;        /* contaminated, invalid or without a ratio: no part of the series */
    bool change;          /* the level is another one from here on */
    double level;         /* geometric mean of the points from one change to the next; NaN before
                             history_find */
};

struct history_series {
    char id[256];
    struct history_point *points; /* owned, in the order of the file */
    int npoints, left_out, changes;
    int bases; /* how many different baselines, 2 for any more */
};

struct history {
    struct history_series *series; /* owned, in the order in which they first appear */
    int nseries, runs;
    bool torn;     /* the last line was cut off */
    bool machines; /* of more than one */
};

/* json_history.c. GB_USAGE: no such file; GB_INCOMPATIBLE: what is no history. The caller frees it
 * also after an error. */
int history_read(const char *home, const char *path, struct history *history, struct err *err);
void history_free(struct history *history);

enum { HISTORY_WINDOW = 50, HISTORY_DRAWS = 999 };

/* Finds changes of level in the last HISTORY_WINDOW points that are not left out (stats/changes.h),
 * and fills level. */
int history_find(struct history_series *series, double alpha, struct err *err);

/* For gnuplot: block 0 the points (number, ratio, lo, hi, level), block 1 the first points after a
 * change, block 2 those that are left out, at 1. */
void history_dat(FILE *out, const struct history_series *series);

#endif
