/* json_selftest.c - what a selftest found, as JSON and back, and the comparison of results that a
 * resumed run is held to. */
#include "document.h"
#include "json_file.h"
#include "selftest.h"
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- Out */

static json_t *number(double value) {
    return isfinite(value) ? json_real(value) : json_null();
}

static json_t *stamp_json(const struct selftest_stamp *at) {
    return *at->when ? json_pack("{ss ss}", "when", at->when, "commit", at->commit) : json_null();
}

static json_t *series_json(const struct selftest_series *s) {
    json_t *verdicts = json_object();
    for (int v = 0; v < AB_VERDICTS; v++)
        json_object_set_new(verdicts, verdict_name((enum ab_verdict)v), json_integer(s->counts[v]));
    return json_pack("{si so si sf sf sf}", "runs", s->runs, "verdicts", verdicts, "ratios",
                     s->ratios, "sum_ratio", s->sum_ratio, "sum_off", s->sum_off, "seconds",
                     s->seconds);
}

static json_t *aa_json(const struct selftest *s) {
    json_t *list = json_array();
    for (int c = 0; c < SELFTEST_CONDITIONS; c++) {
        const struct selftest_aa *aa = &s->aa[c];
        if (aa->series.runs || aa->draws)
            json_array_append_new(
                list, json_pack("{ss so s{si si si si}}", "condition", selftest_conditions[c],
                                "series", series_json(&aa->series), "relabelled", "pairs",
                                aa->pairs, "draws", (int)aa->draws, "alarms", (int)aa->alarms,
                                "bare_alarms", (int)aa->bare_alarms));
    }
    return list;
}

static json_t *power_json(const struct selftest *s) {
    json_t *list = json_array();
    for (int c = 0; c < SELFTEST_CONDITIONS; c++)
        for (int kind = 0; kind < SELFTEST_KINDS; kind++)
            for (int size = 0; size < SELFTEST_SIZES; size++) {
                const struct selftest_power *p = &s->power[c][kind][size];
                if (p->series.runs)
                    json_array_append_new(list, json_pack("{ss ss sf so so}", "condition",
                                                          selftest_conditions[c], "kind",
                                                          selftest_kinds[kind], "injected",
                                                          selftest_sizes[size] / 1000.0,
                                                          "instructions", number(p->instructions),
                                                          "series", series_json(&p->series)));
            }
    return list;
}

static json_t *coverage_json(const struct selftest *s) {
    json_t *list = json_array();
    for (int i = 0; i < s->ncoverage; i++) {
        const struct selftest_coverage *c = &s->coverage[i];
        json_array_append_new(list, json_pack("{ss si si si si}", "noise", c->noise, "pairs",
                                              c->pairs, "runs", (int)c->runs, "covered",
                                              (int)c->covered, "flagged", (int)c->flagged));
    }
    return list;
}

static json_t *cost_json(const struct selftest_cost *c) {
    if (!c->rounds)
        return json_null();
    return json_pack("{si sf sf sf sf sf sf}", "rounds", c->rounds, "stamps_ns", c->stamps_ns,
                     "stamps95_ns", c->stamps95_ns, "op_ns", c->op_ns, "op95_ns", c->op95_ns,
                     "share", c->share, "share95", c->share95);
}

static json_t *selftest_json(const struct selftest *s) {
    json_t *resume = s->resume.kills ? json_pack("{si si si si}", "kills", s->resume.kills,
                                                 "unbegun", s->resume.unbegun, "parsed",
                                                 s->resume.parsed, "same", s->resume.same)
                                     : json_null(),
           *measured =
               json_pack("{so so so so so}", "aa", stamp_json(&s->aa_at), "power",
                         stamp_json(&s->power_at), "coverage", stamp_json(&s->coverage_at),
                         "overhead", stamp_json(&s->cost_at), "resume", stamp_json(&s->resume_at));
    return json_pack("{ss ss s{ss ss ss} ss so so so so so so}", "schema", "gilbench/selftest",
                     "schema_version", "1.0", "machine", "id", s->machine, "cpu_model",
                     s->cpu_model, "topology", s->topology, "terms", s->terms, "measured", measured,
                     "aa", aa_json(s), "power", power_json(s), "coverage", coverage_json(s),
                     "overhead", cost_json(&s->cost), "resume", resume);
}

int selftest_dump(FILE *out, const struct selftest *s) {
    return json_print(out, selftest_json(s), JSON_INDENT(2));
}

int selftest_write(const char *path, const struct selftest *s, struct err *err) {
    return json_save(path, selftest_json(s), JSON_INDENT(2), err);
}

/* ---- In: the document has been checked against its schema */

static int whole(const json_t *object, const char *key) {
    return (int)json_integer_value(json_object_get(object, key));
}

static double real(const json_t *object, const char *key) {
    const json_t *value = json_object_get(object, key);
    return json_is_number(value) ? json_number_value(value) : NAN;
}

/* Which of `names` it is, -1: none. */
static int place(const json_t *object, const char *key, const char *const *names, int count) {
    const char *text = json_string_value(json_object_get(object, key));
    for (int i = 0; i < count; i++)
        if (text && !strcmp(text, names[i]))
            return i;
    return -1;
}

static void read_stamp(const json_t *measured, const char *key, struct selftest_stamp *at) {
    TEXT(json_object_get(measured, key), "when", at->when);
    TEXT(json_object_get(measured, key), "commit", at->commit);
}

static void read_series(const json_t *object, struct selftest_series *s) {
    const json_t *verdicts = json_object_get(object, "verdicts");
    s->runs = whole(object, "runs");
    s->ratios = whole(object, "ratios");
    s->sum_ratio = real(object, "sum_ratio");
    s->sum_off = real(object, "sum_off");
    s->seconds = real(object, "seconds");
    for (int v = 0; v < AB_VERDICTS; v++)
        s->counts[v] = whole(verdicts, verdict_name((enum ab_verdict)v));
}

static void read_aa(const json_t *one, struct selftest *s) {
    const json_t *relabelled = json_object_get(one, "relabelled");
    int c = place(one, "condition", selftest_conditions, SELFTEST_CONDITIONS);
    if (c < 0)
        return;
    read_series(json_object_get(one, "series"), &s->aa[c].series);
    s->aa[c].pairs = whole(relabelled, "pairs");
    s->aa[c].draws = (unsigned)whole(relabelled, "draws");
    s->aa[c].alarms = (unsigned)whole(relabelled, "alarms");
    s->aa[c].bare_alarms = (unsigned)whole(relabelled, "bare_alarms");
}

static void read_power(const json_t *one, struct selftest *s) {
    int c = place(one, "condition", selftest_conditions, SELFTEST_CONDITIONS),
        kind = place(one, "kind", selftest_kinds, SELFTEST_KINDS),
        injected = (int)lround(1000 * real(one, "injected"));
    for (int size = 0; c >= 0 && kind >= 0 && size < SELFTEST_SIZES; size++)
        if (selftest_sizes[size] == injected) {
            struct selftest_power *p = &s->power[c][kind][size];
            read_series(json_object_get(one, "series"), &p->series);
            p->instructions = real(one, "instructions");
        }
}

static void read_coverage(const json_t *one, struct selftest *s) {
    struct selftest_coverage *row = &s->coverage[s->ncoverage];
    if (s->ncoverage == SELFTEST_COVERAGE)
        return;
    TEXT(one, "noise", row->noise);
    row->pairs = whole(one, "pairs");
    row->runs = (unsigned)whole(one, "runs");
    row->covered = (unsigned)whole(one, "covered");
    row->flagged = (unsigned)whole(one, "flagged");
    s->ncoverage++;
}

static void read_selftest(const json_t *json, struct selftest *s) {
    const json_t *machine = json_object_get(json, "machine"),
                 *measured = json_object_get(json, "measured"),
                 *cost = json_object_get(json, "overhead"),
                 *resume = json_object_get(json, "resume");
    size_t i;
    json_t *one;
    TEXT(machine, "id", s->machine);
    TEXT(machine, "cpu_model", s->cpu_model);
    TEXT(machine, "topology", s->topology);
    TEXT(json, "terms", s->terms);
    read_stamp(measured, "aa", &s->aa_at);
    read_stamp(measured, "power", &s->power_at);
    read_stamp(measured, "coverage", &s->coverage_at);
    read_stamp(measured, "overhead", &s->cost_at);
    read_stamp(measured, "resume", &s->resume_at);
    json_array_foreach(json_object_get(json, "aa"), i, one) read_aa(one, s);
    json_array_foreach(json_object_get(json, "power"), i, one) read_power(one, s);
    json_array_foreach(json_object_get(json, "coverage"), i, one) read_coverage(one, s);
    s->cost = (struct selftest_cost){whole(cost, "rounds"),     real(cost, "stamps_ns"),
                                     real(cost, "stamps95_ns"), real(cost, "op_ns"),
                                     real(cost, "op95_ns"),     real(cost, "share"),
                                     real(cost, "share95")};
    s->resume = (struct selftest_resume){whole(resume, "kills"), whole(resume, "unbegun"),
                                         whole(resume, "parsed"), whole(resume, "same")};
}

int selftest_read(const char *home, const char *path, struct selftest *s, struct err *err) {
    struct document document;
    if (document_load_results(home, path, "gilbench/selftest", &document, err) < 0)
        return -1;
    *s = (struct selftest){0};
    read_selftest(document.json, s);
    document_free(&document);
    return 0;
}

/* ---- Results that must be the same */

bool selftest_same_results(const char *path, const char *other) {
    static const char *const keys[] = {"plan", "matrix_text", "benchmarks", "null_control",
                                       "summary"};
    json_t *a = json_load_file(path, 0, NULL), *b = json_load_file(other, 0, NULL);
    bool same = a && b;
    for (size_t i = 0; same && i < sizeof keys / sizeof *keys; i++)
        same = json_object_get(a, keys[i]) &&
               json_equal(json_object_get(a, keys[i]), json_object_get(b, keys[i]));
    json_decref(a);
    json_decref(b);
    return same;
}
