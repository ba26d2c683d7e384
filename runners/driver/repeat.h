/* repeat.h - the command that measures a run again. */
#ifndef GILBENCH_REPEAT_H
#define GILBENCH_REPEAT_H

#include "results.h"
#include <stdio.h>

/* "gilbench run default --seed 42 --reps 6 --only GLOB" without a line end; only NULL: as the
 * run was. */
void write_command(FILE *out, const struct runset *run, const char *only);

#endif
