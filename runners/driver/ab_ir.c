/* ab_ir.c - see ab_ir.h. */
#include "ab_ir.h"
#include "../stats/stats.h"
#include "scratch.h"
#include "spawn.h"
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SLOWER = 60, SAMPLES = 3 }; /* what runs under callgrind is up to so many times slower */

static const double more_work = 0.01, same_work = 0.003;

bool ir_wanted(const struct ab_plan *plan, const struct ab_benchmark *b) {
    bool one_core = b->cell.kind == GB_CPU && b->cell.cores == 1, found;
    found =
        b->verdict == AB_REGRESSED || b->verdict == AB_IMPROVED || b->verdict == AB_INCONCLUSIVE;
    if (*b->invalid || !one_core || b->nir || plan->ir == AB_IR_OFF)
        return false;
    return plan->ir == AB_IR_ONLY || found;
}

/* ---- Counting */

static int64_t read_total(const char *path) {
    FILE *file = fopen(path, "r");
    char line[4096];
    int64_t total = -1;
    if (!file)
        return -1;
    while (total < 0 && fgets(line, sizeof line, file))
        if (sscanf(line, "totals: %" SCNd64, &total) != 1)
            total = -1;
    fclose(file);
    return total;
}

/* Instructions of a whole process that has `samples` samples. */
static int64_t count_process(const struct trial_context *trial, const struct ab_benchmark *b,
                             const char *path, int samples, struct err *err) {
    struct subject_options options = {.hash_seed = 1};
    struct subject *subject = subject_open(trial, &b->cell, &b->expect, &options, err);
    int64_t total;
    if (!subject)
        return -1;
    for (int i = 0; i < samples; i++) {
        struct sample sample;
        if (subject_sample(subject, &sample, err) < 0) {
            subject_kill(subject);
            return -1;
        }
        sample_free(&sample);
    }
    if (subject_close(subject, err) < 0)
        return -1;
    total = read_total(path);
    if (unlink(path) < 0 || total < 0)
        return err_set(err, GB_RUNTIME, "callgrind left no count in %s", path);
    return total;
}

static int64_t count_arm(const struct pair_context *context, const struct ab_benchmark *b, int arm,
                         const char *folder, struct err *err) {
    char path[GB_PATH_MAX + 32], prefix[GB_PATH_MAX + 128];
    struct trial_context trial = {.reg = context->arms[arm].builds[0].reg,
                                  .peer_reg = context->driver,
                                  .machine = context->machine,
                                  .store = context->store,
                                  .prefix = prefix};
    int64_t one, more;
    snprintf(path, sizeof path, "%s/callgrind.out", folder);
    snprintf(prefix, sizeof prefix, "setarch -R valgrind --tool=callgrind --callgrind-out-file=%s ",
             path);
    if ((one = count_process(&trial, b, path, 1, err)) < 0 ||
        (more = count_process(&trial, b, path, SAMPLES, err)) < 0)
        return -1;
    return (more - one) / (SAMPLES - 1);
}

/* In a folder of its own: of one that somebody chose, callgrind would take a % for more than it is,
 * and a blank for the end of its name. */
int ir_count(const struct pair_context *context, struct ab_benchmark *b, char *note, size_t room,
             struct err *err) {
    struct ab_benchmark fewer = *b;
    struct err why = {0};
    char folder[SCRATCH_MAX] = "";
    int64_t found[2];
    note[0] = '\0';
    fewer.cell.timeout_s *= SLOWER;
    pair_set_ops(&fewer, b->ops >= 10 ? b->ops / 10 : 1);
    if (scratch_make(folder, &why) < 0 ||
        registry_expect(context->driver, &fewer.cell, &fewer.expect, &why) < 0 ||
        (found[AB_BASE] = count_arm(context, &fewer, AB_BASE, folder, &why)) < 0 ||
        (found[AB_CAND] = count_arm(context, &fewer, AB_CAND, folder, &why)) < 0) {
        scratch_remove(folder);
        snprintf(note, room, "instructions were not counted: %.150s", why.text);
        if (why.code != GB_INTERRUPTED)
            return 0;
        *err = why;
        return -1;
    }
    scratch_remove(folder);
    b->ir[AB_BASE][b->nir] = found[AB_BASE];
    b->ir[AB_CAND][b->nir++] = found[AB_CAND];
    return 0;
}

/* ---- Explaining */

static double growth(const struct ab_benchmark *b) {
    return (double)b->ir[AB_CAND][0] / (double)b->ir[AB_BASE][0] - 1;
}

/* How much more CPU time the candidate's slices took, over all kept pairs. */
static double cpu_growth(const struct ab_benchmark *b) {
    double sum = 0;
    int n = 0;
    for (int i = 0; i < b->npairs; i++) {
        const struct ab_pair *pair = &b->pairs[i];
        if (*pair->dropped || pair->stage != 1)
            continue;
        sum += ab_difference(pair, AB_CAND, AB_CPU_TIME);
        n++;
    }
    return n ? expm1(sum / n) : NAN;
}

static const char *cause(const struct ab_benchmark *b) {
    double slower = b->stats.ratio - 1, work = growth(b);
    bool found = b->verdict == AB_REGRESSED || b->verdict == AB_IMPROVED;
    if (!found)
        return "";
    if (fabs(work) >= more_work && (work > 0) == (slower > 0))
        return work > 0 ? "more work: " : "less work: ";
    if (fabs(work) > same_work)
        return "";
    return fabs(cpu_growth(b)) < fabs(slower) / 2 ? "contention or waiting, not work: "
                                                  : "layout, not work: ";
}

void ir_explain(struct ab_benchmark *b) {
    size_t used = strlen(b->why);
    if (b->nir == 0 || b->ir[AB_BASE][0] <= 0)
        return;
    snprintf(b->why + used, sizeof b->why - used, "%s%sinstructions %+.2f %%", used ? "; " : "",
             cause(b), 100 * growth(b));
}

void ir_decide(struct ab_benchmark *b) {
    b->decided = true;
    b->verdict = *b->invalid                             ? AB_INVALID
                 : b->nir && fabs(growth(b)) < more_work ? AB_OK
                                                         : AB_INCONCLUSIVE;
    snprintf(b->why, sizeof b->why, "%s",
             *b->invalid ? b->invalid
             : b->nir    ? "no time was measured"
                         : "instructions of such work tell nothing, or were not counted");
}
