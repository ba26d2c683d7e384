/* session.h - what the verbs that measure have in common: where a run is kept and what it is
 * called. */
#ifndef GILBENCH_SESSION_H
#define GILBENCH_SESSION_H

#include "registry.h"
#include "results.h"

/* Reads a matrix into run->matrix_text: a name in runners/matrix, or a file. */
int run_matrix(struct runset *run, const struct registry *reg, const char *name, struct err *err);
/* run_id and created_utc, from the time and the fact "commit". */
void run_name(struct runset *run);
/* The folder and all above it. */
int make_folders(const char *path, struct err *err);

#endif
