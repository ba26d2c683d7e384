/* html_tables.c - what the pictures leave out: every cell in numbers or with the reason why it has none,
 * what was attested, machine and build. */
#include "cmd.h"
#include "compare.h"
#include "facts.h"
#include "html_report.h"
#include "matrix.h"
#include <math.h>
#include <string.h>

static const char open_table[] =
    "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"{}\"><table><caption>{}"
    "</caption><thead><tr>";

void html_cell_attributes(FILE *out, const struct cell *cell) {
    char model[2 * GB_NAME_MAX];
    cell_model(cell, model, sizeof model);
    html(out, "data-workload=\"{}\" data-model=\"{}\" data-python=\"{}\"", cell->workload, model,
         cell->python);
}

const char *page_side(const struct page *page, int run) {
    return page->nruns < 2 ? "" : run ? "B" : "A";
}

static void heads(FILE *out, const char *const *names) {
    for (; *names; names++)
        html(out, "<th scope=\"col\">{}</th>", *names);
    fputs("</tr></thead><tbody>\n", out);
}

/* ---- Cells */

static const char *no_number(const struct result *r, char *text, size_t room) {
    if (*r->cell.not_run)
        snprintf(text, room, "NOT RUN: %.300s", r->cell.not_run);
    else if (*r->void_reason)
        snprintf(text, room, "VOID: %.300s", r->void_reason);
    else
        snprintf(text, room, "no rep was finished");
    return text;
}

static void write_cell(const struct page *page, int run, const struct result *r) {
    char model[3 * GB_NAME_MAX], params[256], rate[96], speedup[96], cpu[32], p50[32], p99[32],
        pss[32], start[32], why[400];
    FILE *out = page->out;
    cell_label(&r->cell, model, sizeof model);
    format_params(params, sizeof params, &r->cell);
    fputs("<tr ", out);
    html_cell_attributes(out, &r->cell);
    fputc('>', out);
    if (page->nruns > 1)
        html(out, "<td>{}</td>", page_side(page, run));
    html(out, "<th scope=\"row\">{}</th><td>{}</td>", model, params);
    if (!result_has_number(r)) {
        html(out, "<td class=\"none\" colspan=\"7\">{}</td></tr>\n", no_number(r, why, sizeof why));
        return;
    }
    format_interval(rate, sizeof rate, &r->ops_per_s, format_si);
    format_interval(speedup, sizeof speedup, &r->speedup, format_ratio);
    format_value(cpu, sizeof cpu, &r->cpu_ns_per_op, format_ns);
    format_value(p50, sizeof p50, &r->uncorrected.p50, format_ns);
    format_value(p99, sizeof p99, &r->uncorrected.p99, format_ns);
    format_value(pss, sizeof pss, &r->pss_b, format_bytes);
    format_value(start, sizeof start, &r->startup_ns, format_ns);
    html(out,
         "<td>{}{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>\n",
         rate, *r->client_bound ? " client_bound" : "", speedup, cpu, p50, p99, pss, start);
}

static void write_workload(const struct page *page, const char *workload) {
    static const char *const names[] = {"model",
                                        "parameters",
                                        "ops/s [95 %]",
                                        "speed-up [95 %]",
                                        "CPU per op",
                                        "p50, uncorrected",
                                        "p99, uncorrected",
                                        "PSS of the tree",
                                        "start-up",
                                        NULL};
    html(page->out, "<div class=\"cells\" data-workload=\"{}\">\n", workload);
    html(page->out, open_table, workload, workload);
    fputs(page->nruns > 1 ? "<th scope=\"col\">run</th>" : "", page->out);
    heads(page->out, names);
    for (int r = 0; r < page->nruns; r++)
        for (int i = 0; i < page->runs[r]->nresults; i++)
            if (!strcmp(page->runs[r]->results[i].cell.workload, workload))
                write_cell(page, r, &page->runs[r]->results[i]);
    fputs("</tbody></table></div></div>\n", page->out);
}

void html_cells(const struct page *page) {
    fputs("<section id=\"cells\">\n<h2>Every cell in numbers</h2>\n<p class=\"how\">Medians over "
          "processes with 95 % bootstrap intervals; CPU, switches and memory are those of the "
          "subject's process tree, read from outside it.</p>\n",
          page->out);
    for (int r = 0; r < page->nruns; r++)
        for (int i = 0; i < page->runs[r]->nresults; i++) {
            const char *workload = page->runs[r]->results[i].cell.workload;
            bool said = false;
            for (int k = 0; r && k < page->runs[0]->nresults; k++)
                said |= !strcmp(page->runs[0]->results[k].cell.workload, workload);
            if (!said && runset_first_of_workload(page->runs[r], i))
                write_workload(page, workload);
        }
    fputs("</section>\n", page->out);
}

/* ---- Two runs */

static void write_pair(const struct page *page, const struct result *b, const struct result *a) {
    const char *why = compare_no_ratio(a, b);
    char model[3 * GB_NAME_MAX], params[256], ratio[96] = "", word[32] = "";
    cell_label(&b->cell, model, sizeof model);
    format_params(params, sizeof params, &b->cell);
    fputs("<tr ", page->out);
    html_cell_attributes(page->out, &b->cell);
    if (!why) {
        struct interval i = compare_time_ratio(a, b, 0.95, page->runs[1]->seed);
        snprintf(ratio, sizeof ratio, "%.3f [%.3f, %.3f]", i.value, i.lo, i.hi);
        snprintf(word, sizeof word, "%s",
                 isnan(i.lo)   ? "unknown"
                 : i.lo > 1.02 ? "slower"
                 : i.hi < 0.98 ? "faster"
                               : "no difference seen");
    }
    html(page->out, "><td>{}</td><th scope=\"row\">{}</th><td>{}</td><td>{}</td><td>{}</td></tr>\n",
         b->cell.workload, model, params, why ? why : ratio, word);
}

void html_comparison(const struct page *page) {
    static const char *const names[] = {"workload",           "model", "parameters",
                                        "time per op, B / A", "B is",  NULL};
    const struct runset *a = page->runs[0], *b = page->runs[1];
    static const char *const facts[] = {"cpu_model", "topology", "python", "kernel", "commit",
                                        "compiler",  "cflags",   "store",  NULL};
    int common = 0;
    for (int i = 0; i < b->nresults; i++)
        common += compare_find(a, b->results[i].cell.id) != NULL;
    fputs(
        "<section id=\"comparison\">\n<h2>What differs between the two runs?</h2>\n<p "
        "class=\"how\">Measured at different times, so that no interval knows what changed on the "
        "machine in between: these are words for people. `gilbench ab` decides.</p>\n<ul>\n",
        page->out);
    for (int i = 0; facts[i]; i++)
        if (strcmp(fact_find(a, facts[i]), fact_find(b, facts[i])))
            html(page->out, "<li>{}: <b>A</b> {}, <b>B</b> {}</li>\n", facts[i],
                 fact_find(a, facts[i]), fact_find(b, facts[i]));
    fputs("</ul>\n", page->out);
    if (!common) {
        fputs("<p class=\"absent\">They have no cell in common.</p></section>\n", page->out);
        return;
    }
    html(page->out, open_table, "Comparison, cell by cell", "Cell by cell");
    heads(page->out, names);
    for (int i = 0; i < b->nresults; i++) {
        const struct result *other = compare_find(a, b->results[i].cell.id);
        if (other)
            write_pair(page, &b->results[i], other);
    }
    fputs("</tbody></table></div></section>\n", page->out);
}

/* ---- What was in force */

static void write_attested(const struct page *page, int run, const struct result *r) {
    const struct rep *rep = r->reps;
    char digest[24];
    snprintf(digest, sizeof digest, "%016llx", (unsigned long long)rep->samples[0].digest);
    fputs("<tr ", page->out);
    html_cell_attributes(page->out, &r->cell);
    fputc('>', page->out);
    if (page->nruns > 1)
        html(page->out, "<td>{}</td>", page_side(page, run));
    html(page->out,
         "<th scope=\"row\">{}</th><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}{}</td>"
         "<td>{}</td><td>{}</td><td>{}</td></tr>\n",
         r->cell.id, rep->at_ready.gil, rep->at_ready.runtime, rep->at_ready.loop,
         rep->at_ready.affinity, *rep->peer_cpus ? rep->peer_cpus : "-",
         rep->shared_core ? " (shared)" : "", rep->at_ready.start_method, rep->at_ready.build,
         digest);
}

void html_attestation(const struct page *page) {
    static const char *const names[] = {"cell",   "GIL",          "runtime", "loop",   "cores",
                                        "peer's", "start method", "build",   "digest", NULL};
    fputs(
        "<section id=\"attested\">\n<h2>What was in force?</h2>\n<p class=\"how\">Each process "
        "said "
        "this of itself after all imports, and again at its end; a difference to what was planned "
        "makes its cell VOID.</p>\n<details><summary>Show</summary>\n",
        page->out);
    html(page->out, open_table, "What was attested",
         "As attested by the first process of each cell");
    fputs(page->nruns > 1 ? "<th scope=\"col\">run</th>" : "", page->out);
    heads(page->out, names);
    for (int r = 0; r < page->nruns; r++)
        for (int i = 0; i < page->runs[r]->nresults; i++) {
            const struct result *result = &page->runs[r]->results[i];
            if (result->nreps && result->reps[0].nsamples)
                write_attested(page, r, result);
        }
    fputs("</tbody></table></div></details></section>\n", page->out);
}

void html_machine(const struct page *page) {
    static const char *const one[] = {"fact", "value", NULL}, *const two[] = {"fact", "A", "B",
                                                                              NULL};
    const struct runset *a = page->runs[0], *b = page->runs[1];
    fputs("<section id=\"machine\">\n<h2>On which machine, of which build?</h2>\n", page->out);
    html(page->out, open_table, "Machine and build", "Machine and build");
    heads(page->out, page->nruns > 1 ? two : one);
    for (int i = 0; i < a->nfacts; i++) {
        html(page->out, "<tr><th scope=\"row\">{}</th><td>{}</td>", a->facts[i].key,
             a->facts[i].value);
        if (b)
            html(page->out, "<td>{}</td>", fact_find(b, a->facts[i].key));
        fputs("</tr>\n", page->out);
    }
    fputs("</tbody></table></div></section>\n", page->out);
}
