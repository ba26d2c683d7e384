/* cmd_selftest.c - gilbench selftest: which parts, how often, and where what they count is kept. */
#include "cmd.h"
#include "gate.h"
#include "scratch.h"
#include "selftest.h"
#include "session.h"
#include "spawn.h"
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { RUNS = 20, KILLS = 50, ROUNDS = 30, SIMULATIONS = 10000, JOURNALS = 64 };

static const char help[] =
    "usage: gilbench selftest [aa] [power] [coverage] [overhead] [resume] [options]\n"
    "       gilbench selftest show [--json]\n"
    "\n"
    "Counts how often the gate is right on this machine, and keeps it in "
    "results/selftest/<machine>.json, from where `ab` and `gate`\n"
    "quote it beside their verdicts. Without a part: all of them, which takes hours.\n"
    "\n"
    "  aa        gate runs of equal code: false alarms, with their bound; and the same pairs with "
    "their arms exchanged 10,000 times\n"
    "  power     gate runs of a loop in C and a function in Python that are 3, 5 and 10 % longer: "
    "how many are caught\n"
    "  coverage  how often simulated 95 % intervals hold the truth (seconds)\n"
    "  overhead  what the driver itself costs: an op, a time stamp, a slice (a minute)\n"
    "  resume    runs of `ab` killed at random points: does --resume end with the same plan and "
    "figures?\n"
    "  show      what is known of this machine\n"
    "\n"
    "      --runs N        gate runs of each series (default: 20; half a minute to two each), "
    "kills of "
    "resume (50), rounds of overhead (30, at most 100), simulations of coverage (10000)\n"
    "      --budget S      begin no run that would end later than that\n"
    "      --burner        beside a process that uses the last core for 0.3 to 3 s, again and "
    "again\n"
    "      --add           to what is known, on the same terms, instead of in its place\n"
    "      --policy FILE   whose terms are tested (default: runners/gate.ini)\n"
    "  -b, --only GLOB     aa: of these cells of the policy's matrix, not of the two loops\n"
    "      --from JOURNAL  aa: measure nothing, exchange the null control's pairs of an earlier "
    "run; "
    "may be repeated\n"
    "      --keep DIR      leave the runs there\n"
    "  -o, --output FILE   instead of results/selftest/<machine>.json\n"
    "      --seed N        of schedules and draws (default: from the clock)\n"
    "      --python EXE    interpreter (default: $PYTHON or python3)\n"
    "      --json          print it as JSON, schema gilbench/selftest\n"
    "      --quiet         say nothing of the progress\n"
    "\n"
    "example: gilbench selftest aa power --runs 20 --budget 3600\n"
    "\n"
    "exit: 0 done, whatever was found; 1 run-time error, or a killed run that did not go on to the "
    "same figures; 2 usage; 5 no gate run\n"
    "gave a verdict, the machine was too disturbed; 77 nothing to show; 130 interrupted (what was "
    "counted is kept)\n";

static const struct {
    const char *name;
    unsigned part;
} parts[] = {{"aa", SELFTEST_AA},
             {"power", SELFTEST_POWER},
             {"coverage", SELFTEST_COVER},
             {"overhead", SELFTEST_COST},
             {"resume", SELFTEST_RESUME}};
enum { PARTS = sizeof parts / sizeof *parts };

struct options {
    unsigned parts;
    bool show, add, json;
    int runs; /* 0: the standard */
    const char *policy, *output;
    char *journals[JOURNALS];
    int njournals;
    struct selftest_run run;
};

/* ---- Options */

enum { RUNS_OPTION = 256, BUDGET, BURNER, ADD, POLICY, FROM, KEEP, SEED, PYTHON, JSON, QUIET };

static int set_number(struct options *o, int option, struct err *err) {
    char *end;
    double number = strtod(optarg, &end);
    bool good = end != optarg && !*end && number >= 0 && number < 9e15;
    bool whole = good && number == floor(number);
    if (option == RUNS_OPTION && whole && number >= 1 && number <= 10000) {
        o->runs = (int)number;
        return 0;
    }
    if (option == BUDGET && good && number > 0) {
        o->run.budget_s = number;
        return 0;
    }
    if (option == SEED && whole) {
        o->run.seed = (uint64_t)number;
        return 0;
    }
    return err_set(err, GB_USAGE, "--%s expected, not '%s'",
                   option == RUNS_OPTION ? "runs: a whole number from 1 to 10000"
                   : option == BUDGET    ? "budget: seconds, more than 0,"
                                         : "seed: a whole number of 0 or more",
                   optarg);
}

static int set_option(struct options *o, int option, struct err *err) {
    switch (option) {
    case RUNS_OPTION:
    case BUDGET:
    case SEED:
        return set_number(o, option, err);
    case BURNER:
        o->run.burner = true;
        return 0;
    case ADD:
        o->add = true;
        return 0;
    case JSON:
        o->json = true;
        return 0;
    case QUIET:
        o->run.quiet = true;
        return 0;
    case POLICY:
        o->policy = optarg;
        return 0;
    case KEEP:
        o->run.keep = optarg;
        return 0;
    case PYTHON:
        o->run.terms.python = optarg;
        return 0;
    case 'o':
        o->output = optarg;
        return 0;
    case 'b':
        o->run.only = optarg;
        return 0;
    case FROM:
        if (o->njournals == JOURNALS)
            return err_set(err, GB_USAGE, "--from: more than %d journals", JOURNALS);
        o->journals[o->njournals++] = optarg;
        return 0;
    default:
        return err_set(err, GB_USAGE, "see gilbench selftest --help");
    }
}

static int add_part(struct options *o, const char *name, struct err *err) {
    if (!strcmp(name, "show")) {
        o->show = true;
        return 0;
    }
    for (int i = 0; i < PARTS; i++)
        if (!strcmp(name, parts[i].name)) {
            o->parts |= parts[i].part;
            return 0;
        }
    return err_set(err, GB_USAGE,
                   "there is no part '%s'; there are: aa power coverage overhead resume, and show",
                   name);
}

static int check(const struct options *o, struct err *err) {
    if (o->show && (o->parts || o->njournals))
        return err_set(err, GB_USAGE, "show measures nothing: give it, or parts");
    if (o->njournals && o->parts != SELFTEST_AA)
        return err_set(err, GB_USAGE,
                       "--from is for aa alone: gilbench selftest aa --from JOURNAL");
    return 0;
}

static const struct option known[] = {{"runs", 1, 0, RUNS_OPTION}, {"budget", 1, 0, BUDGET},
                                      {"burner", 0, 0, BURNER},    {"add", 0, 0, ADD},
                                      {"policy", 1, 0, POLICY},    {"only", 1, 0, 'b'},
                                      {"from", 1, 0, FROM},        {"keep", 1, 0, KEEP},
                                      {"output", 1, 0, 'o'},       {"seed", 1, 0, SEED},
                                      {"python", 1, 0, PYTHON},    {"json", 0, 0, JSON},
                                      {"quiet", 0, 0, QUIET},      {0, 0, 0, 0}};

static int parse_options(struct options *o, int argc, char **argv, struct err *err) {
    int option;
    *o = (struct options){.run = {.terms = ab_standard_options(), .seed = (uint64_t)time(NULL)}};
    o->run.terms.python = default_python();
    while ((option = getopt_long(argc, argv, "b:o:", known, NULL)) != -1)
        if (set_option(o, option, err) < 0)
            return -1;
    for (; optind < argc; optind++)
        if (add_part(o, argv[optind], err) < 0)
            return -1;
    for (int i = 0; !o->parts && i < PARTS; i++)
        o->parts |= o->show ? 0 : parts[i].part;
    return check(o, err);
}

/* ---- What is known already */

static void forget(const struct options *o, struct selftest *s) {
    int condition = o->run.burner;
    if (o->parts & SELFTEST_AA && !o->njournals)
        s->aa[condition] = (struct selftest_aa){0};
    if (o->parts & SELFTEST_POWER)
        memset(s->power[condition], 0, sizeof s->power[condition]);
    if (o->parts & SELFTEST_RESUME)
        s->resume = (struct selftest_resume){0};
}

/* Counts on other terms do not add up, and a quote of both would be of neither. */
static int take_terms(const struct options *o, struct selftest *s, struct err *err) {
    const struct ab_options *t = &o->run.terms;
    struct ab_plan plan = {.margin = t->margin,
                           .limit = t->limit,
                           .alpha = t->alpha,
                           .nlooks = t->nlooks,
                           .slices = t->slices,
                           .slice_ms = t->slice_ms};
    char terms[sizeof s->terms];
    memcpy(plan.looks, t->looks, sizeof plan.looks);
    selftest_terms(&plan, terms, sizeof terms);
    if (*s->terms && strcmp(terms, s->terms) && o->parts & (SELFTEST_AA | SELFTEST_POWER)) {
        if (o->add)
            return err_set(
                err, GB_INCOMPATIBLE,
                "what is known was counted on other terms (%s; now: %s): leave out --add "
                "to forget it",
                s->terms, terms);
        memset(s->aa, 0, sizeof s->aa);
        memset(s->power, 0, sizeof s->power);
        s->aa_at = s->power_at = (struct selftest_stamp){0};
    }
    snprintf(s->terms, sizeof s->terms, "%s", terms);
    return 0;
}

static int know(const struct options *o, const char *path, struct selftest *s, struct err *err) {
    struct err why = {0};
    struct selftest named = *s;
    if (selftest_read(o->run.reg->home, path, s, &why) < 0) {
        *s = named;
        if (why.code != GB_USAGE)
            return err_set(err, why.code, "%.900s; move it away to begin anew", why.text);
        if (o->show)
            return err_set(err, GB_NOTHING, "nothing is known of this machine yet: %.800s",
                           why.text);
    }
    if (o->show)
        return 0;
    if (!o->add)
        forget(o, s);
    return take_terms(o, s, err);
}

/* ---- Measuring */

static int measure(struct options *o, struct selftest *s, struct err *err) {
    struct selftest_run *run = &o->run;
    run->start_ns = now_ns();
    if (o->parts & SELFTEST_COVER)
        selftest_coverage(s, o->runs ? (unsigned)o->runs : SIMULATIONS, run->seed);
    if (o->njournals)
        return selftest_relabel(run, o->journals, o->njournals, s, err);
    run->runs = o->runs ? o->runs : ROUNDS;
    if (o->parts & SELFTEST_COST && selftest_cost(run, s, err) < 0)
        return -1;
    run->runs = o->runs ? o->runs : KILLS;
    if (o->parts & SELFTEST_RESUME && selftest_resume(run, s, err) < 0)
        return -1;
    run->runs = o->runs ? o->runs : RUNS;
    if (o->parts & SELFTEST_AA && selftest_aa(run, s, err) < 0)
        return -1;
    return o->parts & SELFTEST_POWER ? selftest_power(run, s, err) : 0;
}

/* Hours of counting must not end with that. */
static int may_write(const char *path, struct err *err) {
    char folder[GB_PATH_MAX + 64], *slash;
    snprintf(folder, sizeof folder, "%s", path);
    if ((slash = strrchr(folder, '/')))
        slash[slash == folder] = '\0';
    if (access(slash ? folder : ".", W_OK) == 0)
        return 0;
    return err_set(err, GB_RUNTIME, "cannot write %s: %s", path, strerror(errno));
}

/* In a folder of its own, which is gone afterwards. */
static int measure_apart(struct options *o, struct selftest *s, struct err *err) {
    char scratch[SCRATCH_MAX];
    struct err why = {0};
    int failed;
    if (may_write(o->run.path, err) < 0 || scratch_make(scratch, err) < 0)
        return -1;
    snprintf(o->run.folder, sizeof o->run.folder, "%s", scratch);
    watch_interrupts();
    failed = measure(o, s, err);
    scratch_remove(scratch);
    if ((!failed || err->code == GB_INTERRUPTED) && selftest_write(o->run.path, s, &why) < 0) {
        *err = why;
        failed = -1;
    }
    if (o->run.over_budget)
        fputs("gilbench: selftest: the budget is used up\n", stderr);
    return failed;
}

static bool all_contaminated(const struct options *o, const struct selftest *s) {
    const struct selftest_series *aa = &s->aa[o->run.burner].series;
    int runs = o->parts & SELFTEST_AA ? aa->runs : 0,
        lost = o->parts & SELFTEST_AA ? aa->counts[AB_CONTAMINATED] : 0;
    for (int i = 0; o->parts & SELFTEST_POWER && i < SELFTEST_KINDS * SELFTEST_SIZES; i++) {
        const struct selftest_series *p =
            &s->power[o->run.burner][i / SELFTEST_SIZES][i % SELFTEST_SIZES].series;
        runs += p->runs;
        lost += p->counts[AB_CONTAMINATED];
    }
    return runs && runs == lost;
}

static int run(struct options *o, struct selftest *s, struct registry *reg, struct machine *machine,
               int *code, struct err *err) {
    struct policy policy = gate_standard_policy(&o->run.terms);
    char path[GB_PATH_MAX + 64], folder[GB_PATH_MAX + 64], terms[GB_PATH_MAX + 32];
    int failed;
    o->run.reg = reg;
    o->run.machine = machine;
    selftest_name(s, machine);
    selftest_path(s, reg, path, sizeof path);
    o->run.path = o->output ? o->output : path;
    snprintf(terms, sizeof terms, "%s/runners/gate.ini", reg->home);
    if (policy_read(&policy, o->policy ? o->policy : terms, err) < 0)
        return -1;
    gate_use_policy(&o->run.terms, &policy);
    snprintf(folder, sizeof folder, "%s/selftest", reg->results);
    if ((!o->output && make_folders(folder, err) < 0) || know(o, o->run.path, s, err) < 0)
        return -1;
    failed = o->show ? 0 : measure_apart(o, s, err);
    if (failed && err->code != GB_INTERRUPTED)
        return -1;
    if (o->json && selftest_dump(stdout, s) < 0)
        return err_set(err, GB_RUNTIME, "cannot write the JSON");
    if (!o->json)
        selftest_print(stdout, s);
    if (!o->show && all_contaminated(o, s))
        *code = GB_CONTAMINATED;
    if (o->parts & SELFTEST_RESUME && s->resume.same < s->resume.kills)
        *code = GB_RUNTIME;
    return failed;
}

static int cmd_selftest(int argc, char **argv) {
    struct options *options = calloc(1, sizeof *options);
    struct selftest *selftest = calloc(1, sizeof *selftest);
    struct registry *reg = calloc(1, sizeof *reg);
    struct machine machine = {0};
    struct err err = {0};
    int code = GB_OK;
    if (!options || !selftest || !reg)
        return complain(&(struct err){GB_RUNTIME, "out of memory"});
    if (parse_options(options, argc, argv, &err) < 0 ||
        (options->show ? registry_places(reg, &err)
                       : registry_open(reg, options->run.terms.python, &err)) < 0 ||
        machine_open(&machine, &err) < 0 || run(options, selftest, reg, &machine, &code, &err) < 0)
        code = complain(&err);
    if (machine.topology)
        machine_close(&machine);
    free(reg);
    free(selftest);
    free(options);
    return code;
}

const struct verb verb_selftest = {
    "selftest",   "how far the gate can be trusted on this machine, by counting",
    cmd_selftest, help,
    known,        "b:o:"};
