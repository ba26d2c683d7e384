/* coverage.h - how often the interval of paired.h holds the truth, by simulation. Pure. */
#ifndef GILBENCH_COVERAGE_H
#define GILBENCH_COVERAGE_H

#include "paired.h"

/* What the differences of pairs look like. The truth is 0 in all. */
enum coverage_noise {
    NOISE_NORMAL,
    NOISE_LOGNORMAL, /* two lognormal times (sigma 0.5), as a difference: longer tails */
    NOISE_OUTLIERS,  /* normal; of 5 %, ten times as wide */
    NOISE_DRIFT,  /* the machine drifts, AR(0.98) from slot to slot; the order is drawn by pair */
    NOISE_SERIAL, /* pairs that know of each other, AR(0.5): is to be flagged */
};
enum { NOISES = 5 };

struct coverage {
    unsigned runs;
    unsigned covered;      /* whose interval (paired_interval) held 0 */
    unsigned boot_covered; /* the same of paired_boot_t, for comparison */
    unsigned flagged;      /* that paired_is_serial() called suspicious */
};

/* `runs` experiments of n pairs each, at most 64, and the nominal 95 % intervals of each. resamples
 * of the bootstrap: 0 leaves it out. */
struct coverage coverage_simulate(enum coverage_noise noise, size_t n, unsigned runs, int resamples,
                                  uint64_t seed);
/* "normal", ...; for tables. */
const char *coverage_name(enum coverage_noise noise);

#endif
