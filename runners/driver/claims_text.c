/* claims_text.c - the claim board for people: a terminal, and Markdown. */
#include "claims.h"
#include "cmd.h"
#include "registry.h"
#include <math.h>
#include <string.h>

/* ---- Figures and limits */

static void format_share(char *text, size_t room, double value) {
    snprintf(text, room, "%.3g %%", 100 * value);
}

static void format_number(char *text, size_t room, double value) {
    if (fabs(value) >= 1000)
        format_si(text, room, value);
    else
        snprintf(text, room, "%.3g", value);
}

static void format_factor(char *text, size_t room, double value) {
    snprintf(text, room,
             fabs(value) >= 100  ? "%.0fx"
             : fabs(value) >= 10 ? "%.1fx"
                                 : "%.2fx",
             value);
}

static void (*format_of(const struct figure_rule *rule))(char *, size_t, double) {
    return !strcmp(rule->unit, "x")       ? format_factor
           : !strcmp(rule->unit, "ns")    ? format_ns
           : !strcmp(rule->unit, "b")     ? format_bytes
           : !strcmp(rule->unit, "share") ? format_share
                                          : format_number;
}

void figure_text(const struct figure *figure, char *text, size_t room) {
    if (*figure->rule->table) /* counted, not measured */
        format_of(figure->rule)(text, room, figure->estimate.value);
    else
        format_interval(text, room, &figure->estimate, format_of(figure->rule));
}

void figure_limits(const struct figure_rule *rule, char *text, size_t room) {
    char lo[32], hi[32];
    format_of(rule)(lo, sizeof lo, rule->holds_lo);
    format_of(rule)(hi, sizeof hi, rule->holds_hi);
    if (rule->shows)
        snprintf(text, room, "no limit");
    else if (isinf(rule->holds_hi))
        snprintf(text, room, "at least %s", lo);
    else if (isinf(rule->holds_lo))
        snprintf(text, room, "at most %s", hi);
    else
        snprintf(text, room, "%s to %s", lo, hi);
}

/* ---- Which */

static const char *column_name(const struct claim_board *board, const struct claim_decision *d) {
    return d->column < 0 ? "all" : board->columns[d->column].name;
}

static const struct claim_decision *decision_of(const struct claim_board *board,
                                                const struct claim *claim, int column) {
    for (int i = 0; i < board->ndecisions; i++)
        if (board->decisions[i].claim == claim &&
            (board->decisions[i].column < 0 || board->decisions[i].column == column))
            return &board->decisions[i];
    return NULL;
}

static bool is_asked(const struct claim_board *board, const struct claim *claim) {
    for (int c = 0; c < board->ncolumns; c++)
        if (decision_of(board, claim, c))
            return true;
    return false;
}

static void write_counts(FILE *out, const struct claim_board *board) {
    const char *comma = "";
    for (int v = 0; v < CLAIM_VERDICTS; v++)
        if (board->counts[v]) {
            fprintf(out, "%s%d %s", comma, board->counts[v],
                    claim_verdict_name((enum claim_verdict)v));
            comma = ", ";
        }
    fputs(".\n", out);
}

/* ---- Terminal */

static void write_figure(FILE *out, const struct figure *figure) {
    char text[120], limits[120];
    figure_text(figure, text, sizeof text);
    figure_limits(figure->rule, limits, sizeof limits);
    if (!figure->estimate.n)
        return;
    fprintf(out, "        %s %s, %s: %s; %s", figure->rule->about, text, limits,
            figure->rule->shows ? "shown" : claim_verdict_name(figure->verdict), figure->cell);
    fprintf(out, *figure->base ? " against %s\n" : "\n", figure->base);
}

static void write_decision(FILE *out, const struct claim_board *board,
                           const struct claim_decision *d) {
    fprintf(out, "    %-9s %-12s %s\n", column_name(board, d), claim_verdict_name(d->verdict),
            d->sentence);
    for (int i = 0; i < d->claim->nfigures; i++)
        write_figure(out, &d->figures[i]);
    if (*d->note)
        fprintf(out, "        %s\n", d->note);
}

void claims_text(FILE *out, const struct claim_board *board) {
    for (int i = 0; i < board->ncontrols; i++)
        fprintf(out, "control   %-9s %-12s %s %s\n", column_name(board, &board->controls[i]),
                board->controls[i].verdict == CLAIM_HOLDS
                    ? "passed"
                    : claim_verdict_name(board->controls[i].verdict),
                board->controls[i].claim->says, board->controls[i].sentence);
    for (int i = 0; i < board->ndecisions; i++) {
        const struct claim_decision *d = &board->decisions[i];
        if (i == 0 || board->decisions[i - 1].claim != d->claim)
            fprintf(out, "\n%s  %s\n", d->claim->id, d->claim->says);
        write_decision(out, board, d);
    }
    fputs("\n", out);
    write_counts(out, board);
}

/* ---- Markdown */

/* A cell of a table: no bars, no ends of line. */
static void write_cell(FILE *out, const char *text) {
    for (; *text; text++)
        fputs(*text == '|' ? "\\|" : *text == '\n' ? " " : (char[]){*text, '\0'}, out);
}

static void write_row(FILE *out, const struct claim_board *board, const struct claim *claim) {
    fprintf(out, "| %s | ", claim->id);
    write_cell(out, claim->says);
    for (int c = 0; c < board->ncolumns; c++) {
        const struct claim_decision *d = decision_of(board, claim, c);
        char text[120] = "";
        if (d && d->figures->estimate.n)
            figure_text(d->figures, text, sizeof text);
        if (d)
            fprintf(out, " | **%s**%s%s", claim_verdict_name(d->verdict), *text ? " " : "", text);
        else
            fputs(" | -", out);
    }
    fputs(" |\n", out);
}

static void write_words(FILE *out, const struct claim_board *board,
                        const struct claim_decision *d) {
    char limits[120];
    fprintf(out, "- **%s", d->claim->id);
    if (d->column >= 0 && board->ncolumns > 1)
        fprintf(out, " on %s", column_name(board, d));
    fprintf(out, "**: %s. %s", claim_verdict_name(d->verdict), d->sentence);
    for (int i = 0; i < d->claim->nfigures; i++) {
        const struct figure *figure = &d->figures[i];
        figure_limits(figure->rule, limits, sizeof limits);
        if (figure->estimate.n)
            fprintf(out, "%s%s of `%s`: %s asked", i ? "; " : " (", figure->rule->about,
                    figure->cell, limits);
    }
    fputs(d->figures->estimate.n ? ") " : " ", out);
    fprintf(out, "%s\n", d->note);
}

static void write_controls(FILE *out, const struct claim_board *board) {
    fputs("\nControls: ", out);
    for (int i = 0; i < board->ncontrols; i++) {
        const struct claim_decision *d = &board->controls[i];
        fprintf(out, "%s%s (%s) %s: %s", i ? " " : "", d->claim->says, column_name(board, d),
                d->verdict == CLAIM_HOLDS ? "**passed**" : claim_verdict_name(d->verdict),
                d->sentence);
    }
    fputs("\n", out);
}

void claims_markdown(FILE *out, const struct claim_board *board) {
    fputs("| | claim |", out);
    for (int c = 0; c < board->ncolumns; c++)
        fprintf(out, " %s |", board->columns[c].name);
    fputs("\n|---|---|", out);
    for (int c = 0; c < board->ncolumns; c++)
        fputs("---|", out);
    fputs("\n", out);
    for (int i = 0; i < board->reg->nclaims; i++)
        if (is_asked(board, &board->reg->claims[i]))
            write_row(out, board, &board->reg->claims[i]);
    fputs(
        "\nA claim holds where the whole 95 % interval of its figure lies where the claim says, is "
        "refuted where it lies elsewhere, and is undecided between. -: says nothing of this "
        "interpreter.\n\n",
        out);
    for (int i = 0; i < board->ndecisions; i++)
        if (board->decisions[i].verdict != CLAIM_NOT_RUN)
            write_words(out, board, &board->decisions[i]);
    write_controls(out, board);
}

int claims_report(FILE *out, const char *home, const struct runset *run, struct err *err) {
    static struct claim_register reg; /* half a MiB, and this program has one thread */
    struct claim_board board;
    char path[GB_PATH_MAX + 32];
    snprintf(path, sizeof path, "%s/runners/claims.ini", home);
    if (claims_read(&reg, path, err) < 0 || claims_decide(&board, &reg, run, NULL, err) < 0)
        return -1;
    if (board.counts[CLAIM_NOT_RUN] < board.ndecisions) {
        fputs("\n## Claims\n\n", out);
        claims_markdown(out, &board);
    }
    claims_free(&board);
    return 0;
}
