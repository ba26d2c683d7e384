/* ab.c - see ab.h: the run as a whole. Read `measure` for the shape of it. */
#include "ab.h"
#include "ab_arms.h"
#include "ab_ir.h"
#include "facts.h"
#include "pair.h"
#include "policy.h"
#include "schedule.h"
#include "selftest.h"
#include "session.h"
#include "spawn.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

enum { FAILURES_MOST = 3, CONFIRM_LEAST = 12 };
#define BUDGET_BEFORE_CONFIRMATION 0.7

struct ab_session {
    const struct ab_options *options;
    struct ab_result *result;
    struct registry driver;
    struct machine machine;
    struct matrix matrix;
    struct ab_result trace; /* of options->replay */
    int journal;
    int64_t start_ns;
    struct progress progress;
    bool out_of_budget;
};

struct ab_options ab_standard_options(void) {
    return (struct ab_options){.python = "python3",
                               .matrix = "gate",
                               .store = "embedded",
                               .margin = 0.02,
                               .limit = 0.05,
                               .alpha = 0.01,
                               .looks = {12, 24, 48},
                               .nlooks = 3,
                               .builds = 12,
                               .slices = 16,
                               .slice_ms = 25,
                               .seed = -1};
}

/* ---- Setting up */

static void plan_from_options(struct ab_plan *plan, const struct ab_options *o) {
    *plan = (struct ab_plan){.seed = o->seed >= 0 ? (uint64_t)o->seed : (uint64_t)time(NULL),
                             .nlooks = o->nlooks,
                             .slices = o->slices,
                             .slice_ms = o->slice_ms,
                             .arms = o->no_control ? 2 : 3,
                             .margin = o->margin,
                             .limit = o->limit,
                             .alpha = o->alpha,
                             .budget_s = o->budget_s,
                             .confirm = !o->no_confirm,
                             .ir = o->ir};
    memcpy(plan->looks, o->looks, sizeof plan->looks);
}

/* Design that cannot decide is refused before anything is measured: a gate that cannot fail is
 * none. */
static int check_design(const struct ab_plan *plan, int benchmarks, struct err *err) {
    int needed = schedule_pairs_needed(plan->alpha, plan->nlooks, benchmarks),
        most = plan->looks[plan->nlooks - 1];
    if (most >= needed)
        return 0;
    return err_set(err, GB_USAGE,
                   "%d pairs can never decide: with %d benchmark%s, %d look%s and an error of %g "
                   "it takes %d or more; give --pairs %d, or fewer benchmarks",
                   most, benchmarks, benchmarks == 1 ? "" : "s", plan->nlooks,
                   plan->nlooks == 1 ? "" : "s", plan->alpha, needed, needed);
}

static int add_benchmark(struct ab_session *s, const struct cell *cell, struct err *err) {
    struct ab_benchmark *b = &s->result->benchmarks[s->result->nbenchmarks];
    const struct model *model = registry_model(s->result->arms[AB_CAND].builds[0].reg, cell->model);
    b->cell = *cell;
    if (*cell->not_run)
        return 0;
    if (cell->cores > s->machine.npus)
        return err_set(err, GB_USAGE, "%s asks for %d cores; this process may use %d", cell->id,
                       cell->cores, s->machine.npus);
    if (model && *model->not_run)
        snprintf(b->invalid, sizeof b->invalid, "candidate: %.300s", model->not_run);
    s->result->nbenchmarks++;
    return 0;
}

static int make_benchmarks(struct ab_session *s, struct err *err) {
    struct ab_result *result = s->result;
    const char *only = fact_find(&result->run, "only");
    const struct store_model *store = registry_store(&s->driver, fact_find(&result->run, "store"));
    if (matrix_parse(&s->matrix, result->run.matrix_name, result->run.matrix_text,
                     result->arms[AB_BASE].builds[0].reg, err) < 0)
        return -1;
    result->benchmarks = calloc((size_t)s->matrix.ncells + 1, sizeof *result->benchmarks);
    if (!result->benchmarks)
        return err_set(err, GB_RUNTIME, "out of memory");
    for (int i = 0; i < s->matrix.ncells; i++) {
        struct cell *cell = &s->matrix.cells[i];
        if (*only && !globs_match(only, cell->id))
            continue;
        if (cell->kind == GB_CLIENT && (!store || *store->not_run))
            snprintf(cell->not_run, sizeof cell->not_run, "no store");
        if (add_benchmark(s, cell, err) < 0)
            return -1;
    }
    if (result->nbenchmarks == 0)
        return err_set(
            err, GB_NOTHING,
            "nothing to compare: no cell of the matrix can run here, or -b matches none");
    return check_design(&result->plan, result->nbenchmarks, err);
}

/* A journal is written by one process at a time. One without a line is of a run that was killed
 * before it began, while it built perhaps: nothing is lost if it is begun anew. */
static int open_journal(struct ab_session *s, bool anew, struct err *err) {
    char path[GB_PATH_MAX + 32];
    off_t size;
    snprintf(path, sizeof path, "%s/journal.jsonl", s->result->folder);
    s->journal = open(path, O_RDWR | O_APPEND | O_CLOEXEC | (anew ? O_CREAT : 0), 0666);
    if (s->journal < 0)
        return err_set(err, anew ? GB_RUNTIME : GB_USAGE,
                       "cannot write %s: %s; choose another folder", path, strerror(errno));
    if (flock(s->journal, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK)
        return err_set(err, GB_USAGE,
                       "%s is being written by another gilbench; wait for it, or "
                       "choose another folder",
                       path);
    size = lseek(s->journal, 0, SEEK_END);
    if (!anew || size == 0)
        return 0;
    return err_set(err, GB_USAGE,
                   "%s is there already; go on with it by --resume %s, or choose another "
                   "folder",
                   path, s->result->folder);
}

static void remove_journal(struct ab_session *s) {
    char path[GB_PATH_MAX + 32];
    snprintf(path, sizeof path, "%s/journal.jsonl", s->result->folder);
    unlink(path);
}

/* The folder's path must hold for processes that run elsewhere. */
static int choose_folder(struct ab_session *s, const char *folder, struct err *err) {
    char real[PATH_MAX];
    if (make_folders(folder, err) < 0)
        return -1;
    if (!realpath(folder, real) || strlen(real) > GB_PATH_MAX - 64)
        return err_set(err, GB_RUNTIME, "%s: %s", folder, strerror(errno ? errno : ENAMETOOLONG));
    snprintf(s->result->folder, sizeof s->result->folder, "%.*s", GB_PATH_MAX - 1, real);
    return 0;
}

static int begin_new(struct ab_session *s, struct err *err) {
    const struct ab_options *o = s->options;
    struct runset *run = &s->result->run;
    char folder[GB_PATH_MAX + 128], trusted[400];
    if (run_matrix(run, &s->driver, o->matrix, err) < 0)
        return -1;
    plan_from_options(&s->result->plan, o);
    facts_of_build(run, &s->driver);
    facts_of_machine(run, &s->machine);
    fact_add(run, "store", o->store);
    fact_add(run, "only", o->only);
    fact_add(run, "base_python", o->base_python ? o->base_python : o->python);
    fact_add(run, "cand_python", o->cand_python ? o->cand_python : o->python);
    selftest_quote(&s->driver, &s->machine, &s->result->plan, trusted, sizeof trusted);
    fact_add(run, "selftest", trusted);
    run_name(run);
    snprintf(folder, sizeof folder, "%s/runs/%s-ab", s->driver.results, run->run_id);
    if (choose_folder(s, o->output ? o->output : folder, err) < 0 || open_journal(s, true, err) < 0)
        return -1;
    if (arms_open(s->result, o, &s->driver, err) < 0 || make_benchmarks(s, err) < 0) {
        remove_journal(s); /* nothing began: the same folder may be tried again */
        return -1;
    }
    return ab_journal_header(s->journal, s->result, err);
}

/* What a journal began with holds; the options of this call give only the folder and how much is
 * said. */
static int begin_from_header(struct ab_result *result, void *arg, struct err *err) {
    struct ab_session *s = arg;
    struct ab_options o = *s->options;
    char specs[AB_ARMS][GB_PATH_MAX];
    for (int arm = 0; arm < AB_ARMS; arm++)
        snprintf(specs[arm], sizeof specs[arm], "%s", result->arms[arm].spec);
    o.base = specs[AB_BASE];
    o.cand = specs[AB_CAND];
    o.base_python = fact_find(&result->run, "base_python");
    o.cand_python = fact_find(&result->run, "cand_python");
    o.builds = result->arms[AB_BASE].nbuilds;
    if (o.builds < result->arms[AB_CAND].nbuilds)
        o.builds = result->arms[AB_CAND].nbuilds;
    if (arms_open(result, &o, &s->driver, err) < 0)
        return -1;
    return make_benchmarks(s, err);
}

static int begin_resumed(struct ab_session *s, struct err *err) {
    char path[GB_PATH_MAX + 32];
    if (access(s->options->resume, W_OK) < 0)
        return err_set(err, GB_USAGE, "cannot resume %s: %s", s->options->resume, strerror(errno));
    if (choose_folder(s, s->options->resume, err) < 0 || open_journal(s, false, err) < 0 ||
        ab_journal_mend(s->journal, err) < 0)
        return -1;
    snprintf(path, sizeof path, "%s/journal.jsonl", s->result->folder);
    return ab_journal_read(path, s->result, begin_from_header, s, err);
}

/* ---- Pairs */

struct ab_benchmark *ab_benchmark_by_id(struct ab_result *result, const char *id) {
    for (int i = 0; i < result->nbenchmarks; i++)
        if (!strcmp(result->benchmarks[i].cell.id, id))
            return &result->benchmarks[i];
    return NULL;
}

int ab_add_pair(struct ab_benchmark *b, const struct ab_pair *pair, struct err *err) {
    if (!b->pairs && !(b->pairs = calloc(AB_PAIRS_MAX, sizeof *b->pairs)))
        return err_set(err, GB_RUNTIME, "out of memory");
    if (b->npairs == AB_PAIRS_MAX)
        return err_set(err, GB_USAGE, "more than %d pairs of %s", AB_PAIRS_MAX, b->cell.id);
    b->pairs[b->npairs++] = *pair;
    return 0;
}

static const struct ab_pair *find_pair(const struct ab_benchmark *b, int stage, int index) {
    for (int i = 0; b && i < b->npairs; i++)
        if (b->pairs[i].stage == stage && b->pairs[i].index == index)
            return &b->pairs[i];
    return NULL;
}

/* Three pairs in a row that failed: it cannot be measured at all. */
static void give_up_if_failing(struct ab_benchmark *b) {
    for (int i = 0; i < FAILURES_MOST; i++)
        if (b->npairs <= i || !b->pairs[b->npairs - 1 - i].failed)
            return;
    snprintf(b->invalid, sizeof b->invalid, "%d pairs in a row failed: %.200s", FAILURES_MOST,
             b->pairs[b->npairs - 1].dropped);
}

static struct pair_context context_of(struct ab_session *s) {
    return (struct pair_context){
        .machine = &s->machine,
        .driver = &s->driver,
        .store = registry_store(&s->driver, fact_find(&s->result->run, "store")),
        .plan = &s->result->plan,
        .arms = s->result->arms};
}

/* Builds of the confirmation stand behind those of the run, where there are fresh ones. */
static void plan_pair(struct ab_session *s, int benchmark, struct ab_pair *pair) {
    int builds[AB_ARMS], first[AB_ARMS] = {0};
    for (int arm = 0; arm < AB_ARMS; arm++) {
        int n = s->result->arms[arm].nbuilds, fresh = n / 2;
        bool git = !strcmp(s->result->arms[arm].kind, "git");
        builds[arm] = pair->stage == 2 && git ? n - fresh : n;
        first[arm] = pair->stage == 2 && git ? fresh : 0;
    }
    schedule_pair(pair, &s->result->plan, builds, s->machine.npus, benchmark);
    for (int arm = 0; arm < AB_ARMS; arm++)
        pair->builds[arm] += first[arm];
}

/* A pair that another run measured, in place of measuring it: what follows from pairs can so be
 * compared with what followed before. */
static int take_from_trace(struct ab_session *s, const struct ab_benchmark *b, struct ab_pair *pair,
                           struct err *err) {
    struct ab_benchmark *traced = ab_benchmark_by_id(&s->trace, b->cell.id);
    const struct ab_pair *found = find_pair(traced, pair->stage, pair->index);
    if (!found)
        return err_set(err, GB_USAGE, "--replay: %s has no pair %d of %s", s->options->replay,
                       pair->index, b->cell.id);
    if (strcmp(found->order, pair->order) || found->hash_seed != pair->hash_seed)
        return err_set(err, GB_USAGE, "--replay: %s was made with another seed",
                       s->options->replay);
    *pair = *found;
    return 0;
}

static int run_one(struct ab_session *s, int benchmark, int stage, int index, struct err *err) {
    struct ab_benchmark *b = &s->result->benchmarks[benchmark];
    struct pair_context context = context_of(s);
    struct ab_pair pair = {.stage = stage, .index = index};
    struct err why = {0};
    int failed;
    plan_pair(s, benchmark, &pair);
    progress_now(&s->progress, b->cell.id);
    failed = s->options->replay ? take_from_trace(s, b, &pair, &why)
                                : pair_run(&context, b, &pair, &why);
    if (failed && why.code != GB_ATTEST) {
        *err = why;
        return -1;
    }
    if (failed) {
        snprintf(b->invalid, sizeof b->invalid, "%.399s", why.text);
        return ab_journal_benchmark(s->journal, b, err);
    }
    if (ab_journal_pair(s->journal, s->result, b, &pair, err) < 0 || ab_add_pair(b, &pair, err) < 0)
        return -1;
    give_up_if_failing(b);
    progress_done(&s->progress, b->cell.id, NULL);
    return 0;
}

/* ---- Budget */

/* How long a pair of this benchmark takes, s; 0 before the first. */
static double pair_seconds(const struct ab_benchmark *b) {
    double total = 0;
    for (int i = 0; i < b->npairs; i++)
        total += (double)b->pairs[i].duration_ns / 1e9;
    return b->npairs ? total / b->npairs : 0;
}

static bool fits_budget(struct ab_session *s, const struct ab_benchmark *b, int stage) {
    const struct ab_plan *plan = &s->result->plan;
    double budget = plan->budget_s, used = (double)(now_ns() - s->start_ns) / 1e9;
    if (stage == 1 && plan->confirm)
        budget *= BUDGET_BEFORE_CONFIRMATION;
    if (budget > 0 && used + pair_seconds(b) > budget)
        s->out_of_budget = true;
    return !s->out_of_budget;
}

/* ---- Stages */

static bool wanted(const struct ab_benchmark *b, int stage) {
    if (*b->invalid)
        return false;
    return stage == 2 ? b->verdict == AB_REGRESSED : !b->decided;
}

/* Pair number `index` of every benchmark that still wants one. */
static int run_round(struct ab_session *s, int stage, int index, struct err *err) {
    struct ab_result *result = s->result;
    int *order = calloc((size_t)result->nbenchmarks, sizeof *order), failed = 0;
    if (!order)
        return err_set(err, GB_RUNTIME, "out of memory");
    schedule_benchmarks(order, result->nbenchmarks, &result->plan, stage, index);
    for (int i = 0; i < result->nbenchmarks && !failed; i++) {
        struct ab_benchmark *b = &result->benchmarks[order[i]];
        if (!wanted(b, stage) || find_pair(b, stage, index) || !fits_budget(s, b, stage))
            continue;
        failed = interrupts ? err_set(err, GB_INTERRUPTED, "interrupted")
                            : run_one(s, order[i], stage, index, err);
    }
    free(order);
    return failed;
}

static int run_pairs(struct ab_session *s, int stage, int from, int to, struct err *err) {
    for (int index = from; index < to && !s->out_of_budget; index++)
        if (run_round(s, stage, index, err) < 0)
            return -1;
    return 0;
}

static bool all_decided(const struct ab_result *result) {
    for (int i = 0; i < result->nbenchmarks; i++)
        if (!result->benchmarks[i].decided)
            return false;
    return true;
}

/* Those that were decided take no more pairs: the bar jumps. */
static void skip_decided(struct ab_session *s, int look) {
    const struct ab_plan *plan = &s->result->plan;
    s->progress.done = 0;
    for (int i = 0; i < s->result->nbenchmarks; i++)
        s->progress.done +=
            s->result->benchmarks[i].decided ? plan->looks[plan->nlooks - 1] : plan->looks[look];
    s->progress.first = s->progress.done < s->progress.first ? s->progress.done : s->progress.first;
}

static int run_looks(struct ab_session *s, struct err *err) {
    struct ab_result *result = s->result;
    const struct ab_plan *plan = &result->plan;
    progress_begin(&s->progress, s->options->progress, 0,
                   result->nbenchmarks * plan->looks[plan->nlooks - 1]);
    s->progress.unit = "pairs";
    for (int look = 0; look < plan->nlooks && !all_decided(result); look++) {
        if (run_pairs(s, 1, look ? plan->looks[look - 1] : 0, plan->looks[look], err) < 0)
            return -1;
        ab_decide(result, look, look + 1 == plan->nlooks || s->out_of_budget);
        skip_decided(s, look);
    }
    progress_end(&s->progress);
    return 0;
}

static int flagged(const struct ab_result *result) {
    int n = 0;
    for (int i = 0; i < result->nbenchmarks; i++)
        n += wanted(&result->benchmarks[i], 2);
    return n;
}

/* What is slower is measured once more, with builds and processes that had no part in finding
 * it. */
static int confirm(struct ab_session *s, struct err *err) {
    struct ab_result *result = s->result;
    int n = flagged(result), pairs = CONFIRM_LEAST;
    if (!result->plan.confirm || n == 0)
        return 0;
    for (int i = 0; i < result->nbenchmarks; i++)
        if (wanted(&result->benchmarks[i], 2) && result->benchmarks[i].stats.n > pairs)
            pairs = result->benchmarks[i].stats.n;
    if (s->options->progress != PROGRESS_NONE)
        fprintf(stderr, "confirming %d benchmark%s on fresh builds and processes\n", n,
                n == 1 ? "" : "s");
    if (arms_renew(result, s->options, &s->driver, err) < 0)
        return -1;
    s->out_of_budget = false;
    progress_begin(&s->progress, s->options->progress, 0, n * pairs);
    s->progress.unit = "pairs";
    if (run_pairs(s, 2, 0, pairs, err) < 0)
        return -1;
    progress_end(&s->progress);
    ab_confirm(result);
    return 0;
}

/* ---- The whole */

static int calibrate(struct ab_session *s, struct err *err) {
    struct pair_context context = context_of(s);
    for (int i = 0; i < s->result->nbenchmarks; i++) {
        struct ab_benchmark *b = &s->result->benchmarks[i];
        struct err why = {0};
        if (b->ops || *b->invalid || s->options->replay)
            continue;
        if (interrupts)
            return err_set(err, GB_INTERRUPTED, "interrupted");
        if (pair_calibrate(&context, b, b->note, sizeof b->note, &why) < 0) {
            if (why.code == GB_INTERRUPTED) {
                *err = why;
                return -1;
            }
            snprintf(b->invalid, sizeof b->invalid, "baseline: %.380s", why.text);
        }
        if (ab_journal_benchmark(s->journal, b, err) < 0)
            return -1;
    }
    return 0;
}

/* A benchmark whose ops came from a journal still needs what they must give. */
static int expect_again(struct ab_session *s, struct err *err) {
    for (int i = 0; i < s->result->nbenchmarks && !s->options->replay; i++) {
        struct ab_benchmark *b = &s->result->benchmarks[i];
        if (b->ops == 0 || *b->invalid)
            continue;
        pair_set_ops(b, b->ops);
        if (registry_expect(&s->driver, &b->cell, &b->expect, err) < 0)
            return -1;
    }
    return 0;
}

static int write_results(struct ab_session *s, struct err *err) {
    char path[GB_PATH_MAX + 32];
    snprintf(path, sizeof path, "%s/results.json", s->result->folder);
    return ab_results_write(path, s->result, err);
}

/* The second signal, for those that it can explain. */
static int count_instructions(struct ab_session *s, struct err *err) {
    struct ab_result *result = s->result;
    struct pair_context context = context_of(s);
    for (int i = 0; i < result->nbenchmarks && !s->options->replay; i++) {
        struct ab_benchmark *b = &result->benchmarks[i];
        if (!ir_wanted(&result->plan, b))
            continue;
        if (s->options->progress != PROGRESS_NONE)
            fprintf(stderr, "counting instructions of %s\n", b->cell.id);
        if (ir_count(&context, b, b->note, sizeof b->note, err) < 0 ||
            ab_journal_benchmark(s->journal, b, err) < 0)
            return -1;
    }
    for (int i = 0; i < result->nbenchmarks; i++) {
        if (result->plan.ir == AB_IR_ONLY)
            ir_decide(&result->benchmarks[i]);
        ir_explain(&result->benchmarks[i]);
    }
    if (result->plan.ir == AB_IR_ONLY)
        ab_count_verdicts(result);
    return 0;
}

static int finish(struct ab_session *s, struct err *err) {
    if (count_instructions(s, err) < 0)
        return -1;
    facts_at_end(&s->result->run);
    return write_results(s, err);
}

static int measure(struct ab_session *s, struct err *err) {
    if ((s->options->resume ? begin_resumed(s, err) : begin_new(s, err)) < 0)
        return -1;
    s->start_ns = now_ns();
    if (expect_again(s, err) < 0 || calibrate(s, err) < 0)
        return -1;
    if (s->result->plan.ir != AB_IR_ONLY && (run_looks(s, err) < 0 || confirm(s, err) < 0))
        return -1;
    return finish(s, err);
}

int ab_run(const struct ab_options *options, struct ab_result *result, struct err *err) {
    struct ab_session *s = calloc(1, sizeof *s);
    int failed;
    memset(result, 0, sizeof *result);
    if (!s)
        return err_set(err, GB_RUNTIME, "out of memory");
    s->options = options;
    s->result = result;
    s->journal = -1;
    watch_interrupts();
    failed = registry_open(&s->driver, options->python, err) < 0 ||
             machine_open(&s->machine, err) < 0 ||
             (options->replay && ab_trace_read(options->replay, &s->driver, &s->trace, err) < 0) ||
             measure(s, err) < 0;
    if (failed && err->code == GB_INTERRUPTED)
        result->interrupted = true;
    if (s->journal >= 0)
        close(s->journal);
    if (s->machine.topology)
        machine_close(&s->machine);
    matrix_free(&s->matrix);
    ab_result_free(&s->trace);
    free(s);
    return failed ? -1 : 0;
}

void ab_result_free(struct ab_result *result) {
    for (int i = 0; i < result->nbenchmarks; i++)
        free(result->benchmarks[i].pairs);
    free(result->benchmarks);
    result->benchmarks = NULL;
    result->nbenchmarks = 0;
    arms_close(result);
    runset_free(&result->run);
}

enum gb_exit ab_exit(const struct ab_result *result, bool strict) {
    switch (result->verdict) {
    case AB_REGRESSED:
        return GB_REGRESSED;
    case AB_CONTAMINATED:
        return GB_CONTAMINATED;
    case AB_INVALID:
        return GB_ATTEST;
    case AB_INCONCLUSIVE:
        return strict ? GB_INCONCLUSIVE : GB_OK;
    default:
        return GB_OK;
    }
}
