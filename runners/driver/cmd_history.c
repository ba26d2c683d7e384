/* cmd_history.c - gilbench history: what gates found over time, and where its level changed. */
#include "ab_read.h"
#include "cmd.h"
#include "gate.h"
#include "history.h"
#include "picture.h"
#include "policy.h"
#include "session.h"
#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char help[] =
    "usage: gilbench history add FILE RESULTS...\n"
    "       gilbench history show FILE [options]\n"
    "       gilbench history changepoints FILE [options]\n"
    "\n"
    "A history is a file with a line for each run of the gate, to which `gilbench gate --history "
    "FILE` appends, too. Its figures are candidate / baseline, divided by the null control of the "
    "same run, so that lines of different days and machines make one series.\n"
    "\n"
    "  add           appends a line for each results.json, or folder, of `gilbench ab`\n"
    "  show          the series of each benchmark, with a mark where its level changed\n"
    "  changepoints  only where; with -o as pictures, too\n"
    "\n"
    "Changes are found by E-divisive in the last 50 runs; contaminated and invalid ones are left "
    "out. Against one baseline a change is a step in the code; where each run has a baseline of "
    "its "
    "own, it is that commits have become slower than those before them.\n"
    "\n"
    "  -b, --only GLOB  benchmarks whose id matches, as 'loop_*'\n"
    "  -o, --output DIR  draw each series into DIR, as SVG and PNG, with gnuplot\n"
    "      --alpha P    greatest p of a change, 0.001 (the default) or more\n"
    "\n"
    "example: gilbench history changepoints results/history.jsonl -o results/history\n"
    "\n"
    "exit: 0 done, whatever was found; 1 run-time error; 2 usage or no such file; 6 a file that is "
    "no history, or no results of ab; 77 nothing to show\n";

struct options {
    const char *only, *output;
    double alpha;
};

static const struct option known[] = {
    {"only", 1, 0, 'b'}, {"output", 1, 0, 'o'}, {"alpha", 1, 0, 'a'}, {0, 0, 0, 0}};

static int parse_options(struct options *o, int argc, char **argv, struct err *err) {
    int option;
    char *end;
    *o = (struct options){.alpha = 0.001};
    while ((option = getopt_long(argc, argv, "b:o:", known, NULL)) != -1) {
        if (option == 'b')
            o->only = optarg;
        else if (option == 'o')
            o->output = optarg;
        else if (option == 'a')
            o->alpha = strtod(optarg, &end);
        else
            return err_set(err, GB_USAGE, "see gilbench history --help");
        if (option == 'a' && (end == optarg || *end || !(o->alpha > 0 && o->alpha < 1)))
            return err_set(err, GB_USAGE, "--alpha: a number between 0 and 1 expected, not '%s'",
                           optarg);
    }
    if (argc - optind >= 2)
        return 0;
    return err_set(err, GB_USAGE,
                   "add, show or changepoints and a FILE expected; see gilbench history --help");
}

/* ---- add */

static int add(const struct registry *reg, const char *file, int count, char **args,
               struct err *err) {
    struct ab_result *result = calloc(1, sizeof *result);
    char path[GB_PATH_MAX], folder[GB_PATH_MAX];
    int failed = result ? 0 : err_set(err, GB_RUNTIME, "out of memory");
    if (!failed && count == 0)
        failed = err_set(err, GB_USAGE, "which results? gilbench history add FILE RESULTS...");
    for (int i = 0; i < count && !failed; i++) {
        if (!(failed = find_results(args[i], path, folder, sizeof path, err)) &&
            !(failed = ab_results_read(reg->home, path, result, err))) {
            failed =
                result->interrupted
                    ? err_set(err, GB_INCOMPATIBLE,
                              "%s is of a run that was interrupted; finish it with --resume", path)
                    : gate_history(file, result, err);
            ab_result_free(result);
        }
    }
    free(result);
    return failed;
}

/* ---- For people */

/* Where the ratio lies between the least and the greatest of its series. */
static void strip(char text[24], const struct history_series *s, double ratio) {
    double least = INFINITY, most = -INFINITY;
    for (int i = 0; i < s->npoints; i++)
        if (!s->points[i].left_out) {
            least = fmin(least, s->points[i].ratio);
            most = fmax(most, s->points[i].ratio);
        }
    memset(text, ' ', 21);
    text[21] = '\0';
    text[most > least ? (int)lround(20 * (ratio - least) / (most - least)) : 10] = '*';
}

static void print_point(const struct history_series *s, const struct history_point *p,
                        double before) {
    char where[24];
    if (p->left_out) {
        printf("  %.10s  %-12.23s       -    |%21s|  %s: left out\n", p->when, p->cand, "",
               verdict_name(p->verdict));
        return;
    }
    strip(where, s, p->ratio);
    printf("  %.10s  %-12.23s  %7.4f%s |%s|  %s", p->when, p->cand, p->ratio, p->raw ? "!" : " ",
           where, verdict_name(p->verdict));
    if (p->change)
        printf("  <- level %.4f, before %.4f: %+.2f %%", p->level, before,
               100 * (p->level / before - 1));
    putchar('\n');
}

static void print_head(const struct history_series *s) {
    printf("%s: %d runs against %s, %d change%s of level\n", s->id, s->npoints,
           s->bases == 1 ? s->points[0].base : "baselines of their own", s->changes,
           s->changes == 1 ? "" : "s");
}

static void print_series(const struct history_series *s, bool all) {
    double before = NAN;
    bool raw = false;
    print_head(s);
    for (int i = 0; i < s->npoints; i++) {
        const struct history_point *p = &s->points[i];
        if (all || p->change)
            print_point(s, p, before);
        before = p->left_out ? before : p->level;
        raw |= p->raw && !p->left_out;
    }
    if (all && raw)
        puts("  !: without a null control");
}

/* ---- Pictures */

/* "history-loop_steps_promise_loop:then_workers=1" without what a shell or gnuplot would mind. */
static void name_of(const struct history_series *s, char *name, size_t room) {
    snprintf(name, room, "history-%.180s", s->id);
    for (char *c = name; *c; c++)
        if (!isalnum((unsigned char)*c) && !strchr("-_.", *c))
            *c = '_';
}

static int draw(const struct registry *reg, const char *folder, const struct history_series *s,
                struct err *err) {
    char name[256], path[PATH_MAX], caption[300];
    FILE *file;
    name_of(s, name, sizeof name);
    snprintf(path, sizeof path, "%.3800s/%s.dat", folder, name);
    if (!(file = fopen(path, "w")))
        return err_set(err, GB_RUNTIME, "cannot write %s: %s", path, strerror(errno));
    history_dat(file, s);
    if (fclose(file) == EOF)
        return err_set(err, GB_RUNTIME, "cannot write %s: %s", path, strerror(errno));
    snprintf(caption, sizeof caption,
             "%d runs, %.10s to %.10s | against %s | bars: 95 %% intervals | %d left out",
             s->npoints, s->points[0].when, s->points[s->npoints - 1].when,
             s->bases == 1 ? s->points[0].base : "baselines of their own", s->left_out);
    return picture_draw(reg, folder, name, "svg", caption, err) < 0
               ? -1
               : picture_draw(reg, folder, name, "png", caption, err);
}

/* ---- show, changepoints */

static int tell(const struct registry *reg, const struct options *o, const char *file, bool all,
                struct err *err) {
    struct history history;
    int failed = history_read(reg->home, file, &history, err), told = 0;
    if (!failed && o->output)
        failed = make_folders(o->output, err);
    for (int i = 0; i < history.nseries && !failed; i++) {
        struct history_series *s = &history.series[i];
        if (o->only && !globs_match(o->only, s->id))
            continue;
        if (!(failed = history_find(s, o->alpha, err))) {
            print_series(s, all);
            told++;
        }
        if (!failed && o->output)
            failed = draw(reg, o->output, s, err);
    }
    if (!failed && !told)
        failed = err_set(err, GB_NOTHING, "%s has no benchmark%s%s", file,
                         o->only ? " that fits " : "", o->only ? o->only : "");
    if (!failed && history.torn)
        fprintf(stderr, "gilbench: the last line of %s was cut off and is left out\n", file);
    if (!failed && history.machines)
        fputs("gilbench: its lines are of more than one machine or interpreter: levels may differ "
              "for that alone\n",
              stderr);
    history_free(&history);
    return failed;
}

static int run(const struct options *o, int count, char **args, struct err *err) {
    struct registry *reg = calloc(1, sizeof *reg);
    bool show = !strcmp(args[0], "show");
    int failed = reg ? registry_places(reg, err) : err_set(err, GB_RUNTIME, "out of memory");
    if (!failed && !strcmp(args[0], "add"))
        failed = add(reg, args[1], count - 2, args + 2, err);
    else if (!failed && !show && strcmp(args[0], "changepoints"))
        failed = err_set(err, GB_USAGE, "add, show or changepoints expected, not '%s'", args[0]);
    else if (!failed && count > 2)
        failed = err_set(err, GB_USAGE, "one FILE expected, not '%s', too", args[2]);
    else if (!failed)
        failed = tell(reg, o, args[1], show, err);
    free(reg);
    return failed;
}

static int cmd_history(int argc, char **argv) {
    struct options options;
    struct err err = {0};
    if (parse_options(&options, argc, argv, &err) < 0 ||
        run(&options, argc - optind, argv + optind, &err) < 0)
        return complain(&err);
    return GB_OK;
}

const struct verb verb_history = {
    "history", "what gates found over time, and where its level changed", cmd_history, help, known,
    "b:o:"};
