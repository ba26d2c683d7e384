/* user.c - see user.h. */
#include "user.h"
#include "spawn.h"
#include <ctype.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* "NAME OPS FORMS PARAM PARAM ..." with tabs between the first four, then a line about it. */
static int read_answer(struct user_workload *user, struct workload_info *workload, char *answer,
                       struct err *err) {
    char *rest = answer, *line = strsep(&rest, "\n"), *name = strsep(&line, "\t"),
         *ops = strsep(&line, "\t"), *forms = strsep(&line, "\t"), *params = line;
    if (!forms || !params || !rest)
        return err_set(err, GB_RUNTIME, "user.py answered '%.100s' for %s", answer, user->file);
    snprintf(user->name, sizeof user->name, "%.63s", name);
    user->ops = atoi(ops);
    snprintf(workload->name, sizeof workload->name, "%s", user->name);
    snprintf(workload->file, sizeof workload->file, "%s", user->file);
    snprintf(workload->about, sizeof workload->about, "%.199s", rest);
    snprintf(workload->keys, sizeof workload->keys, "ops seed workers concurrency %.400s",
             strcmp(params, "-") ? params : "");
    workload->kind = GB_CPU;
    return 0;
}

static int check_name(const struct registry *reg, const char *name, struct err *err) {
    for (const char *c = name; *c; c++)
        if (!isalnum((unsigned char)*c) && *c != '_' && *c != '-')
            return err_set(err, GB_USAGE,
                           "--workload: call the file by letters, digits, - and _, not '%s'", name);
    if (registry_workload(reg, name))
        return err_set(err, GB_USAGE,
                       "--workload: there is a workload '%s' already; give the file another name",
                       name);
    return 0;
}

int user_open(struct user_workload *user, struct registry *reg, const char *python,
              const char *path, struct err *err) {
    char program[PATH_MAX], full[PATH_MAX], answer[2048];
    char *words[] = {(char *)python, program, "check", full, NULL};
    struct workload_info *workload = &reg->workloads[reg->nworkloads];
    if (reg->nworkloads == GB_WORKLOADS_MAX)
        return err_set(err, GB_USAGE, "--workload: more than %d workloads", GB_WORKLOADS_MAX);
    if (!realpath(path, full))
        return err_set(err, GB_USAGE, "--workload: there is no file '%s'", path);
    if (strlen(full) >= sizeof user->file)
        return err_set(err, GB_USAGE, "--workload: the path of '%s' is too long", path);
    memcpy(user->file, full, strlen(full) + 1);
    snprintf(program, sizeof program, "%s/runners/adapters/user.py", reg->home);
    if (run_capture(reg, words, answer, sizeof answer, err) < 0 ||
        read_answer(user, workload, answer, err) < 0 || check_name(reg, user->name, err) < 0)
        return -1;
    reg->nworkloads++;
    return 0;
}

/* ---- The matrix */

static void add_models(FILE *out, const struct model *model, const char *workload) {
    char variant[GB_NAME_MAX];
    const char *rest = model->variants;
    int column = 0;
    if (model->hidden || model->aside || strcmp(model->language, "python") ||
        !has_word(model->kinds, "cpu") || !strcmp(model->name, "serial"))
        return;
    if (!*model->variants)
        rest = "-";
    while (next_word(&rest, variant, sizeof variant, &column)) {
        bool none = !strcmp(variant, "-");
        if (model_supports(model, none ? "" : variant, workload, GB_CPU))
            fprintf(out, " %s%s%s", model->name, none ? "" : ":", none ? "" : variant);
    }
}

char *user_matrix(const struct user_workload *user, const struct registry *reg, int cores,
                  struct err *err) {
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    if (!out) {
        err_set(err, GB_RUNTIME, "out of memory");
        return NULL;
    }
    fprintf(out,
            "[run]\nreps = 5\nsamples = 3\nwarmup = 1\n\n[%s: baseline]\nmodels = serial\nworkers "
            "= 1\nops = %d\n",
            user->name, user->ops);
    fprintf(out, "\n[%s]\nmodels =", user->name);
    for (int i = 0; i < reg->nmodels; i++)
        add_models(out, &reg->models[i], user->name);
    fprintf(out, "\nworkers = 1");
    if (cores > 1)
        fprintf(out, " %d", cores);
    fprintf(out, "\nops = %d\n", user->ops);
    fclose(out);
    return text;
}
