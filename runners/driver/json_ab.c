/* json_ab.c - see ab_read.h. The document has been checked against its schema, so that what must be
 * there is there. */
#include "ab_read.h"
#include "document.h"
#include "facts.h"
#include "json_file.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

static int whole(const json_t *object, const char *key) {
    return (int)json_integer_value(json_object_get(object, key));
}

static double figure(const json_t *value) {
    return json_is_number(value) ? json_number_value(value) : NAN;
}

static double number(const json_t *object, const char *key) {
    return figure(json_object_get(object, key));
}

static bool is_cpu(const json_t *stats) {
    const char *measure = json_string_value(json_object_get(stats, "measure"));
    return measure && !strcmp(measure, "cpu");
}

static struct ab_stats read_stats(const json_t *s) {
    const json_t *ci = json_object_get(s, "ci95");
    return (struct ab_stats){.n = whole(s, "n"),
                             .dropped = whole(s, "dropped"),
                             .ratio = number(s, "ratio"),
                             .lo95 = figure(json_array_get(ci, 0)),
                             .hi95 = figure(json_array_get(ci, 1)),
                             .hodges_lehmann = number(s, "hodges_lehmann"),
                             .lower = number(s, "lower"),
                             .upper = number(s, "upper"),
                             .p_slower = number(s, "p_slower"),
                             .p_faster = number(s, "p_faster"),
                             .p_holm = number(s, "p_holm"),
                             .sd = number(s, "sd_d"),
                             .lag1 = number(s, "lag1"),
                             .mde95 = number(s, "mde95"),
                             .sd_builds = number(s, "sd_builds"),
                             .method = "",
                             .measure = is_cpu(s) ? AB_CPU_TIME : AB_WALL,
                             .disturbed = whole(s, "disturbed")};
}

/* The schema knows no other verdict than these. */
static enum ab_verdict read_verdict(const json_t *object) {
    int verdict = verdict_by_name(json_string_value(json_object_get(object, "verdict")));
    return verdict < 0 ? AB_INVALID : (enum ab_verdict)verdict;
}

static void read_cell(struct cell *cell, const json_t *object) {
    char kind[16], model[2 * GB_NAME_MAX], *colon;
    TEXT(object, "id", cell->id);
    TEXT(object, "workload", cell->workload);
    TEXT(object, "kind", kind);
    TEXT(object, "model", model);
    cell->kind = kind_named(kind);
    if ((colon = strchr(model, ':')))
        *colon = '\0';
    snprintf(cell->model, sizeof cell->model, "%.63s", model);
    snprintf(cell->variant, sizeof cell->variant, "%.63s", colon ? colon + 1 : "");
}

static void read_ir(struct ab_benchmark *b, const json_t *ir) {
    const json_t *arms[2] = {json_object_get(ir, "A"), json_object_get(ir, "B")};
    for (b->nir = 0; b->nir < AB_IR_MAX && (size_t)b->nir < json_array_size(arms[0]); b->nir++)
        for (int arm = 0; arm < 2; arm++)
            b->ir[arm][b->nir] = json_integer_value(json_array_get(arms[arm], (size_t)b->nir));
}

static void read_benchmark(struct ab_benchmark *b, const json_t *object) {
    const json_t *why = json_object_get(object, "why");
    size_t i, used = 0;
    json_t *one;
    read_cell(&b->cell, object);
    TEXT(object, "note", b->note);
    b->ops = json_integer_value(json_object_get(object, "ops"));
    b->stats = read_stats(json_object_get(object, "stats"));
    b->null = read_stats(json_object_get(object, "null_control"));
    b->confirm = read_stats(json_object_get(object, "confirm"));
    b->verdict = read_verdict(object);
    b->decided = true;
    read_ir(b, json_object_get(object, "ir"));
    json_array_foreach(why, i, one) {
        if (used < sizeof b->why)
            used += (size_t)snprintf(b->why + used, sizeof b->why - used, "%s%s", i ? "; " : "",
                                     json_string_value(one));
    }
}

static void read_plan(struct ab_plan *plan, const json_t *object) {
    const json_t *looks = json_object_get(object, "looks");
    *plan = (struct ab_plan){.seed = (uint64_t)json_integer_value(json_object_get(object, "seed")),
                             .slices = whole(object, "slices"),
                             .slice_ms = whole(object, "slice_ms"),
                             .arms = whole(object, "arms"),
                             .margin = number(object, "margin"),
                             .limit = number(object, "limit"),
                             .alpha = number(object, "alpha_family"),
                             .budget_s = number(object, "budget_s"),
                             .confirm = json_is_true(json_object_get(object, "confirm"))};
    for (; plan->nlooks < AB_LOOKS_MAX && (size_t)plan->nlooks < json_array_size(looks);
         plan->nlooks++)
        plan->looks[plan->nlooks] =
            (int)json_integer_value(json_array_get(looks, (size_t)plan->nlooks));
}

static void read_arm(struct ab_arm *arm, const json_t *object) {
    const json_t *builds = json_object_get(object, "builds");
    TEXT(object, "spec", arm->spec);
    TEXT(object, "kind", arm->kind);
    TEXT(object, "git", arm->git);
    for (; arm->nbuilds < AB_BUILDS_MAX && (size_t)arm->nbuilds < json_array_size(builds);
         arm->nbuilds++) {
        const json_t *from = json_array_get(builds, (size_t)arm->nbuilds);
        TEXT(from, "id", arm->builds[arm->nbuilds].id);
        TEXT(from, "build_id", arm->builds[arm->nbuilds].build_id);
    }
}

static void read_header(struct ab_result *result, const json_t *object) {
    const json_t *arms = json_object_get(object, "arms"), *value;
    struct runset *run = &result->run;
    const char *key;
    TEXT(object, "run_id", run->run_id);
    TEXT(object, "created_utc", run->created_utc);
    TEXT(object, "matrix", run->matrix_name);
    json_object_foreach(json_object_get(object, "facts"), key, value)
        fact_add(run, key, json_string_value(value));
    read_plan(&result->plan, json_object_get(object, "plan"));
    read_arm(&result->arms[AB_BASE], json_object_get(arms, "A"));
    read_arm(&result->arms[AB_CAND], json_object_get(arms, "B"));
    read_arm(&result->arms[AB_NULL], json_object_get(arms, "A2"));
    result->interrupted = json_is_true(json_object_get(object, "interrupted"));
    result->null_control = read_stats(json_object_get(object, "null_control"));
    result->verdict = read_verdict(json_object_get(object, "summary"));
}

int ab_results_read(const char *home, const char *path, struct ab_result *result, struct err *err) {
    const json_t *benchmarks;
    struct document document;
    *result = (struct ab_result){0};
    if (document_load_results(home, path, "gilbench/ab", &document, err) < 0)
        return -1;
    read_header(result, document.json);
    benchmarks = json_object_get(document.json, "benchmarks");
    result->benchmarks = calloc(json_array_size(benchmarks) + 1, sizeof *result->benchmarks);
    for (size_t i = 0; result->benchmarks && i < json_array_size(benchmarks); i++) {
        struct ab_benchmark *b = &result->benchmarks[result->nbenchmarks++];
        read_benchmark(b, json_array_get(benchmarks, i));
        result->counts[b->verdict]++;
    }
    document_free(&document);
    return result->benchmarks ? 0 : err_set(err, GB_RUNTIME, "out of memory");
}
