/* gate.h - what a gate tells people and machines of a verdict. Nothing here decides: verdict.c has.
 */
#ifndef GILBENCH_GATE_H
#define GILBENCH_GATE_H

#include "ab.h"
#include "policy.h"
#include <stdio.h>

/* What is said of one decision. */
struct gate {
    const struct ab_result *result;
    const char *title;  /* of the Markdown */
    const char *policy; /* its file, for people; "" for none */
    bool strict;        /* inconclusive is a failure */
};

/* What stands where a policy says nothing: what `gilbench ab` does. And a policy's terms as options
 * of a run; a budget that the options have stays. */
struct policy gate_standard_policy(const struct ab_options *ab);
void gate_use_policy(struct ab_options *ab, const struct policy *policy);

/* Leaves only the benchmarks that `covers` says yes to, and makes counts and verdict theirs.
 * Returns how many are left. */
int gate_restrict(struct ab_result *result, bool (*covers)(const void *, const char *),
                  const void *arg);

/* A heading with the verdict, a row a benchmark, the null control, how to repeat it. */
void gate_markdown(FILE *out, const struct gate *gate);
/* GitHub's workflow commands, a line a benchmark that is not ok: ::error, ::warning, ::notice. */
void gate_annotations(FILE *out, const struct gate *gate);
/* JUnit XML: a test case a benchmark. regressed: failure; contaminated and invalid: error;
 * inconclusive: skipped, or failure when it is strict. */
void gate_junit(FILE *out, const struct gate *gate);

/* Appends one JSON line about a run to a file, which it makes where there is none: the time, both
 * commits, the machine, and of each benchmark the ratio, its interval, and the ratio of the null
 * control. One write and an fsync: a line or none. */
int gate_history(const char *path, const struct ab_result *result, struct err *err);

/* "1.048 [1.039, 1.057]", or "-". */
void gate_ratio(char *text, size_t room, const struct ab_stats *stats);

#endif
