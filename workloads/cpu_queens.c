/* cpu_queens.c - how many ways to put n queens on a board of n x n, with the first row's queen in
 * column id mod n. The n ops of a round add up to 92, 352 and 724 for n = 8, 9 and 10. */
#include "workload.h"
#include <stdlib.h>

struct queens {
    unsigned n;
};

static const struct param params[] = {{"n", "8", "queens, and rows of the board"},
                                      {NULL, NULL, NULL}};

static void *setup(const struct args *args) {
    struct queens *state = malloc(sizeof *state);
    if (state)
        state->n = (unsigned)args_int(args, "n", 8);
    return state;
}

/* Each set bit is a column (or a diagonal's column in this row) under attack. */
static uint64_t place(unsigned full, unsigned columns, unsigned down, unsigned up) {
    uint64_t count = 0;
    if (columns == full)
        return 1;
    for (unsigned open = full & ~(columns | down | up); open; open &= open - 1) {
        unsigned queen = open & -open;
        count += place(full, columns | queen, (down | queen) << 1, (up | queen) >> 1);
    }
    return count;
}

static enum op_class op(const void *state, uint64_t id, unsigned char *result, size_t *size) {
    const struct queens *board = state;
    unsigned queen = 1u << (id % board->n);
    uint64_t count = place((1u << board->n) - 1, queen, queen << 1, queen >> 1);
    for (int i = 0; i < 8; i++)
        result[i] = (unsigned char)(count >> (8 * i));
    *size = 8;
    return OP_HIT;
}

const struct workload cpu_queens = {
    .name = "cpu_queens",
    .kind = "cpu",
    .about = "n queens by backtracking: the interpreter at work, pure Python under the GIL",
    .params = params,
    .setup = setup,
    .op = op};
