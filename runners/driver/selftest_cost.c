/* selftest_cost.c - what measuring costs: an op whose work is nothing, a pair of time stamps, and the
 * driver beside what it measures. See selftest.h. */
#include "../stats/stats.h"
#include "pair.h"
#include "selftest.h"
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { ROUNDS_MOST = 100, STAMPS = 200000 };

/* An op that does nothing, and one of about a microsecond in a slice of the usual length. */
static const char cells[] = "[run]\ntimeout_s = 30\n"
                            "[cpu_grain: empty]\nmodels = pthreads\nsteps = 0\nworkers = 1\n"
                            "ops = 200000\n"
                            "[cpu_grain: slice]\nmodels = pthreads\nsteps = 1000\nworkers = 1\n"
                            "ops = 70000\n";

static double own_cpu_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return 1e9 * (double)t.tv_sec + (double)t.tv_nsec;
}

/* CPU time: what others do on these cores is no cost of ours. */
static double time_stamps(void) {
    double start = own_cpu_ns();
    int64_t sum = 0;
    for (int i = 0; i < STAMPS; i++) {
        int64_t before = now_ns();
        sum += now_ns() - before;
    }
    __asm__ volatile("" : : "r"(sum));
    return (own_cpu_ns() - start) / STAMPS;
}

/* One slice: ns an op, and the driver's CPU time while it ran as a share of it. */
static int round_of(struct subject *subject, double *op_ns, double *share, struct err *err) {
    struct sample sample;
    if (subject_sample(subject, &sample, err) < 0)
        return -1;
    *share = (double)sample.driver_ns / (double)sample.ns;
    *op_ns = (double)sample.ns / (double)sample.ops;
    sample_free(&sample);
    return 0;
}

/* `n` rounds of a cell, after those in which it gets warm. */
static int time_cell(const struct selftest_run *run, const struct cell *cell, int n, double *op_ns,
                     double *share, struct err *err) {
    struct trial_context context = {.reg = run->reg, .peer_reg = run->reg, .machine = run->machine};
    struct subject_options options = {.hash_seed = 1};
    struct expectation expect;
    struct subject *subject;
    int failed = 0;
    if (*cell->not_run)
        return err_set(err, GB_NOTHING, "overhead: %.200s", cell->not_run);
    if (registry_expect(run->reg, cell, &expect, err) < 0 ||
        !(subject = subject_open(&context, cell, &expect, &options, err)))
        return -1;
    for (int i = -WARMUP_LEAST; i < n && !failed; i++)
        failed = round_of(subject, &op_ns[i < 0 ? 0 : i], &share[i < 0 ? 0 : i], err);
    if (!failed)
        return subject_close(subject, err);
    subject_kill(subject);
    return -1;
}

static int measure(const struct selftest_run *run, const struct matrix *matrix,
                   struct selftest_cost *cost, struct err *err) {
    double stamps[ROUNDS_MOST], ops[ROUNDS_MOST], shares[ROUNDS_MOST], unused[ROUNDS_MOST];
    int n = run->runs < ROUNDS_MOST ? run->runs : ROUNDS_MOST;
    size_t count = (size_t)n;
    for (int i = 0; i < n; i++)
        stamps[i] = time_stamps();
    if (time_cell(run, &matrix->cells[0], n, ops, unused, err) < 0 ||
        time_cell(run, &matrix->cells[1], n, unused, shares, err) < 0)
        return -1;
    *cost = (struct selftest_cost){.rounds = n,
                                   .stamps_ns = stats_median(stamps, count),
                                   .stamps95_ns = stats_quantile(stamps, count, 0.95),
                                   .op_ns = stats_median(ops, count),
                                   .op95_ns = stats_quantile(ops, count, 0.95),
                                   .share = stats_median(shares, count),
                                   .share95 = stats_quantile(shares, count, 0.95)};
    return 0;
}

int selftest_cost(struct selftest_run *run, struct selftest *to, struct err *err) {
    struct matrix matrix = {0};
    int failed = matrix_parse(&matrix, "overhead", cells, run->reg, err);
    if (!failed)
        failed = measure(run, &matrix, &to->cost, err);
    matrix_free(&matrix);
    selftest_stamp(&to->cost_at);
    return failed;
}
