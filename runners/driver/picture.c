/* picture.c - see picture.h. */
#include "picture.h"
#include "spawn.h"
#include <limits.h>
#include <stdio.h>
#include <string.h>

/* One double-quoted gnuplot assignment; what would end the string is left out. */
static size_t assign(char *text, size_t room, const char *name, const char *value) {
    size_t used = (size_t)snprintf(text, room, "%s=\"", name);
    for (; *value && used + 4 < room; value++)
        if (*value != '"' && *value != '\\' && *value != '\n')
            text[used++] = *value;
    used += (size_t)snprintf(text + used, room - used, "\"; ");
    return used;
}

int picture_draw(const struct registry *reg, const char *folder, const char *name,
                 const char *format, const char *caption, struct err *err) {
    char script[PATH_MAX], commands[8192], data[PATH_MAX], image[PATH_MAX], include[PATH_MAX],
        answer[2000], prefix[64];
    char *argv[] = {"gnuplot", "-e", commands, script, NULL};
    const char *dash = strchr(name, '-');
    size_t used = 0;
    snprintf(prefix, sizeof prefix, "%.*s", (int)(dash - name), name);
    snprintf(script, sizeof script, "%s/plots/%s.gp", reg->home, prefix);
    snprintf(include, sizeof include, "%s/plots/common.gp", reg->home);
    snprintf(data, sizeof data, "%.3800s/%s.dat", folder, name);
    snprintf(image, sizeof image, "%.3800s/%s.%s", folder, name, format);
    used += assign(commands + used, sizeof commands - used, "data", data);
    used += assign(commands + used, sizeof commands - used, "image", image);
    used += assign(commands + used, sizeof commands - used, "format", format);
    used += assign(commands + used, sizeof commands - used, "workload", dash + 1);
    used += assign(commands + used, sizeof commands - used, "common", include);
    assign(commands + used, sizeof commands - used, "caption", caption);
    if (run_capture(reg, argv, answer, sizeof answer, err) == 0)
        return 0;
    if (strstr(err->text, "cannot run it"))
        return err_set(err, GB_RUNTIME,
                       "gnuplot is not installed (package gnuplot-nox); the data are in %s",
                       folder);
    return -1;
}
