/* json_history.c - see history.h: the lines of a history, read. The document has been checked
 * against its schema, so that what must be there is there. */
#include "document.h"
#include "history.h"
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *text(const json_t *object, const char *key) {
    const char *value = json_string_value(json_object_get(object, key));
    return value ? value : "";
}

static void name_arm(char *to, size_t room, const json_t *arm) {
    const char *git = text(arm, "git");
    snprintf(to, room, "%.*s", *git ? 12 : (int)room - 1, *git ? git : text(arm, "spec"));
}

static double figure(const json_t *value) {
    return json_is_number(value) ? json_number_value(value) : NAN;
}

/* What of the null control's ratio is there to divide by; 1 for nothing. */
static double null_of(const json_t *benchmark, bool *raw) {
    double ratio = figure(json_object_get(json_object_get(benchmark, "null_control"), "ratio"));
    *raw = !(ratio > 0);
    return *raw ? 1 : ratio;
}

static struct history_point read_point(const json_t *line, const json_t *benchmark) {
    const json_t *stats = json_object_get(benchmark, "stats"), *ci = json_object_get(stats, "ci95");
    struct history_point p = {
        .verdict = (enum ab_verdict)verdict_by_name(text(benchmark, "verdict")), .level = NAN};
    double null = null_of(benchmark, &p.raw);
    snprintf(p.when, sizeof p.when, "%.31s", text(line, "created_utc"));
    name_arm(p.base, sizeof p.base, json_object_get(line, "base"));
    name_arm(p.cand, sizeof p.cand, json_object_get(line, "cand"));
    p.ratio = figure(json_object_get(stats, "ratio")) / null;
    p.lo = figure(json_array_get(ci, 0)) / null;
    p.hi = figure(json_array_get(ci, 1)) / null;
    p.left_out = !(p.ratio > 0) || p.verdict == AB_CONTAMINATED || p.verdict == AB_INVALID;
    return p;
}

static struct history_series *series_of(struct history *history, const char *id) {
    struct history_series *more;
    for (int i = 0; i < history->nseries; i++)
        if (!strcmp(history->series[i].id, id))
            return &history->series[i];
    more = realloc(history->series, ((size_t)history->nseries + 1) * sizeof *more);
    if (!more)
        return NULL;
    history->series = more;
    more += history->nseries++;
    *more = (struct history_series){0};
    snprintf(more->id, sizeof more->id, "%.255s", id);
    return more;
}

static int add_point(struct history_series *s, const struct history_point *p) {
    struct history_point *more = realloc(s->points, ((size_t)s->npoints + 1) * sizeof *more);
    if (!more)
        return -1;
    s->points = more;
    s->bases = s->npoints == 0 ? 1 : s->bases == 2 || strcmp(more[0].base, p->base) ? 2 : 1;
    more[s->npoints++] = *p;
    s->left_out += p->left_out;
    return 0;
}

static int read_line(struct history *history, const json_t *line, struct err *err) {
    size_t i;
    json_t *one;
    json_array_foreach(json_object_get(line, "benchmarks"), i, one) {
        struct history_point p = read_point(line, one);
        struct history_series *s = series_of(history, text(one, "id"));
        if (!s || add_point(s, &p) < 0)
            return err_set(err, GB_RUNTIME, "out of memory");
    }
    return 0;
}

int history_read(const char *home, const char *path, struct history *history, struct err *err) {
    struct document document;
    const json_t *first;
    size_t i;
    json_t *line;
    int failed = 0;
    *history = (struct history){0};
    if (document_load(home, path, &document, err) < 0)
        return -1;
    if (!document.journal || strcmp(document.kind->schema, "gilbench/history"))
        failed = err_set(err, GB_INCOMPATIBLE, "%s is of %s; a history is expected", path,
                         document.kind->schema);
    first = json_object_get(json_array_get(document.json, 0), "machine");
    history->torn = document.torn;
    json_array_foreach(document.json, i, line) {
        history->machines |= !json_equal(json_object_get(line, "machine"), first);
        history->runs++;
        failed = failed || read_line(history, line, err) < 0 ? -1 : 0;
    }
    document_free(&document);
    return failed;
}
