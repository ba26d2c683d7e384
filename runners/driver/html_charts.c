/* html_charts.c - the questions of chart_list.c with their pictures, answers, data and commands. */
#include "chart.h"
#include "cmd.h"
#include "html_report.h"
#include "ini.h"
#include "matrix.h"
#include "repeat.h"
#include "style.h"
#include "svg.h"
#include <dirent.h>
#include <stdlib.h>
#include <string.h>

enum { OPEN_PANELS = 9 }; /* what is more is folded away */

/* One panel, in each run that has it. */
struct side {
    const struct panel *panel; /* NULL: not in this run */
    int picture;
};

struct shown {
    struct side sides[PAGE_RUNS];
};

struct section {
    const struct chart *chart;
    struct panel *panels[PAGE_RUNS]; /* owned */
    int npanels[PAGE_RUNS];
    struct shown *shown; /* owned */
    int nshown;
};

/* ---- Which panels stand side by side */

static const struct panel *any_of(const struct shown *shown) {
    return shown->sides[0].panel ? shown->sides[0].panel : shown->sides[1].panel;
}

static struct shown *place_of(struct section *s, const struct panel *panel) {
    for (int i = 0; i < s->nshown; i++) {
        const struct panel *other = any_of(&s->shown[i]);
        if (other->view == panel->view && !strcmp(other->title, panel->title))
            return &s->shown[i];
    }
    return &s->shown[s->nshown++];
}

static int open_section(struct section *s, const struct chart *chart, const struct page *page,
                        struct err *err) {
    int total = 0;
    *s = (struct section){.chart = chart};
    for (int r = 0; r < page->nruns; r++) {
        s->npanels[r] = chart_panels(chart, page->runs[r], &s->panels[r], err);
        if (s->npanels[r] < 0)
            return -1;
        total += s->npanels[r];
    }
    if (!(s->shown = calloc((size_t)total + 1, sizeof *s->shown)))
        return err_set(err, GB_RUNTIME, "out of memory");
    for (int r = 0; r < page->nruns; r++)
        for (int i = 0; i < s->npanels[r]; i++)
            place_of(s, &s->panels[r][i])->sides[r].panel = &s->panels[r][i];
    return 0;
}

static void close_section(struct section *s) {
    for (int r = 0; r < PAGE_RUNS; r++)
        if (s->panels[r])
            chart_free(s->panels[r], s->npanels[r]);
    free(s->shown);
}

/* Both sides of a pair have the same axes; rows begin at the least value of either. */
static struct extent shared_extent(const struct shown *shown) {
    struct extent e = panel_extent(any_of(shown));
    for (int r = 0; r < PAGE_RUNS; r++) {
        struct extent other;
        if (!shown->sides[r].panel)
            continue;
        other = panel_extent(shown->sides[r].panel);
        e.x0 = other.x0 < e.x0 ? other.x0 : e.x0;
        e.x1 = other.x1 > e.x1 ? other.x1 : e.x1;
        e.y0 = other.y0 < e.y0 ? other.y0 : e.y0;
        e.y1 = other.y1 > e.y1 ? other.y1 : e.y1;
    }
    return e;
}

static int draw_section(struct section *s, struct drawing *drawing, const struct page *page,
                        struct err *err) {
    for (int i = 0; i < s->nshown; i++) {
        struct extent extent = shared_extent(&s->shown[i]);
        for (int r = 0; r < page->nruns; r++) {
            struct side *side = &s->shown[i].sides[r];
            side->picture = drawing->pictures;
            if (side->panel && side->panel->nseries &&
                drawing_add(drawing, side->panel, &extent, page->pythons, err) < 0)
                return -1;
        }
    }
    return 0;
}

/* ---- The words in a picture */

static void style_attribute(FILE *out, const char *model) {
    char bare[3 * GB_NAME_MAX];
    struct style style;
    snprintf(bare, sizeof bare, "%s", model);
    bare[strcspn(bare, "@")] = '\0';
    style = style_of(bare);
    fprintf(out, " style=\"--l:%s;--d:%s\"", style.light, style.dark);
}

static void series_attributes(FILE *out, int number, void *arg) {
    const struct panel *panel = arg;
    html_cell_attributes(out, panel->series[number].cell);
    style_attribute(out, panel->series[number].name);
}

/* "promise:await, 64 in flight: 12.3k [12.1k, 12.6k] ops/s" */
static void mark_text(FILE *out, int number, void *arg) {
    const struct panel *panel = arg;
    const struct series *series;
    const struct mark *mark = drawing_mark(panel, number, &series);
    char params[256], value[96], share[32], place[96] = "";
    struct estimate measured;
    if (!mark)
        return;
    measured = panel->view->value(mark->result);
    format_params(params, sizeof params, &mark->result->cell);
    format_interval(value, sizeof value, &measured, panel->view->format);
    if (panel->shape == SHAPE_MAP) {
        format_ratio(share, sizeof share, mark->y.value);
        snprintf(place, sizeof place, "; %s of the best", share);
    }
    html(out, "{}, {}: {} {}{}", series->name, params, panel->view->name, value, place);
}

static void row_text(FILE *out, int number, void *arg) {
    const struct panel *panel = arg;
    char label[64];
    const char *row = number < panel->nrows ? panel->rows[number] : "";
    if (strlen(row) > 27)
        snprintf(label, sizeof label, "%.25s\xe2\x80\xa6", row);
    else
        snprintf(label, sizeof label, "%s", row);
    html_text(out, label);
}

/* ---- One panel */

static void write_answer(FILE *out, const struct chart *chart, const struct panel *panel) {
    char *text = NULL;
    size_t size = 0;
    FILE *memory = open_memstream(&text, &size);
    if (!memory)
        return;
    chart->answer(memory, panel);
    fclose(memory);
    html_text(out, text);
    free(text);
}

static int write_picture(const struct page *page, const struct drawing *drawing,
                         const struct chart *chart, const struct side *side, struct err *err) {
    struct svg_words words = {side->panel->nseries, series_attributes, mark_text, row_text,
                              (void *)side->panel};
    char path[GB_PATH_MAX + 32], *label = NULL, attributes[1024];
    size_t size;
    FILE *memory = open_memstream(&label, &size);
    if (!memory)
        return err_set(err, GB_RUNTIME, "out of memory");
    html(memory, "{} {}, {}. The data are in the table below.", chart->question, side->panel->title,
         side->panel->view->name);
    fclose(memory);
    snprintf(attributes, sizeof attributes,
             "class=\"plot\" role=\"img\" tabindex=\"0\" aria-label=\"%.900s\"", label);
    free(label);
    drawing_path(drawing, side->picture, path, sizeof path);
    return svg_inline(page->out, path, attributes, &words, err);
}

static void write_data_row(const struct page *page, int run, const struct panel *panel,
                           const struct series *series, const struct mark *mark) {
    struct estimate measured = panel->view->value(mark->result);
    char params[256], value[32] = "-", lo[32] = "-", hi[32] = "-", n[16], parts[96] = "";
    format_params(params, sizeof params, &mark->result->cell);
    format_value(value, sizeof value, &measured, panel->view->format);
    panel->view->format(lo, sizeof lo, measured.lo);
    panel->view->format(hi, sizeof hi, measured.hi);
    snprintf(n, sizeof n, "%d", measured.n);
    if (panel->shape == SHAPE_STACK) {
        char first[32], second[32];
        panel->view->format(first, sizeof first, mark->part);
        panel->view->format(second, sizeof second, measured.value - mark->part);
        snprintf(parts, sizeof parts, " (%s + %s)", first, second);
    } else if (panel->shape == SHAPE_MAP) {
        snprintf(parts, sizeof parts, " (%.2fx of the best)", mark->y.value);
    }
    fputs("<tr ", page->out);
    html_cell_attributes(page->out, series->cell);
    fputc('>', page->out);
    if (page->nruns > 1)
        html(page->out, "<td>{}</td>", page_side(page, run));
    html(
        page->out,
        "<th scope=\"row\">{}</th><td>{}</td><td>{}{}</td><td>{}</td><td>{}</td><td>{}</td></tr>\n",
        series->name, params, value, parts, lo, hi, n);
}

static void write_data(const struct page *page, const struct shown *shown) {
    const struct panel *panel = any_of(shown);
    html(page->out,
         "<details class=\"data\"><summary>Data</summary><div class=\"scroll\" tabindex=\"0\" "
         "role=\"region\" aria-label=\"Data of {}\"><table><caption>{}: {}, median over processes "
         "with its 95 % interval</caption><thead><tr>",
         panel->title, panel->title, panel->view->name);
    fputs(page->nruns > 1 ? "<th scope=\"col\">run</th>" : "", page->out);
    html(page->out,
         "<th scope=\"col\">model</th><th scope=\"col\">parameters</th><th scope=\"col\">{}</th>"
         "<th scope=\"col\">from</th><th scope=\"col\">to</th><th scope=\"col\">n</th></tr></thead>"
         "<tbody>\n",
         panel->view->name);
    for (int r = 0; r < page->nruns; r++) {
        const struct panel *side = shown->sides[r].panel;
        for (int i = 0; side && i < side->nseries; i++)
            for (int k = 0; k < side->series[i].nmarks; k++)
                write_data_row(page, r, side, &side->series[i], &side->series[i].marks[k]);
    }
    fputs("</tbody></table></div></details>\n", page->out);
}

static const char *left_out_reason(const struct result *r) {
    if (*r->void_reason)
        return r->void_reason;
    if (*r->client_bound)
        return r->client_bound;
    return cell_is_confined(&r->cell) ? "a control on fewer cores than it has workers"
                                      : "no rep was finished";
}

static void write_left_out(FILE *out, const struct panel *panel) {
    char count[64];
    if (!panel->nleft_out)
        return;
    snprintf(count, sizeof count, "Not drawn: %d cell%s", panel->nleft_out,
             panel->nleft_out > 1 ? "s" : "");
    html(out, "<details class=\"left-out\"><summary>{}</summary><ul>\n", count);
    for (int i = 0; i < panel->nleft_out; i++)
        html(out, "<li>{}: {}</li>\n", panel->left_out[i]->cell.id,
             left_out_reason(panel->left_out[i]));
    fputs("</ul></details>\n", out);
}

static int write_side(const struct page *page, const struct drawing *drawing,
                      const struct chart *chart, const struct shown *shown, int run,
                      struct err *err) {
    const struct side *side = &shown->sides[run];
    fputs("<div class=\"side\">\n", page->out);
    if (page->nruns > 1)
        html(page->out, "<p class=\"run\"><b>{}</b> {}</p>\n", page_side(page, run),
             page->runs[run]->run_id);
    if (!side->panel) {
        fputs("<p class=\"absent\">Not in this run.</p></div>\n", page->out);
        return 0;
    }
    if (side->panel->nseries) {
        if (write_picture(page, drawing, chart, side, err) < 0)
            return -1;
        fputs("<p class=\"answer\">", page->out);
        write_answer(page->out, chart, side->panel);
        fputs("</p>\n", page->out);
    }
    write_left_out(page->out, side->panel);
    fputs("</div>\n", page->out);
    return 0;
}

static int write_panel(const struct page *page, const struct drawing *drawing,
                       const struct chart *chart, const struct shown *shown, struct err *err) {
    const struct panel *panel = any_of(shown);
    html(page->out,
         "<figure class=\"panel{}\" data-workload=\"{}\">\n<figcaption><span "
         "class=\"what\">{}</span> "
         "<span class=\"measure\">{}{}{}</span></figcaption>\n<div class=\"sides\">\n",
         page->nruns > 1 ? " pair" : "", panel->workload, panel->title, panel->view->name,
         panel->row_key ? ", by model and " : "", panel->row_key ? panel->row_key : "");
    for (int r = 0; r < page->nruns; r++)
        if (write_side(page, drawing, chart, shown, r, err) < 0)
            return -1;
    fputs("</div>\n", page->out);
    write_data(page, shown);
    fputs("</figure>\n", page->out);
    return 0;
}

/* ---- What is not in the run */

static bool file_has(const char *path, const char *workloads, const char *needs) {
    struct err err;
    char *text = read_file(path, &err);
    bool found = false;
    char word[GB_NAME_MAX + 2];
    for (size_t size; text && *workloads; workloads += size, workloads += strspn(workloads, " ")) {
        size = strcspn(workloads, " ");
        snprintf(word, sizeof word, "[%.*s", (int)size, workloads);
        found |= strstr(text, word) != NULL;
    }
    found = found && (!needs || strstr(text, needs));
    free(text);
    return found;
}

/* The matrices that would give it, by their names. */
static int matrices_with(const struct page *page, const struct chart *chart, char *text,
                         size_t room) {
    char folder[GB_PATH_MAX + 32], path[GB_PATH_MAX + 300];
    struct dirent **entries;
    size_t used = 0;
    int count, found = 0;
    snprintf(folder, sizeof folder, "%s/runners/matrix", page->reg->home);
    if ((count = scandir(folder, &entries, NULL, alphasort)) < 0)
        return 0;
    for (int i = 0; i < count; i++) {
        char *end = strstr(entries[i]->d_name, ".ini");
        snprintf(path, sizeof path, "%s/%s", folder, entries[i]->d_name);
        if (end && !end[4] && used < room && file_has(path, chart->workloads, chart->needs))
            used += (size_t)snprintf(text + used, room - used, "%sgilbench run %.*s",
                                     found++ ? ", or " : "", (int)(end - entries[i]->d_name),
                                     entries[i]->d_name);
        free(entries[i]);
    }
    free(entries);
    return found;
}

static void write_absent(const struct page *page, const struct chart *chart) {
    char names[1000] = "";
    html(page->out, "<section class=\"chart\" id=\"{}\">\n<h2>{}</h2>\n", chart->id,
         chart->question);
    if (!chart->workloads)
        fputs("<p class=\"absent\">Nothing of this run could be drawn.</p>\n", page->out);
    else if (matrices_with(page, chart, names, sizeof names))
        html(page->out, "<p class=\"absent\">Not in this run; <code>{}</code> gives it.</p>\n",
             names);
    else
        html(page->out,
             "<p class=\"absent\">Not in this run; a matrix with a section of {} gives it.</p>\n",
             chart->workloads);
    fputs("</section>\n", page->out);
}

/* ---- A question */

/* A command for each workload that was drawn. */
static void write_commands(const struct page *page, const struct section *s) {
    fputs(
        "<details class=\"again\"><summary>To measure it again</summary><pre tabindex=\"0\"><code>",
        page->out);
    for (int i = 0; i < s->nshown; i++) {
        const struct panel *panel = any_of(&s->shown[i]);
        char only[GB_NAME_MAX + 3], *text = NULL;
        size_t size;
        bool said = false;
        FILE *memory;
        for (int k = 0; k < i; k++)
            said |= !strcmp(any_of(&s->shown[k])->workload, panel->workload);
        if (said || !(memory = open_memstream(&text, &size)))
            continue;
        snprintf(only, sizeof only, "%s/*", panel->workload);
        write_command(memory, page->runs[s->shown[i].sides[0].panel ? 0 : 1], only);
        fclose(memory);
        html(page->out, "{} &amp;&amp; gilbench report\n", text);
        free(text);
    }
    fputs("</code></pre></details>\n", page->out);
}

static int write_section(const struct page *page, const struct drawing *drawing,
                         const struct section *s, struct err *err) {
    if (!s->nshown) {
        write_absent(page, s->chart);
        return 0;
    }
    html(page->out,
         "<section class=\"chart\" id=\"{}\">\n<h2>{}</h2>\n<p class=\"how\">{} Bars: 95 % "
         "intervals.</p>\n<div class=\"panels{}\">\n",
         s->chart->id, s->chart->question, s->chart->how, page->nruns > 1 ? " pair" : "");
    for (int i = 0; i < s->nshown; i++) {
        if (i == OPEN_PANELS) {
            char more[64];
            snprintf(more, sizeof more, "%d more", s->nshown - i);
            html(page->out,
                 "</div>\n<details class=\"more\"><summary>{}</summary>\n"
                 "<div class=\"panels{}\">\n",
                 more, page->nruns > 1 ? " pair" : "");
        }
        if (write_panel(page, drawing, s->chart, &s->shown[i], err) < 0)
            return -1;
    }
    fputs(s->nshown > OPEN_PANELS ? "</div></details>\n" : "</div>\n", page->out);
    write_commands(page, s);
    fputs("</section>\n", page->out);
    return 0;
}

int html_charts(const struct page *page, struct err *err) {
    struct section *sections;
    struct drawing drawing;
    int count = 0, opened = 0, failed;
    while (charts[count].id)
        count++;
    if (!(sections = calloc((size_t)count, sizeof *sections)))
        return err_set(err, GB_RUNTIME, "out of memory");
    failed = drawing_open(&drawing, page->reg->home, err);
    for (; !failed && opened < count; opened++)
        failed = open_section(&sections[opened], &charts[opened], page, err) < 0 ||
                 draw_section(&sections[opened], &drawing, page, err) < 0;
    if (!failed)
        failed = drawing_draw(&drawing, page->reg, err) < 0;
    for (int i = 0; !failed && i < count; i++)
        failed = write_section(page, &drawing, &sections[i], err) < 0;
    for (int i = 0; i < opened; i++)
        close_section(&sections[i]);
    drawing_close(&drawing);
    free(sections);
    return failed ? -1 : 0;
}
