/* c_pthreads.h - the parts of pthreads, the control in C. */
#ifndef GILBENCH_C_PTHREADS_H
#define GILBENCH_C_PTHREADS_H

#include "../load/child.h"

/* What waits, from its set-up to bye. */
void run_waits(const struct args *args);

#endif
