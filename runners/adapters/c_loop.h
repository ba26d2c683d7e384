/* c_loop.h - the parts of cloop: a loop of cpromise's core on the main thread of a program. What
 * fails ends it (child_fail). */
#ifndef GILBENCH_C_LOOP_H
#define GILBENCH_C_LOOP_H

#include "../../ext/core/cp.h"
#include "../load/child.h"

extern struct cp_loop loop; /* the only one */

/* A timer that knows what to do. */
struct alarm {
    struct cp_timer timer;
    void (*ring)(struct alarm *);
};

/* Waits for something to happen, and lets it. */
void loop_step(void);
/* The descriptor is the loop's from now on, and does not block. */
void loop_take_over(struct cp_io *io, int fd);
/* `reaction`, which is made new, will be run with `step` when `promise` is fulfilled; then: the promise
 * is made new as well. */
typedef void (*step_fn)(struct cp_promise *reaction);
void loop_react(struct cp_promise *promise, struct cp_promise *reaction, step_fn step);
void loop_then(struct cp_promise *promise, struct cp_promise *reaction, step_fn step);
/* What waits, from its set-up to bye. */
void loop_wait(const struct args *args);
/* A server, from its set-up to bye. */
void loop_serve(const struct args *args);

#endif
