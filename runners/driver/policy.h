/* policy.h - what a gate stops: a file in the syntax of ini.h, runners/gate.ini by default.
 *
 *   [gate]
 *   cells  = cpu_queens*     globs over cell ids of the matrix; at least one
 *   matrix = gate                    a name in runners/matrix, or a file
 *   margin = 2%    limit = 5%    alpha = 1%    budget_s = 600    looks = 12 24 48    builds = 12
 *   slices = 16    slice_ms = 25     ir = auto     control = yes     confirm = yes   strict = no
 *   store  = embedded
 *
 * Only `cells` must stand there; what else is left out is as for `gilbench ab`. */
#ifndef GILBENCH_POLICY_H
#define GILBENCH_POLICY_H

#include "gilbench.h"

enum { POLICY_LOOKS_MAX = 4 };

struct policy {
    char name[256];   /* of the file, for people */
    char cells[1024]; /* globs, separated by blanks */
    char matrix[256], store[GB_NAME_MAX], ir[16];
    double margin, limit, alpha; /* ratios less 1; one-sided error of the whole run */
    double budget_s;             /* of measuring, without builds; 0: none */
    int looks[POLICY_LOOKS_MAX], nlooks;
    int builds, slices, slice_ms;
    bool control, confirm, strict;
};

/* Starts from `policy` as it is, so that the caller says what stands where the file says nothing.
 * Errors are GB_USAGE and name file, line and column: unknown keys, values out of range, no cell,
 * and what makes a gate that can never fail. */
int policy_parse(struct policy *policy, const char *name, const char *text, struct err *err);
int policy_read(struct policy *policy, const char *path, struct err *err);

/* Whether an id fits one of the globs, which are separated by blanks. */
bool globs_match(const char *globs, const char *id);
/* Whether a cell is under the gate. */
bool policy_covers(const struct policy *policy, const char *id);

#endif
