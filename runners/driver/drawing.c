/* drawing.c - see drawing.h. gnuplot gets numbers, and words of ours: no text of a run goes through
 * it. */
#include "drawing.h"
#include "spawn.h"
#include "style.h"
#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { WIDTH = 420, LINES_HEIGHT = 290, LABEL_MOST = 24 };
#define LABEL_ROOM 0.09 /* of the width of the axis */

int drawing_open(struct drawing *d, const char *home, struct err *err) {
    const char *tmp = getenv("TMPDIR");
    char path[GB_PATH_MAX + 16];
    *d = (struct drawing){.home = home};
    snprintf(d->folder, sizeof d->folder, "%s/gilbench-XXXXXX", tmp && *tmp ? tmp : "/tmp");
    if (!mkdtemp(d->folder)) {
        err_set(err, GB_RUNTIME, "cannot make a folder %s: %s", d->folder, strerror(errno));
        d->folder[0] = '\0';
        return -1;
    }
    snprintf(path, sizeof path, "%s/all.gp", d->folder);
    if (!(d->script = fopen(path, "w")))
        return err_set(err, GB_RUNTIME, "cannot write %s: %s", path, strerror(errno));
    fprintf(d->script, "common = \"%s/plots/html_common.gp\"\n", home);
    return 0;
}

void drawing_path(const struct drawing *d, int picture, char *path, size_t room) {
    snprintf(path, room, "%.3700s/%d.svg", d->folder, picture);
}

/* ---- Data: a block a series, two blank lines between */

static int write_data(const struct drawing *d, const struct panel *panel, struct err *err) {
    char path[GB_PATH_MAX + 16];
    double unit = panel_unit(panel);
    int number = 0;
    FILE *file;
    snprintf(path, sizeof path, "%s/%d.dat", d->folder, d->pictures);
    if (!(file = fopen(path, "w")))
        return err_set(err, GB_RUNTIME, "cannot write %s: %s", path, strerror(errno));
    for (int i = 0; i < panel->nseries; i++) {
        for (int k = 0; k < panel->series[i].nmarks; k++) {
            const struct mark *m = &panel->series[i].marks[k];
            fprintf(file, "%.9g %.9g %.9g %.9g %.9g \"L%d\"\n", m->x, m->y.value / unit,
                    m->y.lo / unit, m->y.hi / unit, m->part / unit, number++);
        }
        fputs("\n\n", file);
    }
    for (int row = 0; row < panel->nrows; row++)
        fprintf(file, "%d\n", row);
    return fclose(file) == EOF
               ? err_set(err, GB_RUNTIME, "cannot write %s: %s", path, strerror(errno))
               : 0;
}

const struct mark *drawing_mark(const struct panel *panel, int number,
                                const struct series **series) {
    for (int i = 0; i < panel->nseries; i++) {
        *series = &panel->series[i];
        if (number < (*series)->nmarks)
            return &(*series)->marks[number];
        number -= (*series)->nmarks;
    }
    return NULL;
}

/* ---- The script */

static int word_number(const char *words, const char *word) {
    int number = 0;
    for (size_t size; *words; words += size, words += strspn(words, " "), number++) {
        size = strcspn(words, " ");
        if (size == strlen(word) && !strncmp(words, word, size))
            return number;
    }
    return 0;
}

static void write_styles(FILE *script, const struct panel *panel, const char *pythons) {
    static const int dashes[] = {1, 2, 4, 5};
    fputs("points = \"", script);
    for (int i = 0; i < panel->nseries; i++) {
        char model[3 * GB_NAME_MAX];
        snprintf(model, sizeof model, "%s", panel->series[i].name);
        model[strcspn(model, "@")] = '\0';
        fprintf(script, "%d ", style_of(model).point);
    }
    fputs("\"\ndashes = \"", script);
    for (int i = 0; i < panel->nseries; i++)
        fprintf(script, "%d ", dashes[word_number(pythons, panel->series[i].cell->python) % 4]);
    fputs("\"\nfits = \"", script);
    for (int i = 0; i < panel->nseries && panel->view->fit; i++)
        if (panel->series[i].r2 < 0)
            fputs("NaN NaN ", script);
        else
            fprintf(script, "%.9g %.9g ", panel->series[i].a, panel->series[i].b);
    fputs("\"\n", script);
}

/* The next greater x of the panel; INFINITY behind the last. */
static double next_x(const struct panel *panel, double x) {
    double next = INFINITY;
    for (int i = 0; i < panel->nseries; i++)
        for (int k = 0; k < panel->series[i].nmarks; k++)
            if (panel->series[i].marks[k].x > x)
                next = fmin(next, panel->series[i].marks[k].x);
    return next;
}

/* Labels stand where x has been measured, as far as there is room for them. */
static void write_ticks(FILE *script, const struct panel *panel, const struct extent *e) {
    bool log = panel->view->logx;
    double last = -INFINITY;
    fputs("xs = \"", script);
    for (double x = next_x(panel, -INFINITY); isfinite(x); x = next_x(panel, x)) {
        double at = log ? log10(x / e->x0) / log10(e->x1 / e->x0) : (x - e->x0) / (e->x1 - e->x0);
        if (at - last < LABEL_ROOM)
            continue;
        fprintf(script, "%.9g ", x);
        last = at;
    }
    fprintf(script, "\"\nzero = %.9g\n", panel->zero);
}

static size_t longest_label(const struct panel *panel) {
    size_t longest = 0;
    for (int row = 0; row < panel->nrows; row++) {
        size_t size = strlen(panel->rows[row]);
        longest = size > longest ? size : longest;
    }
    return longest < LABEL_MOST ? longest : LABEL_MOST;
}

static int height_of(const struct panel *panel) {
    if (panel->shape == SHAPE_LINES)
        return LINES_HEIGHT;
    return 66 + panel->nrows * (panel->shape == SHAPE_MAP ? 16 + 7 * panel->nseries : 19);
}

static void write_script(const struct drawing *d, const struct panel *panel, const struct extent *e,
                         const char *pythons) {
    static const char *const shapes[] = {[SHAPE_LINES] = "lines",
                                         [SHAPE_DOTS] = "dots",
                                         [SHAPE_STACK] = "stack",
                                         [SHAPE_MAP] = "map"};
    const struct view *view = panel->view;
    bool lines = panel->shape == SHAPE_LINES;
    FILE *script = d->script;
    fprintf(script, "reset\ndata = \"%s/%d.dat\"\nimage = \"%s/%d.svg\"\n", d->folder, d->pictures,
            d->folder, d->pictures);
    fprintf(script, "shape = \"%s\"\nn = %d\nrows = %d\nwidth = %d\nheight = %d\nlabels = %zu\n",
            shapes[panel->shape], panel->nseries, panel->nrows, WIDTH, height_of(panel),
            longest_label(panel) + 2);
    fprintf(script, "xname = \"%s\"\nyname = \"%s\"\n",
            lines || panel->shape == SHAPE_MAP ? view->axis_name : view->value_name,
            view->value_name);
    fprintf(script, "x0 = %.9g\nx1 = %.9g\ny0 = %.9g\ny1 = %.9g\n", lines ? e->x0 : e->y0,
            lines ? e->x1 : e->y1, e->y0, e->y1);
    fprintf(script, "logx = %d\nlogy = %d\nideal = %d\n",
            lines ? view->logx
                  : panel->shape == SHAPE_MAP || (panel->shape == SHAPE_DOTS && view->logx),
            lines && view->logy, view->ideal);
    write_ticks(script, panel, e);
    write_styles(script, panel, pythons);
    fprintf(script, "load \"%s/plots/html_%s.gp\"\n", d->home, lines ? "lines" : "rows");
}

int drawing_add(struct drawing *d, const struct panel *panel, const struct extent *extent,
                const char *pythons, struct err *err) {
    if (write_data(d, panel, err) < 0)
        return -1;
    write_script(d, panel, extent, pythons);
    d->pictures++;
    return 0;
}

int drawing_draw(struct drawing *d, const struct registry *reg, struct err *err) {
    char path[GB_PATH_MAX + 16], answer[2000];
    char *argv[] = {"gnuplot", path, NULL};
    FILE *script = d->script;
    d->script = NULL;
    snprintf(path, sizeof path, "%s/all.gp", d->folder);
    if (fputs("unset output\n", script) == EOF || fclose(script) == EOF)
        return err_set(err, GB_RUNTIME, "cannot write %s: %s", path, strerror(errno));
    if (d->pictures == 0 || run_capture(reg, argv, answer, sizeof answer, err) == 0)
        return 0;
    if (strstr(err->text, "cannot run it"))
        return err_set(err, GB_NOTHING,
                       "report.html is not written: it needs gnuplot, which is not installed "
                       "(package gnuplot-nox)");
    return -1;
}

void drawing_close(struct drawing *d) {
    struct dirent *entry;
    DIR *folder = *d->folder ? opendir(d->folder) : NULL;
    if (d->script)
        fclose(d->script);
    while (folder && (entry = readdir(folder))) {
        char path[GB_PATH_MAX + 300];
        snprintf(path, sizeof path, "%s/%s", d->folder, entry->d_name);
        if (entry->d_name[0] != '.')
            unlink(path);
    }
    if (folder)
        closedir(folder);
    if (*d->folder)
        rmdir(d->folder);
    *d = (struct drawing){0};
}
