/* results.c - runs as JSON. The field names are those of
 * results/schema.json; units are in the names. Readers ignore fields that they do not know. */
#include "results.h"
#include "json_file.h"
#include "matrix.h"
#include "trial.h"
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char schema[] = "gilbench/result", schema_version[] = "1.2";

/* ---- Out */

static json_t *usage_json(const struct usage *u) {
    return json_pack("{sI sI sI sI sI}", "cpu_ns", (json_int_t)u->cpu_ns, "cpu_user_ns",
                     (json_int_t)u->user_ns, "cpu_sys_ns", (json_int_t)u->sys_ns, "nvcsw",
                     (json_int_t)u->nvcsw, "nivcsw", (json_int_t)u->nivcsw);
}

/* [[bucket, count], ...] */
static json_t *hist_json(const struct hist *hist) {
    json_t *list = json_array();
    for (unsigned i = 0; hist && i < HIST_BUCKETS; i++)
        if (hist->count[i])
            json_array_append_new(list, json_pack("[iI]", (int)i, (json_int_t)hist->count[i]));
    return list;
}

static json_t *client_json(const struct client *c) {
    return json_pack("{sI sI sI sI sI}", "cpu_ns", (json_int_t)c->cpu_ns, "offered_ns",
                     (json_int_t)c->offered_ns, "late_ns", (json_int_t)c->late_ns, "late_max_ns",
                     (json_int_t)c->late_max_ns, "waited", (json_int_t)c->waited);
}

static json_t *waiting_json(const struct waiting *w) {
    return json_pack("{sI sI sI sI}", "tasks", (json_int_t)w->tasks, "pss_b", (json_int_t)w->pss_b,
                     "page_tables_b", (json_int_t)w->page_tables_b, "threads",
                     (json_int_t)w->threads);
}

static json_t *sample_json(const struct sample *s) {
    char digest[17];
    json_t *object;
    snprintf(digest, sizeof digest, "%016" PRIx64, s->digest);
    object = json_pack("{sI sI sI sI sI ss sb so so}", "ns", (json_int_t)s->ns, "ops",
                       (json_int_t)s->ops, "hit", (json_int_t)s->hit, "miss", (json_int_t)s->miss,
                       "error", (json_int_t)s->error, "digest", digest, "warmup", (int)s->warmup,
                       "usage", usage_json(&s->usage), "latency_ns_hist", hist_json(s->hist));
    if (s->client.cpu_ns)
        json_object_set_new(object, "client", client_json(&s->client));
    if (s->waiting.tasks)
        json_object_set_new(object, "waiting", waiting_json(&s->waiting));
    if (s->corrected)
        json_object_set_new(object, "latency_corrected_ns_hist", hist_json(s->corrected));
    if (s->heavy)
        json_object_set_new(object, "latency_heavy_ns_hist", hist_json(s->heavy));
    return object;
}

static json_t *attest_json(const struct attest *a) {
    return json_pack("{ss ss ss ss ss ss ss ss}", "gil", a->gil, "runtime", a->runtime, "loop",
                     a->loop, "interp", a->interp, "affinity", a->affinity, "build", a->build,
                     "start_method", a->start_method, "debug", a->debug);
}

static json_t *rep_json(const struct rep *rep) {
    json_t *samples = json_array();
    for (int i = 0; i < rep->nsamples; i++)
        json_array_append_new(samples, sample_json(&rep->samples[i]));
    return json_pack("{si sI sI sI sI so so so ss ss ss sb so ss si}", "rep", rep->rep,
                     "startup_ns", (json_int_t)rep->startup_ns, "peak_rss_b",
                     (json_int_t)rep->peak_rss_b, "pss_b", (json_int_t)rep->pss_b, "pss_ready_b",
                     (json_int_t)rep->pss_ready_b, "lifetime", usage_json(&rep->lifetime), "attest",
                     attest_json(&rep->at_ready), "attest_at_end", attest_json(&rep->at_end),
                     "cpus_planned", rep->cpus_planned, "cpus_observed", rep->cpus_observed,
                     "peer_cpus", rep->peer_cpus, "shared_core", (int)rep->shared_core, "samples",
                     samples, "void", rep->void_reason, "void_code", (int)rep->void_code);
}

static json_t *estimate_json(const struct estimate *e) {
    return e->n ? json_pack("{sf sf sf si}", "value", e->value, "lo", e->lo, "hi", e->hi, "n", e->n)
                : json_null();
}

/* The estimates of a result, by name: one table for writing and reading. */
struct named_estimate {
    const char *name;
    size_t offset;
};
#define NAMED(field)                                                                               \
    { #field, offsetof(struct result, field) }
#define PERCENTILE(kind, name)                                                                     \
    { #kind "_" #name "_ns", offsetof(struct result, kind.name) }
#define PERCENTILES(kind)                                                                          \
    PERCENTILE(kind, p50), PERCENTILE(kind, p90), PERCENTILE(kind, p99), PERCENTILE(kind, p999),   \
        PERCENTILE(kind, p9999), PERCENTILE(kind, max)
static const struct named_estimate estimates[] = {
    NAMED(ops_per_s),       NAMED(cpu_ns_per_op),     NAMED(user_ns_per_op),
    NAMED(sys_ns_per_op),   NAMED(nvcsw_per_op),      NAMED(nivcsw_per_op),
    NAMED(startup_ns),      NAMED(peak_rss_b),        NAMED(pss_b),
    NAMED(pss_ready_b),     NAMED(waiting_pss_b),     NAMED(waiting_page_tables_b),
    NAMED(waiting_threads), PERCENTILES(uncorrected), PERCENTILES(corrected),
    PERCENTILES(heavy),     NAMED(offered_ops_per_s), NAMED(client_cpu_share),
    NAMED(client_late_ns),  NAMED(waited_share),      NAMED(parallelism),
    NAMED(speedup),
};
enum { ESTIMATES = sizeof estimates / sizeof *estimates };

static struct estimate *estimate_at(const struct result *result, int i) {
    return (struct estimate *)((char *)result + estimates[i].offset);
}

const struct estimate *result_estimate(const struct result *result, int i, const char **name) {
    if (i >= ESTIMATES)
        return NULL;
    *name = estimates[i].name;
    return estimate_at(result, i);
}

static json_t *cell_json(const struct cell *cell) {
    json_t *params = json_object();
    char model[2 * GB_NAME_MAX];
    cell_model(cell, model, sizeof model);
    for (int i = 0; i < cell->nparams; i++)
        json_object_set_new(params, cell->params[i].key, json_string(cell->params[i].value));
    return json_pack("{ss ss ss ss ss so si si si si sf ss}", "id", cell->id, "workload",
                     cell->workload, "kind", kind_name(cell->kind), "model", model, "python",
                     cell->python, "params", params, "samples", cell->samples, "warmup",
                     cell->warmup, "cores", cell->cores, "peer_cores", cell->peer_cores,
                     "timeout_s", cell->timeout_s, "not_run", cell->not_run);
}

static json_t *result_json(const struct result *result) {
    json_t *reps = json_array(), *summary = json_object(), *object = cell_json(&result->cell);
    for (int i = 0; i < result->nreps; i++)
        json_array_append_new(reps, rep_json(&result->reps[i]));
    for (int i = 0; i < ESTIMATES; i++)
        json_object_set_new(summary, estimates[i].name, estimate_json(estimate_at(result, i)));
    json_object_set_new(object, "void", json_string(result->void_reason));
    json_object_set_new(object, "client_bound", json_string(result->client_bound));
    json_object_set_new(object, "baseline", json_string(result->baseline));
    json_object_set_new(object, "summary", summary);
    json_object_set_new(object, "reps", reps);
    return object;
}

static json_t *facts_json(const struct runset *run) {
    json_t *facts = json_object();
    for (int i = 0; i < run->nfacts; i++)
        json_object_set_new(facts, run->facts[i].key, json_string(run->facts[i].value));
    return facts;
}

static json_t *header_json(const struct runset *run) {
    return json_pack("{ss ss ss ss ss ss sI si sb so}", "schema", schema, "schema_version",
                     schema_version, "run_id", run->run_id, "created_utc", run->created_utc,
                     "matrix", run->matrix_name, "matrix_text", run->matrix_text, "seed",
                     (json_int_t)run->seed, "reps", run->reps, "interrupted", (int)run->interrupted,
                     "facts", facts_json(run));
}

/* ---- Writing */

static int write_all(int fd, const char *text, size_t size) {
    while (size) {
        ssize_t n = write(fd, text, size);
        if (n < 0 && errno != EINTR)
            return -1;
        if (n > 0) {
            text += n;
            size -= (size_t)n;
        }
    }
    return 0;
}

/* Appends `object` (stolen) as a line; a line that does not fit on the disk is taken back. */
static int append_line(int fd, json_t *object, struct err *err) {
    char *text = object ? json_dumps(object, JSON_COMPACT) : NULL;
    off_t end = lseek(fd, 0, SEEK_END);
    int failed = -1, why;
    json_decref(object);
    if (!text)
        return err_set(err, GB_RUNTIME, "the journal's line cannot be made: out of memory");
    if (write_all(fd, text, strlen(text)) == 0 && write_all(fd, "\n", 1) == 0 &&
        (fsync(fd) == 0 || errno == EINVAL || errno == EROFS))
        failed = 0;
    why = errno;
    free(text);
    if (failed == 0)
        return 0;
    if (ftruncate(fd, end) < 0)
        why = why ? why : errno;
    return err_set(err, GB_RUNTIME,
                   "cannot write the journal: %s; what was finished before is kept", strerror(why));
}

int journal_write_header(int fd, const struct runset *run, struct err *err) {
    return append_line(fd, json_pack("{ss so}", "type", "header", "run", header_json(run)), err);
}

int journal_write_rep(int fd, const struct runset *run, const struct rep *rep, bool complete,
                      struct err *err) {
    return append_line(fd,
                       json_pack("{ss ss so}", "type", complete ? "rep" : "partial", "cell",
                                 run->results[rep->cell].cell.id, "rep", rep_json(rep)),
                       err);
}

int results_write(const char *path, const struct runset *run, struct err *err) {
    json_t *object = header_json(run), *benchmarks = json_array();
    for (int i = 0; i < run->nresults; i++)
        json_array_append_new(benchmarks, result_json(&run->results[i]));
    json_object_set_new(object, "benchmarks", benchmarks);
    return json_save(path, object, JSON_COMPACT, err);
}

/* ---- In */

static int64_t number(const json_t *object, const char *key) {
    return json_integer_value(json_object_get(object, key));
}

static struct usage read_usage(const json_t *u) {
    return (struct usage){.cpu_ns = number(u, "cpu_ns"),
                          .user_ns = number(u, "cpu_user_ns"),
                          .sys_ns = number(u, "cpu_sys_ns"),
                          .nvcsw = number(u, "nvcsw"),
                          .nivcsw = number(u, "nivcsw")};
}

static struct hist *read_hist(const json_t *list) {
    struct hist *hist = calloc(1, sizeof *hist);
    size_t i;
    json_t *pair;
    json_array_foreach(list, i, pair) {
        json_int_t index = json_integer_value(json_array_get(pair, 0));
        if (hist && index >= 0 && index < HIST_BUCKETS)
            hist->count[index] = (uint64_t)json_integer_value(json_array_get(pair, 1));
    }
    return hist;
}

static struct client read_client(const json_t *c) {
    return (struct client){.cpu_ns = number(c, "cpu_ns"),
                           .offered_ns = number(c, "offered_ns"),
                           .late_ns = number(c, "late_ns"),
                           .late_max_ns = number(c, "late_max_ns"),
                           .waited = number(c, "waited")};
}

static struct waiting read_waiting(const json_t *w) {
    return (struct waiting){.tasks = number(w, "tasks"),
                            .pss_b = number(w, "pss_b"),
                            .page_tables_b = number(w, "page_tables_b"),
                            .threads = number(w, "threads")};
}

static struct sample read_sample(const json_t *s) {
    const json_t *corrected = json_object_get(s, "latency_corrected_ns_hist");
    const json_t *heavy = json_object_get(s, "latency_heavy_ns_hist");
    const char *digest = json_string_value(json_object_get(s, "digest"));
    return (struct sample){.ns = number(s, "ns"),
                           .ops = number(s, "ops"),
                           .hit = number(s, "hit"),
                           .miss = number(s, "miss"),
                           .error = number(s, "error"),
                           .digest = digest ? strtoull(digest, NULL, 16) : 0,
                           .warmup = json_is_true(json_object_get(s, "warmup")),
                           .usage = read_usage(json_object_get(s, "usage")),
                           .client = read_client(json_object_get(s, "client")),
                           .waiting = read_waiting(json_object_get(s, "waiting")),
                           .hist = read_hist(json_object_get(s, "latency_ns_hist")),
                           .corrected = corrected ? read_hist(corrected) : NULL,
                           .heavy = heavy ? read_hist(heavy) : NULL};
}

static struct attest read_attest(const json_t *object) {
    struct attest a = {0};
    TEXT(object, "gil", a.gil);
    TEXT(object, "runtime", a.runtime);
    TEXT(object, "loop", a.loop);
    TEXT(object, "interp", a.interp);
    TEXT(object, "affinity", a.affinity);
    TEXT(object, "build", a.build);
    TEXT(object, "start_method", a.start_method);
    TEXT(object, "debug", a.debug);
    return a;
}

static int read_rep(struct rep *rep, const json_t *object, int cell) {
    const json_t *samples = json_object_get(object, "samples");
    size_t i;
    json_t *s;
    *rep = (struct rep){.cell = cell,
                        .rep = (int)number(object, "rep"),
                        .startup_ns = number(object, "startup_ns"),
                        .peak_rss_b = number(object, "peak_rss_b"),
                        .pss_b = number(object, "pss_b"),
                        .pss_ready_b = number(object, "pss_ready_b"),
                        .lifetime = read_usage(json_object_get(object, "lifetime")),
                        .at_ready = read_attest(json_object_get(object, "attest")),
                        .at_end = read_attest(json_object_get(object, "attest_at_end")),
                        .shared_core = json_is_true(json_object_get(object, "shared_core")),
                        .void_code = (enum gb_exit)number(object, "void_code")};
    TEXT(object, "cpus_planned", rep->cpus_planned);
    TEXT(object, "cpus_observed", rep->cpus_observed);
    TEXT(object, "peer_cpus", rep->peer_cpus);
    TEXT(object, "void", rep->void_reason);
    if (!json_is_array(samples) ||
        !(rep->samples = calloc(json_array_size(samples) + 1, sizeof *rep->samples)))
        return -1;
    json_array_foreach(samples, i, s) rep->samples[rep->nsamples++] = read_sample(s);
    return 0;
}

static int read_header(struct runset *run, const json_t *object, const char *path,
                       struct err *err) {
    const char *kind = json_string_value(json_object_get(object, "schema")), *key;
    const char *version = json_string_value(json_object_get(object, "schema_version"));
    const char *text = json_string_value(json_object_get(object, "matrix_text"));
    json_t *value;
    if (!kind || strcmp(kind, schema))
        return err_set(err, GB_INCOMPATIBLE,
                       "%s is not a gilbench result (no \"schema\": \"%s\" in it)", path, schema);
    if (!version || strncmp(version, "1.", 2))
        return err_set(err, GB_INCOMPATIBLE, "%s has schema version %s; this gilbench reads 1.x",
                       path, version ? version : "none");
    TEXT(object, "run_id", run->run_id);
    TEXT(object, "created_utc", run->created_utc);
    TEXT(object, "matrix", run->matrix_name);
    run->matrix_text = strdup(text ? text : "");
    run->seed = (uint64_t)number(object, "seed");
    run->reps = (int)number(object, "reps");
    run->interrupted = json_is_true(json_object_get(object, "interrupted"));
    json_object_foreach(json_object_get(object, "facts"), key, value) {
        struct fact *fact = &run->facts[run->nfacts];
        if (run->nfacts == GB_FACTS_MAX)
            break;
        snprintf(fact->key, sizeof fact->key, "%s", key);
        snprintf(fact->value, sizeof fact->value, "%s",
                 json_string_value(value) ? json_string_value(value) : "");
        run->nfacts++;
    }
    return 0;
}

static void read_cell(struct cell *cell, const json_t *object) {
    char model[2 * GB_NAME_MAX], kind[16], *colon;
    const char *key;
    json_t *value;
    TEXT(object, "id", cell->id);
    TEXT(object, "workload", cell->workload);
    TEXT(object, "model", model);
    TEXT(object, "kind", kind);
    TEXT(object, "python", cell->python);
    TEXT(object, "not_run", cell->not_run);
    colon = strchr(model, ':');
    snprintf(cell->variant, sizeof cell->variant, "%.63s", colon ? colon + 1 : "");
    if (colon)
        *colon = '\0';
    snprintf(cell->model, sizeof cell->model, "%.63s", model);
    cell->kind = kind_named(kind);
    cell->samples = (int)number(object, "samples");
    cell->warmup = (int)number(object, "warmup");
    cell->cores = (int)number(object, "cores");
    cell->peer_cores = (int)number(object, "peer_cores");
    cell->timeout_s = json_number_value(json_object_get(object, "timeout_s"));
    json_object_foreach(json_object_get(object, "params"), key, value) {
        struct param *param = &cell->params[cell->nparams];
        if (cell->nparams == GB_PARAMS_MAX)
            break;
        snprintf(param->key, sizeof param->key, "%s", key);
        snprintf(param->value, sizeof param->value, "%s",
                 json_string_value(value) ? json_string_value(value) : "");
        cell->nparams++;
    }
}

static int read_result(struct runset *run, const json_t *object, struct err *err) {
    int index = run->nresults++;
    const json_t *reps = json_object_get(object, "reps");
    size_t i;
    json_t *one;
    read_cell(&run->results[index].cell, object);
    json_array_foreach(reps, i, one) {
        struct rep rep;
        if (read_rep(&rep, one, index) < 0)
            return err_set(err, GB_USAGE, "rep %zu of %s has no samples array", i,
                           run->results[index].cell.id);
        if (runset_add_rep(run, rep, err) < 0)
            return -1;
    }
    return 0;
}

int results_read(const char *path, struct runset *run, struct err *err) {
    json_error_t where;
    json_t *object = json_load_file(path, 0, &where), *one;
    const json_t *benchmarks;
    size_t i;
    int failed = 0;
    *run = (struct runset){0};
    if (!object)
        return err_set(err, GB_USAGE, "cannot read %s: %s (line %d, column %d)", path, where.text,
                       where.line, where.column);
    benchmarks = json_object_get(object, "benchmarks");
    if (read_header(run, object, path, err) < 0)
        failed = -1;
    else if (!json_is_array(benchmarks) ||
             !(run->results = calloc(json_array_size(benchmarks) + 1, sizeof *run->results)))
        failed = err_set(err, GB_USAGE, "%s has no array \"benchmarks\"", path);
    json_array_foreach(benchmarks, i, one) {
        if (!failed)
            failed = read_result(run, one, err);
    }
    json_decref(object);
    if (failed)
        runset_free(run);
    else
        runset_summarise(run);
    return failed;
}

static int journal_line(struct runset *run, const json_t *object, const char *path,
                        runset_cells_fn make_cells, void *arg, struct err *err) {
    char type[16], id[256];
    struct rep rep;
    TEXT(object, "type", type);
    if (!strcmp(type, "header"))
        return read_header(run, json_object_get(object, "run"), path, err) < 0
                   ? -1
                   : make_cells(run, arg, err);
    if (strcmp(type, "rep"))
        return 0; /* a partial rep is done again */
    TEXT(object, "cell", id);
    for (int i = 0; i < run->nresults; i++) {
        if (strcmp(run->results[i].cell.id, id))
            continue;
        if (read_rep(&rep, json_object_get(object, "rep"), i) < 0)
            return err_set(err, GB_USAGE, "%s: a rep of %s without samples", path, id);
        return runset_add_rep(run, rep, err);
    }
    return err_set(err, GB_USAGE, "%s: cell %s is not in its matrix", path, id);
}

int journal_read(const char *path, struct runset *run, runset_cells_fn make_cells, void *arg,
                 bool *torn, struct err *err) {
    char *text = read_file(path, err), *rest = text, *line;
    int number = 0, failed = 0;
    *run = (struct runset){0};
    *torn = false;
    while (text && !failed && *rest) {
        char *end = strchr(rest, '\n');
        json_error_t where;
        json_t *object;
        number++;
        if (!end) { /* killed while it wrote this line */
            *torn = true;
            break;
        }
        line = rest;
        rest = end + 1;
        object = json_loadb(line, (size_t)(end - line), 0, &where);
        failed =
            object ? journal_line(run, object, path, make_cells, arg, err)
                   : err_set(err, GB_USAGE, "%s:%d:%d: %s", path, number, where.column, where.text);
        json_decref(object);
    }
    if (text && !failed && !run->nresults)
        failed = err_set(err, GB_USAGE, "%s has no header line: nothing to resume", path);
    free(text);
    if (!text || failed)
        runset_free(run);
    return text && !failed ? 0 : -1;
}
