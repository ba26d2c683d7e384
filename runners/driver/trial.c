/* trial.c - see trial.h. The order, for the kinds of workload:
 *
 *   cpu,wait adapter ready                        go, sample ... stop
 *   client   store ready, adapter ready           adapter: go, sample ...   stop adapter, stop
 * store server   adapter ready, load generator ready  load: go, sample ...      stop load, stop
 * adapter
 *
 * The subject is always the adapter: it is its tree whose counters are read, and its word about
 * itself that is checked. */
#include "trial.h"
#include "latency.h"
#include "meter.h"
#include "scratch.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct trial_state {
    const struct trial_context *context;
    const struct cell *cell;
    const struct model *model;
    const struct expectation *expect;
    struct place place;
    struct child adapter, peer;
    struct rep *rep;
    uint64_t hash_seed;
    unsigned pad_b;
    char scratch[SCRATCH_MAX]; /* "" until there is one */
};

/* ---- Starting a child */

static const char load_program[] = "{build}/load";

struct command {
    char text[2 * GB_PATH_MAX + GB_ARGS_MAX * 160];
    char params[GB_PARAMS_MAX + 2][2 * GB_NAME_MAX + 2];
    char *words[GB_ARGS_MAX + 1];
    int count;
};

static void add_param(struct command *command, int at, const char *key, const char *value) {
    snprintf(command->params[at], sizeof command->params[at], "%s=%s", key, value);
    command->words[command->count++] = command->params[at];
    command->words[command->count] = NULL;
}

static const struct registry *peer_registry(const struct trial_state *state) {
    return state->context->peer_reg ? state->context->peer_reg : state->context->reg;
}

/* How children are told what to do: by its name, or by the user's file. */
static const char *workload_word(const struct registry *reg, const struct cell *cell) {
    const struct workload_info *workload = registry_workload(reg, cell->workload);
    return workload && *workload->file ? workload->file : cell->workload;
}

static void make_command(struct command *command, const struct trial_state *state,
                         const struct registry *reg, const char *program, char *model) {
    const struct cell *cell = state->cell;
    command->count = command_words(reg, program, command->text, sizeof command->text,
                                   command->words, GB_ARGS_MAX / 2);
    command->words[command->count++] = (char *)workload_word(reg, cell);
    command->words[command->count++] = model;
    for (int i = 0; i < cell->nparams; i++)
        if (!is_load_param(cell->params[i].key) || !strcmp(program, load_program))
            add_param(command, i, cell->params[i].key, cell->params[i].value);
}

static int start(struct trial_state *state, struct child *child, struct command *command,
                 const char *role, hwloc_cpuset_t cpus, struct err *err) {
    bool peer = child == &state->peer;
    struct spawn_options options = {.reg = peer ? peer_registry(state) : state->context->reg,
                                    .machine = state->context->machine,
                                    .cpus = cpus,
                                    .hash_seed = state->hash_seed,
                                    .pad_b = state->pad_b,
                                    .scratch = state->scratch,
                                    .role = role};
    if (child_spawn(child, command->words, &options, err) < 0)
        return -1;
    return child_expect(child, WIRE_HELLO, state->cell->timeout_s, err);
}

/* attest and ready. */
static int await_ready(struct trial_state *state, struct child *child, struct attest *attest,
                       struct err *err) {
    if (child_expect(child, WIRE_ATTEST, state->cell->timeout_s, err) < 0)
        return -1;
    *attest = child->message.attest;
    return child_expect(child, WIRE_READY, state->cell->timeout_s, err);
}

static int start_adapter(struct trial_state *state, int store_port, struct err *err) {
    struct command command;
    char model[2 * GB_NAME_MAX], port[16], program[GB_PATH_MAX + 1024];
    cell_model(state->cell, model, sizeof model);
    snprintf(program, sizeof program, "%s%s", state->context->prefix ? state->context->prefix : "",
             state->model->command);
    make_command(&command, state, state->context->reg, program, model);
    if (store_port) {
        snprintf(port, sizeof port, "%d", store_port);
        add_param(&command, state->cell->nparams, "store_port", port);
        if (strcmp(state->context->store->speaks, "resp"))
            add_param(&command, state->cell->nparams + 1, "store_speaks",
                      state->context->store->speaks);
    }
    if (start(state, &state->adapter, &command, "adapter", state->place.subject, err) < 0 ||
        await_ready(state, &state->adapter, &state->rep->at_ready, err) < 0)
        return -1;
    state->rep->startup_ns = now_ns() - state->adapter.start_ns;
    return 0;
}

/* An affinity that is not the planned one makes figures worthless, whoever has it. */
static int check_affinity(const char *role, const char *in_force, const char *planned,
                          struct err *err) {
    if (!strcmp(in_force, planned))
        return 0;
    return err_set(err, GB_ATTEST, "affinity: the %s may run on cores %s, planned were %s", role,
                   in_force, planned);
}

static int start_peer(struct trial_state *state, const char *program, const char *role,
                      int target_port, struct err *err) {
    struct command command;
    struct attest attest;
    char port[16];
    make_command(&command, state, peer_registry(state), program, "peer");
    if (target_port) {
        snprintf(port, sizeof port, "%d", target_port);
        add_param(&command, state->cell->nparams, "target_port", port);
    }
    if (start(state, &state->peer, &command, role, state->place.peer, err) < 0 ||
        await_ready(state, &state->peer, &attest, err) < 0)
        return -1;
    return check_affinity(role, attest.affinity, state->place.peer_list, err);
}

static int start_all(struct trial_state *state, struct err *err) {
    if (scratch_make(state->scratch, err) < 0)
        return -1;
    switch (state->cell->kind) {
    case GB_CPU:
    case GB_WAIT:
        return start_adapter(state, 0, err);
    case GB_CLIENT:
        if (start_peer(state, state->context->store->command, "store", 0, err) < 0)
            return -1;
        return start_adapter(state, state->peer.message.port, err);
    default:
        if (start_adapter(state, 0, err) < 0)
            return -1;
        return start_peer(state, load_program, "load generator", state->adapter.message.port, err);
    }
}

/* ---- Checking */

static int mismatch(struct err *err, const char *what, const char *is, const char *should_be) {
    return err_set(err, GB_ATTEST, "%s: the adapter attests '%s', expected was '%s'", what, is,
                   should_be);
}

/* A build that is not that of its sources, or that was never meant to be fast. */
static int check_build(const struct trial_state *state, const struct attest *a, struct err *err) {
    char expected[80];
    registry_build_id(state->context->reg, expected, sizeof expected);
    if (*a->debug && strcmp(a->debug, "no"))
        return err_set(err, GB_ATTEST,
                       "debug build: the adapter attests '%s'; its times mean nothing", a->debug);
    if (*expected && has_word(state->model->needs, "cpromise") && strcmp(a->build, expected))
        return err_set(
            err, GB_ATTEST,
            "stale build: the adapter attests '%s', the sources are '%s'; make builds it", a->build,
            expected);
    return 0;
}

static int check_attest(const struct trial_state *state, const struct attest *a, struct err *err) {
    const struct registry *reg = state->context->reg;
    bool python = !strcmp(state->model->language, "python");
    bool node = !strcmp(state->model->language, "javascript");
    const char *runtime = python ? reg->python_version : node ? a->runtime : "c";
    const char *gil = !python ? "none" : reg->free_threaded && !reg->with_gil ? "off" : "on";
    if (strcmp(a->runtime, runtime) || (node && strncmp(a->runtime, "node-", 5)))
        return mismatch(err, "runtime", a->runtime, runtime);
    if (strcmp(a->gil, gil))
        return mismatch(err, "GIL", a->gil, gil);
    if (strcmp(a->loop, state->model->loop))
        return mismatch(err, "loop", a->loop, state->model->loop);
    if (check_build(state, a, err) < 0)
        return -1;
    return check_affinity("adapter", a->affinity, state->place.subject_list, err);
}

static int check_end(const struct attest *before, const struct attest *after, struct err *err) {
    if (strcmp(before->gil, after->gil))
        return err_set(err, GB_ATTEST, "GIL: '%s' when ready, '%s' at the end", before->gil,
                       after->gil);
    if (strcmp(before->affinity, after->affinity))
        return err_set(err, GB_ATTEST, "affinity: cores %s when ready, %s at the end",
                       before->affinity, after->affinity);
    return 0;
}

static int check_sample(const struct trial_state *state, const struct sample *s, struct err *err) {
    const struct expectation *e = state->expect;
    int64_t ops = e->hit + e->miss + e->error;
    if (s->ops != ops)
        return err_set(err, GB_ATTEST, "work: %lld ops were done, %lld were asked for",
                       (long long)s->ops, (long long)ops);
    if (s->hit != e->hit || s->miss != e->miss || s->error != e->error)
        return err_set(err, GB_ATTEST,
                       "work: hit/miss/error %lld/%lld/%lld, the reference has %lld/%lld/%lld",
                       (long long)s->hit, (long long)s->miss, (long long)s->error,
                       (long long)e->hit, (long long)e->miss, (long long)e->error);
    if (s->lost)
        return err_set(err, GB_ATTEST, "lost updates: %lld of what the workers share",
                       (long long)s->lost);
    if (s->digest != e->digest)
        return err_set(err, GB_ATTEST, "checksum: %016llx, the reference has %016llx",
                       (unsigned long long)s->digest, (unsigned long long)e->digest);
    if (s->ns < e->least_ns)
        return err_set(err, GB_ATTEST,
                       "work: the sample took %.6g ms, and its ops wait for %.6g ms at least",
                       (double)s->ns / 1e6, (double)e->least_ns / 1e6);
    return 0;
}

/* ---- Sampling */

void sample_free(struct sample *sample) {
    free(sample->hist);
    free(sample->corrected);
    free(sample->heavy);
    sample->hist = sample->corrected = sample->heavy = NULL;
}

static struct hist *copy_hist(const struct hist *hist) {
    struct hist *copy = malloc(sizeof *copy);
    if (copy)
        *copy = *hist;
    return copy;
}

/* Up to the uncorrected one, which is the last, and mostly the only one. */
static int take_latencies(struct trial_state *state, struct child *measured, struct sample *sample,
                          struct err *err) {
    const struct wire_message *message = &measured->message;
    while (!sample->hist) {
        struct hist **to;
        if (child_expect(measured, WIRE_LATENCY, state->cell->timeout_s, err) < 0)
            return -1;
        to = message->corrected ? &sample->corrected
             : message->heavy   ? &sample->heavy
                                : &sample->hist;
        free(*to);
        if (!(*to = copy_hist(&message->hist)))
            return err_set(err, GB_RUNTIME, "out of memory");
    }
    return 0;
}

/* A sample, before which the child may say that its ops wait: then their memory is read, a moment
 * later, and they may go on. */
static int await_sample(struct trial_state *state, struct child *measured, struct waiting *most,
                        struct err *err) {
    struct timespec moment = {.tv_nsec = 20000000};
    *most = (struct waiting){0};
    for (;;) {
        if (child_expect_either(measured, WIRE_SAMPLE, WIRE_WAITING, state->cell->timeout_s, err) <
            0)
            return -1;
        if (measured->message.type == WIRE_SAMPLE)
            return 0;
        nanosleep(&moment, NULL);
        if (measured->message.tasks > most->tasks)
            *most = meter_waiting(state->adapter.pid, measured->message.tasks);
        if (child_say(measured, "go\n", err) < 0)
            return -1;
    }
}

static int64_t own_cpu_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static int take_sample(struct trial_state *state, struct sample *taken, struct err *err) {
    struct child *measured = state->cell->kind == GB_SERVER ? &state->peer : &state->adapter;
    struct reading before, after;
    struct waiting waiting;
    struct sample sample;
    int64_t own_ns;
    meter_read(&before, state->adapter.pid);
    own_ns = own_cpu_ns();
    if (child_say(measured, "go\n", err) < 0 || await_sample(state, measured, &waiting, err) < 0)
        return -1;
    own_ns = own_cpu_ns() - own_ns;
    sample = measured->message.sample;
    sample.waiting = waiting;
    sample.driver_ns = own_ns;
    if (take_latencies(state, measured, &sample, err) < 0 ||
        check_sample(state, &sample, err) < 0) {
        sample_free(&sample);
        return -1;
    }
    meter_read(&after, state->adapter.pid);
    sample.usage = meter_between(&before, &after);
    *taken = sample;
    return 0;
}

static int take_samples(struct trial_state *state, bool *complete, struct err *err) {
    int wanted = state->cell->warmup + state->cell->samples;
    state->rep->pss_ready_b = meter_pss(state->adapter.pid);
    if (!(state->rep->samples = calloc((size_t)wanted, sizeof *state->rep->samples)))
        return err_set(err, GB_RUNTIME, "out of memory");
    while (state->rep->nsamples < wanted) {
        struct sample *sample = &state->rep->samples[state->rep->nsamples];
        if (interrupts) {
            *complete = false;
            return 0;
        }
        if (take_sample(state, sample, err) < 0)
            return -1;
        sample->warmup = state->rep->nsamples++ < state->cell->warmup;
    }
    state->rep->pss_b = meter_pss(state->adapter.pid);
    state->rep->peak_rss_b = meter_peak(state->adapter.pid);
    meter_cpus(state->adapter.pid, state->rep->cpus_observed, sizeof state->rep->cpus_observed);
    return 0;
}

/* stop, attest, bye. */
static int stop(struct child *child, struct attest *attest, double timeout_s, struct err *err) {
    if (child_say(child, "stop\n", err) < 0 || child_expect(child, WIRE_ATTEST, timeout_s, err) < 0)
        return -1;
    *attest = child->message.attest;
    if (child_expect(child, WIRE_BYE, timeout_s, err) < 0)
        return -1;
    child_end(child, 5);
    return 0;
}

static int stop_all(struct trial_state *state, struct err *err) {
    struct attest peer;
    double timeout = state->cell->timeout_s;
    if (state->cell->kind == GB_SERVER && stop(&state->peer, &peer, timeout, err) < 0)
        return -1;
    if (stop(&state->adapter, &state->rep->at_end, timeout, err) < 0)
        return -1;
    if (state->cell->kind == GB_CLIENT && stop(&state->peer, &peer, timeout, err) < 0)
        return -1;
    return check_end(&state->rep->at_ready, &state->rep->at_end, err);
}

/* ---- The whole */

static int run(struct trial_state *state, bool *complete, struct err *err) {
    if (start_all(state, err) < 0 || check_attest(state, &state->rep->at_ready, err) < 0 ||
        take_samples(state, complete, err) < 0)
        return -1;
    return stop_all(state, err);
}

/* The kernel's maximum begins with what the driver had resident when it forked: up to there it says
 * nothing, and what was read after the last sample stands. */
static void keep_lifetime(struct rep *rep, const struct child *child) {
    const struct rusage *u = &child->usage;
    int64_t peak_b = (int64_t)u->ru_maxrss * 1024;
    if (peak_b > child->inherited_b || !rep->peak_rss_b)
        rep->peak_rss_b = peak_b;
    rep->lifetime.user_ns = (int64_t)u->ru_utime.tv_sec * 1000000000 + u->ru_utime.tv_usec * 1000;
    rep->lifetime.sys_ns = (int64_t)u->ru_stime.tv_sec * 1000000000 + u->ru_stime.tv_usec * 1000;
    rep->lifetime.cpu_ns = rep->lifetime.user_ns + rep->lifetime.sys_ns;
    rep->lifetime.nvcsw = u->ru_nvcsw;
    rep->lifetime.nivcsw = u->ru_nivcsw;
}

/* A store or a server that died is the cause, and the complaint of its other end is not. */
static void blame_peer(struct trial_state *state, struct err *err) {
    struct err peer;
    if (state->cell->kind != GB_CLIENT || !state->peer.pid || err->code == GB_INTERRUPTED)
        return;
    if (child_expect(&state->peer, WIRE_BYE, 0.05, &peer) < 0 && !strstr(peer.text, "was silent"))
        *err = peer;
}

static int choose_place(struct trial_state *state, int first, struct err *err) {
    struct rep *rep = state->rep;
    if (place_make(&state->place, state->context->machine, first, state->cell->cores,
                   state->cell->peer_cores, err) < 0)
        return -1;
    snprintf(rep->cpus_planned, sizeof rep->cpus_planned, "%s", state->place.subject_list);
    snprintf(rep->peer_cpus, sizeof rep->peer_cpus, "%s", state->place.peer_list);
    rep->shared_core = state->place.shared;
    return 0;
}

static void end_all(struct trial_state *state, const struct err *err) {
    child_end(&state->adapter, err->code ? 0 : 5);
    keep_lifetime(state->rep, &state->adapter);
    child_end(&state->peer, err->code ? 0 : 5);
    scratch_remove(state->scratch);
    place_free(&state->place);
}

struct rep trial_run(const struct trial_context *context, const struct cell *cell, int cell_index,
                     int rep_index, const struct expectation *expect, bool *complete) {
    struct rep rep = {.cell = cell_index, .rep = rep_index};
    struct trial_state *state = calloc(1, sizeof *state);
    struct err err = {0};
    *complete = true;
    if (!state) {
        snprintf(rep.void_reason, sizeof rep.void_reason, "out of memory");
        rep.void_code = GB_RUNTIME;
        return rep;
    }
    *state =
        (struct trial_state){.context = context,
                             .cell = cell,
                             .model = registry_model(context->reg, cell->model),
                             .expect = expect,
                             .rep = &rep,
                             .hash_seed = 1 + (context->seed + (uint64_t)rep_index) % 4294967295u};
    if (choose_place(state, 0, &err) == 0 && run(state, complete, &err) < 0)
        blame_peer(state, &err);
    end_all(state, &err);
    free(state);
    if (err.code == GB_INTERRUPTED)
        *complete = false;
    else if (err.code) {
        snprintf(rep.void_reason, sizeof rep.void_reason, "%.399s", err.text);
        rep.void_code = err.code;
    }
    return rep;
}

void rep_free(struct rep *rep) {
    for (int i = 0; i < rep->nsamples; i++)
        sample_free(&rep->samples[i]);
    free(rep->samples);
    rep->samples = NULL;
    rep->nsamples = 0;
}

/* ---- Step by step */

struct subject {
    struct trial_state state;
    struct rep rep;
};

struct subject *subject_open(const struct trial_context *context, const struct cell *cell,
                             const struct expectation *expect,
                             const struct subject_options *options, struct err *err) {
    struct subject *subject = calloc(1, sizeof *subject);
    struct trial_state *state = subject ? &subject->state : NULL;
    if (!subject) {
        err_set(err, GB_RUNTIME, "out of memory");
        return NULL;
    }
    *state = (struct trial_state){.context = context,
                                  .cell = cell,
                                  .model = registry_model(context->reg, cell->model),
                                  .expect = expect,
                                  .rep = &subject->rep,
                                  .hash_seed = options->hash_seed,
                                  .pad_b = options->pad_b};
    if (choose_place(state, options->first_core, err) == 0 && start_all(state, err) == 0 &&
        check_attest(state, &subject->rep.at_ready, err) == 0)
        return subject;
    blame_peer(state, err);
    subject_kill(subject);
    return NULL;
}

int subject_sample(struct subject *subject, struct sample *sample, struct err *err) {
    if (take_sample(&subject->state, sample, err) == 0)
        return 0;
    blame_peer(&subject->state, err);
    return -1;
}

const struct rep *subject_rep(const struct subject *subject) {
    return &subject->rep;
}

pid_t subject_pid(const struct subject *subject) {
    return subject->state.adapter.pid;
}

int subject_close(struct subject *subject, struct err *err) {
    struct err last = {0};
    int failed = stop_all(&subject->state, &last);
    end_all(&subject->state, &last);
    free(subject);
    if (failed)
        *err = last;
    return failed;
}

void subject_kill(struct subject *subject) {
    struct err at_once = {.code = GB_RUNTIME};
    end_all(&subject->state, &at_once);
    free(subject);
}
