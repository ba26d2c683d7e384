/* user.h - a workload of the user's own: a Python file, looked through before it is run
 * (runners/adapters/user.py), which then stands in the register as the others do. */
#ifndef GILBENCH_USER_H
#define GILBENCH_USER_H

#include "registry.h"

struct user_workload {
    char name[GB_NAME_MAX]; /* of the file, without .py */
    char file[GB_FILE_MAX]; /* absolute */
    int ops;                /* a sample of so many lasts about 0.2 s on one worker */
};

/* Has the file examined under this interpreter and adds it to the register. What is wrong in it is
 * a usage error. Takes seconds where its ops do. */
int user_open(struct user_workload *user, struct registry *reg, const char *python,
              const char *path, struct err *err);

/* The text of a matrix in which every model that can runs it, with 1 worker and with `cores`. Owned
 * by the caller; NULL with err set. */
char *user_matrix(const struct user_workload *user, const struct registry *reg, int cores,
                  struct err *err);

#endif
