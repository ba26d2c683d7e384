/* main.c - gilbench: a verb, and what it is given. */
#include "cmd.h"
#include <string.h>

extern const char gb_version[], gb_commit[];

static bool is_help(const char *word) {
    return !strcmp(word, "--help") || !strcmp(word, "-h");
}

/* Anywhere among the arguments, but not behind --. */
static bool wants_help(int argc, char **argv) {
    for (int i = 0; i < argc && strcmp(argv[i], "--"); i++)
        if (is_help(argv[i]))
            return true;
    return false;
}

int main(int argc, char **argv) {
    const struct verb *verb = argc < 2 ? NULL : verb_find(argv[1]);
    if (argc < 2) {
        print_usage(stderr);
        return GB_USAGE;
    }
    if (is_help(argv[1])) {
        print_usage(stdout);
        return GB_OK;
    }
    if (!strcmp(argv[1], "--version")) {
        printf("gilbench %s (%s)\n", gb_version, gb_commit);
        return GB_OK;
    }
    if (!verb) {
        fprintf(stderr, "gilbench: unknown verb '%s'; `gilbench --help` lists them\n", argv[1]);
        return GB_USAGE;
    }
    if (wants_help(argc - 2, argv + 2)) {
        print_help(verb);
        return GB_OK;
    }
    return verb->run(argc - 1, argv + 1);
}
