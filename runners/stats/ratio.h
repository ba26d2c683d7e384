/* ratio.h - two samples that were not taken in pairs. */
#ifndef GILBENCH_RATIO_H
#define GILBENCH_RATIO_H

#include "stats.h"

/* median(y) / median(x) and its percentile-bootstrap interval: both samples are drawn from anew,
 * each by itself. It knows nothing of what drifted between the two: a pair does. All values > 0.
 * One value in a sample, NaN in one, n = 0 or memory out: lo and hi are NaN, since nothing is known
 * of the spread. */
struct interval stats_bootstrap_ratio(const double *x, size_t nx, const double *y, size_t ny,
                                      double level, int resamples, uint64_t seed);

#endif
