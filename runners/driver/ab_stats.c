/* ab_stats.c - from pairs to figures, and from figures to verdicts. The arithmetic is
 * runners/stats', the rule verdict.c's. */
#include "../stats/paired.h"
#include "ab.h"
#include "drop.h"
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static double slice_ns(const struct ab_slice *slice, enum ab_measure measure) {
    return (double)(measure == AB_WALL ? slice->ns : slice->usage.cpu_ns);
}

double ab_difference(const struct ab_pair *pair, enum ab_arm_index arm, enum ab_measure measure) {
    const struct ab_side *base = &pair->sides[AB_BASE], *side = &pair->sides[arm];
    double d[AB_SLICES_MAX];
    if (base->nslices == 0 || base->nslices != side->nslices)
        return NAN;
    for (int k = 0; k < base->nslices; k++)
        d[k] = log(slice_ns(&side->slices[k], measure)) - log(slice_ns(&base->slices[k], measure));
    return stats_median(d, (size_t)base->nslices);
}

int ab_differences(const struct ab_benchmark *b, int stage, int before, enum ab_arm_index arm,
                   enum ab_measure measure, double *d, int *builds, int *dropped) {
    int n = 0;
    *dropped = 0;
    for (int i = 0; i < b->npairs; i++) {
        const struct ab_pair *pair = &b->pairs[i];
        if (pair->stage != stage || pair->index >= before)
            continue;
        if (*pair->dropped && !(measure == AB_CPU_TIME && pair->disturbed)) {
            ++*dropped;
            continue;
        }
        builds[n] = pair->builds[arm];
        d[n++] = ab_difference(pair, arm, measure);
    }
    return n;
}

/* ---- Figures */

/* Standard deviation of the means by build. */
static double between_builds(const double *d, const int *builds, int n) {
    double sum[AB_BUILDS_MAX] = {0}, means[AB_BUILDS_MAX];
    int count[AB_BUILDS_MAX] = {0}, m = 0;
    for (int i = 0; i < n; i++) {
        sum[builds[i]] += d[i];
        count[builds[i]]++;
    }
    for (int k = 0; k < AB_BUILDS_MAX; k++)
        if (count[k])
            means[m++] = sum[k] / count[k];
    return m > 1 ? stats_sd(means, (size_t)m) : 0;
}

/* `alpha`: one-sided error of the look, for the bounds. */
static struct ab_stats figures(const double *d, const int *builds, int n, int dropped,
                               const struct ab_plan *plan, double alpha) {
    struct ab_stats s = {
        .n = n, .dropped = dropped, .method = "none", .p_slower = 1, .p_faster = 1};
    size_t count = (size_t)n;
    struct interval wide, narrow;
    double shift = log1p(plan->margin), *turned = n < 2 ? NULL : malloc(count * sizeof *turned);
    if (!turned)
        return s;
    for (int i = 0; i < n; i++)
        turned[i] = -d[i];
    s.sd = stats_sd(d, count);
    s.lag1 = paired_lag1(d, count);
    s.hodges_lehmann = exp(paired_hodges_lehmann(d, count));
    s.sd_builds = between_builds(d, builds, n);
    s.method = "t";
    wide = paired_interval(d, count, 0.95);
    narrow = paired_interval(d, count, 1 - 2 * alpha);
    s.ratio = exp(wide.value);
    s.lo95 = exp(wide.lo);
    s.hi95 = exp(wide.hi);
    s.lower = exp(narrow.lo);
    s.upper = exp(narrow.hi);
    s.p_slower = paired_sign_flip(d, count, shift, plan->seed);
    s.p_faster = paired_sign_flip(turned, count, shift, plan->seed);
    s.mde95 = expm1(shift + stats_mde(s.sd, count, alpha, 0.95));
    s.p_holm = s.p_slower;
    free(turned);
    return s;
}

static struct ab_stats figures_by(const struct ab_benchmark *b, int stage, int before,
                                  enum ab_arm_index arm, enum ab_measure measure,
                                  const struct ab_plan *plan, double alpha) {
    double d[AB_PAIRS_MAX];
    int builds[AB_PAIRS_MAX], dropped,
        n = ab_differences(b, stage, before, arm, measure, d, builds, &dropped);
    struct ab_stats s = figures(d, builds, n, dropped, plan, alpha);
    s.measure = measure;
    return s;
}

/* By wall time, or by CPU time where that was disturbed too often and is all that there is to the
 * work. Pairs are dropped whole, so candidate and null control always agree on it. */
static struct ab_stats figures_of(const struct ab_benchmark *b, int stage, int before,
                                  enum ab_arm_index arm, const struct ab_plan *plan, double alpha) {
    struct ab_stats wall = figures_by(b, stage, before, arm, AB_WALL, plan, alpha), cpu;
    if (b->cell.kind != GB_CPU || b->cell.cores != 1 || !too_many_dropped(wall.dropped, wall.n))
        return wall;
    cpu = figures_by(b, stage, before, arm, AB_CPU_TIME, plan, alpha);
    cpu.disturbed = wall.dropped - cpu.dropped;
    return cpu;
}

/* ---- Verdicts */

static void add_reason(struct ab_benchmark *b, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
static void add_reason(struct ab_benchmark *b, const char *fmt, ...) {
    size_t used = strlen(b->why);
    va_list args;
    if (used && used + 3 < sizeof b->why)
        used += (size_t)snprintf(b->why + used, sizeof b->why - used, "; ");
    va_start(args, fmt);
    vsnprintf(b->why + used, sizeof b->why - used, fmt, args);
    va_end(args);
}

/* Holm over all benchmarks, those that were decided before included. In both directions. */
static int correct_for_many(struct ab_result *result, double *slower, double *faster) {
    int n = result->nbenchmarks;
    for (int i = 0; i < n; i++) {
        slower[i] = result->benchmarks[i].stats.n ? result->benchmarks[i].stats.p_slower : 1;
        faster[i] = result->benchmarks[i].stats.n ? result->benchmarks[i].stats.p_faster : 1;
    }
    paired_holm(slower, (size_t)n, slower);
    paired_holm(faster, (size_t)n, faster);
    return n;
}

static void judge(const struct ab_result *result, struct ab_benchmark *b, double p_slower,
                  double p_faster, const struct verdict_rule *rule) {
    const struct ab_stats *s = &b->stats, *null = &b->null;
    struct verdict_facts facts = {.n = s->n,
                                  .dropped = s->dropped,
                                  .lower = s->lower,
                                  .upper = s->upper,
                                  .p_slower = p_slower,
                                  .p_faster = p_faster,
                                  .sd = s->sd,
                                  .lag1 = s->lag1,
                                  .mde95 = s->mde95,
                                  .null_n = null->n,
                                  .null_ratio = null->ratio,
                                  .null_lower = null->lower,
                                  .null_upper = null->upper,
                                  .invalid = b->invalid};
    struct verdict v = verdict_of(&facts, rule, b->why, sizeof b->why);
    b->verdict = v.verdict;
    b->decided = v.decided;
    b->stats.p_holm = fmin(p_slower, p_faster);
    if (s->measure == AB_CPU_TIME)
        add_reason(b, "%d of %d pairs were disturbed: judged by CPU time", s->disturbed,
                   s->n + s->dropped);
    if (result->arms[AB_BASE].nbuilds == 1 && v.verdict == AB_REGRESSED)
        add_reason(b, "one build an arm: layout is not ruled out");
}

void ab_count_verdicts(struct ab_result *result) {
    memset(result->counts, 0, sizeof result->counts);
    for (int i = 0; i < result->nbenchmarks; i++)
        result->counts[result->benchmarks[i].verdict]++;
    result->verdict = verdict_of_all(result->counts);
}

/* The null control of all benchmarks together. */
static void pool_null(struct ab_result *result, int before, double alpha) {
    double *d = calloc((size_t)result->nbenchmarks * AB_PAIRS_MAX + 1, sizeof *d);
    int *builds = calloc((size_t)result->nbenchmarks * AB_PAIRS_MAX + 1, sizeof *builds), n = 0,
        dropped, total = 0;
    for (int i = 0; d && builds && i < result->nbenchmarks; i++) {
        const struct ab_benchmark *b = &result->benchmarks[i];
        n += ab_differences(b, 1, before, AB_NULL, b->null.measure, d + n, builds + n, &dropped);
        total += dropped;
    }
    if (d && builds)
        result->null_control = figures(d, builds, n, total, &result->plan, alpha);
    free(d);
    free(builds);
}

void ab_decide(struct ab_result *result, int look, bool last) {
    const struct ab_plan *plan = &result->plan;
    int before = plan->looks[look], n = result->nbenchmarks;
    double *p = calloc(2 * (size_t)n + 1, sizeof *p), alpha = plan->alpha / plan->nlooks;
    struct verdict_rule rule = {.margin = plan->margin,
                                .limit = plan->limit,
                                .alpha = alpha,
                                .most = plan->looks[plan->nlooks - 1],
                                .last = last};
    for (int i = 0; i < n; i++) {
        struct ab_benchmark *b = &result->benchmarks[i];
        if (b->decided)
            continue;
        b->stats = figures_of(b, 1, before, AB_CAND, plan, alpha);
        if (plan->arms == AB_ARMS)
            b->null = figures_of(b, 1, before, AB_NULL, plan, alpha);
    }
    if (p)
        correct_for_many(result, p, p + n);
    for (int i = 0; p && i < n; i++)
        if (!result->benchmarks[i].decided)
            judge(result, &result->benchmarks[i], p[i], p[n + i], &rule);
    if (plan->arms == AB_ARMS)
        pool_null(result, before, alpha);
    ab_count_verdicts(result);
    free(p);
}

/* The second time it needs only be slower at all, beyond doubt: by how much, the first time
 * said. */
void ab_confirm(struct ab_result *result) {
    struct ab_plan plan = result->plan;
    plan.margin = 0;
    for (int i = 0; i < result->nbenchmarks; i++) {
        struct ab_benchmark *b = &result->benchmarks[i];
        if (b->verdict != AB_REGRESSED)
            continue;
        b->confirm = figures_of(b, 2, AB_PAIRS_MAX, AB_CAND, &plan, plan.alpha);
        if (b->confirm.n >= 7 && b->confirm.p_slower < plan.alpha && b->confirm.lower > 1) {
            add_reason(b, "confirmed: %.3f [%.3f, %.3f]", b->confirm.ratio, b->confirm.lo95,
                       b->confirm.hi95);
            continue;
        }
        b->verdict = AB_INCONCLUSIVE;
        add_reason(b, "not confirmed: %.3f [%.3f, %.3f] in %d fresh pairs", b->confirm.ratio,
                   b->confirm.lo95, b->confirm.hi95, b->confirm.n);
    }
    ab_count_verdicts(result);
}
