/* json_export.c - the formats of others that are JSON; see export.h. */
#include "../stats/stats.h"
#include "export.h"
#include "facts.h"
#include "json_file.h"
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

int export_json(FILE *out, json_t *object, struct err *err) {
    if (json_print(out, object, JSON_INDENT(2)) == 0)
        return 0;
    return err_set(err, GB_RUNTIME, "cannot write: %s", strerror(errno));
}

static double seconds_per_op(const struct sample *s) {
    return (double)s->ns / 1e9 / (double)s->ops;
}

static void set_text(json_t *object, const char *key, const char *text) {
    if (*text)
        json_object_set_new(object, key, json_string(text));
}

/* ---- pyperf */

static json_t *pyperf_run(const struct rep *rep) {
    json_t *values = json_array(), *warmups = json_array(), *metadata = json_object(),
           *run =
               json_pack("{so so so}", "metadata", metadata, "values", values, "warmups", warmups);
    if (rep->peak_rss_b)
        json_object_set_new(metadata, "mem_max_rss", json_integer(rep->peak_rss_b));
    for (int i = 0; i < rep->nsamples; i++) {
        const struct sample *s = &rep->samples[i];
        if (s->warmup)
            json_array_append_new(warmups,
                                  json_pack("[If]", (json_int_t)s->ops, seconds_per_op(s)));
        else
            json_array_append_new(values, json_real(seconds_per_op(s)));
    }
    if (!json_array_size(warmups))
        json_object_del(run, "warmups");
    return run;
}

static json_t *pyperf_benchmark(const struct result *r) {
    json_t *runs = json_array();
    for (int i = 0; i < r->nreps; i++)
        json_array_append_new(runs, pyperf_run(&r->reps[i]));
    return json_pack("{s{ss ss sI} so}", "metadata", "name", r->cell.id, "unit", "second", "loops",
                     (json_int_t)r->reps[0].samples[0].ops, "runs", runs);
}

int export_pyperf(FILE *out, const struct runset *run, struct err *err) {
    json_t *benchmarks = json_array(), *metadata = json_object();
    const char *python = fact_find(run, "python"), *dash = strchr(python, '-');
    set_text(metadata, "gilbench_run", run->run_id);
    set_text(metadata, "cpu_model_name", fact_find(run, "cpu_model"));
    set_text(metadata, "platform", fact_find(run, "kernel"));
    set_text(metadata, "python_version", dash ? dash + 1 : python);
    set_text(metadata, "commit", fact_find(run, "commit"));
    for (int i = 0; i < run->nresults; i++)
        if (result_has_number(&run->results[i]))
            json_array_append_new(benchmarks, pyperf_benchmark(&run->results[i]));
    return export_json(
        out,
        json_pack("{ss so so}", "version", "1.0", "metadata", metadata, "benchmarks", benchmarks),
        err);
}

/* ---- hyperfine */

struct times {
    double *seconds, user, sys; /* user, sys: sums */
    size_t n;
};

static int collect(struct times *t, const struct result *r) {
    size_t room = 0;
    *t = (struct times){0};
    for (int i = 0; i < r->nreps; i++)
        room += (size_t)r->reps[i].nsamples;
    if (!(t->seconds = malloc(room * sizeof *t->seconds + 1)))
        return -1;
    for (int i = 0; i < r->nreps; i++)
        for (int k = 0; k < r->reps[i].nsamples; k++) {
            const struct sample *s = &r->reps[i].samples[k];
            if (s->warmup)
                continue;
            t->seconds[t->n++] = (double)s->ns / 1e9;
            t->user += (double)s->usage.user_ns / 1e9;
            t->sys += (double)s->usage.sys_ns / 1e9;
        }
    return 0;
}

json_t *export_hyperfine_command(const char *name, const double *seconds, size_t n, double user,
                                 double sys, json_t *params) {
    json_t *list = json_array(), *codes = json_array();
    for (size_t i = 0; i < n; i++) {
        json_array_append_new(list, json_real(seconds[i]));
        json_array_append_new(codes, json_integer(0));
    }
    return json_pack("{ss sf sf sf sf sf sf sf so so so}", "command", name, "mean",
                     stats_mean(seconds, n), "stddev", stats_sd(seconds, n), "median",
                     stats_median(seconds, n), "user", user / (double)n, "system", sys / (double)n,
                     "min", stats_quantile(seconds, n, 0), "max", stats_quantile(seconds, n, 1),
                     "times", list, "exit_codes", codes, "parameters", params);
}

static json_t *hyperfine_command(const struct result *r) {
    json_t *params = json_object(), *command;
    struct times t;
    for (int i = 0; i < r->cell.nparams; i++)
        set_text(params, r->cell.params[i].key, r->cell.params[i].value);
    if (collect(&t, r) < 0) {
        json_decref(params);
        return NULL;
    }
    command = export_hyperfine_command(r->cell.id, t.seconds, t.n, t.user, t.sys, params);
    free(t.seconds);
    return command;
}

int export_hyperfine(FILE *out, const struct runset *run, struct err *err) {
    json_t *results = json_array();
    for (int i = 0; i < run->nresults; i++)
        if (result_has_number(&run->results[i]))
            json_array_append_new(results, hyperfine_command(&run->results[i]));
    return export_json(out, json_pack("{so}", "results", results), err);
}

/* ---- github-action-benchmark */

int export_github(FILE *out, const struct runset *run, struct err *err) {
    json_t *list = json_array();
    for (int i = 0; i < run->nresults; i++) {
        const struct result *r = &run->results[i];
        const struct estimate *e = &r->ops_per_s;
        char range[64], extra[200];
        if (!result_has_number(r))
            continue;
        /* One figure is all that this format has for the spread: half of the interval's width. */
        snprintf(range, sizeof range, "\xc2\xb1 %.4g", (1e9 / e->lo - 1e9 / e->hi) / 2);
        snprintf(extra, sizeof extra,
                 "median over %d processes, 95 %% interval [%.6g, %.6g]\ncommit %s", e->n,
                 1e9 / e->hi, 1e9 / e->lo, fact_find(run, "commit"));
        json_array_append_new(list,
                              json_pack("{ss ss sf ss ss}", "name", r->cell.id, "unit", "ns/op",
                                        "value", 1e9 / e->value, "range", range, "extra", extra));
    }
    return export_json(out, list, err);
}
