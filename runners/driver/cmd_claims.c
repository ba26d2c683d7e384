/* cmd_claims.c - gilbench claims: what is said of threads, loops and processes, decided. */
#include "claims.h"
#include "cmd.h"
#include "registry.h"
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char help[] =
    "usage: gilbench claims [DIR | results.json] [options]\n"
    "       gilbench claims --run [options]\n"
    "\n"
    "Decides the claims of runners/claims.ini from a run (default: results/latest): HOLDS, "
    "REFUTED, "
    "UNDECIDED, NOT RUN (which cell is missing), INVALID HOST (a control failed), for each "
    "interpreter, each with its figure, interval and limit.\n"
    "\n"
    "      --run            first run the matrix `claims`, which has all cells that they need\n"
    "      --only LIST      these claims, as C1,C5; with --run no other cells are run\n"
    "      --strict         exit 4 unless each of them holds or is refuted\n"
    "      --md             Markdown instead of text\n"
    "      --json           JSON: gilbench schema gilbench/claims\n"
    "      --register FILE  other claims than those of runners/claims.ini\n"
    "\n"
    "and with --run, as for `gilbench run`:\n"
    "\n"
    "  -o, --output DIR     where to (default: results/runs/<run id>)\n"
    "      --python EXE     interpreter to measure (default: $PYTHON or python3)\n"
    "      --pythons WORDS  several interpreters, a column each\n"
    "      --reps N         processes for each cell, instead of the matrix' number\n"
    "      --seed N         of data, plan and intervals\n"
    "      --bind compact|scatter|core|pu|LIST  which PUs cells get\n"
    "      --require        a cell that cannot run here is an error\n"
    "      --progress auto|plain|none  a bar, a line now and then, or nothing\n"
    "\n"
    "example: gilbench claims --run --only C1,C2,C3 --pythons 'python3.11 python3.13t'\n"
    "\n"
    "example: gilbench claims results/latest --md\n"
    "\n"
    "exit: 0 decided, 1 run-time error, 2 usage or no such run, 4 not all are decided (--strict), "
    "6 "
    "an attestation failed (--run), 77 nothing to decide, 130 interrupted\n";

enum { RUN_WORDS_MAX = 32 };

struct options {
    const char *results, *only, *register_file, *output;
    bool run, strict, markdown, json;
    char *words[RUN_WORDS_MAX + 1]; /* of `gilbench run` */
    int nwords;
    char sections[600];
};

/* ---- The command line */

static int add_word(struct options *o, const char *word, struct err *err) {
    if (o->nwords == RUN_WORDS_MAX)
        return err_set(err, GB_USAGE, "too many options");
    o->words[o->nwords++] = (char *)word;
    o->words[o->nwords] = NULL;
    return 0;
}

static int pass_on(struct options *o, const char *name, const char *value, struct err *err) {
    return add_word(o, name, err) < 0 || (value && add_word(o, value, err) < 0) ? -1 : 0;
}

static int set_option(struct options *o, int option, struct err *err) {
    static const struct {
        int option;
        const char *name;
    } passed[] = {{'o', "--output"}, {'p', "--python"}, {'y', "--pythons"},  {'n', "--reps"},
                  {'S', "--seed"},   {'b', "--bind"},   {'P', "--progress"}, {'q', "--require"}};
    for (size_t i = 0; i < sizeof passed / sizeof *passed; i++)
        if (passed[i].option == option) {
            o->output = option == 'o' ? optarg : o->output;
            return pass_on(o, passed[i].name, optarg, err);
        }
    o->run |= option == 'R';
    o->strict |= option == 's';
    o->markdown |= option == 'm';
    o->json |= option == 'j';
    o->only = option == 'O' ? optarg : o->only;
    o->register_file = option == 'f' ? optarg : o->register_file;
    return option == '?' ? err_set(err, GB_USAGE, "see gilbench claims --help") : 0;
}

static int check_options(const struct options *o, struct err *err) {
    if (o->markdown && o->json)
        return err_set(err, GB_USAGE, "--md or --json, not both");
    if (o->run && o->results)
        return err_set(err, GB_USAGE, "--run makes results; '%s' is too much", o->results);
    if (!o->run && o->nwords)
        return err_set(err, GB_USAGE, "%s goes with --run", o->words[0]);
    return 0;
}

static const struct option known[] = {
    {"run", 0, 0, 'R'},      {"only", 1, 0, 'O'},     {"strict", 0, 0, 's'}, {"md", 0, 0, 'm'},
    {"json", 0, 0, 'j'},     {"register", 1, 0, 'f'}, {"output", 1, 0, 'o'}, {"python", 1, 0, 'p'},
    {"pythons", 1, 0, 'y'},  {"reps", 1, 0, 'n'},     {"seed", 1, 0, 'S'},   {"bind", 1, 0, 'b'},
    {"progress", 1, 0, 'P'}, {"require", 0, 0, 'q'},  {0, 0, 0, 0}};

static int parse_options(struct options *o, int argc, char **argv, struct err *err) {
    int option;
    *o = (struct options){.results = NULL};
    while ((option = getopt_long(argc, argv, "o:", known, NULL)) != -1)
        if (set_option(o, option, err) < 0)
            return -1;
    if (optind < argc)
        o->results = argv[optind++];
    if (optind < argc)
        return err_set(err, GB_USAGE, "one run only; '%s' is too much", argv[optind]);
    return check_options(o, err);
}

/* ---- Running first */

/* Standard output is for the board: what a run says goes to stderr meanwhile. */
static int run_aside(int count, char **words) {
    int kept = dup(STDOUT_FILENO), code;
    fflush(stdout);
    if (kept >= 0)
        dup2(STDERR_FILENO, STDOUT_FILENO);
    optind = 0; /* glibc: begin anew */
    code = verb_run.run(count, words);
    fflush(stdout);
    if (kept >= 0) {
        dup2(kept, STDOUT_FILENO);
        close(kept);
    }
    return code;
}

static int run_matrix_of(struct options *o) {
    char *words[RUN_WORDS_MAX + 5] = {"run", "claims"};
    int count = 2;
    if (o->only) {
        snprintf(o->sections, sizeof o->sections, "control %.500s", o->only);
        for (char *c = o->sections; *c; c++)
            *c = *c == ',' ? ' ' : *c;
        words[count++] = "--sections";
        words[count++] = o->sections;
    }
    for (int i = 0; i < o->nwords; i++)
        words[count++] = o->words[i];
    words[count] = NULL;
    return run_aside(count, words);
}

/* ---- Deciding */

static int print_board(const struct options *o, const struct claim_board *board, struct err *err) {
    if (o->json)
        return claims_json(stdout, board, err);
    (o->markdown ? claims_markdown : claims_text)(stdout, board);
    return fflush(stdout) == EOF
               ? err_set(err, GB_RUNTIME, "cannot write to standard output: %s", strerror(errno))
               : 0;
}

static int exit_of(const struct claim_board *board, bool strict) {
    int decided = board->counts[CLAIM_HOLDS] + board->counts[CLAIM_REFUTED];
    if (board->counts[CLAIM_NOT_RUN] == board->ndecisions)
        return GB_NOTHING;
    return strict && decided < board->ndecisions ? GB_INCONCLUSIVE : GB_OK;
}

static int decide(const struct options *o, const struct claim_register *register_,
                  const char *results, int *code, struct err *err) {
    char file[PATH_MAX], folder[PATH_MAX];
    struct runset run;
    struct claim_board board;
    int failed;
    if (find_results(results, file, folder, sizeof file, err) < 0 ||
        results_read(file, &run, err) < 0)
        return -1;
    failed = claims_decide(&board, register_, &run, o->only, err);
    if (!failed) {
        failed = print_board(o, &board, err);
        *code = exit_of(&board, o->strict);
        if (*code == GB_NOTHING)
            fprintf(stderr, "gilbench: nothing to decide: each claim lacks a cell; --run measures "
                            "them\n");
        claims_free(&board);
    }
    runset_free(&run);
    return failed;
}

/* Where a run without -o leaves its results: "" where there are none yet. */
static void latest_run(const struct registry *reg, char *target, size_t room) {
    char link[GB_PATH_MAX + 32];
    ssize_t size;
    snprintf(link, sizeof link, "%s/latest", reg->results);
    size = readlink(link, target, room - 1);
    target[size > 0 ? size : 0] = '\0';
}

/* Runs what the claims need. VOID cells are reported by what they are needed for; a run that left no
 * results is an end. */
static int run_first(struct options *o, const struct registry *reg) {
    char before[PATH_MAX], after[PATH_MAX];
    int code;
    latest_run(reg, before, sizeof before);
    code = run_matrix_of(o);
    latest_run(reg, after, sizeof after);
    if (code == GB_ATTEST || (code == GB_RUNTIME && (o->output || strcmp(before, after))))
        return GB_OK;
    return code;
}

/* The register first: a name that is unknown is said before anything is measured. */
static int claims(struct options *o, struct registry *reg, int *code, struct err *err) {
    static struct claim_register claims; /* half a MiB */
    static const struct runset none;
    struct claim_board board;
    char path[GB_PATH_MAX + 32], latest[GB_PATH_MAX + 32];
    if (registry_places(reg, err) < 0)
        return -1;
    snprintf(path, sizeof path, "%s/runners/claims.ini", reg->home);
    snprintf(latest, sizeof latest, "%s/latest", reg->results);
    if (claims_read(&claims, o->register_file ? o->register_file : path, err) < 0 ||
        claims_decide(&board, &claims, &none, o->only, err) < 0)
        return -1;
    claims_free(&board);
    if (o->run && (*code = run_first(o, reg)) != GB_OK)
        return 0;
    return decide(o, &claims,
                  o->run && o->output ? o->output
                  : o->results        ? o->results
                                      : latest,
                  code, err);
}

static int cmd_claims(int argc, char **argv) {
    struct registry *reg = calloc(1, sizeof *reg);
    struct options options;
    struct err err = {0};
    int code = GB_OK;
    if (!reg)
        err_set(&err, GB_RUNTIME, "out of memory");
    if (err.code || parse_options(&options, argc, argv, &err) < 0 ||
        claims(&options, reg, &code, &err) < 0)
        code = complain(&err);
    free(reg);
    return code;
}

const struct verb verb_claims = {
    "claims", "what is said of threads, loops and processes, decided", cmd_claims, help, known,
    "o:"};
