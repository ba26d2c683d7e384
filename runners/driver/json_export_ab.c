/* json_export_ab.c - results of `gilbench ab` in the formats of others; see export.h. They are made
 * from the document itself, since the pairs are wanted slice by slice. */
#include "document.h"
#include "export.h"
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

static const char *text_of(const json_t *object, const char *key) {
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

/* What a benchmark was judged by: wall time, or CPU time, for which disturbed pairs are good too. */
static bool is_by_cpu(const json_t *benchmark) {
    return !strcmp(text_of(json_object_get(benchmark, "stats"), "measure"), "cpu");
}

static const char *times_key(const json_t *benchmark) {
    return is_by_cpu(benchmark) ? "cpu_ns" : "slices_ns";
}

/* The pairs that count: of the run itself, and not dropped. */
static const json_t *kept_side(const json_t *benchmark, const json_t *pair, const char *arm) {
    bool kept = json_is_null(json_object_get(pair, "dropped")) ||
                (is_by_cpu(benchmark) && json_is_true(json_object_get(pair, "disturbed")));
    return kept && json_integer_value(json_object_get(pair, "stage")) == 1
               ? json_object_get(pair, arm)
               : NULL;
}

/* ---- pyperf: one arm, so that `pyperf compare_to` can set two files side by side */

static json_t *pyperf_run(const json_t *slices, double ops) {
    json_t *values = json_array(), *one;
    size_t i;
    json_array_foreach(slices, i, one) {
        json_array_append_new(values, json_real((double)json_integer_value(one) / 1e9 / ops));
    }
    return json_pack("{so}", "values", values);
}

static json_t *pyperf_benchmark(const json_t *benchmark, const char *arm) {
    const json_t *pairs = json_object_get(benchmark, "pairs"), *side;
    json_int_t ops = json_integer_value(json_object_get(benchmark, "ops"));
    json_t *runs = json_array(), *one;
    size_t i;
    json_array_foreach(pairs, i, one) {
        if (ops && (side = kept_side(benchmark, one, arm)))
            json_array_append_new(
                runs, pyperf_run(json_object_get(side, times_key(benchmark)), (double)ops));
    }
    if (json_array_size(runs))
        return json_pack("{s{ss ss sI} so}", "metadata", "name", text_of(benchmark, "id"), "unit",
                         "second", "loops", ops, "runs", runs);
    json_decref(runs);
    return NULL;
}

int export_ab_pyperf(FILE *out, const struct document *document, const char *arm, struct err *err) {
    const json_t *all = json_object_get(document->json, "benchmarks");
    const char *cpu = text_of(json_object_get(document->json, "facts"), "cpu_model");
    json_t *benchmarks = json_array(), *metadata = json_object(), *one;
    size_t i;
    json_object_set_new(metadata, "gilbench_run", json_string(text_of(document->json, "run_id")));
    json_object_set_new(metadata, "gilbench_arm", json_string(arm));
    if (*cpu)
        json_object_set_new(metadata, "cpu_model_name", json_string(cpu));
    json_array_foreach(all, i, one) {
        json_t *benchmark = pyperf_benchmark(one, arm);
        if (benchmark)
            json_array_append_new(benchmarks, benchmark);
    }
    return export_json(
        out,
        json_pack("{ss so so}", "version", "1.0", "metadata", metadata, "benchmarks", benchmarks),
        err);
}

/* ---- hyperfine: both arms, a command each */

static double sum_of(const json_t *list) {
    double sum = 0;
    for (size_t i = 0; i < json_array_size(list); i++)
        sum += (double)json_integer_value(json_array_get(list, i)) / 1e9;
    return sum;
}

/* Collects the slices of an arm in seconds; user and sys get sums. Returns how many. */
static size_t collect(const json_t *benchmark, const char *arm, double *seconds, double *user,
                      double *sys) {
    const json_t *pairs = json_object_get(benchmark, "pairs");
    size_t i, n = 0;
    json_t *one;
    json_array_foreach(pairs, i, one) {
        const json_t *side = kept_side(benchmark, one, arm),
                     *slices = json_object_get(side, times_key(benchmark));
        for (size_t k = 0; k < json_array_size(slices); k++, n++)
            if (seconds)
                seconds[n] = (double)json_integer_value(json_array_get(slices, k)) / 1e9;
        *user += sum_of(json_object_get(side, "cpu_user_ns"));
        *sys += sum_of(json_object_get(side, "cpu_sys_ns"));
    }
    return n;
}

static json_t *hyperfine_command(const json_t *benchmark, const char *arm) {
    double user = 0, sys = 0, *seconds;
    size_t n = collect(benchmark, arm, NULL, &user, &sys);
    json_t *command;
    char name[300];
    user = sys = 0;
    if (!n || !(seconds = malloc(n * sizeof *seconds)))
        return NULL;
    collect(benchmark, arm, seconds, &user, &sys);
    snprintf(name, sizeof name, "%.250s (%s)", text_of(benchmark, "id"), arm);
    command = export_hyperfine_command(name, seconds, n, user, sys,
                                       json_deep_copy(json_object_get(benchmark, "params")));
    free(seconds);
    return command;
}

int export_ab_hyperfine(FILE *out, const struct document *document, struct err *err) {
    const json_t *all = json_object_get(document->json, "benchmarks");
    json_t *results = json_array(), *one;
    size_t i;
    json_array_foreach(all, i, one) {
        for (int arm = 0; arm < 2; arm++) {
            json_t *command = hyperfine_command(one, arm ? "B" : "A");
            if (command)
                json_array_append_new(results, command);
        }
    }
    return export_json(out, json_pack("{so}", "results", results), err);
}

/* ---- github-action-benchmark: the ratio, which a machine that changes does not move */

int export_ab_github(FILE *out, const struct document *document, struct err *err) {
    const json_t *all = json_object_get(document->json, "benchmarks");
    json_t *list = json_array(), *one;
    size_t i;
    json_array_foreach(all, i, one) {
        const json_t *stats = json_object_get(one, "stats"),
                     *ratio = json_object_get(stats, "ratio"), *ci = json_object_get(stats, "ci95");
        double lo = json_number_value(json_array_get(ci, 0)),
               hi = json_number_value(json_array_get(ci, 1));
        char range[64], extra[200];
        if (!json_is_number(ratio))
            continue;
        snprintf(range, sizeof range, "\xc2\xb1 %.4g", (hi - lo) / 2);
        snprintf(extra, sizeof extra, "%s, %d pairs, 95 %% interval [%.4f, %.4f]",
                 text_of(one, "verdict"), (int)json_integer_value(json_object_get(stats, "n")), lo,
                 hi);
        json_array_append_new(list, json_pack("{ss ss sO ss ss}", "name", text_of(one, "id"),
                                              "unit", "candidate / baseline", "value", ratio,
                                              "range", range, "extra", extra));
    }
    return export_json(out, list, err);
}
