/* export.h - results in the formats of others. Each writes a whole run to `out`; cells without a
 * number are left out, but for Markdown and CSV, which say why. */
#ifndef GILBENCH_EXPORT_H
#define GILBENCH_EXPORT_H

#include "results.h"
#include <stdio.h>

void export_markdown(FILE *out, const struct runset *run);
/* A row a cell: status, then value, lo, hi and n of every estimate. RFC 4180. */
void export_csv(FILE *out, const struct runset *run);

/* A pyperf.BenchmarkSuite, version 1.0: a benchmark a cell, a run a process, values in seconds per
 * op. */
int export_pyperf(FILE *out, const struct runset *run, struct err *err);
/* hyperfine's --export-json: a command a cell, a time a counted sample, in seconds for all its ops.
 */
int export_hyperfine(FILE *out, const struct runset *run, struct err *err);
/* github-action-benchmark, tool customSmallerIsBetter: nanoseconds per op, median over processes.
 */
int export_github(FILE *out, const struct runset *run, struct err *err);

/* The same of results of `gilbench ab`: the kept pairs of the run, a process a run, a slice a value.
 * pyperf: one arm, "A" or "B", so that `pyperf compare_to` can set two files side by side.
 * hyperfine: a command an arm. github: the ratio. CSV: a row a benchmark, its figures and verdict.
 */
struct document;
struct ab_result;
int export_ab_pyperf(FILE *out, const struct document *document, const char *arm, struct err *err);
int export_ab_hyperfine(FILE *out, const struct document *document, struct err *err);
int export_ab_github(FILE *out, const struct document *document, struct err *err);
void export_ab_csv(FILE *out, const struct ab_result *result);

/* What the JSON formats share. export_json writes `object`, which it takes over; NULL is an error.
 * export_hyperfine_command: n times in seconds, with the sums of CPU time; takes over `params`. */
struct json_t;
int export_json(FILE *out, struct json_t *object, struct err *err);
struct json_t *export_hyperfine_command(const char *name, const double *seconds, size_t n,
                                        double user, double sys, struct json_t *params);

/* pyperf's JSON as a run: a cell a benchmark, a rep a run, so that compare, report and export
 * serve it. What pyperf does not measure (CPU time, checksums, memory of the tree) is left empty.
 * GB_USAGE for no such file, GB_INCOMPATIBLE for what is no pyperf suite of seconds. */
int import_pyperf(const char *path, struct runset *run, struct err *err);

#endif
