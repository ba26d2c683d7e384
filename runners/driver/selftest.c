/* selftest.c - see selftest.h: what its parts have in common, and how they are told. */
#include "selftest.h"
#include "../stats/coverage.h"
#include "../stats/student.h"
#include "facts.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

const char *const selftest_conditions[SELFTEST_CONDITIONS] = {"quiet", "burner"};
const char *const selftest_kinds[SELFTEST_KINDS] = {"C", "Python"};
const int selftest_sizes[SELFTEST_SIZES] = {30, 50, 100};

/* One-sided, as people read "at most": the interval of twice the error. */
#define BOUND 0.90

extern const char gb_commit[];

/* ---- Names */

void selftest_stamp(struct selftest_stamp *at) {
    time_t now = time(NULL);
    struct tm utc;
    gmtime_r(&now, &utc);
    strftime(at->when, sizeof at->when, "%Y-%m-%dT%H:%M:%SZ", &utc);
    snprintf(at->commit, sizeof at->commit, "%.63s", gb_commit);
}

static uint64_t fnv1a(uint64_t hash, const char *text) {
    while (*text)
        hash = (hash ^ (unsigned char)*text++) * 0x100000001b3u;
    return hash;
}

void selftest_name(struct selftest *selftest, const struct machine *machine) {
    struct runset run = {0};
    uint64_t hash = 0xcbf29ce484222325u;
    facts_of_machine(&run, machine);
    snprintf(selftest->cpu_model, sizeof selftest->cpu_model, "%s", fact_find(&run, "cpu_model"));
    snprintf(selftest->topology, sizeof selftest->topology, "%s", fact_find(&run, "topology"));
    hash = fnv1a(fnv1a(fnv1a(hash, selftest->cpu_model), "\n"), selftest->topology);
    snprintf(selftest->machine, sizeof selftest->machine, "%016llx", (unsigned long long)hash);
}

void selftest_path(const struct selftest *named, const struct registry *reg, char *path,
                   size_t room) {
    snprintf(path, room, "%s/selftest/%s.json", reg->results, named->machine);
}

void selftest_terms(const struct ab_plan *plan, char *text, size_t room) {
    size_t used = (size_t)snprintf(text, room, "margin %g %%, limit %g %%, error %g %%, looks",
                                   100 * plan->margin, 100 * plan->limit, 100 * plan->alpha);
    for (int i = 0; i < plan->nlooks && used < room; i++)
        used += (size_t)snprintf(text + used, room - used, " %d", plan->looks[i]);
    if (used < room)
        snprintf(text + used, room - used, ", %d slices of %d ms", plan->slices, plan->slice_ms);
}

/* ---- Coverage: the only part that needs nothing but arithmetic */

void selftest_coverage(struct selftest *to, unsigned runs, uint64_t seed) {
    to->ncoverage = 0;
    selftest_stamp(&to->coverage_at);
    for (int noise = 0; noise < NOISES; noise++)
        for (int pairs = 12; pairs <= 48; pairs *= 2) {
            struct coverage c = coverage_simulate((enum coverage_noise)noise, (size_t)pairs, runs,
                                                  0, seed + (uint64_t)pairs);
            struct selftest_coverage *row = &to->coverage[to->ncoverage++];
            *row = (struct selftest_coverage){
                .pairs = pairs, .runs = c.runs, .covered = c.covered, .flagged = c.flagged};
            snprintf(row->noise, sizeof row->noise, "%s",
                     coverage_name((enum coverage_noise)noise));
        }
}

/* ---- One line */

/* "20 of 20 in C (at least 86.1 %)" */
static size_t add_power(char *text, size_t room, const struct selftest_power of[SELFTEST_KINDS],
                        const char *before) {
    size_t used = 0;
    for (int kind = 0; kind < SELFTEST_KINDS; kind++) {
        const struct selftest_series *s = &of[kind].series;
        struct interval share =
            stats_share((unsigned)s->counts[AB_REGRESSED], (unsigned)s->runs, BOUND);
        if (s->runs && used < room)
            used +=
                (size_t)snprintf(text + used, room - used, "%s %d of %d in %s (at least %.1f %%)",
                                 used ? "," : before, s->counts[AB_REGRESSED], s->runs,
                                 selftest_kinds[kind], 100 * share.lo);
    }
    return used < room ? used : room;
}

static size_t add_alarms(char *text, size_t room, const struct selftest_series *s,
                         const char *before) {
    struct interval share =
        stats_share((unsigned)s->counts[AB_REGRESSED], (unsigned)s->runs, BOUND);
    int used = 0;
    if (s->runs)
        used = snprintf(text, room, "%s%d false alarm%s in %d run%s, at most %.1f %%", before,
                        s->counts[AB_REGRESSED], s->counts[AB_REGRESSED] == 1 ? "" : "s", s->runs,
                        s->runs == 1 ? "" : "s", 100 * share.hi);
    return (size_t)used < room ? (size_t)used : room;
}

static void quote(const struct selftest *s, const struct ab_plan *plan, char *text, size_t room) {
    const struct selftest_power(*power)[SELFTEST_SIZES] = s->power[0];
    struct selftest_power five[SELFTEST_KINDS] = {power[0][1], power[1][1]};
    char terms[200];
    size_t used = add_alarms(text, room, &s->aa[0].series, "");
    used += add_alarms(text + used, room - used, &s->aa[1].series,
                       used ? "; beside a CPU burner " : "beside a CPU burner ");
    used += add_power(text + used, room - used, five, used ? "; caught 5 %:" : "caught 5 %:");
    if (used == 0) {
        snprintf(text, room,
                 "none of the gate on this machine: `gilbench selftest aa power` makes one");
        return;
    }
    selftest_terms(plan, terms, sizeof terms);
    if (used < room && strcmp(terms, s->terms))
        used += (size_t)snprintf(text + used, room - used, "; on other terms: %s", s->terms);
    if (used < room)
        snprintf(text + used, room - used, " (%.10s)",
                 *s->aa_at.when ? s->aa_at.when : s->power_at.when);
}

void selftest_quote(const struct registry *reg, const struct machine *machine,
                    const struct ab_plan *plan, char *text, size_t room) {
    struct selftest *s = calloc(1, sizeof *s);
    char path[GB_PATH_MAX + 64];
    struct err why = {0};
    text[0] = '\0';
    if (!s)
        return;
    selftest_name(s, machine);
    selftest_path(s, reg, path, sizeof path);
    if (selftest_read(reg->home, path, s, &why) == 0)
        quote(s, plan, text, room);
    else if (why.code == GB_USAGE)
        snprintf(text, room, "none of this machine: `gilbench selftest` makes one");
    else
        snprintf(text, room, "it cannot be read: %.300s", why.text);
    free(s);
}

/* ---- All of it */

static void print_series(FILE *out, const struct selftest_series *s) {
    fprintf(out, " (");
    for (int v = 0, said = 0; v < AB_VERDICTS; v++)
        if (s->counts[v])
            fprintf(out, "%s%d %s", said++ ? ", " : "", s->counts[v],
                    verdict_name((enum ab_verdict)v));
    fprintf(out, "), %.0f s a run", s->seconds / s->runs);
}

static void print_aa(FILE *out, const struct selftest *s) {
    char text[200];
    for (int c = 0; c < SELFTEST_CONDITIONS; c++) {
        const struct selftest_aa *aa = &s->aa[c];
        if (add_alarms(text, sizeof text, &aa->series, "")) {
            fprintf(out, "  equal code, %s: %s", selftest_conditions[c], text);
            print_series(out, &aa->series);
            if (aa->series.ratios)
                fprintf(out, "; ratios are off by %.2f %% on average",
                        100 * aa->series.sum_off / aa->series.ratios);
            fputc('\n', out);
        }
        if (aa->draws)
            fprintf(out,
                    "  the same pairs (%d), arms exchanged by coins %u times: %.2f %% alarms, "
                    "%.2f %% with no margin\n",
                    aa->pairs, aa->draws, 100.0 * aa->alarms / aa->draws,
                    100.0 * aa->bare_alarms / aa->draws);
    }
}

static void print_power(FILE *out, const struct selftest *s) {
    for (int c = 0; c < SELFTEST_CONDITIONS; c++)
        for (int kind = 0; kind < SELFTEST_KINDS; kind++)
            for (int size = 0; size < SELFTEST_SIZES; size++) {
                const struct selftest_power *p = &s->power[c][kind][size];
                const struct selftest_series *of = &p->series;
                struct interval share =
                    stats_share((unsigned)of->counts[AB_REGRESSED], (unsigned)of->runs, BOUND);
                if (!of->runs)
                    continue;
                fprintf(out, "  %g %% slower in %s, %s: caught in %d of %d, at least %.1f %%",
                        selftest_sizes[size] / 10.0, selftest_kinds[kind], selftest_conditions[c],
                        of->counts[AB_REGRESSED], of->runs, 100 * share.lo);
                print_series(out, of);
                if (of->ratios)
                    fprintf(out, "; found %+.2f %% on average",
                            100 * (of->sum_ratio / of->ratios - 1));
                if (isfinite(p->instructions))
                    fprintf(out, ", instructions %+.2f %%", 100 * p->instructions);
                fputc('\n', out);
            }
}

static void print_cost(FILE *out, const struct selftest_cost *c) {
    if (!c->rounds)
        return;
    fprintf(out, "  an empty op in the loop in C: %.1f ns (95 %% of rounds: up to %.1f)\n",
            c->op_ns, c->op95_ns);
    fprintf(out, "  a pair of time stamps: %.1f ns (up to %.1f)\n", c->stamps_ns, c->stamps95_ns);
    fprintf(out, "  while a slice runs, the driver uses %.4f %% of a core (up to %.4f %%)\n",
            100 * c->share, 100 * c->share95);
}

static void head(FILE *out, const char *name, const struct selftest_stamp *at) {
    fprintf(out, "%s", name);
    if (*at->when)
        fprintf(out, " (%.10s, %s)", at->when, at->commit);
    fputs(*at->when ? ":\n" : ": never measured here\n", out);
}

void selftest_print(FILE *out, const struct selftest *s) {
    fprintf(out, "machine %s: %s, %s\n", s->machine, s->cpu_model, s->topology);
    if (*s->terms)
        fprintf(out, "the gate's terms: %s\n", s->terms);
    head(out, "aa", &s->aa_at);
    print_aa(out, s);
    head(out, "power", &s->power_at);
    print_power(out, s);
    head(out, "coverage", &s->coverage_at);
    for (int i = 0; i < s->ncoverage; i++) {
        const struct selftest_coverage *c = &s->coverage[i];
        fprintf(out,
                "  %-9s %2d pairs: 95 %% intervals hold the truth in %.1f %%; flagged %.1f %%\n",
                c->noise, c->pairs, 100.0 * c->covered / c->runs, 100.0 * c->flagged / c->runs);
    }
    head(out, "overhead", &s->cost_at);
    print_cost(out, &s->cost);
    head(out, "resume", &s->resume_at);
    if (s->resume.kills)
        fprintf(out,
                "  killed %d times (%d before the first line): %d journals parsed, %d went on to "
                "the same plan and figures\n",
                s->resume.kills, s->resume.unbegun, s->resume.parsed, s->resume.same);
}
