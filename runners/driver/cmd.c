/* cmd.c - what all verbs do alike. */
#include "cmd.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int complain(const struct err *err) {
    fprintf(stderr, "gilbench: %s\n", err->text);
    return err->code;
}

int complain_usage(const char *verb) {
    fprintf(stderr, "gilbench: see gilbench %s --help\n", verb);
    return GB_USAGE;
}

int no_options(int argc, char **argv, struct err *err) {
    static const struct option none[] = {{0, 0, 0, 0}};
    return getopt_long(argc, argv, "", none, NULL) == -1
               ? 0
               : err_set(err, GB_USAGE, "see gilbench %s --help", argv[0]);
}

int parse_ratio(const char *text, double *ratio) {
    char *end;
    *ratio = strtod(text, &end);
    if (end == text || !(*ratio >= 0) || isinf(*ratio))
        return -1;
    if (!strcmp(end, "%"))
        *ratio /= 100;
    return *end && strcmp(end, "%") ? -1 : 0;
}

const char *default_python(void) {
    const char *python = getenv("PYTHON");
    return python && *python ? python : "python3";
}

int find_results(const char *arg, char *file, char *folder, size_t room, struct err *err) {
    struct stat info;
    char *slash;
    if (stat(arg, &info) < 0)
        return err_set(err, GB_USAGE,
                       "no such run: %s; give a folder of results/runs or a results.json", arg);
    if (S_ISDIR(info.st_mode)) {
        snprintf(folder, room, "%s", arg);
        snprintf(file, room, "%s/results.json", arg);
        return 0;
    }
    snprintf(file, room, "%s", arg);
    snprintf(folder, room, "%s", arg);
    slash = strrchr(folder, '/');
    snprintf(slash ? slash : folder, room - (size_t)(slash ? slash - folder : 0), "%s",
             slash ? "" : ".");
    return 0;
}
