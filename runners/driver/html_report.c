/* html_report.c - see html_report.h: the page around its parts. */
#include "html_report.h"
#include "assets.h"
#include "cmd.h"
#include "facts.h"
#include "matrix.h"
#include "repeat.h"
#include "style.h"
#include "svg.h"
#include <stdlib.h>
#include <string.h>

/* ---- What the filters offer */

/* The choices of one filter: words of the runs, each once, in their order. */
struct choices {
    char (*words)[2 * GB_NAME_MAX]; /* owned */
    int count;
};

static void add_choice(struct choices *c, const char *word) {
    for (int i = 0; i < c->count; i++)
        if (!strcmp(c->words[i], word))
            return;
    snprintf(c->words[c->count++], sizeof *c->words, "%s", word);
}

static void workload_of(const struct cell *cell, char *text, size_t room) {
    snprintf(text, room, "%s", cell->workload);
}

static void python_of(const struct cell *cell, char *text, size_t room) {
    snprintf(text, room, "%s", cell->python);
}

static int collect(struct choices *c, const struct page *page,
                   void (*word_of)(const struct cell *, char *, size_t), struct err *err) {
    char word[2 * GB_NAME_MAX];
    int most = 1;
    for (int r = 0; r < page->nruns; r++)
        most += page->runs[r]->nresults;
    *c = (struct choices){calloc((size_t)most, sizeof *c->words), 0};
    if (!c->words)
        return err_set(err, GB_RUNTIME, "out of memory");
    for (int r = 0; r < page->nruns; r++)
        for (int i = 0; i < page->runs[r]->nresults; i++)
            if (result_has_number(&page->runs[r]->results[i])) {
                word_of(&page->runs[r]->results[i].cell, word, sizeof word);
                add_choice(c, word);
            }
    return 0;
}

static void write_choice(FILE *out, const char *what, const char *word) {
    html(out, "<label class=\"chip\"><input type=\"checkbox\" checked data-{}=\"{}\">", what, word);
    if (!strcmp(what, "model")) {
        struct style style = style_of(word);
        fprintf(out,
                "<svg class=\"key\" style=\"--l:%s;--d:%s\" viewBox=\"-1.7 -1.7 3.4 3.4\" "
                "aria-hidden=\"true\"><use href=\"#gpPt%d\"/></svg>",
                style.light, style.dark, style.point - 1);
    }
    html(out, "<span>{}</span></label>\n", *word ? word : "C and others");
}

static void write_filter(FILE *out, const char *what, const char *name, const struct choices *c) {
    if (c->count < 2)
        return;
    html(out,
         "<fieldset data-filter=\"{}\"><legend>{}</legend><span class=\"all\"><button "
         "type=\"button\" "
         "data-set=\"all\">all</button><button type=\"button\" "
         "data-set=\"none\">none</button></span>"
         "\n<div class=\"chips\">",
         what, name);
    for (int i = 0; i < c->count; i++)
        write_choice(out, what, c->words[i]);
    fputs("</div></fieldset>\n", out);
}

static int write_filters(struct page *page, struct err *err) {
    struct choices workloads = {0}, models = {0}, pythons = {0};
    int failed = collect(&workloads, page, workload_of, err) < 0 ||
                 collect(&models, page, cell_model, err) < 0 ||
                 collect(&pythons, page, python_of, err) < 0;
    size_t used = 0;
    if (!failed) {
        fputs("<details class=\"filters\" id=\"filters\" open><summary>Models, and what is "
              "shown</summary>\n<form aria-label=\"Filters\">\n",
              page->out);
        write_filter(page->out, "model", "Models", &models);
        write_filter(page->out, "workload", "Workloads", &workloads);
        write_filter(page->out, "python", "Interpreters", &pythons);
        fputs("</form></details>\n<p class=\"status\" role=\"status\" aria-live=\"polite\"></p>\n",
              page->out);
    }
    for (int i = 0; i < pythons.count && used < sizeof page->pythons; i++)
        used += (size_t)snprintf(page->pythons + used, sizeof page->pythons - used, "%s ",
                                 pythons.words[i]);
    free(workloads.words);
    free(models.words);
    free(pythons.words);
    return failed ? -1 : 0;
}

/* ---- Head and foot */

static void write_run_line(const struct page *page, int run) {
    const struct runset *r = page->runs[run];
    char reps[16];
    snprintf(reps, sizeof reps, "%d", r->reps);
    fputs("<p class=\"run\">", page->out);
    if (page->nruns > 1)
        html(page->out, "<b>{}</b> ", page_side(page, run));
    html(page->out,
         "Matrix <b>{}</b>, run {}, {}. {} on {} ({}), commit {}, {} processes for each "
         "cell{}.</p>\n",
         r->matrix_name, r->run_id, r->created_utc, fact_find(r, "python"),
         fact_find(r, "cpu_model"), fact_find(r, "topology"), fact_find(r, "commit"), reps,
         r->interrupted ? " (interrupted: fewer of some)" : "");
}

static void write_head(const struct page *page) {
    html(page->out,
         "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta "
         "name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<meta "
         "name=\"color-scheme\" content=\"light dark\">\n<title>gilbench: {}</title>\n<link "
         "rel=\"icon\" "
         "href=\"data:,\">\n<style>\n",
         page->runs[0]->matrix_name);
    fputs(asset_page_css, page->out);
    fputs("</style>\n</head>\n<body>\n<a class=\"skip\" href=\"#main\">To the figures</a>\n",
          page->out);
    fputs(svg_points, page->out);
    fputs(
        "<header>\n<div class=\"title\"><h1>gilbench</h1>\n<fieldset class=\"theme\"><legend>Page "
        "colours</legend>"
        "<label><input type=\"radio\" name=\"theme\" value=\"\" checked>auto</label>"
        "<label><input type=\"radio\" name=\"theme\" value=\"light\">light</label>"
        "<label><input type=\"radio\" name=\"theme\" "
        "value=\"dark\">dark</label></fieldset></div>\n",
        page->out);
    for (int r = 0; r < page->nruns; r++)
        write_run_line(page, r);
    fputs("<nav aria-label=\"Questions\"><details open><summary>Questions</summary><ul>\n",
          page->out);
    fputs("<li><a href=\"#claims\">What people say, and what this run says</a></li>\n", page->out);
    if (page->nruns > 1)
        fputs("<li><a href=\"#comparison\">What differs between the two runs?</a></li>\n",
              page->out);
    for (int i = 0; charts[i].id; i++) {
        fputs("<li><a href=\"#", page->out);
        html(page->out, "{}\">{}</a></li>\n", charts[i].id, charts[i].question);
    }
    fputs(
        "<li><a href=\"#cells\">Every cell in numbers</a></li>\n<li><a href=\"#repeat\">To repeat "
        "it</a></li>\n</ul></details></nav>\n</header>\n",
        page->out);
}

static void write_repeat(const struct page *page) {
    fputs("<section id=\"repeat\">\n<h2>To repeat it</h2>\n<pre tabindex=\"0\"><code>", page->out);
    for (int r = 0; r < page->nruns; r++) {
        char *text = NULL;
        size_t size;
        FILE *memory = open_memstream(&text, &size);
        if (!memory)
            continue;
        write_command(memory, page->runs[r], NULL);
        fclose(memory);
        html(page->out, "{}git checkout {} && make && build/release/{}\n",
             page->nruns > 1 ? (r ? "# B\n" : "# A\n") : "", fact_find(page->runs[r], "commit"),
             text);
        free(text);
    }
    fputs(
        "</code></pre>\n<p class=\"how\">The plan is a function of matrix and seed: the same cells "
        "in the same order. Every raw sample is in results.json.</p></section>\n",
        page->out);
}

int html_report(struct page *page, struct err *err) {
    write_head(page);
    if (write_filters(page, err) < 0)
        return -1;
    fputs("<main id=\"main\">\n", page->out);
    if (html_claims(page, err) < 0)
        return -1;
    if (page->nruns > 1)
        html_comparison(page);
    if (html_charts(page, err) < 0)
        return -1;
    html_cells(page);
    html_attestation(page);
    html_machine(page);
    write_repeat(page);
    fputs("</main>\n<div class=\"tip\" role=\"tooltip\" hidden></div>\n<script>\n", page->out);
    fputs(asset_page_js, page->out);
    fputs("</script>\n</body>\n</html>\n", page->out);
    return 0;
}
