/* claims_figure.c - a figure of a claim, from the processes of a run. One number a block: of a cell,
 * of two cells of the same block, of several (a mean, a line). The median of these numbers and its
 * interval are the figure, as everywhere else (decision 003). */
#include "../stats/line.h"
#include "claims.h"
#include "ini.h"
#include "latency.h"
#include "matrix.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MATCHES_MAX = 64 };

/* "cpu_fib/threads@gil/workers=2,n=27", taken apart. */
struct pattern {
    char workload[GB_NAME_MAX], model[2 * GB_NAME_MAX], who[16];
    struct param params[GB_PARAMS_MAX];
    int nparams;
};

/* ---- Patterns */

static void read_params(struct pattern *pattern, const char *text) {
    while (*text && pattern->nparams < GB_PARAMS_MAX) {
        struct param *param = &pattern->params[pattern->nparams++];
        const char *end = strchrnul(text, ','), *equals = memchr(text, '=', (size_t)(end - text));
        if (!equals)
            equals = end;
        snprintf(param->key, sizeof param->key, "%.*s", (int)(equals - text), text);
        snprintf(param->value, sizeof param->value, "%.*s", (int)(end - equals) - (equals < end),
                 equals + (equals < end));
        text = end + (*end == ',');
    }
}

static void read_pattern(struct pattern *pattern, const char *word) {
    const char *slash = strchrnul(word, '/'), *model = *slash ? slash + 1 : slash,
               *end = strchrnul(model, '/'), *at = memchr(model, '@', (size_t)(end - model));
    *pattern = (struct pattern){.nparams = 0};
    snprintf(pattern->workload, sizeof pattern->workload, "%.*s", (int)(slash - word), word);
    snprintf(pattern->model, sizeof pattern->model, "%.*s", (int)((at ? at : end) - model), model);
    if (at)
        snprintf(pattern->who, sizeof pattern->who, "%.*s", (int)(end - at - 1), at + 1);
    read_params(pattern, *end ? end + 1 : end);
}

static const char *pattern_param(const struct pattern *pattern, const char *key) {
    for (int i = 0; i < pattern->nparams; i++)
        if (!strcmp(pattern->params[i].key, key))
            return pattern->params[i].value;
    return NULL;
}

/* The label of the interpreter that is meant: the column's, or its build with the GIL on (@gil), or the
 * build of its version that has a GIL (@plain). */
static void who_is_meant(const struct pattern *pattern, const struct claim_column *column,
                         char *label, size_t room) {
    size_t size = strlen(column->label);
    snprintf(label, room, "%s%s", column->label, !strcmp(pattern->who, "gil") ? "-gil" : "");
    if (!strcmp(pattern->who, "plain") && size && label[size - 1] == 't')
        label[size - 1] = '\0';
}

static bool params_fit(const struct pattern *pattern, const struct cell *cell) {
    const char *cores = pattern_param(pattern, "cores");
    if (cores ? cell->cores != atoi(cores) : cell_is_confined(cell))
        return false;
    for (int i = 0; i < pattern->nparams; i++) {
        const char *key = pattern->params[i].key, *value = cell_param(cell, key);
        if (strcmp(key, "cores") && (!value || strcmp(value, pattern->params[i].value)))
            return false;
    }
    return true;
}

static bool fits(const struct pattern *pattern, const struct claim_column *column,
                 const struct cell *cell) {
    char model[2 * GB_NAME_MAX], label[GB_LABEL_MAX + 8];
    cell_model(cell, model, sizeof model);
    who_is_meant(pattern, column, label, sizeof label);
    return !strcmp(pattern->workload, cell->workload) && !strcmp(pattern->model, model) &&
           (!*cell->python || !strcmp(cell->python, label)) && params_fit(pattern, cell);
}

/* What the base's pattern does not name is as in the cell, but for how many ops a sample has. */
static bool is_twin(const struct pattern *base, const struct cell *cell, const struct cell *twin) {
    for (int i = 0; i < cell->nparams; i++) {
        const char *key = cell->params[i].key, *value = cell_param(twin, key);
        if (strcmp(key, "ops") && !pattern_param(base, key) &&
            (!value || strcmp(value, cell->params[i].value)))
            return false;
    }
    return true;
}

/* ---- Cells with numbers */

/* Rates and times of a cell whose load generator was the bottleneck are not its own; what its CPU did
 * for an op is. */
static bool is_usable(const struct result *r, const char *statistic) {
    if (!strcmp(statistic, "lost_updates")) /* what makes the cell VOID is what is asked for */
        return r->nreps && !*r->cell.not_run && isfinite(rep_figure(r->reps, statistic));
    bool cost = has_word("cpu_ns_per_op ops_per_cpu_s switches_per_op error_share startup_ns "
                         "peak_rss_b pss_b",
                         statistic);
    return result_has_number(r) && (cost || !*r->client_bound);
}

static void why_not(const struct result *r, const char *word, char *why, size_t room) {
    if (!r)
        snprintf(why, room, "%s is not among the results", word);
    else if (*r->cell.not_run)
        snprintf(why, room, "%s was not run: %.250s", r->cell.id, r->cell.not_run);
    else if (*r->void_reason)
        snprintf(why, room, "%s is VOID: %.250s", r->cell.id, r->void_reason);
    else if (*r->client_bound)
        snprintf(why, room, "%s is client_bound: %.230s", r->cell.id, r->client_bound);
    else
        snprintf(why, room, "no process of %s was finished", r->cell.id);
}

struct pair {
    const struct result *cell, *base; /* base NULL: the figure is no ratio */
};

struct search {
    const struct figure_rule *rule;
    const struct runset *run;
    const struct claim_board *board;
    int column; /* -1: any, of cells without Python */
    char why[600];
    bool cannot; /* what is missing said itself that it cannot run here */
};

static const struct claim_column *column_of(const struct search *s) {
    static const struct claim_column none;
    return s->column >= 0 && s->column < s->board->ncolumns ? &s->board->columns[s->column] : &none;
}

static const struct result *find_base(struct search *s, const struct result *of) {
    const struct result *found = NULL;
    struct pattern base;
    read_pattern(&base, s->rule->base);
    if (!strcmp(base.workload, "*"))
        snprintf(base.workload, sizeof base.workload, "%s", of->cell.workload);
    for (int i = 0; i < s->run->nresults; i++) {
        const struct result *r = &s->run->results[i];
        if (!fits(&base, column_of(s), &r->cell) || !is_twin(&base, &of->cell, &r->cell))
            continue;
        if (is_usable(r, s->rule->statistic))
            return r;
        found = found ? found : r;
    }
    why_not(found, s->rule->base, s->why, sizeof s->why);
    return NULL;
}

/* The cells that fit a word and have a number, with their bases, at most `most`. Of none s->why says
 * why. */
static int find_pairs(struct search *s, const char *word, struct pair *pairs, int most) {
    const struct result *seen = NULL;
    struct pattern pattern;
    int count = 0;
    s->why[0] = '\0';
    read_pattern(&pattern, word);
    for (int i = 0; i < s->run->nresults && count < most; i++) {
        const struct result *r = &s->run->results[i], *base = NULL;
        if (!fits(&pattern, column_of(s), &r->cell))
            continue;
        seen = seen ? seen : r;
        if (!is_usable(r, s->rule->statistic) || (*s->rule->base && !(base = find_base(s, r))))
            continue;
        pairs[count++] = (struct pair){r, base};
    }
    s->cannot = !count && seen && *seen->cell.not_run;
    if (!count && !*s->why)
        why_not(seen, word, s->why, sizeof s->why);
    return count;
}

/* ---- One number a block */

static const struct rep *rep_of(const struct result *r, int number) {
    for (int i = 0; i < r->nreps; i++)
        if (r->reps[i].rep == number)
            return &r->reps[i];
    return NULL;
}

static double pair_value(const struct pair *pair, int block, const char *statistic) {
    const struct rep *rep = rep_of(pair->cell, block),
                     *twin = pair->base ? rep_of(pair->base, block) : NULL;
    if (!rep || (pair->base && !twin))
        return NAN;
    return rep_figure(rep, statistic) / (twin ? rep_figure(twin, statistic) : 1);
}

static double mean_value(const struct pair *pairs, int count, int block, const char *statistic) {
    double sum = 0;
    for (int i = 0; i < count; i++)
        sum += log(pair_value(&pairs[i], block, statistic));
    return exp(sum / count);
}

static double x_of(const struct pair *pair, int block, const struct figure_rule *rule) {
    const char *text = *rule->x ? cell_param(&pair->cell->cell, rule->x) : NULL;
    const struct rep *base = *rule->x ? NULL : rep_of(pair->base, block);
    if (base)
        return rep_figure(base, "ns_per_op");
    return text ? atof(text) * rule->x_unit : NAN;
}

/* By x, as the first process of each has it. There are few. */
static void sort_by_x(struct pair *pairs, int count, const struct figure_rule *rule) {
    for (int i = 1; i < count; i++)
        for (int k = i; k > 0 && x_of(&pairs[k], pairs[k].cell->reps->rep, rule) <
                                     x_of(&pairs[k - 1], pairs[k - 1].cell->reps->rep, rule);
             k--) {
            struct pair other = pairs[k];
            pairs[k] = pairs[k - 1];
            pairs[k - 1] = other;
        }
}

/* The points are sorted. NAN where the last one is below 1 still, or one is missing. */
static double crossing(const double *x, const double *y, int count) {
    int i = count - 1;
    for (int k = 0; k < count; k++)
        if (!isfinite(x[k]) || !isfinite(y[k]))
            return NAN;
    if (y[i] < 1)
        return NAN;
    while (i > 0 && y[i - 1] >= 1)
        i--;
    if (i == 0)
        return x[0];
    return x[i - 1] * pow(x[i] / x[i - 1], (1 - y[i - 1]) / (y[i] - y[i - 1]));
}

static double points_value(const struct pair *pairs, int count, int block,
                           const struct figure_rule *rule) {
    double x[MATCHES_MAX] = {0}, y[MATCHES_MAX] = {0};
    struct line line;
    for (int i = 0; i < count; i++) {
        x[i] = x_of(&pairs[i], block, rule);
        y[i] = pair_value(&pairs[i], block, rule->statistic);
    }
    if (rule->over == OVER_CROSSING)
        return crossing(x, y, count);
    line = stats_line(x, y, (size_t)count);
    return rule->over == OVER_SLOPE ? line.b : line.r2;
}

static struct estimate over_blocks(const struct pair *pairs, int count,
                                   const struct figure_rule *rule, uint64_t seed) {
    int last = -1, n = 0;
    bool missing = false;
    struct estimate estimate = {0};
    double *values;
    for (int i = 0; i < pairs->cell->nreps; i++)
        last = pairs->cell->reps[i].rep > last ? pairs->cell->reps[i].rep : last;
    if (!(values = calloc((size_t)last + 2, sizeof *values)))
        return estimate;
    for (int block = 0; block <= last; block++) {
        double value = rule->over == OVER_GEOMEAN ? mean_value(pairs, count, block, rule->statistic)
                       : over_points(rule->over)  ? points_value(pairs, count, block, rule)
                                                  : pair_value(pairs, block, rule->statistic);
        if (isfinite(value))
            values[n++] = value;
        else if (rule->over == OVER_CROSSING)
            missing = true;
    }
    if (missing) /* the median of the others would be too early */
        n = 0;
    estimate = estimate_of(values, n, seed);
    free(values);
    return estimate;
}

/* ---- The figure */

static void name_cells(struct figure *figure, const struct pair *pair) {
    snprintf(figure->cell, sizeof figure->cell, "%s", pair->cell->cell.id);
    snprintf(figure->base, sizeof figure->base, "%s", pair->base ? pair->base->cell.id : "");
    cell_label(&pair->cell->cell, figure->model, sizeof figure->model);
}

static enum claim_verdict verdict_of(const struct figure_rule *rule, const struct estimate *e) {
    if (e->lo >= rule->holds_lo && e->hi <= rule->holds_hi)
        return CLAIM_HOLDS;
    return e->hi < rule->refuted_lo || e->lo > rule->refuted_hi ? CLAIM_REFUTED : CLAIM_UNDECIDED;
}

static void decide(struct figure *figure) {
    const struct figure_rule *rule = figure->rule;
    char text[120], limits[120];
    figure->verdict = verdict_of(rule, &figure->estimate);
    if (figure->estimate.n == 0) {
        figure->verdict = CLAIM_NOT_RUN;
        snprintf(figure->why, sizeof figure->why,
                 rule->over == OVER_CROSSING
                     ? "%s: below its base to the end in some block, or without a number, by %s"
                     : "%s has no %s, or no block with its base",
                 figure->cell, rule->statistic);
    } else if (figure->estimate.n < CLAIM_BLOCKS_LEAST) {
        figure->verdict = CLAIM_UNDECIDED;
        snprintf(figure->why, sizeof figure->why,
                 "%s is of %d processes, and fewer than %d decide nothing: give --reps %d or more",
                 rule->about, figure->estimate.n, CLAIM_BLOCKS_LEAST, 2 * CLAIM_BLOCKS_LEAST);
    } else if (figure->verdict == CLAIM_UNDECIDED) {
        figure_text(figure, text, sizeof text);
        figure_limits(rule, limits, sizeof limits);
        snprintf(figure->why, sizeof figure->why,
                 "%s is %s, and the limit, %s, is not clear of that", rule->about, text, limits);
    }
}

/* All cells that fit the first word: the points of a line, or of a curve. */
static void figure_of_points(struct figure *figure, struct search *s, uint64_t seed) {
    struct pair pairs[MATCHES_MAX];
    int count = find_pairs(s, figure->rule->cells, pairs, MATCHES_MAX);
    if (count < 3) {
        figure->verdict = CLAIM_NOT_RUN;
        snprintf(figure->why, sizeof figure->why, "%d cells fit %.200s, and 3 are needed: %.250s",
                 count, figure->rule->cells, *s->why ? s->why : "there are no more");
        return;
    }
    sort_by_x(pairs, count, figure->rule);
    name_cells(figure, &pairs[count - 1]);
    figure->estimate = over_blocks(pairs, count, figure->rule, seed);
    decide(figure);
}

/* The greatest or least of several: its value and the outermost bounds of that side, so that a limit
 * that all keep is kept by the figure. */
static void take_extreme(struct figure *figure, const struct estimate *e, const struct pair *pair) {
    struct estimate *kept = &figure->estimate;
    bool max = figure->rule->over == OVER_MAX;
    if (!kept->n) {
        *kept = *e;
        name_cells(figure, pair);
        return;
    }
    if (max ? e->value > kept->value : e->value < kept->value) {
        kept->value = e->value;
        name_cells(figure, pair);
    }
    kept->lo = max ? fmax(kept->lo, e->lo) : fmin(kept->lo, e->lo);
    kept->hi = max ? fmax(kept->hi, e->hi) : fmin(kept->hi, e->hi);
    kept->n = e->n < kept->n ? e->n : kept->n;
}

/* Of each word the first cell with a number. `missing` gets why of a word that could have been run, or
 * of any word when nothing could. */
static int find_of_words(struct search *s, struct pair *pairs, int most, char *missing,
                         size_t room) {
    const char *rest = s->rule->cells;
    char word[256], reason[600] = "";
    int column = 0, count = 0;
    missing[0] = '\0';
    while (next_word(&rest, word, sizeof word, &column) && count < most) {
        if (find_pairs(s, word, &pairs[count], 1)) {
            count++;
            continue;
        }
        if (!s->cannot && !*missing)
            snprintf(missing, room, "%s", s->why);
        if (!*reason)
            snprintf(reason, sizeof reason, "%s", s->why);
    }
    if (!count && !*missing)
        snprintf(missing, room, "%s", reason);
    return count;
}

/* Whether the cells that are missing could change nothing: a maximum can only grow by them, a minimum
 * only fall. */
static bool stands_without(const struct figure *figure) {
    const struct figure_rule *rule = figure->rule;
    bool max = rule->over == OVER_MAX;
    if (figure->verdict == CLAIM_HOLDS)
        return isinf(max ? rule->holds_hi : rule->holds_lo);
    return figure->verdict == CLAIM_REFUTED &&
           (max ? figure->estimate.lo > rule->refuted_hi : figure->estimate.hi < rule->refuted_lo);
}

static void figure_of_words(struct figure *figure, struct search *s, uint64_t seed) {
    struct pair pairs[MATCHES_MAX];
    char missing[600];
    enum figure_over over = figure->rule->over;
    int count =
        find_of_words(s, pairs, over == OVER_FIRST ? 1 : MATCHES_MAX, missing, sizeof missing);
    if (!count || (over == OVER_GEOMEAN && *missing)) {
        figure->verdict = CLAIM_NOT_RUN;
        snprintf(figure->why, sizeof figure->why, "%s", missing);
        return;
    }
    if (over == OVER_MAX || over == OVER_MIN) {
        for (int i = 0; i < count; i++) {
            struct estimate e = over_blocks(&pairs[i], 1, figure->rule, seed);
            if (e.n)
                take_extreme(figure, &e, &pairs[i]);
        }
    } else {
        name_cells(figure, pairs);
        figure->estimate = over_blocks(pairs, over == OVER_GEOMEAN ? count : 1, figure->rule, seed);
    }
    decide(figure);
    if (over != OVER_FIRST && *missing && !stands_without(figure)) {
        figure->verdict = CLAIM_NOT_RUN;
        snprintf(figure->why, sizeof figure->why, "%s", missing);
    }
}

void claims_figure(struct figure *figure, const struct figure_rule *rule, const struct runset *run,
                   const struct claim_board *board, int column) {
    struct search search = {rule, run, board, column, "", false};
    *figure = (struct figure){.rule = rule};
    if (*rule->table) {
        figure->estimate =
            (struct estimate){rule->counted, rule->counted, rule->counted, CLAIM_BLOCKS_LEAST};
        snprintf(figure->cell, sizeof figure->cell, "%.120s: %.120s", rule->table, rule->cells);
        decide(figure);
        return;
    }
    if (over_points(rule->over))
        figure_of_points(figure, &search, run->seed);
    else
        figure_of_words(figure, &search, run->seed);
}
