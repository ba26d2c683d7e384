/* laps.c - see laps.h. */
#include "laps.h"

void laps_init(struct laps *laps) {
    laps->size = 1;
}

void laps_add(struct laps *laps, int ops, int64_t ns, struct hist *hist) {
    hist->count[hist_index((uint64_t)(ns / ops))] += (uint64_t)ops;
    if (ops < laps->size) /* the last of a sample says nothing of the size */
        return;
    if (ns < LAP_LEAST_NS && laps->size < LAP_OPS_MOST)
        laps->size *= 2;
    else if (ns > LAP_MOST_NS && laps->size > 1)
        laps->size /= 2;
}
