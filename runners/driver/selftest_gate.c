/* selftest_gate.c - whole gate runs on this machine whose right answer is known: equal code, and code
 * that is longer by a known share. See selftest.h. */
#include "../stats/relabel.h"
#include "ab_arms.h"
#include "scratch.h"
#include "selftest.h"
#include "spawn.h"
#include <errno.h>
#include <math.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { BENCHMARK_S = 60, DRAWS = 10000, POOL = 4096 };

static const char *const cells[SELFTEST_KINDS] = {"*/fake:spin/*", "*/spin/*"};

/* One gate run. */
struct spec {
    const char *name; /* of its folder: "aa-quiet" */
    int number;       /* of the run, from 0 */
    const char *base, *cand, *matrix, *only;
    double budget_s;
    enum ab_ir_mode ir;
};

/* d of the runs so far, one series a benchmark. */
struct pool {
    double d[RELABEL_SERIES][POOL];
    size_t n[RELABEL_SERIES];
    int used;
};

/* ---- The other load: on the last core, from 0.3 to 3 s at a time, with pauses as long */

static void burn(int cpu, uint64_t seed) {
    struct rng rng = {seed};
    cpu_set_t set;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    sched_setaffinity(0, sizeof set, &set);
    for (bool rest = false;; rest = !rest) {
        int64_t ns = 300000000 + (int64_t)rng_below(&rng, 2700000000u), end = now_ns() + ns;
        if (rest)
            usleep((unsigned)(ns / 1000));
        while (!rest && now_ns() < end)
            ;
    }
}

static pid_t start_burner(const struct selftest_run *run) {
    pid_t pid = run->burner ? fork() : 0;
    if (run->burner && pid == 0)
        burn(run->machine->pus[run->machine->npus - 1], run->seed);
    return pid;
}

static void end_burner(pid_t pid) {
    if (pid <= 0)
        return;
    kill(pid, SIGKILL);
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        ;
}

/* ---- Builds */

/* A copy of this build whose loops are `pad` thousandths longer. */
static int make_arm(const struct selftest_run *run, const char *name, int pad, char *path,
                    struct err *err) {
    char conf[GB_PATH_MAX + 64];
    FILE *file;
    snprintf(path, GB_PATH_MAX, "%.*s/%s", GB_PATH_MAX - 40, run->folder, name);
    if (access(path, F_OK) < 0 && arms_copy_build(run->reg, run->reg->build, path, err) < 0)
        return -1;
    snprintf(conf, sizeof conf, "%s/fake.conf", path);
    if (!(file = fopen(conf, "w")) || fprintf(file, "pad=%d\n", pad) < 0 || fclose(file) == EOF)
        return err_set(err, GB_RUNTIME, "cannot write %s: %s", conf, strerror(errno));
    return 0;
}

/* ---- A run of the gate */

static double seconds_since(int64_t start_ns) {
    return (double)(now_ns() - start_ns) / 1e9;
}

/* Whether one more run like those before is within the budget. */
static bool fits(struct selftest_run *run) {
    double each = run->done ? run->done_s / run->done : 0;
    if (run->budget_s > 0 && seconds_since(run->start_ns) + each > run->budget_s)
        run->over_budget = true;
    return !run->over_budget;
}

static int run_gate(const struct selftest_run *run, const struct spec *spec,
                    struct ab_result *result, struct err *err) {
    struct ab_options o = run->terms;
    char output[GB_PATH_MAX + 64];
    int failed;
    snprintf(output, sizeof output, "%s/%s-%03d", run->keep ? run->keep : run->folder, spec->name,
             spec->number);
    o.base = spec->base;
    o.cand = spec->cand;
    o.matrix = spec->matrix;
    o.only = spec->only;
    o.output = output;
    o.budget_s = spec->budget_s;
    o.ir = spec->ir;
    o.seed = (int64_t)(run->seed + (uint64_t)spec->number);
    o.progress = PROGRESS_NONE;
    failed = ab_run(&o, result, err);
    if (!run->keep)
        remove_folder(output);
    return failed;
}

static void count(struct selftest_series *s, const struct ab_result *result, double seconds) {
    s->runs++;
    s->counts[result->verdict]++;
    s->seconds += seconds;
    for (int i = 0; i < result->nbenchmarks; i++) {
        const struct ab_benchmark *b = &result->benchmarks[i];
        if (b->verdict == AB_CONTAMINATED || !b->stats.n || !isfinite(b->stats.ratio))
            continue;
        s->ratios++;
        s->sum_ratio += b->stats.ratio;
        s->sum_off += fabs(b->stats.ratio - 1);
    }
}

static void say(const struct selftest_run *run, const struct spec *spec,
                const struct ab_result *result, double seconds) {
    if (!run->quiet)
        fprintf(stderr, "%s, run %d of %d: %s, %.0f s\n", spec->name, spec->number + 1, run->runs,
                verdict_name(result->verdict), seconds);
}

static void add_pairs(struct pool *pool, int series, const struct ab_benchmark *b,
                      enum ab_arm_index arm, enum ab_measure measure) {
    double d[AB_PAIRS_MAX];
    int builds[AB_PAIRS_MAX], dropped,
        n = ab_differences(b, 1, AB_PAIRS_MAX, arm, measure, d, builds, &dropped);
    if (series >= RELABEL_SERIES)
        return;
    if (pool->used <= series)
        pool->used = series + 1;
    for (int i = 0; i < n && pool->n[series] < POOL; i++)
        pool->d[series][pool->n[series]++] = d[i];
}

static void keep_candidate(struct pool *pool, const struct ab_result *result) {
    for (int i = 0; i < result->nbenchmarks; i++)
        add_pairs(pool, i, &result->benchmarks[i], AB_CAND, result->benchmarks[i].stats.measure);
}

/* Runs it, counts it in `s`, keeps its pairs in `pool` or nowhere, and what is known by now on disk. */
static int one_run(struct selftest_run *run, const struct spec *spec, struct selftest_series *s,
                   struct selftest_stamp *at, struct pool *pool, const struct selftest *to,
                   struct err *err) {
    struct ab_result *result = calloc(1, sizeof *result);
    int64_t start = now_ns();
    int failed;
    if (!result)
        return err_set(err, GB_RUNTIME, "out of memory");
    failed = run_gate(run, spec, result, err);
    if (!failed) {
        double seconds = seconds_since(start);
        count(s, result, seconds);
        run->done++;
        run->done_s += seconds;
        selftest_stamp(at);
        say(run, spec, result, seconds);
        if (pool)
            keep_candidate(pool, result);
        failed = selftest_write(run->path, to, err);
    }
    ab_result_free(result);
    free(result);
    return failed;
}

/* ---- Equal code */

/* Alarms by the gate's rule, and by one that takes any slowdown for one: the test's own error. */
static void relabel(const struct selftest_run *run, const struct pool *pool,
                    struct selftest_aa *aa) {
    const struct ab_options *o = &run->terms;
    struct relabel_series series[RELABEL_SERIES];
    struct relabel_rule rule = {
        .margin = o->margin, .limit = o->limit, .alpha = o->alpha / o->nlooks, .nlooks = o->nlooks};
    memcpy(rule.looks, o->looks, sizeof rule.looks);
    aa->pairs = 0;
    for (int i = 0; i < pool->used; i++) {
        series[i] = (struct relabel_series){pool->d[i], pool->n[i]};
        aa->pairs += (int)pool->n[i];
    }
    if (aa->pairs == 0)
        return;
    aa->draws = DRAWS;
    aa->alarms = relabel_alarms(series, (size_t)pool->used, &rule, DRAWS, run->seed);
    rule.margin = rule.limit = 0;
    aa->bare_alarms = relabel_alarms(series, (size_t)pool->used, &rule, DRAWS, run->seed);
}

int selftest_aa(struct selftest_run *run, struct selftest *to, struct err *err) {
    struct selftest_aa *aa = &to->aa[run->burner];
    struct pool *pool = calloc(1, sizeof *pool);
    char base[GB_PATH_MAX], cand[GB_PATH_MAX];
    struct spec spec = {.name = run->burner ? "aa-burner" : "aa-quiet",
                        .base = base,
                        .cand = cand,
                        .matrix = run->only ? run->terms.matrix : "selftest",
                        .only = run->only,
                        .budget_s = run->only ? run->terms.budget_s : SELFTEST_KINDS * BENCHMARK_S};
    int failed = pool ? 0 : err_set(err, GB_RUNTIME, "out of memory");
    pid_t burner;
    if (!failed)
        failed = make_arm(run, "base", 0, base, err) < 0 || make_arm(run, "cand", 0, cand, err) < 0;
    burner = start_burner(run);
    for (; !failed && spec.number < run->runs && fits(run); spec.number++)
        failed = one_run(run, &spec, &aa->series, &to->aa_at, pool, to, err);
    end_burner(burner);
    if (pool)
        relabel(run, pool, aa);
    free(pool);
    return failed ? -1 : 0;
}

/* ---- Pairs of earlier runs */

static void keep_null(struct pool *pool, const struct ab_result *result) {
    for (int i = 0; i < result->nbenchmarks; i++)
        add_pairs(pool, i, &result->benchmarks[i], AB_NULL, AB_WALL);
}

int selftest_relabel(struct selftest_run *run, char *const *journals, int n, struct selftest *to,
                     struct err *err) {
    struct pool *pool = calloc(1, sizeof *pool);
    struct ab_result *result = calloc(1, sizeof *result);
    int failed = pool && result ? 0 : err_set(err, GB_RUNTIME, "out of memory");
    for (int i = 0; !failed && i < n; i++) {
        if (!(failed = ab_trace_read(journals[i], run->reg, result, err)))
            keep_null(pool, result);
        ab_result_free(result);
        memset(result, 0, sizeof *result);
    }
    if (!failed) {
        relabel(run, pool, &to->aa[0]);
        if (to->aa[0].pairs == 0)
            failed = err_set(err, GB_NOTHING, "no pair with a null control is in %s%s", journals[0],
                             n > 1 ? " and the others" : "");
    }
    free(result);
    free(pool);
    return failed;
}

/* ---- Slower code */

/* What callgrind says of the padding; NaN where it cannot be asked. */
static int count_instructions(struct selftest_run *run, struct spec spec, double *share,
                              struct err *err) {
    struct ab_result *result = calloc(1, sizeof *result);
    const struct ab_benchmark *b;
    char name[80];
    int failed;
    *share = NAN;
    if (!result)
        return err_set(err, GB_RUNTIME, "out of memory");
    snprintf(name, sizeof name, "instructions-%.60s", spec.name);
    spec.name = name;
    spec.ir = AB_IR_ONLY;
    failed = run_gate(run, &spec, result, err);
    b = result->benchmarks;
    if (!failed && b->nir && b->ir[AB_BASE][0] > 0)
        *share = (double)b->ir[AB_CAND][0] / (double)b->ir[AB_BASE][0] - 1;
    if (!failed && !b->nir && !run->quiet)
        fprintf(stderr, "%s\n", b->note);
    ab_result_free(result);
    free(result);
    return failed;
}

static int slower(struct selftest_run *run, struct selftest *to, int number, int kind, int size,
                  struct err *err) {
    struct selftest_power *p = &to->power[run->burner][kind][size];
    char base[GB_PATH_MAX], cand[GB_PATH_MAX], name[64];
    struct spec spec = {.name = name,
                        .number = number,
                        .base = base,
                        .cand = cand,
                        .matrix = "selftest",
                        .only = cells[kind],
                        .budget_s = BENCHMARK_S,
                        .ir = AB_IR_OFF};
    snprintf(name, sizeof name, "power-%s-%g-%s", selftest_kinds[kind], selftest_sizes[size] / 10.0,
             selftest_conditions[run->burner]);
    if (!fits(run))
        return 0;
    if (make_arm(run, "base", 0, base, err) < 0 ||
        make_arm(run, "cand", selftest_sizes[size], cand, err) < 0)
        return -1;
    if (number == 0 && count_instructions(run, spec, &p->instructions, err) < 0)
        return -1;
    return one_run(run, &spec, &p->series, &to->power_at, NULL, to, err);
}

/* The sizes take turns, so that a budget that ends it leaves as many runs of each. */
int selftest_power(struct selftest_run *run, struct selftest *to, struct err *err) {
    pid_t burner = start_burner(run);
    int failed = 0;
    for (int number = 0; number < run->runs; number++)
        for (int kind = 0; kind < SELFTEST_KINDS; kind++)
            for (int size = 0; !failed && size < SELFTEST_SIZES; size++)
                failed = slower(run, to, number, kind, size, err);
    end_burner(burner);
    return failed ? -1 : 0;
}
