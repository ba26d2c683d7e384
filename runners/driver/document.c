/* document.c - see document.h. */
#include "document.h"
#include "ini.h"
#include "schema.h"
#include <errno.h>
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct document_kind document_kinds[] = {
    {"gilbench/result", "schema.json", "results of gilbench run, and its journal"},
    {"gilbench/ab", "ab.schema.json", "results of gilbench ab, and its journal"},
    {"gilbench/claims", "claims.schema.json", "what gilbench claims --json prints"},
    {"gilbench/selftest", "selftest.schema.json", "what gilbench selftest counted on a machine"},
    {"gilbench/doctor", "doctor.schema.json", "what gilbench doctor --json prints"},
    {"gilbench/history", "history.schema.json", "the lines that gilbench gate --history appends"},
};
const int document_nkinds = sizeof document_kinds / sizeof *document_kinds;

/* ---- Reading */

static int not_json(const char *path, const char *text, int line, const json_error_t *where,
                    struct err *err) {
    const char *hint = "";
    bool ended = json_error_code(where) == json_error_premature_end_of_input;
    if (!*text)
        return err_set(err, GB_INCOMPATIBLE, "%s is empty", path);
    if (strstr(where->text, "NaN") || strstr(where->text, "Infinity"))
        hint = "; NaN and infinities are not JSON: a figure that cannot be had is null";
    else if (ended || strstr(where->text, "end of file"))
        hint = "; the file was cut off: make it again, or resume the run from its journal";
    return err_set(err, GB_INCOMPATIBLE, "%s:%d:%d: %s%s", path, line, where->column, where->text,
                   hint);
}

/* A journal's lines; the last one may be cut off. */
static json_t *read_lines(const char *path, const char *text, bool *torn, struct err *err) {
    json_t *lines = json_array(), *one;
    json_error_t where;
    const char *end;
    for (int number = 1; *text; number++, text = end + 1) {
        end = strchr(text, '\n');
        if ((*torn = !end))
            break;
        one = json_loadb(text, (size_t)(end - text), JSON_REJECT_DUPLICATES, &where);
        if (!one) {
            not_json(path, "line", number, &where, err);
            json_decref(lines);
            return NULL;
        }
        json_array_append_new(lines, one);
    }
    return lines;
}

static bool is_journal(const char *text) {
    json_t *first = json_loads(text, JSON_DISABLE_EOF_CHECK, NULL);
    bool found = json_is_string(json_object_get(first, "type"));
    json_decref(first);
    return found;
}

static int read_document(const char *path, struct document *document, struct err *err) {
    char *text = read_file(path, err);
    json_error_t where;
    if (!text)
        return -1;
    document->journal = is_journal(text);
    if (document->journal)
        document->json = read_lines(path, text, &document->torn, err);
    else if (!(document->json = json_loads(text, JSON_REJECT_DUPLICATES, &where)))
        not_json(path, text, where.line, &where, err);
    free(text);
    return document->json ? 0 : -1;
}

/* ---- Which kind, which version */

/* The object that has "schema": results themselves; of a journal's first line itself or its "run".
 */
static const json_t *header_of(const struct document *document) {
    const json_t *first = document->journal ? json_array_get(document->json, 0) : document->json;
    const json_t *run = json_object_get(first, "run");
    return document->journal && run ? run : first;
}

static int read_kind(struct document *document, const char *path, struct err *err) {
    const json_t *header = header_of(document);
    const char *schema = json_string_value(json_object_get(header, "schema")),
               *version = json_string_value(json_object_get(header, "schema_version"));
    for (int i = 0; schema && i < document_nkinds; i++)
        if (!strcmp(document_kinds[i].schema, schema))
            document->kind = &document_kinds[i];
    if (!document->kind)
        return err_set(err, GB_INCOMPATIBLE,
                       "%s is not a gilbench result: its field \"schema\" is %s%.60s; `gilbench "
                       "schema` lists what there is",
                       path, schema ? "" : "missing", schema ? schema : "");
    if (!version)
        return err_set(err, GB_INCOMPATIBLE, "%s has no \"schema_version\"", path);
    snprintf(document->version, sizeof document->version, "%s", version);
    return 0;
}

/* The schema's title ends with the version that it describes: "gilbench/result 1.0". */
static int check_version(struct document *document, const json_t *schema, const char *path,
                         struct err *err) {
    const char *title = json_string_value(json_object_get(schema, "title")),
               *known = title ? strrchr(title, ' ') : NULL;
    int major, minor, known_major, known_minor;
    if (!known || sscanf(known, " %d.%d", &known_major, &known_minor) != 2)
        return err_set(err, GB_RUNTIME, "results/%s has no version in its title",
                       document->kind->file);
    if (sscanf(document->version, "%d.%d", &major, &minor) != 2 || major != known_major)
        return err_set(err, GB_INCOMPATIBLE, "%s has schema version %s; this gilbench reads %d.x",
                       path, document->version, known_major);
    document->newer = minor > known_minor;
    return 0;
}

char *document_schema_text(const char *home, const struct document_kind *kind, struct err *err) {
    char path[PATH_MAX];
    char *text;
    snprintf(path, sizeof path, "%.3800s/results/%s", home, kind->file);
    if ((text = read_file(path, err)))
        return text;
    err_set(err, GB_RUNTIME, "cannot read %s: %s; GILBENCH_HOME names the folder that has results/",
            path, strerror(errno));
    return NULL;
}

static json_t *load_schema(const char *home, const struct document_kind *kind, struct err *err) {
    char *text = document_schema_text(home, kind, err);
    json_error_t where;
    json_t *schema = text ? json_loads(text, 0, &where) : NULL;
    if (text && !schema)
        err_set(err, GB_RUNTIME, "results/%s:%d:%d: %s", kind->file, where.line, where.column,
                where.text);
    free(text);
    return schema;
}

/* ---- Rules that a schema cannot say */

/* An interval that its value lies in. */
static int check_interval(const json_t *estimate, const char *id, const char *name,
                          struct err *err) {
    double value = json_number_value(json_object_get(estimate, "value")),
           lo = json_number_value(json_object_get(estimate, "lo")),
           hi = json_number_value(json_object_get(estimate, "hi"));
    if (json_is_null(estimate) || (lo <= value && value <= hi))
        return 0;
    return err_set(err, GB_INCOMPATIBLE, "%s of %s: the value %g is not within [%g, %g]", name, id,
                   value, lo, hi);
}

static int check_unique(const json_t *seen, const char *what, const char *id, struct err *err) {
    if (json_object_get(seen, id))
        return err_set(err, GB_INCOMPATIBLE, "two %s have the id %s", what, id);
    json_object_set_new((json_t *)seen, id, json_true());
    return 0;
}

static int check_run_cell(const json_t *cell, const char *id, struct err *err) {
    const json_t *summary = json_object_get(cell, "summary");
    const char *name, *not_run = json_string_value(json_object_get(cell, "not_run"));
    json_t *estimate;
    if (*not_run && json_array_size(json_object_get(cell, "reps")))
        return err_set(err, GB_INCOMPATIBLE, "%s has processes, but says that it was not run", id);
    json_object_foreach((json_t *)summary, name, estimate) {
        if (check_interval(estimate, id, name, err) < 0)
            return -1;
    }
    return 0;
}

/* As check_interval, in the form that ab has: figures may be null. */
static int check_stats(const json_t *stats, const char *id, const char *name, struct err *err) {
    const json_t *ratio = json_object_get(stats, "ratio"), *ci = json_object_get(stats, "ci95");
    const json_t *lo = json_array_get(ci, 0), *hi = json_array_get(ci, 1);
    double value = json_number_value(ratio);
    if (!json_is_number(ratio) || !json_is_number(lo) || !json_is_number(hi) ||
        (value > 0 && json_number_value(lo) <= value && value <= json_number_value(hi)))
        return 0;
    return err_set(err, GB_INCOMPATIBLE, "%s of %s: the ratio %g is not within [%g, %g]", name, id,
                   value, json_number_value(lo), json_number_value(hi));
}

/* CPU time, where the stats were made of it, has use for disturbed pairs too. */
static int kept_pairs(const json_t *benchmark, const json_t *stats) {
    const json_t *pairs = json_object_get(benchmark, "pairs");
    const char *measure = json_string_value(json_object_get(stats, "measure"));
    bool disturbed_too = measure && !strcmp(measure, "cpu");
    size_t i;
    json_t *one;
    int kept = 0;
    json_array_foreach(pairs, i, one) {
        kept += json_integer_value(json_object_get(one, "stage")) == 1 &&
                (json_is_null(json_object_get(one, "dropped")) ||
                 (disturbed_too && json_is_true(json_object_get(one, "disturbed"))));
    }
    return kept;
}

static int check_ab_benchmark(const json_t *benchmark, const char *id, struct err *err) {
    static const char *const names[] = {"stats", "null_control", "confirm"};
    const json_t *stats = json_object_get(benchmark, "stats");
    const char *verdict = json_string_value(json_object_get(benchmark, "verdict"));
    int n = (int)json_integer_value(json_object_get(stats, "n")),
        kept = kept_pairs(benchmark, stats);
    for (int i = 0; i < 3; i++)
        if (check_stats(json_object_get(benchmark, names[i]), id, names[i], err) < 0)
            return -1;
    if (n > kept)
        return err_set(err, GB_INCOMPATIBLE, "%s: stats of %d pairs, but %d are there", id, n,
                       kept);
    if ((!strcmp(verdict, "regressed") || !strcmp(verdict, "improved")) &&
        !json_is_number(json_object_get(stats, "ratio")))
        return err_set(err, GB_INCOMPATIBLE, "%s is said to have %s, without a ratio", id, verdict);
    return 0;
}

static bool has_claims(const struct document *document) {
    return !strcmp(document->kind->schema, "gilbench/claims");
}

/* A verdict rests on a figure that was measured. */
static int check_decision(const json_t *decision, const char *id, struct err *err) {
    const char *verdict = json_string_value(json_object_get(decision, "verdict"));
    bool measured = false;
    size_t i;
    json_t *one;
    json_array_foreach(json_object_get(decision, "figures"), i, one) {
        const json_t *estimate = json_object_get(one, "estimate");
        if (check_interval(estimate, id, json_string_value(json_object_get(one, "name")), err) < 0)
            return -1;
        measured |= json_is_object(estimate);
    }
    if ((!strcmp(verdict, "HOLDS") || !strcmp(verdict, "REFUTED")) && !measured)
        return err_set(err, GB_INCOMPATIBLE, "%s is said to be %s, without a figure", id, verdict);
    return 0;
}

/* One verdict for each claim and interpreter. */
static int check_board(const struct document *document, struct err *err) {
    const json_t *claims = json_object_get(document->json, "claims");
    json_t *seen = json_object(), *one;
    size_t i;
    int failed = 0;
    json_array_foreach(claims, i, one) {
        char id[200];
        snprintf(id, sizeof id, "%s on %s", json_string_value(json_object_get(one, "id")),
                 json_string_value(json_object_get(one, "python")));
        if (!failed)
            failed = check_unique(seen, "verdicts", id, err);
        if (!failed)
            failed = check_decision(one, id, err);
    }
    json_decref(seen);
    return failed;
}

static int check_rules(const struct document *document, struct err *err) {
    const json_t *benchmarks = json_object_get(document->json, "benchmarks");
    json_t *seen = json_object(), *one;
    size_t i;
    int failed = has_claims(document) ? check_board(document, err) : 0;
    json_array_foreach(benchmarks, i, one) {
        const char *id = json_string_value(json_object_get(one, "id"));
        if (!failed)
            failed = check_unique(seen, "benchmarks", id, err);
        if (!failed && !strcmp(document->kind->schema, "gilbench/result"))
            failed = check_run_cell(one, id, err);
        if (!failed && !strcmp(document->kind->schema, "gilbench/ab"))
            failed = check_ab_benchmark(one, id, err);
    }
    json_decref(seen);
    return failed;
}

/* ---- All of it */

static int check_lines(const json_t *schema, const json_t *lines, const char *path,
                       struct err *err) {
    const json_t *line_schema = json_object_get(json_object_get(schema, "$defs"), "journal_line");
    size_t i;
    json_t *one;
    json_array_foreach(lines, i, one) {
        struct err why = {0};
        if (schema_check(schema, line_schema, one, &why) < 0)
            return err_set(err, why.code, "%s:%zu: %.800s", path, i + 1, why.text);
    }
    return 0;
}

static int check_document(const char *home, const char *path, struct document *document,
                          struct err *err) {
    struct err why = {0};
    json_t *schema;
    int failed;
    if (read_kind(document, path, err) < 0 || !(schema = load_schema(home, document->kind, err)))
        return -1;
    failed = check_version(document, schema, path, err);
    if (!failed && document->journal)
        failed = check_lines(schema, document->json, path, err);
    else if (!failed && (schema_check(schema, schema, document->json, &why) < 0 ||
                         check_rules(document, &why) < 0))
        failed = err_set(err, why.code, "%s: %.800s", path, why.text);
    json_decref(schema);
    return failed;
}

int document_load(const char *home, const char *path, struct document *document, struct err *err) {
    *document = (struct document){0};
    if (read_document(path, document, err) == 0 && check_document(home, path, document, err) == 0)
        return 0;
    document_free(document);
    return -1;
}

int document_load_results(const char *home, const char *path, const char *schema,
                          struct document *document, struct err *err) {
    if (document_load(home, path, document, err) < 0)
        return -1;
    if (!document->journal && !strcmp(document->kind->schema, schema))
        return 0;
    err_set(err, GB_INCOMPATIBLE, "%s is %s of %s; results of %s are expected", path,
            document->journal ? "a journal" : "results", document->kind->schema, schema);
    document_free(document);
    return -1;
}

int document_items(const struct document *document) {
    const json_t *items =
        document->journal
            ? document->json
            : json_object_get(document->json, has_claims(document) ? "claims" : "benchmarks");
    return (int)json_array_size(items);
}

void document_free(struct document *document) {
    json_decref(document->json);
    *document = (struct document){0};
}
