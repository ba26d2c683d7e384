/* ab_numbers.c - see ab_numbers.h. */
#include "ab_numbers.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { EXACT_UP_TO = 20, DRAWS = 100000 };

/* ---- Student's t */

/* The continued fraction of the incomplete beta function (Abramowitz and Stegun 26.5.8), by Lentz'
 * method. */
static double beta_fraction(double a, double b, double x) {
    double c = 1, d = 1 - (a + b) * x / (a + 1), h;
    d = 1 / (fabs(d) < 1e-300 ? 1e-300 : d);
    h = d;
    for (int m = 1; m < 500; m++) {
        double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
               odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)), step;
        d = 1 / (1 + even * d);
        c = 1 + even / c;
        h *= d * c;
        d = 1 / (1 + odd * d);
        c = 1 + odd / c;
        h *= step = d * c;
        if (fabs(step - 1) < 1e-15)
            break;
    }
    return h;
}

static double incomplete_beta(double a, double b, double x) {
    double front = exp(lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log1p(-x));
    if (x <= 0 || x >= 1)
        return x <= 0 ? 0 : 1;
    return x < (a + 1) / (a + b + 2) ? front * beta_fraction(a, b, x) / a
                                     : 1 - front * beta_fraction(b, a, 1 - x) / b;
}

static double t_probability(double t, double df) {
    double tail = incomplete_beta(df / 2, 0.5, df / (df + t * t)) / 2;
    return t < 0 ? tail : 1 - tail;
}

double numbers_t_quantile(double p, double df) {
    double low = -1, high = 1;
    if (!(p > 0 && p < 1 && df >= 1))
        return NAN;
    while (t_probability(low, df) > p && low > -1e12)
        low *= 2;
    while (t_probability(high, df) < p && high < 1e12)
        high *= 2;
    for (int i = 0; i < 200 && high - low > 1e-14 * fabs(high); i++) {
        double middle = (low + high) / 2;
        if (t_probability(middle, df) < p)
            low = middle;
        else
            high = middle;
    }
    return (low + high) / 2;
}

/* ---- Intervals */

static double standard_error(const double *x, size_t n) {
    return stats_sd(x, n) / sqrt((double)n);
}

struct interval numbers_t_interval(const double *x, size_t n, double level) {
    double mean = stats_mean(x, n),
           half = numbers_t_quantile((1 + level) / 2, (double)n - 1) * standard_error(x, n);
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

struct interval numbers_boot_t(const double *x, size_t n, double level, int resamples,
                               uint64_t seed) {
    struct interval result = {stats_mean(x, n), NAN, NAN};
    double *t = malloc(((size_t)resamples + n) * sizeof *t), error = standard_error(x, n);
    struct rng rng = {seed};
    if (error > 0 && t) {
        for (int i = 0; i < resamples; i++)
            t[i] = studentised(x, t + resamples, n, result.value, &rng);
        result.lo = result.value - stats_quantile(t, (size_t)resamples, (1 + level) / 2) * error;
        result.hi = result.value - stats_quantile(t, (size_t)resamples, (1 - level) / 2) * error;
    } else if (error == 0)
        result.lo = result.hi = result.value;
    free(t);
    return result;
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

double numbers_sign_flip(const double *x, size_t n, double shift, uint64_t seed) {
    double sum = 0, size = 0, slack;
    for (size_t i = 0; i < n; i++) {
        sum += x[i] - shift;
        size += fabs(x[i] - shift);
    }
    if (isnan(sum) || n == 0)
        return NAN;
    slack = 1e-12 * size; /* the same sum in another order is no smaller one */
    return n <= EXACT_UP_TO ? exact_flips(x, n, shift, sum, slack)
                            : drawn_flips(x, n, shift, sum, slack, seed);
}

double numbers_hodges_lehmann(const double *x, size_t n) {
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

double numbers_lag1(const double *x, size_t n) {
    double mean = stats_mean(x, n), together = 0, alone = 0;
    for (size_t i = 0; i < n; i++) {
        alone += (x[i] - mean) * (x[i] - mean);
        together += i ? (x[i] - mean) * (x[i - 1] - mean) : 0;
    }
    return alone > 0 ? together / alone : alone;
}

double numbers_mde(double sd, size_t n, double alpha, double power) {
    double df = (double)n - 1;
    return (numbers_t_quantile(1 - alpha, df) + numbers_t_quantile(power, df)) * sd /
           sqrt((double)n);
}

/* The k-th smallest of n is multiplied by n - k + 1, and is never below one before it. */
void numbers_holm(const double *p, size_t n, double *adjusted) {
    double before = 0;
    size_t *order = malloc((n + 1) * sizeof *order);
    for (size_t i = 0; order && i < n; i++) {
        size_t at = i;
        for (; at > 0 && p[order[at - 1]] > p[i]; at--)
            order[at] = order[at - 1];
        order[at] = i;
    }
    for (size_t k = 0; k < n; k++) {
        size_t i = order ? order[k] : k;
        double value = p[i] * (double)(n - (order ? k : 0)); /* without memory: Bonferroni */
        before = value > before ? value : before;
        adjusted[i] = before > 1 ? 1 : before;
    }
    free(order);
}
