/* ab.h - two builds against each other: the data of the paired engine, and its one call.
 *
 *   options -> arms (builds) -> benchmarks (calibrated cells) -> pairs, by a seeded schedule
 *           -> stats of d = ln(candidate / baseline), one d a pair -> verdict
 *
 * A pair is one fresh process of each arm, all alive at once, whose slices alternate. Slices never
 * count as n: pairs do. docs/decisions/014 says why. Units are in the names, as in gilbench.h. */
#ifndef GILBENCH_AB_H
#define GILBENCH_AB_H

#include "matrix.h"
#include "progress.h"
#include "results.h"
#include "verdict.h"
#include "warmup.h"

enum {
    AB_ARMS = 3,
    AB_BUILDS_MOST = 24,                /* an arm */
    AB_BUILDS_MAX = 2 * AB_BUILDS_MOST, /* with those of the confirmation */
    AB_SLICES_MAX = 16,                 /* an arm and pair */
    AB_PAIRS_MAX = 480,
    AB_IR_MAX = 3,
};
enum ab_arm_index { AB_BASE, AB_CAND, AB_NULL };
enum ab_ir_mode { AB_IR_AUTO, AB_IR_OFF, AB_IR_ONLY };

struct ab_options {
    const char *base, *cand;               /* git ref, build folder or interpreter */
    const char *python;                    /* of both arms, where they name none */
    const char *base_python, *cand_python; /* NULL: python */
    const char *matrix, *only;             /* name or file; glob over cell ids or NULL */
    const char *output;                    /* folder, NULL: results/runs/<run id>-ab */
    const char *resume;                    /* folder of an interrupted run, or NULL */
    const char *replay; /* journal from which pairs are taken, not run; or NULL */
    const char *store;
    double margin, limit, alpha; /* ratios less 1: 0.02, 0.05; error of the whole run */
    double budget_s;             /* of measuring, without builds; 0: none */
    int looks[AB_LOOKS_MAX], nlooks;
    int builds; /* differently linked builds an arm, of git refs; at most AB_BUILDS_MOST */
    int slices; /* an arm and pair; even */
    int slice_ms;
    int64_t seed; /* -1: from the clock */
    bool no_control, no_confirm;
    enum ab_ir_mode ir;
    enum progress_mode progress;
};
/* The standards: margin 2 %, limit 5 %, alpha 1 %, looks 12, 24, 48, 12 builds, 16 slices, 25 ms. */
struct ab_options ab_standard_options(void);

/* What all pairs of a run have in common, and what is decided by. Kept in journal and results. */
struct ab_plan {
    uint64_t seed;
    int looks[AB_LOOKS_MAX], nlooks;
    int slices, slice_ms;
    int arms; /* 3, or 2 without the null control */
    double margin, limit, alpha, budget_s;
    bool confirm;
    enum ab_ir_mode ir;
};

struct ab_build {
    char id[8];               /* A0 */
    char path[GB_PATH_MAX];   /* as given to the processes: equally long for all builds of a run */
    char target[GB_PATH_MAX]; /* where the files are */
    uint64_t link_seed;       /* 0: linked as its Makefile says */
    char build_id[80];        /* as attested; "" before the first process */
    struct registry *reg;     /* owned */
};

struct ab_arm {
    char spec[GB_PATH_MAX]; /* as asked for */
    char kind[16];          /* git, folder or python */
    char git[48];           /* full sha of a git ref, else "" */
    struct ab_build builds[AB_BUILDS_MAX];
    int nbuilds;
};

struct ab_slice {
    int64_t ns;      /* what the child timed */
    int64_t wall_ns; /* go to sample, as the driver saw it */
    struct usage usage;
    int64_t migrations, steal_ns, pressure_us, gap_ns;
    int64_t flags; /* see drop.h */
};

/* One process in a pair. */
struct ab_side {
    struct ab_slice slices[AB_SLICES_MAX];
    int nslices;
    int warmup; /* slices before */
    enum warmup_state warm;
    int64_t startup_ns, peak_rss_b;
    struct attest attest;
};

struct ab_pair {
    int stage, index; /* stage 1 is the run, stage 2 the confirmation */
    uint64_t hash_seed;
    unsigned pad_b;
    int first_core;
    int builds[AB_ARMS];
    char order[AB_ARMS * AB_SLICES_MAX + 1]; /* "ABCCBA": A base, B candidate, C null control */
    struct ab_side sides[AB_ARMS];
    int64_t duration_ns;
    char dropped[200]; /* "" or why this pair counts for nothing */
    bool failed;       /* dropped since a process failed */
    bool disturbed;    /* dropped for its flags: the CPU time is good all the same */
};

/* What d is made of. Wall time is, as long as it can be: it holds all that a user waits for. Where
 * more pairs than may be were disturbed, one-core CPU work is judged by its CPU time, which others
 * on the core do not add to. Which of the two goes by the disturbance alone, never by d. */
enum ab_measure { AB_WALL, AB_CPU_TIME };

/* Of the d of one benchmark and stage, or of a null control. n = 0: none. */
struct ab_stats {
    int n, dropped;
    double ratio, lo95, hi95; /* exp of mean and two-sided 95 % interval of d */
    double hodges_lehmann;    /* exp of it */
    double sd, lag1, mde95; /* of d; mde95: the ratio less 1 that 95 of 100 such runs would find */
    double lower, upper;    /* ratio: one-sided bounds at the error of a look */
    double p_slower, p_faster, p_holm;
    double sd_builds;   /* of the means by build of the candidate; 0 for one build */
    const char *method; /* "t" or "boot-t" */
    enum ab_measure measure;
    int disturbed; /* pairs that wall time could not use; of them, CPU time used what it could */
};

struct ab_benchmark {
    struct cell cell;
    char note[200]; /* of the calibration: "" or what a person should know */
    int64_t ops;    /* in a slice, calibrated on the baseline; 0: not yet */
    struct expectation expect;
    struct ab_pair *pairs; /* owned */
    int npairs;
    struct ab_stats stats, null, confirm; /* confirm.n = 0: not confirmed on fresh builds */
    enum ab_verdict verdict;
    bool decided;
    char why[600]; /* reasons, separated by "; " */
    char invalid[400];
    int64_t ir[2][AB_IR_MAX]; /* instructions in the marked region, base and candidate; 0: none */
    int nir;
};

struct ab_result {
    struct runset run; /* id, time, matrix, facts; no results */
    struct ab_plan plan;
    struct ab_arm arms[AB_ARMS];
    struct ab_benchmark *benchmarks; /* owned */
    int nbenchmarks;
    struct ab_stats null_control; /* over all benchmarks */
    enum ab_verdict verdict;      /* of the whole */
    int counts[AB_VERDICTS];
    char folder[GB_PATH_MAX];
    bool interrupted;
};

/* Runs it all: builds, measures, decides, writes journal.jsonl and results.json. What a benchmark
 * does wrong is its verdict; an error is what keeps the run from going on (GB_USAGE, GB_RUNTIME),
 * or an interrupt (GB_INTERRUPTED; the journal can be resumed). The caller frees `result` also
 * after an error. */
int ab_run(const struct ab_options *options, struct ab_result *result, struct err *err);
void ab_result_free(struct ab_result *result);
/* 0, 3, 4 (inconclusive, if `strict`), 5 or 6. */
enum gb_exit ab_exit(const struct ab_result *result, bool strict);

/* ab_stats.c: stats and verdicts of all benchmarks from their pairs, as of the look that they have
 * reached. Pure but for memory; called again after more pairs. `last`: no more looks follow. */
void ab_decide(struct ab_result *result, int look, bool last);
/* Fills counts and the verdict of the whole. */
void ab_count_verdicts(struct ab_result *result);
/* Takes back "regressed" where the pairs of stage 2 do not show it again. */
void ab_confirm(struct ab_result *result);
/* d of a pair: the median over its blocks of ln(the arm's slice) - ln(the base's). Slices of a block
 * are neighbours in time, so what the machine does for longer than a block is in both: decision 014.
 * NaN without as many slices of one as of the other. */
double ab_difference(const struct ab_pair *pair, enum ab_arm_index arm, enum ab_measure measure);
/* d of the kept pairs of a stage with a number below `before`; `arm` is AB_CAND or AB_NULL.
 * Returns how many; *dropped how many were not kept; d and builds have room for AB_PAIRS_MAX. */
int ab_differences(const struct ab_benchmark *benchmark, int stage, int before,
                   enum ab_arm_index arm, enum ab_measure measure, double *d, int *builds,
                   int *dropped);

/* ab_results.c: the journal, a JSON object a line, fsynced; and results.json. A torn last line of a
 * journal is not read, and ab_journal_mend cuts it off, so that what is appended starts on a line
 * of its own. `fd` is open for reading and appending. */
int ab_journal_mend(int fd, struct err *err);
int ab_journal_header(int fd, const struct ab_result *result, struct err *err);
int ab_journal_benchmark(int fd, const struct ab_benchmark *benchmark, struct err *err);
int ab_journal_pair(int fd, const struct ab_result *result, const struct ab_benchmark *benchmark,
                    const struct ab_pair *pair, struct err *err);
/* Fills an empty result: header first, for which `begin` is called to make arms and benchmarks as
 * its plan, arms and matrix say; then what the other lines have of the benchmarks. */
typedef int (*ab_begin_fn)(struct ab_result *result, void *arg, struct err *err);
int ab_journal_read(const char *path, struct ab_result *result, ab_begin_fn begin, void *arg,
                    struct err *err);
/* ab_trace.c: an empty result gets the pairs of a journal, and the benchmarks of its matrix without
 * their builds. */
int ab_trace_read(const char *path, const struct registry *driver, struct ab_result *trace,
                  struct err *err);
int ab_results_write(const char *path, const struct ab_result *result, struct err *err);
/* Takes over a pair; its place in memory may move. */
int ab_add_pair(struct ab_benchmark *benchmark, const struct ab_pair *pair, struct err *err);
struct ab_benchmark *ab_benchmark_by_id(struct ab_result *result, const char *id);

#endif
