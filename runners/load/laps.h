/* laps.h - the times of single ops, where a pair of time stamps may cost more than an op. Ops that
 * take microseconds are timed one by one. Shorter ones are done, and timed, in laps of as many as are
 * worth the stamps, and each of a lap counts with its mean. Pure: the caller reads the clock. */
#ifndef GILBENCH_LAPS_H
#define GILBENCH_LAPS_H

#include "../stats/hist.h"

enum { LAP_LEAST_NS = 5000, LAP_MOST_NS = 4 * LAP_LEAST_NS, LAP_OPS_MOST = 1024 };

struct laps {
    int size; /* ops that the next lap should have; 1 at first, kept from sample to sample */
};

void laps_init(struct laps *laps);

/* A lap of `ops` (1 to size; fewer where no more are left) took `ns`: adds it to the histogram, and
 * makes the next one longer or shorter. */
void laps_add(struct laps *laps, int ops, int64_t ns, struct hist *hist);

#endif
