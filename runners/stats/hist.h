/* hist.h - a histogram of nanoseconds with buckets that span at most 1/32 of their value. The rule
 * is written down in runners/README.md, since the adapters in other languages fill it too. Plain
 * data: copy it, add it, zero it. */
#ifndef GILBENCH_HIST_H
#define GILBENCH_HIST_H

#include <stdint.h>

enum { HIST_BUCKETS = 1920 }; /* enough for every uint64_t: 32 (63 - 5) + 64 */

struct hist {
    uint64_t count[HIST_BUCKETS];
};

/* The bucket of a value, and the least and the greatest value of a bucket. */
unsigned hist_index(uint64_t value);
uint64_t hist_lower(unsigned index);
uint64_t hist_upper(unsigned index);

void hist_add(struct hist *hist, uint64_t value);
void hist_merge(struct hist *into, const struct hist *from);
uint64_t hist_count(const struct hist *hist);

/* The upper edge of the bucket in which the value of rank ceil(p n) lies (0 < p <= 1); 0 for an
 * empty histogram. p = 1: the largest bucket in use. */
uint64_t hist_percentile(const struct hist *hist, double p);

#endif
