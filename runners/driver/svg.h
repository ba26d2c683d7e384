/* svg.h - a picture that gnuplot drew from plots/html_*.gp, made a part of a page: without what
 * belongs to a file of its own, its series and marks labelled by the caller. */
#ifndef GILBENCH_SVG_H
#define GILBENCH_SVG_H

#include "gilbench.h"
#include <stdio.h>

/* What stands for the numbers in the picture. Each writes what is already escaped. */
struct svg_words {
    int nseries;
    void (*series)(FILE *out, int number, void *arg); /* attributes of its <g> */
    void (*mark)(FILE *out, int number, void *arg);   /* text of a mark */
    void (*row)(FILE *out, int number, void *arg);    /* label of a row */
    void *arg;
};

/* Writes <svg ATTRIBUTES viewBox=...>...</svg>. What is not understood as gnuplot's is an error. */
int svg_inline(FILE *out, const char *path, const char *attributes, const struct svg_words *words,
               struct err *err);

/* The shapes of points that these pictures use, once for the page. */
extern const char svg_points[];

#endif
