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

/* Hoare 1961: x[k] becomes what it would be in order, with none greater before it and none smaller
 * behind. */
static void put_in_place(double *x, size_t n, size_t k) {
    size_t low = 0, high = n - 1;
    while (low < high) {
        double pivot = x[low + (high - low) / 2];
        size_t i = low, j = high;
        for (;; i++, j--) {
            double swapped = x[i];
            while (x[i] < pivot)
                swapped = x[++i];
            while (x[j] > pivot)
                j--;
            if (i >= j)
                break;
            x[i] = x[j];
            x[j] = swapped;
        }
        if (k <= j)
            high = j;
        else
            low = j + 1;
    }
}

/* Puts `x` partly in order. */
static double quantile_of(double *x, size_t n, double p) {
    double rank = p * (double)(n - 1), next = INFINITY;
    size_t below = (size_t)rank;
    if (below + 1 >= n)
        below = n - 1;
    put_in_place(x, n, below);
    if (below + 1 == n || rank == (double)below)
        return x[below];
    for (size_t i = below + 1; i < n; i++)
        next = x[i] < next ? x[i] : next;
    return x[below] + (rank - (double)below) * (next - x[below]);
}

static int has_nan(const double *x, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (isnan(x[i]))
            return 1;
    return 0;
}

/* A copy, the caller's; NULL for none, for NaN, and when memory is out. */
static double *copy_of(const double *x, size_t n) {
    double *copy;
    if (!n || has_nan(x, n) || !(copy = malloc(n * sizeof *copy)))
        return NULL;
    return memcpy(copy, x, n * sizeof *copy);
}

double stats_quantile(const double *x, size_t n, double p) {
    double *copy = copy_of(x, n), result;
    if (!copy)
        return NAN;
    result = quantile_of(copy, n, p);
    free(copy);
    return result;
}

void stats_middle(const double *x, size_t n, double level, double *lo, double *hi) {
    double *copy = copy_of(x, n);
    *lo = copy ? quantile_of(copy, n, (1 - level) / 2) : NAN;
    *hi = copy ? quantile_of(copy, n, (1 + level) / 2) : NAN;
    free(copy);
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
