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

/* Work for a thread of the pool (work.run), and what is done on the loop when it is back. */
struct errand {
    struct cp_work work;
    void (*home)(struct errand *);
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
/* Zeroed, for each of `count` ops in flight; the caller's. */
void *loop_many(int64_t count, size_t size);
/* A client of a store, from its set-up to bye; with callbacks and no promises, if asked. */
void loop_ask(const struct args *args, bool callbacks);
/* What waits, from its set-up to bye. */
void loop_wait(const struct args *args);
/* A server, from its set-up to bye. */
void loop_serve(const struct args *args);

#endif
