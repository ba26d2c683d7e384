/* json_file.c - JSON documents as text and as files. */
#include "json_file.h"
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

int json_print(FILE *out, json_t *object, size_t flags) {
    int failed = !object || json_dumpf(object, out, flags) < 0 || fputc('\n', out) == EOF ||
                 fflush(out) == EOF;
    json_decref(object);
    return failed ? -1 : 0;
}

int json_save(const char *path, json_t *object, size_t flags, struct err *err) {
    char temporary[PATH_MAX + 128];
    FILE *file;
    int failed;
    snprintf(temporary, sizeof temporary, "%s.tmp", path);
    if (!(file = fopen(temporary, "w"))) {
        json_decref(object);
        return err_set(err, GB_RUNTIME, "cannot write %s: %s", path, strerror(errno));
    }
    failed = json_print(file, object, flags) < 0 || (fsync(fileno(file)) < 0 && errno != EINVAL);
    failed |= fclose(file) == EOF;
    if (!failed && rename(temporary, path) == 0)
        return 0;
    err_set(err, GB_RUNTIME, "cannot write %s: %s", path, strerror(errno));
    unlink(temporary);
    return -1;
}

void json_copy_text(const json_t *object, const char *key, char *to, size_t room) {
    const char *text = json_string_value(json_object_get(object, key));
    snprintf(to, room, "%s", text ? text : "");
}
