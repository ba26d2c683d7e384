/* cmd_ab.c - gilbench ab: options, and a table of verdicts. */
#include "ab.h"
#include "cmd.h"
#include "facts.h"
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char help[] =
    "usage: gilbench ab BASE CAND [options]\n"
    "\n"
    "Measures two builds against each other, in pairs of fresh processes whose slices alternate, "
    "and says for each\n"
    "benchmark: ok, improved, regressed, inconclusive, contaminated or invalid. BASE and CAND are "
    "git refs (built here,\n"
    "with several orders of linking), build folders, or interpreters. Writes journal.jsonl and "
    "results.json.\n"
    "\n"
    "  -b, --only GLOB       benchmarks whose id matches, as 'cpu_*' (default: all of the matrix)\n"
    "      --matrix MATRIX   a name in runners/matrix or a file (default: gate)\n"
    "  -o, --output DIR      where to (default: results/runs/<run id>-ab)\n"
    "      --resume DIR      go on with an interrupted run: same seed, same plan\n"
    "      --replay FILE     take the pairs from this journal instead of measuring\n"
    "      --margin RATIO    what is too small to matter (default: 2%)\n"
    "      --limit RATIO     what must be ruled out for ok (default: 5%)\n"
    "      --alpha P         error of the whole run (default: 0.01)\n"
    "      --pairs N[,N..]   decide after so many pairs (default: 12,24,48)\n"
    "      --slices N        of each process, even (default: 16)\n"
    "      --slice-ms MS     length of a slice, 10 to 250 (default: 25)\n"
    "      --builds N        differently linked builds of each git ref, 1 to 24 (default: 12)\n"
    "      --budget S        stop measuring after so many seconds\n"
    "      --ir auto|off|only  count instructions with callgrind: auto is where there is something "
    "to "
    "explain\n"
    "      --no-confirm      do not measure again what is slower\n"
    "      --no-control      no second build of BASE as a null control: for tests\n"
    "      --strict          inconclusive is an error\n"
    "      --seed N          of the plan and the intervals\n"
    "      --store embedded|redis|postgres  for client workloads\n"
    "      --python EXE      interpreter for both (default: $PYTHON or python3)\n"
    "      --base-python EXE  interpreter for BASE alone\n"
    "      --cand-python EXE  interpreter for CAND alone\n"
    "      --progress auto|plain|none  a bar, a line now and then, or nothing\n"
    "\n"
    "example: gilbench ab origin/main HEAD -b 'loop_*' --budget 60\n"
    "\n"
    "exit: 0 ok or improved, 1 run-time error, 2 usage, 3 regressed, 4 inconclusive (--strict), 5 "
    "contaminated, 6 invalid,\n"
    "77 nothing to compare, 130 interrupted (--resume goes on)\n";

enum {
    O_MATRIX = 256,
    O_RESUME,
    O_REPLAY,
    O_MARGIN,
    O_LIMIT,
    O_ALPHA,
    O_PAIRS,
    O_SLICES,
    O_SLICE_MS,
    O_BUILDS,
    O_BUDGET,
    O_IR,
    O_NO_CONFIRM,
    O_NO_CONTROL,
    O_STRICT,
    O_SEED,
    O_STORE,
    O_PYTHON,
    O_BASE_PYTHON,
    O_CAND_PYTHON,
    O_PROGRESS,
};

static const struct option known[] = {
    {"only", 1, 0, 'b'},
    {"output", 1, 0, 'o'},
    {"matrix", 1, 0, O_MATRIX},
    {"resume", 1, 0, O_RESUME},
    {"replay", 1, 0, O_REPLAY},
    {"margin", 1, 0, O_MARGIN},
    {"limit", 1, 0, O_LIMIT},
    {"alpha", 1, 0, O_ALPHA},
    {"pairs", 1, 0, O_PAIRS},
    {"slices", 1, 0, O_SLICES},
    {"slice-ms", 1, 0, O_SLICE_MS},
    {"builds", 1, 0, O_BUILDS},
    {"budget", 1, 0, O_BUDGET},
    {"ir", 1, 0, O_IR},
    {"no-confirm", 0, 0, O_NO_CONFIRM},
    {"no-control", 0, 0, O_NO_CONTROL},
    {"strict", 0, 0, O_STRICT},
    {"seed", 1, 0, O_SEED},
    {"store", 1, 0, O_STORE},
    {"python", 1, 0, O_PYTHON},
    {"base-python", 1, 0, O_BASE_PYTHON},
    {"cand-python", 1, 0, O_CAND_PYTHON},
    {"progress", 1, 0, O_PROGRESS},
    {0, 0, 0, 0},
};

/* ---- Options */

/* 0.02 or 2%; more than `least`, at most `most`. */
static int ratio_option(const char *name, double least, double most, double *value,
                        struct err *err) {
    char *end;
    double ratio = strtod(optarg, &end);
    if (end > optarg && *end == '%') {
        ratio /= 100;
        end++;
    }
    if (end == optarg || *end || !(ratio > least && ratio <= most))
        return err_set(err, GB_USAGE, "%s: a number above %g and up to %g expected, not '%s'", name,
                       least, most, optarg);
    *value = ratio;
    return 0;
}

static int whole_option(const char *name, long least, long most, int *value, struct err *err) {
    char *end;
    long number = strtol(optarg, &end, 10);
    if (end == optarg || *end || number < least || number > most)
        return err_set(err, GB_USAGE, "%s: a whole number from %ld to %ld expected, not '%s'", name,
                       least, most, optarg);
    *value = (int)number;
    return 0;
}

static int pairs_option(struct ab_options *o, struct err *err) {
    const char *at = optarg;
    int before = 0;
    for (o->nlooks = 0; o->nlooks < AB_LOOKS_MAX; at++) {
        char *end;
        long number = strtol(at, &end, 10);
        if (end == at || number <= before || number > AB_PAIRS_MAX / 2 || (*end && *end != ','))
            break;
        o->looks[o->nlooks++] = before = (int)number;
        if (!*end)
            return 0;
        at = end;
    }
    return err_set(err, GB_USAGE,
                   "--pairs: up to %d whole numbers that grow, up to %d, expected, not '%s'",
                   AB_LOOKS_MAX, AB_PAIRS_MAX / 2, optarg);
}

static int progress_option(struct ab_options *o, struct err *err) {
    static const char *const names[] = {"auto", "plain", "none"};
    for (int i = 0; i < 3; i++)
        if (!strcmp(optarg, names[i])) {
            o->progress = (enum progress_mode)i;
            return 0;
        }
    return err_set(err, GB_USAGE, "--progress: auto, plain or none expected, not '%s'", optarg);
}

static int ir_option(struct ab_options *o, struct err *err) {
    static const char *const names[] = {"auto", "off", "only"};
    for (int i = 0; i < 3; i++)
        if (!strcmp(optarg, names[i])) {
            o->ir = (enum ab_ir_mode)i;
            return 0;
        }
    return err_set(err, GB_USAGE, "--ir: auto, off or only expected, not '%s'", optarg);
}

static int slices_option(struct ab_options *o, struct err *err) {
    if (whole_option("--slices", 2, AB_SLICES_MAX, &o->slices, err) < 0)
        return -1;
    return o->slices % 2 == 0 ? 0 : err_set(err, GB_USAGE, "--slices: an even number expected");
}

static int seed_option(struct ab_options *o, struct err *err) {
    char *end;
    o->seed = strtoll(optarg, &end, 10);
    if (end > optarg && !*end && o->seed >= 0)
        return 0;
    return err_set(err, GB_USAGE, "--seed: a whole number of 0 or more expected, not '%s'", optarg);
}

static int set_number(struct ab_options *o, int option, struct err *err) {
    switch (option) {
    case O_MARGIN:
        return ratio_option("--margin", 0, 1, &o->margin, err);
    case O_LIMIT:
        return ratio_option("--limit", 0, 1, &o->limit, err);
    case O_ALPHA:
        return ratio_option("--alpha", 0, 0.2, &o->alpha, err);
    case O_BUDGET:
        return ratio_option("--budget", 0, 1e6, &o->budget_s, err);
    case O_IR:
        return ir_option(o, err);
    case O_PAIRS:
        return pairs_option(o, err);
    case O_SLICES:
        return slices_option(o, err);
    case O_SLICE_MS:
        return whole_option("--slice-ms", 10, 250, &o->slice_ms, err);
    case O_BUILDS:
        return whole_option("--builds", 1, AB_BUILDS_MOST, &o->builds, err);
    case O_SEED:
        return seed_option(o, err);
    case O_PROGRESS:
        return progress_option(o, err);
    default:
        return err_set(err, GB_USAGE, "see gilbench ab --help");
    }
}

/* Where an option that is a text goes. */
static const char **text_of(struct ab_options *o, int option) {
    switch (option) {
    case 'b':
        return &o->only;
    case 'o':
        return &o->output;
    case O_MATRIX:
        return &o->matrix;
    case O_RESUME:
        return &o->resume;
    case O_REPLAY:
        return &o->replay;
    case O_STORE:
        return &o->store;
    case O_PYTHON:
        return &o->python;
    case O_BASE_PYTHON:
        return &o->base_python;
    case O_CAND_PYTHON:
        return &o->cand_python;
    default:
        return NULL;
    }
}

static int take_arms(struct ab_options *o, int argc, char **argv, struct err *err) {
    int given = argc - optind;
    if (given == 0 && o->resume)
        return 0;
    if (given != 2 || o->resume)
        return err_set(err, GB_USAGE,
                       o->resume
                           ? "--resume knows its arms; leave out '%s'"
                           : "two arms wanted: gilbench ab BASE CAND; see gilbench ab --help%s",
                       o->resume ? argv[optind] : "");
    o->base = argv[optind];
    o->cand = argv[optind + 1];
    if (o->limit < o->margin)
        return err_set(err, GB_USAGE, "--limit must not be below --margin");
    return 0;
}

static int parse_options(struct ab_options *o, bool *strict, int argc, char **argv,
                         struct err *err) {
    int option;
    *o = ab_standard_options();
    o->python = default_python();
    while ((option = getopt_long(argc, argv, "b:o:", known, NULL)) != -1) {
        const char **text = text_of(o, option);
        if (text)
            *text = optarg;
        else if (option == O_NO_CONFIRM)
            o->no_confirm = true;
        else if (option == O_NO_CONTROL)
            o->no_control = true;
        else if (option == O_STRICT)
            *strict = true;
        else if (set_number(o, option, err) < 0)
            return -1;
    }
    return take_arms(o, argc, argv, err);
}

/* ---- The table */

static void print_ratio(const struct ab_stats *s) {
    char text[64] = "-";
    if (s->n)
        snprintf(text, sizeof text, "%.3f [%.3f, %.3f]", s->ratio, s->lo95, s->hi95);
    printf("  %-22s", text);
}

static void print_result(const struct ab_result *result) {
    int width = 9;
    for (int i = 0; i < result->nbenchmarks; i++) {
        int size = (int)strlen(result->benchmarks[i].cell.id);
        width = size > width ? size : width;
    }
    printf("%-*s  %5s  %-22s  %-22s  %-12s  %s\n", width, "benchmark", "pairs",
           "candidate/baseline", "null control", "verdict", "why");
    for (int i = 0; i < result->nbenchmarks; i++) {
        const struct ab_benchmark *b = &result->benchmarks[i];
        printf("%-*s  %5d", width, b->cell.id, b->stats.n);
        print_ratio(&b->stats);
        print_ratio(&b->null);
        printf("  %-12s  %s%s%s\n", verdict_name(b->verdict), b->why,
               *b->why && *b->note ? "; " : "", b->note);
    }
    printf("verdict: %s\n", verdict_name(result->verdict));
    printf("selftest: %s\n", fact_find(&result->run, "selftest"));
    fflush(stdout);
}

static int cmd_ab(int argc, char **argv) {
    struct ab_options options;
    struct ab_result *result;
    struct err err = {0};
    bool strict = false;
    int code;
    if (parse_options(&options, &strict, argc, argv, &err) < 0)
        return complain(&err);
    if (!(result = calloc(1, sizeof *result)))
        return complain(&(struct err){GB_RUNTIME, "out of memory"});
    if (ab_run(&options, result, &err) == 0) {
        print_result(result);
        fprintf(stderr, "results: %s/results.json\n", result->folder);
        code = ab_exit(result, strict);
    } else {
        code = complain(&err);
        if (result->interrupted)
            fprintf(stderr, "to finish: gilbench ab --resume %s\n", result->folder);
    }
    ab_result_free(result);
    free(result);
    return code;
}

const struct verb verb_ab = {
    "ab", "two builds against each other: is the second one slower?", cmd_ab, help, known, "b:o:"};
