/* scaling.c - see scaling.h. A curve is the cells of one model, variant, interpreter and set of
 * parameters, over their number of workers; it is measured against its own point with one worker, so
 * that what the model costs as such is no part of it. */
#include "scaling.h"
#include "../stats/amdahl.h"
#include "matrix.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { POINTS_MAX = 64 };

struct curve {
    const struct result *points[POINTS_MAX]; /* by the number of workers, the first with one */
    double workers[POINTS_MAX];
    int count;
};

static double workers_of(const struct result *r) {
    const char *text = cell_param(&r->cell, "workers");
    return text ? atof(text) : 0;
}

static bool same_curve(const struct cell *a, const struct cell *b) {
    if (strcmp(a->workload, b->workload) || !cell_same_model(a, b) || a->nparams != b->nparams)
        return false;
    for (int i = 0; i < a->nparams; i++) {
        const char *key = a->params[i].key, *other = cell_param(b, key);
        if (strcmp(key, "workers") && (!other || strcmp(other, a->params[i].value)))
            return false;
    }
    return true;
}

static void insert(struct curve *curve, const struct result *r) {
    int at = curve->count++;
    for (; at > 0 && curve->workers[at - 1] > workers_of(r); at--) {
        curve->points[at] = curve->points[at - 1];
        curve->workers[at] = curve->workers[at - 1];
    }
    curve->points[at] = r;
    curve->workers[at] = workers_of(r);
}

/* The curve to which cell number `first` belongs, if it is the first of it and there is one. */
static bool find_curve(const struct runset *run, int first, struct curve *curve) {
    const struct cell *cell = &run->results[first].cell;
    curve->count = 0;
    for (int i = 0; i < run->nresults; i++) {
        const struct result *r = &run->results[i];
        if (!same_curve(&r->cell, cell) || !result_has_number(r) || cell_is_confined(&r->cell) ||
            !(workers_of(r) > 0))
            continue;
        if (i < first)
            return false;
        if (curve->count < POINTS_MAX)
            insert(curve, r);
    }
    return curve->count > 1 && curve->workers[0] == 1;
}

static double speedup_of(const struct curve *curve, int i) {
    return curve->points[i]->ops_per_s.value / curve->points[0]->ops_per_s.value;
}

/* From the value, and from the ends of the intervals of all points: which = 0, -1, 1. */
static double serial_fraction(const struct curve *curve, int which) {
    double speedups[POINTS_MAX];
    for (int i = 0; i < curve->count; i++) {
        const struct estimate *e = &curve->points[i]->ops_per_s;
        double rate = which < 0 ? e->lo : which > 0 ? e->hi : e->value;
        speedups[i] = rate / curve->points[0]->ops_per_s.value;
    }
    return stats_serial_fraction(curve->workers, speedups, (size_t)curve->count);
}

static void write_curve(FILE *out, const struct curve *curve) {
    const struct cell *cell = &curve->points[0]->cell;
    char model[3 * GB_NAME_MAX];
    bool shared = false;
    cell_label(cell, model, sizeof model);
    fprintf(out, "| %s | %s |", cell->workload, model);
    for (int i = 1; i < curve->count; i++) {
        double speedup = speedup_of(curve, i);
        fprintf(out, "%s %g: %.2fx (%.0f %%)", i > 1 ? ";" : "", curve->workers[i], speedup,
                100 * speedup / curve->workers[i]);
        shared |= curve->points[i]->reps[0].shared_core;
    }
    fprintf(out, "%s | %.3f [%.3f, %.3f] | %s |\n", shared ? " (shared cores)" : "",
            serial_fraction(curve, 0), serial_fraction(curve, 1), serial_fraction(curve, -1),
            curve->points[curve->count - 1]->reps[0].cpus_planned);
}

void scaling_write(FILE *out, const struct runset *run) {
    struct curve curve;
    bool begun = false;
    for (int i = 0; i < run->nresults; i++) {
        if (!find_curve(run, i, &curve))
            continue;
        if (!begun)
            fputs("\n## Scaling\n\n"
                  "Workers: speed-up against one worker of the same model (efficiency, speed-up by "
                  "worker). Serial share: the s of Amdahl's law, 1 / (s + (1 - s) / n), by least "
                  "squares over all points; in brackets with all rates at the ends of their "
                  "intervals. 1: no gain; above 1: workers cost more than they give.\n\n"
                  "| workload | model | workers: speed-up (efficiency) | serial share | cores of "
                  "the widest |\n|---|---|---|---|---|\n",
                  out);
        begun = true;
        write_curve(out, &curve);
    }
}
