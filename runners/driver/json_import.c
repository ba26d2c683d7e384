/* json_import.c - pyperf's results as ours; see export.h. */
#include "export.h"
#include "facts.h"
#include "trial.h"
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct import {
    const char *path;
    const json_t *suite; /* metadata that all benchmarks share */
    struct runset *run;
    struct err *err;
};

/* pyperf keeps what runs share once: in the suite, else in the benchmark, else in each run. */
static const json_t *find(const json_t *run, const json_t *benchmark, const struct import *in,
                          const char *key) {
    const json_t *found = json_object_get(json_object_get(run, "metadata"), key);
    if (!found)
        found = json_object_get(json_object_get(benchmark, "metadata"), key);
    return found ? found : json_object_get(in->suite, key);
}

static const char *find_text(const json_t *benchmark, const struct import *in, const char *key) {
    const json_t *run = json_array_get(json_object_get(benchmark, "runs"), 0);
    const char *text = json_string_value(find(run, benchmark, in, key));
    return text ? text : "";
}

/* Times are whole nanoseconds here, so that a short one is counted as that of more ops: a value
 * keeps six digits. */
static int read_value(const struct import *in, struct sample *s, const json_t *value, double ops,
                      bool warmup, const char *name) {
    double seconds = json_number_value(value), ns;
    if (!json_is_number(value) || !(seconds > 0))
        return err_set(in->err, GB_INCOMPATIBLE,
                       "%s: a value of %s is no number of seconds above 0", in->path, name);
    while (seconds * 1e9 * ops < 1e6)
        ops *= 10;
    ns = seconds * 1e9 * ops;
    if (ns > 9e18 || ops > 9e18)
        return err_set(in->err, GB_INCOMPATIBLE, "%s: a value of %s is too large: %g s", in->path,
                       name, seconds);
    *s = (struct sample){.ns = llround(ns),
                         .ops = llround(ops),
                         .warmup = warmup,
                         .hist = calloc(1, sizeof *s->hist)};
    return 0;
}

static int read_samples(const struct import *in, struct rep *rep, const json_t *run,
                        const json_t *benchmark, const char *name) {
    const json_t *values = json_object_get(run, "values"),
                 *warmups = json_object_get(run, "warmups"),
                 *inner = find(run, benchmark, in, "inner_loops"),
                 *loops = find(run, benchmark, in, "loops");
    double per_loop = inner ? json_number_value(inner) : 1;
    size_t nwarm = json_array_size(warmups), count = nwarm + json_array_size(values);
    if (!(rep->samples = calloc(count, sizeof *rep->samples)))
        return err_set(in->err, GB_RUNTIME, "out of memory");
    for (size_t i = 0; i < count; i++) {
        const json_t *warm = i < nwarm ? json_array_get(warmups, i) : NULL;
        const json_t *value = warm ? json_array_get(warm, 1) : json_array_get(values, i - nwarm);
        double times = warm    ? json_number_value(json_array_get(warm, 0))
                       : loops ? json_number_value(loops)
                               : 1;
        if (read_value(in, &rep->samples[rep->nsamples], value, fmax(times * fmax(per_loop, 1), 1),
                       warm != NULL, name) < 0)
            return -1;
        rep->nsamples++;
    }
    return 0;
}

/* Runs without values were calibrations. */
static int read_runs(const struct import *in, const json_t *benchmark, int cell, const char *name) {
    const json_t *runs = json_object_get(benchmark, "runs");
    size_t i;
    json_t *one;
    json_array_foreach(runs, i, one) {
        const struct result *result = &in->run->results[cell];
        struct rep rep = {.cell = cell, .rep = result->nreps};
        if (!json_array_size(json_object_get(one, "values")))
            continue;
        rep.peak_rss_b = json_integer_value(find(one, benchmark, in, "mem_max_rss"));
        snprintf(rep.at_ready.runtime, sizeof rep.at_ready.runtime, "%.63s",
                 fact_find(in->run, "python"));
        rep.at_end = rep.at_ready;
        if (read_samples(in, &rep, one, benchmark, name) < 0 ||
            runset_add_rep(in->run, rep, in->err) < 0) {
            rep_free(&rep);
            return -1;
        }
    }
    return in->run->results[cell].nreps
               ? 0
               : err_set(in->err, GB_INCOMPATIBLE, "%s: %s has no run with values", in->path, name);
}

static int read_benchmark(const struct import *in, const json_t *benchmark) {
    const char *name = find_text(benchmark, in, "name"), *unit = find_text(benchmark, in, "unit");
    struct cell *cell = &in->run->results[in->run->nresults].cell;
    if (!*name)
        return err_set(in->err, GB_INCOMPATIBLE,
                       "%s is no pyperf suite: a benchmark without metadata \"name\"", in->path);
    if (*unit && strcmp(unit, "second"))
        return err_set(in->err, GB_INCOMPATIBLE,
                       "%s: %s is in units of '%s'; only seconds can be "
                       "imported",
                       in->path, name, unit);
    *cell = (struct cell){.model = "pyperf", .kind = GB_CPU, .cores = 1};
    snprintf(cell->id, sizeof cell->id, "%.200s/pyperf", name);
    snprintf(cell->workload, sizeof cell->workload, "%.63s", name);
    in->run->nresults++;
    return read_runs(in, benchmark, in->run->nresults - 1, name);
}

/* ---- The header: pyperf's facts under our names */

static void read_facts(const struct import *in, const json_t *benchmark) {
    char python[160], version[64] = "";
    struct runset *run = in->run;
    sscanf(find_text(benchmark, in, "python_version"), "%63s", version);
    snprintf(python, sizeof python, "%.64s-%s", find_text(benchmark, in, "python_implementation"),
             version);
    fact_add(run, "imported_from", "pyperf");
    fact_add(run, "pyperf_version", find_text(benchmark, in, "perf_version"));
    fact_add(run, "python", *version ? python : "");
    fact_add(run, "cpu_model", find_text(benchmark, in, "cpu_model_name"));
    fact_add(run, "kernel", find_text(benchmark, in, "platform"));
    fact_add(run, "commit", find_text(benchmark, in, "commit"));
}

/* pyperf writes local time without a zone; it is taken as it stands. */
static void read_date(const struct import *in, const json_t *benchmark) {
    int year, month, day, hour, minute, second;
    struct runset *run = in->run;
    time_t now = time(NULL);
    struct tm utc;
    gmtime_r(&now, &utc);
    if (sscanf(find_text(benchmark, in, "date"), "%4d-%2d-%2d %2d:%2d:%2d", &year, &month, &day,
               &hour, &minute, &second) == 6)
        utc = (struct tm){.tm_year = year - 1900,
                          .tm_mon = month - 1,
                          .tm_mday = day,
                          .tm_hour = hour,
                          .tm_min = minute,
                          .tm_sec = second};
    strftime(run->created_utc, sizeof run->created_utc, "%Y-%m-%dT%H:%M:%SZ", &utc);
    strftime(run->run_id, sizeof run->run_id, "%Y%m%dT%H%M%SZ-pyperf", &utc);
}

static int read_suite(const struct import *in, const json_t *suite) {
    const json_t *benchmarks = json_object_get(suite, "benchmarks");
    const char *version = json_string_value(json_object_get(suite, "version"));
    size_t i;
    json_t *one;
    if (!json_array_size(benchmarks) || !version || strncmp(version, "1.", 2))
        return err_set(in->err, GB_INCOMPATIBLE,
                       "%s is no pyperf suite of version 1.x: \"version\" is %s and it has %zu "
                       "benchmarks",
                       in->path, version ? version : "missing", json_array_size(benchmarks));
    if (!(in->run->results = calloc(json_array_size(benchmarks), sizeof *in->run->results)))
        return err_set(in->err, GB_RUNTIME, "out of memory");
    read_date(in, json_array_get(benchmarks, 0));
    read_facts(in, json_array_get(benchmarks, 0));
    json_array_foreach(benchmarks, i, one) {
        if (read_benchmark(in, one) < 0)
            return -1;
    }
    return 0;
}

int import_pyperf(const char *path, struct runset *run, struct err *err) {
    json_error_t where;
    json_t *suite = json_load_file(path, JSON_REJECT_DUPLICATES, &where);
    struct import in = {path, json_object_get(suite, "metadata"), run, err};
    int failed;
    *run = (struct runset){.matrix_name = "pyperf", .matrix_text = strdup("# from pyperf\n")};
    if (!suite && json_error_code(&where) == json_error_cannot_open_file)
        failed = err_set(err, GB_USAGE, "%s", where.text);
    else if (!suite)
        failed = err_set(err, GB_INCOMPATIBLE, "%s:%d:%d: %s", path, where.line, where.column,
                         where.text);
    else
        failed = read_suite(&in, suite);
    json_decref(suite);
    for (int i = 0; i < run->nresults; i++)
        run->reps = run->results[i].nreps > run->reps ? run->results[i].nreps : run->reps;
    if (failed)
        runset_free(run);
    else
        runset_summarise(run);
    return failed;
}
