/* compare.c - see compare.h. */
#include "compare.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { RESAMPLES = 10000 };

const struct result *compare_find(const struct runset *run, const char *id) {
    for (int i = 0; i < run->nresults; i++)
        if (!strcmp(run->results[i].cell.id, id))
            return &run->results[i];
    return NULL;
}

const char *compare_no_ratio(const struct result *old, const struct result *new) {
    if (!result_has_number(old))
        return *old->cell.not_run ? "not run in OLD" : "void in OLD";
    if (!result_has_number(new))
        return *new->cell.not_run ? "not run in NEW" : "void in NEW";
    if (old->reps[0].samples[0].digest != new->reps[0].samples[0].digest)
        return "not compared: the checksums differ, so it is other work";
    return NULL;
}

struct interval compare_time_ratio(const struct result *old, const struct result *new, double level,
                                   uint64_t seed) {
    double *x = malloc((size_t)old->nreps * sizeof *x),
           *y = malloc((size_t) new->nreps * sizeof *y);
    struct interval ratio = {NAN, NAN, NAN};
    if (x && y) {
        for (int i = 0; i < old->nreps; i++)
            x[i] = 1 / rep_rate(&old->reps[i]);
        for (int i = 0; i < new->nreps; i++)
            y[i] = 1 / rep_rate(&new->reps[i]);
        ratio = stats_bootstrap_ratio(x, (size_t)old->nreps, y, (size_t) new->nreps, level,
                                      RESAMPLES, seed);
    }
    free(x);
    free(y);
    return ratio;
}
