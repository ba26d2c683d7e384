/* laps.h - the times of single ops, where a pair of time stamps may cost more than an op. Ops that
 * take microseconds are timed one by one. Shorter ones are timed in laps of as many as are worth
 * the stamps, and each of a lap counts with its mean. Pure: the caller reads the clock. */
#ifndef GILBENCH_LAPS_H
#define GILBENCH_LAPS_H

#include "../stats/hist.h"
#include <stdbool.h>

enum { LAP_LEAST_NS = 5000, LAP_MOST_NS = 4 * LAP_LEAST_NS, LAP_OPS_MOST = 1024 };

/* size: ops of a lap, 1 at first; kept from sample to sample. */
struct laps {
    int size, left;
    int64_t start_ns;
};

void laps_init(struct laps *laps);

/* Before an op: whether laps_begin wants the time; after it: whether laps_end does. */
static inline bool laps_begins(const struct laps *laps) {
    return laps->left == laps->size;
}
static inline bool laps_ends(struct laps *laps) {
    return --laps->left == 0;
}

void laps_begin(struct laps *laps, int64_t now_ns);
/* Adds the lap to the histogram, and makes the next one longer or shorter. */
void laps_end(struct laps *laps, int64_t now_ns, struct hist *hist);
/* After the last op of a sample: a lap that is not full, if there is one. */
void laps_close(struct laps *laps, int64_t now_ns, struct hist *hist);

#endif
