/* claims_register.c - runners/claims.ini: [C1] is a claim, [C1: name] one of its figures,
 * [control: name] a control, which is a claim with one figure. See claims.h for what each key
 * means. */
#include "../stats/line.h"
#include "claims.h"
#include "ini.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char claim_keys[] =
    "says controls applies expected holds refuted mixed surprise needs denies columns";
static const char figure_keys[] =
    "about cells base statistic over x x_unit at_least at_most within "
    "refuted_below refuted_above role unit table";

/* ---- Values */

struct place {
    const struct ini *ini;
    const struct ini_section *section;
};

static int wrong(struct err *err, const struct place *at, const struct ini_key *key,
                 const char *expected) {
    return err_at(err, at->ini, key->line, key->column, "%s: %s expected, not '%s'", key->key,
                  expected, key->value);
}

static int read_number(const struct place *at, const char *name, double *value, struct err *err) {
    const struct ini_key *key = ini_find(at->section, name);
    char *end;
    if (!key)
        return 0;
    *value = strtod(key->value, &end);
    return end == key->value || *end || !isfinite(*value) ? wrong(err, at, key, "a number") : 0;
}

static int read_text(const struct place *at, const char *name, char *to, size_t room,
                     struct err *err) {
    const struct ini_key *key = ini_find(at->section, name);
    if (key && snprintf(to, room, "%s", key->value) >= (int)room)
        return err_at(err, at->ini, key->line, key->column, "%s: more than %zu bytes", name,
                      room - 1);
    return 0;
}

/* One of `words`, by number; `standard` when the key is not there. */
static int read_choice(const struct place *at, const char *name, const char *const *words,
                       int *choice, struct err *err) {
    const struct ini_key *key = ini_find(at->section, name);
    char expected[200] = "";
    size_t used = 0;
    if (!key)
        return 0;
    for (int i = 0; words[i]; i++) {
        if (!strcmp(words[i], key->value)) {
            *choice = i;
            return 0;
        }
        used += (size_t)snprintf(expected + used, sizeof expected - used, "%s%s", i ? ", " : "",
                                 words[i]);
    }
    return wrong(err, at, key, expected);
}

static int check_keys(const struct place *at, const char *known, struct err *err) {
    for (int i = 0; i < at->section->nkeys; i++)
        if (!has_word(known, at->section->keys[i].key))
            return err_at(err, at->ini, at->section->keys[i].line, at->section->keys[i].key_column,
                          "unknown key '%s'; there are: %s", at->section->keys[i].key, known);
    return 0;
}

/* ---- What is counted in a table of results/ */

enum { ROWS_MAX = 64 };

/* The number of a column by its name; -1: there is none. */
static int column_of(const char *head, const char *name) {
    char word[GB_NAME_MAX];
    int number = 0, at = 0;
    while (next_word(&head, word, sizeof word, &at)) {
        if (!strcmp(word, name))
            return number;
        number++;
    }
    return -1;
}

static double word_at(const char *line, int column) {
    char word[GB_NAME_MAX];
    int at = 0;
    while (column-- >= 0)
        if (!next_word(&line, word, sizeof word, &at))
            return NAN;
    return atof(word);
}

/* The slope of column `statistic` over column x, in the rows that begin with `cells`. */
static double count(const char *text, const struct figure_rule *rule) {
    double x[ROWS_MAX], y[ROWS_MAX];
    char line[256], head[256] = "", first[GB_NAME_MAX];
    size_t n = 0;
    for (int size; *text && n < ROWS_MAX; text += size + (text[size] == '\n')) {
        size = (int)strcspn(text, "\n");
        snprintf(line, sizeof line, "%.*s", size < 255 ? size : 255, text);
        if (*line == '#')
            continue;
        if (!*head) {
            memcpy(head, line, sizeof head);
        } else if (sscanf(line, "%63s", first) == 1 && !strcmp(first, rule->cells)) {
            x[n] = word_at(line, column_of(head, rule->x));
            y[n++] = word_at(line, column_of(head, rule->statistic));
        }
    }
    return stats_line(x, y, n).b;
}

/* Beside the register's folder there is results/. */
static int read_table(const struct place *at, struct figure_rule *rule, struct err *err) {
    char path[600], *text;
    const char *slash = strrchr(at->ini->name, '/');
    snprintf(path, sizeof path, "%.*s../results/%s", slash ? (int)(slash + 1 - at->ini->name) : 0,
             at->ini->name, rule->table);
    if (!(text = read_file(path, err)))
        return -1;
    rule->counted = count(text, rule);
    free(text);
    return isfinite(rule->counted) ? 0
                                   : err_at(err, at->ini, at->section->line, at->section->column,
                                            "%s has no two rows '%s' with %s and %s", path,
                                            rule->cells, rule->x, rule->statistic);
}

/* ---- A figure */

static int read_limits(const struct place *at, struct figure_rule *rule, struct err *err) {
    bool shows = !strcmp(ini_text(at->section, "role", ""), "shows");
    const struct ini_key *within = ini_find(at->section, "within");
    char rest;
    rule->holds_lo = rule->refuted_lo = -INFINITY;
    rule->holds_hi = rule->refuted_hi = INFINITY;
    if (within && sscanf(within->value, "%lf %lf %c", &rule->holds_lo, &rule->holds_hi, &rest) != 2)
        return wrong(err, at, within, "two numbers");
    if (read_number(at, "at_least", &rule->holds_lo, err) < 0 ||
        read_number(at, "at_most", &rule->holds_hi, err) < 0)
        return -1;
    if (!(rule->holds_lo <= rule->holds_hi) ||
        (!shows && isinf(rule->holds_lo) && isinf(rule->holds_hi)))
        return err_at(err, at->ini, at->section->line, at->section->column,
                      "[%s: %s] needs at_least, at_most or within = LEAST MOST", at->section->name,
                      at->section->label);
    rule->refuted_lo = rule->holds_lo;
    rule->refuted_hi = rule->holds_hi;
    if (read_number(at, "refuted_below", &rule->refuted_lo, err) < 0 ||
        read_number(at, "refuted_above", &rule->refuted_hi, err) < 0)
        return -1;
    if (rule->refuted_lo > rule->holds_lo || rule->refuted_hi < rule->holds_hi)
        return err_at(err, at->ini, at->section->line, at->section->column,
                      "[%s: %s] would hold and be refuted at once", at->section->name,
                      at->section->label);
    return 0;
}

static void standard_unit(struct figure_rule *rule) {
    size_t size = strlen(rule->statistic);
    const char *unit = *rule->base ? "x"
                       : strstr(rule->statistic, "_ns") || !strncmp(rule->statistic, "ns_", 3)
                           ? "ns"
                       : size > 2 && !strcmp(rule->statistic + size - 2, "_b") ? "b"
                                                                               : "number";
    if (over_points(rule->over))
        unit = rule->over == OVER_CROSSING && !*rule->x ? "ns" : "number";
    if (!*rule->unit)
        snprintf(rule->unit, sizeof rule->unit, "%s", unit);
}

static int check_figure(const struct place *at, struct figure_rule *rule, struct err *err) {
    const bool crossing = rule->over == OVER_CROSSING;
    if (!*rule->cells)
        return err_at(err, at->ini, at->section->line, at->section->column,
                      "[%s: %s] needs cells = WORKLOAD/MODEL/key=value,...", at->section->name,
                      at->section->label);
    if (*rule->table)
        return read_table(at, rule, err);
    if (!rep_figure_is_known(rule->statistic))
        return wrong(err, at, ini_find(at->section, "statistic"), "a statistic of a process");
    if (*rule->x ? !over_points(rule->over) : over_points(rule->over) && !crossing)
        return err_at(err, at->ini, at->section->line, at->section->column,
                      "[%s: %s]: x = PARAMETER goes with over = slope, r2 or crossing",
                      at->section->name, at->section->label);
    if (crossing && !*rule->base)
        return err_at(err, at->ini, at->section->line, at->section->column,
                      "[%s: %s]: over = crossing needs a base: its figure is where the ratio to it "
                      "gets to 1",
                      at->section->name, at->section->label);
    if (!has_word("x ns b share number", rule->unit))
        return wrong(err, at, ini_find(at->section, "unit"), "x, ns, b, share or number");
    return 0;
}

static int read_figure(const struct place *at, struct figure_rule *rule, struct err *err) {
    static const char *const overs[] = {"first", "max", "min",      "geomean",
                                        "slope", "r2",  "crossing", NULL};
    static const char *const roles[] = {"decides", "supports", "shows", NULL};
    int over = OVER_FIRST, role = 0;
    *rule = (struct figure_rule){.statistic = "ops_per_s", .x_unit = 1};
    snprintf(rule->name, sizeof rule->name, "%.*s", GB_LABEL_MAX - 1, at->section->label);
    snprintf(rule->about, sizeof rule->about, "%s", rule->name);
    if (read_text(at, "about", rule->about, sizeof rule->about, err) < 0 ||
        read_text(at, "cells", rule->cells, sizeof rule->cells, err) < 0 ||
        read_text(at, "base", rule->base, sizeof rule->base, err) < 0 ||
        read_text(at, "statistic", rule->statistic, sizeof rule->statistic, err) < 0 ||
        read_text(at, "unit", rule->unit, sizeof rule->unit, err) < 0 ||
        read_text(at, "table", rule->table, sizeof rule->table, err) < 0 ||
        read_text(at, "x", rule->x, sizeof rule->x, err) < 0 ||
        read_number(at, "x_unit", &rule->x_unit, err) < 0 ||
        read_choice(at, "over", overs, &over, err) < 0 ||
        read_choice(at, "role", roles, &role, err) < 0 || read_limits(at, rule, err) < 0)
        return -1;
    rule->over = (enum figure_over)over;
    rule->supports = role == 1;
    rule->shows = role == 2;
    standard_unit(rule);
    return check_figure(at, rule, err);
}

/* ---- A claim */

static int check_conditions(const struct place *at, const char *name, bool with_verdict,
                            struct err *err) {
    const struct ini_key *key = ini_find(at->section, name);
    const char *rest = key ? key->value : "";
    char word[GB_NAME_MAX];
    int column = 0;
    while (next_word(&rest, word, sizeof word, &column)) {
        char *colon = strchr(word, ':');
        if (colon)
            *colon = '\0';
        if (!claims_condition_is_valid(word) || !colon != !with_verdict ||
            (colon && strcmp(colon + 1, "HOLDS") && strcmp(colon + 1, "REFUTED")))
            return wrong(err, at, key,
                         with_verdict ? "words like any:HOLDS, gil<3.12:REFUTED, free>=3.14:HOLDS"
                                      : "words like any, gil, free, gil<3.12, any>=3.12");
    }
    return 0;
}

static int read_claim(const struct place *at, struct claim *claim, struct err *err) {
    static const char *const needs[] = {"all", "any", NULL}, *const no_yes[] = {"no", "yes", NULL},
                             *const columns[] = {"each", "one", NULL};
    int any = 0, denies = 0, once = 0;
    *claim = (struct claim){.nfigures = 0};
    snprintf(claim->id, sizeof claim->id, "%.15s", at->section->name);
    if (read_text(at, "says", claim->says, sizeof claim->says, err) < 0 ||
        read_text(at, "controls", claim->controls, sizeof claim->controls, err) < 0 ||
        read_text(at, "applies", claim->applies, sizeof claim->applies, err) < 0 ||
        read_text(at, "expected", claim->expected, sizeof claim->expected, err) < 0 ||
        read_text(at, "holds", claim->holds, sizeof claim->holds, err) < 0 ||
        read_text(at, "refuted", claim->refuted, sizeof claim->refuted, err) < 0 ||
        read_text(at, "mixed", claim->mixed, sizeof claim->mixed, err) < 0 ||
        read_text(at, "surprise", claim->surprise, sizeof claim->surprise, err) < 0 ||
        read_choice(at, "needs", needs, &any, err) < 0 ||
        read_choice(at, "denies", no_yes, &denies, err) < 0 ||
        read_choice(at, "columns", columns, &once, err) < 0 ||
        check_conditions(at, "applies", false, err) < 0 ||
        check_conditions(at, "expected", true, err) < 0)
        return -1;
    claim->any = any == 1;
    claim->denies = denies == 1;
    claim->once = once == 1;
    return *claim->says ? 0
                        : err_at(err, at->ini, at->section->line, at->section->column,
                                 "[%s] needs says = what is claimed", claim->id);
}

static int add_control(struct claim_register *reg, const struct place *at, struct err *err) {
    struct claim *control = &reg->controls[reg->ncontrols];
    struct figure_rule *rule = control->figures;
    char keys[400];
    if (reg->ncontrols == sizeof reg->controls / sizeof *reg->controls)
        return err_at(err, at->ini, at->section->line, 1, "more than %d controls", reg->ncontrols);
    snprintf(keys, sizeof keys, "says columns %s", figure_keys);
    if (check_keys(at, keys, err) < 0 || read_claim(at, control, err) < 0 ||
        read_figure(at, rule, err) < 0)
        return -1;
    snprintf(control->id, sizeof control->id, "%.15s", at->section->label);
    control->nfigures = 1;
    reg->ncontrols++;
    return 0;
}

static int add_claim(struct claim_register *reg, const struct place *at, struct err *err) {
    for (int i = 0; i < reg->nclaims; i++)
        if (!strcmp(reg->claims[i].id, at->section->name))
            return err_at(err, at->ini, at->section->line, at->section->column,
                          "[%s] stands here already", at->section->name);
    if (reg->nclaims == CLAIMS_MAX || strlen(at->section->name) > 15)
        return err_at(err, at->ini, at->section->line, at->section->column,
                      "at most %d claims, with names of at most 15 bytes", CLAIMS_MAX);
    if (check_keys(at, claim_keys, err) < 0 || read_claim(at, &reg->claims[reg->nclaims], err) < 0)
        return -1;
    reg->nclaims++;
    return 0;
}

static int add_figure(struct claim_register *reg, const struct place *at, struct err *err) {
    struct claim *claim = reg->nclaims ? &reg->claims[reg->nclaims - 1] : NULL;
    if (!claim || strcmp(claim->id, at->section->name))
        return err_at(err, at->ini, at->section->line, at->section->column,
                      "figures stand behind their claim: no [%s] before this", at->section->name);
    for (int i = 0; i < claim->nfigures; i++)
        if (!strcmp(claim->figures[i].name, at->section->label))
            return err_at(err, at->ini, at->section->line, at->section->column,
                          "[%s: %s] stands here already", claim->id, at->section->label);
    if (claim->nfigures == CLAIM_FIGURES_MAX || strlen(at->section->label) >= GB_LABEL_MAX)
        return err_at(err, at->ini, at->section->line, at->section->column,
                      "at most %d figures of a claim, with names of less than %d bytes",
                      CLAIM_FIGURES_MAX, GB_LABEL_MAX);
    if (check_keys(at, figure_keys, err) < 0 ||
        read_figure(at, &claim->figures[claim->nfigures], err) < 0)
        return -1;
    claim->nfigures++;
    return 0;
}

/* ---- The whole */

static int check_claim(const struct claim_register *reg, const struct ini *ini,
                       const struct claim *claim, struct err *err) {
    const char *rest = claim->controls;
    char word[GB_NAME_MAX];
    int column = 0, decides = 0;
    while (next_word(&rest, word, sizeof word, &column)) {
        bool found = false;
        for (int i = 0; i < reg->ncontrols; i++)
            found |= !strcmp(reg->controls[i].id, word);
        if (!found)
            return err_set(err, GB_USAGE, "%s: %s names the control '%s', which is not there",
                           ini->name, claim->id, word);
    }
    for (int i = 0; i < claim->nfigures; i++)
        decides += !claim->figures[i].supports && !claim->figures[i].shows;
    return decides ? 0
                   : err_set(err, GB_USAGE, "%s: %s has no figure that decides it", ini->name,
                             claim->id);
}

int claims_parse(struct claim_register *reg, const char *name, const char *text, struct err *err) {
    struct ini ini;
    int failed = 0;
    *reg = (struct claim_register){.nclaims = 0};
    snprintf(reg->name, sizeof reg->name, "%.255s", name);
    if (ini_parse(&ini, name, text, err) < 0)
        return -1;
    for (int i = 0; i < ini.nsections && !failed; i++) {
        struct place at = {&ini, &ini.sections[i]};
        failed = !strcmp(at.section->name, "control") ? add_control(reg, &at, err)
                 : *at.section->label                 ? add_figure(reg, &at, err)
                                                      : add_claim(reg, &at, err);
    }
    for (int i = 0; i < reg->nclaims && !failed; i++)
        failed = check_claim(reg, &ini, &reg->claims[i], err);
    ini_free(&ini);
    if (!failed && !reg->nclaims)
        failed = err_set(err, GB_USAGE, "%s has no claim", name);
    return failed;
}

int claims_read(struct claim_register *reg, const char *path, struct err *err) {
    char *text = read_file(path, err);
    int failed = text ? claims_parse(reg, path, text, err) : -1;
    free(text);
    return failed;
}
