/* cmd_compare.c - gilbench compare: results that were measured at different times, cell by cell.
 * What lies between the two runs (another hour, another neighbour, another boot) is in the ratio
 * and in no interval, so that nothing here is called a regression unless that is asked for. */
#include "../stats/ratio.h"
#include "ab_read.h"
#include "cmd.h"
#include "compare.h"
#include "document.h"
#include "facts.h"
#include "gate.h"
#include "registry.h"
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char help[] =
    "usage: gilbench compare OLD NEW... [options]\n"
    "\n"
    "Compares results.json files (or the folders of runs) that were measured at different times: "
    "time per op of NEW over OLD for each cell\n"
    "that both have, with a 95 % bootstrap interval over processes. Such a comparison is unpaired: "
    "the interval knows nothing of what changed\n"
    "on the machine between the two, which is why the words are `slower` and `faster`, and the "
    "exit code is 0. Use `gilbench ab` to decide.\n"
    "\n"
    "      --allow-unpaired  say `regressed` and exit 3 where the whole 99 % interval, shared "
    "among "
    "all cells, is above 1 + margin\n"
    "      --margin RATIO    2% (default) or 0.02\n"
    "      --across machine|interpreter  compare although it differs; may be repeated\n"
    "\n"
    "Results of gilbench ab are listed side by side: each has its own baseline.\n"
    "\n"
    "example: gilbench compare results/runs/old results/latest\n"
    "\n"
    "exit: 0 compared, 2 usage, 3 regressed (only with --allow-unpaired), 6 files that do not fit: "
    "another schema, machine or interpreter,\n"
    "or nothing in common\n";

struct options {
    bool allow_unpaired, across_machine, across_interpreter;
    double margin;
};

/* ---- Whether two runs may be compared */

static int refuse(const char *what, const char *option, const char *key, const char *old,
                  const char *new, struct err *err) {
    return err_set(err, GB_INCOMPATIBLE,
                   "another %s: %s is '%s' in OLD and '%s' in NEW; no difference between the two "
                   "can be laid on the code (--across %s compares all the same)",
                   what, key, old, new, option);
}

static int check_facts(const struct runset *old, const struct runset *new, bool allowed,
                       const char *what, const char *const *keys, struct err *err) {
    for (; *keys; keys++) {
        const char *a = fact_find(old, *keys), *b = fact_find(new, *keys);
        if (!strcmp(a, b))
            continue;
        if (!allowed)
            return refuse(what, what, *keys, a, b, err);
        fprintf(stderr, "gilbench: warning: another %s: %s is '%s' in OLD and '%s' in NEW\n", what,
                *keys, a, b);
    }
    return 0;
}

static int may_compare(const struct options *o, const struct runset *old, const struct runset *new,
                       struct err *err) {
    static const char *const machine[] = {"cpu_model", "topology", NULL},
                             *const interpreter[] = {"python", "python_free_threaded_build", NULL},
                             *const lesser[] = {"kernel", "compiler", "cflags", "store", NULL};
    if (!strcmp(old->run_id, new->run_id))
        fputs("gilbench: warning: both files are of the same run\n", stderr);
    if (old->interrupted || new->interrupted)
        fputs("gilbench: warning: a run was interrupted: some cells have fewer processes\n",
              stderr);
    check_facts(old, new, true, "setting", lesser, err);
    return check_facts(old, new, o->across_machine, "machine", machine, err) < 0 ||
                   check_facts(old, new, o->across_interpreter, "interpreter", interpreter, err) < 0
               ? -1
               : 0;
}

/* ---- One cell */

/* The smallest p that any test could give: one over the ways to deal the processes to two sides. */
static double smallest_p(int n, int m) {
    double ways = 1;
    for (int i = 1; i <= m; i++)
        ways *= (double)(n + i) / i;
    return 1 / ways;
}

/* `strict` is the 99 % interval, shared among all cells. */
static const char *word_for(const struct options *o, const struct result *old,
                            const struct result *new, int cells, struct interval seen,
                            struct interval strict) {
    bool beyond = strict.lo > 1 + o->margin || strict.hi < 1 / (1 + o->margin);
    if (isnan(seen.lo))
        return "unknown: one process says nothing of the spread";
    if (seen.lo == seen.hi && seen.value != 1)
        return "unknown: no spread at all, which no measurement has";
    if (o->allow_unpaired && beyond && smallest_p(old->nreps, new->nreps) > 0.01 / cells)
        return "inconclusive: too few processes to decide at 1 % over all cells";
    if (o->allow_unpaired && beyond)
        return strict.lo > 1 ? "regressed" : "improved";
    return seen.lo > 1 ? "slower" : seen.hi < 1 ? "faster" : "no difference seen";
}

/* Returns whether it regressed. */
static bool print_row(const struct options *o, const struct result *old, const struct result *new,
                      int cells, int width, uint64_t seed) {
    struct interval seen = compare_time_ratio(old, new, 0.95, seed),
                    strict = compare_time_ratio(old, new, 1 - 0.02 / cells, seed);
    const char *verdict = word_for(o, old, new, cells, seen, strict);
    char before[24], after[24], ratio[64] = "";
    format_si(before, sizeof before, old->ops_per_s.value);
    format_si(after, sizeof after, new->ops_per_s.value);
    snprintf(ratio, sizeof ratio, isnan(seen.lo) ? "%.3f" : "%.3f [%.3f, %.3f]", seen.value,
             seen.lo, seen.hi);
    printf("%-*s %9s %9s  %-23s %s\n", width, old->cell.id, before, after, ratio, verdict);
    return !strcmp(verdict, "regressed");
}

/* ---- Two runs */

static int common_cells(const struct runset *old, const struct runset *new) {
    int count = 0;
    for (int i = 0; i < old->nresults; i++) {
        const struct result *twin = compare_find(new, old->results[i].cell.id);
        count += twin && !compare_no_ratio(&old->results[i], twin);
    }
    return count;
}

static int widest(const struct runset *run, int width) {
    for (int i = 0; i < run->nresults; i++)
        if ((int)strlen(run->results[i].cell.id) > width)
            width = (int)strlen(run->results[i].cell.id);
    return width;
}

static void print_lonely(const struct runset *run, const struct runset *other, const char *name,
                         int width) {
    for (int i = 0; i < run->nresults; i++)
        if (!compare_find(other, run->results[i].cell.id))
            printf("%-*s only in %s\n", width, run->results[i].cell.id, name);
}

static int compare_runs(const struct options *o, const struct runset *old, const struct runset *new,
                        bool *regressed, struct err *err) {
    int cells = common_cells(old, new), width = widest(old, widest(new, 4));
    if (may_compare(o, old, new, err) < 0)
        return -1;
    printf("UNPAIRED: %s (%s, commit %s) against %s (%s, commit %s)\n", old->run_id,
           old->created_utc, fact_find(old, "commit"), new->run_id, new->created_utc,
           fact_find(new, "commit"));
    printf("%-*s %9s %9s  %-23s %s\n", width, "cell", "OLD ops/s", "NEW ops/s",
           "time NEW/OLD [95 %]", "unpaired");
    for (int i = 0; i < old->nresults; i++) {
        const struct result *one = &old->results[i], *twin = compare_find(new, one->cell.id);
        const char *reason = twin ? compare_no_ratio(one, twin) : NULL;
        if (reason)
            printf("%-*s %s\n", width, one->cell.id, reason);
        else if (twin)
            *regressed |= print_row(o, one, twin, cells, width, old->seed);
    }
    print_lonely(old, new, "OLD", width);
    print_lonely(new, old, "NEW", width);
    return cells ? 0
                 : err_set(err, GB_INCOMPATIBLE,
                           "the two runs have no cell in common that has figures in both");
}

static int compare_run_files(const struct options *o, const char *old_path, const char *new_path,
                             bool *regressed, struct err *err) {
    struct runset old, new;
    int failed;
    if (results_read(old_path, &old, err) < 0)
        return -1;
    failed = results_read(new_path, &new, err);
    if (!failed) {
        failed = compare_runs(o, &old, &new, regressed, err);
        runset_free(&new);
    }
    runset_free(&old);
    return failed;
}

/* ---- Two results of ab: each has its own baseline, so that they are set side by side only */

static void print_ab_row(const struct ab_benchmark *old, const struct ab_benchmark *new,
                         int width) {
    char before[64], after[64];
    gate_ratio(before, sizeof before, &old->stats);
    gate_ratio(after, sizeof after, &new->stats);
    printf("%-*s  %-23s %-13s  %-23s %s\n", width, old->cell.id, before, verdict_name(old->verdict),
           after, verdict_name(new->verdict));
}

static int compare_ab(const struct options *o, struct ab_result *old, struct ab_result *new,
                      struct err *err) {
    int width = 9, common = 0;
    if (may_compare(o, &old->run, &new->run, err) < 0)
        return -1;
    for (int i = 0; i < old->nbenchmarks; i++)
        if ((int)strlen(old->benchmarks[i].cell.id) > width)
            width = (int)strlen(old->benchmarks[i].cell.id);
    printf("UNPAIRED: %s (%s against %s) and %s (%s against %s)\n", old->run.run_id,
           old->arms[AB_CAND].spec, old->arms[AB_BASE].spec, new->run.run_id,
           new->arms[AB_CAND].spec, new->arms[AB_BASE].spec);
    printf("%-*s  %-23s %-13s  %-23s %s\n", width, "benchmark", "OLD: time [95 %]", "verdict",
           "NEW: time [95 %]", "verdict");
    for (int i = 0; i < old->nbenchmarks; i++) {
        const struct ab_benchmark *twin = ab_benchmark_by_id(new, old->benchmarks[i].cell.id);
        common += twin != NULL;
        if (twin)
            print_ab_row(&old->benchmarks[i], twin, width);
        else
            printf("%-*s  only in OLD\n", width, old->benchmarks[i].cell.id);
    }
    for (int i = 0; i < new->nbenchmarks; i++)
        if (!ab_benchmark_by_id(old, new->benchmarks[i].cell.id))
            printf("%-*s  only in NEW\n", width, new->benchmarks[i].cell.id);
    return common ? 0 : err_set(err, GB_INCOMPATIBLE, "the two have no benchmark in common");
}

static int compare_ab_files(const struct options *o, const char *home, const char *old_path,
                            const char *new_path, struct err *err) {
    struct ab_result *both = calloc(2, sizeof *both);
    int failed = both ? 0 : err_set(err, GB_RUNTIME, "out of memory");
    if (!failed)
        failed = ab_results_read(home, old_path, &both[0], err) < 0 ||
                         ab_results_read(home, new_path, &both[1], err) < 0
                     ? -1
                     : compare_ab(o, &both[0], &both[1], err);
    for (int i = 0; both && i < 2; i++)
        ab_result_free(&both[i]);
    free(both);
    return failed;
}

/* NEW must be of the kind that OLD is of. */
static int compare_files(const struct options *o, const char *home, const char *old_path,
                         const char *new_path, bool *regressed, struct err *err) {
    struct document old, new;
    const char *schema;
    if (document_load(home, old_path, &old, err) < 0)
        return -1;
    schema = old.kind->schema;
    if (old.journal)
        err_set(err, GB_INCOMPATIBLE, "%s is a journal of %s; results are expected", old_path,
                schema);
    document_free(&old);
    if (err->code || document_load_results(home, new_path, schema, &new, err) < 0)
        return -1;
    document_free(&new);
    return !strcmp(schema, "gilbench/ab")
               ? compare_ab_files(o, home, old_path, new_path, err)
               : compare_run_files(o, old_path, new_path, regressed, err);
}

/* ---- The command line */

static const struct option known[] = {
    {"allow-unpaired", 0, 0, 'u'}, {"margin", 1, 0, 'm'}, {"across", 1, 0, 'a'}, {0, 0, 0, 0}};

static int set_option(struct options *o, int option, struct err *err) {
    switch (option) {
    case 'u':
        o->allow_unpaired = true;
        return 0;
    case 'm':
        return parse_ratio(optarg, &o->margin) == 0
                   ? 0
                   : err_set(err, GB_USAGE, "--margin: 2%% or 0.02 expected, not '%s'", optarg);
    case 'a':
        o->across_machine |= !strcmp(optarg, "machine");
        o->across_interpreter |= !strcmp(optarg, "interpreter");
        return !strcmp(optarg, "machine") || !strcmp(optarg, "interpreter")
                   ? 0
                   : err_set(err, GB_USAGE, "--across: machine or interpreter expected, not '%s'",
                             optarg);
    default:
        return err_set(err, GB_USAGE, "see gilbench compare --help");
    }
}

static int parse_options(struct options *o, int argc, char **argv, struct err *err) {
    int option;
    *o = (struct options){.margin = 0.02};
    while ((option = getopt_long(argc, argv, "", known, NULL)) != -1)
        if (set_option(o, option, err) < 0)
            return -1;
    return argc - optind >= 2 ? 0
                              : err_set(err, GB_USAGE,
                                        "two files or more expected; example: gilbench compare "
                                        "results/runs/old results/latest");
}

static int compare_all(const struct options *o, const char *home, int count, char **paths,
                       bool *regressed, struct err *err) {
    char old[GB_PATH_MAX], new[GB_PATH_MAX], folder[GB_PATH_MAX];
    if (find_results(paths[0], old, folder, sizeof old, err) < 0)
        return -1;
    for (int i = 1; i < count; i++) {
        if (i > 1)
            putchar('\n');
        if (find_results(paths[i], new, folder, sizeof new, err) < 0 ||
            compare_files(o, home, old, new, regressed, err) < 0)
            return -1;
    }
    return 0;
}

static int cmd_compare(int argc, char **argv) {
    struct registry *reg = calloc(1, sizeof *reg);
    struct options options;
    struct err err = {0};
    bool regressed = false;
    int code = GB_OK;
    if (!reg || registry_places(reg, &err) < 0 || parse_options(&options, argc, argv, &err) < 0 ||
        compare_all(&options, reg->home, argc - optind, argv + optind, &regressed, &err) < 0) {
        fflush(stdout);
        code = complain(&err);
    } else if (regressed) {
        code = GB_REGRESSED;
    }
    free(reg);
    return code;
}

const struct verb verb_compare = {
    "compare",   "results of different times, cell by cell; never a verdict",
    cmd_compare, help,
    known,       ""};
