/* ab_ir.h - instructions as the second signal: callgrind's counts, which do not depend on the noise
 * of the machine and not on what waiting, the kernel or other cores cost. They explain a verdict,
 * and never make one for work that waits or has several cores. */
#ifndef GILBENCH_AB_IR_H
#define GILBENCH_AB_IR_H

#include "pair.h"

/* Whether this benchmark's instructions can be counted and are wanted: one-core CPU work; in mode
 * auto only where the pairs found something to be explained. */
bool ir_wanted(const struct ab_plan *plan, const struct ab_benchmark *benchmark);
/* Counts one sample of each arm (build 0), less start-up and warm-up: a process that has three
 * samples less one that has one. Fixed hashes and addresses. Fills benchmark->ir and nir; where there
 * is no valgrind or it fails, `note` gets the reason. -1 only when interrupted. */
int ir_count(const struct pair_context *context, struct ab_benchmark *benchmark, char *note,
             size_t room, struct err *err);
/* Adds to benchmark->why what the counts and the CPU time say: more work, layout, or contention. */
void ir_explain(struct ab_benchmark *benchmark);
/* The verdict where nothing but instructions was counted: ok, or inconclusive. */
void ir_decide(struct ab_benchmark *benchmark);

#endif
