/* chart_map.c - the winner map: rows of work, in each of them the models relative to its best. */
#include "chart.h"
#include "matrix.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* What a row stands for: the parameters but for how much and with how many. */
static bool same_row(const struct cell *a, const struct cell *b) {
    for (int i = 0; i < a->nparams; i++) {
        const char *key = a->params[i].key, *other = cell_param(b, key);
        if (strcmp(key, "ops") && strcmp(key, "workers") &&
            (!other || strcmp(other, a->params[i].value)))
            return false;
    }
    return true;
}

static const struct cell *cell_of(const struct panel *panel, int series, int mark) {
    return &panel->series[series].marks[mark].result->cell;
}

/* Whether all cells of the panel have the same value of this parameter: a label need not say it. */
static bool is_common(const struct panel *panel, const char *key, const char *value) {
    for (int i = 0; i < panel->nseries; i++)
        for (int k = 0; k < panel->series[i].nmarks; k++) {
            const char *other = cell_param(cell_of(panel, i, k), key);
            if (!other || strcmp(other, value))
                return false;
        }
    return true;
}

static void row_label(const struct panel *panel, const struct cell *cell, char *text, size_t room) {
    size_t used = 0;
    text[0] = '\0';
    for (int i = 0; i < cell->nparams && used < room; i++) {
        const struct param *p = &cell->params[i];
        if (strcmp(p->key, "ops") && strcmp(p->key, "workers") &&
            !is_common(panel, p->key, p->value))
            used += (size_t)snprintf(text + used, room - used, "%s%s=%s", used ? " " : "", p->key,
                                     p->value);
    }
    if (!used)
        snprintf(text, room, "all of it");
}

static bool is_better(const struct view *view, const struct estimate *a, const struct estimate *b) {
    return view->lower ? a->value < b->value : a->value > b->value;
}

/* How many models in Python have a mark that belongs into the row of this cell. */
static int rivals(const struct panel *panel, const struct cell *cell) {
    int count = 0;
    for (int i = 0; i < panel->nseries; i++)
        for (int k = 0; k < panel->series[i].nmarks; k++)
            if (is_python(panel->series[i].marks[k].result) &&
                same_row(cell, cell_of(panel, i, k))) {
                count++;
                break;
            }
    return count;
}

/* The row of a mark, a new one if need be; -1: nobody to be compared with. */
static int row_of(struct panel *panel, const struct cell *cell, const struct cell **firsts) {
    for (int row = 0; row < panel->nrows; row++)
        if (same_row(firsts[row], cell))
            return row;
    if (rivals(panel, cell) < 2)
        return -1;
    firsts[panel->nrows] = cell;
    return panel->nrows++;
}

/* Gives every mark its row; of several marks of a model in a row the best is kept. Marks are dropped
 * once all rows are known. */
static void number_rows(struct panel *panel, const struct cell **firsts) {
    for (int i = 0; i < panel->nseries; i++)
        for (int k = 0; k < panel->series[i].nmarks; k++)
            panel->series[i].marks[k].x = row_of(panel, cell_of(panel, i, k), firsts);
    for (int i = 0; i < panel->nseries; i++) {
        struct series *s = &panel->series[i];
        int kept = 0;
        for (int k = 0; k < s->nmarks; k++) {
            int twin = 0;
            while (twin < kept && s->marks[twin].x != s->marks[k].x)
                twin++;
            if (s->marks[k].x < 0)
                continue;
            if (twin == kept || is_better(panel->view, &s->marks[k].y, &s->marks[twin].y))
                s->marks[twin] = s->marks[k];
            kept += twin == kept;
        }
        s->nmarks = kept;
    }
}

/* The best of a row: among models in Python, if there are any. */
static const struct mark *best_of(const struct panel *panel, int row) {
    const struct mark *best = NULL;
    for (int i = 0; i < panel->nseries; i++)
        for (int k = 0; k < panel->series[i].nmarks; k++) {
            const struct mark *mark = &panel->series[i].marks[k];
            bool python = is_python(mark->result);
            if (mark->x != row || (best && is_python(best->result) && !python))
                continue;
            if (!best || (python && !is_python(best->result)) ||
                is_better(panel->view, &mark->y, &best->y))
                best = mark;
        }
    return best;
}

static struct estimate relative(const struct view *view, const struct estimate *e, double best) {
    return view->lower ? (struct estimate){best / e->value, best / e->hi, best / e->lo, e->n}
                       : (struct estimate){e->value / best, e->lo / best, e->hi / best, e->n};
}

/* A model that was alone in its rows. */
static void drop_empty(struct panel *panel) {
    int kept = 0;
    for (int i = 0; i < panel->nseries; i++) {
        if (panel->series[i].nmarks)
            panel->series[kept++] = panel->series[i];
        else
            free(panel->series[i].marks);
    }
    panel->nseries = kept;
}

int map_rows(struct panel *panel) {
    int marks = 0;
    const struct cell **firsts;
    for (int i = 0; i < panel->nseries; i++)
        marks += panel->series[i].nmarks;
    firsts = calloc((size_t)marks + 1, sizeof(const struct cell *));
    panel->rows = calloc((size_t)marks + 1, sizeof *panel->rows);
    if (!firsts || !panel->rows) {
        free(firsts);
        return -1;
    }
    number_rows(panel, firsts);
    drop_empty(panel);
    for (int row = 0; row < panel->nrows; row++) {
        double best = best_of(panel, row)->y.value;
        row_label(panel, firsts[row], panel->rows[row], sizeof *panel->rows);
        for (int i = 0; i < panel->nseries; i++)
            for (int k = 0; k < panel->series[i].nmarks; k++) {
                struct mark *mark = &panel->series[i].marks[k];
                if (mark->x == row)
                    mark->y = relative(panel->view, &mark->y, best);
            }
    }
    free(firsts);
    return 0;
}
