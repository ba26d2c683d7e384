/* cmd.h - the verbs of the command line, each in its own cmd_*.c, which ends with its struct verb
 * (help.h); verbs.c lists them. argv[0] is the verb; the result is the exit code. They print: data on
 * stdout, words for people on stderr. --help is main.c's. */
#ifndef GILBENCH_CMD_H
#define GILBENCH_CMD_H

#include "help.h"
#include "results.h"
#include <stdio.h>

extern const struct verb verb_list, verb_topology, verb_doctor, verb_selftest, verb_run, verb_plot,
    verb_report, verb_ab, verb_claims, verb_advise, verb_gate, verb_history, verb_compare,
    verb_validate, verb_schema, verb_export, verb_import, verb_help, verb_completion;

const struct verb *verb_find(const char *name); /* NULL: there is none */
/* What `gilbench --help` and `gilbench VERB --help` print. */
void print_usage(FILE *to);
void print_help(const struct verb *verb);

/* Prints an error as every verb does and returns its exit code. */
int complain(const struct err *err);
/* The same for a command line that is not understood, once getopt_long has said what is wrong. */
int complain_usage(const char *verb);
/* -1 unless the command line has no options; optind is then the first argument. */
int no_options(int argc, char **argv, struct err *err);
/* "2%" or "0.02" -> 0.02; -1 when it is neither, or negative. */
int parse_ratio(const char *text, double *ratio);
/* The interpreter that a verb without --python uses: $PYTHON, else python3. */
const char *default_python(void);

/* text.c: figures for people. */
void format_si(char *text, size_t room, double value);    /* 12.3k */
void format_ns(char *text, size_t room, double ns);       /* 12.3 us */
void format_bytes(char *text, size_t room, double bytes); /* 12.3 MiB */
void format_interval(char *text, size_t room, const struct estimate *estimate,
                     void (*format)(char *, size_t, double)); /* 12.3k [12.1k, 12.6k] */
void format_ratio(char *text, size_t room, double ratio);     /* 1.98x */
/* The value alone; "-" for an estimate that there is not. */
void format_value(char *text, size_t room, const struct estimate *estimate,
                  void (*format)(char *, size_t, double));
/* The parameters of a cell without ops: "workers=2 n=9". */
void format_params(char *text, size_t room, const struct cell *cell);

/* table.c: the table that a run ends with. */
void print_table(const struct runset *run);
/* On stderr, where a reader of the table could take the machine's noise for that of the models. */
void warn_of_wide_intervals(const struct runset *run);

/* The Markdown table of all cells of a workload, with its heading. */
void report_workload_table(FILE *out, const struct runset *run, const char *workload);

/* report_latency.c: latency against offered load, and the cells whose client was the bottleneck;
 * nothing when the workload has neither. */
void report_latency(FILE *out, const struct runset *run, const char *workload);

/* DIR or a results.json -> the file and its folder. */
int find_results(const char *arg, char *file, char *folder, size_t room, struct err *err);
/* dat.c: writes every .dat of a run into folder; their columns are described in dat.c. */
int dat_write(const struct runset *run, const char *folder, struct err *err);

#endif
