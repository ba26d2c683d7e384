/* scaling.h - the part of a report that says how work spreads over cores. */
#ifndef GILBENCH_SCALING_H
#define GILBENCH_SCALING_H

#include "results.h"
#include <stdio.h>

/* A table for each workload that was run with several numbers of workers; nothing without one. */
void scaling_write(FILE *out, const struct runset *run);

#endif
