/* cmd_report.c - gilbench report: report.html (html_report.h) and report.md, made from results.json
 * alone: the summary first, then pictures with their answers, then what was attested, the machine,
 * and how to repeat it. */
#include "claims.h"
#include "cmd.h"
#include "facts.h"
#include "html_report.h"
#include "latency.h"
#include "matrix.h"
#include "registry.h"
#include "repeat.h"
#include "scaling.h"
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char help[] =
    "usage: gilbench report [DIR | results.json] [options]\n"
    "\n"
    "Writes DIR/report.html and DIR/report.md for a run (default: results/latest). The page needs "
    "no "
    "network and draws its own pictures, with gnuplot; report.md shows those of `gilbench plot`.\n"
    "\n"
    "      --against FILE  another run beside it, with the same axes, cell by cell: writes "
    "DIR/report-against-RUN.html alone\n"
    "  -o, --output FILE   where the page goes\n"
    "\n"
    "example: gilbench report results/latest --against results/runs/old\n"
    "\n"
    "exit: 0 written (without gnuplot report.md alone), 1 cannot write, 2 usage or no such run, 6 "
    "no "
    "results of gilbench, 77 there is no gnuplot, and the page was asked for by name\n";
static const struct option known[] = {{"against", 1, 0, 'a'}, {"output", 1, 0, 'o'}, {0, 0, 0, 0}};

/* ---- Tables */

static bool is_shared(const struct result *r) {
    return r->nreps && r->reps[0].shared_core;
}

static void write_numbers(FILE *out, const struct result *r) {
    char rate[96], speedup[96], cpu[32], user[32], sys[32], p50[32], p99[32], pss[32], startup[32],
        peak[32];
    format_interval(rate, sizeof rate, &r->ops_per_s, format_si);
    format_interval(speedup, sizeof speedup, &r->speedup, format_ratio);
    format_value(cpu, sizeof cpu, &r->cpu_ns_per_op, format_ns);
    format_value(user, sizeof user, &r->user_ns_per_op, format_ns);
    format_value(sys, sizeof sys, &r->sys_ns_per_op, format_ns);
    format_value(p50, sizeof p50, &r->uncorrected.p50, format_ns);
    format_value(p99, sizeof p99, &r->uncorrected.p99, format_ns);
    format_value(pss, sizeof pss, &r->pss_b, format_bytes);
    format_value(peak, sizeof peak, &r->peak_rss_b, format_bytes);
    format_value(startup, sizeof startup, &r->startup_ns, format_ns);
    fprintf(out, "%s | %s | %s (%s + %s) | %.3g / %.3g | %s | %s | %s | %s | %s%s%s |\n", rate,
            speedup, cpu, user, sys, r->nvcsw_per_op.value, r->nivcsw_per_op.value, p50, p99, pss,
            peak, startup, is_shared(r) ? " (shared core)" : "",
            *r->client_bound ? " **client_bound**" : "");
}

static void write_row(FILE *out, const struct result *r) {
    char model[3 * GB_NAME_MAX], params[256];
    cell_label(&r->cell, model, sizeof model);
    format_params(params, sizeof params, &r->cell);
    fprintf(out, "| %s | %s | ", model, params);
    if (*r->cell.not_run)
        fprintf(out, "NOT RUN: %s | | | | | | | | |\n", r->cell.not_run);
    else if (*r->void_reason)
        fprintf(out, "VOID: %s | | | | | | | | |\n", r->void_reason);
    else if (!r->ops_per_s.n)
        fputs("no rep was finished | | | | | | | | |\n", out);
    else
        write_numbers(out, r);
}

void report_workload_table(FILE *out, const struct runset *run, const char *workload) {
    fprintf(out,
            "\n### %s\n\n"
            "| model | parameters | ops/s [95 %%] | speed-up [95 %%] | CPU per op (user + sys) | "
            "switches per op, vol. / invol. | p50, uncorrected | "
            "p99, uncorrected | PSS of the tree | peak RSS | start-up |\n"
            "|---|---|---|---|---|---|---|---|---|---|---|\n",
            workload);
    for (int i = 0; i < run->nresults; i++)
        if (!strcmp(run->results[i].cell.workload, workload))
            write_row(out, &run->results[i]);
    report_latency(out, run, workload);
}

/* ---- Pictures and their answers */

static const char *axis_text(const struct result *r, const char *axis) {
    const char *value = cell_param(&r->cell, axis);
    return value ? value : "1";
}

static int most(const struct runset *run, const char *workload, const char *axis) {
    int greatest = 0, value;
    for (int i = 0; i < run->nresults; i++)
        if (!strcmp(run->results[i].cell.workload, workload) &&
            sscanf(axis_text(&run->results[i], axis), "%d", &value) == 1)
            greatest = value > greatest ? value : greatest;
    return greatest;
}

/* "model 1.98x [1.95x, 2.01x]" of every cell at the right end of the picture. */
static void write_answer(FILE *out, const struct runset *run, const char *workload,
                         const char *axis, size_t offset, void (*format)(char *, size_t, double)) {
    int x = most(run, workload, axis), value;
    const char *comma = "";
    for (int i = 0; i < run->nresults; i++) {
        const struct result *r = &run->results[i];
        const struct estimate *e = (const struct estimate *)((const char *)r + offset);
        char model[3 * GB_NAME_MAX], text[96];
        if (!result_can_be_ranked(r) || cell_rate(&r->cell) || strcmp(r->cell.workload, workload) ||
            sscanf(axis_text(r, axis), "%d", &value) != 1 || value != x || !e->n)
            continue;
        cell_label(&r->cell, model, sizeof model);
        format_interval(text, sizeof text, e, format);
        fprintf(out, "%s%s %s", comma, model, text);
        comma = "; ";
    }
    fputs(".\n", out);
}

static void write_picture(FILE *out, const char *folder, const char *prefix, const char *workload,
                          const char *question) {
    char path[PATH_MAX];
    struct stat info;
    snprintf(path, sizeof path, "%.3000s/plots/%s-%s.svg", folder, prefix, workload);
    if (stat(path, &info) == 0)
        fprintf(out, "\n![%s](plots/%s-%s.svg)\n\n", question, prefix, workload);
    else
        fprintf(out, "\n**%s** (no picture: run `gilbench plot`)\n\n", question);
}

static void write_closed_pictures(FILE *out, const struct runset *run, const char *folder,
                                  const char *w) {
    write_picture(out, folder, "load", w, "How many requests a second, at what cost?");
    fprintf(out, "%s with %d in flight, ops/s: ", w, most(run, w, "concurrency"));
    write_answer(out, run, w, "concurrency", offsetof(struct result, ops_per_s), format_si);
    fputs("CPU per op: ", out);
    write_answer(out, run, w, "concurrency", offsetof(struct result, cpu_ns_per_op), format_ns);
    write_picture(out, folder, "latency", w, "How long does one request take?");
    fprintf(out, "99th percentile of %s, uncorrected (closed loop), with %d in flight: ", w,
            most(run, w, "concurrency"));
    write_answer(out, run, w, "concurrency", offsetof(struct result, uncorrected.p99), format_ns);
}

static void write_pictures(FILE *out, const struct runset *run, const char *folder,
                           const struct cell *cell) {
    const char *w = cell->workload;
    if (cell->kind == GB_CPU) {
        write_picture(out, folder, "speedup", w, "Do more workers make it faster?");
        fprintf(out, "Speed-up of %s with %d workers: ", w, most(run, w, "workers"));
        write_answer(out, run, w, "workers", offsetof(struct result, speedup), format_ratio);
        return;
    }
    if (runset_is_drawn(run, w, false))
        write_closed_pictures(out, run, folder, w);
    if (runset_is_drawn(run, w, true))
        write_picture(out, folder, "rate", w, "How long does a request take under which load?");
}

/* ---- The rest */

static void write_attestation(FILE *out, const struct runset *run) {
    fputs("\n## What was in force\n\n"
          "Each process said this of itself after all imports, and again at its end; a difference "
          "to what was planned makes its cell VOID.\n\n"
          "| cell | GIL | runtime | loop | cores of the subject | cores of the peer | start method "
          "| build | digest |\n"
          "|---|---|---|---|---|---|---|---|---|\n",
          out);
    for (int i = 0; i < run->nresults; i++) {
        const struct result *r = &run->results[i];
        const struct rep *rep = r->reps;
        if (r->nreps && rep->nsamples)
            fprintf(out, "| %s | %s | %s | %s | %s | %s%s | %s | %s | %016llx |\n", r->cell.id,
                    rep->at_ready.gil, rep->at_ready.runtime, rep->at_ready.loop,
                    rep->at_ready.affinity, *rep->peer_cpus ? rep->peer_cpus : "-",
                    rep->shared_core ? " (shared)" : "", rep->at_ready.start_method,
                    rep->at_ready.build, (unsigned long long)rep->samples[0].digest);
    }
}

static void write_machine(FILE *out, const struct runset *run) {
    fputs("\n## Machine and build\n\n| fact | value |\n|---|---|\n", out);
    for (int i = 0; i < run->nfacts; i++)
        fprintf(out, "| %s | %s |\n", run->facts[i].key, run->facts[i].value);
}

static void write_repeat(FILE *out, const struct runset *run) {
    fprintf(out, "\n## To repeat it\n\n```\ngit checkout %s\nmake\nbuild/release/",
            fact_find(run, "commit"));
    write_command(out, run, NULL);
    fputs("\n```\n\nThe plan is a function of matrix and seed: the same cells in the same order. "
          "Every raw sample is in results.json.\n",
          out);
}

static int write_report(FILE *out, const struct runset *run, const char *folder, const char *home,
                        struct err *err) {
    fprintf(
        out,
        "# gilbench: %s\n\nRun %s, %s, %s on %s (%s), commit %s, %d processes for each cell%s.\n",
        run->matrix_name, run->run_id, run->created_utc, fact_find(run, "python"),
        fact_find(run, "cpu_model"), fact_find(run, "topology"), fact_find(run, "commit"),
        run->reps, run->interrupted ? " (interrupted: fewer of some)" : "");
    if (*fact_find(run, "store") && strcmp(fact_find(run, "store"), "embedded"))
        fprintf(out, "Store of client workloads: %s, which knows no delay_us.\n",
                fact_find(run, "store"));
    if (claims_report(out, home, run, err) < 0)
        return -1;
    fputs("\n## Summary\n\n"
          "Medians over processes with 95 % bootstrap intervals. Speed-up: against one worker of "
          "the same language (`serial` for Python), "
          "paired by block. CPU, switches and memory are those of the subject's process tree, read "
          "from outside it.\n",
          out);
    for (int i = 0; i < run->nresults; i++)
        if (runset_first_of_workload(run, i))
            report_workload_table(out, run, run->results[i].cell.workload);
    scaling_write(out, run);
    fputs("\n## Pictures\n", out);
    for (int i = 0; i < run->nresults; i++)
        if (runset_first_of_workload(run, i))
            write_pictures(out, run, folder, &run->results[i].cell);
    write_attestation(out, run);
    write_machine(out, run);
    write_repeat(out, run);
    return 0;
}

/* ---- The files */

struct options {
    const char *against, *output;
};

/* Everything or nothing: `write` fills PATH.tmp, which is then renamed. */
static int write_whole(const char *path, int (*write)(FILE *, void *, struct err *), void *arg,
                       struct err *err) {
    char part[GB_PATH_MAX + 40];
    FILE *out;
    int failed;
    snprintf(part, sizeof part, "%s.tmp", path);
    if (!(out = fopen(part, "w")))
        return err_set(err, GB_RUNTIME, "cannot write %s: %s", part, strerror(errno));
    failed = write(out, arg, err);
    if (!failed && (fflush(out) == EOF || ferror(out)))
        failed = err_set(err, GB_RUNTIME, "cannot write %s: %s", part, strerror(errno));
    fclose(out);
    if (!failed && rename(part, path) < 0)
        failed = err_set(err, GB_RUNTIME, "cannot write %s: %s", path, strerror(errno));
    if (failed)
        unlink(part);
    else
        fprintf(stderr, "report: %s\n", path);
    return failed;
}

struct markdown {
    const struct runset *run;
    const char *folder, *home;
};

static int fill_markdown(FILE *out, void *arg, struct err *err) {
    const struct markdown *markdown = arg;
    return write_report(out, markdown->run, markdown->folder, markdown->home, err);
}

static int fill_page(FILE *out, void *arg, struct err *err) {
    struct page *page = arg;
    page->out = out;
    return html_report(page, err);
}

static int report_one(const struct options *o, struct page *page, const char *folder,
                      struct err *err) {
    struct markdown markdown = {page->runs[0], folder, page->reg->home};
    char path[GB_PATH_MAX + 32];
    snprintf(path, sizeof path, "%s/report.md", folder);
    if (write_whole(path, fill_markdown, &markdown, err) < 0)
        return -1;
    snprintf(path, sizeof path, "%s/report.html", folder);
    if (write_whole(o->output ? o->output : path, fill_page, page, err) == 0)
        return 0;
    if (err->code != GB_NOTHING || o->output)
        return -1;
    complain(err); /* without gnuplot there is report.md */
    return 0;
}

/* The page of two runs has a name of its own, so that neither loses its own page. */
static int report_two(const struct options *o, struct page *page, const char *folder,
                      struct runset *other, struct err *err) {
    char file[GB_PATH_MAX], other_folder[GB_PATH_MAX], path[GB_PATH_MAX + 200];
    int failed;
    if (find_results(o->against, file, other_folder, sizeof file, err) < 0 ||
        results_read(file, other, err) < 0)
        return -1;
    page->runs[page->nruns++] = other;
    snprintf(path, sizeof path, "%s/report-against-%s.html", folder, other->run_id);
    failed = write_whole(o->output ? o->output : path, fill_page, page, err);
    runset_free(other);
    return failed;
}

static int report(const struct options *o, const char *arg, struct registry *reg, struct err *err) {
    char file[GB_PATH_MAX], folder[GB_PATH_MAX];
    struct runset run, other;
    struct page page = {.reg = reg, .runs = {&run}, .nruns = 1};
    int failed;
    if (registry_places(reg, err) < 0 || find_results(arg, file, folder, sizeof file, err) < 0 ||
        results_read(file, &run, err) < 0)
        return -1;
    failed =
        o->against ? report_two(o, &page, folder, &other, err) : report_one(o, &page, folder, err);
    runset_free(&run);
    return failed;
}

static int parse_options(struct options *o, int argc, char **argv, struct err *err) {
    int option;
    *o = (struct options){0};
    while ((option = getopt_long(argc, argv, "o:", known, NULL)) != -1) {
        if (option == 'a')
            o->against = optarg;
        else if (option == 'o')
            o->output = optarg;
        else
            return err_set(err, GB_USAGE, "see gilbench report --help");
    }
    return argc - optind > 1 ? err_set(err, GB_USAGE,
                                       "one run expected; '%s' is too much: a second "
                                       "one is given by --against",
                                       argv[optind + 1])
                             : 0;
}

static int cmd_report(int argc, char **argv) {
    struct registry *reg = calloc(1, sizeof *reg);
    struct options options;
    struct err err = {0};
    int code = GB_OK;
    if (!reg || parse_options(&options, argc, argv, &err) < 0 ||
        report(&options, optind < argc ? argv[optind] : "results/latest", reg, &err) < 0)
        code = complain(&err);
    free(reg);
    return code;
}

const struct verb verb_report = {"report",   "write the report of a run, as a page and as Markdown",
                                 cmd_report, help,
                                 known,      "o:"};
