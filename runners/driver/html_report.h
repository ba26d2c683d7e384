/* html_report.h - report.html: one file with everything in it, which needs no network and works without
 * scripts, too (then without filters). Made from one run, or from two side by side. */
#ifndef GILBENCH_HTML_REPORT_H
#define GILBENCH_HTML_REPORT_H

#include "drawing.h"
#include "html.h"
#include "registry.h"

enum { PAGE_RUNS = 2 };

struct page {
    FILE *out;
    const struct registry *reg;
    const struct runset *runs[PAGE_RUNS];
    int nruns;
    char
        pythons[GB_PATH_MAX]; /* labels of the interpreters, words; "" where there is one without */
};

/* The whole of it. */
int html_report(struct page *page, struct err *err);

/* html_charts.c: the pictures. Draws first and writes then, so that a failure leaves nothing half. */
int html_charts(const struct page *page, struct err *err);
/* html_claims.c: the claims that the runs decide. */
int html_claims(const struct page *page, struct err *err);
/* html_tables.c: cells, and what was in force. */
void html_cells(const struct page *page);
void html_comparison(const struct page *page); /* two runs, cell by cell */
void html_attestation(const struct page *page);
void html_machine(const struct page *page);

/* Attributes by which the page's filters find a cell: data-workload, data-model, data-python. */
void html_cell_attributes(FILE *out, const struct cell *cell);
/* "A" and "B", "" where there is one run only. */
const char *page_side(const struct page *page, int run);

#endif
