/* html_claims.c - the claim board of the page: what people say of threads, loops and processes, as the run
 * decides it. */
#include "claims.h"
#include "html_report.h"
#include "registry.h"
#include <stdlib.h>
#include <string.h>

/* A glyph beside the word, so that a verdict is not known by its colour alone. */
static const struct {
    const char *class, *glyph;
} looks[CLAIM_VERDICTS] = {
    [CLAIM_HOLDS] = {"holds", "\xe2\x9c\x93"}, [CLAIM_REFUTED] = {"refuted", "\xe2\x9c\x97"},
    [CLAIM_UNDECIDED] = {"undecided", "?"},    [CLAIM_NOT_RUN] = {"not-run", "\xe2\x80\x93"},
    [CLAIM_INVALID] = {"invalid", "!"},
};

static void write_figures(const struct page *page, const struct claim_decision *d) {
    fprintf(page->out, "<details class=\"data\"><summary>Figures</summary>\n<div class=\"scroll\" "
                       "tabindex=\"0\" role=\"region\" aria-label=\"Figures\"><table><thead><tr>"
                       "<th scope=\"col\">figure</th><th scope=\"col\">found [95 %%]</th>"
                       "<th scope=\"col\">asked</th><th scope=\"col\">verdict</th>"
                       "<th scope=\"col\">cell</th></tr></thead><tbody>\n");
    for (int i = 0; i < d->claim->nfigures; i++) {
        const struct figure *f = &d->figures[i];
        char found[120], limits[120];
        figure_text(f, found, sizeof found);
        figure_limits(f->rule, limits, sizeof limits);
        html(page->out,
             "<tr><th scope=\"row\">{}</th><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>\n",
             f->rule->about, found, limits, claim_verdict_name(f->verdict),
             *f->cell ? f->cell : f->why);
    }
    fputs("</tbody></table></div></details>\n", page->out);
}

static void write_decision(const struct page *page, int run, const struct claim_board *board,
                           const struct claim_decision *d) {
    const struct claim_column *column = d->column >= 0 ? &board->columns[d->column] : NULL;
    html(page->out, "<div class=\"verdict\" data-python=\"{}\"><p>", column ? column->label : "");
    html(page->out, "<span class=\"badge {}\"><span aria-hidden=\"true\">{}</span> {}</span> ",
         looks[d->verdict].class, looks[d->verdict].glyph, claim_verdict_name(d->verdict));
    if (page->nruns > 1)
        html(page->out, "<b>{}</b> ", page_side(page, run));
    if (column && board->ncolumns > 1)
        html(page->out, "<b>{}:</b> ", column->name);
    html(page->out, "{} {}</p>\n", d->sentence, d->note);
    write_figures(page, d);
    fputs("</div>\n", page->out);
}

static int write_claim(const struct page *page, const struct claim_board *boards,
                       const struct claim *claim) {
    bool begun = false;
    for (int r = 0; r < page->nruns; r++)
        for (int i = 0; i < boards[r].ndecisions; i++) {
            const struct claim_decision *d = &boards[r].decisions[i];
            if (d->claim != claim || d->verdict == CLAIM_NOT_RUN)
                continue;
            if (!begun)
                html(page->out, "<li class=\"claim\"><p class=\"says\"><b>{}</b> {}</p>\n",
                     claim->id, claim->says);
            begun = true;
            write_decision(page, r, &boards[r], d);
        }
    if (begun)
        fputs("</li>\n", page->out);
    return begun;
}

static void write_controls(const struct page *page, const struct claim_board *boards) {
    fputs("<h3>Could this machine have shown it?</h3>\n<ul class=\"board\">\n", page->out);
    for (int r = 0; r < page->nruns; r++)
        for (int i = 0; i < boards[r].ncontrols; i++) {
            const struct claim_decision *d = &boards[r].controls[i];
            html(page->out, "<li class=\"claim\"><p class=\"says\">{}</p>\n", d->claim->says);
            write_decision(page, r, &boards[r], d);
            fputs("</li>\n", page->out);
        }
    fputs("</ul>\n", page->out);
}

static void write_board(const struct page *page, const struct claim_register *reg,
                        const struct claim_board *boards) {
    int decided = 0;
    fputs("<section id=\"claims\">\n<h2>What people say, and what this run says</h2>\n", page->out);
    for (int r = 0; r < page->nruns; r++)
        decided += boards[r].counts[CLAIM_NOT_RUN] < boards[r].ndecisions;
    if (!decided) {
        fputs("<p class=\"absent\">This run decides no claim; <code>gilbench claims --run</code> "
              "measures what they need.</p></section>\n",
              page->out);
        return;
    }
    fputs(
        "<p class=\"how\">A claim holds where the whole 95 % interval of its figure lies where the "
        "claim says, is refuted where it lies elsewhere, and is undecided between.</p>\n<ul "
        "class=\"board\">\n",
        page->out);
    decided = 0;
    for (int i = 0; i < reg->nclaims; i++)
        decided += write_claim(page, boards, &reg->claims[i]);
    fputs("</ul>\n", page->out);
    if (decided < reg->nclaims)
        fprintf(page->out,
                "<p class=\"absent\">%d more need cells that are not in this run; <code>gilbench "
                "claims --run</code> measures them.</p>\n",
                reg->nclaims - decided);
    write_controls(page, boards);
    fputs("</section>\n", page->out);
}

int html_claims(const struct page *page, struct err *err) {
    struct claim_register *reg = calloc(1, sizeof *reg);
    struct claim_board boards[PAGE_RUNS];
    char path[GB_PATH_MAX + 32];
    int read = 0, failed;
    if (!reg)
        return err_set(err, GB_RUNTIME, "out of memory");
    snprintf(path, sizeof path, "%s/runners/claims.ini", page->reg->home);
    failed = claims_read(reg, path, err) < 0;
    while (!failed && read < page->nruns)
        if (!(failed = claims_decide(&boards[read], reg, page->runs[read], NULL, err) < 0))
            read++;
    if (!failed)
        write_board(page, reg, boards);
    while (read > 0)
        claims_free(&boards[--read]);
    free(reg);
    return failed ? -1 : 0;
}
