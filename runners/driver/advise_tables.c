/* advise_tables.c - the register of advice, and from the cells of a run to what each model costs. */
#include "advise.h"
#include "ini.h"
#include "matrix.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- The register */

static int read_trait(struct advice_trait *trait, const struct ini *ini,
                      const struct ini_section *section, struct err *err) {
    static const char keys[] = "offload native payload shared folk";
    const char *folk = ini_text(section, "folk", ""), *offload = ini_text(section, "offload", "no");
    for (int i = 0; i < section->nkeys; i++)
        if (!has_word(keys, section->keys[i].key))
            return err_at(err, ini, section->keys[i].line, section->keys[i].key_column,
                          "unknown key '%s'; there are: %s", section->keys[i].key, keys);
    if (*folk && !has_word("slow io cpu", folk))
        return err_at(err, ini, ini_find(section, "folk")->line, 1,
                      "folk: slow, io or cpu expected, not '%s'", folk);
    if (!has_word("yes no", offload))
        return err_at(err, ini, ini_find(section, "offload")->line, 1,
                      "offload: yes or no expected, not '%s'", offload);
    snprintf(trait->model, sizeof trait->model, "%s%s%s", section->name, *section->label ? ":" : "",
             section->label);
    trait->offload = !strcmp(offload, "yes");
    snprintf(trait->native, sizeof trait->native, "%.199s", ini_text(section, "native", "inline"));
    snprintf(trait->payload, sizeof trait->payload, "%.199s", ini_text(section, "payload", "free"));
    snprintf(trait->shared, sizeof trait->shared, "%.199s", ini_text(section, "shared", "free"));
    snprintf(trait->folk, sizeof trait->folk, "%.15s", folk);
    return 0;
}

int advise_register(struct advice_register *reg, const char *path, struct err *err) {
    struct ini ini;
    int failed = 0;
    reg->ntraits = 0;
    if (ini_read(&ini, path, err) < 0)
        return -1;
    for (int i = 0; i < ini.nsections && !failed; i++)
        failed = reg->ntraits == ADVICE_TRAITS_MAX
                     ? err_at(err, &ini, ini.sections[i].line, 1, "more than %d models",
                              ADVICE_TRAITS_MAX)
                     : read_trait(&reg->traits[reg->ntraits++], &ini, &ini.sections[i], err);
    ini_free(&ini);
    return failed;
}

/* ---- Numbers of cells: as figures of claims are made */

struct source {
    const struct claim_board *board;
    int column;
    const char *model;
};

/* `pattern` is WORKLOAD/MODEL/params, or with '*' as model this one. n = 0: there is no such number. */
static struct figure measure(const struct source *from, const char *pattern, const char *base,
                             const char *statistic) {
    struct figure_rule rule = {.x_unit = 1};
    struct figure figure;
    const char *star = strstr(pattern, "/*/");
    if (star)
        snprintf(rule.cells, sizeof rule.cells, "%.*s/%s/%s", (int)(star - pattern), pattern,
                 from->model, star + 3);
    else
        snprintf(rule.cells, sizeof rule.cells, "%s", pattern);
    snprintf(rule.base, sizeof rule.base, "%s", base);
    snprintf(rule.statistic, sizeof rule.statistic, "%s", statistic);
    claims_figure(&figure, &rule, from->board->run, from->board, from->column);
    figure.rule = NULL; /* it ends here */
    return figure;
}

static double value_of(const struct source *from, const char *pattern, const char *statistic) {
    struct figure figure = measure(from, pattern, "", statistic);
    return figure.estimate.n ? figure.estimate.value : NAN;
}

static const struct cell *cell_of(const struct runset *run, const char *id) {
    for (int i = 0; i < run->nresults; i++)
        if (!strcmp(run->results[i].cell.id, id))
            return &run->results[i].cell;
    return NULL;
}

static double param_of(const struct cell *cell, const char *key, double standard) {
    const char *text = cell ? cell_param(cell, key) : NULL;
    return text ? atof(text) : standard;
}

/* ---- A table */

#define CONCURRENCY "concurrency=64"
#define CROWDED     "concurrency=512"

static double payload_of(const struct source *from, const char *cell) {
    char small[300], large[300];
    if (!strcmp(cell, "free"))
        return 0;
    snprintf(small, sizeof small, "%s/bytes=1024", cell);
    snprintf(large, sizeof large, "%s/bytes=1048576", cell);
    return (value_of(from, large, "ns_per_op") - value_of(from, small, "ns_per_op")) /
           (1048576 - 1024);
}

static struct estimate native_of(const struct source *from, const char *native) {
    struct estimate one = {1, 1, 1, 1};
    if (!strcmp(native, "inline") || !strcmp(native, "python"))
        return one;
    return measure(from, native, "*/serial/workers=1", "ops_per_s").estimate;
}

static void take_memory(struct advice_table *t, const struct source *from) {
    double few = value_of(from, "mix_cross/*/f=0," CONCURRENCY, "pss_b"),
           many = value_of(from, "mix_cross/*/f=0," CROWDED, "pss_b");
    t->memory_each_b = fmax(0, (many - few) / (512 - 64));
    if (!isfinite(many))
        t->memory_each_b = 0;
    t->memory_b = few - 64 * t->memory_each_b;
}

/* p99 of waiting alone, and of computing alone in mean times of response: with n requests under way these
 * are n / rate. */
static void take_tail(struct advice_table *t, const struct source *from, double wait_ns) {
    double idle = value_of(from, "mix_cross/*/f=0," CONCURRENCY, "p99_ns"),
           busy = value_of(from, "mix_cross/*/f=1000," CONCURRENCY, "p99_ns");
    t->floor_ns = fmax(0, idle - wait_ns);
    t->tail = fmax(1, busy / (64e9 / t->full_rate.value));
    if (!isfinite(t->tail))
        t->tail = 1;
}

/* What the computing of `full` takes the interpreter itself: as asyncio does it, on its one thread. */
static double reference_of(const struct source *from) {
    struct source asyncio = *from;
    asyncio.model = "asyncio";
    return value_of(&asyncio, "mix_cross/*/f=1000," CONCURRENCY, "cpu_ns_per_op") -
           value_of(&asyncio, "mix_cross/*/f=0," CONCURRENCY, "cpu_ns_per_op");
}

static bool take(struct advice_table *t, const struct source *from,
                 const struct advice_trait *trait) {
    struct figure waits = measure(from, "mix_cross/*/f=0," CONCURRENCY, "", "cpu_ns_per_op"),
                  computes = measure(from, "mix_cross/*/f=1000," CONCURRENCY, "", "cpu_ns_per_op");
    const struct cell *cell;
    *t = (struct advice_table){.trait = trait, .error = NAN};
    t->full_rate = measure(from, "mix_cross/*/f=1000," CONCURRENCY, "", "ops_per_s").estimate;
    if (!waits.estimate.n || !computes.estimate.n || !t->full_rate.n)
        return false;
    cell = cell_of(from->board->run, computes.cell);
    t->overhead = waits.estimate;
    t->full = computes.estimate;
    t->nominal_ns = 1e3 * param_of(cell, "total_us", 10000);
    t->cores = cell->cores;
    if (trait->offload)
        t->cores = (int)param_of(cell, "workers", 1);
    snprintf(t->label, sizeof t->label, "%s", waits.model);
    snprintf(t->waits, sizeof t->waits, "%s", waits.cell);
    snprintf(t->computes, sizeof t->computes, "%s", computes.cell);
    t->reference_ns = reference_of(from);
    if (!isfinite(t->reference_ns))
        t->reference_ns = t->full.value - t->overhead.value;
    t->native_lanes = native_of(from, trait->native);
    t->payload_ns_b = payload_of(from, trait->payload);
    t->shared_ns = !strcmp(trait->shared, "free") ? 0 : value_of(from, trait->shared, "ns_per_op");
    take_tail(t, from, t->nominal_ns);
    take_memory(t, from);
    return t->full.value > t->overhead.value;
}

static void add_missing(struct advice_tables *tables, const struct claim_column *column,
                        const char *model) {
    size_t used = strlen(tables->missing);
    if (used < sizeof tables->missing)
        snprintf(tables->missing + used, sizeof tables->missing - used, "%s%s%s%s", used ? " " : "",
                 model, *column->label ? "@" : "", column->label);
}

int advise_tables(struct advice_tables *tables, const struct advice_register *reg,
                  const struct runset *run, struct err *err) {
    struct claim_board board = {.run = run};
    *tables = (struct advice_tables){.run = run};
    claims_columns(&board);
    for (int c = 0; c < board.ncolumns; c++)
        for (int i = 0; i < reg->ntraits && tables->ntables < ADVICE_MODELS_MAX; i++) {
            struct source from = {&board, c, reg->traits[i].model};
            if (take(&tables->tables[tables->ntables], &from, &reg->traits[i]))
                tables->ntables++;
            else
                add_missing(tables, &board.columns[c], reg->traits[i].model);
        }
    return tables->ntables ? 0
                           : err_set(err, GB_NOTHING,
                                     "this run has no cells to advise from (mix_cross at f=0 and "
                                     "f=1000): `gilbench advise --measure` makes them");
}
