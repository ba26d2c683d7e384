/* drawing.h - panels drawn by gnuplot, all of a page in one process, from files that are gone when the
 * drawing is closed. */
#ifndef GILBENCH_DRAWING_H
#define GILBENCH_DRAWING_H

#include "chart.h"
#include "registry.h"

struct drawing {
    char folder[GB_PATH_MAX];
    FILE *script;
    int pictures;
    const char *home;
};

int drawing_open(struct drawing *drawing, const char *home, struct err *err);
/* Adds a picture, whose number is drawing->pictures before the call. The axes reach over `extent`;
 * interpreters are told apart by dashes, in the order of `pythons` (words). */
int drawing_add(struct drawing *drawing, const struct panel *panel, const struct extent *extent,
                const char *pythons, struct err *err);
/* Runs gnuplot. */
int drawing_draw(struct drawing *drawing, const struct registry *reg, struct err *err);
/* Where picture number `picture` is. */
void drawing_path(const struct drawing *drawing, int picture, char *path, size_t room);
void drawing_close(struct drawing *drawing);

/* The mark by the number that the picture has for it. */
const struct mark *drawing_mark(const struct panel *panel, int number,
                                const struct series **series);

#endif
