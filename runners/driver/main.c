/* main.c - gilbench: a table of verbs. */
#include "cmd.h"
#include <stdio.h>
#include <string.h>

static const struct {
    const char *name;
    int (*run)(int, char **);
    const char *about;
} verbs[] = {
    {"list", cmd_list, "workloads, models and stores, and what can run here"},
    {"topology", cmd_topology, "cores, caches and what is allowed, as text"},
    {"run", cmd_run, "run a matrix: journal, results, table"},
    {"plot", cmd_plot, "draw the pictures of a run"},
    {"report", cmd_report, "write the report of a run"},
    {"ab", cmd_ab, "two builds against each other: is the second one slower?"},
    {"validate", cmd_validate, "check results and journals against their schema"},
    {"schema", cmd_schema, "print the JSON Schema of results"},
    {"compare", cmd_compare, "results of different times, cell by cell; never a verdict"},
    {"export", cmd_export, "results as Markdown, CSV, or for pyperf, hyperfine, GitHub"},
    {"import", cmd_import, "results of pyperf as ours"},
    {"doctor", cmd_doctor, "what this machine can measure, how quiet it is, and what would help"},
    {"gate", cmd_gate, "stop a regression: verdict, exit code, summary, annotations"},
};
enum { VERBS = sizeof verbs / sizeof *verbs };

static void usage(FILE *to) {
    fputs("usage: gilbench VERB [arguments]\n\nPits concurrency models against each other on "
          "pinned cores.\n\n",
          to);
    for (int i = 0; i < VERBS; i++)
        fprintf(to, "  %-10s %s\n", verbs[i].name, verbs[i].about);
    fputs("\n`gilbench VERB --help` tells more. example: gilbench run smoke\n", to);
}

int main(int argc, char **argv) {
    if (argc < 2) {
        usage(stderr);
        return GB_USAGE;
    }
    if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h")) {
        usage(stdout);
        return GB_OK;
    }
    for (int i = 0; i < VERBS; i++)
        if (!strcmp(verbs[i].name, argv[1]))
            return verbs[i].run(argc - 1, argv + 1);
    fprintf(stderr, "gilbench: unknown verb '%s'; `gilbench --help` lists them\n", argv[1]);
    return GB_USAGE;
}
