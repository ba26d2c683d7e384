/* paired.h - the statistics of differences between pairs: d = ln(candidate) - ln(base), one number
 * a pair. Pure, libm only; arrays of n values are not changed. NaN in them, and n below what a
 * function names, give NaN: whoever compares a NaN with a limit finds nothing significant. */
#ifndef GILBENCH_PAIRED_H
#define GILBENCH_PAIRED_H

#include "student.h"
#include <stdbool.h>

/* Mean and its t interval. n >= 2. */
struct interval paired_t_interval(const double *d, size_t n, double level);

/* Mean and its studentised bootstrap interval (Efron and Tibshirani 1993, 12.5): `resamples` draws
 * of whole pairs. n >= 2. Without variance lo = hi = value; NaN when memory is out. */
struct interval paired_boot_t(const double *d, size_t n, double level, int resamples,
                              uint64_t seed);

/* The one that verdicts rest on: t, and where the pairs know of each other (paired_is_serial), as wide
 * as if there were n (1 - r) / (1 + r) of them. Why not the bootstrap: docs/decisions/015. */
struct interval paired_interval(const double *d, size_t n, double level);

/* One-sided p of the sign-flip test of "the d lie around `shift`, or below": exact up to 20 of
 * them, else from 100,000 draws, of which the observed one is one (Phipson and Smyth 2010). It asks
 * for no distribution, but for symmetry about the shift. n >= 1. */
double paired_sign_flip(const double *d, size_t n, double shift, uint64_t seed);
/* The fewest pairs for which that p can be below alpha at all. */
size_t paired_least(double alpha);

/* Median of the means of all pairs of values, each with itself included. n >= 1. */
double paired_hodges_lehmann(const double *d, size_t n);

/* Lag-1 autocorrelation, in the order of measuring; 0 without variance. n >= 1. */
double paired_lag1(const double *d, size_t n);
/* Whether that is more than nine in ten series of independent values show: the pairs know of each
 * other, and an interval that takes them for n is too narrow. */
bool paired_is_serial(double lag1, size_t n);

/* p corrected for n tests, in the order of p; `adjusted` may be p itself. Holm's for "not one false
 * alarm", Benjamini and Hochberg's (1995) for "few of those that are flagged". */
void paired_holm(const double *p, size_t n, double *adjusted);
void paired_benjamini_hochberg(const double *p, size_t n, double *adjusted);

#endif
