/* claims.c - see claims.h: columns, controls, and from figures to verdicts. */
#include "claims.h"
#include "facts.h"
#include "ini.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

const char *claim_verdict_name(enum claim_verdict verdict) {
    static const char *const names[CLAIM_VERDICTS] = {"HOLDS", "REFUTED", "UNDECIDED", "NOT RUN",
                                                      "INVALID HOST"};
    return names[verdict];
}

/* ---- Columns */

/* "cpython-3.13.0" or "3.13t-gil" -> 13; 0: neither. */
static int minor_of(const char *text) {
    const char *three = strstr(text, "3.");
    return three ? atoi(three + 2) : 0;
}

static void attest_column(struct claim_column *column, const struct runset *run) {
    for (int i = 0; i < run->nresults; i++) {
        const struct result *r = &run->results[i];
        const struct attest *attest = r->nreps ? &r->reps[0].at_ready : NULL;
        if (!attest || strncmp(attest->runtime, "cpython-", 8) ||
            strcmp(r->cell.python, column->label))
            continue;
        snprintf(column->runtime, sizeof column->runtime, "%s", attest->runtime);
        column->free_threaded = !strcmp(attest->gil, "off");
        return;
    }
}

static void add_column(struct claim_board *board, const char *label) {
    struct claim_column *column;
    size_t size = strlen(label);
    for (int i = 0; i < board->ncolumns; i++)
        if (!strcmp(board->columns[i].label, label))
            return;
    if (board->ncolumns == CLAIM_COLUMNS_MAX)
        return;
    column = &board->columns[board->ncolumns++];
    *column = (struct claim_column){.free_threaded = size && label[size - 1] == 't'};
    snprintf(column->label, sizeof column->label, "%s", label);
    attest_column(column, board->run);
    column->minor = minor_of(*column->runtime ? column->runtime : label);
    if (*label)
        snprintf(column->name, sizeof column->name, "%s", label);
    else if (column->minor)
        snprintf(column->name, sizeof column->name, "3.%d%s", column->minor,
                 column->free_threaded ? "t" : "");
    else
        snprintf(column->name, sizeof column->name, "%s",
                 *fact_find(board->run, "python") ? fact_find(board->run, "python") : "python");
}

/* The labels of cells in Python; of a run with one interpreter the empty label. */
void claims_columns(struct claim_board *board) {
    for (int i = 0; i < board->run->nresults; i++)
        if (*board->run->results[i].cell.python)
            add_column(board, board->run->results[i].cell.python);
    if (!board->ncolumns)
        add_column(board, "");
}

/* ---- Conditions of columns: any, gil, free, with <3.12 or >=3.12 behind */

/* The end of the first part, or NULL when it is none of the three. */
static const char *condition_end(const char *word) {
    static const char *const kinds[] = {"any", "gil", "free"};
    for (int i = 0; i < 3; i++)
        if (!strncmp(word, kinds[i], strlen(kinds[i])))
            return word + strlen(kinds[i]);
    return NULL;
}

bool claims_condition_is_valid(const char *word) {
    const char *end = condition_end(word);
    int minor;
    char rest;
    return end && (!*end || sscanf(end, "<3.%d%c", &minor, &rest) == 1 ||
                   sscanf(end, ">=3.%d%c", &minor, &rest) == 1);
}

bool claims_condition(const char *word, const struct claim_column *column) {
    const char *end = condition_end(word);
    int minor;
    if (!end || (*word == 'g' && column->free_threaded) || (*word == 'f' && !column->free_threaded))
        return false;
    if (sscanf(end, "<3.%d", &minor) == 1)
        return column->minor < minor;
    return sscanf(end, ">=3.%d", &minor) != 1 || column->minor >= minor;
}

static bool claim_applies(const struct claim *claim, const struct claim_column *column) {
    const char *rest = claim->applies;
    char word[GB_NAME_MAX];
    int at = 0;
    while (next_word(&rest, word, sizeof word, &at))
        if (claims_condition(word, column))
            return true;
    return !*claim->applies;
}

/* A verdict, or -1. */
static int expected_of(const struct claim *claim, const struct claim_column *column) {
    const char *rest = claim->expected;
    char word[GB_NAME_MAX];
    int at = 0;
    while (next_word(&rest, word, sizeof word, &at)) {
        char *colon = strchr(word, ':');
        *colon = '\0';
        if (claims_condition(word, column))
            return strcmp(colon + 1, "HOLDS") ? CLAIM_REFUTED : CLAIM_HOLDS;
    }
    return -1;
}

/* ---- From figures to a verdict */

static int count_of(const struct claim_decision *d, bool supports, enum claim_verdict verdict) {
    int count = 0;
    for (int i = 0; i < d->claim->nfigures; i++)
        count += !d->figures[i].rule->shows && d->figures[i].rule->supports == supports &&
                 d->figures[i].verdict == verdict;
    return count;
}

/* Three values and "not run": all must hold, and one that is refuted is enough against it; with
 * `any` the other way round. */
static enum claim_verdict combine(const struct claim_decision *d) {
    const enum claim_verdict enough = d->claim->any ? CLAIM_HOLDS : CLAIM_REFUTED;
    if (count_of(d, false, enough))
        return enough;
    if (count_of(d, false, CLAIM_NOT_RUN))
        return CLAIM_NOT_RUN;
    if (count_of(d, false, CLAIM_UNDECIDED))
        return CLAIM_UNDECIDED;
    return d->claim->any ? CLAIM_REFUTED : CLAIM_HOLDS;
}

/* What is only supported by a figure that fails is not shown. */
static enum claim_verdict with_support(const struct claim_decision *d, enum claim_verdict verdict) {
    if (verdict != CLAIM_HOLDS)
        return verdict;
    if (count_of(d, true, CLAIM_NOT_RUN))
        return CLAIM_NOT_RUN;
    return count_of(d, true, CLAIM_UNDECIDED) || count_of(d, true, CLAIM_REFUTED) ? CLAIM_UNDECIDED
                                                                                  : CLAIM_HOLDS;
}

/* The first figure that stands in the way: of this verdict, or a support that does not hold. */
static const struct figure *first_with(const struct claim_decision *d, enum claim_verdict verdict) {
    for (int i = 0; i < d->claim->nfigures; i++)
        if (!d->figures[i].rule->shows && d->figures[i].verdict == verdict)
            return &d->figures[i];
    for (int i = 0; i < d->claim->nfigures; i++)
        if (d->figures[i].rule->supports && d->figures[i].verdict == CLAIM_REFUTED)
            return &d->figures[i];
    return NULL;
}

/* ---- Sentences */

static const struct figure *figure_named(const struct claim_decision *d, const char *name) {
    for (int i = 0; i < d->claim->nfigures; i++)
        if (!strcmp(d->figures[i].rule->name, name))
            return &d->figures[i];
    return NULL;
}

/* Copies a sentence with {figure} as its value and {figure.model} as the model that decides. */
static void fill_in(const struct claim_decision *d, const char *from, char *to, size_t room) {
    size_t used = 0;
    to[0] = '\0';
    while (*from && used + 1 < room) {
        char name[GB_NAME_MAX], what[GB_NAME_MAX] = "", text[3 * GB_NAME_MAX] = "-";
        int size = 0;
        const struct figure *figure = NULL;
        if (*from == '{' && sscanf(from, "{%63[^}.]%n", name, &size) == 1 &&
            (sscanf(from + size, ".%63[^}]", what) == 1 || from[size] == '}'))
            figure = figure_named(d, name);
        if (!figure) {
            to[used++] = *from++;
            to[used] = '\0';
            continue;
        }
        if (!strcmp(what, "model"))
            snprintf(text, sizeof text, "%s", *figure->model ? figure->model : "-");
        else
            figure_text(figure, text, sizeof text);
        used += (size_t)snprintf(to + used, room - used, "%s", text);
        from = strchrnul(from, '}');
        from += *from == '}';
    }
}

static void say_figures(const struct claim_decision *d, char *to, size_t room) {
    size_t used = 0;
    to[0] = '\0';
    for (int i = 0; i < d->claim->nfigures && used < room; i++) {
        char text[120];
        figure_text(&d->figures[i], text, sizeof text);
        used += (size_t)snprintf(to + used, room - used, "%s%s: %s", i ? "; " : "",
                                 d->figures[i].rule->about, text);
    }
    if (used < room)
        snprintf(to + used, room - used, ".");
}

static void say(struct claim_decision *d) {
    const struct claim *c = d->claim;
    const char *sentence = d->verdict == CLAIM_HOLDS                              ? c->holds
                           : d->verdict == CLAIM_REFUTED && d->mixed && *c->mixed ? c->mixed
                           : d->verdict == CLAIM_REFUTED                          ? c->refuted
                                                                                  : "";
    const struct figure *figure = d->verdict == CLAIM_UNDECIDED || d->verdict == CLAIM_NOT_RUN
                                      ? first_with(d, d->verdict)
                                      : NULL;
    if (*sentence)
        fill_in(d, sentence, d->sentence, sizeof d->sentence);
    else if (figure && *figure->why)
        snprintf(d->sentence, sizeof d->sentence, "%s.", figure->why);
    else if (figure) {
        char text[120], limits[120];
        figure_text(figure, text, sizeof text);
        figure_limits(figure->rule, limits, sizeof limits);
        snprintf(d->sentence, sizeof d->sentence, "The rest would do, but %s is %s and not %s.",
                 figure->rule->about, text, limits);
    } else
        say_figures(d, d->sentence, sizeof d->sentence);
}

static void add_note(struct claim_decision *d) {
    const struct claim *c = d->claim;
    bool decided = d->verdict == CLAIM_HOLDS || d->verdict == CLAIM_REFUTED;
    if (d->verdict == CLAIM_NOT_RUN)
        snprintf(d->note, sizeof d->note, "To measure it: gilbench claims --run --only %s", c->id);
    else if (decided && d->expected >= 0 && d->expected != (int)d->verdict)
        snprintf(d->note, sizeof d->note, "Expected was %s. %s",
                 claim_verdict_name((enum claim_verdict)d->expected), c->surprise);
}

/* ---- Deciding */

static void decide_figures(const struct claim_board *board, struct claim_decision *d) {
    for (int i = 0; i < d->claim->nfigures; i++)
        claims_figure(&d->figures[i], &d->claim->figures[i], board->run, board, d->column);
}

/* A control has failed when the figure itself is on the wrong side: that its interval touches the limit
 * says that the machine is noisy, and widens every other interval as well. */
static bool control_fails(const struct figure *figure) {
    const struct figure_rule *rule = figure->rule;
    return figure->estimate.value < rule->holds_lo || figure->estimate.value > rule->holds_hi;
}

static void decide_control(struct claim_board *board, const struct claim *control, int column) {
    struct claim_decision *d = &board->controls[board->ncontrols++];
    *d = (struct claim_decision){.claim = control, .column = column, .expected = -1};
    decide_figures(board, d);
    d->verdict = d->figures->verdict == CLAIM_NOT_RUN          ? CLAIM_NOT_RUN
                 : d->figures->estimate.n < CLAIM_BLOCKS_LEAST ? CLAIM_UNDECIDED
                 : control_fails(d->figures)                   ? CLAIM_INVALID
                                                               : CLAIM_HOLDS;
    if (d->verdict == CLAIM_NOT_RUN || d->verdict == CLAIM_UNDECIDED)
        snprintf(d->sentence, sizeof d->sentence, "%s.", d->figures->why);
    else
        say_figures(d, d->sentence, sizeof d->sentence);
}

static const struct claim_decision *control_of(const struct claim_board *board, const char *name,
                                               int column) {
    for (int i = 0; i < board->ncontrols; i++)
        if (!strcmp(board->controls[i].claim->id, name) &&
            (board->controls[i].column < 0 || board->controls[i].column == column))
            return &board->controls[i];
    return NULL;
}

/* Without its controls nothing is decided. */
static void apply_controls(const struct claim_board *board, struct claim_decision *d) {
    const char *rest = d->claim->controls;
    char word[GB_NAME_MAX], limits[120];
    int at = 0;
    while (next_word(&rest, word, sizeof word, &at)) {
        const struct claim_decision *control = control_of(board, word, d->column);
        if (!control || control->verdict == CLAIM_HOLDS || d->verdict == CLAIM_NOT_RUN)
            continue;
        d->verdict = control->verdict;
        figure_limits(control->figures->rule, limits, sizeof limits);
        snprintf(d->sentence, sizeof d->sentence, "The control \"%s\" %s: %.600s%s%s",
                 control->claim->says,
                 control->verdict == CLAIM_INVALID     ? "fails"
                 : control->verdict == CLAIM_UNDECIDED ? "is undecided"
                                                       : "is missing",
                 control->sentence, control->verdict == CLAIM_INVALID ? " Asked is " : "",
                 control->verdict == CLAIM_INVALID ? limits : "");
    }
}

static enum claim_verdict turn(enum claim_verdict verdict) {
    return verdict == CLAIM_HOLDS     ? CLAIM_REFUTED
           : verdict == CLAIM_REFUTED ? CLAIM_HOLDS
                                      : verdict;
}

static void decide_claim(struct claim_board *board, const struct claim *claim, int column) {
    static const struct claim_column none;
    struct claim_decision *d = &board->decisions[board->ndecisions++];
    *d = (struct claim_decision){.claim = claim, .column = column};
    d->expected = expected_of(claim, column < 0 ? &none : &board->columns[column]);
    decide_figures(board, d);
    d->verdict = with_support(d, combine(d));
    d->mixed = count_of(d, false, CLAIM_HOLDS) && count_of(d, false, CLAIM_REFUTED);
    if (claim->denies)
        d->verdict = turn(d->verdict);
    say(d);
    apply_controls(board, d);
    add_note(d);
    board->counts[d->verdict]++;
}

/* ---- Which */

static bool is_named(const char *only, const char *id) {
    char names[512];
    snprintf(names, sizeof names, "%s", only ? only : id);
    for (char *c = names; *c; c++)
        *c = *c == ',' ? ' ' : *c;
    return has_word(names, id);
}

static int check_names(const struct claim_register *reg, const char *only, struct err *err) {
    char names[512], known[400] = "", word[GB_NAME_MAX];
    const char *rest = names;
    size_t used = 0;
    int at = 0;
    snprintf(names, sizeof names, "%s", only ? only : "");
    for (char *c = names; *c; c++)
        *c = *c == ',' ? ' ' : *c;
    for (int i = 0; i < reg->nclaims && used < sizeof known; i++)
        used += (size_t)snprintf(known + used, sizeof known - used, "%s%s", i ? " " : "",
                                 reg->claims[i].id);
    while (next_word(&rest, word, sizeof word, &at))
        if (!has_word(known, word))
            return err_set(err, GB_USAGE, "--only: there is no claim '%s'; there are: %s", word,
                           known);
    return 0;
}

int claims_decide(struct claim_board *board, const struct claim_register *reg,
                  const struct runset *run, const char *only, struct err *err) {
    size_t columns;
    *board = (struct claim_board){.reg = reg, .run = run};
    if (check_names(reg, only, err) < 0)
        return -1;
    claims_columns(board);
    columns = (size_t)board->ncolumns;
    board->controls = calloc((size_t)reg->ncontrols * columns + 1, sizeof *board->controls);
    board->decisions = calloc((size_t)reg->nclaims * columns + 1, sizeof *board->decisions);
    if (!board->controls || !board->decisions) {
        claims_free(board);
        return err_set(err, GB_RUNTIME, "out of memory");
    }
    for (int i = 0; i < reg->ncontrols; i++)
        for (int c = reg->controls[i].once ? -1 : 0;
             c < (reg->controls[i].once ? 0 : board->ncolumns); c++)
            decide_control(board, &reg->controls[i], c);
    for (int i = 0; i < reg->nclaims; i++) {
        const struct claim *claim = &reg->claims[i];
        for (int c = claim->once ? -1 : 0; c < (claim->once ? 0 : board->ncolumns); c++)
            if (is_named(only, claim->id) && (c < 0 || claim_applies(claim, &board->columns[c])))
                decide_claim(board, claim, c);
    }
    return 0;
}

void claims_free(struct claim_board *board) {
    free(board->controls);
    free(board->decisions);
    *board = (struct claim_board){0};
}
