/* history.c - see history.h. */
#include "history.h"
#include "../stats/changes.h"
#include <math.h>
#include <stdlib.h>

enum { SEED = 42 };

void history_free(struct history *history) {
    for (int i = 0; i < history->nseries; i++)
        free(history->series[i].points);
    free(history->series);
    *history = (struct history){0};
}

/* ---- Changes */

/* The points of the window, and how many. */
static int window_of(struct history_series *s, struct history_point **of) {
    int n = 0, skip;
    skip = s->npoints - s->left_out - HISTORY_WINDOW;
    for (int i = 0; i < s->npoints; i++)
        if (!s->points[i].left_out && skip-- <= 0)
            of[n++] = &s->points[i];
    return n;
}

static void set_levels(struct history_point **of, int n) {
    for (int from = 0, to; from < n; from = to) {
        double sum = log(of[from]->ratio);
        for (to = from + 1; to < n && !of[to]->change; to++)
            sum += log(of[to]->ratio);
        for (int i = from; i < to; i++)
            of[i]->level = exp(sum / (to - from));
    }
}

int history_find(struct history_series *s, double alpha, struct err *err) {
    struct history_point *of[HISTORY_WINDOW];
    double x[HISTORY_WINDOW];
    size_t at[HISTORY_WINDOW];
    int n = window_of(s, of);
    for (int i = 0; i < n; i++)
        x[i] = log(of[i]->ratio);
    s->changes = changes_find(x, (size_t)n, alpha, HISTORY_DRAWS, SEED, at);
    if (s->changes < 0) {
        s->changes = 0;
        return err_set(err, GB_USAGE,
                       "--alpha %g: with %d shuffles no p is below %g; give that or more", alpha,
                       HISTORY_DRAWS, 1.0 / (HISTORY_DRAWS + 1));
    }
    for (int i = 0; i < s->changes; i++)
        of[at[i]]->change = true;
    set_levels(of, n);
    return 0;
}

/* ---- For gnuplot */

void history_dat(FILE *out, const struct history_series *s) {
    fprintf(out, "# run ratio lo hi level\n\"%s\"\n", s->id);
    for (int i = 0; i < s->npoints; i++) {
        const struct history_point *p = &s->points[i];
        if (!p->left_out)
            fprintf(out, "%d %.6f %.6f %.6f %.6f\n", i + 1, p->ratio, p->lo, p->hi, p->level);
    }
    fputs("\n\n# changes\n", out);
    for (int i = 0; i < s->npoints; i++)
        if (s->points[i].change)
            fprintf(out, "%d %.6f\n", i + 1, s->points[i].level);
    fputs("\n\n# left out\n", out);
    for (int i = 0; i < s->npoints; i++)
        if (s->points[i].left_out)
            fprintf(out, "%d 1\n", i + 1);
}
