/* compare.h - a cell of one run against the same cell of another, measured at another time: unpaired, so
 * that no interval knows what changed on the machine in between. */
#ifndef GILBENCH_COMPARE_H
#define GILBENCH_COMPARE_H

#include "../stats/ratio.h"
#include "results.h"

/* The result of the cell with this id, or NULL. */
const struct result *compare_find(const struct runset *run, const char *id);
/* Why a pair of results gives no ratio, or NULL. */
const char *compare_no_ratio(const struct result *old, const struct result *new);
/* Time per op of new over old, medians over processes, with its bootstrap interval; NAN when memory is
 * out. */
struct interval compare_time_ratio(const struct result *old, const struct result *new, double level,
                                   uint64_t seed);

#endif
