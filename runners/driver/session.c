/* session.c - see session.h. */
#include "session.h"
#include "facts.h"
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

int run_matrix(struct runset *run, const struct registry *reg, const char *name, struct err *err) {
    char path[2 * PATH_MAX];
    snprintf(path, sizeof path, "%s/runners/matrix/%s.ini", reg->home, name);
    if (strchr(name, '/') || strchr(name, '.') || access(path, R_OK) < 0)
        snprintf(path, sizeof path, "%s", name);
    snprintf(run->matrix_name, sizeof run->matrix_name, "%.255s", name);
    if (access(path, R_OK) < 0)
        return err_set(
            err, GB_USAGE,
            "no matrix '%s': neither a name in runners/matrix nor a file that can be read", name);
    run->matrix_text = read_file(path, err);
    return run->matrix_text ? 0 : -1;
}

void run_name(struct runset *run) {
    time_t now = time(NULL);
    struct tm utc;
    char stamp[32];
    gmtime_r(&now, &utc);
    strftime(run->created_utc, sizeof run->created_utc, "%Y-%m-%dT%H:%M:%SZ", &utc);
    strftime(stamp, sizeof stamp, "%Y%m%dT%H%M%SZ", &utc);
    snprintf(run->run_id, sizeof run->run_id, "%s-%.20s", stamp, fact_find(run, "commit"));
}

int make_folders(const char *path, struct err *err) {
    char part[PATH_MAX];
    snprintf(part, sizeof part, "%s", path);
    for (char *slash = part + 1;; slash++) {
        char end = *slash;
        if (end && end != '/')
            continue;
        *slash = '\0';
        if (mkdir(part, 0777) < 0 && errno != EEXIST)
            return err_set(err, GB_RUNTIME, "cannot make the folder %s: %s; choose another with -o",
                           part, strerror(errno));
        *slash = end;
        if (!end)
            return 0;
    }
}
