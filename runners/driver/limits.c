/* limits.c - see limits.h. */
#include "limits.h"
#include "matrix.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

enum { OTHER_FILES = 64 }; /* of an interpreter, beside its connections */

void limits_raise(void) {
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
}

static int64_t whole(const struct cell *cell, const char *key, int64_t standard) {
    const char *value = cell_param(cell, key);
    return value ? strtoll(value, NULL, 10) : standard;
}

void limits_check(struct cell *cell) {
    int64_t fan = !strcmp(cell->workload, "io_fanout") ? 16 : 1;
    int64_t files = whole(cell, "concurrency", 1) * whole(cell, "fan", fan) + OTHER_FILES;
    struct rlimit limit;
    if (*cell->not_run || !kind_has_peer(cell->kind) || getrlimit(RLIMIT_NOFILE, &limit) < 0 ||
        limit.rlim_max == RLIM_INFINITY || files <= (int64_t)limit.rlim_max)
        return;
    snprintf(cell->not_run, sizeof cell->not_run,
             "needs %" PRId64
             " open files, and the hard limit is %llu; as root: ulimit -Hn %" PRId64
             ", or LimitNOFILE= of the service",
             files, (unsigned long long)limit.rlim_max, files);
}

int64_t limits_oom_kills(void) {
    FILE *file = fopen("/proc/vmstat", "r");
    int64_t kills = -1;
    char line[128];
    while (file && fgets(line, sizeof line, file))
        sscanf(line, "oom_kill %" SCNd64, &kills);
    if (file)
        fclose(file);
    return kills;
}
