/* scratch.c - see scratch.h. */
#include "scratch.h"
#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int scratch_make(char path[SCRATCH_MAX], struct err *err) {
    const char *parent = getenv("TMPDIR");
    parent = parent && *parent ? parent : "/var/tmp";
    if (snprintf(path, SCRATCH_MAX, "%s/gilbench-XXXXXX", parent) < SCRATCH_MAX && mkdtemp(path) &&
        chmod(path, 0711) == 0)
        return 0;
    path[0] = '\0';
    return err_set(err, GB_RUNTIME, "cannot make a folder in %.400s: %s; name another with TMPDIR",
                   parent, strerror(errno));
}

static int remove_one(const char *path, const struct stat *info, int type, struct FTW *where) {
    (void)info, (void)type, (void)where;
    return remove(path);
}

void remove_folder(const char *path) {
    nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

void scratch_remove(char path[SCRATCH_MAX]) {
    if (*path)
        remove_folder(path);
    path[0] = '\0';
}
