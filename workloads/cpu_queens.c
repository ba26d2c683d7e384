/* cpu_queens.c - how many ways there are to put n queens on a board of n x n with the first row's
 * queen in column id mod n. The n ops of a round add up to 92, 352 and 724 for n = 8, 9 and 10. */
#include "workload.h"
#include <stdlib.h>

struct board {
    unsigned n;
};

static const struct param params[] = {
    {"n", 8, 1, 16, "queens, and rows of the board"},
    {NULL, 0, 0, 0, NULL},
};

static void *setup(const struct args *args) {
    struct board *board = malloc(sizeof *board);
    if (board)
        board->n = (unsigned)args_int(args, "n");
    return board;
}

/* A set bit is a column of this row that a queen above attacks: straight down, down to the left or
 * down to the right. */
static uint64_t place(unsigned full, unsigned columns, unsigned left, unsigned right) {
    uint64_t count = 0;
    if (columns == full)
        return 1;
    for (unsigned open = full & ~(columns | left | right); open; open &= open - 1) {
        unsigned queen = open & -open;
        count += place(full, columns | queen, (left | queen) << 1, (right | queen) >> 1);
    }
    return count;
}

static enum op_class op(const void *state, uint64_t id, unsigned char *result, size_t *size) {
    const struct board *board = state;
    unsigned queen = 1u << (id % board->n);
    put_le64(result, place((1u << board->n) - 1, queen, queen << 1, queen >> 1));
    *size = 8;
    return OP_HIT;
}

const struct workload cpu_queens = {
    .name = "cpu_queens",
    .kind = "cpu",
    .about = "n queens by backtracking: the interpreter at work, pure Python under the GIL",
    .params = params,
    .setup = setup,
    .op = op,
};
