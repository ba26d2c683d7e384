/* cmd_list.c - gilbench list: what there is, and what of it can run here. */
#include "cmd.h"
#include "interpreters.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char help[] =
    "usage: gilbench list [options]\n"
    "\n"
    "Lists workloads, models and stores, and why a model cannot run here.\n"
    "\n"
    "      --all            those for tests too\n"
    "      --python EXE     for which interpreter (default: $PYTHON or python3)\n"
    "      --pythons WORDS  lists the interpreters that these words stand for instead (auto: all "
    "that are found), a line each: label, program, and - or why it cannot run\n"
    "\n"
    "example: gilbench list --python python3.13\n";
static const struct option known[] = {
    {"all", 0, 0, 'a'}, {"python", 1, 0, 'p'}, {"pythons", 1, 0, 'y'}, {0, 0, 0, 0}};

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

static int print_pythons(struct registry *reg, const char *words, struct err *err) {
    struct interpreters list = {0};
    int failed = registry_read(reg, err) < 0 ? -1 : interpreters_open(&list, reg, words, err);
    for (int i = 0; i < list.count && !failed; i++)
        printf("%s\t%s\t%s\n", list.all[i].label,
               list.all[i].reg ? list.all[i].reg->python : list.all[i].word,
               *list.all[i].not_run ? list.all[i].not_run : "-");
    interpreters_close(&list);
    return failed;
}

static int print_one(struct registry *reg, const char *python, bool hidden, struct err *err) {
    if (registry_open(reg, python, err) < 0)
        return -1;
    print_all(reg, hidden);
    return 0;
}

static int cmd_list(int argc, char **argv) {
    struct registry *reg = malloc(sizeof *reg);
    const char *python = default_python(), *pythons = NULL;
    struct err err = {0};
    bool hidden = false;
    int code = GB_OK, option;
    while ((option = getopt_long(argc, argv, "", known, NULL)) != -1) {
        if (option == 'a')
            hidden = true;
        else if (option == 'p')
            python = optarg;
        else if (option == 'y')
            pythons = optarg;
        else
            err_set(&err, GB_USAGE, "see gilbench list --help");
    }
    if (optind < argc)
        err_set(&err, GB_USAGE, "unknown argument '%s'; see gilbench list --help", argv[optind]);
    if (!reg)
        err_set(&err, GB_RUNTIME, "out of memory");
    if (err.code ||
        (pythons ? print_pythons(reg, pythons, &err) : print_one(reg, python, hidden, &err)) < 0)
        code = complain(&err);
    free(reg);
    return code;
}

const struct verb verb_list = {
    "list", "workloads, models and stores, and what can run here", cmd_list, help, known, ""};
