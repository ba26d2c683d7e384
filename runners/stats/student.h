/* student.h - Student's t, alone and with an effect, and the binomial bounds: what tests of few
 * values need. Pure, libm only. Arguments out of range, NaN among them, give NaN. */
#ifndef GILBENCH_STUDENT_H
#define GILBENCH_STUDENT_H

#include "stats.h"

/* Quantile p of t with df degrees of freedom; df >= 1, 0 < p < 1. */
double stats_t_quantile(double p, double df);

/* Power of the one-sided t test at `alpha` with n values whose mean is `effect` standard
 * deviations: the tail of the noncentral t (Lenth 1989, AS 243). n >= 2, effect >= 0. */
double stats_t_power(double effect, size_t n, double alpha);

/* The smallest mean that this test finds with that power, where the values have the standard
 * deviation `sd`. 0 < alpha < power < 1. */
double stats_mde(double sd, size_t n, double alpha, double power);

/* Share of `hits` in `tries`, with bounds that hold it in at least `level` of all cases (Clopper
 * and Pearson 1934): lo is 0 without a hit, hi is 1 with nothing but hits. tries = 0: 0 to 1. */
struct interval stats_share(unsigned hits, unsigned tries, double level);

#endif
