/* cmd_list.c - gilbench list: what there is, and what of it can run here. */
#include "cmd.h"
#include "registry.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char help[] = "usage: gilbench list [--all] [--python EXE]\n"
                           "\n"
                           "Lists workloads, models and stores, and why a model cannot run here. "
                           "--all: those for tests too.\n"
                           "\n"
                           "example: gilbench list --python python3.13\n";

static void print_all(const struct registry *reg, bool hidden) {
    printf("workloads\n");
    for (int i = 0; i < reg->nworkloads; i++)
        printf("  %-12s %-7s %s\n  %20s parameters: %s\n", reg->workloads[i].name,
               kind_name(reg->workloads[i].kind), reg->workloads[i].about, "",
               reg->workloads[i].keys);
    printf("models (%s)\n", reg->python_version);
    for (int i = 0; i < reg->nmodels; i++) {
        const struct model *m = &reg->models[i];
        if (m->hidden && !hidden)
            continue;
        printf("  %-12s %-18s %s%s%s\n", m->name, m->kinds, m->about,
               *m->variants ? "; variants: " : "", m->variants);
        if (*m->not_run)
            printf("  %31s NOT RUN: %s\n", "", m->not_run);
    }
    printf("stores\n");
    for (int i = 0; i < reg->nstores; i++)
        printf("  %-12s %s%s%s\n", reg->stores[i].name, reg->stores[i].about,
               *reg->stores[i].not_run ? "; NOT RUN: " : "", reg->stores[i].not_run);
}

int cmd_list(int argc, char **argv) {
    struct registry *reg = malloc(sizeof *reg);
    const char *python = default_python();
    struct err err = {0};
    bool hidden = false;
    int code = GB_OK;
    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h")) {
            fputs(help, stdout);
            free(reg);
            return GB_OK;
        }
        if (!strcmp(argv[i], "--all"))
            hidden = true;
        else if (!strcmp(argv[i], "--python") && i + 1 < argc)
            python = argv[++i];
        else
            err_set(&err, GB_USAGE, "unknown argument '%s'; see gilbench list --help", argv[i]);
    }
    if (!reg)
        err_set(&err, GB_RUNTIME, "out of memory");
    if (err.code || registry_open(reg, python, &err) < 0)
        code = complain(&err);
    else
        print_all(reg, hidden);
    free(reg);
    return code;
}
