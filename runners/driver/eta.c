/* eta.c - see eta.h. */
#include "eta.h"
#include "matrix.h"
#include <stdlib.h>
#include <string.h>

int eta_begin(struct eta *eta, const struct runset *run, struct err *err) {
    *eta = (struct eta){.run = run,
                        .took = calloc((size_t)run->nresults + 1, sizeof *eta->took),
                        .times = calloc((size_t)run->nresults + 1, sizeof *eta->times)};
    if (eta->took && eta->times)
        return 0;
    eta_end(eta);
    return err_set(err, GB_RUNTIME, "out of memory");
}

void eta_took(struct eta *eta, int cell, double seconds) {
    eta->took[cell] += seconds;
    eta->times[cell]++;
}

static bool same_workload(const struct cell *a, const struct cell *b) {
    return !strcmp(a->workload, b->workload);
}

static bool any(const struct cell *a, const struct cell *b) {
    (void)a, (void)b;
    return true;
}

/* The mean over the cells that are like this one, each counted once; -1 for none. */
static double mean_of(const struct eta *eta, int cell,
                      bool (*like)(const struct cell *, const struct cell *)) {
    double total = 0;
    int cells = 0;
    for (int i = 0; i < eta->run->nresults; i++) {
        if (!eta->times[i] || !like(&eta->run->results[i].cell, &eta->run->results[cell].cell))
            continue;
        total += eta->took[i] / eta->times[i];
        cells++;
    }
    return cells ? total / cells : -1;
}

double eta_of(const struct eta *eta, int cell) {
    double seconds = -1;
    if (eta->times[cell])
        return eta->took[cell] / eta->times[cell];
    if ((seconds = mean_of(eta, cell, cell_same_model)) < 0 &&
        (seconds = mean_of(eta, cell, same_workload)) < 0)
        seconds = mean_of(eta, cell, any);
    return seconds;
}

void eta_end(struct eta *eta) {
    free(eta->took);
    free(eta->times);
    *eta = (struct eta){0};
}
