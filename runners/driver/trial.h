/* trial.h - one rep of one cell, from the start of its processes to their end. */
#ifndef GILBENCH_TRIAL_H
#define GILBENCH_TRIAL_H

#include "matrix.h"
#include "spawn.h"

struct trial_context {
    const struct registry *reg;
    const struct registry *peer_reg; /* whose store and load generator are run; NULL: reg's */
    const struct machine *machine;
    const struct store_model *store;
    uint64_t seed;
    const char *prefix; /* NULL, or words to put before an adapter's command, ended by a blank */
};

/* Runs it. What goes wrong in the measured processes makes the rep void (void_reason, void_code)
 * and is not an error here. After an interrupt the rep has the samples that were finished and
 * *complete is false. */
struct rep trial_run(const struct trial_context *context, const struct cell *cell, int cell_index,
                     int rep_index, const struct expectation *expect, bool *complete);
void rep_free(struct rep *rep);
void sample_free(struct sample *sample); /* its histograms */

/* ---- The same, step by step, for those who keep several alive at once. A subject is one rep's
 * processes: the adapter, and its peer if it needs one. */
struct subject;

struct subject_options {
    int first_core;     /* see place_make */
    uint64_t hash_seed; /* PYTHONHASHSEED, 1 to 2^32 - 1 */
    unsigned pad_b;     /* see struct spawn_options */
};

/* Up to `ready`, with all that it attests checked; NULL with err set, and nothing left running.
 * context, cell and expect must outlive it. */
struct subject *subject_open(const struct trial_context *context, const struct cell *cell,
                             const struct expectation *expect,
                             const struct subject_options *options, struct err *err);
/* One sample, checked against what is expected; its histograms are the caller's: sample_free. */
int subject_sample(struct subject *subject, struct sample *sample, struct err *err);
/* What it attested when it was ready, and its cores; and the process whose tree is measured. */
const struct rep *subject_rep(const struct subject *subject);
pid_t subject_pid(const struct subject *subject);
/* Stops it in good order and checks its last word. Frees it, whatever comes back; so does
 * subject_kill, at once. rep_free is not needed. */
int subject_close(struct subject *subject, struct err *err);
void subject_kill(struct subject *subject);

#endif
