/* arrival.c - see arrival.h. */
#include "arrival.h"
#include <math.h>

void arrivals_begin(struct arrivals *arrivals, enum arrival_kind kind, int64_t rate,
                    uint64_t seed) {
    *arrivals = (struct arrivals){.kind = kind, .rate = rate, .rng = {seed}};
}

void arrivals_restart(struct arrivals *arrivals) {
    arrivals->count = 0;
    arrivals->at_ns = 0;
}

/* Inversion; the uniform number is in (0, 1], so that its logarithm is finite. */
static double exponential(struct rng *rng) {
    return -log(((double)(rng_next(rng) >> 11) + 1) * 0x1p-53);
}

/* Constant gaps are computed from the number of the request: errors of rounding do not add up. */
int64_t arrivals_next(struct arrivals *arrivals) {
    arrivals->count++;
    if (arrivals->kind == ARRIVE_CONSTANT)
        return (int64_t)((__int128)arrivals->count * 1000000000 / arrivals->rate);
    arrivals->at_ns += exponential(&arrivals->rng) * 1e9 / (double)arrivals->rate;
    return (int64_t)arrivals->at_ns;
}
