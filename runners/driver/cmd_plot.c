/* cmd_plot.c - gilbench plot: .dat files, and gnuplot over them, as SVG and PNG. */
#include "cmd.h"
#include "facts.h"
#include "picture.h"
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char help[] = "usage: gilbench plot [DIR | results.json]\n"
                           "\n"
                           "Draws the pictures of a run (default: results/latest) into DIR/plots, "
                           "as SVG and PNG, with gnuplot. The data are in\n"
                           "DIR/plots/*.dat; the scripts are plots/*.gp.\n"
                           "\n"
                           "example: gilbench plot results/latest\n";

static void caption(const struct runset *run, char *text, size_t room) {
    snprintf(text, room, "%s, %s | %s | commit %s | run %s | bars: 95 %% intervals",
             fact_find(run, "cpu_model"), fact_find(run, "topology"), fact_find(run, "python"),
             fact_find(run, "commit"), run->run_id);
}

static int draw_all(const struct registry *reg, const struct runset *run, const char *folder,
                    struct err *err) {
    struct dirent *entry;
    char line[600];
    DIR *dir = opendir(folder);
    int failed = dir ? 0 : err_set(err, GB_RUNTIME, "cannot read %s: %s", folder, strerror(errno));
    caption(run, line, sizeof line);
    while (!failed && (entry = readdir(dir))) {
        char name[256];
        char *end = strstr(entry->d_name, ".dat");
        if (!end || end[4] || !strchr(entry->d_name, '-'))
            continue;
        snprintf(name, sizeof name, "%.*s", (int)(end - entry->d_name), entry->d_name);
        failed = picture_draw(reg, folder, name, "svg", line, err) < 0 ||
                 picture_draw(reg, folder, name, "png", line, err) < 0;
    }
    if (dir)
        closedir(dir);
    return failed ? -1 : 0;
}

static int cmd_plot(int argc, char **argv) {
    char file[PATH_MAX], folder[PATH_MAX], plots[PATH_MAX + 8];
    struct registry *reg = calloc(1, sizeof *reg);
    struct runset run = {0};
    struct err err = {0};
    int code = GB_OK;
    if (!reg || no_options(argc, argv, &err) < 0 || registry_places(reg, &err) < 0 ||
        find_results(optind < argc ? argv[optind] : "results/latest", file, folder, sizeof file,
                     &err) < 0 ||
        results_read(file, &run, &err) < 0) {
        code = complain(&err);
    } else {
        snprintf(plots, sizeof plots, "%s/plots", folder);
        if (mkdir(plots, 0777) < 0 && errno != EEXIST)
            err_set(&err, GB_RUNTIME, "cannot make the folder %s: %s", plots, strerror(errno));
        if (err.code || dat_write(&run, plots, &err) < 0 || draw_all(reg, &run, plots, &err) < 0)
            code = complain(&err);
        else
            fprintf(stderr, "plots: %s\n", plots);
    }
    runset_free(&run);
    free(reg);
    return code;
}

const struct verb verb_plot = {"plot", "draw the pictures of a run", cmd_plot, help, NULL, ""};
