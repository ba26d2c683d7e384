/* pair.c - see pair.h. */
#include "pair.h"
#include "drop.h"
#include "noise.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MS = 1000000, CLOCK_STEP_NS = 100 * MS, SLICE_LEAST_MS = 50, SLICE_MOST_MS = 250 };

static const char *const arm_names[AB_ARMS] = {"baseline", "candidate", "null control"};

struct pair_state {
    const struct pair_context *context;
    const struct ab_benchmark *benchmark;
    struct ab_pair *pair;
    struct trial_context trials[AB_ARMS];
    struct subject *subjects[AB_ARMS];
    int first_planned; /* the core that one-core work was given, -1 for more cores */
    bool moved, clock_stepped;
};

static bool one_core(const struct cell *cell) {
    return cell->kind == GB_CPU && cell->cores == 1;
}

/* ---- What goes wrong */

/* A process that died or fell silent costs its pair; wrong work makes the benchmark invalid. */
static int blame(struct pair_state *state, int arm, const struct err *why, struct err *err) {
    if (why->code == GB_INTERRUPTED) {
        *err = *why;
        return -1;
    }
    if (why->code == GB_ATTEST)
        return err_set(err, GB_ATTEST, "%s (build %s): %.800s", arm_names[arm],
                       state->context->arms[arm].builds[state->pair->builds[arm]].id, why->text);
    snprintf(state->pair->dropped, sizeof state->pair->dropped, "%s: %.170s", arm_names[arm],
             why->text);
    state->pair->failed = true;
    return -1;
}

/* ---- Opening */

static int note_build(struct pair_state *state, int arm, const struct attest *attest,
                      struct err *why) {
    struct ab_build *build = &state->context->arms[arm].builds[state->pair->builds[arm]];
    if (!strcmp(attest->build, "none")) /* C alone, or Python alone: nothing of ours is in it */
        return 0;
    if (!*build->build_id)
        snprintf(build->build_id, sizeof build->build_id, "%s", attest->build);
    if (!strcmp(build->build_id, attest->build))
        return 0;
    return err_set(why, GB_ATTEST, "build: attests %s now, and %s before: was it built anew?",
                   attest->build, build->build_id);
}

/* Whether this benchmark has been measured before: what is refused then is no matter of how it is
 * set up. */
static bool ran_before(const struct ab_benchmark *benchmark) {
    for (int i = 0; i < benchmark->npairs; i++)
        if (!benchmark->pairs[i].failed)
            return true;
    return false;
}

static int open_arm(struct pair_state *state, int arm, struct err *err) {
    struct ab_pair *pair = state->pair;
    struct ab_side *side = &pair->sides[arm];
    struct subject_options options = {
        .first_core = pair->first_core, .hash_seed = pair->hash_seed, .pad_b = pair->pad_b};
    struct err why = {0};
    const struct rep *rep;
    state->trials[arm] =
        (struct trial_context){.reg = state->context->arms[arm].builds[pair->builds[arm]].reg,
                               .peer_reg = state->context->driver,
                               .machine = state->context->machine,
                               .store = state->context->store};
    state->subjects[arm] = subject_open(&state->trials[arm], &state->benchmark->cell,
                                        &state->benchmark->expect, &options, &why);
    if (!state->subjects[arm]) {
        if (!strncmp(why.text, "affinity", 8) && ran_before(state->benchmark))
            why.code = GB_RUNTIME; /* a core went away while it started */
        return blame(state, arm, &why, err);
    }
    rep = subject_rep(state->subjects[arm]);
    side->attest = rep->at_ready;
    side->startup_ns = rep->startup_ns;
    if (note_build(state, arm, &rep->at_ready, &why) < 0)
        return blame(state, arm, &why, err);
    if (state->benchmark->cell.cores == 1)
        state->first_planned = atoi(rep->cpus_planned);
    return 0;
}

/* ---- Slices */

static int take_slice(struct pair_state *state, int arm, struct ab_slice *slice, struct err *err) {
    struct subject *subject = state->subjects[arm];
    struct noise before, after;
    struct sample sample = {0};
    struct err why = {0};
    int64_t start, gap_before = noise_gap(), gap_after;
    if (interrupts)
        return err_set(err, GB_INTERRUPTED, "interrupted");
    noise_read(&before, subject_pid(subject));
    start = now_ns();
    if (subject_sample(subject, &sample, &why) < 0)
        return blame(state, arm, &why, err);
    slice->wall_ns = now_ns() - start;
    noise_read(&after, subject_pid(subject));
    gap_after = noise_gap();
    slice->gap_ns = gap_after > gap_before ? gap_after : gap_before;
    slice->ns = sample.ns;
    slice->usage = sample.usage;
    sample_free(&sample);
    slice->steal_ns = after.steal_ns - before.steal_ns;
    slice->pressure_us = after.pressure_us - before.pressure_us;
    slice->migrations = after.migrations - before.migrations;
    state->clock_stepped |= llabs(after.clock_offset_ns - before.clock_offset_ns) > CLOCK_STEP_NS;
    state->moved |=
        state->first_planned >= 0 && noise_core(subject_pid(subject)) != state->first_planned;
    if (slice->ns <= slice->wall_ns)
        return 0;
    err_set(&why, GB_ATTEST, "clock: a sample says that it took %lld ns, within %lld ns",
            (long long)slice->ns, (long long)slice->wall_ns);
    return blame(state, arm, &why, err);
}

static int warm_up(struct pair_state *state, int arm, struct err *err) {
    struct ab_side *side = &state->pair->sides[arm];
    int64_t ns[WARMUP_MOST];
    struct ab_slice slice;
    do {
        if (take_slice(state, arm, &slice, err) < 0)
            return -1;
        ns[side->warmup++] = slice.ns;
        side->warm = warmup_judge(ns, side->warmup);
    } while (side->warm == WARMUP_MORE);
    return 0;
}

static void flag(const struct pair_state *state, struct ab_slice *slice) {
    struct slice_noise noise = {.wall_ns = slice->wall_ns,
                                .cpu_ns = slice->usage.cpu_ns,
                                .steal_ns = slice->steal_ns,
                                .pressure_us = slice->pressure_us,
                                .gap_ns = slice->gap_ns,
                                .nivcsw = slice->usage.nivcsw,
                                .migrations = slice->migrations};
    slice->flags = slice_flags(&noise, one_core(&state->benchmark->cell));
}

static int take_slices(struct pair_state *state, struct err *err) {
    for (const char *at = state->pair->order; *at; at++) {
        struct ab_side *side = &state->pair->sides[*at - 'A'];
        struct ab_slice *slice = &side->slices[side->nslices];
        if (take_slice(state, *at - 'A', slice, err) < 0)
            return -1;
        flag(state, slice);
        side->nslices++;
    }
    return 0;
}

/* ---- Closing */

/* Cores that changed under a process are the machine's doing; all else at the end is its own. */
static int close_arm(struct pair_state *state, int arm, struct err *err) {
    struct err why = {0};
    struct subject *subject = state->subjects[arm];
    state->subjects[arm] = NULL;
    if (subject_close(subject, &why) == 0)
        return 0;
    if (strncmp(why.text, "affinity", 8))
        return blame(state, arm, &why, err);
    state->moved = true;
    return 0;
}

static void judge(struct pair_state *state) {
    struct ab_pair *pair = state->pair;
    unsigned flags[AB_ARMS * AB_SLICES_MAX], all = 0;
    char names[80];
    int n = 0;
    for (int arm = 0; arm < AB_ARMS; arm++)
        for (int i = 0; i < pair->sides[arm].nslices; i++)
            all |= flags[n++] = pair->sides[arm].slices[i].flags;
    flags_text(all, names, sizeof names);
    if (state->moved)
        snprintf(pair->dropped, sizeof pair->dropped, "a core was taken away or changed");
    else if (state->clock_stepped)
        snprintf(pair->dropped, sizeof pair->dropped, "the clock was set in mid-pair");
    else if ((pair->disturbed = pair_is_disturbed(flags, n)))
        snprintf(pair->dropped, sizeof pair->dropped, "disturbed: %s", names);
}

/* ---- The whole */

static int run(struct pair_state *state, struct err *err) {
    int arms = state->context->plan->arms;
    for (int i = 0; i < arms; i++)
        if (open_arm(state, state->pair->order[i] - 'A', err) < 0)
            return -1;
    for (int i = 0; i < arms; i++)
        if (warm_up(state, state->pair->order[i] - 'A', err) < 0)
            return -1;
    if (take_slices(state, err) < 0)
        return -1;
    for (int i = 0; i < arms; i++)
        if (close_arm(state, i, err) < 0)
            return -1;
    judge(state);
    return 0;
}

int pair_run(const struct pair_context *context, const struct ab_benchmark *benchmark,
             struct ab_pair *pair, struct err *err) {
    struct pair_state *state = calloc(1, sizeof *state);
    int64_t start = now_ns();
    int failed;
    if (!state)
        return err_set(err, GB_RUNTIME, "out of memory");
    *state = (struct pair_state){
        .context = context, .benchmark = benchmark, .pair = pair, .first_planned = -1};
    failed = run(state, err);
    for (int arm = 0; arm < AB_ARMS; arm++)
        if (state->subjects[arm])
            subject_kill(state->subjects[arm]);
    pair->duration_ns = now_ns() - start;
    free(state);
    return failed && !pair->failed ? -1 : 0;
}

/* ---- Calibration */

void pair_set_ops(struct ab_benchmark *benchmark, int64_t ops) {
    benchmark->ops = ops;
    for (int i = 0; i < benchmark->cell.nparams; i++) {
        struct param *param = &benchmark->cell.params[i];
        if (!strcmp(param->key, "ops"))
            snprintf(param->value, sizeof param->value, "%lld", (long long)ops);
    }
}

/* How long a slice of as many ops takes in a process that is warm and left alone, ns. */
static int time_slice(const struct pair_context *context, struct ab_benchmark *benchmark,
                      int64_t *ns, struct err *err) {
    struct trial_context trial = {.reg = context->arms[AB_BASE].builds[0].reg,
                                  .peer_reg = context->driver,
                                  .machine = context->machine,
                                  .store = context->store};
    struct subject_options options = {.hash_seed = 1};
    struct subject *subject =
        subject_open(&trial, &benchmark->cell, &benchmark->expect, &options, err);
    struct sample sample;
    if (!subject)
        return -1;
    for (int i = 0; i < WARMUP_LEAST; i++) {
        if (subject_sample(subject, &sample, err) < 0) {
            subject_kill(subject);
            return -1;
        }
        sample_free(&sample);
        *ns = i == 0 || sample.ns < *ns ? sample.ns : *ns;
    }
    return subject_close(subject, err);
}

/* Ops for the next round, or -1 where more ops do not take more time: then it is not the work that
 * is timed. */
static int64_t more_ops(int64_t ops, int64_t ns, int64_t before_ops, int64_t before_ns,
                        double target, int64_t least) {
    double factor = target / (double)ns, grown = (double)ops / (double)before_ops;
    if (before_ns && grown >= 10 && (double)ns < 1.2 * (double)before_ns)
        return -1;
    factor = factor > 20 ? 20 : factor;
    ops = (int64_t)((double)ops * factor);
    return ops < least ? least : ops > 1000000000 ? 1000000000 : ops;
}

int pair_calibrate(const struct pair_context *context, struct ab_benchmark *benchmark, char *note,
                   size_t room, struct err *err) {
    int64_t ops = atoll(cell_param(&benchmark->cell, "ops")), ns = 0, least = 1, before_ns = 0,
            before_ops = ops;
    double target = (double)context->plan->slice_ms * MS;
    const char *concurrency = cell_param(&benchmark->cell, "concurrency");
    if (concurrency && atoll(concurrency) > 1)
        least = atoll(concurrency);
    note[0] = '\0';
    for (int round = 0; round < 8; round++) {
        pair_set_ops(benchmark, ops);
        if (registry_expect(context->driver, &benchmark->cell, &benchmark->expect, err) < 0 ||
            time_slice(context, benchmark, &ns, err) < 0)
            return -1;
        if ((double)ns > 0.75 * target && (double)ns < 1.5 * target)
            return 0;
        ops = more_ops(benchmark->ops, ns, before_ops, before_ns, target, least);
        if (ops < 0)
            return err_set(err, GB_ATTEST,
                           "calibration: %lld ops take %.2f ms and %lld ops %.2f ms: what is timed "
                           "is not the work",
                           (long long)before_ops, (double)before_ns / 1e6,
                           (long long)benchmark->ops, (double)ns / 1e6);
        if (ops == benchmark->ops)
            break;
        before_ops = benchmark->ops;
        before_ns = ns;
    }
    if (ns < SLICE_LEAST_MS * MS || ns > SLICE_MOST_MS * (int64_t)MS)
        snprintf(note, room, "a slice takes %.0f ms with %lld ops, planned were %d to %d ms",
                 (double)ns / 1e6, (long long)benchmark->ops, SLICE_LEAST_MS, SLICE_MOST_MS);
    return 0;
}
