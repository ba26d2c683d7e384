/* summary.c - from raw samples to estimates. Per rep one number (the median over its counted
 * samples), per cell the median over reps with a bootstrap interval: reps are processes, and only
 * processes are independent of each other. */
#include "../stats/stats.h"
#include "latency.h"
#include "results.h"
#include "trial.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RESAMPLES = 2000 };

typedef double (*rep_number)(const struct rep *rep);

/* ---- One number of a rep */

static double median_over_samples(const struct rep *rep, double (*number)(const struct sample *)) {
    double *values = malloc((size_t)rep->nsamples * sizeof *values + 1), median = NAN;
    size_t n = 0;
    for (int i = 0; values && i < rep->nsamples; i++)
        if (!rep->samples[i].warmup)
            values[n++] = number(&rep->samples[i]);
    if (n)
        median = stats_median(values, n);
    free(values);
    return median;
}

static double sample_rate(const struct sample *s) {
    return (double)s->ops * 1e9 / (double)s->ns;
}
static double sample_cpu(const struct sample *s) {
    return (double)s->usage.cpu_ns / (double)s->ops;
}
static double sample_user(const struct sample *s) {
    return (double)s->usage.user_ns / (double)s->ops;
}
static double sample_sys(const struct sample *s) {
    return (double)s->usage.sys_ns / (double)s->ops;
}
static double sample_nvcsw(const struct sample *s) {
    return (double)s->usage.nvcsw / (double)s->ops;
}
static double sample_nivcsw(const struct sample *s) {
    return (double)s->usage.nivcsw / (double)s->ops;
}
static double sample_parallelism(const struct sample *s) {
    return (double)s->usage.cpu_ns / (double)s->ns;
}

static double sample_waiting_pss(const struct sample *s) {
    return (double)s->waiting.pss_b;
}
static double sample_page_tables(const struct sample *s) {
    return (double)s->waiting.page_tables_b;
}
static double sample_threads(const struct sample *s) {
    return (double)s->waiting.threads;
}

double rep_rate(const struct rep *rep) {
    return median_over_samples(rep, sample_rate);
}
static double cpu(const struct rep *rep) {
    return median_over_samples(rep, sample_cpu);
}
static double user(const struct rep *rep) {
    return median_over_samples(rep, sample_user);
}
static double sys(const struct rep *rep) {
    return median_over_samples(rep, sample_sys);
}
static double nvcsw(const struct rep *rep) {
    return median_over_samples(rep, sample_nvcsw);
}
static double nivcsw(const struct rep *rep) {
    return median_over_samples(rep, sample_nivcsw);
}
static double parallelism(const struct rep *rep) {
    return median_over_samples(rep, sample_parallelism);
}
static double startup(const struct rep *rep) {
    return (double)rep->startup_ns;
}
static double peak_rss(const struct rep *rep) {
    return (double)rep->peak_rss_b;
}
static double pss(const struct rep *rep) {
    return (double)rep->pss_b;
}

static double pss_ready(const struct rep *rep) {
    return (double)rep->pss_ready_b;
}
static double waiting_pss(const struct rep *rep) {
    return median_over_samples(rep, sample_waiting_pss);
}
static double waiting_page_tables(const struct rep *rep) {
    return median_over_samples(rep, sample_page_tables);
}
static double waiting_threads(const struct rep *rep) {
    return median_over_samples(rep, sample_threads);
}

static double ns_per_op(const struct rep *rep) {
    return 1e9 / rep_rate(rep);
}
static double switches(const struct rep *rep) {
    return nvcsw(rep) + nivcsw(rep);
}
static double ops_per_cpu_s(const struct rep *rep) {
    return 1e9 / cpu(rep);
}
static double sample_errors(const struct sample *s) {
    return (double)s->error / (double)s->ops;
}
static double error_share(const struct rep *rep) {
    return median_over_samples(rep, sample_errors);
}

/* What the driver found missing of what workers share: the reason why such a rep is void. */
static double lost_updates(const struct rep *rep) {
    static const char lost[] = "lost updates: ";
    const char *found = strstr(rep->void_reason, lost);
    return found ? atof(found + sizeof lost - 1) : *rep->void_reason ? NAN : 0;
}

/* What reps have by name, and whether 0 means that it was not measured. */
static const struct {
    const char *name;
    rep_number number;
    bool zero_is_none;
} rep_figures[] = {
    {"ops_per_s", rep_rate, true},
    {"ns_per_op", ns_per_op, true},
    {"cpu_ns_per_op", cpu, true},
    {"ops_per_cpu_s", ops_per_cpu_s, true},
    {"parallelism", parallelism, true},
    {"switches_per_op", switches, false},
    {"error_share", error_share, false},
    {"startup_ns", startup, true},
    {"peak_rss_b", peak_rss, true},
    {"pss_b", pss, true},
    {"pss_ready_b", pss_ready, true},
    {"waiting_pss_b", waiting_pss, true},
    {"waiting_page_tables_b", waiting_page_tables, true},
    {"waiting_threads", waiting_threads, true},
    {"lost_updates", lost_updates, false},
};
enum { REP_FIGURES = sizeof rep_figures / sizeof *rep_figures };

double rep_figure(const struct rep *rep, const char *name) {
    double value;
    for (int i = 0; i < REP_FIGURES; i++) {
        if (strcmp(rep_figures[i].name, name))
            continue;
        value = rep_figures[i].number(rep);
        /* switches of a process whose CPU time could not be read were not read either */
        if ((rep_figures[i].zero_is_none && !(value > 0)) || !isfinite(value) ||
            (rep_figures[i].number == switches && !(cpu(rep) > 0)))
            return NAN;
        return value;
    }
    return rep_percentile(rep, name);
}

bool rep_figure_is_known(const char *name) {
    static const struct rep nothing;
    for (int i = 0; i < REP_FIGURES; i++)
        if (!strcmp(rep_figures[i].name, name))
            return true;
    return !isinf(rep_percentile(&nothing, name));
}

/* ---- One number of a cell */

struct estimate estimate_of(const double *values, int n, uint64_t seed) {
    struct interval i;
    if (n == 0)
        return (struct estimate){0};
    i = stats_bootstrap_median(values, (size_t)n, 0.95, RESAMPLES, seed);
    return (struct estimate){i.value, i.lo, i.hi, n};
}

static struct estimate over_reps(const struct result *result, rep_number number, uint64_t seed) {
    double *values = malloc((size_t)result->nreps * sizeof *values + 1);
    struct estimate estimate = {0};
    for (int i = 0; values && i < result->nreps; i++)
        values[i] = number(&result->reps[i]);
    if (values)
        estimate = estimate_of(values, result->nreps, seed);
    free(values);
    return estimate;
}

/* What stands at zero where zero cannot be was not measured: in results that were imported, or where
 * the kernel would not say. */
static void drop_unmeasured(struct result *r) {
    static const struct estimate none;
    if (!(r->cpu_ns_per_op.value > 0))
        r->cpu_ns_per_op = r->user_ns_per_op = r->sys_ns_per_op = r->nvcsw_per_op =
            r->nivcsw_per_op = r->parallelism = none;
    if (!(r->startup_ns.value > 0))
        r->startup_ns = none;
    if (!(r->peak_rss_b.value > 0))
        r->peak_rss_b = none;
    if (!(r->pss_b.value > 0))
        r->pss_b = none;
    if (!(r->pss_ready_b.value > 0))
        r->pss_ready_b = none;
    if (!(r->waiting_pss_b.value > 0))
        r->waiting_pss_b = r->waiting_page_tables_b = r->waiting_threads = none;
    if (!(r->uncorrected.max.value > 0))
        r->uncorrected = (struct latencies){.p50 = none};
}

static void estimate_cell(struct result *r, uint64_t seed) {
    const struct {
        struct estimate *to;
        rep_number number;
    } all[] = {
        {&r->ops_per_s, rep_rate},
        {&r->cpu_ns_per_op, cpu},
        {&r->user_ns_per_op, user},
        {&r->sys_ns_per_op, sys},
        {&r->nvcsw_per_op, nvcsw},
        {&r->nivcsw_per_op, nivcsw},
        {&r->startup_ns, startup},
        {&r->peak_rss_b, peak_rss},
        {&r->pss_b, pss},
        {&r->parallelism, parallelism},
        {&r->pss_ready_b, pss_ready},
        {&r->waiting_pss_b, waiting_pss},
        {&r->waiting_page_tables_b, waiting_page_tables},
        {&r->waiting_threads, waiting_threads},
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        *all[i].to = over_reps(r, all[i].number, seed);
    estimate_latency(r, seed);
    drop_unmeasured(r);
}

static void mark_void(struct result *result) {
    result->void_reason[0] = '\0';
    for (int i = 0; i < result->nreps && !*result->void_reason; i++)
        snprintf(result->void_reason, sizeof result->void_reason, "%s",
                 result->reps[i].void_reason);
}

/* ---- Speed-up */

static bool same_work(const struct cell *a, const struct cell *b) {
    if (strcmp(a->workload, b->workload))
        return false;
    for (int i = 0; i < a->nparams; i++) {
        const char *key = a->params[i].key, *other = cell_param(b, key);
        if (!strcmp(key, "ops") || !strcmp(key, "workers") || !strcmp(key, "concurrency"))
            continue;
        if (!other || strcmp(other, a->params[i].value))
            return false;
    }
    return true;
}

static bool has_one_worker(const struct cell *cell) {
    const char *workers = cell_param(cell, "workers"),
               *concurrency = cell_param(cell, "concurrency");
    return (!workers || atoi(workers) == 1) && (!concurrency || atoi(concurrency) == 1);
}

/* Python is measured against serial Python of the same interpreter, C and JavaScript against themselves with one worker: a ratio across languages
 * would say more of the languages. */
static const struct result *baseline_of(const struct runset *run, const struct result *result) {
    bool python = result->nreps && !strncmp(result->reps[0].at_ready.runtime, "cpython", 7);
    for (int i = 0; i < run->nresults; i++) {
        const struct result *other = &run->results[i];
        bool fits = python ? !strcmp(other->cell.model, "serial") &&
                                 !strcmp(other->cell.python, result->cell.python)
                           : !strcmp(other->cell.model, result->cell.model);
        if (fits && has_one_worker(&other->cell) && same_work(&result->cell, &other->cell) &&
            !*other->void_reason && other->nreps)
            return other;
    }
    return NULL;
}

static const struct rep *rep_number_of(const struct result *result, int number) {
    for (int i = 0; i < result->nreps; i++)
        if (result->reps[i].rep == number)
            return &result->reps[i];
    return NULL;
}

/* Ratios are paired by rep number: both processes ran in the same block, in the same minute. */
static void estimate_speedup(const struct runset *run, struct result *result) {
    const struct result *base = baseline_of(run, result);
    double *ratios = malloc((size_t)result->nreps * sizeof *ratios + 1);
    int n = 0;
    result->baseline[0] = '\0';
    for (int i = 0; base && ratios && i < result->nreps; i++) {
        const struct rep *twin = rep_number_of(base, result->reps[i].rep);
        if (twin)
            ratios[n++] = rep_rate(&result->reps[i]) / rep_rate(twin);
    }
    result->speedup = estimate_of(ratios, n, run->seed);
    if (n)
        snprintf(result->baseline, sizeof result->baseline, "%s", base->cell.id);
    free(ratios);
}

void runset_summarise(struct runset *run) {
    for (int i = 0; i < run->nresults; i++) {
        mark_void(&run->results[i]);
        if (!*run->results[i].void_reason && run->results[i].nreps)
            estimate_cell(&run->results[i], run->seed);
    }
    for (int i = 0; i < run->nresults; i++)
        if (!*run->results[i].void_reason && run->results[i].nreps)
            estimate_speedup(run, &run->results[i]);
}

bool result_has_number(const struct result *result) {
    return !*result->cell.not_run && !*result->void_reason && result->ops_per_s.n;
}

bool runset_first_of_workload(const struct runset *run, int index) {
    for (int i = 0; i < index; i++)
        if (!strcmp(run->results[i].cell.workload, run->results[index].cell.workload))
            return false;
    return true;
}

int runset_add_rep(struct runset *run, struct rep rep, struct err *err) {
    struct result *result = &run->results[rep.cell];
    struct rep *reps = realloc(result->reps, (size_t)(result->nreps + 1) * sizeof *reps);
    if (!reps)
        return err_set(err, GB_RUNTIME, "out of memory");
    reps[result->nreps++] = rep;
    result->reps = reps;
    return 0;
}

void runset_free(struct runset *run) {
    for (int i = 0; i < run->nresults; i++) {
        for (int k = 0; k < run->results[i].nreps; k++)
            rep_free(&run->results[i].reps[k]);
        free(run->results[i].reps);
    }
    free(run->results);
    free(run->matrix_text);
    *run = (struct runset){0};
}
