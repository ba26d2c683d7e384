/* ab_numbers.h - the statistics of paired differences that `ab` needs. Pure; arrays are not
 * changed, n is their size, NaN in them gives NaN. */
#ifndef GILBENCH_AB_NUMBERS_H
#define GILBENCH_AB_NUMBERS_H

#include "../stats/stats.h"

/* Quantile p of Student's t with df degrees of freedom; df >= 1, 0 < p < 1. */
double numbers_t_quantile(double p, double df);
/* Mean and its t interval. n >= 2. */
struct interval numbers_t_interval(const double *x, size_t n, double level);
/* Mean and its studentised bootstrap interval (Efron and Tibshirani 1993, 12.5). n >= 2. lo and hi
 * are NaN when memory is out. */
struct interval numbers_boot_t(const double *x, size_t n, double level, int resamples,
                               uint64_t seed);
/* One-sided p of the sign-flip test of "the x lie around `shift`, or below": exact up to 20 of them,
 * else from 100,000 draws, of which p counts itself as one. */
double numbers_sign_flip(const double *x, size_t n, double shift, uint64_t seed);
/* Median of the means of all pairs, each with itself included. NaN when memory is out. */
double numbers_hodges_lehmann(const double *x, size_t n);
/* Lag-1 autocorrelation; 0 without variance. */
double numbers_lag1(const double *x, size_t n);
/* The mean that a one-sided t test at `alpha` finds with this power. */
double numbers_mde(double sd, size_t n, double alpha, double power);
/* Holm's p, in the order of p; `adjusted` may be p itself. */
void numbers_holm(const double *p, size_t n, double *adjusted);

#endif
