/* schedule.h - what is left to chance in a pair, as a pure function of the seed and the pair's
 * place in the run: a resumed run goes on with the very same one. */
#ifndef GILBENCH_SCHEDULE_H
#define GILBENCH_SCHEDULE_H

#include "ab.h"

/* Fills hash_seed, pad_b, first_core, builds and order of pair number pair->index of stage
 * pair->stage of benchmark number `benchmark`. `builds`: how many each arm has. `cores`: how many
 * the machine has; the subject's first one alternates over them from pair to pair.
 *
 * order: blocks of one slice of each arm in random order and then the same backwards (ABBA, BAAB,
 * ACBBCA, ...), so that a drift that is straight within a block cancels out. */
void schedule_pair(struct ab_pair *pair, const struct ab_plan *plan, const int builds[AB_ARMS],
                   int cores, int benchmark);

/* The order in which the benchmarks have their pair number `index`. */
void schedule_benchmarks(int *order, int n, const struct ab_plan *plan, int stage, int index);

/* The fewest pairs with which a sign-flip test can ever fall below its share of the error: 2^-n <=
 * alpha / looks / benchmarks, and at least 7. */
int schedule_pairs_needed(double alpha, int looks, int benchmarks);

#endif
