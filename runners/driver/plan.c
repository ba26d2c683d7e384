/* plan.c - the order of a run. Blocks interleave the cells, so that a slow minute of the machine
 * hits all of them and not one; the shuffle inside a block keeps any cell from always following the
 * same neighbour. */
#include "../stats/stats.h"
#include "matrix.h"
#include <stdlib.h>

int plan_make(const struct cell *cells, int ncells, int reps, uint64_t seed, struct trial **plan) {
    int *order = malloc((size_t)ncells * sizeof *order + 1), runnable = 0, count = 0;
    *plan = malloc((size_t)ncells * (size_t)reps * sizeof **plan + 1);
    for (int i = 0; order && i < ncells; i++)
        if (!*cells[i].not_run)
            order[runnable++] = i;
    for (int rep = 0; order && *plan && rep < reps; rep++) {
        struct rng rng = {seed + (uint64_t)rep};
        rng_next(&rng);
        rng_shuffle(&rng, order, (size_t)runnable);
        for (int i = 0; i < runnable; i++)
            (*plan)[count++] = (struct trial){order[i], rep};
    }
    free(order);
    return count;
}
