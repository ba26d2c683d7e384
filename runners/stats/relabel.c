/* relabel.c - see relabel.h. */
#include "relabel.h"
#include <math.h>
#include <string.h>

struct one {
    double d[RELABEL_PAIRS];
    size_t n;
    bool decided;
};

static void draw(struct one *one, const struct relabel_series *series, size_t most,
                 struct rng *rng) {
    size_t from;
    most = most < RELABEL_PAIRS ? most : RELABEL_PAIRS;
    one->n = series->n < most ? series->n : most;
    from = (size_t)rng_below(rng, series->n - one->n + 1);
    for (size_t i = 0; i < one->n; i++)
        one->d[i] = rng_below(rng, 2) ? series->d[from + i] : -series->d[from + i];
    one->decided = one->n == 0;
}

/* The p of those whose bound allows an alarm is only asked for when there is one: it is what
 * takes time. */
static bool is_alarm(const struct one *all, const bool *slower, size_t n, size_t look,
                     const struct relabel_rule *rule, uint64_t seed) {
    double p[RELABEL_SERIES];
    bool any = false;
    for (size_t k = 0; k < n; k++)
        any |= slower[k];
    if (!any)
        return false;
    for (size_t k = 0; k < n; k++)
        p[k] = all[k].n ? paired_sign_flip(all[k].d, all[k].n < look ? all[k].n : look,
                                           log1p(rule->margin), seed)
                        : 1;
    paired_holm(p, n, p);
    for (size_t k = 0; k < n; k++)
        if (slower[k] && p[k] < rule->alpha)
            return true;
    return false;
}

static bool look_at(struct one *all, size_t n, size_t look, const struct relabel_rule *rule,
                    uint64_t seed) {
    bool slower[RELABEL_SERIES] = {false};
    for (size_t k = 0; k < n; k++) {
        struct interval i;
        if (all[k].decided || all[k].n < look)
            continue;
        i = paired_interval(all[k].d, look, 1 - 2 * rule->alpha);
        slower[k] = i.lo > log1p(rule->margin);
        all[k].decided = i.hi < log1p(rule->limit);
    }
    return is_alarm(all, slower, n, look, rule, seed);
}

unsigned relabel_alarms(const struct relabel_series *series, size_t nseries,
                        const struct relabel_rule *rule, unsigned draws, uint64_t seed) {
    struct one all[RELABEL_SERIES];
    struct rng rng = {seed};
    unsigned alarms = 0;
    nseries = nseries < RELABEL_SERIES ? nseries : RELABEL_SERIES;
    for (unsigned run = 0; run < draws; run++) {
        bool alarm = false;
        for (size_t k = 0; k < nseries; k++)
            draw(&all[k], &series[k], (size_t)rule->looks[rule->nlooks - 1], &rng);
        for (int look = 0; look < rule->nlooks && !alarm; look++)
            alarm = look_at(all, nseries, (size_t)rule->looks[look], rule, rng_next(&rng));
        alarms += alarm;
    }
    return alarms;
}
