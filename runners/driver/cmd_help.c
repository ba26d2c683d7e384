/* cmd_help.c - gilbench help and gilbench completion. */
#include "cmd.h"
#include "registry.h"
#include "shells.h"
#include "terminal.h"
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

extern const char gb_version[];

/* Of standard output; what is no terminal is read in editors, which are wide enough for 100. */
static int width(void) {
    int columns = terminal_width(STDOUT_FILENO, 100);
    return columns < 40 ? 40 : columns > 110 ? 110 : columns;
}

void print_usage(FILE *to) {
    fputs("usage: gilbench VERB [arguments]\n\nPits concurrency models against each other on "
          "pinned cores.\n\n",
          to);
    for (int i = 0; verbs[i]; i++)
        fprintf(to, "  %-11s %s\n", verbs[i]->name, verbs[i]->about);
    fputs("\n`gilbench VERB --help` tells more; --version.\n\nexample: gilbench run smoke\n", to);
}

void print_help(const struct verb *verb) {
    help_print(stdout, verb, width());
}

/* ---- help */

static const char help[] = "usage: gilbench help [VERB] [--man]\n"
                           "\n"
                           "Tells what a verb does, as `gilbench VERB --help` does; without one, "
                           "lists them.\n"
                           "\n"
                           "  --man  the manual page of all verbs, as roff: man -l reads it\n"
                           "\n"
                           "example: gilbench help --man > gilbench.1 && man -l ./gilbench.1\n";
static const struct option known[] = {{"man", 0, 0, 'm'}, {0, 0, 0, 0}};

static int run_help(int argc, char **argv) {
    struct err err = {0};
    const struct verb *verb;
    int option;
    bool man = false;
    while ((option = getopt_long(argc, argv, "", known, NULL)) != -1) {
        if (option != 'm')
            return complain_usage("help");
        man = true;
    }
    if (man) {
        manual_page(stdout, gb_version);
    } else if (optind == argc) {
        print_usage(stdout);
    } else if ((verb = verb_find(argv[optind]))) {
        print_help(verb);
    } else {
        err_set(&err, GB_USAGE, "unknown verb '%s'; `gilbench help` lists them", argv[optind]);
        return complain(&err);
    }
    return GB_OK;
}

const struct verb verb_help = {
    "help", "what a verb does; --man: the manual page", run_help, help, known, ""};

/* ---- completion */

static const char completion_help[] =
    "usage: gilbench completion bash|zsh\n"
    "\n"
    "Prints what makes a shell complete verbs, options, and the names of matrices.\n"
    "\n"
    "example: eval \"$(gilbench completion bash)\"\n";

/* The names of runners/matrix without .ini, in the order of the alphabet. */
static void matrix_names(const char *home, char *names, size_t room) {
    char folder[GB_PATH_MAX + 32];
    struct dirent **entries;
    size_t used = 0;
    int count;
    names[0] = '\0';
    snprintf(folder, sizeof folder, "%s/runners/matrix", home);
    if ((count = scandir(folder, &entries, NULL, alphasort)) < 0)
        return;
    for (int i = 0; i < count; i++) {
        char *end = strstr(entries[i]->d_name, ".ini");
        if (end && !end[4] && used < room)
            used += (size_t)snprintf(names + used, room - used, "%s%.*s", used ? " " : "",
                                     (int)(end - entries[i]->d_name), entries[i]->d_name);
        free(entries[i]);
    }
    free(entries);
}

static int run_completion(int argc, char **argv) {
    struct registry *reg = calloc(1, sizeof *reg);
    struct err err = {0};
    char names[1000] = "";
    int code = GB_OK;
    if (reg && registry_places(reg, &err) == 0)
        matrix_names(reg->home, names, sizeof names);
    free(reg);
    if (argc == 2 && !strcmp(argv[1], "bash")) {
        completion_bash(stdout, names);
    } else if (argc == 2 && !strcmp(argv[1], "zsh")) {
        completion_zsh(stdout, names);
    } else {
        err_set(&err, GB_USAGE, "bash or zsh expected; see gilbench completion --help");
        code = complain(&err);
    }
    return code;
}

const struct verb verb_completion = {"completion",   "make bash or zsh complete verbs and options",
                                     run_completion, completion_help,
                                     NULL,           ""};
