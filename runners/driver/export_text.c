/* export_text.c - results as Markdown and CSV; see export.h. */
#include "ab.h"
#include "cmd.h"
#include "export.h"
#include "facts.h"
#include "matrix.h"
#include <math.h>
#include <string.h>

void export_markdown(FILE *out, const struct runset *run) {
    fprintf(out, "# gilbench: %s\n\nRun %s, %s, %s on %s, commit %s%s.\n", run->matrix_name,
            run->run_id, run->created_utc, fact_find(run, "python"), fact_find(run, "cpu_model"),
            fact_find(run, "commit"), run->interrupted ? " (interrupted)" : "");
    for (int i = 0; i < run->nresults; i++)
        if (runset_first_of_workload(run, i))
            report_workload_table(out, run, run->results[i].cell.workload);
}

/* RFC 4180: quoted where it must be. */
static void csv_text(FILE *out, const char *text) {
    bool quote = strpbrk(text, ",\"\r\n") != NULL;
    if (quote)
        fputc('"', out);
    for (; *text; text++) {
        if (*text == '"')
            fputc('"', out);
        fputc(*text, out);
    }
    fputs(quote ? "\"," : ",", out);
}

static void csv_status(FILE *out, const struct result *r) {
    csv_text(out, *r->cell.not_run       ? "not run"
                  : *r->void_reason      ? "void"
                  : result_has_number(r) ? "ok"
                                         : "no process was finished");
    csv_text(out, *r->cell.not_run ? r->cell.not_run : r->void_reason);
}

static void csv_row(FILE *out, const struct result *r) {
    const struct estimate *e;
    const char *name;
    char model[3 * GB_NAME_MAX], params[400];
    cell_label(&r->cell, model, sizeof model);
    format_params(params, sizeof params, &r->cell);
    csv_text(out, r->cell.id);
    csv_text(out, r->cell.workload);
    csv_text(out, model);
    csv_text(out, params);
    csv_status(out, r);
    fprintf(out, "%d", r->nreps);
    for (int i = 0; (e = result_estimate(r, i, &name)); i++) {
        if (e->n && result_has_number(r))
            fprintf(out, ",%.9g,%.9g,%.9g", e->value, e->lo, e->hi);
        else
            fputs(",,,", out);
    }
    fputs("\r\n", out);
}

void export_csv(FILE *out, const struct runset *run) {
    static const struct result none;
    const char *name;
    fputs("id,workload,model,parameters,status,reason,processes", out);
    for (int i = 0; result_estimate(&none, i, &name); i++)
        fprintf(out, ",%s,%s_lo,%s_hi", name, name, name);
    fputs("\r\n", out);
    for (int i = 0; i < run->nresults; i++)
        csv_row(out, &run->results[i]);
}

/* ---- Of ab */

static void csv_figure(FILE *out, double value) {
    if (isfinite(value))
        fprintf(out, ",%.9g", value);
    else
        fputc(',', out);
}

static void csv_stats(FILE *out, const struct ab_stats *s) {
    const double figures[] = {s->ratio,    s->lo95,   s->hi95, s->hodges_lehmann, s->p_slower,
                              s->p_faster, s->p_holm, s->sd,   s->lag1,           s->mde95};
    fprintf(out, ",%d,%d", s->n, s->dropped);
    for (size_t i = 0; i < sizeof figures / sizeof *figures; i++)
        csv_figure(out, s->n ? figures[i] : NAN);
}

void export_ab_csv(FILE *out, const struct ab_result *result) {
    fputs("id,verdict,why,ops,pairs,dropped,ratio,ratio_lo,ratio_hi,hodges_lehmann,p_slower,"
          "p_faster,p_holm,sd_d,lag1,mde95,null_ratio,null_lo,null_hi\r\n",
          out);
    for (int i = 0; i < result->nbenchmarks; i++) {
        const struct ab_benchmark *b = &result->benchmarks[i];
        const double null[] = {b->null.ratio, b->null.lo95, b->null.hi95};
        csv_text(out, b->cell.id);
        csv_text(out, verdict_name(b->verdict));
        csv_text(out, b->why);
        fprintf(out, "%lld", (long long)b->ops);
        csv_stats(out, &b->stats);
        for (int k = 0; k < 3; k++)
            csv_figure(out, b->null.n ? null[k] : NAN);
        fputs("\r\n", out);
    }
}
