/* scratch.h - a folder for what a cell's processes write, gone when they are. */
#ifndef GILBENCH_SCRATCH_H
#define GILBENCH_SCRATCH_H

#include "gilbench.h"

enum { SCRATCH_MAX = 512 };

/* Makes one under $TMPDIR, else /var/tmp: in memory, as /tmp often is, an fsync would be nothing. A
 * store that runs as another user may pass through it. */
int scratch_make(char path[SCRATCH_MAX], struct err *err);
/* Removes it with all that is in it; harmless for "". */
void scratch_remove(char path[SCRATCH_MAX]);
/* A folder with all that is in it; what cannot be removed stays. */
void remove_folder(const char *path);

#endif
