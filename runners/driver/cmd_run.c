/* cmd_run.c - gilbench run: the whole pipeline. Read run_plan for the shape of it. */
#include "bind.h"
#include "cmd.h"
#include "eta.h"
#include "facts.h"
#include "interpreters.h"
#include "limits.h"
#include "progress.h"
#include "session.h"
#include "trial.h"
#include "user.h"
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <getopt.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static const char help[] =
    "usage: gilbench run [MATRIX] [options]\n"
    "\n"
    "Runs a matrix: a name in runners/matrix (default: default) or a file. Writes journal.jsonl "
    "and results.json.\n"
    "\n"
    "  -o, --output DIR    where to (default: results/runs/<run id>)\n"
    "      --resume DIR    go on with an interrupted run: same seed, same matrix, same plan\n"
    "      --only GLOB     only cells whose id matches, as 'cpu_*/threads/*'\n"
    "      --sections W    only sections whose label, as in [cpu_queens: C1], has one of these "
    "words\n"
    "      --reps N        processes for each cell, instead of the matrix' number\n"
    "      --seed N        of data, plan and intervals, instead of the matrix' number\n"
    "      --timeout S     for each sample and each set-up, instead of the matrix' number\n"
    "      --store embedded|redis|postgres  for client workloads\n"
    "      --python EXE    interpreter to measure (default: $PYTHON or python3)\n"
    "      --workload FILE  a workload of your own: see docs/examples/my_workload.py; without a "
    "matrix, "
    "every model that can run it\n"
    "      --pythons WORDS  several interpreters, as 'python3.11 python3.13t'; auto: all that are "
    "found\n"
    "      --bind compact|scatter|core|pu|LIST  which PUs cells get; a list is 0,2,4-7; "
    "`gilbench topology` shows them\n"
    "      --require       a cell that cannot run here is an error\n"
    "      --progress auto|plain|none  a bar, a line now and then, or nothing\n"
    "\n"
    "Cells of servers take rate = requests/s (open loop; 0: closed) and arrivals = constant or "
    "poisson: "
    "see runners/README.md, and\n"
    "the matrix `latency`.\n"
    "\n"
    "example: gilbench run smoke --only 'io_employee/*' --store redis\n"
    "\n"
    "exit: 0 done, 1 run-time error, 2 usage, 6 attestation failed, 77 nothing to run, 130 "
    "interrupted (--resume goes on)\n";

struct options {
    const char *matrix, *output, *resume, *only, *sections, *store, *python, *pythons, *workload,
        *bind;
    int reps;
    int64_t seed; /* -1: the matrix' */
    double timeout_s;
    bool require;
    enum progress_mode progress;
};

struct session {
    struct options options;
    struct registry reg;
    struct interpreters pythons;
    struct user_workload user; /* of --workload */
    struct machine machine;
    struct matrix matrix;
    struct runset run;
    char folder[PATH_MAX];
    int journal;
    struct progress progress;
    struct eta eta;
    struct expectation *expected; /* one a cell, asked for when first needed */
    bool *known;
};

/* ---- Options */

static int parse_number(const char *text, long least, int64_t *value) {
    char *end;
    *value = strtoll(text, &end, 10);
    return *text && !*end && *value >= least ? 0 : -1;
}

static int set_option(struct options *o, int option, struct err *err) {
    int64_t number = 0;
    char *end;
    switch (option) {
    case 'o':
        o->output = optarg;
        return 0;
    case 'r':
        o->resume = optarg;
        return 0;
    case 'O':
        o->only = optarg;
        return 0;
    case 'c':
        o->sections = optarg;
        return 0;
    case 's':
        o->store = optarg;
        return 0;
    case 'p':
        o->python = optarg;
        return 0;
    case 'b':
        o->bind = optarg;
        return 0;
    case 'w':
        o->workload = optarg;
        return 0;
    case 'y':
        o->pythons = optarg;
        return 0;
    case 'q':
        o->require = true;
        return 0;
    case 'n':
        if (parse_number(optarg, 1, &number) < 0)
            return err_set(err, GB_USAGE, "--reps: a whole number of 1 or more expected, not '%s'",
                           optarg);
        o->reps = (int)number;
        return 0;
    case 'S':
        if (parse_number(optarg, 0, &o->seed) < 0)
            return err_set(err, GB_USAGE, "--seed: a whole number of 0 or more expected, not '%s'",
                           optarg);
        return 0;
    case 't':
        o->timeout_s = strtod(optarg, &end);
        if (*end || !(o->timeout_s > 0))
            return err_set(err, GB_USAGE, "--timeout: seconds, more than 0, expected, not '%s'",
                           optarg);
        return 0;
    case 'P':
        o->progress = !strcmp(optarg, "plain")  ? PROGRESS_PLAIN
                      : !strcmp(optarg, "none") ? PROGRESS_NONE
                                                : PROGRESS_AUTO;
        if (o->progress == PROGRESS_AUTO && strcmp(optarg, "auto"))
            return err_set(err, GB_USAGE, "--progress: auto, plain or none expected, not '%s'",
                           optarg);
        return 0;
    default:
        return err_set(err, GB_USAGE, "see gilbench run --help");
    }
}

static const struct option known[] = {
    {"output", 1, 0, 'o'},   {"resume", 1, 0, 'r'},   {"only", 1, 0, 'O'},
    {"reps", 1, 0, 'n'},     {"seed", 1, 0, 'S'},     {"timeout", 1, 0, 't'},
    {"store", 1, 0, 's'},    {"python", 1, 0, 'p'},   {"require", 0, 0, 'q'},
    {"pythons", 1, 0, 'y'},  {"workload", 1, 0, 'w'}, {"bind", 1, 0, 'b'},
    {"sections", 1, 0, 'c'}, {"progress", 1, 0, 'P'}, {0, 0, 0, 0},
};

static int parse_options(struct options *o, int argc, char **argv, struct err *err) {
    int option;
    *o = (struct options){.store = "embedded", .python = default_python(), .seed = -1};
    while ((option = getopt_long(argc, argv, "o:", known, NULL)) != -1) {
        if (set_option(o, option, err) < 0)
            return -1;
    }
    if (optind < argc)
        o->matrix = argv[optind++];
    return optind < argc ? err_set(err, GB_USAGE, "one matrix only; '%s' is too much", argv[optind])
                         : 0;
}

/* ---- Setting up */

static int named_matrix(struct session *s, struct err *err) {
    const char *name = s->options.matrix ? s->options.matrix : "default";
    if (run_matrix(&s->run, &s->reg, name, err) < 0)
        return -1;
    if (s->options.sections)
        matrix_keep_sections(s->run.matrix_text, s->options.sections);
    return 0;
}

static int find_matrix(struct session *s, struct err *err) {
    if (!s->options.workload || s->options.matrix)
        return named_matrix(s, err);
    snprintf(s->run.matrix_name, sizeof s->run.matrix_name, "%s", s->user.name);
    s->run.matrix_text = user_matrix(&s->user, &s->reg, s->machine.npus, err);
    return s->run.matrix_text ? 0 : -1;
}

/* What this call can tell of a cell that the matrix cannot: options, and whether the store is
 * there. */
static int adjust_cell(struct session *s, struct cell *cell, const struct store_model *store,
                       struct err *err) {
    if (s->options.timeout_s > 0)
        cell->timeout_s = s->options.timeout_s;
    if (cell->cores > s->machine.npus && cell_param(cell, "workers") == NULL)
        return err_set(err, GB_USAGE, "%s asks for %d cores; this process may use %d", cell->id,
                       cell->cores, s->machine.npus);
    store_check(&s->reg, store, cell);
    limits_check(cell);
    return 0;
}

/* Cells that --only leaves out are no part of the run. */
static void keep_only(struct matrix *matrix, const char *glob) {
    int kept = 0;
    for (int i = 0; i < matrix->ncells; i++)
        if (!glob || fnmatch(glob, matrix->cells[i].id, 0) == 0)
            matrix->cells[kept++] = matrix->cells[i];
    matrix->ncells = kept;
}

/* run->results from matrix text: when it starts, and for the journal reader when it is resumed. */
static int make_cells(struct runset *run, void *arg, struct err *err) {
    struct session *s = arg;
    const struct store_model *store = registry_store(&s->reg, s->options.store);
    char names[256];
    if (!store) {
        registry_names(&s->reg, "stores", names, sizeof names);
        return err_set(err, GB_USAGE, "unknown store '%s'; there are: %s", s->options.store, names);
    }
    if (matrix_parse(&s->matrix, run->matrix_name, run->matrix_text, &s->reg, err) < 0)
        return -1;
    if (interpreters_spread(&s->pythons, &s->reg, &s->matrix, err) < 0)
        return -1;
    keep_only(&s->matrix, s->options.only);
    run->results = calloc((size_t)s->matrix.ncells + 1, sizeof *run->results);
    s->expected = calloc((size_t)s->matrix.ncells + 1, sizeof *s->expected);
    s->known = calloc((size_t)s->matrix.ncells + 1, sizeof *s->known);
    if (!run->results || !s->expected || !s->known)
        return err_set(err, GB_RUNTIME, "out of memory");
    for (int i = 0; i < s->matrix.ncells; i++) {
        if (adjust_cell(s, &s->matrix.cells[i], store, err) < 0)
            return -1;
        run->results[run->nresults++].cell = s->matrix.cells[i];
    }
    return 0;
}

static int open_journal(struct session *s, int flags, struct err *err) {
    char path[PATH_MAX + 32];
    snprintf(path, sizeof path, "%s/journal.jsonl", s->folder);
    s->journal = open(path, O_RDWR | O_APPEND | O_CLOEXEC | flags, 0666);
    if (s->journal < 0 && errno == EEXIST)
        return err_set(
            err, GB_USAGE,
            "%s is there already; go on with it by --resume %s, or choose another folder", path,
            s->folder);
    if (s->journal < 0)
        return err_set(err, GB_RUNTIME, "cannot write %s: %s; choose another folder with -o", path,
                       strerror(errno));
    return 0;
}

/* Words and versions: what a resumed run needs, and is compared with. */
static void add_pythons(struct session *s) {
    char text[400];
    interpreters_text(&s->pythons, text, sizeof text);
    fact_add(&s->run, "pythons", s->options.pythons);
    fact_add(&s->run, "interpreters", text);
}

static int begin_new(struct session *s, struct err *err) {
    if (find_matrix(s, err) < 0 || make_cells(&s->run, s, err) < 0)
        return -1;
    s->run.reps = s->options.reps ? s->options.reps : s->matrix.reps;
    s->run.seed = s->options.seed >= 0 ? (uint64_t)s->options.seed : s->matrix.seed;
    facts_of_build(&s->run, &s->reg);
    facts_of_machine(&s->run, &s->machine);
    fact_add(&s->run, "store", s->options.store);
    fact_add(&s->run, "only", s->options.only);
    fact_add(&s->run, "sections", s->options.sections);
    fact_add(&s->run, "workload", s->user.file);
    fact_add(&s->run, "bind", s->options.bind);
    add_pythons(s);
    run_name(&s->run);
    if (s->options.output)
        snprintf(s->folder, sizeof s->folder, "%s", s->options.output);
    else
        snprintf(s->folder, sizeof s->folder, "%s/runs/%s", s->reg.results, s->run.run_id);
    if (make_folders(s->folder, err) < 0 || open_journal(s, O_CREAT | O_EXCL, err) < 0)
        return -1;
    return journal_write_header(s->journal, &s->run, err);
}

/* The interpreter and the choices of the first call hold: a plan cannot be finished with others. */
static int same_as_before(struct session *s, struct err *err) {
    const char *python = fact_find(&s->run, "python");
    char now[400];
    interpreters_text(&s->pythons, now, sizeof now);
    if (strcmp(now, fact_find(&s->run, "interpreters")))
        return err_set(err, GB_USAGE,
                       "this run was begun with the interpreters %s; now there are %s",
                       fact_find(&s->run, "interpreters"), now);
    if (strcmp(python, s->reg.python_version))
        return err_set(err, GB_USAGE, "this run was begun with %s; --python now gives %s", python,
                       s->reg.python_version);
    return 0;
}

static int open_pythons(struct session *s, struct err *err) {
    if (s->options.workload &&
        user_open(&s->user, &s->reg, s->options.python, s->options.workload, err) < 0)
        return -1;
    if (s->options.pythons)
        return interpreters_open(&s->pythons, &s->reg, s->options.pythons, err);
    return registry_probe(&s->reg, s->options.python, false, err);
}

static int bind_machine(struct session *s, struct err *err) {
    if (s->options.bind && machine_bind(&s->machine, s->options.bind, err) < 0)
        return -1;
    s->reg.cores = s->machine.npus;
    return 0;
}

static int journal_cells(struct runset *run, void *arg, struct err *err) {
    struct session *s = arg;
    const char *only = fact_find(run, "only"), *store = fact_find(run, "store");
    s->options.bind = *fact_find(run, "bind") ? fact_find(run, "bind") : NULL;
    if (bind_machine(s, err) < 0)
        return -1;
    s->options.workload = *fact_find(run, "workload") ? fact_find(run, "workload") : NULL;
    s->options.pythons = *fact_find(run, "pythons") ? fact_find(run, "pythons") : NULL;
    if (open_pythons(s, err) < 0 || same_as_before(s, err) < 0)
        return -1;
    s->options.only = *only ? only : NULL;
    s->options.store = *store ? store : "embedded";
    return make_cells(run, arg, err);
}

/* A torn last line is cut off, so that what is appended starts on a line of its own. */
static int cut_torn_line(struct session *s, struct err *err) {
    off_t end = lseek(s->journal, 0, SEEK_END);
    char byte = 0;
    while (end > 0 && pread(s->journal, &byte, 1, end - 1) == 1 && byte != '\n')
        end--;
    return ftruncate(s->journal, end) < 0
               ? err_set(err, GB_RUNTIME, "cannot repair the journal: %s", strerror(errno))
               : 0;
}

static int begin_resumed(struct session *s, struct err *err) {
    char path[PATH_MAX + 32];
    bool torn;
    snprintf(s->folder, sizeof s->folder, "%s", s->options.resume);
    snprintf(path, sizeof path, "%s/journal.jsonl", s->folder);
    if (journal_read(path, &s->run, journal_cells, s, &torn, err) < 0 ||
        open_journal(s, 0, err) < 0)
        return -1;
    s->run.interrupted = false;
    return torn ? cut_torn_line(s, err) : 0;
}

/* ---- Running */

static bool done_before(const struct runset *run, const struct trial *trial) {
    const struct result *result = &run->results[trial->cell];
    for (int i = 0; i < result->nreps; i++)
        if (result->reps[i].rep == trial->rep)
            return true;
    return false;
}

static int write_results(struct session *s, struct err *err) {
    char path[PATH_MAX + 32];
    runset_summarise(&s->run);
    snprintf(path, sizeof path, "%s/results.json", s->folder);
    return results_write(path, &s->run, err);
}

static int expect(struct session *s, int cell, struct err *err) {
    if (s->known[cell])
        return 0;
    if (registry_expect(&s->reg, &s->run.results[cell].cell, &s->expected[cell], err) < 0)
        return -1;
    s->known[cell] = true;
    return 0;
}

/* Of the trials that are not done; below 0 as long as nothing is known. What goes on between trials
 * (references, results) is in the time that has passed, and not in that of the trials. */
static double time_left(const struct session *s, const struct trial *plan, int count) {
    double left = 0, took = 0, passed = (double)(now_ns() - s->progress.start_ns) / 1e9;
    for (int i = 0; i < s->run.nresults; i++)
        took += s->eta.took[i];
    if (!(took > 0))
        return -1;
    for (int i = 0; i < count; i++)
        if (!done_before(&s->run, &plan[i]))
            left += eta_of(&s->eta, plan[i].cell);
    return left * passed / took;
}

/* What the finished processes of a cell say so far: their mean, and half of what lies between the
 * least and the greatest. No interval: that takes all of them. */
static void say_seen(struct progress *progress, const struct result *result) {
    double least = INFINITY, greatest = 0, sum = 0;
    char rate[32];
    int n = 0;
    for (int i = 0; i < result->nreps; i++) {
        double value = *result->reps[i].void_reason ? 0 : rep_rate(&result->reps[i]);
        if (!(value > 0))
            continue;
        least = fmin(least, value);
        greatest = fmax(greatest, value);
        sum += value;
        n++;
    }
    progress->seen[0] = '\0';
    if (!n)
        return;
    format_si(rate, sizeof rate, sum / n);
    if (n == 1)
        snprintf(progress->seen, sizeof progress->seen, "%s ops/s", rate);
    else
        snprintf(progress->seen, sizeof progress->seen, "%s ops/s +-%.0f %%", rate,
                 100 * (greatest - least) / 2 / (sum / n));
}

static int run_trial(struct session *s, const struct trial_context *context,
                     const struct trial *trial, struct err *err) {
    const struct cell *cell = &s->run.results[trial->cell].cell;
    struct trial_context here = *context;
    struct rep rep;
    bool complete;
    int64_t start;
    here.reg = interpreters_of(&s->pythons, &s->reg, cell);
    if (expect(s, trial->cell, err) < 0)
        return -1;
    say_seen(&s->progress, &s->run.results[trial->cell]);
    progress_now(&s->progress, cell->id);
    start = now_ns();
    rep = trial_run(&here, cell, trial->cell, trial->rep, &s->expected[trial->cell], &complete);
    if (journal_write_rep(s->journal, &s->run, &rep, complete, err) < 0) {
        rep_free(&rep);
        return -1;
    }
    if (!complete) {
        rep_free(&rep);
        return 0;
    }
    eta_took(&s->eta, trial->cell, (double)(now_ns() - start) / 1e9);
    progress_done(&s->progress, cell->id, *rep.void_reason ? rep.void_reason : NULL);
    return runset_add_rep(&s->run, rep, err);
}

/* Each trial of the plan that is not done yet; after each block, results.json as far as it goes. */
static int run_plan(struct session *s, const struct trial *plan, int count, struct err *err) {
    struct trial_context context = {.reg = &s->reg,
                                    .machine = &s->machine,
                                    .store = registry_store(&s->reg, s->options.store),
                                    .seed = s->run.seed};
    int done = 0;
    for (int i = 0; i < count; i++)
        done += done_before(&s->run, &plan[i]);
    if (eta_begin(&s->eta, &s->run, err) < 0)
        return -1;
    progress_begin(&s->progress, s->options.progress, done, count);
    for (int i = 0; i < count && !interrupts; i++) {
        if (done_before(&s->run, &plan[i]))
            continue;
        s->progress.left_s = time_left(s, plan, count);
        if (run_trial(s, &context, &plan[i], err) < 0)
            return -1;
        if (i + 1 < count && plan[i + 1].rep != plan[i].rep && write_results(s, err) < 0)
            return -1;
    }
    progress_end(&s->progress);
    return 0;
}

static void warn_of_shared_cores(const struct session *s) {
    int shared = 0, most = 0;
    for (int i = 0; i < s->run.nresults; i++) {
        const struct cell *cell = &s->run.results[i].cell;
        if (*cell->not_run || cell->cores + cell->peer_cores <= s->machine.npus)
            continue;
        shared++;
        most = cell->cores + cell->peer_cores > most ? cell->cores + cell->peer_cores : most;
    }
    if (shared)
        fprintf(stderr,
                "gilbench: %d cells ask for up to %d cores, and %d are there: they share cores, "
                "and are labelled so\n",
                shared, most, s->machine.npus);
}

/* results/latest -> this run, where results/ is ours. */
static void link_latest(const struct session *s) {
    char path[PATH_MAX + 64], target[PATH_MAX];
    if (s->options.output || s->options.resume)
        return;
    snprintf(path, sizeof path, "%s/latest", s->reg.results);
    snprintf(target, sizeof target, "runs/%s", s->run.run_id);
    unlink(path);
    if (symlink(target, path) < 0)
        fprintf(stderr, "gilbench: cannot link %s: %s\n", path, strerror(errno));
}

/* ---- The end */

static enum gb_exit verdict(const struct session *s) {
    bool attest = false, failed = false, missing = false;
    for (int i = 0; i < s->run.nresults; i++) {
        const struct result *r = &s->run.results[i];
        missing |= *r->cell.not_run;
        for (int k = 0; k < r->nreps; k++) {
            attest |= r->reps[k].void_code == GB_ATTEST;
            failed |= *r->reps[k].void_reason && r->reps[k].void_code != GB_ATTEST;
        }
    }
    if (interrupts)
        return GB_INTERRUPTED;
    return failed || (missing && s->options.require) ? GB_RUNTIME : attest ? GB_ATTEST : GB_OK;
}

static int finish(struct session *s, struct err *err) {
    s->run.interrupted = interrupts;
    facts_at_end(&s->run);
    if (write_results(s, err) < 0)
        return -1;
    link_latest(s);
    print_table(&s->run);
    fflush(stdout); /* the table before the words, also where both go to one file */
    warn_of_wide_intervals(&s->run);
    fprintf(stderr, "results: %s/results.json\n", s->folder);
    if (interrupts)
        fprintf(stderr, "interrupted; to finish the plan: gilbench run --resume %s\n", s->folder);
    return 0;
}

static int run_session(struct session *s, struct err *err) {
    struct trial *plan = NULL;
    int count, failed;
    watch_interrupts();
    if ((s->options.resume ? begin_resumed(s, err) : begin_new(s, err)) < 0)
        return -1;
    warn_of_shared_cores(s);
    count = plan_make(s->matrix.cells, s->matrix.ncells, s->run.reps, s->run.seed, &plan);
    if (count == 0) {
        print_table(&s->run);
        free(plan);
        return err_set(
            err, GB_NOTHING,
            "nothing to run: no cell of the matrix can run here, or --only matches none");
    }
    failed = run_plan(s, plan, count, err);
    free(plan);
    return failed < 0 ? -1 : finish(s, err);
}

static int open_session(struct session *s, struct err *err) {
    s->journal = -1;
    if (registry_read(&s->reg, err) < 0 || machine_open(&s->machine, err) < 0)
        return -1;
    if (s->options.resume) /* its journal says with what */
        return 0;
    return bind_machine(s, err) < 0 ? -1 : open_pythons(s, err);
}

static int cmd_run(int argc, char **argv) {
    struct session *s = calloc(1, sizeof *s);
    struct err err = {0};
    int code = GB_RUNTIME;
    if (!s)
        return complain(&(struct err){GB_RUNTIME, "out of memory"});
    if (parse_options(&s->options, argc, argv, &err) < 0) {
        free(s);
        return complain(&err);
    }
    if (open_session(s, &err) < 0 || run_session(s, &err) < 0)
        code = complain(&err);
    else
        code = verdict(s);
    if (s->journal >= 0)
        close(s->journal);
    if (s->machine.topology)
        machine_close(&s->machine);
    interpreters_close(&s->pythons);
    eta_end(&s->eta);
    matrix_free(&s->matrix);
    runset_free(&s->run);
    free(s->expected);
    free(s->known);
    free(s);
    return code;
}

const struct verb verb_run = {"run", "run a matrix: journal, results, table", cmd_run, help, known,
                              "o:"};
