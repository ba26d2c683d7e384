/* warmup.h - when a process is warm: a pure function of the times of its slices so far. */
#ifndef GILBENCH_WARMUP_H
#define GILBENCH_WARMUP_H

#include <stdint.h>

enum { WARMUP_LEAST = 3, WARMUP_MOST = 10 };

enum warmup_state {
    WARMUP_MORE,      /* not known yet: take another slice */
    WARMUP_FLAT,      /* the last three slices lie within 10 % of each other */
    WARMUP_SLOWDOWN,  /* flat, but slower than the fastest slice before by more than 10 % */
    WARMUP_NO_STEADY, /* never flat, up to WARMUP_MOST slices */
};

/* Of n slices of `ns` each. Flat is judged by the spread of the last three, as Georges, Buytaert and
 * Eeckhout 2007 do by their coefficient of variation; the words are Barrett et al. 2017's. */
enum warmup_state warmup_judge(const int64_t *ns, int n);
/* "flat", "slowdown", "no_steady" */
const char *warmup_name(enum warmup_state state);

#endif
