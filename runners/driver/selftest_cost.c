/* selftest_cost.c - what measuring costs: an op whose work is nothing, a pair of time stamps, and the
 * driver beside what it measures. See selftest.h. */
#include "../stats/stats.h"
#include "pair.h"
#include "selftest.h"
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { ROUNDS_MOST = 100, STAMPS = 200000 };

static const char empty_ops[] = "[run]\ntimeout_s = 30\n[cpu_grain]\nmodels = pthreads\nsteps = 0\n"
                                "workers = 1\nops = 1000000\n";

static double own_cpu_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return 1e9 * (double)t.tv_sec + (double)t.tv_nsec;
}

/* CPU time throughout: what others do on these cores is no cost of ours. */
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

/* One slice: CPU time an op, and the driver's own as a share of the slice. */
static int round_of(struct subject *subject, double *op_ns, double *share, struct err *err) {
    struct sample sample;
    double before = own_cpu_ns();
    if (subject_sample(subject, &sample, err) < 0)
        return -1;
    *share = (own_cpu_ns() - before) / (double)sample.ns;
    *op_ns = (double)sample.usage.cpu_ns / (double)sample.ops;
    sample_free(&sample);
    return 0;
}

static int rounds(const struct selftest_run *run, const struct cell *cell,
                  const struct expectation *expect, struct selftest_cost *cost, struct err *err) {
    struct trial_context context = {.reg = run->reg, .peer_reg = run->reg, .machine = run->machine};
    struct subject_options options = {.hash_seed = 1};
    struct subject *subject = subject_open(&context, cell, expect, &options, err);
    double stamps[ROUNDS_MOST], ops[ROUNDS_MOST], shares[ROUNDS_MOST], warm[2];
    int n = run->runs < ROUNDS_MOST ? run->runs : ROUNDS_MOST;
    size_t count = (size_t)n;
    int failed = subject ? round_of(subject, &warm[0], &warm[1], err) : -1;
    for (int i = 0; i < n && !failed; i++) {
        stamps[i] = time_stamps();
        failed = round_of(subject, &ops[i], &shares[i], err);
    }
    if (subject && failed)
        subject_kill(subject);
    if (failed || subject_close(subject, err) < 0)
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
    struct expectation expect;
    int failed = matrix_parse(&matrix, "overhead", empty_ops, run->reg, err);
    if (!failed && *matrix.cells[0].not_run)
        failed = err_set(err, GB_NOTHING, "overhead: %.200s", matrix.cells[0].not_run);
    if (!failed && registry_expect(run->reg, &matrix.cells[0], &expect, err) == 0)
        failed = rounds(run, &matrix.cells[0], &expect, &to->cost, err);
    else
        failed = -1;
    matrix_free(&matrix);
    selftest_stamp(&to->cost_at);
    return failed;
}
