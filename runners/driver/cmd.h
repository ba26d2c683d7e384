/* cmd.h - the verbs of the command line, each in its own cmd_*.c. argv[0] is the verb; the result
 * is the exit code. They print: data on stdout, words for people on stderr. */
#ifndef GILBENCH_CMD_H
#define GILBENCH_CMD_H

#include "results.h"
#include <stdio.h>

int cmd_list(int argc, char **argv);
int cmd_topology(int argc, char **argv);
int cmd_run(int argc, char **argv);
int cmd_plot(int argc, char **argv);
int cmd_report(int argc, char **argv);
int cmd_ab(int argc, char **argv);
int cmd_validate(int argc, char **argv);
int cmd_schema(int argc, char **argv);
int cmd_compare(int argc, char **argv);
int cmd_export(int argc, char **argv);
int cmd_import(int argc, char **argv);
int cmd_gate(int argc, char **argv);
int cmd_doctor(int argc, char **argv);

/* Prints an error as every verb does and returns its exit code. */
int complain(const struct err *err);
/* Prints `help` when the first argument asks for it; whether it did. */
bool wants_help(int argc, char **argv, const char *help);
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

/* The table that a run ends with. */
void print_table(const struct runset *run);

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
