/* selftest_resume.c - runs of `gilbench ab` that are killed at random points and resumed. They take
 * their pairs from a recorded run, so that a resumed one must end with the very same figures as one
 * that nobody killed. See selftest.h. */
#include "../stats/stats.h"
#include "ab_arms.h"
#include "document.h"
#include "scratch.h"
#include "selftest.h"
#include "spawn.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { LOOK_US = 50, BY_TIME = 5 }; /* every fifth kill is by time, also before the first line */

struct recorded {
    char arm[GB_PATH_MAX], trace[GB_PATH_MAX + 64], whole[GB_PATH_MAX + 64];
    char program[GB_PATH_MAX + 16], seed[32], pairs[16], slices[16], alpha[32];
    off_t size;       /* of the journal of a run that nobody killed */
    int64_t whole_ns; /* how long that run took */
};

/* ---- Processes */

static pid_t start(char *const argv[]) {
    pid_t pid = fork();
    int null;
    if (pid != 0)
        return pid;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    null = open("/dev/null", O_RDWR);
    dup2(null, STDOUT_FILENO);
    dup2(null, STDERR_FILENO);
    execv(argv[0], argv);
    _exit(127);
}

static int end(pid_t pid) {
    int status = -1;
    while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    return status;
}

/* A run of ab from the trace into `folder`, begun or, with `resume`, gone on with. */
static pid_t start_ab(const struct selftest_run *run, struct recorded *r, char *folder,
                      bool resume) {
    char *begin[] = {r->program,
                     "ab",
                     r->arm,
                     r->arm,
                     "--matrix",
                     "selftest",
                     "-b",
                     "*/fake:spin/*",
                     "-o",
                     folder,
                     "--replay",
                     r->trace,
                     "--seed",
                     r->seed,
                     "--pairs",
                     r->pairs,
                     "--slices",
                     r->slices,
                     "--alpha",
                     r->alpha,
                     "--no-confirm",
                     "--no-control",
                     "--ir",
                     "off",
                     "--progress",
                     "none",
                     "--python",
                     (char *)run->terms.python,
                     NULL};
    char *go_on[] = {r->program, "ab",         "--resume", folder,     "--replay",
                     r->trace,   "--progress", "none",     "--python", (char *)run->terms.python,
                     NULL};
    return start(resume ? go_on : begin);
}

/* 0, 3 and 5 are verdicts. */
static bool ended_well(int status) {
    return WIFEXITED(status) &&
           (WEXITSTATUS(status) == GB_OK || WEXITSTATUS(status) == GB_REGRESSED ||
            WEXITSTATUS(status) == GB_CONTAMINATED);
}

/* ---- The recorded run */

static off_t size_of(const char *path) {
    struct stat info;
    return stat(path, &info) == 0 ? info.st_size : 0;
}

/* A real run of few, short slices: what is tested is the journal, not the gate. */
static int record(const struct selftest_run *run, struct recorded *r, struct err *err) {
    struct ab_options o = run->terms;
    struct ab_result *result = calloc(1, sizeof *result);
    char output[GB_PATH_MAX + 32];
    int failed;
    if (!result)
        return err_set(err, GB_RUNTIME, "out of memory");
    snprintf(output, sizeof output, "%s/recorded", run->folder);
    snprintf(r->trace, sizeof r->trace, "%s/journal.jsonl", output);
    o.base = o.cand = r->arm;
    o.matrix = "selftest";
    o.only = "*/fake:spin/*";
    o.output = output;
    o.nlooks = 1;
    o.slices = 2;
    o.slice_ms = 50;
    o.no_control = o.no_confirm = true;
    o.ir = AB_IR_OFF;
    o.seed = (int64_t)run->seed;
    o.progress = PROGRESS_NONE;
    snprintf(r->seed, sizeof r->seed, "%llu", (unsigned long long)run->seed);
    snprintf(r->pairs, sizeof r->pairs, "%d", o.looks[0]);
    snprintf(r->slices, sizeof r->slices, "%d", o.slices);
    snprintf(r->alpha, sizeof r->alpha, "%.17g", o.alpha);
    failed = ab_run(&o, result, err);
    ab_result_free(result);
    free(result);
    return failed;
}

/* The same from its trace, whole: what resumed ones are compared with. */
static int run_whole(const struct selftest_run *run, struct recorded *r, struct err *err) {
    char folder[GB_PATH_MAX + 32], journal[GB_PATH_MAX + 64];
    int64_t start_ns = now_ns();
    snprintf(folder, sizeof folder, "%s/whole", run->folder);
    snprintf(journal, sizeof journal, "%s/journal.jsonl", folder);
    snprintf(r->whole, sizeof r->whole, "%s/results.json", folder);
    if (!ended_well(end(start_ab(run, r, folder, false))))
        return err_set(err, GB_RUNTIME, "a run from the recorded pairs %s did not end well",
                       r->trace);
    r->whole_ns = now_ns() - start_ns;
    r->size = size_of(journal);
    return 0;
}

/* ---- Kills */

/* Waits until the journal has `bytes`, or `ns` have passed, or the run is over. */
static void wait_for(pid_t pid, const char *journal, off_t bytes, int64_t ns) {
    siginfo_t info = {0};
    int64_t until = now_ns() + ns;
    while (now_ns() < until && size_of(journal) < bytes &&
           waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == 0)
        usleep(LOOK_US);
}

static bool parses(const struct selftest_run *run, const char *journal) {
    struct document document;
    struct err why = {0};
    if (document_load(run->reg->home, journal, &document, &why) < 0)
        return false;
    document_free(&document);
    return true;
}

static int kill_once(const struct selftest_run *run, struct recorded *r, int number,
                     struct rng *rng, struct selftest_resume *to, struct err *err) {
    char folder[GB_PATH_MAX + 32], journal[GB_PATH_MAX + 64], results[GB_PATH_MAX + 64];
    bool by_time = number % BY_TIME == 0;
    off_t bytes = (off_t)rng_below(rng, (uint64_t)r->size) + 1;
    int64_t ns = (int64_t)rng_below(rng, (uint64_t)r->whole_ns);
    pid_t pid;
    snprintf(folder, sizeof folder, "%s/kill-%03d", run->keep ? run->keep : run->folder, number);
    snprintf(journal, sizeof journal, "%s/journal.jsonl", folder);
    snprintf(results, sizeof results, "%s/results.json", folder);
    if ((pid = start_ab(run, r, folder, false)) < 0)
        return err_set(err, GB_RUNTIME, "cannot start a process: %s", strerror(errno));
    wait_for(pid, journal, by_time ? r->size + 1 : bytes, by_time ? ns : 60 * r->whole_ns);
    kill(pid, SIGKILL);
    end(pid);
    to->kills++;
    if (size_of(journal) == 0) {
        to->unbegun++;
        to->parsed++;
        pid = start_ab(run, r, folder, false);
    } else {
        to->parsed += parses(run, journal);
        pid = start_ab(run, r, folder, true);
    }
    if (ended_well(end(pid)))
        to->same += selftest_same_results(results, r->whole);
    if (!run->keep)
        remove_folder(folder);
    return 0;
}

int selftest_resume(struct selftest_run *run, struct selftest *to, struct err *err) {
    struct recorded *r = calloc(1, sizeof *r);
    struct rng rng = {run->seed};
    int failed = r ? 0 : err_set(err, GB_RUNTIME, "out of memory"), first = to->resume.kills;
    if (!failed) {
        snprintf(r->arm, sizeof r->arm, "%.*s/resumed", GB_PATH_MAX - 16, run->folder);
        snprintf(r->program, sizeof r->program, "%s/gilbench", run->reg->build);
        failed = arms_copy_build(run->reg, run->reg->build, r->arm, err) < 0 ||
                 record(run, r, err) < 0 || run_whole(run, r, err) < 0;
    }
    for (int i = 0; !failed && i < run->runs && !run->over_budget; i++) {
        if (interrupts)
            failed = err_set(err, GB_INTERRUPTED, "interrupted");
        else
            failed = kill_once(run, r, i, &rng, &to->resume, err);
        run->over_budget =
            run->budget_s > 0 && (double)(now_ns() - run->start_ns) / 1e9 > run->budget_s;
    }
    selftest_stamp(&to->resume_at);
    if (r && !run->quiet && to->resume.kills > first)
        fprintf(stderr, "resume: %d kills, %d the same in the end\n", to->resume.kills,
                to->resume.same);
    free(r);
    return failed ? -1 : 0;
}
