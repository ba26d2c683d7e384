/* warmup.c - see warmup.h. */
#include "warmup.h"

static const double spread_of_flat = 0.10;

static int64_t least(const int64_t *ns, int from, int to) {
    int64_t value = ns[from];
    for (int i = from; i < to; i++)
        value = ns[i] < value ? ns[i] : value;
    return value;
}

static int64_t most(const int64_t *ns, int from, int to) {
    int64_t value = ns[from];
    for (int i = from; i < to; i++)
        value = ns[i] > value ? ns[i] : value;
    return value;
}

enum warmup_state warmup_judge(const int64_t *ns, int n) {
    int from = n - WARMUP_LEAST;
    int64_t low, high;
    if (from < 0)
        return WARMUP_MORE;
    low = least(ns, from, n);
    high = most(ns, from, n);
    if ((double)(high - low) > spread_of_flat * (double)low)
        return n < WARMUP_MOST ? WARMUP_MORE : WARMUP_NO_STEADY;
    if (from > 0 && (double)low > (1 + spread_of_flat) * (double)least(ns, 0, from))
        return WARMUP_SLOWDOWN;
    return WARMUP_FLAT;
}

const char *warmup_name(enum warmup_state state) {
    static const char *const names[] = {"more", "flat", "slowdown", "no_steady"};
    return names[state];
}
