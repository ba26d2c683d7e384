/* interpreters.h - several interpreters in one run: a dimension of the matrix. Each has a label, by
 * which its cells are named ("threads@3.13t"), and a register of its own, probed under it. */
#ifndef GILBENCH_INTERPRETERS_H
#define GILBENCH_INTERPRETERS_H

#include "matrix.h"

enum { GB_PYTHONS_MAX = 24 };

struct interpreter {
    char label[GB_LABEL_MAX]; /* "3.11", "3.13t", "3.13t-gil"; unique in a run */
    char word[256];           /* as it was named */
    char not_run[256];        /* "" or why it cannot run here, and how to get it */
    struct registry *reg;     /* owned; NULL when it cannot run */
};

struct interpreters {
    struct interpreter *all; /* owned */
    int count;               /* 0: the run has one interpreter, which has no label */
};

/* Looks for each word ("python3.13", a path) on PATH and among pyenv's; "auto" stands for all that
 * are found. A free-threaded build counts twice: with the GIL off, and with it on. One that is
 * missing or too old is kept, with its reason. On return `reg`, which registry_read has filled, is
 * that of the first one that works. */
int interpreters_open(struct interpreters *list, struct registry *reg, const char *words,
                      struct err *err);
void interpreters_close(struct interpreters *list);

/* Every cell of a model in Python becomes one for each interpreter. */
int interpreters_spread(const struct interpreters *list, const struct registry *reg,
                        struct matrix *matrix, struct err *err);

/* The register under which a cell is run. */
const struct registry *interpreters_of(const struct interpreters *list, const struct registry *reg,
                                       const struct cell *cell);

/* "3.11=cpython-3.11.7 3.13t=cpython-3.13.0": what a resumed run is compared with. */
void interpreters_text(const struct interpreters *list, char *text, size_t room);

#endif
