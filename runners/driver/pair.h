/* pair.h - one pair: fresh processes of all arms, alive at once, whose slices alternate. */
#ifndef GILBENCH_PAIR_H
#define GILBENCH_PAIR_H

#include "ab.h"
#include "trial.h"

/* What a pair of any benchmark needs. arms' registries are in result->arms. */
struct pair_context {
    const struct machine *machine;
    const struct registry *driver; /* whose store, load generator and reference are used */
    const struct store_model *store;
    const struct ab_plan *plan;
    struct ab_arm *arms; /* the attested build ids are noted in them */
};

/* Runs the pair that schedule_pair planned. 0: it has its slices, or dropped says why not. -1:
 * GB_ATTEST, what makes the benchmark invalid (wrong work, wrong runtime), or GB_INTERRUPTED. */
int pair_run(const struct pair_context *context, const struct ab_benchmark *benchmark,
             struct ab_pair *pair, struct err *err);

/* How many ops make a slice of the planned length: new processes of the baseline with more and more
 * ops, until it is right. Sets the cell's ops. `note` gets what a person should know, or "". */
int pair_calibrate(const struct pair_context *context, struct ab_benchmark *benchmark, char *note,
                   size_t room, struct err *err);

/* Sets benchmark->ops and the parameter of its cell. */
void pair_set_ops(struct ab_benchmark *benchmark, int64_t ops);

#endif
