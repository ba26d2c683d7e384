/* ratio.c - see ratio.h. */
#include "ratio.h"
#include <math.h>
#include <stdlib.h>

static double drawn_median(struct rng *rng, const double *x, size_t n, double *draw) {
    for (size_t i = 0; i < n; i++)
        draw[i] = x[rng_below(rng, n)];
    return stats_median(draw, n);
}

struct interval stats_bootstrap_ratio(const double *x, size_t nx, const double *y, size_t ny,
                                      double level, int resamples, uint64_t seed) {
    struct interval result = {stats_median(y, ny) / stats_median(x, nx), NAN, NAN};
    double *draw = malloc((nx > ny ? nx : ny) * sizeof *draw + 1),
           *ratios = malloc((size_t)resamples * sizeof *ratios);
    struct rng rng = {seed};
    if (nx > 1 && ny > 1 && draw && ratios && !isnan(result.value)) {
        for (int r = 0; r < resamples; r++) {
            double below = drawn_median(&rng, x, nx, draw);
            ratios[r] = drawn_median(&rng, y, ny, draw) / below;
        }
        stats_middle(ratios, (size_t)resamples, level, &result.lo, &result.hi);
    }
    free(draw);
    free(ratios);
    return result;
}
