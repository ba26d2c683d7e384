/* cmd_advise.c - gilbench advise: which model for which work, from tables measured on this machine. */
#include "advise.h"
#include "cmd.h"
#include "facts.h"
#include "spawn.h"
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char help[] =
    "usage: gilbench advise [--wait-ms X] [--cpu-us X] [options]\n"
    "       gilbench advise --profile FILE:FUNCTION [options]\n"
    "       gilbench advise --measure [options]\n"
    "       gilbench advise --score [DIR | results.json]\n"
    "\n"
    "Which model for which work: predicted requests a second, 99th percentile and memory of each "
    "model for "
    "the work described, best first, from tables that were measured on this machine; beside it "
    "what "
    "the folk rule says and costs. The work is given as one request takes it on an idle machine.\n"
    "\n"
    "      --wait-ms X        it waits for others: sockets, disks, sleep\n"
    "      --cpu-us X         it computes in pure Python\n"
    "      --native-us X      it computes in C that gives the GIL away\n"
    "      --payload-b X      bytes that would go to a worker and back\n"
    "      --shared-writes X  writes to state that all requests share\n"
    "      --concurrency N    requests under way (default: 64)\n"
    "      --memory-mb X      of the whole process tree, at most\n"
    "      --p99-ms X         99 of 100 requests take this at most\n"
    "      --cores N          (default: as many as the tables were measured on)\n"
    "      --profile FILE:FUNCTION  the first three, measured from a function of yours that takes "
    "no argument, in a process of its own\n"
    "\n"
    "      --tables DIR       a run of the matrix `advise` (default: results/advise)\n"
    "      --measure          run that matrix, and keep it as results/advise\n"
    "      --score            how far its predictions are from what was measured between the "
    "tables' cells\n"
    "\n"
    "and with --measure, as for `gilbench run`:\n"
    "\n"
    "      --python EXE       interpreter (default: $PYTHON or python3); of --profile, too\n"
    "      --pythons WORDS    several interpreters\n"
    "      --reps N           processes for each cell, instead of the matrix' number\n"
    "      --progress auto|plain|none  a bar, a line now and then, or nothing\n"
    "\n"
    "example: gilbench advise --wait-ms 20 --cpu-us 500 --concurrency 200 --p99-ms 100\n"
    "\n"
    "example: gilbench advise --profile app.py:handle_one --concurrency 200\n"
    "\n"
    "exit: 0 done, 1 run-time error, 2 usage, 77 no tables: --measure makes them\n";

enum {
    WAIT = 256,
    CPU,
    NATIVE,
    PAYLOAD,
    SHARED,
    CONCURRENCY,
    MEMORY,
    P99,
    CORES,
    PROFILE,
    TABLES,
    MEASURE,
    SCORE,
    PYTHON,
    PYTHONS,
    REPS,
    PROGRESS,
    WORDS_MAX = 16
};

struct options {
    struct profile profile;
    const char *function, *tables, *python;
    bool measure, score, described;
    char *words[WORDS_MAX]; /* for `gilbench run` */
    int nwords;
};

/* ---- The command line */

static const struct option known[] = {
    {"wait-ms", 1, 0, WAIT},         {"cpu-us", 1, 0, CPU},
    {"native-us", 1, 0, NATIVE},     {"payload-b", 1, 0, PAYLOAD},
    {"shared-writes", 1, 0, SHARED}, {"concurrency", 1, 0, CONCURRENCY},
    {"memory-mb", 1, 0, MEMORY},     {"p99-ms", 1, 0, P99},
    {"cores", 1, 0, CORES},          {"profile", 1, 0, PROFILE},
    {"tables", 1, 0, TABLES},        {"measure", 0, 0, MEASURE},
    {"score", 0, 0, SCORE},          {"python", 1, 0, PYTHON},
    {"pythons", 1, 0, PYTHONS},      {"reps", 1, 0, REPS},
    {"progress", 1, 0, PROGRESS},    {0, 0, 0, 0}};

/* Where a number goes, and by how much it is multiplied on the way. */
static int set_number(struct options *o, int option, double **to, double *unit) {
    struct profile *p = &o->profile;
    const struct {
        int option;
        double *to, unit;
    } all[] = {{WAIT, &p->wait_us, 1e3},        {CPU, &p->python_us, 1},
               {NATIVE, &p->native_us, 1},      {PAYLOAD, &p->payload_b, 1},
               {SHARED, &p->shared_writes, 1},  {CONCURRENCY, &p->concurrency, 1},
               {MEMORY, &p->memory_b, 1 << 20}, {P99, &p->p99_us, 1e3}};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (all[i].option == option) {
            *to = all[i].to;
            *unit = all[i].unit;
            return 1;
        }
    return 0;
}

static int read_number(struct options *o, int option, double *to, double unit, struct err *err) {
    double least = option == CONCURRENCY || option == CORES ? 1 : 0, number;
    const char *name = "";
    char *end;
    for (int i = 0; known[i].name; i++)
        name = known[i].val == option ? known[i].name : name;
    number = strtod(optarg, &end);
    if (end == optarg || *end || !(number >= least) || number > 1e9)
        return err_set(err, GB_USAGE, "--%s: a number of %g or more expected, not '%s'", name,
                       least, optarg);
    *to = number * unit;
    o->described |= option == WAIT || option == CPU || option == NATIVE;
    return 0;
}

static int pass_on(struct options *o, int option) {
    static const struct {
        int option;
        char *name;
    } passed[] = {
        {PYTHON, "--python"}, {PYTHONS, "--pythons"}, {REPS, "--reps"}, {PROGRESS, "--progress"}};
    for (size_t i = 0; i < sizeof passed / sizeof *passed; i++)
        if (passed[i].option == option && o->nwords + 2 < WORDS_MAX) {
            o->words[o->nwords++] = passed[i].name;
            o->words[o->nwords++] = optarg;
        }
    return 0;
}

static int set_option(struct options *o, int option, struct err *err) {
    double *to, unit, cores;
    if (option == '?')
        return err_set(err, GB_USAGE, "see gilbench advise --help");
    if (set_number(o, option, &to, &unit))
        return read_number(o, option, to, unit, err);
    if (option == CORES) {
        if (read_number(o, option, &cores, 1, err) < 0)
            return -1;
        o->profile.cores = (int)cores;
    }
    o->function = option == PROFILE ? optarg : o->function;
    o->tables = option == TABLES ? optarg : o->tables;
    o->python = option == PYTHON ? optarg : o->python;
    o->measure |= option == MEASURE;
    o->score |= option == SCORE;
    return pass_on(o, option);
}

static int parse_options(struct options *o, int argc, char **argv, struct err *err) {
    int option;
    *o = (struct options){.profile = {.concurrency = 64}, .python = default_python()};
    while ((option = getopt_long(argc, argv, "", known, NULL)) != -1)
        if (set_option(o, option, err) < 0)
            return -1;
    if (optind < argc && o->score && !o->tables)
        o->tables = argv[optind++];
    if (optind < argc)
        return err_set(err, GB_USAGE, "'%s' is too much; see gilbench advise --help", argv[optind]);
    if (o->described && o->function)
        return err_set(err, GB_USAGE,
                       "--profile measures what --wait-ms, --cpu-us and --native-us "
                       "say: one or the other");
    if (!o->described && !o->function && !o->measure && !o->score)
        return err_set(err, GB_USAGE,
                       "what does a request do? --wait-ms, --cpu-us and --native-us "
                       "say it, or --profile FILE:FUNCTION; see gilbench advise "
                       "--help");
    return 0;
}

/* ---- Measuring: the tables, and a function */

static int measure_tables(struct options *o, const char *results) {
    char *words[WORDS_MAX + 3] = {"run", "advise"};
    char link[GB_PATH_MAX + 32], target[PATH_MAX];
    ssize_t size;
    int code;
    for (int i = 0; i < o->nwords; i++)
        words[2 + i] = o->words[i];
    optind = 0; /* glibc: begin anew */
    code = verb_run.run(2 + o->nwords, words);
    if (code != GB_OK && code != GB_RUNTIME && code != GB_ATTEST)
        return code;
    snprintf(link, sizeof link, "%s/latest", results);
    if ((size = readlink(link, target, sizeof target - 1)) < 0)
        return code;
    target[size] = '\0';
    snprintf(link, sizeof link, "%s/advise", results);
    unlink(link);
    if (symlink(target, link) < 0)
        fprintf(stderr, "gilbench: cannot link %s: %s\n", link, strerror(errno));
    return code;
}

static int measure_function(struct options *o, const struct registry *reg, struct err *err) {
    char script[GB_PATH_MAX + 64], answer[2000];
    char *words[] = {(char *)o->python, script, (char *)o->function, NULL};
    struct profile *p = &o->profile;
    const char *line;
    snprintf(script, sizeof script, "%s/runners/adapters/profile_user.py", reg->home);
    if (run_capture(reg, words, answer, sizeof answer, err) < 0) {
        err->code = GB_USAGE;
        return -1;
    }
    line = strstr(answer, "profile ");
    if (!line || sscanf(line, "profile wait_us=%lf python_us=%lf native_us=%lf", &p->wait_us,
                        &p->python_us, &p->native_us) != 3)
        return err_set(err, GB_RUNTIME, "%s did not say what it measured: %.200s", script, answer);
    return 0;
}

/* ---- Saying it */

static void say_profile(const struct profile *p) {
    char wait[32], python[32], native[32];
    format_ns(wait, sizeof wait, p->wait_us * 1e3);
    format_ns(python, sizeof python, p->python_us * 1e3);
    format_ns(native, sizeof native, p->native_us * 1e3);
    printf("a request waits %s, computes %s in Python and %s in C; %g under way, %d cores\n\n",
           wait, python, native, p->concurrency, p->cores);
}

static const char *limit_text(const struct advice *a) {
    static const char *const texts[] = {"waiting", "the loop", "Python, a lane", "C, a lane"};
    return texts[a->limit];
}

static void say_row(int place, const struct advice *a) {
    char rate[32], lo[32], hi[32], p99[32], memory[32];
    format_si(rate, sizeof rate, a->rate);
    format_si(lo, sizeof lo, a->rate_lo);
    format_si(hi, sizeof hi, a->rate_hi);
    format_ns(p99, sizeof p99, a->p99_ns);
    format_bytes(memory, sizeof memory, a->memory_b);
    printf("%2d  %-26s %7s [%s, %s]  p99 %-8s %9s  kept by %s: %s%s%s%s%s%s%s\n", place,
           a->table->label, rate, lo, hi, p99, memory, limit_text(a),
           a->limit == LIMIT_WAITING || a->limit == LIMIT_LOOP ? a->table->waits
                                                               : a->table->computes,
           a->too_close ? "; too close to the first" : "",
           a->fits_memory ? "" : "; OVER the memory", a->meets_p99 ? "" : "; MISSES the p99",
           a->extrapolated ? "; extrapolated to these cores" : "",
           *a->unknown ? "; not measured: " : "", a->unknown);
}

/* For the interpreter of the first. */
static void say_folk(const struct profile *p, const struct advice *advice, int count) {
    static const char *const words[] = {"it computes more than it waits: processes",
                                        "it waits for long: asyncio", "it waits: threads"};
    const char *folk = advise_folk(p), *at = strchr(advice->table->label, '@'),
               *said = words[!strcmp(folk, "cpu")    ? 0
                             : !strcmp(folk, "slow") ? 1
                                                     : 2];
    const struct advice *chosen = advise_folk_choice(folk, advice, count, at ? at : "");
    if (!chosen)
        printf("\nThe folk rule says \"%s\"; the tables do not have that.\n", said);
    else if (chosen == advice)
        printf("\nThe folk rule says the same: \"%s\" (%s).\n", said, chosen->table->label);
    else
        printf(
            "\nThe folk rule says \"%s\" (%s): %.0f %% fewer requests a second than the first%s.\n",
            said, chosen->table->label, 100 * (1 - chosen->rate / advice->rate),
            chosen->too_close ? ", which is too close to call" : "");
}

static void say_advice(const struct profile *p, const struct advice_tables *tables) {
    static struct advice advice[ADVICE_MODELS_MAX];
    int count = advise(p, tables, advice), close = 0;
    say_profile(p);
    for (int i = 0; i < count; i++) {
        say_row(i + 1, &advice[i]);
        close += advice[i].too_close;
    }
    printf("\n%s", advice->table->label);
    if (close)
        printf(", or one of the %d that are too close to it to call", close);
    puts(advice->fits_memory && advice->meets_p99 ? "." : ": but nothing keeps all limits.");
    say_folk(p, advice, count);
    if (*tables->missing)
        printf("Not in the tables: %s.\n", tables->missing);
}

static void say_scores(const struct advice_scores *s) {
    printf("%-28s %6s %14s %14s %14s\n", "model", "points", "median error", "worst error",
           "p99: median");
    for (int i = 0; i < s->nmodels; i++) {
        const struct advice_score *m = &s->models[i];
        printf("%-28s %6d %12.1f %% %12.1f %% %12.1f %%\n", m->table->label, m->points,
               100 * m->median_error, 100 * m->worst_error, 100 * m->median_p99_error);
    }
    printf("\n%d of %d predictions of requests a second are within 25 %% of what was measured.\n",
           s->within, s->points);
    if (s->choices)
        printf("Following the advice loses %.1f %% of the best rate on average (at worst %.1f %%), "
               "following the folk rule %.1f %% (%.1f %%), at %d points.\n",
               100 * s->regret, 100 * s->worst_regret, 100 * s->folk_regret,
               100 * s->worst_folk_regret, s->choices);
}

/* ---- The whole */

static void warn_of_elsewhere(const struct runset *run) {
    struct runset here = {0};
    struct machine machine;
    struct err err;
    if (machine_open(&machine, &err) < 0)
        return;
    facts_of_machine(&here, &machine);
    if (strcmp(fact_find(&here, "cpu_model"), fact_find(run, "cpu_model")) ||
        strcmp(fact_find(&here, "topology"), fact_find(run, "topology")))
        fprintf(stderr,
                "gilbench: these tables are of another machine (%s, %s): --measure makes "
                "some here\n",
                fact_find(run, "cpu_model"), fact_find(run, "topology"));
    machine_close(&machine);
}

static int read_tables(const struct options *o, const struct registry *reg, struct runset *run,
                       struct err *err) {
    char standard[GB_PATH_MAX + 32], file[PATH_MAX], folder[PATH_MAX];
    struct stat info;
    snprintf(standard, sizeof standard, "%s/advise", reg->results);
    if (!o->tables && stat(standard, &info) < 0)
        return err_set(err, GB_NOTHING,
                       "nothing was measured on this machine yet: `gilbench advise --measure` does "
                       "it once, in about 20 minutes for an interpreter");
    if (find_results(o->tables ? o->tables : standard, file, folder, sizeof file, err) < 0)
        return -1;
    return results_read(file, run, err);
}

static int say(struct options *o, const struct registry *reg, struct err *err) {
    static struct advice_register models;
    static struct advice_tables tables;
    static struct advice_scores scores;
    struct runset run = {0};
    char path[GB_PATH_MAX + 32];
    bool given = o->profile.cores > 0;
    int failed;
    snprintf(path, sizeof path, "%s/runners/advise.ini", reg->home);
    if (advise_register(&models, path, err) < 0 || read_tables(o, reg, &run, err) < 0)
        return -1;
    failed = advise_tables(&tables, &models, &run, err);
    if (!failed && o->function)
        failed = measure_function(o, reg, err);
    if (!failed) {
        for (int i = 0; i < tables.ntables && !given; i++)
            if (tables.tables[i].cores > o->profile.cores)
                o->profile.cores = tables.tables[i].cores;
        warn_of_elsewhere(&run);
        advise_score(&scores, &tables);
        if (o->score && !scores.points)
            failed = err_set(err, GB_NOTHING, "this run has no cells between those of the tables");
        else if (o->score)
            say_scores(&scores);
        else
            say_advice(&o->profile, &tables);
    }
    runset_free(&run);
    return failed;
}

static int cmd_advise(int argc, char **argv) {
    struct registry *reg = calloc(1, sizeof *reg);
    struct options options;
    struct err err = {0};
    int code = GB_OK;
    if (!reg)
        err_set(&err, GB_RUNTIME, "out of memory");
    if (!reg || parse_options(&options, argc, argv, &err) < 0 || registry_places(reg, &err) < 0)
        code = complain(&err);
    else if (options.measure)
        code = measure_tables(&options, reg->results);
    if (code == GB_OK && (options.described || options.function || options.score) &&
        say(&options, reg, &err) < 0)
        code = complain(&err);
    free(reg);
    return code;
}

const struct verb verb_advise = {
    "advise", "which model for which work, from tables measured here", cmd_advise, help, known, ""};
