/* latency.h - the open loop as the driver sees it: the parameters of cells that are the load
 * generator's alone, the percentiles of both kinds of latency, and whether the load generator
 * itself was the bottleneck. */
#ifndef GILBENCH_LATENCY_H
#define GILBENCH_LATENCY_H

#include "results.h"

/* `rate` and `arrivals`: neither the subject nor the reference is told of them. */
bool is_load_param(const char *key);
/* Requests a second in open loop; 0: closed loop. */
int64_t cell_rate(const struct cell *cell);
/* Whether rate and arrivals of a cell make sense, and a sample of it ends before the time-out. -1
 * leaves a line in why. */
int check_load_params(const struct cell *cell, char *why, size_t room);

/* A percentile of a process over its counted samples, by its name ("uncorrected_p99_ns", "corrected_max_ns",
 * "p50_ns": of which there is). NAN: no op was timed so; infinite: no such name. */
double rep_percentile(const struct rep *rep, const char *name);
/* Fills the latencies and what is known of the load generator, from the raw samples; then judges. */
void estimate_latency(struct result *result, uint64_t seed);
/* From the estimates alone: sets or clears client_bound. Thresholds: docs/decisions/016. */
void mark_client_bound(struct result *result);

/* The latency by which cells are compared: corrected in open loop, else uncorrected; its label. */
const struct latencies *result_latencies(const struct result *result, const char **label);
/* Whether it has a number that is its own: not void, not the load generator's, and not that of too few
 * cores. What is ranked or drawn as a model's limit must be. */
bool result_can_be_ranked(const struct result *result);
/* Whether the workload has cells of this loop. */
bool runset_has_loop(const struct runset *run, const char *workload, bool open);
/* Whether a picture of them would show anything: a number that can be ranked, or a VOID. */
bool runset_is_drawn(const struct runset *run, const char *workload, bool open);

#endif
