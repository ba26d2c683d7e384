/* ab_read.h - results of `gilbench ab` back from results.json, for the verbs that judge or show
 * them: plan, arms and facts, and of each benchmark its figures and its verdict, without pairs. */
#ifndef GILBENCH_AB_READ_H
#define GILBENCH_AB_READ_H

#include "ab.h"

/* Reads and checks a results.json against its schema under `home`. A figure that is null comes back
 * as NaN. GB_USAGE for no such file, GB_INCOMPATIBLE for what is no such results. Also after an
 * error the caller calls ab_result_free. */
int ab_results_read(const char *home, const char *path, struct ab_result *result, struct err *err);

#endif
