/* stats.c - see stats.h. */
#include "stats.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

double stats_mean(const double *x, size_t n) {
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += x[i];
    return n ? sum / (double)n : NAN;
}

double stats_sd(const double *x, size_t n) {
    double mean = stats_mean(x, n), squares = 0;
    for (size_t i = 0; i < n; i++)
        squares += (x[i] - mean) * (x[i] - mean);
    return n > 1 ? sqrt(squares / (double)(n - 1)) : n ? 0 : NAN;
}

static int ascending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double quantile_of_sorted(const double *sorted, size_t n, double p) {
    double rank = p * (double)(n - 1);
    size_t below = (size_t)rank;
    if (below + 1 >= n)
        return sorted[n - 1];
    return sorted[below] + (rank - (double)below) * (sorted[below + 1] - sorted[below]);
}

static int has_nan(const double *x, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (isnan(x[i]))
            return 1;
    return 0;
}

double stats_quantile(const double *x, size_t n, double p) {
    double *sorted, result;
    if (!n || has_nan(x, n) || !(sorted = malloc(n * sizeof *sorted)))
        return NAN;
    memcpy(sorted, x, n * sizeof *sorted);
    qsort(sorted, n, sizeof *sorted, ascending);
    result = quantile_of_sorted(sorted, n, p);
    free(sorted);
    return result;
}

double stats_median(const double *x, size_t n) {
    return stats_quantile(x, n, 0.5);
}

double stats_mad(const double *x, size_t n) {
    double median = stats_median(x, n), *away, result;
    if (!n || !(away = malloc(n * sizeof *away)))
        return NAN;
    for (size_t i = 0; i < n; i++)
        away[i] = fabs(x[i] - median);
    result = stats_median(away, n);
    free(away);
    return result;
}
