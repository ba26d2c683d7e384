/* chart.h - what the report draws: questions, the panels in which a run answers them, and the
 * answer in words. A panel is one pair of axes, for one workload with one set of parameters; a
 * series is a model with its marks. Panels refer to the results of their run, which must outlive
 * them. */
#ifndef GILBENCH_CHART_H
#define GILBENCH_CHART_H

#include "results.h"
#include <stdio.h>

enum chart_shape {
    SHAPE_LINES, /* x is a number: a parameter of the cell */
    SHAPE_DOTS,  /* a row for each cell, x is what was measured */
    SHAPE_STACK, /* the same, x is the sum of two parts, drawn as a bar */
    SHAPE_MAP,   /* a row for each set of parameters, all models in it, x relative to the best */
};

enum { CHART_VIEWS = 6 };

/* One way to look at a run: every view of a chart gives a panel for each workload that fits. */
struct view {
    enum chart_shape shape;
    const char *workload; /* name, or NULL: every workload of `kinds` */
    unsigned kinds;       /* 1 << enum gb_kind, or'ed */
    int loop;             /* 0 closed, 1 open, -1 either */
    const char *without;  /* words: not these workloads, or NULL */
    const char *where;    /* "steps=0": cells with this parameter only; NULL: all */
    const char *axis;     /* the parameter on the axis of SHAPE_LINES, what tells rows apart else */
    const char *axis_name; /* and what people call it */
    double axis_unit;      /* the parameter is divided by it */
    /* What is measured, in the units that `format` takes; n = 0 where there is none. `first` is the
     * lower part of a SHAPE_STACK. */
    struct estimate (*value)(const struct result *r);
    struct estimate (*first)(const struct result *r);
    double unit; /* values are divided by it for the axis, whose name says so */
    const char *name, *value_name;
    void (*format)(char *text, size_t room, double value);
    bool logx, logy;
    bool ideal; /* a line y = x: n workers, n times as fast */
    bool fit;   /* y = a + b x by least squares for each series */
    bool lower; /* the least is the best */
    bool once;  /* one mark a model and workload: what parameters hardly change */
};

struct mark {
    const struct result *result;
    double x;          /* of SHAPE_LINES, in axis units; else the number of its row, from 0 */
    struct estimate y; /* in the units of `format` */
    double part;       /* of SHAPE_STACK: the first part */
};

struct series {
    const struct cell *cell; /* of its first mark: workload, model, variant, interpreter */
    char name[3 * GB_NAME_MAX];
    struct mark *marks; /* owned; by x */
    int nmarks;
    double a, b, r2; /* with fit: y = a + b x, y in the unit of the axis; r2 < 0: none */
};

struct panel {
    const struct view *view;
    enum chart_shape shape; /* a view of lines has dots where there is one x only */
    char title[256];        /* "io_echo, bytes=1024": the same in two runs for the same panel */
    const char *workload;
    struct series *series; /* owned */
    int nseries;
    char (*rows)[300]; /* owned; labels of rows */
    int nrows;
    const char *row_key; /* the parameter in labels of rows, where a model has several; or NULL */
    double zero;         /* where x = 0 stands on a logarithmic axis; 0: nowhere */
    const struct result **left_out; /* owned; void or client-bound: of this panel, but not drawn */
    int nleft_out;
};

struct chart {
    const char *id, *question;
    const char *how;       /* how it is to be read, one sentence */
    const char *workloads; /* words, any of which would give it; NULL: any run does */
    const char *needs;     /* what a matrix must have of them, as "rate = "; or NULL */
    bool by_view;          /* all panels of a view, then those of the next; else by workload */
    struct view views[CHART_VIEWS + 1]; /* ends where value is NULL */
    /* The answer, from one panel; NULL: there is none. */
    void (*answer)(FILE *out, const struct panel *panel);
};

/* chart_list.c, in the order of the report; ends where id is NULL. */
extern const struct chart charts[];

/* All panels of a chart in a run; *panels is the caller's, as are their contents
 * (chart_free). Returns their number, -1 when memory is out. */
int chart_panels(const struct chart *chart, const struct runset *run, struct panel **panels,
                 struct err *err);
void chart_free(struct panel *panels, int count);

/* chart_map.c: turns a panel of SHAPE_MAP, whose marks have what was measured, into rows relative to
 * the best Python of each. -1: out of memory. */
int map_rows(struct panel *panel);

/* Least and greatest of the marks' x and of the ends of their intervals, axis units. */
struct extent {
    double x0, x1, y0, y1;
};
struct extent panel_extent(const struct panel *panel);
double panel_unit(const struct panel *panel); /* by which values are divided for the axis */

/* Whether the process was a Python, whose models are ranked among themselves. */
bool is_python(const struct result *result);

/* Whether the intervals of the two share a number, or one process has none: neither is said to be better. */
bool is_tie(const struct estimate *a, const struct estimate *b);

/* chart_answer.c: a sentence or a few, without markup. */
void answer_map(FILE *out, const struct panel *panel);     /* which model is best how often */
void answer_speedup(FILE *out, const struct panel *panel); /* who gains with all workers */
void answer_leaders(FILE *out, const struct panel *panel); /* who leads from which x on */
void answer_law(FILE *out, const struct panel *panel);     /* the fitted lines */
void answer_slope(FILE *out, const struct panel *panel);   /* what one more costs */
void answer_best(FILE *out, const struct panel *panel);  /* the best at the greatest x, the next */
void answer_parts(FILE *out, const struct panel *panel); /* the cheapest, in its parts */

#endif
