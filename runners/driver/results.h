/* results.h - a whole run in memory, and its two forms on disk: the journal (one JSON object a
 * line, appended and fsynced after every rep, so that any prefix of it parses) and results.json
 * (written beside and renamed). results.c is the only file that sees the JSON library. */
#ifndef GILBENCH_RESULTS_H
#define GILBENCH_RESULTS_H

#include "gilbench.h"

enum { GB_FACTS_MAX = 64 };

/* A fact of the machine, the interpreter or the build, as text: ("cpu_model", "AMD EPYC"). */
struct fact {
    char key[GB_NAME_MAX];
    char value[400];
};

struct runset {
    char run_id[GB_NAME_MAX]; /* 20261123T051500Z-1a2b3c4 */
    char created_utc[32];     /* ISO 8601 */
    char matrix_name[256];
    char *matrix_text; /* owned; what --resume parses again */
    uint64_t seed;
    int reps; /* wanted per cell */
    bool interrupted;
    struct fact facts[GB_FACTS_MAX];
    int nfacts;
    struct result *results; /* owned, one a cell, in the order of the matrix file */
    int nresults;
};

void runset_free(struct runset *run);

/* Takes over `rep` (samples and histograms included) into the result of its cell. */
int runset_add_rep(struct runset *run, struct rep rep, struct err *err);

/* Computes every estimate from the raw samples: per rep the median over its counted samples, per
 * cell the median over reps with a bootstrap interval (stats.h, seeded from run->seed), speed-ups
 * paired by rep number. Marks a cell void when one of its reps is. May be called again after more
 * reps. */
void runset_summarise(struct runset *run);

/* The median of n numbers, one a rep, with its interval; n = 0: no number. */
struct estimate estimate_of(const double *values, int n, uint64_t seed);

/* Ops a second of one process: the median over its counted samples. */
double rep_rate(const struct rep *rep);

/* One number of a process, as estimates are made of it: ops_per_s, ns_per_op, cpu_ns_per_op,
 * ops_per_cpu_s, parallelism, switches_per_op, error_share, startup_ns, peak_rss_b, pss_b,
 * lost_updates (of a rep that is void for them, else 0), what mem_wait has, and the
 * percentiles uncorrected_p99_ns, corrected_p50_ns ...; p50_ns ...: corrected where there is an open
 * loop, else uncorrected. NAN where it was not measured. */
double rep_figure(const struct rep *rep, const char *name);
bool rep_figure_is_known(const char *name);

/* The estimates of a result by number, 0 and on, with their names in results.json; NULL behind the
 * last. */
const struct estimate *result_estimate(const struct result *result, int i, const char **name);

/* Whether figures may be drawn from it: it ran, is not void, and was summarised. */
bool result_has_number(const struct result *result);
/* Whether no result before this one has its workload: for one table or picture a workload. */
bool runset_first_of_workload(const struct runset *run, int index);

/* Journal. `fd` is open for appending. A line is written with one write(2) and fsynced; ENOSPC and
 * the like leave a message in err and the file as it was before the line (truncated back where it
 * had been partly written). */
int journal_write_header(int fd, const struct runset *run, struct err *err);
/* complete false: an interrupted rep, kept for the record and run again by --resume. */
int journal_write_rep(int fd, const struct runset *run, const struct rep *rep, bool complete,
                      struct err *err);
/* Reads a journal written by any of the above into an empty runset with its cells rebuilt by the
 * caller's callback from header text; a torn last line is dropped (and *torn set), any other
 * malformed line is an error with its number. */
typedef int (*runset_cells_fn)(struct runset *run, void *arg, struct err *err);
int journal_read(const char *path, struct runset *run, runset_cells_fn make_cells, void *arg,
                 bool *torn, struct err *err);

/* results.json, schema "gilbench/result" 1.1 (results/schema.json). write: PATH.tmp, fsync, rename.
 */
int results_write(const char *path, const struct runset *run, struct err *err);
int results_read(const char *path, struct runset *run, struct err *err);

#endif
