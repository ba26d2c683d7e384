/* trial.h - one rep of one cell, from the start of its processes to their end. */
#ifndef GILBENCH_TRIAL_H
#define GILBENCH_TRIAL_H

#include "matrix.h"
#include "spawn.h"

struct trial_context {
    const struct registry *reg;
    const struct machine *machine;
    const struct store_model *store;
    uint64_t seed;
};

/* Runs it. What goes wrong in the measured processes makes the rep void (void_reason, void_code)
 * and is not an error here. After an interrupt the rep has the samples that were finished and
 * *complete is false. */
struct rep trial_run(const struct trial_context *context, const struct cell *cell, int cell_index,
                     int rep_index, const struct expectation *expect, bool *complete);
void rep_free(struct rep *rep);

#endif
