/* cmd_gate.c - gilbench gate: a verdict as an exit code, with words for people and machines. */
#include "ab.h"
#include "ab_read.h"
#include "cmd.h"
#include "gate.h"
#include "policy.h"
#include "schedule.h"
#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char help[] =
    "usage: gilbench gate BASE CAND [options]\n"
    "       gilbench gate RESULTS.json [options]\n"
    "\n"
    "Stops a regression: measures CAND against BASE (git refs, build folders or interpreters, as "
    "for `gilbench ab`), or takes the results of an\n"
    "earlier `gilbench ab`; says what was found, in Markdown, on standard output; and leaves with "
    "the exit code that a CI needs.\n"
    "\n"
    "      --policy FILE    what is stopped (default: runners/gate.ini; for RESULTS.json what it "
    "was measured with)\n"
    "      --strict         inconclusive fails too\n"
    "      --summary FILE   append the Markdown to FILE; also to $GITHUB_STEP_SUMMARY where that "
    "is set\n"
    "      --junit FILE     write JUnit XML\n"
    "      --history FILE   append a line about this run: `gilbench history` reads it\n"
    "      --ci auto|github|none  github: annotations; auto: where "
    "$GITHUB_ACTIONS is true\n"
    "\n"
    "and, to measure:\n"
    "\n"
    "  -o, --output DIR     where to (default: results/runs/<run id>-ab)\n"
    "      --resume DIR     go on with an interrupted run\n"
    "      --replay FILE    take the pairs from this journal instead of measuring\n"
    "      --budget S       instead of the policy's\n"
    "      --seed N         of the plan and the intervals\n"
    "      --python EXE     interpreter (default: $PYTHON or python3)\n"
    "      --progress auto|plain|none  a bar, a line now and then, or nothing\n"
    "\n"
    "example: gilbench gate origin/main HEAD --junit gate.xml\n"
    "\n"
    "exit: 0 ok, improved, or inconclusive without --strict; 1 run-time error; 2 usage, or a gate "
    "that could never fail; 3 regressed;\n"
    "4 inconclusive (--strict); 5 contaminated; 6 attestation failed, or results that do not fit; "
    "77 nothing to run; 130 interrupted\n";

struct options {
    const char *policy, *summary, *junit, *history;
    bool strict, github;
    struct ab_options ab;
};

/* ---- A decision: measured now, or read */

static int measure(const struct options *o, const struct policy *policy, char **refs,
                   struct ab_result *result, struct err *err) {
    struct ab_options ab = o->ab;
    gate_use_policy(&ab, policy);
    ab.base = refs[0];
    ab.cand = refs[1];
    return ab_run(&ab, result, err);
}

static bool covers(const void *policy, const char *id) {
    return policy_covers(policy, id);
}

/* A verdict holds for the margin that it was made with. */
static int same_terms(const struct ab_plan *plan, const struct policy *policy, struct err *err) {
    if (fabs(plan->margin - policy->margin) < 1e-9 && fabs(plan->limit - policy->limit) < 1e-9 &&
        plan->alpha <= policy->alpha + 1e-12)
        return 0;
    return err_set(err, GB_INCOMPATIBLE,
                   "the results were decided with margin %g %%, limit %g %%, error %g %%; the "
                   "policy %s asks for %g %%, %g %%, %g %%: decide again with `gilbench gate BASE "
                   "CAND --replay JOURNAL --policy %s`",
                   100 * plan->margin, 100 * plan->limit, 100 * plan->alpha, policy->name,
                   100 * policy->margin, 100 * policy->limit, 100 * policy->alpha, policy->name);
}

/* Results of a design that could never have said "regressed" are no evidence. */
static int can_fail(const struct ab_result *result, const char *path, struct err *err) {
    const struct ab_plan *plan = &result->plan;
    int most = plan->looks[plan->nlooks - 1],
        needed = schedule_pairs_needed(plan->alpha, plan->nlooks, result->nbenchmarks);
    if (most >= needed)
        return 0;
    return err_set(err, GB_USAGE,
                   "%s is of at most %d pairs; with %d benchmarks, %d looks and an error of %g it "
                   "takes %d to say \"regressed\": a gate that can never fail is none",
                   path, most, result->nbenchmarks, plan->nlooks, plan->alpha, needed);
}

static int judge(const struct options *o, const struct policy *policy, const char *home,
                 const char *arg, struct ab_result *result, struct err *err) {
    char path[GB_PATH_MAX], folder[GB_PATH_MAX];
    if (find_results(arg, path, folder, sizeof path, err) < 0 ||
        ab_results_read(home, path, result, err) < 0)
        return -1;
    if (result->interrupted)
        return err_set(err, GB_INCOMPATIBLE,
                       "%s is of a run that was interrupted; finish it with --resume", path);
    if (o->policy && same_terms(&result->plan, policy, err) < 0)
        return -1;
    if (o->policy && gate_restrict(result, covers, policy) == 0)
        return err_set(err, GB_NOTHING, "no benchmark of %s is under the policy %s (cells = %s)",
                       path, policy->name, policy->cells);
    if (result->nbenchmarks == 0)
        return err_set(err, GB_NOTHING, "%s has no benchmark", path);
    return can_fail(result, path, err);
}

/* ---- What is said of it */

static int write_with(const char *path, const char *mode, const struct gate *gate,
                      void (*write)(FILE *, const struct gate *), struct err *err) {
    FILE *out = fopen(path, mode);
    int failed;
    if (!out)
        return err_set(err, GB_RUNTIME, "cannot write %s: %s", path, strerror(errno));
    write(out, gate);
    failed = fflush(out) == EOF || ferror(out);
    if (failed)
        err_set(err, GB_RUNTIME, "cannot write %s: %s", path, strerror(errno));
    fclose(out);
    return failed ? -1 : 0;
}

static int tell(const struct options *o, const struct gate *gate, struct err *err) {
    const char *step = getenv("GITHUB_STEP_SUMMARY");
    gate_markdown(stdout, gate);
    if (o->github)
        gate_annotations(stdout, gate);
    if (fflush(stdout) == EOF)
        return err_set(err, GB_RUNTIME, "cannot write to standard output: %s", strerror(errno));
    if ((o->summary && write_with(o->summary, "a", gate, gate_markdown, err) < 0) ||
        (step && *step && write_with(step, "a", gate, gate_markdown, err) < 0) ||
        (o->junit && write_with(o->junit, "w", gate, gate_junit, err) < 0) ||
        (o->history && gate_history(o->history, gate->result, err) < 0))
        return -1;
    return 0;
}

static void say_verdict(const struct ab_result *result, bool strict) {
    fprintf(stderr, "gilbench: gate: %s (", verdict_name(result->verdict));
    for (int v = 0, said = 0; v < AB_VERDICTS; v++)
        if (result->counts[v])
            fprintf(stderr, "%s%d %s", said++ ? ", " : "", result->counts[v],
                    verdict_name((enum ab_verdict)v));
    fprintf(stderr, "): exit %d%s\n", ab_exit(result, strict),
            result->verdict == AB_INCONCLUSIVE && !strict
                ? "; warning: it could not be ruled out that it is slower, --strict fails then"
                : "");
}

static int gate(const struct options *o, int count, char **args, int *code, struct err *err) {
    struct registry *reg = calloc(1, sizeof *reg);
    struct ab_result *result = calloc(1, sizeof *result);
    struct policy policy = gate_standard_policy(&o->ab);
    char path[GB_PATH_MAX + 32];
    int failed =
        reg && result ? registry_places(reg, err) : err_set(err, GB_RUNTIME, "out of memory");
    if (!failed) {
        snprintf(path, sizeof path, "%s/runners/gate.ini", reg->home);
        failed = policy_read(&policy, o->policy ? o->policy : path, err);
    }
    if (!failed)
        failed = count == 2 ? measure(o, &policy, args, result, err)
                            : judge(o, &policy, reg->home, args[0], result, err);
    if (!failed) {
        bool strict = o->strict || policy.strict;
        struct gate said = {result, "gilbench gate", count == 2 || o->policy ? policy.name : "",
                            strict};
        failed = tell(o, &said, err);
        say_verdict(result, strict);
        *code = ab_exit(result, strict);
    }
    if (result)
        ab_result_free(result);
    free(result);
    free(reg);
    return failed;
}

/* ---- The command line */

enum {
    POLICY = 256,
    STRICT,
    SUMMARY,
    JUNIT,
    HISTORY,
    CI,
    RESUME,
    REPLAY,
    BUDGET,
    SEED,
    PYTHON,
    PROGRESS
};

static int set_number(struct options *o, int option, struct err *err) {
    char *end;
    double number = strtod(optarg, &end);
    bool good = end != optarg && !*end;
    if (option == BUDGET && good && number > 0) {
        o->ab.budget_s = number;
        return 0;
    }
    if (option == SEED && good && number >= 0 && number < 9e15 && number == floor(number)) {
        o->ab.seed = (int64_t)number;
        return 0;
    }
    return err_set(err, GB_USAGE, "--%s expected, not '%s'",
                   option == BUDGET ? "budget: seconds, more than 0,"
                                    : "seed: a whole number of 0 or more",
                   optarg);
}

static int set_word(struct options *o, int option, struct err *err) {
    static const char *const modes[] = {"auto", "plain", "none"};
    const char *actions = getenv("GITHUB_ACTIONS");
    if (option == CI) {
        o->github = !strcmp(optarg, "github") ||
                    (!strcmp(optarg, "auto") && actions && !strcmp(actions, "true"));
        return has_word("auto github none", optarg)
                   ? 0
                   : err_set(err, GB_USAGE, "--ci: auto, github or none expected, not '%s'",
                             optarg);
    }
    for (int i = 0; i < 3; i++)
        if (!strcmp(modes[i], optarg)) {
            o->ab.progress = (enum progress_mode)i;
            return 0;
        }
    return err_set(err, GB_USAGE, "--progress: auto, plain or none expected, not '%s'", optarg);
}

static int set_option(struct options *o, int option, struct err *err) {
    const struct {
        int option;
        const char **to;
    } texts[] = {{POLICY, &o->policy},    {SUMMARY, &o->summary},  {JUNIT, &o->junit},
                 {HISTORY, &o->history},  {RESUME, &o->ab.resume}, {REPLAY, &o->ab.replay},
                 {PYTHON, &o->ab.python}, {'o', &o->ab.output}};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (texts[i].option == option) {
            *texts[i].to = optarg;
            return 0;
        }
    if (option == STRICT) {
        o->strict = true;
        return 0;
    }
    if (option == BUDGET || option == SEED)
        return set_number(o, option, err);
    return option == CI || option == PROGRESS ? set_word(o, option, err)
                                              : err_set(err, GB_USAGE, "see gilbench gate --help");
}

static const struct option known[] = {{"policy", 1, 0, POLICY},     {"strict", 0, 0, STRICT},
                                      {"summary", 1, 0, SUMMARY},   {"junit", 1, 0, JUNIT},
                                      {"history", 1, 0, HISTORY},   {"ci", 1, 0, CI},
                                      {"output", 1, 0, 'o'},        {"resume", 1, 0, RESUME},
                                      {"replay", 1, 0, REPLAY},     {"budget", 1, 0, BUDGET},
                                      {"seed", 1, 0, SEED},         {"python", 1, 0, PYTHON},
                                      {"progress", 1, 0, PROGRESS}, {0, 0, 0, 0}};

static int parse_options(struct options *o, int argc, char **argv, struct err *err) {
    const char *actions = getenv("GITHUB_ACTIONS");
    int option;
    *o = (struct options){.ab = ab_standard_options()};
    o->github = actions && !strcmp(actions, "true");
    o->ab.python = default_python();
    while ((option = getopt_long(argc, argv, "o:", known, NULL)) != -1)
        if (set_option(o, option, err) < 0)
            return -1;
    if (argc - optind == 1 || argc - optind == 2)
        return 0;
    return err_set(err, GB_USAGE,
                   "BASE and CAND, or one results.json, expected, not %d arguments; see gilbench "
                   "gate --help",
                   argc - optind);
}

static int cmd_gate(int argc, char **argv) {
    struct options options;
    struct err err = {0};
    int code = GB_OK;
    if (parse_options(&options, argc, argv, &err) < 0 ||
        gate(&options, argc - optind, argv + optind, &code, &err) < 0)
        return complain(&err);
    return code;
}

const struct verb verb_gate = {
    "gate", "stop a regression: verdict, exit code, summary, annotations", cmd_gate, help, known,
    "o:"};
