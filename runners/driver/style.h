/* style.h - how a model looks: the file plots/palette, which is a part of the program. */
#ifndef GILBENCH_STYLE_H
#define GILBENCH_STYLE_H

struct style {
    char light[16], dark[16]; /* "#0072b2": on a light page, on a dark one */
    int point;                /* gnuplot's pt */
};

/* Of "promise:await": its own, else that of "promise", else that of what is unknown. */
struct style style_of(const char *model);

#endif
