/* latency.c - see latency.h. */
#include "latency.h"
#include "../stats/stats.h"
#include "matrix.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- Parameters of cells */

bool is_load_param(const char *key) {
    return !strcmp(key, "rate") || !strcmp(key, "arrivals");
}

int64_t cell_rate(const struct cell *cell) {
    const char *rate = cell_param(cell, "rate");
    return rate ? strtoll(rate, NULL, 10) : 0;
}

static bool is_rate(const char *text) {
    char *end;
    long long number = strtoll(text, &end, 10);
    return end > text && !*end && number >= 0 && number <= 10000000;
}

int check_load_params(const struct cell *cell, char *why, size_t room) {
    const char *rate = cell_param(cell, "rate"), *kind = cell_param(cell, "arrivals"),
               *ops = cell_param(cell, "ops");
    double seconds = cell_rate(cell) > 0 && ops ? atof(ops) / (double)cell_rate(cell) : 0;
    why[0] = '\0';
    if (rate && !is_rate(rate))
        snprintf(why, room,
                 "rate: requests a second from 1 to 10000000 expected, or 0 for the closed loop, "
                 "not '%s'",
                 rate);
    else if (kind && strcmp(kind, "constant") && strcmp(kind, "poisson"))
        snprintf(why, room, "arrivals: constant or poisson expected, not '%s'", kind);
    else if (kind && !rate)
        snprintf(why, room, "arrivals is for the open loop: give it a rate, too");
    else if (seconds > 0.9 * cell->timeout_s)
        snprintf(why, room,
                 "%s ops at a rate of %s take %.3g s, and timeout_s is %g: fewer ops or more time",
                 ops, rate, seconds, cell->timeout_s);
    return *why ? -1 : 0;
}

/* ---- Percentiles: of each process over its counted samples, then over processes */

enum { PERCENTILES = 6 };

enum of { UNCORRECTED, CORRECTED, HEAVY };

static const struct hist *hist_of(const struct sample *s, enum of of) {
    return of == CORRECTED ? s->corrected : of == HEAVY ? s->heavy : s->hist;
}

static void merge(struct hist *merged, const struct rep *rep, enum of of) {
    memset(merged, 0, sizeof *merged);
    for (int i = 0; i < rep->nsamples; i++) {
        const struct sample *s = &rep->samples[i];
        const struct hist *hist = hist_of(s, of);
        if (!s->warmup && hist)
            hist_merge(merged, hist);
    }
}

static void estimate_percentiles(struct latencies *to, const struct result *r, enum of of,
                                 uint64_t seed) {
    static const double p[PERCENTILES] = {0.5, 0.9, 0.99, 0.999, 0.9999, 1};
    struct estimate *each[PERCENTILES] = {&to->p50,  &to->p90,   &to->p99,
                                          &to->p999, &to->p9999, &to->max};
    double *values = calloc((size_t)r->nreps * PERCENTILES + 1, sizeof *values);
    static struct hist merged; /* 15 KiB, and this program has one thread */
    int n = 0;
    *to = (struct latencies){0};
    for (int i = 0; values && i < r->nreps; i++) {
        merge(&merged, &r->reps[i], of);
        if (!hist_count(&merged))
            continue;
        for (int k = 0; k < PERCENTILES; k++)
            values[k * r->nreps + n] = (double)hist_percentile(&merged, p[k]);
        n++;
    }
    for (int k = 0; k < PERCENTILES; k++)
        *each[k] = estimate_of(values + k * r->nreps, n, seed);
    free(values);
}

static bool has_corrected(const struct rep *rep) {
    for (int i = 0; i < rep->nsamples; i++)
        if (!rep->samples[i].warmup && rep->samples[i].corrected)
            return true;
    return false;
}

double rep_percentile(const struct rep *rep, const char *name) {
    static const struct {
        const char *name;
        double p;
    } all[] = {{"p50_ns", 0.5},    {"p90_ns", 0.9},      {"p99_ns", 0.99},
               {"p999_ns", 0.999}, {"p9999_ns", 0.9999}, {"max_ns", 1}};
    static struct hist merged;
    const char *rest = !strncmp(name, "uncorrected_", 12) ? name + 12
                       : !strncmp(name, "corrected_", 10) ? name + 10
                                                          : name;
    bool corrected = rest == name ? has_corrected(rep) : *name == 'c';
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        if (strcmp(all[i].name, rest))
            continue;
        merge(&merged, rep, corrected);
        return hist_count(&merged) ? (double)hist_percentile(&merged, all[i].p) : NAN;
    }
    return INFINITY;
}

/* ---- The load generator */

static double offered(const struct sample *s) {
    return (double)s->ops * 1e9 / (double)s->client.offered_ns;
}
static double share(const struct sample *s) {
    return (double)s->client.cpu_ns / (double)s->ns;
}
static double late(const struct sample *s) {
    return (double)s->client.late_ns;
}
static double waited(const struct sample *s) {
    return (double)s->client.waited / (double)s->ops;
}

/* Per process the median over its counted samples that have such a number. */
static struct estimate estimate_client(const struct result *r,
                                       double (*number)(const struct sample *), bool open_only,
                                       uint64_t seed) {
    double *medians = calloc((size_t)r->nreps + 1, sizeof *medians), *values;
    struct estimate estimate = {0};
    int n = 0;
    for (int i = 0; medians && i < r->nreps; i++) {
        const struct rep *rep = &r->reps[i];
        size_t k = 0;
        if (!(values = calloc((size_t)rep->nsamples + 1, sizeof *values)))
            break;
        for (int j = 0; j < rep->nsamples; j++) {
            const struct sample *s = &rep->samples[j];
            if (!s->warmup && (open_only ? s->client.offered_ns : s->client.cpu_ns) > 0)
                values[k++] = number(s);
        }
        if (k)
            medians[n++] = stats_median(values, k);
        free(values);
    }
    if (medians)
        estimate = estimate_of(medians, n, seed);
    free(medians);
    return estimate;
}

void estimate_latency(struct result *r, uint64_t seed) {
    estimate_percentiles(&r->uncorrected, r, UNCORRECTED, seed);
    estimate_percentiles(&r->corrected, r, CORRECTED, seed);
    estimate_percentiles(&r->heavy, r, HEAVY, seed);
    r->client_cpu_share = estimate_client(r, share, false, seed);
    r->offered_ops_per_s = estimate_client(r, offered, true, seed);
    r->client_late_ns = estimate_client(r, late, true, seed);
    r->waited_share = estimate_client(r, waited, true, seed);
    mark_client_bound(r);
}

const struct latencies *result_latencies(const struct result *r, const char **label) {
    bool open = r->corrected.p50.n > 0;
    *label = open ? "corrected" : "uncorrected";
    return open ? &r->corrected : &r->uncorrected;
}

bool result_can_be_ranked(const struct result *r) {
    return result_has_number(r) && !*r->client_bound && !cell_is_confined(&r->cell);
}

bool runset_has_loop(const struct runset *run, const char *workload, bool open) {
    for (int i = 0; i < run->nresults; i++)
        if (!strcmp(run->results[i].cell.workload, workload) &&
            (cell_rate(&run->results[i].cell) > 0) == open)
            return true;
    return false;
}

bool runset_is_drawn(const struct runset *run, const char *workload, bool open) {
    for (int i = 0; i < run->nresults; i++) {
        const struct result *r = &run->results[i];
        if (!strcmp(r->cell.workload, workload) && (cell_rate(&r->cell) > 0) == open &&
            (result_can_be_ranked(r) || *r->void_reason))
            return true;
    }
    return false;
}

/* ---- Who was the bottleneck? */

#define BUSY_SHARE    0.9  /* of a core: more, and the load generator's own queue is measured */
#define KEPT_UP       0.95 /* of what was offered: less, and somebody was too slow */
#define IDLE_SHARE    0.8  /* of a core, all that a thread can use: less, and it idled */
#define LATE_FLOOR_NS 1e6  /* lateness below it is that of any timer on a shared machine */
#define LATE_SHARE    0.1  /* of the corrected p99: more, and the tail is the load generator's */

void mark_client_bound(struct result *r) {
    double achieved = r->offered_ops_per_s.n ? r->ops_per_s.value / r->offered_ops_per_s.value : 1;
    r->client_bound[0] = '\0';
    if (r->client_cpu_share.n && r->client_cpu_share.value > BUSY_SHARE)
        snprintf(r->client_bound, sizeof r->client_bound,
                 "the load generator used %.0f %% of its core", 100 * r->client_cpu_share.value);
    else if (achieved < KEPT_UP && r->parallelism.n && r->parallelism.value < IDLE_SHARE)
        snprintf(
            r->client_bound, sizeof r->client_bound,
            "%.0f %% of the offered rate was achieved while the subject used %.0f %% of a core, "
            "and %.0f %% of the requests found no idle connection: more connections "
            "are needed, or others had the cores",
            100 * achieved, 100 * r->parallelism.value, 100 * r->waited_share.value);
    else if (r->client_late_ns.n && r->client_late_ns.value > LATE_FLOOR_NS &&
             r->client_late_ns.value > LATE_SHARE * r->corrected.p99.value)
        snprintf(r->client_bound, sizeof r->client_bound,
                 "the load generator's own sends were late: %.3g ms at the 99th percentile",
                 r->client_late_ns.value / 1e6);
}
