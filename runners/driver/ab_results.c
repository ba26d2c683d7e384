/* ab_results.c - runs of `ab` as JSON, schema "gilbench/ab": the journal and results.json. Readers
 * ignore fields that they do not know. Stats are written for others; here they are computed again
 * from the pairs, which are whole numbers and so come back as they were. */
#include "ab.h"
#include "drop.h"
#include "facts.h"
#include "json_file.h"
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char schema[] = "gilbench/ab", schema_version[] = "1.0";
static const char *const arm_keys[AB_ARMS] = {"A", "B", "A2"};
static const char *const roles[AB_ARMS] = {"baseline", "candidate", "null_control"};
static const char *const ir_modes[] = {"auto", "off", "only"};

/* JSON has no NaN. */
static json_t *number(double value) {
    return isfinite(value) ? json_real(value) : json_null();
}

static json_t *whole(int64_t value) {
    return json_integer((json_int_t)value);
}

/* ---- Out: pairs */

/* The columns of a side's slices. */
static const struct {
    const char *key;
    size_t offset;
} columns[] = {
    {"slices_ns", offsetof(struct ab_slice, ns)},
    {"wall_ns", offsetof(struct ab_slice, wall_ns)},
    {"cpu_ns", offsetof(struct ab_slice, usage.cpu_ns)},
    {"cpu_user_ns", offsetof(struct ab_slice, usage.user_ns)},
    {"cpu_sys_ns", offsetof(struct ab_slice, usage.sys_ns)},
    {"nvcsw", offsetof(struct ab_slice, usage.nvcsw)},
    {"nivcsw", offsetof(struct ab_slice, usage.nivcsw)},
    {"migrations", offsetof(struct ab_slice, migrations)},
    {"steal_ns", offsetof(struct ab_slice, steal_ns)},
    {"pressure_us", offsetof(struct ab_slice, pressure_us)},
    {"gap_ns", offsetof(struct ab_slice, gap_ns)},
    {"flags", offsetof(struct ab_slice, flags)},
};
enum { COLUMNS = sizeof columns / sizeof *columns };

static int64_t *column(const struct ab_slice *slice, int c) {
    return (int64_t *)((char *)slice + columns[c].offset);
}

static json_t *side_json(const struct ab_side *side) {
    const struct attest *a = &side->attest;
    json_t *object = json_object();
    for (int c = 0; c < COLUMNS; c++) {
        json_t *list = json_array();
        for (int i = 0; i < side->nslices; i++)
            json_array_append_new(list, whole(*column(&side->slices[i], c)));
        json_object_set_new(object, columns[c].key, list);
    }
    json_object_set_new(object, "warmup",
                        json_pack("{si ss}", "n", side->warmup, "state", warmup_name(side->warm)));
    json_object_set_new(object, "startup_ns", whole(side->startup_ns));
    json_object_set_new(object, "attest",
                        json_pack("{ss ss ss ss ss ss ss}", "gil", a->gil, "runtime", a->runtime,
                                  "loop", a->loop, "interp", a->interp, "affinity", a->affinity,
                                  "build", a->build, "start_method", a->start_method));
    return object;
}

static json_t *pair_json(const struct ab_result *result, const struct ab_pair *pair) {
    json_t *builds = json_array(),
           *object =
               json_pack("{si si ss sI sI si sI sb sb}", "stage", pair->stage, "i", pair->index,
                         "order", pair->order, "hashseed", (json_int_t)pair->hash_seed, "pad_b",
                         (json_int_t)pair->pad_b, "first_core", pair->first_core, "duration_ns",
                         (json_int_t)pair->duration_ns, "disturbed", (int)pair->disturbed, "failed",
                         (int)pair->failed);
    json_object_set_new(object, "dropped",
                        *pair->dropped ? json_string(pair->dropped) : json_null());
    for (int arm = 0; arm < result->plan.arms; arm++) {
        json_array_append_new(builds, json_string(result->arms[arm].builds[pair->builds[arm]].id));
        json_object_set_new(object, arm_keys[arm], side_json(&pair->sides[arm]));
    }
    json_object_set_new(object, "builds", builds);
    return object;
}

/* ---- Out: the rest */

static json_t *plan_json(const struct ab_plan *plan) {
    json_t *looks = json_array();
    for (int i = 0; i < plan->nlooks; i++)
        json_array_append_new(looks, json_integer(plan->looks[i]));
    return json_pack("{ss sI sf ss sf sf so si si si sb ss ss sf}", "mode", "interleave", "seed",
                     (json_int_t)plan->seed, "alpha_family", plan->alpha, "correction", "holm",
                     "margin", plan->margin, "limit", plan->limit, "looks", looks, "slices",
                     plan->slices, "slice_ms", plan->slice_ms, "arms", plan->arms, "confirm",
                     (int)plan->confirm, "ir", ir_modes[plan->ir], "drop_rule", DROP_RULE,
                     "budget_s", plan->budget_s);
}

static json_t *arm_json(const struct ab_arm *arm, const char *role) {
    json_t *builds = json_array();
    for (int i = 0; i < arm->nbuilds; i++) {
        const struct ab_build *b = &arm->builds[i];
        json_array_append_new(builds, json_pack("{ss ss sI ss ss}", "id", b->id, "path", b->target,
                                                "link_seed", (json_int_t)b->link_seed, "build_id",
                                                b->build_id, "runtime",
                                                b->reg ? b->reg->python_version : ""));
    }
    return json_pack("{ss ss ss ss so}", "role", role, "spec", arm->spec, "kind", arm->kind, "git",
                     arm->git, "builds", builds);
}

static json_t *header_json(const struct ab_result *result) {
    const struct runset *run = &result->run;
    json_t *facts = json_object(), *arms = json_object();
    for (int i = 0; i < run->nfacts; i++)
        json_object_set_new(facts, run->facts[i].key, json_string(run->facts[i].value));
    for (int arm = 0; arm < result->plan.arms; arm++)
        json_object_set_new(arms, arm_keys[arm], arm_json(&result->arms[arm], roles[arm]));
    return json_pack("{ss ss ss ss ss ss so so so}", "schema", schema, "schema_version",
                     schema_version, "run_id", run->run_id, "created_utc", run->created_utc,
                     "matrix", run->matrix_name, "matrix_text", run->matrix_text, "plan",
                     plan_json(&result->plan), "facts", facts, "arms", arms);
}

static json_t *stats_json(const struct ab_stats *s) {
    if (s->n == 0)
        return json_null();
    return json_pack("{si si so s[oo] so so so so so so so so so so ss ss si}", "n", s->n,
                     "dropped", s->dropped, "ratio", number(s->ratio), "ci95", number(s->lo95),
                     number(s->hi95), "hodges_lehmann", number(s->hodges_lehmann), "lower",
                     number(s->lower), "upper", number(s->upper), "p_slower", number(s->p_slower),
                     "p_faster", number(s->p_faster), "p_holm", number(s->p_holm), "sd_d",
                     number(s->sd), "lag1", number(s->lag1), "mde95", number(s->mde95), "sd_builds",
                     number(s->sd_builds), "method", s->method ? s->method : "none", "measure",
                     s->measure == AB_WALL ? "wall" : "cpu", "disturbed", s->disturbed);
}

static json_t *why_json(const char *why) {
    json_t *list = json_array();
    while (*why) {
        const char *end = strstr(why, "; ");
        size_t size = end ? (size_t)(end - why) : strlen(why);
        json_array_append_new(list, json_stringn(why, size));
        why += size + (end ? 2 : 0);
    }
    return list;
}

static json_t *ir_json(const struct ab_benchmark *b) {
    json_t *arms[2] = {json_array(), json_array()};
    for (int arm = 0; arm < 2; arm++)
        for (int i = 0; i < b->nir; i++)
            json_array_append_new(arms[arm], whole(b->ir[arm][i]));
    return json_pack("{ss so so}", "tool", "callgrind", "A", arms[0], "B", arms[1]);
}

static json_t *benchmark_json(const struct ab_result *result, const struct ab_benchmark *b) {
    json_t *pairs = json_array(), *params = json_object(), *object;
    char model[2 * GB_NAME_MAX];
    cell_model(&b->cell, model, sizeof model);
    for (int i = 0; i < b->cell.nparams; i++)
        json_object_set_new(params, b->cell.params[i].key, json_string(b->cell.params[i].value));
    for (int i = 0; i < b->npairs; i++)
        json_array_append_new(pairs, pair_json(result, &b->pairs[i]));
    object = json_pack("{ss ss ss ss so sI ss ss}", "id", b->cell.id, "workload", b->cell.workload,
                       "kind", kind_name(b->cell.kind), "model", model, "params", params, "ops",
                       (json_int_t)b->ops, "unit", "ns", "note", b->note);
    json_object_set_new(object, "not_run", json_string(b->cell.not_run));
    json_object_set_new(object, "stats", stats_json(&b->stats));
    json_object_set_new(object, "null_control", stats_json(&b->null));
    json_object_set_new(object, "confirm", stats_json(&b->confirm));
    json_object_set_new(object, "ir", b->nir ? ir_json(b) : json_null());
    json_object_set_new(object, "verdict", json_string(verdict_name(b->verdict)));
    json_object_set_new(object, "why", why_json(b->why));
    json_object_set_new(object, "pairs", pairs);
    return object;
}

/* ---- Writing */

static bool write_whole(int fd, const char *text, size_t size) {
    while (size) {
        ssize_t n = write(fd, text, size);
        if (n < 0 && errno != EINTR)
            return false;
        if (n > 0) {
            text += n;
            size -= (size_t)n;
        }
    }
    return true;
}

/* Appends `object` (stolen) as a line; a line that does not fit on the disk is taken back. */
static int append(int fd, json_t *object, struct err *err) {
    char *text = object ? json_dumps(object, JSON_COMPACT) : NULL;
    off_t end = lseek(fd, 0, SEEK_END);
    size_t size = text ? strlen(text) : 0;
    bool written;
    int why;
    json_decref(object);
    if (!text)
        return err_set(err, GB_RUNTIME, "the journal's line cannot be made: out of memory");
    text[size] = '\n'; /* in place of the 0: one write, so that a kill leaves a line or none */
    written =
        write_whole(fd, text, size + 1) && (fsync(fd) == 0 || errno == EINVAL || errno == EROFS);
    why = errno;
    free(text);
    if (written)
        return 0;
    if (ftruncate(fd, end) < 0)
        why = why ? why : errno;
    return err_set(err, GB_RUNTIME,
                   "cannot write the journal: %s; what was finished before is kept", strerror(why));
}

int ab_journal_header(int fd, const struct ab_result *result, struct err *err) {
    return append(fd, json_pack("{ss so}", "type", "header", "run", header_json(result)), err);
}

int ab_journal_benchmark(int fd, const struct ab_benchmark *b, struct err *err) {
    json_t *ir = b->nir ? ir_json(b) : json_null();
    return append(fd,
                  json_pack("{ss ss sI ss ss so}", "type", "benchmark", "id", b->cell.id, "ops",
                            (json_int_t)b->ops, "note", b->note, "invalid", b->invalid, "ir", ir),
                  err);
}

int ab_journal_pair(int fd, const struct ab_result *result, const struct ab_benchmark *b,
                    const struct ab_pair *pair, struct err *err) {
    return append(
        fd,
        json_pack("{ss ss so}", "type", "pair", "id", b->cell.id, "pair", pair_json(result, pair)),
        err);
}

static json_t *result_json(const struct ab_result *result) {
    json_t *object = header_json(result), *benchmarks = json_array(), *counts = json_object();
    for (int i = 0; i < result->nbenchmarks; i++)
        json_array_append_new(benchmarks, benchmark_json(result, &result->benchmarks[i]));
    for (int v = 0; v < AB_VERDICTS; v++)
        json_object_set_new(counts, verdict_name((enum ab_verdict)v),
                            json_integer(result->counts[v]));
    json_object_set_new(object, "interrupted", json_boolean(result->interrupted));
    json_object_set_new(object, "benchmarks", benchmarks);
    json_object_set_new(object, "null_control", stats_json(&result->null_control));
    json_object_set_new(
        object, "summary",
        json_pack("{ss so}", "verdict", verdict_name(result->verdict), "counts", counts));
    return object;
}

int ab_results_write(const char *path, const struct ab_result *result, struct err *err) {
    return json_save(path, result_json(result), JSON_COMPACT, err);
}

/* ---- In */

static int64_t read_whole(const json_t *object, const char *key) {
    return (int64_t)json_integer_value(json_object_get(object, key));
}

static double read_number(const json_t *object, const char *key) {
    return json_number_value(json_object_get(object, key));
}

static void read_plan(const json_t *object, struct ab_plan *plan) {
    const json_t *looks = json_object_get(object, "looks");
    char ir[16];
    plan->seed = (uint64_t)read_whole(object, "seed");
    plan->alpha = read_number(object, "alpha_family");
    plan->margin = read_number(object, "margin");
    plan->limit = read_number(object, "limit");
    plan->budget_s = read_number(object, "budget_s");
    plan->slices = (int)read_whole(object, "slices");
    plan->slice_ms = (int)read_whole(object, "slice_ms");
    plan->arms = (int)read_whole(object, "arms");
    plan->confirm = json_is_true(json_object_get(object, "confirm"));
    TEXT(object, "ir", ir);
    for (int i = 0; i < 3; i++)
        if (!strcmp(ir, ir_modes[i]))
            plan->ir = (enum ab_ir_mode)i;
    for (size_t i = 0; i < json_array_size(looks) && i < AB_LOOKS_MAX; i++)
        plan->looks[plan->nlooks++] = (int)json_integer_value(json_array_get(looks, i));
}

static void read_arm(const json_t *object, struct ab_arm *arm) {
    const json_t *builds = json_object_get(object, "builds");
    TEXT(object, "spec", arm->spec);
    TEXT(object, "kind", arm->kind);
    TEXT(object, "git", arm->git);
    for (size_t i = 0; i < json_array_size(builds) && i < AB_BUILDS_MAX; i++) {
        const json_t *from = json_array_get(builds, i);
        struct ab_build *build = &arm->builds[arm->nbuilds++];
        TEXT(from, "id", build->id);
        TEXT(from, "path", build->target);
        build->link_seed = (uint64_t)read_whole(from, "link_seed");
    }
}

static bool plan_is_sane(const struct ab_plan *plan) {
    return plan->nlooks > 0 && (plan->arms == 2 || plan->arms == 3) && plan->slices > 0 &&
           plan->slices % 2 == 0 && plan->slices <= AB_SLICES_MAX && plan->slice_ms > 0 &&
           plan->alpha > 0 && plan->alpha < 1;
}

static int read_header(const json_t *object, struct ab_result *result, struct err *err) {
    const json_t *facts = json_object_get(object, "facts"), *value;
    struct runset *run = &result->run;
    const char *key, *name = json_string_value(json_object_get(object, "schema")),
                     *text = json_string_value(json_object_get(object, "matrix_text"));
    if (!name || strcmp(name, schema) || !text)
        return err_set(err, GB_USAGE, "it is no journal of `gilbench ab`");
    TEXT(object, "run_id", run->run_id);
    TEXT(object, "created_utc", run->created_utc);
    TEXT(object, "matrix", run->matrix_name);
    if (!(run->matrix_text = strdup(text)))
        return err_set(err, GB_RUNTIME, "out of memory");
    json_object_foreach((json_t *)facts, key, value) fact_add(run, key, json_string_value(value));
    read_plan(json_object_get(object, "plan"), &result->plan);
    for (int arm = 0; arm < AB_ARMS; arm++)
        read_arm(json_object_get(json_object_get(object, "arms"), arm_keys[arm]),
                 &result->arms[arm]);
    return plan_is_sane(&result->plan) ? 0 : err_set(err, GB_USAGE, "its plan is damaged");
}

/* "B2" is number 2 of its arm; builds for the confirmation may not have been made yet. */
static int build_by_id(const char *id) {
    int number = id && *id ? atoi(id + 1) : -1;
    return number >= 0 && number < AB_BUILDS_MAX ? number : -1;
}

static void read_side(const json_t *object, struct ab_side *side) {
    const json_t *warm = json_object_get(object, "warmup"), *a = json_object_get(object, "attest");
    char state[16];
    side->nslices = (int)json_array_size(json_object_get(object, columns[0].key));
    side->nslices = side->nslices > AB_SLICES_MAX ? AB_SLICES_MAX : side->nslices;
    for (int c = 0; c < COLUMNS; c++)
        for (int i = 0; i < side->nslices; i++)
            *column(&side->slices[i], c) = (int64_t)json_integer_value(
                json_array_get(json_object_get(object, columns[c].key), (size_t)i));
    side->startup_ns = read_whole(object, "startup_ns");
    side->warmup = (int)read_whole(warm, "n");
    TEXT(warm, "state", state);
    for (int s = WARMUP_MORE; s <= WARMUP_NO_STEADY; s++)
        if (!strcmp(state, warmup_name((enum warmup_state)s)))
            side->warm = (enum warmup_state)s;
    TEXT(a, "gil", side->attest.gil);
    TEXT(a, "runtime", side->attest.runtime);
    TEXT(a, "loop", side->attest.loop);
    TEXT(a, "interp", side->attest.interp);
    TEXT(a, "affinity", side->attest.affinity);
    TEXT(a, "build", side->attest.build);
    TEXT(a, "start_method", side->attest.start_method);
}

static int read_pair(const json_t *object, const struct ab_result *result, struct ab_pair *pair) {
    const json_t *builds = json_object_get(object, "builds");
    pair->stage = (int)read_whole(object, "stage");
    pair->index = (int)read_whole(object, "i");
    TEXT(object, "order", pair->order);
    pair->hash_seed = (uint64_t)read_whole(object, "hashseed");
    pair->pad_b = (unsigned)read_whole(object, "pad_b");
    pair->first_core = (int)read_whole(object, "first_core");
    pair->duration_ns = read_whole(object, "duration_ns");
    pair->failed = json_is_true(json_object_get(object, "failed"));
    pair->disturbed = json_is_true(json_object_get(object, "disturbed"));
    TEXT(object, "dropped", pair->dropped);
    for (int arm = 0; arm < result->plan.arms; arm++) {
        pair->builds[arm] = build_by_id(json_string_value(json_array_get(builds, (size_t)arm)));
        if (pair->builds[arm] < 0)
            return -1;
        read_side(json_object_get(object, arm_keys[arm]), &pair->sides[arm]);
    }
    return 0;
}

static void read_benchmark(const json_t *line, struct ab_benchmark *b) {
    const json_t *ir = json_object_get(line, "ir");
    b->ops = read_whole(line, "ops");
    TEXT(line, "note", b->note);
    TEXT(line, "invalid", b->invalid);
    b->nir = (int)json_array_size(json_object_get(ir, "A"));
    b->nir = b->nir > AB_IR_MAX ? AB_IR_MAX : b->nir;
    for (int arm = 0; arm < 2; arm++)
        for (int i = 0; i < b->nir; i++)
            b->ir[arm][i] = (int64_t)json_integer_value(
                json_array_get(json_object_get(ir, arm_keys[arm]), (size_t)i));
}

static int read_line(const json_t *line, struct ab_result *result, struct err *err) {
    const char *type = json_string_value(json_object_get(line, "type")),
               *id = json_string_value(json_object_get(line, "id"));
    struct ab_benchmark *benchmark = id ? ab_benchmark_by_id(result, id) : NULL;
    struct ab_pair pair = {0};
    if (!type || (!id && strcmp(type, "end")))
        return err_set(err, GB_USAGE, "a line without type or id");
    if (!benchmark)
        return id ? err_set(err, GB_USAGE, "%s is not in its matrix", id) : 0;
    if (!strcmp(type, "benchmark"))
        read_benchmark(line, benchmark);
    if (strcmp(type, "pair"))
        return 0;
    if (read_pair(json_object_get(line, "pair"), result, &pair) < 0)
        return err_set(err, GB_USAGE, "a pair of builds that cannot be");
    return ab_add_pair(benchmark, &pair, err);
}

static int read_lines(FILE *file, const char *path, struct ab_result *result, ab_begin_fn begin,
                      void *arg, struct err *err) {
    char *text = NULL;
    size_t room = 0;
    ssize_t size;
    int number = 0, failed = 0;
    while (!failed && (size = getline(&text, &room, file)) > 0 && text[size - 1] == '\n') {
        json_t *line = json_loadb(text, (size_t)size, 0, NULL);
        struct err why = {.code = GB_USAGE, .text = "it is no JSON"};
        failed = !line         ? -1
                 : number == 0 ? read_header(json_object_get(line, "run"), result, &why) < 0 ||
                                     begin(result, arg, &why) < 0
                               : read_line(line, result, &why) < 0;
        json_decref(line);
        number++;
        if (failed)
            err_set(err, why.code, "%s, line %d: %.800s", path, number, why.text);
    }
    free(text);
    if (!failed && number == 0)
        return err_set(err, GB_USAGE, "%s has no whole line: the run did not begin; begin it anew",
                       path);
    return failed ? -1 : 0;
}

int ab_journal_mend(int fd, struct err *err) {
    off_t size = lseek(fd, 0, SEEK_END), end = size;
    char byte = 0;
    while (end > 0 && pread(fd, &byte, 1, end - 1) == 1 && byte != '\n')
        end--;
    if (end == size || ftruncate(fd, end) == 0)
        return 0;
    return err_set(err, GB_RUNTIME, "cannot cut off the journal's torn line: %s", strerror(errno));
}

int ab_journal_read(const char *path, struct ab_result *result, ab_begin_fn begin, void *arg,
                    struct err *err) {
    FILE *file;
    int failed;
    if (!(file = fopen(path, "r")))
        return err_set(err, GB_USAGE, "cannot read %s: %s", path, strerror(errno));
    failed = read_lines(file, path, result, begin, arg, err);
    fclose(file);
    return failed;
}
