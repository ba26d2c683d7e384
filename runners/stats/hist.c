/* hist.c - see hist.h. */
#include "hist.h"
#include <math.h>

unsigned hist_index(uint64_t value) {
    unsigned shift;
    if (value < 64)
        return (unsigned)value;
    shift = 63u - (unsigned)__builtin_clzll(value) - 5;
    return 32 * shift + (unsigned)(value >> shift);
}

uint64_t hist_lower(unsigned index) {
    unsigned shift;
    if (index < 64)
        return index;
    shift = index / 32 - 1;
    return (uint64_t)(index - 32 * shift) << shift;
}

uint64_t hist_upper(unsigned index) {
    return index + 1 < HIST_BUCKETS ? hist_lower(index + 1) - 1 : UINT64_MAX;
}

void hist_add(struct hist *hist, uint64_t value) {
    hist->count[hist_index(value)]++;
}

void hist_merge(struct hist *into, const struct hist *from) {
    for (unsigned i = 0; i < HIST_BUCKETS; i++)
        into->count[i] += from->count[i];
}

uint64_t hist_count(const struct hist *hist) {
    uint64_t count = 0;
    for (unsigned i = 0; i < HIST_BUCKETS; i++)
        count += hist->count[i];
    return count;
}

uint64_t hist_percentile(const struct hist *hist, double p) {
    uint64_t count = hist_count(hist), rank = (uint64_t)ceil(p * (double)count), seen = 0;
    if (!count)
        return 0;
    if (rank < 1)
        rank = 1;
    for (unsigned i = 0; i < HIST_BUCKETS; i++)
        if ((seen += hist->count[i]) >= rank)
            return hist_upper(i);
    return hist_upper(HIST_BUCKETS - 1);
}
