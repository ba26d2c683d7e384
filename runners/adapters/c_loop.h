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
/* A server, from its set-up to bye. */
void loop_serve(const struct args *args);

#endif
