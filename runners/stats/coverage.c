/* coverage.c - see coverage.h. */
#include "coverage.h"
#include <math.h>

enum { PAIRS_MOST = 64 };

static double uniform(struct rng *rng) {
    return ((double)(rng_next(rng) >> 11) + 0.5) / 9007199254740992.0;
}

/* Box and Muller 1958. */
static double normal(struct rng *rng) {
    double radius = sqrt(-2 * log(uniform(rng)));
    return radius * cos(2 * M_PI * uniform(rng));
}

/* The next value of a series whose values have the standard deviation 1. */
static double next_in_series(double before, double correlation, struct rng *rng) {
    return correlation * before + sqrt(1 - correlation * correlation) * normal(rng);
}

/* `slot`: the state of the machine, or of the last pair. */
static double difference(enum coverage_noise noise, double *slot, struct rng *rng) {
    double first;
    switch (noise) {
    case NOISE_LOGNORMAL:
        return exp(0.5 * normal(rng)) - exp(0.5 * normal(rng));
    case NOISE_OUTLIERS:
        return (uniform(rng) < 0.05 ? 10 : 1) * normal(rng);
    case NOISE_DRIFT:
        first = *slot = next_in_series(*slot, 0.98, rng);
        *slot = next_in_series(*slot, 0.98, rng);
        return (rng_below(rng, 2) ? 1 : -1) * (first - *slot);
    case NOISE_SERIAL:
        return *slot = next_in_series(*slot, 0.5, rng);
    default:
        return normal(rng);
    }
}

static bool holds_zero(struct interval i) {
    return i.lo <= 0 && 0 <= i.hi;
}

struct coverage coverage_simulate(enum coverage_noise noise, size_t n, unsigned runs, int resamples,
                                  uint64_t seed) {
    struct coverage result = {.runs = runs};
    struct rng rng = {seed};
    double d[PAIRS_MOST];
    n = n < PAIRS_MOST ? n : PAIRS_MOST;
    for (unsigned run = 0; run < runs; run++) {
        double slot = normal(&rng);
        for (size_t k = 0; k < n; k++)
            d[k] = difference(noise, &slot, &rng);
        result.covered += holds_zero(paired_interval(d, n, 0.95));
        if (resamples)
            result.boot_covered += holds_zero(paired_boot_t(d, n, 0.95, resamples, rng_next(&rng)));
        result.flagged += paired_is_serial(paired_lag1(d, n), n);
    }
    return result;
}

const char *coverage_name(enum coverage_noise noise) {
    static const char *const names[NOISES] = {"normal", "lognormal", "outliers", "drift", "serial"};
    return names[noise];
}
