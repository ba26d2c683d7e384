/* advise.c - see advise.h: from tables to predictions, and how good they are. */
#include "advise.h"
#include "../stats/mva.h"
#include "../stats/stats.h"
#include "latency.h"
#include "matrix.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- One prediction */

/* The constants of a model; `side` -1: as slow as their intervals allow, 1: as fast, 0: as they are. */
struct constants {
    double overhead_ns, slowness, lanes, native_lanes;
};

static double end_of(const struct estimate *e, int side) {
    return side < 0 ? e->lo : side > 0 ? e->hi : e->value;
}

/* slowness: CPU time here for a unit of the profile's. lanes: how many compute at a time, as rate x time
 * says; with more cores than were measured, those that use several use as many more. */
static struct constants constants_of(const struct advice_table *t, int cores, int side) {
    struct constants c = {.overhead_ns = end_of(&t->overhead, -side)};
    double own = t->full.value - t->overhead.value, per_core;
    c.slowness = own / t->reference_ns;
    c.lanes = end_of(&t->full_rate, side) * (t->trait->offload ? own : t->full.value) / 1e9;
    c.native_lanes = t->native_lanes.n ? end_of(&t->native_lanes, side) : 1;
    per_core = cores / (double)(t->cores > 0 ? t->cores : 1);
    if (c.lanes > 1.3)
        c.lanes *= per_core;
    if (c.native_lanes > 1.3)
        c.native_lanes *= per_core;
    return c;
}

static double or_zero(double value) {
    return isfinite(value) ? value : 0;
}

/* Stations: the loop (or the one lane of what computes where it reads), the workers, native work. */
static size_t stations_of(const struct profile *p, const struct advice_table *t,
                          const struct constants *c, struct mva_station s[3]) {
    const char *native = t->trait->native;
    double python = p->python_us * 1e3 * c->slowness, other = p->native_us * 1e3,
           beside =
               p->payload_b * or_zero(t->payload_ns_b) + p->shared_writes * or_zero(t->shared_ns);
    bool apart = strcmp(native, "inline") && strcmp(native, "python");
    double lane = python + (apart ? 0 : other);
    s[0] = (struct mva_station){c->overhead_ns + (t->trait->offload ? 0 : lane) + beside, 1};
    if (!t->trait->offload)
        s[0].lanes = c->lanes;
    s[1] = (struct mva_station){t->trait->offload ? lane : 0, c->lanes};
    s[2] = (struct mva_station){apart ? other : 0, fmax(c->native_lanes, 0.1)};
    return 3;
}

static struct mva solve(const struct profile *p, const struct advice_table *t, int side,
                        enum advice_limit *limit) {
    struct constants c = constants_of(t, p->cores, side);
    struct mva_station s[3];
    size_t n = stations_of(p, t, &c, s);
    double wait = p->wait_us * 1e3, whole = wait, most = p->concurrency;
    static const enum advice_limit limits[] = {LIMIT_LOOP, LIMIT_PYTHON, LIMIT_NATIVE};
    *limit = LIMIT_WAITING;
    for (size_t i = 0; i < n; i++)
        whole += s[i].demand;
    for (size_t i = 0; i < n; i++)
        if (s[i].demand / s[i].lanes * most > whole) {
            *limit = limits[i];
            most = whole / (s[i].demand / s[i].lanes);
        }
    if (*limit == LIMIT_LOOP && !t->trait->offload &&
        p->python_us * 1e3 * c.slowness > c.overhead_ns)
        *limit = LIMIT_PYTHON;
    return mva_solve(p->concurrency, wait, s, n, 0);
}

static void name_unknown(struct advice *a, const struct profile *p) {
    const struct advice_table *t = a->table;
    if (p->payload_b > 0 && !isfinite(t->payload_ns_b))
        snprintf(a->unknown, sizeof a->unknown, "what its payload costs");
    else if (p->shared_writes > 0 && !isfinite(t->shared_ns))
        snprintf(a->unknown, sizeof a->unknown, "what its shared writes cost");
    else if (p->native_us > 0 && !t->native_lanes.n)
        snprintf(a->unknown, sizeof a->unknown, "how much native work it does at a time");
}

#define LEAST_ERROR 0.02 /* less between two predictions is never called a difference */

static struct advice predict(const struct profile *p, const struct advice_table *t) {
    struct advice a = {.table = t};
    enum advice_limit limit;
    struct mva m = solve(p, t, 0, &a.limit);
    double widened = 1 + fmax(LEAST_ERROR, or_zero(t->error));
    a.rate = m.throughput * 1e9;
    a.rate_lo = solve(p, t, -1, &limit).throughput * 1e9 / widened;
    a.rate_hi = solve(p, t, 1, &limit).throughput * 1e9 * widened;
    a.p99_ns = p->wait_us * 1e3 + fmax(t->floor_ns, t->tail * m.response);
    a.memory_b = t->memory_b + p->concurrency * t->memory_each_b;
    a.fits_memory = !(p->memory_b > 0) || a.memory_b <= p->memory_b;
    a.meets_p99 = !(p->p99_us > 0) || a.p99_ns <= p->p99_us * 1e3;
    a.extrapolated = p->cores > t->cores && constants_of(t, t->cores, 0).lanes > 1.3;
    name_unknown(&a, p);
    return a;
}

/* ---- All of them */

static int rank(const void *left, const void *right) {
    const struct advice *a = left, *b = right;
    int keeps_a = a->fits_memory + a->meets_p99, keeps_b = b->fits_memory + b->meets_p99;
    if (keeps_a != keeps_b)
        return keeps_b - keeps_a;
    return a->rate < b->rate ? 1 : a->rate > b->rate ? -1 : 0;
}

int advise(const struct profile *profile, const struct advice_tables *tables,
           struct advice advice[ADVICE_MODELS_MAX]) {
    int count = tables->ntables;
    for (int i = 0; i < count; i++)
        advice[i] = predict(profile, &tables->tables[i]);
    qsort(advice, (size_t)count, sizeof *advice, rank);
    for (int i = 1; i < count; i++)
        advice[i].too_close = advice[i].rate_hi >= advice[0].rate_lo &&
                              advice[i].fits_memory == advice[0].fits_memory &&
                              advice[i].meets_p99 == advice[0].meets_p99;
    return count;
}

/* ---- The folk rule */

const char *advise_folk(const struct profile *profile) {
    double cpu = profile->python_us + profile->native_us;
    return cpu >= profile->wait_us ? "cpu" : profile->wait_us >= 20 * cpu ? "slow" : "io";
}

static bool is_of(const struct advice_table *t, const char *python) {
    const char *at = strchr(t->label, '@');
    return !strcmp(at ? at : "", python);
}

const struct advice *advise_folk_choice(const char *folk, const struct advice *advice, int count,
                                        const char *python) {
    for (int i = 0; i < count; i++)
        if (!strcmp(advice[i].table->trait->folk, folk) && is_of(advice[i].table, python))
            return &advice[i];
    return NULL;
}

/* ---- How good it is */

/* A cell beside the tables, as a profile of its own. */
static bool profile_of(struct profile *p, const struct result *r, const struct advice_table *t) {
    const char *f = cell_param(&r->cell, "f"), *concurrency = cell_param(&r->cell, "concurrency"),
               *total = cell_param(&r->cell, "total_us");
    char label[3 * GB_NAME_MAX];
    double share = f ? atof(f) / 1000 : 0;
    cell_label(&r->cell, label, sizeof label);
    if (strcmp(r->cell.workload, "mix_cross") || strcmp(label, t->label) || share <= 0 ||
        share >= 1 || !concurrency || cell_rate(&r->cell) || !result_can_be_ranked(r))
        return false;
    *p = (struct profile){.concurrency = atof(concurrency), .cores = t->cores};
    p->wait_us = (1 - share) * (total ? atof(total) : 10000);
    p->python_us = share * t->reference_ns / 1e3;
    return true;
}

struct errors {
    double rate[256], p99[256];
    size_t n;
};

static void collect(struct errors *errors, const struct runset *run, const struct advice_table *t) {
    errors->n = 0;
    for (int i = 0; i < run->nresults && errors->n < 256; i++) {
        const struct result *r = &run->results[i];
        const char *label;
        struct profile p;
        struct advice a;
        if (!profile_of(&p, r, t))
            continue;
        a = predict(&p, t);
        errors->rate[errors->n] = fabs(a.rate / r->ops_per_s.value - 1);
        errors->p99[errors->n++] = fabs(a.p99_ns / result_latencies(r, &label)->p99.value - 1);
    }
}

static const struct advice_table *table_of(const struct advice_tables *tables,
                                           const struct result *r, struct profile *p) {
    for (int i = 0; i < tables->ntables; i++)
        if (profile_of(p, r, &tables->tables[i]))
            return &tables->tables[i];
    return NULL;
}

/* Another model's cell of the same point: all parameters but ops and workers. */
static bool same_point(const struct cell *a, const struct cell *b) {
    for (int i = 0; i < a->nparams; i++) {
        const char *key = a->params[i].key, *other = cell_param(b, key);
        if (strcmp(key, "ops") && strcmp(key, "workers") &&
            (!other || strcmp(other, a->params[i].value)))
            return false;
    }
    return !strcmp(a->workload, b->workload) && !strcmp(a->python, b->python);
}

/* At the point of cell `first`, if it is the first of it: what is lost by taking the model that is
 * predicted to be best, and by the folk rule. */
static void add_regret(struct advice_scores *scores, const struct advice_tables *tables,
                       int first) {
    const struct runset *run = tables->run;
    double best = 0, best_predicted = 0, taken = 0, folk_taken = 0;
    int models = 0;
    for (int i = 0; i < run->nresults; i++) {
        const struct result *r = &run->results[i];
        const struct advice_table *t;
        struct profile p;
        double predicted;
        if (!same_point(&run->results[first].cell, &r->cell) || !(t = table_of(tables, r, &p)))
            continue;
        if (i < first)
            return;
        models++;
        predicted = predict(&p, t).rate;
        best = fmax(best, r->ops_per_s.value);
        if (predicted > best_predicted) {
            best_predicted = predicted;
            taken = r->ops_per_s.value;
        }
        if (!strcmp(t->trait->folk, advise_folk(&p)))
            folk_taken = r->ops_per_s.value;
    }
    if (models < 2 || !(folk_taken > 0))
        return;
    scores->choices++;
    scores->regret += 1 - taken / best;
    scores->folk_regret += 1 - folk_taken / best;
    scores->worst_regret = fmax(scores->worst_regret, 1 - taken / best);
    scores->worst_folk_regret = fmax(scores->worst_folk_regret, 1 - folk_taken / best);
}

void advise_score(struct advice_scores *scores, struct advice_tables *tables) {
    static struct errors errors;
    *scores = (struct advice_scores){.points = 0};
    for (int i = 0; i < tables->ntables; i++) {
        struct advice_table *t = &tables->tables[i];
        collect(&errors, tables->run, t);
        if (!errors.n)
            continue;
        t->error = stats_median(errors.rate, errors.n);
        scores->models[scores->nmodels++] = (struct advice_score){
            t, (int)errors.n, t->error, stats_quantile(errors.rate, errors.n, 1),
            stats_median(errors.p99, errors.n)};
        scores->points += (int)errors.n;
        for (size_t k = 0; k < errors.n; k++)
            scores->within += errors.rate[k] <= 0.25;
    }
    for (int i = 0; i < tables->run->nresults; i++) {
        struct profile p;
        if (table_of(tables, &tables->run->results[i], &p))
            add_regret(scores, tables, i);
    }
    if (scores->choices) {
        scores->regret /= scores->choices;
        scores->folk_regret /= scores->choices;
    }
}
