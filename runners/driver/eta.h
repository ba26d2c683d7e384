/* eta.h - what is still to come of a run, from what its trials took so far. */
#ifndef GILBENCH_ETA_H
#define GILBENCH_ETA_H

#include "results.h"

struct eta {
    const struct runset *run; /* borrowed */
    double *took;             /* seconds of each cell's trials in this call, together */
    int *times;
};

int eta_begin(struct eta *eta, const struct runset *run, struct err *err);
void eta_took(struct eta *eta, int cell, double seconds);
/* Seconds that a trial of this cell is expected to take: the mean of its own, where there are none
 * that of the cells of its model and variant, else of its workload, else of all; -1 as long as
 * nothing is known. A start of a model takes what it takes, whatever it then does: in a short run,
 * where few cells have run after a tenth, that is most of the time. */
double eta_of(const struct eta *eta, int cell);
void eta_end(struct eta *eta);

#endif
