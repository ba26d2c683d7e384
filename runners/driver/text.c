/* text.c - figures for people. */
#include "cmd.h"
#include "matrix.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

/* Three significant digits and a unit. */
static void scaled(char *text, size_t room, double value, double step, const char *const *units,
                   int last) {
    int unit = 0;
    double size = fabs(value);
    while (unit < last && size >= step * 0.9995) {
        size /= step;
        value /= step;
        unit++;
    }
    snprintf(text, room, "%.*f%s", size >= 99.95 ? 0 : size >= 9.995 ? 1 : 2, value, units[unit]);
}

void format_si(char *text, size_t room, double value) {
    static const char *const units[] = {"", "k", "M", "G"};
    scaled(text, room, value, 1000, units, 3);
}

void format_ns(char *text, size_t room, double ns) {
    static const char *const units[] = {" ns", " us", " ms", " s"};
    scaled(text, room, ns, 1000, units, 3);
}

void format_bytes(char *text, size_t room, double bytes) {
    static const char *const units[] = {" B", " KiB", " MiB", " GiB"};
    scaled(text, room, bytes, 1024, units, 3);
}

void format_ratio(char *text, size_t room, double ratio) {
    snprintf(text, room, "%.2fx", ratio);
}

void format_interval(char *text, size_t room, const struct estimate *estimate,
                     void (*format)(char *, size_t, double)) {
    char value[24], lo[24], hi[24];
    if (!estimate->n) {
        snprintf(text, room, "-");
        return;
    }
    format(value, sizeof value, estimate->value);
    format(lo, sizeof lo, estimate->lo);
    format(hi, sizeof hi, estimate->hi);
    snprintf(text, room, "%s [%s, %s]", value, lo, hi);
}

void format_value(char *text, size_t room, const struct estimate *estimate,
                  void (*format)(char *, size_t, double)) {
    if (estimate->n)
        format(text, room, estimate->value);
    else
        snprintf(text, room, "-");
}

void format_params(char *text, size_t room, const struct cell *cell) {
    size_t used = 0;
    text[0] = '\0';
    for (int i = 0; i < cell->nparams && used < room; i++)
        if (strcmp(cell->params[i].key, "ops"))
            used += (size_t)snprintf(text + used, room - used, "%s%s=%s", used ? " " : "",
                                     cell->params[i].key, cell->params[i].value);
    if (cell_is_confined(cell) && used < room)
        snprintf(text + used, room - used, "%scores=%d", used ? " " : "", cell->cores);
}
