/* limits.h - what the system lets a process have: raised as far as it may be for our children, and
 * named where a cell would need more. */
#ifndef GILBENCH_LIMITS_H
#define GILBENCH_LIMITS_H

#include "gilbench.h"

/* In a child, before exec: as many open files as the hard limit allows. */
void limits_raise(void);

/* Sets cell->not_run, unless it is set, where its connections are more than open files are allowed. */
void limits_check(struct cell *cell);

/* How many processes the kernel has killed for lack of memory since it started; -1: unknown. */
int64_t limits_oom_kills(void);

#endif
