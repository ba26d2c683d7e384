/* matrix.c - see matrix.h. */
#include "matrix.h"
#include "latency.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Settings of a section that are no parameters of its cells, with their standards. */
struct settings {
    int samples, warmup, cores, peer_cores; /* cores: -1 for "as the cell needs" */
    double timeout_s;
};

static const char *const setting_keys = "models samples warmup cores peer_cores timeout_s";

/* ---- Numbers */

static int read_count(const struct ini *ini, const struct ini_section *section, const char *key,
                      int least, int *value, struct err *err) {
    const struct ini_key *found = ini_find(section, key);
    char *end;
    long number;
    if (!found)
        return 0;
    number = strtol(found->value, &end, 10);
    if (*end || number < least || number > 1000000)
        return err_at(err, ini, found->line, found->column,
                      "%s: a whole number of %d or more expected, not '%s'", key, least,
                      found->value);
    *value = (int)number;
    return 0;
}

static int read_seconds(const struct ini *ini, const struct ini_section *section, double *value,
                        struct err *err) {
    const struct ini_key *found = ini_find(section, "timeout_s");
    char *end;
    if (!found)
        return 0;
    *value = strtod(found->value, &end);
    if (*end || !(*value > 0) || *value > 86400)
        return err_at(err, ini, found->line, found->column,
                      "timeout_s: seconds, more than 0, expected, not '%s'", found->value);
    return 0;
}

static int read_settings(const struct ini *ini, const struct ini_section *section,
                         struct settings *s, struct err *err) {
    if (read_count(ini, section, "samples", 1, &s->samples, err) < 0 ||
        read_count(ini, section, "warmup", 0, &s->warmup, err) < 0 ||
        read_count(ini, section, "cores", 1, &s->cores, err) < 0 ||
        read_count(ini, section, "peer_cores", 0, &s->peer_cores, err) < 0)
        return -1;
    return read_seconds(ini, section, &s->timeout_s, err);
}

static int read_run_section(struct matrix *matrix, const struct ini *ini,
                            const struct ini_section *section, struct settings *s,
                            struct err *err) {
    int seed = (int)matrix->seed;
    for (int i = 0; i < section->nkeys; i++)
        if (!has_word("reps samples warmup timeout_s seed", section->keys[i].key))
            return err_at(
                err, ini, section->keys[i].line, section->keys[i].key_column,
                "unknown key '%s' in [run]; there are: reps samples warmup timeout_s seed",
                section->keys[i].key);
    if (read_count(ini, section, "reps", 1, &matrix->reps, err) < 0 ||
        read_count(ini, section, "seed", 0, &seed, err) < 0)
        return -1;
    matrix->seed = (uint64_t)seed;
    return read_settings(ini, section, s, err);
}

/* ---- Cells */

const char *cell_param(const struct cell *cell, const char *key) {
    for (int i = 0; i < cell->nparams; i++)
        if (!strcmp(cell->params[i].key, key))
            return cell->params[i].value;
    return NULL;
}

void cell_model(const struct cell *cell, char *text, size_t room) {
    snprintf(text, room, *cell->variant ? "%s:%s" : "%s", cell->model, cell->variant);
}

void cell_label(const struct cell *cell, char *text, size_t room) {
    size_t used;
    cell_model(cell, text, room);
    used = strlen(text);
    if (*cell->python)
        snprintf(text + used, room - used, "@%s", cell->python);
}

bool cell_same_model(const struct cell *a, const struct cell *b) {
    return !strcmp(a->model, b->model) && !strcmp(a->variant, b->variant) &&
           !strcmp(a->python, b->python);
}

int cell_cores_needed(const struct cell *cell) {
    const char *workers = cell_param(cell, "workers");
    return workers && atoi(workers) > 0 ? atoi(workers) : 1;
}

bool cell_is_confined(const struct cell *cell) {
    return cell->cores > 0 && cell->cores < cell_cores_needed(cell);
}

void cell_name(struct cell *cell) {
    char model[3 * GB_NAME_MAX], id[sizeof cell->id];
    size_t used;
    cell_label(cell, model, sizeof model);
    used = (size_t)snprintf(id, sizeof id, "%s/%s/", cell->workload, model);
    for (int i = 0; i < cell->nparams && used < sizeof id; i++)
        used += (size_t)snprintf(id + used, sizeof id - used, "%s%s=%s", i ? "," : "",
                                 cell->params[i].key, cell->params[i].value);
    if (cell->cores > 0 && cell->cores != cell_cores_needed(cell) && used < sizeof id)
        snprintf(id + used, sizeof id - used, ",cores=%d", cell->cores);
    memcpy(cell->id, id, sizeof id);
}

static int add_cell(struct matrix *matrix, struct cell cell, const struct settings *s,
                    const struct ini *ini, const struct ini_section *section, struct err *err) {
    char why[300];
    cell.cores = s->cores > 0 ? s->cores : cell_cores_needed(&cell);
    cell_name(&cell);
    for (int i = 0; i < matrix->ncells; i++)
        if (!strcmp(matrix->cells[i].id, cell.id))
            return err_at(err, ini, section->line, section->column,
                          "cell %s stands in this file already", cell.id);
    if (matrix->ncells == GB_CELLS_MAX)
        return err_at(err, ini, section->line, section->column, "more than %d cells", GB_CELLS_MAX);
    cell.samples = s->samples;
    cell.warmup = s->warmup;
    cell.timeout_s = s->timeout_s;
    cell.peer_cores = s->peer_cores >= 0 ? s->peer_cores : kind_has_peer(cell.kind);
    if (check_load_params(&cell, why, sizeof why) < 0)
        return err_at(err, ini, section->line, section->column, "%s", why);
    matrix->cells[matrix->ncells++] = cell;
    return 0;
}

/* The keys of a section that are parameters, and which word of each this cell has. */
struct product {
    int cores; /* the end of 1..cores */
    const struct ini_key *keys[GB_PARAMS_MAX];
    int nkeys;
};

/* "2" is one number, "1..4" and "1..cores" are several. False: neither. */
static bool read_span(const char *word, int cores, int *first, int *last) {
    char end[GB_NAME_MAX];
    if (sscanf(word, "%d..%63s", first, end) != 2)
        return false;
    *last = strcmp(end, "cores") ? atoi(end) : cores > 0 ? cores : 1;
    return *first >= 0 && *last >= *first;
}

static int expand(struct matrix *matrix, struct cell cell, const struct product *product, int at,
                  const struct settings *s, const struct ini *ini,
                  const struct ini_section *section, struct err *err) {
    const struct ini_key *key;
    const char *rest;
    char word[GB_NAME_MAX];
    int column = 0;
    if (at == product->nkeys)
        return add_cell(matrix, cell, s, ini, section, err);
    key = product->keys[at];
    rest = key->value;
    cell.nparams = at + 1;
    snprintf(cell.params[at].key, sizeof cell.params[at].key, "%s", key->key);
    while (next_word(&rest, word, sizeof word, &column)) {
        int first = 0, last = 0;
        bool span = read_span(word, product->cores, &first, &last);
        if (!span)
            first = last = 0; /* once */
        for (int i = first; i <= last; i++) {
            snprintf(cell.params[at].value, sizeof cell.params[at].value, "%s", word);
            if (span)
                snprintf(cell.params[at].value, sizeof cell.params[at].value, "%d", i);
            if (expand(matrix, cell, product, at + 1, s, ini, section, err) < 0)
                return -1;
        }
    }
    return 0;
}

static int choose_model(struct cell *cell, const char *word, const struct registry *reg,
                        const struct ini *ini, const struct ini_key *key, int column,
                        struct err *err) {
    const char *colon = strchrnul(word, ':');
    char name[GB_NAME_MAX], names[1024];
    const struct model *model;
    snprintf(name, sizeof name, "%.*s", (int)(colon - word), word);
    if (!(model = registry_model(reg, name))) {
        registry_names(reg, "models", names, sizeof names);
        return err_at(err, ini, key->line, column, "unknown model '%s'; there are: %s", name,
                      names);
    }
    if (!has_word(model->kinds, kind_name(cell->kind)))
        return err_at(err, ini, key->line, column, "%s does not run %s workloads, only: %s", name,
                      kind_name(cell->kind), model->kinds);
    if (*model->variants && !has_word(model->variants, *colon ? colon + 1 : "-"))
        return err_at(err, ini, key->line, column,
                      "%s needs one of its variants, as in %s:VARIANT: %s", name, name,
                      model->variants);
    if (!*model->variants && *colon)
        return err_at(err, ini, key->line, column, "%s has no variants", name);
    snprintf(cell->model, sizeof cell->model, "%s", name);
    snprintf(cell->variant, sizeof cell->variant, "%s", *colon ? colon + 1 : "");
    if (!model_supports(model, cell->variant, cell->workload, cell->kind))
        return err_at(err, ini, key->line, column, "%s does not run %s; of its variants runs: %s",
                      word, cell->workload, *model->limits ? model->limits : "nothing");
    model_reason(reg, cell, cell->not_run, sizeof cell->not_run);
    return 0;
}

static int collect_params(struct product *product, const struct workload_info *workload,
                          const struct ini *ini, const struct ini_section *section,
                          struct err *err) {
    for (int i = 0; i < section->nkeys; i++) {
        const struct ini_key *key = &section->keys[i];
        bool known = workload->kind == GB_SERVER && is_load_param(key->key);
        if (has_word(setting_keys, key->key))
            continue;
        if (!known && !has_word(workload->keys, key->key))
            return err_at(err, ini, key->line, key->key_column,
                          "unknown key '%s' of %s; there are: %s %s%s", key->key, workload->name,
                          workload->keys, workload->kind == GB_SERVER ? "rate arrivals " : "",
                          setting_keys);
        if (product->nkeys == GB_PARAMS_MAX)
            return err_at(err, ini, key->line, key->key_column, "more than %d parameters",
                          GB_PARAMS_MAX);
        product->keys[product->nkeys++] = key;
    }
    if (!ini_find(section, "ops"))
        return err_at(err, ini, section->line, section->column,
                      "[%s] needs ops = how many ops a sample has", section->name);
    return 0;
}

static int add_section(struct matrix *matrix, const struct ini *ini,
                       const struct ini_section *section, struct settings s,
                       const struct registry *reg, struct err *err) {
    const struct workload_info *workload = registry_workload(reg, section->name);
    const struct ini_key *models = ini_find(section, "models");
    struct product product = {.cores = reg->cores};
    char word[GB_NAME_MAX], names[1024];
    const char *rest;
    int column;
    if (!workload) {
        registry_names(reg, "workloads", names, sizeof names);
        return err_at(err, ini, section->line, section->column,
                      "unknown workload '%s'; there are: %s", section->name, names);
    }
    if (!models)
        return err_at(err, ini, section->line, section->column,
                      "[%s] needs models = one or more models", section->name);
    if (read_settings(ini, section, &s, err) < 0 ||
        collect_params(&product, workload, ini, section, err) < 0)
        return -1;
    rest = models->value;
    column = models->column;
    while (next_word(&rest, word, sizeof word, &column)) {
        struct cell cell = {.kind = workload->kind};
        snprintf(cell.workload, sizeof cell.workload, "%s", workload->name);
        if (choose_model(&cell, word, reg, ini, models, column, err) < 0 ||
            expand(matrix, cell, &product, 0, &s, ini, section, err) < 0)
            return -1;
        column += (int)strlen(word);
    }
    return 0;
}

static int add_sections(struct matrix *matrix, const struct ini *ini, const struct registry *reg,
                        struct err *err) {
    struct settings s = {.samples = 1, .warmup = 1, .cores = -1, .peer_cores = -1, .timeout_s = 60};
    for (int i = 0; i < ini->nsections; i++) {
        const struct ini_section *section = &ini->sections[i];
        int failed = !strcmp(section->name, "run") ? read_run_section(matrix, ini, section, &s, err)
                                                   : add_section(matrix, ini, section, s, reg, err);
        if (failed < 0)
            return -1;
    }
    return 0;
}

int matrix_parse(struct matrix *matrix, const char *name, const char *text,
                 const struct registry *reg, struct err *err) {
    struct ini ini;
    int failed;
    *matrix = (struct matrix){
        .reps = 5, .seed = 42, .cells = calloc(GB_CELLS_MAX, sizeof *matrix->cells)};
    if (!matrix->cells)
        return err_set(err, GB_RUNTIME, "out of memory");
    if (ini_parse(&ini, name, text, err) < 0) {
        matrix_free(matrix);
        return -1;
    }
    failed = add_sections(matrix, &ini, reg, err);
    ini_free(&ini);
    if (failed < 0)
        matrix_free(matrix);
    return failed;
}

static bool section_is_kept(const char *line, const char *words) {
    char name[GB_NAME_MAX], label[GB_NAME_MAX] = "", word[GB_NAME_MAX];
    const char *rest = label;
    int column = 0;
    if (sscanf(line, "[%63[^]:]:%63[^]\n]", name, label) < 1 || !strcmp(name, "run"))
        return true;
    while (next_word(&rest, word, sizeof word, &column))
        if (has_word(words, word))
            return true;
    return false;
}

void matrix_keep_sections(char *text, const char *words) {
    char *to = text;
    bool kept = true;
    while (*text) {
        const char *end = strchrnul(text, '\n');
        size_t size = (size_t)(end - text) + (*end == '\n');
        kept = *text == '[' ? section_is_kept(text, words) : kept;
        if (kept)
            memmove(to, text, size);
        to += kept ? size : 0;
        text += size;
    }
    *to = '\0';
}

void matrix_free(struct matrix *matrix) {
    free(matrix->cells);
    *matrix = (struct matrix){0};
}
