/* err.c - the one line that a failed function leaves for a person. */
#include "ini.h"
#include <stdarg.h>
#include <stdio.h>

int err_set(struct err *err, enum gb_exit code, const char *fmt, ...) {
    va_list args;
    va_start(args, fmt);
    err->code = code;
    vsnprintf(err->text, sizeof err->text, fmt, args);
    va_end(args);
    return -1;
}

int err_at(struct err *err, const struct ini *ini, int line, int column, const char *fmt, ...) {
    va_list args;
    int used = snprintf(err->text, sizeof err->text, "%s:%d:%d: ", ini->name, line, column);
    va_start(args, fmt);
    err->code = GB_USAGE;
    vsnprintf(err->text + used, sizeof err->text - (size_t)used, fmt, args);
    va_end(args);
    return -1;
}
