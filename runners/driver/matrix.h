/* matrix.h - from a matrix file to cells, and from cells to a plan. Both are pure functions of what
 * they are given. */
#ifndef GILBENCH_MATRIX_H
#define GILBENCH_MATRIX_H

#include "registry.h"

enum { GB_CELLS_MAX = 4096 };

struct matrix {
    int reps;
    uint64_t seed;
    struct cell *cells; /* owned */
    int ncells;
};

/* Every section's cross product, in the order of the file, the last key turning fastest. What is
 * unknown or malformed is an error with file, line and column; what cannot run here is a cell with
 * `not_run` set. */
int matrix_parse(struct matrix *matrix, const char *name, const char *text,
                 const struct registry *reg, struct err *err);
void matrix_free(struct matrix *matrix);

/* Leaves in the text of a matrix [run] and the sections whose label, as in [cpu_queens: C1 C2], has one
 * of these words. */
void matrix_keep_sections(char *text, const char *words);

/* The value of a cell's parameter, or NULL. */
const char *cell_param(const struct cell *cell, const char *key);
/* "promise:await": what the adapter is told */
void cell_model(const struct cell *cell, char *text, size_t room);
/* "promise:await@3.13t": what people are told */
void cell_label(const struct cell *cell, char *text, size_t room);
/* Whether the two are points of one curve: the same model, variant and interpreter. */
bool cell_same_model(const struct cell *a, const struct cell *b);
/* The cores that a cell gets unless the matrix says otherwise: one for each worker. */
int cell_cores_needed(const struct cell *cell);
/* Whether it has fewer: its workers must take turns, as a control or on purpose. */
bool cell_is_confined(const struct cell *cell);
/* Makes the id from all the rest; cores are in it where they are not those that it needs. */
void cell_name(struct cell *cell);

/* reps blocks, each of them every runnable cell once in an order shuffled from (seed, block).
 * Returns the number of trials; *plan is owned by the caller. NULL and 0 for nothing to run. */
int plan_make(const struct cell *cells, int ncells, int reps, uint64_t seed, struct trial **plan);

#endif
