/* cmd_export.c - gilbench export and gilbench import. */
#include "ab_read.h"
#include "cmd.h"
#include "document.h"
#include "export.h"
#include "gate.h"
#include "registry.h"
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char export_help[] =
    "usage: gilbench export FILE --to FORMAT [options]\n"
    "\n"
    "Writes the results of a run (a results.json or its folder) in another format:\n"
    "\n"
    "  md         the summary tables, as Markdown\n"
    "  csv        a row a cell: every estimate with its 95 % interval; RFC 4180\n"
    "  pyperf     a pyperf.BenchmarkSuite: a run a process, seconds per op\n"
    "  hyperfine  what hyperfine --export-json writes: a command a cell, a time a sample\n"
    "  github     github-action-benchmark, customSmallerIsBetter: nanoseconds per op\n"
    "\n"
    "Results of gilbench ab are written as ratios (md, csv, github), as both arms (hyperfine) or "
    "as one arm (pyperf: --arm A or B, the\n"
    "default), so that `pyperf compare_to` can set the two side by side.\n"
    "\n"
    "      --to md|csv|pyperf|hyperfine|github  the format\n"
    "  -o, --output OUT  where to (default: standard output)\n"
    "      --arm A|B     of results of gilbench ab, for pyperf\n"
    "\n"
    "example: gilbench export results/latest --to pyperf -o results.pyperf.json\n"
    "\n"
    "exit: 0 written, 1 cannot write, 2 usage or no such file, 6 no results of gilbench, 77 no "
    "cell has a number\n";

static const char import_help[] =
    "usage: gilbench import FILE --from pyperf -o OUT\n"
    "\n"
    "Reads the results of pyperf (`-o FILE` of its commands) and writes them as results of "
    "gilbench, for compare, report and export.\n"
    "What pyperf does not measure is empty; a run is a process, calibrations "
    "are left out.\n"
    "\n"
    "      --from pyperf  the format\n"
    "  -o, --output OUT   where to\n"
    "\n"
    "example: gilbench import bench.json --from pyperf -o results.json\n"
    "\n"
    "exit: 0 written, 1 cannot write, 2 usage or no such file, 6 no pyperf results in seconds\n";

struct options {
    const char *file, *format, *output;
    const char *arm; /* of results of ab, for formats that have one side only */
};

static const struct option export_options[] = {
    {"to", 1, 0, 'f'}, {"output", 1, 0, 'o'}, {"arm", 1, 0, 'a'}, {0, 0, 0, 0}};
static const struct option import_options[] = {
    {"from", 1, 0, 'f'}, {"output", 1, 0, 'o'}, {0, 0, 0, 0}};

static int parse_options(struct options *o, const struct option *known, int argc, char **argv,
                         struct err *err) {
    int option;
    *o = (struct options){.arm = "B"};
    while ((option = getopt_long(argc, argv, "o:", known, NULL)) != -1) {
        if (option == 'f')
            o->format = optarg;
        else if (option == 'o')
            o->output = optarg;
        else if (option == 'a')
            o->arm = optarg;
        else
            return err_set(err, GB_USAGE, "see gilbench %s --help", argv[0]);
    }
    if (argc - optind != 1)
        return err_set(err, GB_USAGE, "one file expected, %d are given; see gilbench %s --help",
                       argc - optind, argv[0]);
    o->file = argv[optind];
    return o->format ? 0
                     : err_set(err, GB_USAGE, "--%s which format? see gilbench %s --help",
                               known->name, argv[0]);
}

/* ---- export */

/* What is exported: a run, or results of ab. */
struct source {
    struct document document;
    struct runset run;
    struct ab_result *ab; /* NULL: a run */
};

static int write_run(FILE *out, const char *format, const struct runset *run, struct err *err) {
    if (!strcmp(format, "pyperf"))
        return export_pyperf(out, run, err);
    if (!strcmp(format, "hyperfine"))
        return export_hyperfine(out, run, err);
    if (!strcmp(format, "github"))
        return export_github(out, run, err);
    if (!strcmp(format, "md"))
        export_markdown(out, run);
    else
        export_csv(out, run);
    return 0;
}

static int write_ab(FILE *out, const struct options *o, const struct source *source,
                    struct err *err) {
    const struct gate gate = {source->ab, "gilbench ab", "", false};
    if (!strcmp(o->format, "pyperf"))
        return export_ab_pyperf(out, &source->document, o->arm, err);
    if (!strcmp(o->format, "hyperfine"))
        return export_ab_hyperfine(out, &source->document, err);
    if (!strcmp(o->format, "github"))
        return export_ab_github(out, &source->document, err);
    if (!strcmp(o->format, "md"))
        gate_markdown(out, &gate);
    else
        export_ab_csv(out, source->ab);
    return 0;
}

static int write_file(const struct options *o, const struct source *source, struct err *err) {
    FILE *out = o->output ? fopen(o->output, "w") : stdout;
    int failed;
    if (!out)
        return err_set(err, GB_RUNTIME, "cannot write %s: %s", o->output, strerror(errno));
    failed =
        source->ab ? write_ab(out, o, source, err) : write_run(out, o->format, &source->run, err);
    if (!failed && (fflush(out) == EOF || ferror(out)))
        failed = err_set(err, GB_RUNTIME, "cannot write %s: %s",
                         o->output ? o->output : "to standard output", strerror(errno));
    if (o->output)
        fclose(out);
    return failed;
}

static bool any_number(const struct source *source) {
    for (int i = 0; i < source->run.nresults; i++)
        if (result_has_number(&source->run.results[i]))
            return true;
    for (int i = 0; source->ab && i < source->ab->nbenchmarks; i++)
        if (source->ab->benchmarks[i].stats.n)
            return true;
    return false;
}

static int open_source(struct source *source, const char *home, const char *path, struct err *err) {
    if (document_load(home, path, &source->document, err) < 0)
        return -1;
    if (source->document.journal)
        return err_set(err, GB_INCOMPATIBLE, "%s is a journal of %s; results are expected", path,
                       source->document.kind->schema);
    if (!strcmp(source->document.kind->schema, "gilbench/result"))
        return results_read(path, &source->run, err);
    if (!(source->ab = calloc(1, sizeof *source->ab)))
        return err_set(err, GB_RUNTIME, "out of memory");
    return ab_results_read(home, path, source->ab, err);
}

static void close_source(struct source *source) {
    document_free(&source->document);
    runset_free(&source->run);
    if (source->ab)
        ab_result_free(source->ab);
    free(source->ab);
}

static int export_results(const char *home, const struct options *o, struct err *err) {
    char file[GB_PATH_MAX], folder[GB_PATH_MAX];
    struct source source = {0};
    int failed;
    if (!has_word("md csv pyperf hyperfine github", o->format))
        return err_set(err, GB_USAGE,
                       "--to: md, csv, pyperf, hyperfine or github expected, not '%s'", o->format);
    if (strcmp(o->arm, "A") && strcmp(o->arm, "B"))
        return err_set(err, GB_USAGE, "--arm: A or B expected, not '%s'", o->arm);
    if (find_results(o->file, file, folder, sizeof file, err) < 0)
        return -1;
    failed = open_source(&source, home, file, err);
    if (!failed && !any_number(&source) && !has_word("md csv", o->format))
        failed = err_set(err, GB_NOTHING, "%s: no cell has a number: nothing to export", file);
    if (!failed)
        failed = write_file(o, &source, err);
    close_source(&source);
    return failed;
}

static int cmd_export(int argc, char **argv) {
    struct registry *reg = calloc(1, sizeof *reg);
    struct options options;
    struct err err = {0};
    int code = GB_OK;
    if (!reg || registry_places(reg, &err) < 0 ||
        parse_options(&options, export_options, argc, argv, &err) < 0 ||
        export_results(reg->home, &options, &err) < 0)
        code = complain(&err);
    free(reg);
    return code;
}

const struct verb verb_export = {
    "export",       "results as Markdown, CSV, or for pyperf, hyperfine, GitHub",
    cmd_export,     export_help,
    export_options, "o:"};

/* ---- import */

static int import_results(const struct options *o, struct err *err) {
    struct runset run;
    int failed;
    if (strcmp(o->format, "pyperf"))
        return err_set(err, GB_USAGE, "--from: pyperf expected, not '%s'", o->format);
    if (!o->output)
        return err_set(err, GB_USAGE, "-o OUT: which file should be written?");
    if (import_pyperf(o->file, &run, err) < 0)
        return -1;
    failed = results_write(o->output, &run, err);
    runset_free(&run);
    return failed;
}

static int cmd_import(int argc, char **argv) {
    struct options options;
    struct err err = {0};
    return parse_options(&options, import_options, argc, argv, &err) < 0 ||
                   import_results(&options, &err) < 0
               ? complain(&err)
               : GB_OK;
}

const struct verb verb_import = {
    "import", "results of pyperf as ours", cmd_import, import_help, import_options, "o:"};
