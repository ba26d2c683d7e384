/* ab_arms.c - see ab_arms.h. The adapters and workloads in Python, the peers and the reference are
 * this driver's for all arms: what differs is what was built. */
#include "ab_arms.h"
#include "session.h"
#include "spawn.h"
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define COPY(to, from) snprintf(to, sizeof(to), "%s", from)

/* What a build folder has at least one of. */
static const char *const parts[] = {"python/cpromise", "pthreads", "fake"};

struct opening {
    struct ab_result *result;
    const struct ab_options *options;
    const struct registry *driver;
};

static const char *spec_of(const struct ab_options *o, int arm) {
    return arm == AB_CAND ? o->cand : o->base;
}

/* ---- Kinds */

static bool is_build(const char *folder) {
    char path[PATH_MAX];
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, parts[i]);
        if (access(path, F_OK) == 0)
            return true;
    }
    return false;
}

static int kind_of(const char *spec, struct ab_arm *arm, struct err *err) {
    struct stat info;
    bool there = stat(spec, &info) == 0;
    if (there && S_ISDIR(info.st_mode) && !is_build(spec))
        return err_set(err, GB_USAGE,
                       "%s is a folder, but no build: it has none of python/cpromise, pthreads, "
                       "fake; give build/release of a tree, or a git ref",
                       spec);
    COPY(arm->kind, there && S_ISDIR(info.st_mode)                          ? "folder"
                    : there && S_ISREG(info.st_mode) && !access(spec, X_OK) ? "python"
                                                                            : "git");
    COPY(arm->spec, spec);
    return 0;
}

static const char *python_of(const struct opening *o, int arm) {
    const char *own = arm == AB_CAND ? o->options->cand_python : o->options->base_python;
    if (!strcmp(o->result->arms[arm].kind, "python"))
        return o->result->arms[arm].spec;
    return own ? own : o->options->python;
}

/* ---- Builds */

static struct ab_build *add_build(struct ab_arm *arm, int which, uint64_t link_seed) {
    struct ab_build *build = &arm->builds[arm->nbuilds];
    snprintf(build->id, sizeof build->id, "%s%d",
             which == AB_NULL ? "N"
             : which          ? "B"
                              : "A",
             arm->nbuilds);
    build->link_seed = link_seed;
    arm->nbuilds++;
    return build;
}

int arms_copy_build(const struct registry *driver, const char *from, const char *to,
                    struct err *err) {
    char answer[64],
        *argv[] = {"sh",
                   "-c",
                   "mkdir -p \"$2\" && cd \"$1\" && find . -maxdepth 1 -type f ! -name "
                   "'*.[oadc]' -exec cp -p {} \"$2\" ';' && "
                   "if [ -d python ]; then cp -Rp python \"$2\"; fi",
                   "sh",
                   (char *)from,
                   (char *)to,
                   NULL};
    return run_capture(driver, argv, answer, sizeof answer, err);
}

static int folder_builds(const struct opening *o, int which, const char *folder, struct err *err) {
    struct ab_build *build = add_build(&o->result->arms[which], which, 0);
    char real[PATH_MAX];
    if (!realpath(folder, real))
        return err_set(err, GB_USAGE, "%s: %s", folder, strerror(errno));
    if (which != AB_NULL) {
        snprintf(build->target, sizeof build->target, "%.*s", GB_PATH_MAX - 1, real);
        return 0;
    }
    snprintf(build->target, sizeof build->target, "%.*s/copy", GB_PATH_MAX - 8, o->result->folder);
    return arms_copy_build(o->driver, real, build->target, err);
}

/* scripts/ab_build makes one, or finds it in its cache, and prints its commit and its folder. */
static int git_build(const struct opening *o, int which, uint64_t link_seed, struct err *err) {
    struct ab_arm *arm = &o->result->arms[which];
    char script[GB_PATH_MAX + 32], seed[32], answer[2 * GB_PATH_MAX], *folder;
    char *argv[] = {script, arm->spec, (char *)python_of(o, which), seed, NULL};
    struct ab_build *build;
    snprintf(script, sizeof script, "%s/scripts/ab_build", o->driver->home);
    snprintf(seed, sizeof seed, "%llu", (unsigned long long)link_seed);
    if (o->options->progress != PROGRESS_NONE)
        fprintf(stderr, "building %s, link order %s\n", arm->spec, seed);
    if (run_capture(o->driver, argv, answer, sizeof answer, err) < 0)
        return -1;
    if (!(folder = strchr(answer, ' ')))
        return err_set(err, GB_RUNTIME, "%s answered '%.200s'", script, answer);
    *folder++ = '\0';
    if (*arm->git && strcmp(arm->git, answer))
        return err_set(err, GB_USAGE, "%s was %.12s when this run began, and is %.12s now",
                       arm->spec, arm->git, answer);
    snprintf(arm->git, sizeof arm->git, "%.47s", answer);
    build = add_build(arm, which, link_seed);
    snprintf(build->target, sizeof build->target, "%.*s", GB_PATH_MAX - 1, folder);
    return 0;
}

/* Link orders 1.. are the baseline's and the candidate's, and as many after them the null
 * control's. */
static int git_builds(const struct opening *o, int which, int generation, struct err *err) {
    int n = o->options->builds;
    uint64_t first = (uint64_t)(2 * n * generation + (which == AB_NULL ? n : 0) + 1);
    for (int i = 0; i < n; i++)
        if (git_build(o, which, first + (uint64_t)i, err) < 0)
            return -1;
    return 0;
}

static int make_builds(const struct opening *o, int which, int generation, struct err *err) {
    struct ab_arm *arm = &o->result->arms[which];
    if (!strcmp(arm->kind, "git"))
        return git_builds(o, which, generation, err);
    return folder_builds(o, which, !strcmp(arm->kind, "folder") ? arm->spec : o->driver->build,
                         err);
}

/* ---- Registries, and paths of equal length */

/* A longer path makes a larger environment, which moves the stack: all builds get equally long
 * ones. */
static int link_build(const struct ab_result *result, struct ab_build *build, struct err *err) {
    char path[GB_PATH_MAX]; /* build may lie within result, which snprintf may not write to */
    snprintf(path, sizeof path, "%.*s/arms/%c%02d", GB_PATH_MAX - 32, result->folder, *build->id,
             atoi(build->id + 1));
    memcpy(build->path, path, sizeof path);
    unlink(build->path);
    if (symlink(build->target, build->path) == 0)
        return 0;
    return err_set(err, GB_RUNTIME, "cannot link %s: %s", build->path, strerror(errno));
}

/* The interpreter itself, where `python` is a script that starts it: one process less in each of
 * ours, and tools that follow no exec see it. */
static int real_python(const struct opening *o, const char *python, char *real, size_t room,
                       struct err *err) {
    char *argv[] = {(char *)python, "-c", "import sys; print(sys.executable)", NULL};
    if (run_capture(o->driver, argv, real, room, err) < 0)
        return -1;
    if (!*real)
        snprintf(real, room, "%s", python);
    return 0;
}

static int open_registries(const struct opening *o, int which, int from, struct err *err) {
    struct ab_arm *arm = &o->result->arms[which];
    const struct registry *known = which ? o->result->arms[AB_BASE].builds[0].reg : o->driver;
    char python[GB_PATH_MAX];
    if (real_python(o, python_of(o, which), python, sizeof python, err) < 0)
        return -1;
    for (int i = from; i < arm->nbuilds; i++) {
        struct ab_build *build = &arm->builds[i];
        if (link_build(o->result, build, err) < 0)
            return -1;
        if (!(build->reg = malloc(sizeof *build->reg)))
            return err_set(err, GB_RUNTIME, "out of memory");
        if (i == 0 && registry_of_build(build->reg, known, build->path, python, err) < 0)
            return -1;
        if (i > 0) {
            *build->reg = *arm->builds[0].reg;
            COPY(build->reg->build, build->path);
        }
    }
    return 0;
}

static void forget_builds(struct ab_arm *arm) {
    for (int i = 0; i < arm->nbuilds; i++) {
        free(arm->builds[i].reg);
        memset(&arm->builds[i], 0, sizeof arm->builds[i]);
    }
    arm->nbuilds = 0;
}

/* ---- The whole */

static int open_arm(const struct opening *o, int which, struct err *err) {
    struct ab_arm *arm = &o->result->arms[which];
    if (kind_of(spec_of(o->options, which), arm, err) < 0)
        return -1;
    forget_builds(arm);
    if (make_builds(o, which, 0, err) < 0)
        return -1;
    return open_registries(o, which, 0, err);
}

int arms_open(struct ab_result *result, const struct ab_options *options,
              const struct registry *driver, struct err *err) {
    struct opening o = {result, options, driver};
    char path[GB_PATH_MAX + 16];
    snprintf(path, sizeof path, "%s/arms", result->folder);
    if (make_folders(path, err) < 0)
        return -1;
    for (int arm = 0; arm < result->plan.arms; arm++)
        if (open_arm(&o, arm, err) < 0)
            return -1;
    return 0;
}

int arms_renew(struct ab_result *result, const struct ab_options *options,
               const struct registry *driver, struct err *err) {
    struct opening o = {result, options, driver};
    for (int arm = 0; arm < result->plan.arms; arm++) {
        int from = result->arms[arm].nbuilds;
        if (!strcmp(result->arms[arm].kind, "git") &&
            (git_builds(&o, arm, 1, err) < 0 || open_registries(&o, arm, from, err) < 0))
            return -1;
    }
    return 0;
}

void arms_close(struct ab_result *result) {
    for (int arm = 0; arm < AB_ARMS; arm++)
        forget_builds(&result->arms[arm]);
}
