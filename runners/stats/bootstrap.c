/* bootstrap.c - see stats.h. */
#include "stats.h"
#include <math.h>
#include <stdlib.h>

struct interval stats_bootstrap_median(const double *x, size_t n, double level, int resamples,
                                       uint64_t seed) {
    struct interval result = {stats_median(x, n), NAN, NAN};
    double *draw = malloc(n * sizeof *draw + 1),
           *medians = malloc((size_t)resamples * sizeof *medians);
    struct rng rng = {seed};
    if (n && draw && medians && !isnan(result.value)) {
        for (int r = 0; r < resamples; r++) {
            for (size_t i = 0; i < n; i++)
                draw[i] = x[rng_below(&rng, n)];
            medians[r] = stats_median(draw, n);
        }
        result.lo = stats_quantile(medians, (size_t)resamples, (1 - level) / 2);
        result.hi = stats_quantile(medians, (size_t)resamples, (1 + level) / 2);
    }
    free(draw);
    free(medians);
    return result;
}
