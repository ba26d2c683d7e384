/* verdict.c - see verdict.h. */
#include "verdict.h"
#include "../stats/paired.h"
#include "drop.h"
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { PAIRS_LEAST = 7 }; /* paired_least(0.01): fewer cannot decide */

static const char *const names[AB_VERDICTS] = {"ok",           "improved",     "regressed",
                                               "inconclusive", "contaminated", "invalid"};

struct reasons {
    char *text;
    size_t room;
};

static void add(struct reasons *why, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void add(struct reasons *why, const char *fmt, ...) {
    size_t used = strlen(why->text);
    va_list args;
    if (used && used + 3 < why->room)
        used += (size_t)snprintf(why->text + used, why->room - used, "; ");
    if (used + 1 >= why->room)
        return;
    va_start(args, fmt);
    vsnprintf(why->text + used, why->room - used, fmt, args);
    va_end(args);
}

static bool null_is_off(const struct verdict_facts *f, const struct verdict_rule *rule) {
    return f->null_n >= PAIRS_LEAST && fabs(f->null_ratio - 1) > rule->margin &&
           (f->null_lower > 1 || f->null_upper < 1);
}

/* Why these figures say nothing of the code: of the machine they do. */
static bool is_contaminated(const struct verdict_facts *f, const struct verdict_rule *rule,
                            struct reasons *why) {
    bool dropped = f->n + f->dropped >= PAIRS_LEAST && too_many_dropped(f->dropped, f->n);
    if (dropped)
        add(why, "%d of %d pairs were disturbed and dropped, more than 20 %%", f->dropped,
            f->n + f->dropped);
    if (!null_is_off(f, rule))
        return dropped;
    add(why, "the null control is off: the baseline against itself gives %.3f [%.3f, %.3f]",
        f->null_ratio, f->null_lower, f->null_upper);
    return true;
}

/* Figures from which nothing may be concluded, whatever they are. */
static bool is_degenerate(const struct verdict_facts *f, struct reasons *why) {
    if (f->n < PAIRS_LEAST)
        add(why, "%d pairs, fewer than %d", f->n, PAIRS_LEAST);
    else if (!isfinite(f->lower) || !isfinite(f->upper) || isnan(f->p_slower) || isnan(f->p_faster))
        add(why, "the figures are not finite");
    else if (!(f->sd > 0))
        add(why, "all pairs are exactly alike: what was timed is no measurement");
    else
        return false;
    return true;
}

static enum ab_verdict compare(const struct verdict_facts *f, const struct verdict_rule *rule) {
    if (f->p_slower < rule->alpha && f->lower > 1 + rule->margin)
        return AB_REGRESSED;
    if (f->p_faster < rule->alpha && f->upper < 1 / (1 + rule->margin))
        return AB_IMPROVED;
    return f->upper < 1 + rule->limit ? AB_OK : AB_INCONCLUSIVE;
}

struct verdict verdict_of(const struct verdict_facts *f, const struct verdict_rule *rule, char *why,
                          size_t room) {
    struct reasons reasons = {why, room};
    struct verdict v = {AB_INCONCLUSIVE, rule->last};
    why[0] = '\0';
    if (f->invalid && *f->invalid) {
        add(&reasons, "%s", f->invalid);
        return (struct verdict){AB_INVALID, true};
    }
    if (is_contaminated(f, rule, &reasons)) {
        v.verdict = AB_CONTAMINATED;
        v.decided = rule->last || too_many_dropped(f->dropped, rule->most - f->dropped);
        return v;
    }
    if (is_degenerate(f, &reasons))
        return v;
    v.verdict = compare(f, rule);
    v.decided = rule->last || v.verdict != AB_INCONCLUSIVE;
    if (v.verdict == AB_INCONCLUSIVE)
        add(&reasons, "between %.3f and %.3f; %.1f %% could have been seen with 95 %% power",
            f->lower, f->upper, 100 * f->mde95);
    if (paired_is_serial(f->lag1, (size_t)f->n))
        add(&reasons, "pairs resemble the one before (lag-1 correlation %.2f): intervals widened",
            f->lag1);
    return v;
}

const char *verdict_name(enum ab_verdict verdict) {
    return names[verdict];
}

int verdict_by_name(const char *name) {
    for (int v = 0; v < AB_VERDICTS; v++)
        if (!strcmp(names[v], name))
            return v;
    return -1;
}

enum ab_verdict verdict_of_all(const int counts[AB_VERDICTS]) {
    static const enum ab_verdict gravest_first[] = {AB_INVALID,      AB_REGRESSED, AB_CONTAMINATED,
                                                    AB_INCONCLUSIVE, AB_IMPROVED,  AB_OK};
    for (int i = 0; i < AB_VERDICTS; i++)
        if (counts[gravest_first[i]])
            return gravest_first[i];
    return AB_INVALID;
}
