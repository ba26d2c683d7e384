/* interpreters.c - see interpreters.h. */
#include "interpreters.h"
#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { OLDEST_MINOR = 11, NEWEST_MINOR = 15 };

/* ---- The list */

static struct interpreter *find_label(const struct interpreters *list, const char *label) {
    for (int i = 0; i < list->count; i++)
        if (!strcmp(list->all[i].label, label))
            return &list->all[i];
    return NULL;
}

/* The same program by another name. */
static bool is_known(const struct interpreters *list, const struct registry *reg) {
    for (int i = 0; i < list->count; i++) {
        const struct registry *other = list->all[i].reg;
        if (other && !strcmp(other->python_version, reg->python_version) &&
            other->free_threaded == reg->free_threaded)
            return true;
    }
    return false;
}

static struct interpreter *append(struct interpreters *list, const char *label, const char *word,
                                  struct err *err) {
    struct interpreter *one = &list->all[list->count];
    if (list->count == GB_PYTHONS_MAX) {
        err_set(err, GB_USAGE, "--pythons: more than %d interpreters", GB_PYTHONS_MAX);
        return NULL;
    }
    snprintf(one->label, sizeof one->label, "%s", label);
    snprintf(one->word, sizeof one->word, "%s", word);
    list->count++;
    return one;
}

/* ---- Looking for one */

/* Whether the program is one of ours: it answers, and is recent enough. */
static int probe(struct registry *reg, const char *program, bool gil, struct err *err) {
    int minor = 0;
    if (registry_probe(reg, program, gil, err) < 0)
        return -1;
    if (sscanf(reg->python_version, "cpython-3.%d", &minor) == 1 && minor >= OLDEST_MINOR)
        return 0;
    return err_set(err, GB_USAGE, "'%s' is %s; adapters need Python 3.%d or later", program,
                   reg->python_version, OLDEST_MINOR);
}

/* PROGRAM of every version that pyenv has, newest last. */
static void pyenv_glob(const char *program, glob_t *found) {
    char pattern[PATH_MAX];
    const char *root = getenv("PYENV_ROOT"), *home = getenv("HOME");
    snprintf(pattern, sizeof pattern, "%s%s/versions/*/bin/%s",
             root   ? root
             : home ? home
                    : "",
             root ? "" : "/.pyenv", program);
    if (glob(pattern, 0, NULL, found) != 0)
        found->gl_pathc = 0;
}

/* A word names a program; a bare name that PATH has not, or only as a shim that leads nowhere, is
 * looked for among pyenv's versions. `reg` is that of the program that answers. */
static int find(struct registry *reg, const char *word, struct err *err) {
    struct registry untouched = *reg;
    struct err other;
    glob_t found;
    int failed = probe(reg, word, false, err);
    if (!failed || strchr(word, '/'))
        return failed;
    pyenv_glob(word, &found);
    for (size_t i = found.gl_pathc; failed && i-- > 0;) {
        *reg = untouched;
        if ((failed = probe(reg, found.gl_pathv[i], false, &other)))
            *err = other;
    }
    globfree(&found);
    return failed;
}

/* ---- Labels */

/* "3.13" of cpython-3.13.0, unless another 3.13 is there already: then "3.13.0". */
static void make_label(const struct interpreters *list, const struct registry *reg, char *label,
                       size_t room) {
    const char *version = reg->python_version + strlen("cpython-"), *dot = strchr(version, '.');
    const char *free_threaded = reg->free_threaded ? "t" : "";
    int brief = dot ? (int)(strchrnul(dot + 1, '.') - version) : (int)strlen(version);
    snprintf(label, room, "%.*s%s", brief, version, free_threaded);
    if (find_label(list, label))
        snprintf(label, room, "%.24s%s", version, free_threaded);
}

/* Of one that is not there: what its name says. */
static void guess_label(const char *word, char *label, size_t room) {
    const char *slash = strrchr(word, '/'), *name = slash ? slash + 1 : word;
    size_t prefix = strlen("python");
    snprintf(label, room, "%.24s",
             !strncmp(name, "python", prefix) && name[prefix] ? name + prefix : name);
}

/* ---- Adding */

static int add_missing(struct interpreters *list, const char *word, const struct err *why,
                       struct err *err) {
    char label[GB_LABEL_MAX];
    struct interpreter *one;
    guess_label(word, label, sizeof label);
    if (find_label(list, label))
        return err_set(err, GB_USAGE, "--pythons: '%s' is named twice", word);
    if (!(one = append(list, label, word, err)))
        return -1;
    if (why->code == GB_USAGE) { /* it is there, and of no use */
        snprintf(one->not_run, sizeof one->not_run, "%.250s", why->text);
        return 0;
    }
    snprintf(one->not_run, sizeof one->not_run,
             "no interpreter '%.30s' (%.60s); get it by `pyenv install %.12s` or of your system's "
             "packages, then `make ext PYTHON=%.30s`",
             word, why->text, label, word);
    for (char *c = one->not_run; *c; c++)
        *c = *c == '\n' ? ' ' : *c;
    return 0;
}

static int add_found(struct interpreters *list, const struct registry *reg, const char *label,
                     const char *word, struct err *err) {
    struct interpreter *one = append(list, label, word, err);
    if (!one)
        return -1;
    if (!(one->reg = malloc(sizeof *one->reg)))
        return err_set(err, GB_RUNTIME, "out of memory");
    *one->reg = *reg;
    return 0;
}

/* The other half of a free-threaded build: PYTHON_GIL=1. */
static int add_with_gil(struct interpreters *list, const struct registry *pristine,
                        const struct registry *without, const char *label, const char *word,
                        struct err *err) {
    struct registry *reg = malloc(sizeof *reg);
    char with[GB_LABEL_MAX];
    int failed = -1;
    if (!reg)
        return err_set(err, GB_RUNTIME, "out of memory");
    *reg = *pristine;
    snprintf(with, sizeof with, "%.24s-gil", label);
    if (probe(reg, without->python, true, err) == 0)
        failed = add_found(list, reg, with, word, err);
    free(reg);
    return failed;
}

/* `quiet`: found, not named: what does not work, or is there already, is passed over. */
static int add(struct interpreters *list, const struct registry *pristine, const char *word,
               bool quiet, struct err *err) {
    struct registry *reg = malloc(sizeof *reg);
    struct err why = {0};
    char label[GB_LABEL_MAX];
    int failed = 0;
    if (!reg)
        return err_set(err, GB_RUNTIME, "out of memory");
    *reg = *pristine;
    if (find(reg, word, &why) < 0) {
        failed = quiet ? 0 : add_missing(list, word, &why, err);
        free(reg);
        return failed;
    }
    make_label(list, reg, label, sizeof label);
    if (is_known(list, reg))
        failed = quiet ? 0
                       : err_set(err, GB_USAGE, "--pythons: '%s' is %s, which is named already",
                                 word, reg->python_version);
    else if (add_found(list, reg, label, word, err) < 0 ||
             (reg->free_threaded && add_with_gil(list, pristine, reg, label, word, err) < 0))
        failed = -1;
    free(reg);
    return failed;
}

static int add_discovered(struct interpreters *list, const struct registry *pristine,
                          struct err *err) {
    char label[16], name[32];
    if (add(list, pristine, "python3", true, err) < 0)
        return -1;
    for (int minor = OLDEST_MINOR; minor <= NEWEST_MINOR; minor++) {
        for (int t = 0; t < 2; t++) {
            snprintf(label, sizeof label, "3.%d%s", minor, t ? "t" : "");
            snprintf(name, sizeof name, "python%s", label);
            if (!find_label(list, label) && add(list, pristine, name, true, err) < 0)
                return -1;
        }
    }
    return 0;
}

static const struct interpreter *first_that_works(const struct interpreters *list) {
    for (int i = 0; i < list->count; i++)
        if (list->all[i].reg)
            return &list->all[i];
    return NULL;
}

int interpreters_open(struct interpreters *list, struct registry *reg, const char *words,
                      struct err *err) {
    const struct interpreter *first;
    char word[256];
    int column = 0;
    *list = (struct interpreters){.all = calloc(GB_PYTHONS_MAX, sizeof *list->all)};
    if (!list->all)
        return err_set(err, GB_RUNTIME, "out of memory");
    for (const char *rest = words; next_word(&rest, word, sizeof word, &column);)
        if ((strcmp(word, "auto") ? add(list, reg, word, false, err)
                                  : add_discovered(list, reg, err)) < 0)
            return -1;
    if (!(first = first_that_works(list)))
        return err_set(err, GB_USAGE, "--pythons: none of '%s' works: %s", words,
                       list->count ? list->all[0].not_run : "no Python 3.11 or later was found");
    *reg = *first->reg;
    return 0;
}

void interpreters_close(struct interpreters *list) {
    for (int i = 0; i < list->count; i++)
        free(list->all[i].reg);
    free(list->all);
    *list = (struct interpreters){0};
}

/* ---- Cells */

static int add_cell(struct matrix *matrix, const struct cell *cell, struct err *err) {
    if (matrix->ncells == GB_CELLS_MAX)
        return err_set(err, GB_USAGE, "more than %d cells, with each interpreter's", GB_CELLS_MAX);
    matrix->cells[matrix->ncells++] = *cell;
    return 0;
}

static int spread_cell(const struct interpreters *list, struct cell cell, struct matrix *into,
                       struct err *err) {
    for (int i = 0; i < list->count; i++) {
        const struct interpreter *one = &list->all[i];

        snprintf(cell.python, sizeof cell.python, "%s", one->label);
        snprintf(cell.not_run, sizeof cell.not_run, "%s", one->not_run);
        if (one->reg)
            model_reason(one->reg, &cell, cell.not_run, sizeof cell.not_run);
        cell_name(&cell);
        if (add_cell(into, &cell, err) < 0)
            return -1;
    }
    return 0;
}

int interpreters_spread(const struct interpreters *list, const struct registry *reg,
                        struct matrix *matrix, struct err *err) {
    struct matrix spread = *matrix;
    int failed = 0;
    if (!list->count)
        return 0;
    spread.ncells = 0;
    if (!(spread.cells = calloc(GB_CELLS_MAX, sizeof *spread.cells)))
        return err_set(err, GB_RUNTIME, "out of memory");
    for (int i = 0; i < matrix->ncells && !failed; i++) {
        const struct model *model = registry_model(reg, matrix->cells[i].model);
        failed = strcmp(model->language, "python")
                     ? add_cell(&spread, &matrix->cells[i], err)
                     : spread_cell(list, matrix->cells[i], &spread, err);
    }
    free(matrix->cells);
    *matrix = spread;
    return failed;
}

const struct registry *interpreters_of(const struct interpreters *list, const struct registry *reg,
                                       const struct cell *cell) {
    const struct interpreter *one = find_label(list, cell->python);
    return one && one->reg ? one->reg : reg;
}

void interpreters_text(const struct interpreters *list, char *text, size_t room) {
    size_t used = 0;
    text[0] = '\0';
    for (int i = 0; i < list->count && used < room; i++)
        used += (size_t)snprintf(text + used, room - used, "%s%s=%s", used ? " " : "",
                                 list->all[i].label,
                                 list->all[i].reg ? list->all[i].reg->python_version : "missing");
}
