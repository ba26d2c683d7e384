/* selftest.h - how far the gate's word can be trusted on this machine: how often it stops equal
 * code, how often it finds code that is slower by a known share, whether its intervals hold what
 * they say, what measuring costs, and whether a killed run goes on as if nothing had been.
 *
 *   struct selftest <-> results/selftest/<machine id>.json, schema "gilbench/selftest"
 *
 * What is counted is kept as counts, so that runs of several days add up; bounds are made of them
 * when they are shown. */
#ifndef GILBENCH_SELFTEST_H
#define GILBENCH_SELFTEST_H

#include "ab.h"
#include <stdio.h>

enum { SELFTEST_CONDITIONS = 2, SELFTEST_KINDS = 2, SELFTEST_SIZES = 3, SELFTEST_COVERAGE = 15 };

/* Parts, as bits. */
enum {
    SELFTEST_AA = 1,
    SELFTEST_POWER = 2,
    SELFTEST_COVER = 4,
    SELFTEST_COST = 8,
    SELFTEST_RESUME = 16
};

/* When and by which gilbench a part was measured; "" for never. */
struct selftest_stamp {
    char when[32], commit[GB_NAME_MAX];
};

/* Gate runs of one kind. */
struct selftest_series {
    int runs;                /* 0: none */
    int counts[AB_VERDICTS]; /* of whole runs, by their verdict; regressed: the gate stopped it */
    int ratios;              /* benchmarks with a ratio, in runs that were not contaminated */
    double sum_ratio;        /* of them */
    double sum_off;          /* of |ratio - 1| */
    double seconds;          /* all runs together */
};

/* Equal code, and a copy of it. */
struct selftest_aa {
    struct selftest_series series;
    /* The pairs of the latest runs with their arms exchanged by coins (stats/relabel.h): alarms of
     * so many draws, by the gate's rule and by one without margin. draws = 0: none. */
    unsigned draws, alarms, bare_alarms;
    int pairs;
};

/* Code that is slower by a known share. */
struct selftest_power {
    struct selftest_series series;
    double instructions; /* the share by callgrind's count, NaN where there is none */
};

/* Of simulated intervals (stats/coverage.h). */
struct selftest_coverage {
    char noise[16];
    int pairs;
    unsigned runs, covered, flagged;
};

/* What measuring costs. Medians and 95th percentiles of `rounds`; rounds = 0: not measured. */
struct selftest_cost {
    int rounds;
    double stamps_ns, stamps95_ns; /* a pair of time stamps */
    double op_ns, op95_ns; /* an empty op in the loop in C: pthreads, cpu_grain of 0 steps */
    double share, share95; /* of a slice: CPU time of the driver while it runs */
};

/* Runs killed at random points and resumed. */
struct selftest_resume {
    int kills;
    int unbegun; /* killed before their first line: begun anew */
    int parsed;  /* of all: the journal was a valid prefix */
    int same;    /* of all: the same plan, the same pairs, the same figures in the end */
};

struct selftest {
    char machine[24]; /* id */
    char cpu_model[400], topology[400];
    char terms[200]; /* of the gate that aa and power ran, for people */
    struct selftest_stamp aa_at, power_at, coverage_at, cost_at, resume_at;
    struct selftest_aa aa[SELFTEST_CONDITIONS];
    struct selftest_power power[SELFTEST_CONDITIONS][SELFTEST_KINDS][SELFTEST_SIZES];
    struct selftest_coverage coverage[SELFTEST_COVERAGE];
    int ncoverage;
    struct selftest_cost cost;
    struct selftest_resume resume;
};

/* "quiet", "burner": with a process that uses the last core for 0.3 to 3 s, again and again. */
extern const char *const selftest_conditions[SELFTEST_CONDITIONS];
/* "C", "Python" */
extern const char *const selftest_kinds[SELFTEST_KINDS];
/* Thousandths of the work: 30, 50, 100. */
extern const int selftest_sizes[SELFTEST_SIZES];

/* ---- What a measurement needs */
struct selftest_run {
    const struct registry *reg;
    const struct machine *machine;
    struct ab_options terms; /* of the gate, as its policy says */
    int runs;                /* of each series; kills; rounds */
    double budget_s;         /* of all; 0: none */
    bool burner;
    const char *path; /* where what is known is written after every run */
    const char *keep; /* folder in which the runs are left, or NULL */
    const char *only; /* NULL, or other benchmarks for aa: globs over terms.matrix */
    uint64_t seed;
    bool quiet;               /* says nothing of its progress */
    int64_t start_ns;         /* of the whole */
    char folder[GB_PATH_MAX]; /* for what is not kept */
    int done;                 /* gate runs so far, and how long they took together */
    double done_s;
    bool over_budget; /* out: the budget ended it */
};

/* Each adds to `to` what it measured, also when it is interrupted. -1: GB_INTERRUPTED, GB_RUNTIME. */
int selftest_aa(struct selftest_run *run, struct selftest *to, struct err *err);
int selftest_power(struct selftest_run *run, struct selftest *to, struct err *err);
int selftest_resume(struct selftest_run *run, struct selftest *to, struct err *err);
int selftest_cost(struct selftest_run *run, struct selftest *to, struct err *err);
void selftest_coverage(struct selftest *to, unsigned runs, uint64_t seed);
/* The null controls of earlier runs' journals in place of new runs: fills the second half of aa. */
int selftest_relabel(struct selftest_run *run, char *const *journals, int count,
                     struct selftest *to, struct err *err);

/* ---- Keeping and telling */

/* Now, by this gilbench. */
void selftest_stamp(struct selftest_stamp *at);
/* Names the machine by what does not change from boot to boot. */
void selftest_name(struct selftest *selftest, const struct machine *machine);
/* selftest/<machine id>.json in the folder of results. */
void selftest_path(const struct selftest *named, const struct registry *reg, char *path,
                   size_t room);
/* json_selftest.c. Read: GB_USAGE where there is no such file, GB_INCOMPATIBLE where it is none. */
int selftest_read(const char *home, const char *path, struct selftest *selftest, struct err *err);
int selftest_dump(FILE *out, const struct selftest *selftest);
int selftest_write(const char *path, const struct selftest *selftest, struct err *err);
/* Whether two results.json have the same plan, pairs, figures and verdicts. */
bool selftest_same_results(const char *path, const char *other);

/* "margin 2 %, limit 5 %, error 1 %, looks 12 24 48, 16 slices of 25 ms" */
void selftest_terms(const struct ab_plan *plan, char *text, size_t room);
/* One line for those who read a verdict of this machine: "0 false alarms in 20 runs, at most 13.9 %;
 * ...", or that there is none and how to make it. */
void selftest_quote(const struct registry *reg, const struct machine *machine,
                    const struct ab_plan *plan, char *text, size_t room);
/* All of it, for people. */
void selftest_print(FILE *out, const struct selftest *selftest);

#endif
