/* paired.c - see paired.h. */
#include "paired.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { EXACT_UP_TO = 20, DRAWS = 100000 };

/* ---- Intervals */

static double standard_error(const double *x, size_t n) {
    return stats_sd(x, n) / sqrt((double)n);
}

struct interval paired_t_interval(const double *x, size_t n, double level) {
    double mean = stats_mean(x, n),
           half = stats_t_quantile((1 + level) / 2, (double)n - 1) * standard_error(x, n);
    return (struct interval){mean, mean - half, mean + half};
}

static double studentised(const double *x, double *draw, size_t n, double mean, struct rng *rng) {
    double error = 0;
    while (!(error > 0)) { /* a draw of one value over and over says nothing: draw again */
        for (size_t i = 0; i < n; i++)
            draw[i] = x[rng_below(rng, n)];
        error = standard_error(draw, n);
    }
    return (stats_mean(draw, n) - mean) / error;
}

struct interval paired_boot_t(const double *x, size_t n, double level, int resamples,
                              uint64_t seed) {
    struct interval result = {stats_mean(x, n), NAN, NAN};
    double *t = malloc(((size_t)resamples + n) * sizeof *t), error = standard_error(x, n);
    struct rng rng = {seed};
    if (n >= 2 && error > 0 && t) {
        for (int i = 0; i < resamples; i++)
            t[i] = studentised(x, t + resamples, n, result.value, &rng);
        result.lo = result.value - stats_quantile(t, (size_t)resamples, (1 + level) / 2) * error;
        result.hi = result.value - stats_quantile(t, (size_t)resamples, (1 - level) / 2) * error;
    } else if (n >= 2 && error == 0)
        result.lo = result.hi = result.value;
    free(t);
    return result;
}

static struct interval widened(struct interval i, double factor) {
    return (struct interval){i.value, i.value - factor * (i.value - i.lo),
                             i.value + factor * (i.hi - i.value)};
}

struct interval paired_interval(const double *d, size_t n, double level) {
    double r = fmin(paired_lag1(d, n), 0.95);
    struct interval i = paired_t_interval(d, n, level);
    return paired_is_serial(r, n) ? widened(i, sqrt((1 + r) / (1 - r))) : i;
}

/* ---- Tests */

static double exact_flips(const double *x, size_t n, double shift, double sum, double slack) {
    uint64_t all = (uint64_t)1 << n, as_large = 0;
    for (uint64_t signs = 0; signs < all; signs++) {
        double flipped = 0;
        for (size_t i = 0; i < n; i++)
            flipped += signs >> i & 1 ? shift - x[i] : x[i] - shift;
        as_large += flipped >= sum - slack;
    }
    return (double)as_large / (double)all;
}

static double drawn_flips(const double *x, size_t n, double shift, double sum, double slack,
                          uint64_t seed) {
    struct rng rng = {seed};
    int as_large = 1;
    for (int draw = 1; draw < DRAWS; draw++) {
        double flipped = 0;
        uint64_t bits = 0;
        for (size_t i = 0; i < n; i++) {
            bits = i % 64 ? bits >> 1 : rng_next(&rng);
            flipped += bits & 1 ? shift - x[i] : x[i] - shift;
        }
        as_large += flipped >= sum - slack;
    }
    return (double)as_large / DRAWS;
}

double paired_sign_flip(const double *x, size_t n, double shift, uint64_t seed) {
    double sum = 0, size = 0, slack;
    for (size_t i = 0; i < n; i++) {
        sum += x[i] - shift;
        size += fabs(x[i] - shift);
    }
    if (!isfinite(sum) || n == 0)
        return NAN;
    slack = 1e-12 * size; /* the same sum in another order is no smaller one */
    return n <= EXACT_UP_TO ? exact_flips(x, n, shift, sum, slack)
                            : drawn_flips(x, n, shift, sum, slack, seed);
}

size_t paired_least(double alpha) {
    size_t n = 1;
    while (n < 1000 && !(ldexp(1, -(int)n) < alpha))
        n++;
    return n;
}

double paired_hodges_lehmann(const double *x, size_t n) {
    double *means = malloc((n * (n + 1) / 2 + 1) * sizeof *means), median = NAN;
    size_t count = 0;
    for (size_t i = 0; means && i < n; i++)
        for (size_t k = i; k < n; k++)
            means[count++] = (x[i] + x[k]) / 2;
    if (means)
        median = stats_median(means, count);
    free(means);
    return median;
}

double paired_lag1(const double *x, size_t n) {
    double mean = stats_mean(x, n), together = 0, alone = 0;
    for (size_t i = 0; i < n; i++) {
        alone += (x[i] - mean) * (x[i] - mean);
        together += i ? (x[i] - mean) * (x[i - 1] - mean) : 0;
    }
    return alone > 0 ? together / alone : alone;
}

/* Of independent values it lies around -1/n, with a standard deviation of about 1/sqrt(n). */
bool paired_is_serial(double lag1, size_t n) {
    return lag1 > 1.2816 / sqrt((double)n) - 1 / (double)n;
}

/* ---- Many tests */

/* The indices of p, the smallest first. Memory of the caller's; NULL when it is out. */
static size_t *sorted(const double *p, size_t n) {
    size_t *order = malloc((n + 1) * sizeof *order);
    for (size_t i = 0; order && i < n; i++) {
        size_t at = i;
        for (; at > 0 && p[order[at - 1]] > p[i]; at--)
            order[at] = order[at - 1];
        order[at] = i;
    }
    return order;
}

static void bonferroni(const double *p, size_t n, double *adjusted) {
    for (size_t i = 0; i < n; i++)
        adjusted[i] = fmin(1, p[i] * (double)n);
}

/* The k-th smallest of n is multiplied by n - k + 1, and is never below one before it. */
void paired_holm(const double *p, size_t n, double *adjusted) {
    size_t *order = sorted(p, n);
    double before = 0;
    if (!order)
        bonferroni(p, n, adjusted); /* the stricter one */
    for (size_t k = 0; order && k < n; k++)
        before = adjusted[order[k]] = fmin(1, fmax(before, p[order[k]] * (double)(n - k)));
    free(order);
}

/* The k-th smallest is multiplied by n / k, and is never above one behind it. */
void paired_benjamini_hochberg(const double *p, size_t n, double *adjusted) {
    size_t *order = sorted(p, n);
    double behind = 1;
    if (!order)
        bonferroni(p, n, adjusted);
    for (size_t k = n; order && k > 0; k--)
        behind = adjusted[order[k - 1]] = fmin(behind, p[order[k - 1]] * (double)n / (double)k);
    free(order);
}
