/* table.c - the table that a run ends with: columns as wide as what is in them. On a terminal that is
 * too narrow the last columns are left out, so that no line is broken. */
#include "cmd.h"
#include "latency.h"
#include "matrix.h"
#include "terminal.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { COLUMNS = 9, NUMBERS = 3, TEXT = 200 }; /* from NUMBERS on a row may have words instead */

struct row {
    char text[COLUMNS][TEXT];
    const char *kind; /* "VOID: ", "NOT RUN: ", ... or NULL: it has numbers */
    const char *why;
};

static const char *const heads[COLUMNS] = {
    "workload", "model", "parameters", "ops/s [95 %]", "speed-up [95 %]",
    "CPU/op",   "p50",   "p99",        "latency is"};

static void fill_numbers(struct row *row, const struct result *r) {
    const char *label;
    const struct latencies *latencies = result_latencies(r, &label);
    format_interval(row->text[3], TEXT, &r->ops_per_s, format_si);
    format_interval(row->text[4], TEXT, &r->speedup, format_ratio);
    format_value(row->text[5], TEXT, &r->cpu_ns_per_op, format_ns);
    format_value(row->text[6], TEXT, &latencies->p50, format_ns);
    format_value(row->text[7], TEXT, &latencies->p99, format_ns);
    snprintf(row->text[8], TEXT, "%s%s", label, *r->client_bound ? ", client_bound" : "");
}

static void fill(struct row *row, const struct result *r) {
    snprintf(row->text[0], TEXT, "%s", r->cell.workload);
    cell_label(&r->cell, row->text[1], TEXT);
    format_params(row->text[2], TEXT, &r->cell);
    if (*r->cell.not_run) {
        row->kind = "NOT RUN: ";
        row->why = r->cell.not_run;
    } else if (*r->void_reason) {
        row->kind = "VOID: ";
        row->why = r->void_reason;
    } else if (!r->ops_per_s.n) {
        row->kind = "no rep was finished";
        row->why = "";
    } else {
        fill_numbers(row, r);
    }
}

static bool is_left(int column) {
    return column < 5 || column == COLUMNS - 1;
}

/* How many columns there is room for. */
static int fit(const struct row *rows, int count, int *widths) {
    int room = terminal_width(STDOUT_FILENO, 10000), used = 0, shown = 0;
    for (int c = 0; c < COLUMNS; c++) {
        widths[c] = (int)strlen(heads[c]);
        for (int i = 0; i < count; i++) {
            int size = (int)strlen(rows[i].text[c]);
            widths[c] = size > widths[c] ? size : widths[c];
        }
    }
    while (shown < COLUMNS && (shown <= NUMBERS || used + widths[shown] <= room))
        used += widths[shown++] + 2;
    return shown;
}

static void print_cells(const char (*text)[TEXT], int from, int to, const int *widths) {
    for (int c = from; c < to; c++) {
        int width = is_left(c) && c == to - 1 ? 0 : widths[c];
        printf("%s%*s", c ? "  " : "", is_left(c) ? -width : width, text[c]);
    }
}

static void print_row(const struct row *row, int shown, const int *widths, bool colours) {
    print_cells(row->text, 0, NUMBERS < shown ? NUMBERS : shown, widths);
    if (row->kind)
        printf("%*s  %s%s%s%s", row->text[2][0] ? widths[2] - (int)strlen(row->text[2]) : widths[2],
               "",
               !colours            ? ""
               : *row->kind == 'V' ? "\033[31m"
                                   : "\033[2m",
               row->kind, row->why, colours ? "\033[0m" : "");
    else {
        printf("%*s", widths[2] - (int)strlen(row->text[2]), "");
        print_cells(row->text, NUMBERS, shown, widths);
    }
    putchar('\n');
}

void print_table(const struct runset *run) {
    struct row *rows = calloc((size_t)run->nresults + 1, sizeof *rows), head = {0};
    bool colours = terminal_colours(STDOUT_FILENO);
    int widths[COLUMNS], shown;
    if (!rows)
        return;
    for (int i = 0; i < run->nresults; i++)
        fill(&rows[i], &run->results[i]);
    for (int c = 0; c < COLUMNS; c++)
        snprintf(head.text[c], TEXT, "%s", heads[c]);
    shown = fit(rows, run->nresults, widths);
    fputs(colours ? "\033[1m" : "", stdout);
    print_row(&head, shown, widths, false);
    fputs(colours ? "\033[0m" : "", stdout);
    for (int i = 0; i < run->nresults; i++)
        print_row(&rows[i], shown, widths, colours);
    if (shown < COLUMNS)
        puts("(a wider terminal shows more columns; the report has all)");
    for (int i = 0; i < run->nresults; i++)
        if (*run->results[i].client_bound)
            printf("client_bound: %s: %s\n", run->results[i].cell.id, run->results[i].client_bound);
    free(rows);
}

/* ---- What the table cannot show */

#define WIDE 0.2 /* of the value, to either side */

void warn_of_wide_intervals(const struct runset *run) {
    int wide = 0, known = 0;
    for (int i = 0; i < run->nresults; i++) {
        const struct estimate *e = &run->results[i].ops_per_s;
        if (!result_has_number(&run->results[i]) || e->n < 2)
            continue;
        known++;
        wide += e->hi - e->lo > 2 * WIDE * e->value;
    }
    if (wide)
        fprintf(stderr,
                "note: of %d cells %d have intervals wider than +-%.0f %%: a disturbed machine, or "
                "too few processes. gilbench doctor says what disturbs, --reps gives more\n",
                known, wide, 100 * WIDE);
}
