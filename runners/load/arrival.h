/* arrival.h - when requests are due in open loop: a sequence of instants that depends on rate, kind
 * and seed alone, never on answers. Pure. */
#ifndef GILBENCH_ARRIVAL_H
#define GILBENCH_ARRIVAL_H

#include "../stats/stats.h"

enum arrival_kind {
    ARRIVE_CONSTANT, /* one each 1/rate seconds */
    ARRIVE_POISSON,  /* gaps are independent and exponential, of mean 1/rate seconds */
};

struct arrivals {
    enum arrival_kind kind;
    int64_t rate;  /* a second */
    int64_t count; /* given out since the last restart */
    double at_ns;  /* of the last one (Poisson) */
    struct rng rng;
};

/* rate > 0. */
void arrivals_begin(struct arrivals *arrivals, enum arrival_kind kind, int64_t rate, uint64_t seed);
/* Time 0 again. Random gaps go on where they were: samples differ, runs of one seed do not. */
void arrivals_restart(struct arrivals *arrivals);
/* Nanoseconds from time 0 to the next request; the first is due after one gap. Never decreases. */
int64_t arrivals_next(struct arrivals *arrivals);

#endif
