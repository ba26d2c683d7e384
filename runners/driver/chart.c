/* chart.c - see chart.h: from results to panels. */
#include "chart.h"
#include "../stats/line.h"
#include "ini.h"
#include "latency.h"
#include "matrix.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- Which cells a view is of */

static bool fits(const struct view *view, const struct result *r) {
    const char *equals = view->where ? strchr(view->where, '=') : NULL;
    char key[GB_NAME_MAX];
    if (view->workload ? strcmp(view->workload, r->cell.workload) != 0
                       : !(view->kinds & 1u << r->cell.kind))
        return false;
    if (view->without && has_word(view->without, r->cell.workload))
        return false;
    if (view->loop >= 0 && (cell_rate(&r->cell) > 0) != view->loop)
        return false;
    if (equals) {
        const char *value;
        snprintf(key, sizeof key, "%.*s", (int)(equals - view->where), view->where);
        value = cell_param(&r->cell, key);
        if (!value || strcmp(value, equals + 1))
            return false;
    }
    return true;
}

/* Parameters that make no panel of their own: how much work a sample has, and the axis. */
static bool is_own(const struct view *view, const char *key) {
    return view->shape != SHAPE_MAP && !view->once && strcmp(key, "ops") &&
           strcmp(key, "workers") && (!view->axis || strcmp(key, view->axis));
}

/* "io_echo, bytes=1024" */
static void panel_title(const struct view *view, const struct cell *cell, char *text, size_t room) {
    size_t used = (size_t)snprintf(text, room, "%s", cell->workload);
    for (int i = 0; i < cell->nparams && used < room; i++)
        if (is_own(view, cell->params[i].key))
            used += (size_t)snprintf(text + used, room - used, ", %s=%s", cell->params[i].key,
                                     cell->params[i].value);
}

static struct panel *panel_of(struct panel *panels, int *count, const struct view *view,
                              const struct result *r) {
    char title[sizeof panels->title];
    panel_title(view, &r->cell, title, sizeof title);
    for (int i = 0; i < *count; i++)
        if (panels[i].view == view && !strcmp(panels[i].title, title))
            return &panels[i];
    panels[*count] =
        (struct panel){.view = view, .shape = view->shape, .workload = r->cell.workload};
    snprintf(panels[*count].title, sizeof panels->title, "%s", title);
    return &panels[(*count)++];
}

/* ---- Filling a panel. Arrays grow by one: a panel has tens of marks. */

static void *grow(void **array, int count, size_t size) {
    char *more = realloc(*array, ((size_t)count + 1) * size);
    if (!more)
        return NULL;
    *array = more;
    memset(more + (size_t)count * size, 0, size);
    return more + (size_t)count * size;
}

static struct series *series_of(struct panel *panel, const struct cell *cell) {
    struct series *series;
    for (int i = 0; i < panel->nseries; i++)
        if (cell_same_model(panel->series[i].cell, cell))
            return &panel->series[i];
    if (!(series = grow((void **)&panel->series, panel->nseries, sizeof *series)))
        return NULL;
    panel->nseries++;
    series->cell = cell;
    series->r2 = -1;
    cell_label(cell, series->name, sizeof series->name);
    return series;
}

static double axis_value(const struct view *view, const struct cell *cell) {
    const char *value = view->axis ? cell_param(cell, view->axis) : NULL;
    return (value ? atof(value) : 1) / (view->axis_unit > 0 ? view->axis_unit : 1);
}

/* A logarithm cannot show a measured 0; an x of 0 gets a place of its own, by place_zero. */
static bool can_show(const struct view *view, const struct estimate *y) {
    bool along = view->shape == SHAPE_LINES ? view->logy : view->logx;
    return y->n && isfinite(y->value) && (!along || y->value > 0);
}

static int add_mark(struct panel *panel, const struct result *r) {
    const struct view *view = panel->view;
    double x = axis_value(view, &r->cell);
    struct estimate y = view->value(r);
    struct series *series;
    struct mark *mark;
    int at;
    if (!can_show(view, &y))
        return 0;
    if (!(series = series_of(panel, &r->cell)))
        return -1;
    if (view->once && series->nmarks)
        return 0;
    if (!(mark = grow((void **)&series->marks, series->nmarks, sizeof *mark)))
        return -1;
    for (at = series->nmarks++; at > 0 && series->marks[at - 1].x > x; at--)
        series->marks[at] = series->marks[at - 1];
    series->marks[at] =
        (struct mark){.result = r, .x = x, .y = y, .part = view->first ? view->first(r).value : 0};
    return 0;
}

static int add_result(struct panel *panel, const struct result *r) {
    const struct result **place;
    if (result_can_be_ranked(r))
        return add_mark(panel, r);
    if (!(place = grow((void **)&panel->left_out, panel->nleft_out, sizeof *place)))
        return -1;
    panel->left_out[panel->nleft_out++] = r;
    return 0;
}

/* ---- Rows */

static bool is_best_first(const struct view *view, const struct mark *a, const struct mark *b) {
    return view->lower ? a->y.value <= b->y.value : a->y.value >= b->y.value;
}

/* What tells the rows of a model apart: the parameter of the view, else the workers. */
static const char *row_key(const struct panel *panel) {
    for (int i = 0; i < panel->nseries; i++) {
        const struct cell *cell = panel->series[i].cell;
        if (panel->series[i].nmarks < 2)
            continue;
        if (panel->view->axis && cell_param(cell, panel->view->axis))
            return panel->view->axis;
        return cell_param(cell, "workers") ? "workers" : NULL;
    }
    return NULL;
}

/* A row a mark, the best on top. */
static void row_label(const struct panel *panel, const struct series *series,
                      const struct mark *mark, char *text, size_t room) {
    const char *value = panel->row_key ? cell_param(&mark->result->cell, panel->row_key) : NULL;
    if (value)
        snprintf(text, room, "%s, %s", series->name, value);
    else
        snprintf(text, room, "%s", series->name);
}

static struct mark **sorted_marks(const struct panel *panel, int *count) {
    struct mark **all;
    *count = 0;
    for (int i = 0; i < panel->nseries; i++)
        *count += panel->series[i].nmarks;
    if (!(all = malloc(((size_t)*count + 1) * sizeof *all)))
        return NULL;
    *count = 0;
    for (int i = 0; i < panel->nseries; i++)
        for (int k = 0; k < panel->series[i].nmarks; k++) {
            int at = (*count)++;
            struct mark *mark = &panel->series[i].marks[k];
            for (; at > 0 && !is_best_first(panel->view, all[at - 1], mark); at--)
                all[at] = all[at - 1];
            all[at] = mark;
        }
    return all;
}

static int make_rows(struct panel *panel) {
    struct mark **marks = sorted_marks(panel, &panel->nrows);
    panel->rows = calloc((size_t)panel->nrows + 1, sizeof *panel->rows);
    panel->row_key = row_key(panel);
    if (!marks || !panel->rows) {
        free(marks);
        return -1;
    }
    for (int row = 0; row < panel->nrows; row++)
        marks[row]->x = row;
    for (int i = 0; i < panel->nseries; i++)
        for (int k = 0; k < panel->series[i].nmarks; k++) {
            const struct mark *mark = &panel->series[i].marks[k];
            row_label(panel, &panel->series[i], mark, panel->rows[(int)mark->x],
                      sizeof *panel->rows);
        }
    free(marks);
    return 0;
}

static bool has_one_x(const struct panel *panel) {
    double x = NAN;
    for (int i = 0; i < panel->nseries; i++)
        for (int k = 0; k < panel->series[i].nmarks; k++) {
            if (!isnan(x) && panel->series[i].marks[k].x != x)
                return false;
            x = panel->series[i].marks[k].x;
        }
    return true;
}

/* ---- Lines through series */

static int fit_line(const struct view *view, struct series *series) {
    size_t n = (size_t)series->nmarks;
    double *x = calloc(2 * n + 1, sizeof *x), *y = x + n;
    struct line line;
    if (!x)
        return -1;
    for (size_t k = 0; k < n; k++) {
        x[k] = series->marks[k].x;
        y[k] = series->marks[k].y.value / view->unit;
    }
    line = stats_line(x, y, n);
    free(x);
    if (n >= 3 && isfinite(line.r2)) {
        series->a = line.a;
        series->b = line.b;
        series->r2 = line.r2;
    }
    return 0;
}

/* Left of all others on a logarithmic axis, whose label says 0. */
static void place_zero(struct panel *panel) {
    double least = INFINITY;
    for (int i = 0; i < panel->nseries; i++)
        for (int k = 0; k < panel->series[i].nmarks; k++)
            if (panel->series[i].marks[k].x > 0)
                least = fmin(least, panel->series[i].marks[k].x);
    for (int i = 0; i < panel->nseries; i++)
        for (int k = 0; k < panel->series[i].nmarks; k++)
            if (panel->series[i].marks[k].x == 0)
                panel->series[i].marks[k].x = panel->zero = least / 4;
}

static int finish(struct panel *panel) {
    if (panel->shape == SHAPE_LINES && has_one_x(panel))
        panel->shape = SHAPE_DOTS;
    if (panel->shape == SHAPE_LINES && panel->view->logx)
        place_zero(panel);
    if (panel->shape == SHAPE_MAP)
        return map_rows(panel);
    for (int i = 0; panel->shape == SHAPE_LINES && panel->view->fit && i < panel->nseries; i++)
        if (fit_line(panel->view, &panel->series[i]) < 0)
            return -1;
    return panel->shape == SHAPE_LINES ? 0 : make_rows(panel);
}

/* ---- All of it */

static void free_panel(struct panel *panel) {
    for (int k = 0; k < panel->nseries; k++)
        free(panel->series[k].marks);
    free(panel->series);
    free(panel->rows);
    free(panel->left_out);
}

/* A panel without a mark says nothing, unless it says why. */
static int drop_empty(struct panel *panels, int count) {
    int kept = 0;
    for (int i = 0; i < count; i++) {
        if (panels[i].nseries || panels[i].nleft_out)
            panels[kept++] = panels[i];
        else
            free_panel(&panels[i]);
    }
    return kept;
}

int chart_panels(const struct chart *chart, const struct runset *run, struct panel **panels,
                 struct err *err) {
    int count = 0, views = 0, failed = 0;
    while (views < CHART_VIEWS && chart->views[views].value)
        views++;
    if (!(*panels = calloc((size_t)(views * run->nresults) + 1, sizeof **panels)))
        return err_set(err, GB_RUNTIME, "out of memory");
    for (int outer = 0; outer < (chart->by_view ? views : run->nresults); outer++)
        for (int inner = 0; inner < (chart->by_view ? run->nresults : views); inner++) {
            const struct view *view = &chart->views[chart->by_view ? outer : inner];
            const struct result *r = &run->results[chart->by_view ? inner : outer];
            if (!*r->cell.not_run && fits(view, r))
                failed |= add_result(panel_of(*panels, &count, view, r), r) < 0;
        }
    count = drop_empty(*panels, count);
    for (int i = 0; i < count && !failed; i++)
        failed |= finish(&(*panels)[i]) < 0;
    count = drop_empty(*panels, count);
    if (failed) {
        chart_free(*panels, count);
        *panels = NULL;
        return err_set(err, GB_RUNTIME, "out of memory");
    }
    return count;
}

void chart_free(struct panel *panels, int count) {
    for (int i = 0; i < count; i++)
        free_panel(&panels[i]);
    free(panels);
}

double panel_unit(const struct panel *panel) {
    return panel->shape == SHAPE_MAP ? 1 : panel->view->unit;
}

struct extent panel_extent(const struct panel *panel) {
    struct extent e = {INFINITY, -INFINITY, INFINITY, -INFINITY};
    for (int i = 0; i < panel->nseries; i++)
        for (int k = 0; k < panel->series[i].nmarks; k++) {
            const struct mark *mark = &panel->series[i].marks[k];
            double unit = panel_unit(panel);
            e.x0 = fmin(e.x0, mark->x);
            e.x1 = fmax(e.x1, mark->x);
            e.y0 = fmin(e.y0, (mark->y.lo > 0 ? mark->y.lo : mark->y.value) / unit);
            e.y1 = fmax(e.y1, mark->y.hi / unit);
        }
    if (!(e.y1 > 0)) /* nothing but zeros: an axis needs a length */
        e.y1 = 1;
    return e;
}

bool is_tie(const struct estimate *a, const struct estimate *b) {
    return a->n < 2 || b->n < 2 || (a->lo <= b->hi && b->lo <= a->hi);
}

bool is_python(const struct result *result) {
    return result->nreps && !strncmp(result->reps[0].at_ready.runtime, "cpython", 7);
}
