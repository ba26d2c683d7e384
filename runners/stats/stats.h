/* stats.h - arrays in, numbers out. Pure: no input or output, no state beyond what the caller
 * gives, libm only. Arrays are of `n` doubles and are not changed; NaN in them gives NaN. n = 0
 * gives NaN unless said otherwise. */
#ifndef GILBENCH_STATS_H
#define GILBENCH_STATS_H

#include <stddef.h>
#include <stdint.h>

/* A generator of random numbers: splitmix64 (Steele, Lea and Flood 2014). The seed is the whole
 * state, so a stored seed repeats everything. */
struct rng {
    uint64_t state;
};
uint64_t rng_next(struct rng *rng);
/* 0 .. bound - 1, without bias (Lemire 2019). bound > 0. */
uint64_t rng_below(struct rng *rng, uint64_t bound);
/* Fisher and Yates' shuffle of n ints. */
void rng_shuffle(struct rng *rng, int *items, size_t n);

double stats_mean(const double *x, size_t n);
/* Standard deviation of a sample (n - 1); 0 for n = 1. */
double stats_sd(const double *x, size_t n);
/* Hyndman and Fan's type 7, as R, NumPy and Excel: linear between order statistics. 0 <= p <= 1.
 * NaN when memory is out. */
double stats_quantile(const double *x, size_t n, double p);
double stats_median(const double *x, size_t n);
/* The quantiles between which the middle `level` of the values lies: 0.95 cuts 2.5 % off either end. */
void stats_middle(const double *x, size_t n, double level, double *lo, double *hi);
/* Median absolute deviation from the median, not scaled. */
double stats_mad(const double *x, size_t n);

struct interval {
    double value, lo, hi;
};

/* The median and its percentile-bootstrap interval (Efron and Tibshirani 1993, ch. 13): `resamples`
 * medians of n draws with replacement, cut at (1 - level) / 2 on either side. n = 1: lo = hi =
 * value. Coverage at small n: docs/decisions/003. */
struct interval stats_bootstrap_median(const double *x, size_t n, double level, int resamples,
                                       uint64_t seed);

#endif
