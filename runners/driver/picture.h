/* picture.h - one picture, by gnuplot. */
#ifndef GILBENCH_PICTURE_H
#define GILBENCH_PICTURE_H

#include "registry.h"

/* Draws folder/NAME.dat by plots/KIND.gp into folder/NAME.svg or .png (`format`); NAME is KIND-WHAT, and
 * the script is told WHAT. GB_RUNTIME where there is no gnuplot: the data are there all the same. */
int picture_draw(const struct registry *reg, const char *folder, const char *name,
                 const char *format, const char *caption, struct err *err);

#endif
