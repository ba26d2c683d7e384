/* bootstrap.c - see stats.h. */
#include "stats.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct placed {
    double value;
    size_t at; /* where it stood */
};

static int ascending(const void *a, const void *b) {
    double x = ((const struct placed *)a)->value, y = ((const struct placed *)b)->value;
    return (x > y) - (x < y);
}

/* The values in order, and for each place the rank of the value that stood there. */
static void rank(struct placed *sorted, size_t *ranks, const double *x, size_t n) {
    for (size_t i = 0; i < n; i++)
        sorted[i] = (struct placed){x[i], i};
    qsort(sorted, n, sizeof *sorted, ascending);
    for (size_t k = 0; k < n; k++)
        ranks[sorted[k].at] = k;
}

/* The median of a draw with replacement, of which it is counted how often each value came: nothing
 * is sorted anew. */
static double draw_median(const struct placed *sorted, const size_t *ranks, unsigned *counts,
                          size_t n, struct rng *rng) {
    size_t below = (n - 1) / 2, above = n / 2, seen = 0, k = 0;
    double low;
    memset(counts, 0, n * sizeof *counts);
    for (size_t i = 0; i < n; i++)
        counts[ranks[rng_below(rng, n)]]++;
    while ((seen += counts[k]) <= below)
        k++;
    low = sorted[k].value;
    while (seen <= above)
        seen += counts[++k];
    return low + (above > below ? 0.5 : 0) * (sorted[k].value - low);
}

struct interval stats_bootstrap_median(const double *x, size_t n, double level, int resamples,
                                       uint64_t seed) {
    struct interval result = {stats_median(x, n), NAN, NAN};
    struct placed *sorted = malloc(n * sizeof *sorted + 1);
    size_t *ranks = malloc(n * sizeof *ranks + 1);
    unsigned *counts = malloc(n * sizeof *counts + 1);
    double *medians = malloc((size_t)resamples * sizeof *medians);
    struct rng rng = {seed};
    if (n && sorted && ranks && counts && medians && !isnan(result.value)) {
        rank(sorted, ranks, x, n);
        for (int r = 0; r < resamples; r++)
            medians[r] = draw_median(sorted, ranks, counts, n, &rng);
        stats_middle(medians, (size_t)resamples, level, &result.lo, &result.hi);
    }
    free(sorted);
    free(ranks);
    free(counts);
    free(medians);
    return result;
}
