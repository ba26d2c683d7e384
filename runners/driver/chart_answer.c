/* chart_answer.c - what a panel says, in words. A difference is only one where intervals do not share
 * a number. */
#include "chart.h"
#include "cmd.h"
#include <math.h>
#include <string.h>

enum { NAMES_MOST = 6 }; /* so many models are named, and the others counted */

/* A list that is built word by word: "a, b, c and 2 more". */
struct list {
    FILE *out;
    const char *head;
    int count;
};

static void list_add(struct list *list, const char *text) {
    if (list->count < NAMES_MOST)
        fprintf(list->out, "%s%s", list->count ? ", " : list->head, text);
    list->count++;
}

static bool list_rest(struct list *list) {
    if (list->count > NAMES_MOST)
        fprintf(list->out, " and %d more", list->count - NAMES_MOST);
    return list->count > 0;
}

static bool list_end(struct list *list) {
    if (list_rest(list))
        fputs(". ", list->out);
    return list->count > 0;
}

static const struct mark *mark_at(const struct series *series, double x) {
    for (int k = 0; k < series->nmarks; k++)
        if (series->marks[k].x == x)
            return &series->marks[k];
    return NULL;
}

/* As the axis has it. */
static void format_axis(char *text, size_t room, const struct panel *panel, double x) {
    if (x == panel->zero)
        snprintf(text, room, "0");
    else if (x < 10000)
        snprintf(text, room, "%g", x);
    else
        format_si(text, room, x);
}

static void named(const struct panel *panel, const char *name, const struct estimate *e, char *text,
                  size_t room) {
    char value[96];
    format_interval(value, sizeof value, e, panel->view->format);
    snprintf(text, room, "%s %s", name, value);
}

static bool better(const struct panel *panel, const struct estimate *a, const struct estimate *b) {
    return panel->shape != SHAPE_MAP && panel->view->lower ? a->value < b->value
                                                           : a->value > b->value;
}

/* The best at x and the best of the others; Python alone where there is any. -1: none. */
static void leaders(const struct panel *panel, double x, int *first, int *second) {
    bool python = false;
    for (int i = 0; i < panel->nseries; i++) {
        const struct mark *mark = mark_at(&panel->series[i], x);
        python |= mark && is_python(mark->result);
    }
    *first = *second = -1;
    for (int i = 0; i < panel->nseries; i++) {
        const struct mark *mark = mark_at(&panel->series[i], x);
        if (!mark || is_python(mark->result) != python)
            continue;
        if (*first < 0 || better(panel, &mark->y, &mark_at(&panel->series[*first], x)->y)) {
            *second = *first;
            *first = i;
        } else if (*second < 0 ||
                   better(panel, &mark->y, &mark_at(&panel->series[*second], x)->y)) {
            *second = i;
        }
    }
}

static bool tied(const struct panel *panel, double x, int first, int second) {
    return second >= 0 &&
           is_tie(&mark_at(&panel->series[first], x)->y, &mark_at(&panel->series[second], x)->y);
}

/* ---- The winner map */

void answer_map(FILE *out, const struct panel *panel) {
    int ties = 0;
    struct list list = {out, "Best: ", 0};
    for (int row = 0; row < panel->nrows; row++) {
        int first, second;
        leaders(panel, row, &first, &second);
        ties += tied(panel, row, first, second);
    }
    for (int i = 0; i < panel->nseries; i++) {
        char text[300];
        int wins = 0, first, second;
        for (int row = 0; row < panel->nrows; row++) {
            leaders(panel, row, &first, &second);
            wins += first == i && !tied(panel, row, first, second);
        }
        if (!wins)
            continue;
        if (panel->nrows > 1)
            snprintf(text, sizeof text, "%s in %d of %d", panel->series[i].name, wins,
                     panel->nrows);
        else
            snprintf(text, sizeof text, "%s", panel->series[i].name);
        list_add(&list, text);
    }
    list_end(&list);
    if (ties == panel->nrows)
        fputs("No model is clearly the best: the intervals of the first two overlap.", out);
    else if (ties)
        fprintf(out, "In %d of %d the intervals of the first two overlap.", ties, panel->nrows);
}

/* ---- Over numbers */

static double greatest_x(const struct panel *panel) {
    return panel->shape == SHAPE_LINES ? panel_extent(panel).x1 : 0;
}

static double next_x(const struct panel *panel, double x) {
    double next = INFINITY;
    for (int i = 0; i < panel->nseries; i++)
        for (int k = 0; k < panel->series[i].nmarks; k++)
            if (panel->series[i].marks[k].x > x)
                next = fmin(next, panel->series[i].marks[k].x);
    return next;
}

static const struct mark *last_mark(const struct series *s) {
    return &s->marks[s->nmarks - 1];
}

void answer_speedup(FILE *out, const struct panel *panel) {
    static const char *const heads[] = {"faster: ", "no faster: ", "slower: "};
    double x = panel->shape == SHAPE_LINES ? greatest_x(panel) : NAN;
    const char *between = "";
    if (panel->shape == SHAPE_LINES)
        fprintf(out, "With %g workers, ", x);
    for (int group = 0; group < 3; group++) {
        char head[32];
        struct list list = {out, head, 0};
        snprintf(head, sizeof head, "%s%s", between, heads[group]);
        for (int i = 0; i < panel->nseries; i++) {
            const struct mark *m = last_mark(&panel->series[i]);
            char text[300];
            int is = m->y.lo > 1 ? 0 : m->y.hi < 1 ? 2 : 1;
            if (is != group || (panel->shape == SHAPE_LINES && m->x != x) ||
                !strcmp(panel->series[i].cell->model, "serial"))
                continue;
            named(panel, panel->series[i].name, &m->y, text, sizeof text);
            list_add(&list, text);
        }
        between = list_rest(&list) ? "; " : between;
    }
    fputs(". ", out);
}

void answer_leaders(FILE *out, const struct panel *panel) {
    int leader = -1;
    if (panel->shape != SHAPE_LINES) {
        answer_best(out, panel);
        return;
    }
    for (double x = next_x(panel, -INFINITY); isfinite(x); x = next_x(panel, x)) {
        int first, second;
        bool tie;
        char text[32];
        leaders(panel, x, &first, &second);
        if (first < 0 || first == leader)
            continue;
        tie = tied(panel, x, first, second);
        if (leader >= 0 && tie)
            continue;
        format_axis(text, sizeof text, panel, x);
        fprintf(out, "%s%s from %s on%s", leader < 0 ? "Best: " : ", ", panel->series[first].name,
                text, tie ? " (others within intervals)" : "");
        leader = first;
    }
    if (leader >= 0)
        fputs(". ", out);
}

void answer_law(FILE *out, const struct panel *panel) {
    struct list list = {out, "By least squares: ", 0};
    for (int i = 0; i < panel->nseries; i++) {
        const struct series *s = &panel->series[i];
        char text[400], at[32];
        if (s->r2 < 0)
            continue;
        panel->view->format(at, sizeof at, s->a * panel->view->unit);
        snprintf(text, sizeof text, "%.190s %s + %.3g times the interval (R2 %.3f)", s->name, at,
                 s->b, s->r2);
        list_add(&list, text);
    }
    if (!list_end(&list))
        answer_best(out, panel);
}

void answer_slope(FILE *out, const struct panel *panel) {
    struct list list = {out, "For each task that waits: ", 0};
    for (int i = 0; i < panel->nseries; i++) {
        const struct series *s = &panel->series[i];
        char text[300], by[32];
        if (s->r2 < 0)
            continue;
        panel->view->format(by, sizeof by, s->b * panel->view->unit);
        snprintf(text, sizeof text, "%s %s", s->name, by);
        list_add(&list, text);
    }
    if (!list_end(&list))
        answer_best(out, panel);
}

/* ---- The best, and the next */

static void compare_two(FILE *out, const struct panel *panel, const char *name,
                        const struct mark *best, const char *next_name, const struct mark *next) {
    char value[96], ratio[32];
    format_interval(value, sizeof value, &best->y, panel->view->format);
    fprintf(out, "%s has the %s, %s", name, panel->view->lower ? "least" : "most", value);
    if (!next) {
        fputs(". ", out);
        return;
    }
    format_interval(value, sizeof value, &next->y, panel->view->format);
    format_ratio(ratio, sizeof ratio, next->y.value / best->y.value);
    if (is_tie(&best->y, &next->y))
        fprintf(out, "; %s with %s is no different within intervals. ", next_name, value);
    else
        fprintf(out, "; next is %s with %s, %s as much. ", next_name, value, ratio);
}

/* The best mark of all, and that of another series: for rows. */
static void best_marks(const struct panel *panel, int *first, const struct mark **best, int *second,
                       const struct mark **next) {
    *best = *next = NULL;
    *first = *second = -1;
    for (int row = 0; row < panel->nrows; row++)
        for (int i = 0; i < panel->nseries; i++) {
            const struct mark *m = mark_at(&panel->series[i], row);
            if (!m || i == *first)
                continue;
            if (!*best) {
                *best = m;
                *first = i;
            } else if (!*next) {
                *next = m;
                *second = i;
            }
        }
}

void answer_best(FILE *out, const struct panel *panel) {
    const struct mark *best = NULL, *next = NULL;
    int first, second;
    if (panel->shape == SHAPE_LINES) {
        double x = greatest_x(panel);
        char text[32];
        leaders(panel, x, &first, &second);
        format_axis(text, sizeof text, panel, x);
        fprintf(out, "With %s %s, ", text, panel->view->axis_name);
        best = first < 0 ? NULL : mark_at(&panel->series[first], x);
        next = second < 0 ? NULL : mark_at(&panel->series[second], x);
    } else {
        best_marks(panel, &first, &best, &second, &next);
    }
    if (best)
        compare_two(out, panel, panel->series[first].name, best,
                    next ? panel->series[second].name : "", next);
}

void answer_parts(FILE *out, const struct panel *panel) {
    const struct mark *best, *next;
    int first, second;
    char whole[32], one[32], other[32];
    best_marks(panel, &first, &best, &second, &next);
    if (!best)
        return;
    panel->view->format(whole, sizeof whole, best->y.value);
    panel->view->format(one, sizeof one, best->part);
    panel->view->format(other, sizeof other, best->y.value - best->part);
    fprintf(out, "Least: %s %s (%s + %s)", panel->series[first].name, whole, one, other);
    if (next) {
        panel->view->format(whole, sizeof whole, next->y.value);
        fprintf(out, "; next %s %s", panel->series[second].name, whole);
    }
    fputs(". ", out);
}
