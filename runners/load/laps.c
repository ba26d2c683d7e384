/* laps.c - see laps.h. */
#include "laps.h"

void laps_init(struct laps *laps) {
    *laps = (struct laps){.size = 1, .left = 1};
}

void laps_begin(struct laps *laps, int64_t now_ns) {
    laps->start_ns = now_ns;
}

static void count(struct hist *hist, int64_t ns, int ops) {
    hist->count[hist_index((uint64_t)(ns / ops))] += (uint64_t)ops;
}

void laps_end(struct laps *laps, int64_t now_ns, struct hist *hist) {
    int64_t ns = now_ns - laps->start_ns;
    count(hist, ns, laps->size);
    if (ns < LAP_LEAST_NS && laps->size < LAP_OPS_MOST)
        laps->size *= 2;
    else if (ns > LAP_MOST_NS && laps->size > 1)
        laps->size /= 2;
    laps->left = laps->size;
}

void laps_close(struct laps *laps, int64_t now_ns, struct hist *hist) {
    if (laps->left < laps->size)
        count(hist, now_ns - laps->start_ns, laps->size - laps->left);
    laps->left = laps->size;
}
