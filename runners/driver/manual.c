/* manual.c - see shells.h. Text becomes roff by escaping what roff would act upon: a backslash, a
 * minus that people may copy, a dot or a quote that begins a line. */
#include "shells.h"
#include <ctype.h>
#include <string.h>

static void escaped(FILE *out, const char *text) {
    if (*text == '.' || *text == '\'')
        fputs("\\&", out);
    for (; *text; text++)
        if (*text == '\\')
            fputs("\\e", out);
        else if (*text == '-')
            fputs("\\-", out);
        else if (*text == '`')
            fputc('\'', out);
        else
            fputc(*text, out);
}

static void paragraph(FILE *out, const char *macro, const char *text) {
    fprintf(out, "%s\n", macro);
    escaped(out, text);
    fputc('\n', out);
}

static void upper(FILE *out, const char *text) {
    for (; *text; text++)
        fputc(toupper((unsigned char)*text), out);
}

static void term(FILE *out, const struct help_item *item) {
    fputs(".TP\n.B ", out);
    escaped(out, item->term);
    if (*item->value) {
        fputs(" \\fI", out);
        escaped(out, item->value);
        fputs("\\fR", out);
    }
    fputc('\n', out);
    escaped(out, *item->text ? item->text : " ");
    fputc('\n', out);
}

static void verb_section(FILE *out, const struct verb *verb) {
    const char *at = verb->help;
    struct help_item item;
    bool usage = true;
    fputs(".SS ", out);
    escaped(out, verb->name);
    fputs("\n", out);
    while (help_next(&at, &item)) {
        if (item.kind == HELP_USAGE) {
            fputs(usage ? ".B " : ".br\n.B ", out);
            escaped(out, item.text);
            fputc('\n', out);
            usage = false;
        } else if (item.kind == HELP_TERM) {
            term(out, &item);
        } else if (item.kind == HELP_EXAMPLE) {
            fputs(".PP\nExample:\n.PP\n.RS 4\n.nf\n", out);
            escaped(out, item.text);
            fputs("\n.fi\n.RE\n", out);
        } else if (item.kind == HELP_EXIT) {
            fputs(".PP\nExit status: ", out);
            escaped(out, item.text);
            fputc('\n', out);
        } else {
            paragraph(out, ".PP", item.text);
        }
    }
}

void manual_page(FILE *out, const char *version) {
    fprintf(out, ".\\\" written by: gilbench help --man\n.TH GILBENCH 1 \"\" \"gilbench ");
    escaped(out, version);
    fputs(
        "\" \"User Commands\"\n.SH NAME\ngilbench \\- pits concurrency models against each other "
        "on pinned cores\n.SH SYNOPSIS\n.B gilbench\n.I VERB\n.RI [ arguments ]\n.br\n.B gilbench "
        "help\n.RI [ VERB ]\n.SH DESCRIPTION\nEvery repetition is a fresh process, bound to its "
        "cores. A process says what is in force and what it computed; a difference to what was "
        "planned makes its cell VOID: no number. Data go to standard output, words for people to "
        "standard error.\n",
        out);
    for (int i = 0; verbs[i]; i++) {
        fputs(".TP\n.B ", out);
        escaped(out, verbs[i]->name);
        fputc('\n', out);
        escaped(out, verbs[i]->about);
        fputc('\n', out);
    }
    fputs(".SH ", out);
    upper(out, "verbs");
    fputc('\n', out);
    for (int i = 0; verbs[i]; i++)
        verb_section(out, verbs[i]);
    fputs(".SH EXIT STATUS\n0 done, 1 run\\-time error, 2 usage, 3 regression, 4 inconclusive, 5 "
          "contaminated, 6 attestation failed or a file that does not fit, 77 nothing to run, 130 "
          "interrupted and resumable.\n.SH ENVIRONMENT\n",
          out);
    static const char *const environment[][2] = {
        {"PYTHON", "the interpreter to measure where no option names one (python3)"},
        {"GILBENCH_HOME", "where runners/, plots/ and results/ are (found from the executable)"},
        {"NO_COLOR", "where it is set and not empty, nothing is coloured"},
        {"CI", "where it is set and not empty, progress is plain lines without colours"},
        {"HWLOC_SYNTHETIC", "for gilbench topology: a machine that is not there"},
    };
    for (size_t i = 0; i < sizeof environment / sizeof *environment; i++) {
        fprintf(out, ".TP\n.B %s\n", environment[i][0]);
        escaped(out, environment[i][1]);
        fputc('\n', out);
    }
    fputs(".SH FILES\n.TP\n.I results/latest\nthe newest run: results.json, journal.jsonl, plots, "
          "report.md, report.html\n.TP\n.I runners/matrix/*.ini\nwhat can be run by name\n",
          out);
}
