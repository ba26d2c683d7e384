/* changes.h - where the level of a series of runs changed: E-divisive (Matteson and James 2014),
 * with the energy distance of exponent 1. Pure, libm only; the seed repeats the result. */
#ifndef GILBENCH_CHANGES_H
#define GILBENCH_CHANGES_H

#include "stats.h"

/* Fewest values on either side of a change. */
#define CHANGES_LEAST 3

/* Fills `at`, of room for n, with the ascending indices of the first values after a change, and
 * gives their number. A change counts when its permutation p, of `draws` shuffles and the observed
 * order, is alpha or below. Takes draws * n * n steps a split: give the last 50 values or so. -1 where
 * a value is NaN or infinite, `draws` are too few for alpha ever to be reached, or memory is out. */
int changes_find(const double *x, size_t n, double alpha, int draws, uint64_t seed, size_t *at);

#endif
