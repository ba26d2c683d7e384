/* claims.h - what people say of threads, loops and processes, decided by a run.
 *
 *   register (runners/claims.ini) + results of one run -> struct claim_board -> text, Markdown, JSON
 *
 * A claim has figures. A figure is a number with its 95 % interval, made of the processes of the run
 * as all its estimates are: of one cell, or of two cells paired by block. It HOLDS where the whole
 * interval lies where the claim says, is REFUTED where the whole interval lies elsewhere, and is
 * UNDECIDED between. Each claim is decided for each interpreter of the run: a column. A control says
 * whether the machine could have shown it at all. All of it is a pure function of its arguments; the
 * rules, and why: docs/decisions/025. */
#ifndef GILBENCH_CLAIMS_H
#define GILBENCH_CLAIMS_H

#include "results.h"
#include <stdio.h>

enum claim_verdict {
    CLAIM_HOLDS,
    CLAIM_REFUTED,
    CLAIM_UNDECIDED,
    CLAIM_NOT_RUN, /* a cell that it needs has no number */
    CLAIM_INVALID, /* a control failed: INVALID HOST */
    CLAIM_VERDICTS
};

enum {
    CLAIMS_MAX = 32,
    CLAIM_FIGURES_MAX = 8,
    CLAIM_COLUMNS_MAX = 24,
    CLAIM_BLOCKS_LEAST = 5, /* pairs of processes without which nothing is decided: decision 003 */
};

/* Over which of its cells a figure is made. */
enum figure_over {
    OVER_FIRST,   /* the first of the list that has a number */
    OVER_MAX,     /* the greatest, with the greatest bounds; what cannot run here is left out */
    OVER_MIN,     /* likewise, the least */
    OVER_GEOMEAN, /* the geometric mean of all */
    OVER_SLOPE,   /* least squares over the parameter `x` of all cells that fit, a line a block */
    OVER_R2,      /* of the same line: the share of the variance that it explains */
    OVER_CROSSING, /* the least x from which on the ratio to the base is 1 or more, between two points
                      by a straight line over the logarithm of x; the least of all x where it always is. Of a
                      block in which it never is there is none, and then no figure */
};

/* Whether a figure is made of all cells that fit its one word. */
static inline bool over_points(enum figure_over over) {
    return over == OVER_SLOPE || over == OVER_R2 || over == OVER_CROSSING;
}

struct figure_rule {
    char name[GB_LABEL_MAX]; /* unique in its claim; {name} in sentences */
    char about[200];         /* "speed-up of two threads" */
    char cells[1000];        /* words WORKLOAD/MODEL[/key=value,...] */
    char base[256];          /* "" or one such word: the figure is a ratio to it. '*' as workload:
                                     that of the cell; MODEL@gil: the same build with the GIL on,
                                     @plain: the build with a GIL. What is not said is as in the cell. */
    char statistic[GB_NAME_MAX]; /* a name that rep_figure() knows */
    char unit[16];               /* x, ns, b, share or number: how it is written */
    char table[GB_NAME_MAX]; /* "" or a file of results/: the figure is counted in it, not measured:
                                      the slope of the column `statistic` over x of the rows `cells` */
    double counted;          /* that slope */
    char x[GB_NAME_MAX];     /* a parameter; of a crossing "": the time of the base's op, ns */
    double x_unit;           /* x times this is in the unit of the statistic */
    enum figure_over over;
    double holds_lo, holds_hi;     /* HOLDS within */
    double refuted_lo, refuted_hi; /* REFUTED below the one or above the other */
    bool supports;                 /* it cannot refute; without it the claim does not hold */
    bool shows;                    /* it decides nothing, and is there to be read */
};

struct claim {
    char id[16];        /* C1; of a control its name */
    char says[400];     /* the claim, as people say it */
    char controls[128]; /* words */
    char applies[128];  /* words, conditions of columns: any, gil, free, each perhaps with <3.12 or
                            >=3.12 behind it; "" for all */
    char expected[256]; /* words CONDITION:VERDICT, the first that fits; "" for none */
    char holds[600], refuted[600], mixed[600]; /* what a verdict means; mixed: refuted, but some
                                                  figures hold */
    char surprise[600];                        /* where the verdict is not the expected one */
    bool any;                                  /* one figure that holds is enough; else all must */
    bool denies;                               /* the figures are those of the contrary */
    bool once;                                 /* no Python in it: one verdict for all columns */
    struct figure_rule figures[CLAIM_FIGURES_MAX];
    int nfigures;
};

struct claim_register {
    char name[256];
    struct claim claims[CLAIMS_MAX], controls[8];
    int nclaims, ncontrols;
};

/* Errors are GB_USAGE and name file, line and column. */
int claims_parse(struct claim_register *reg, const char *name, const char *text, struct err *err);
int claims_read(struct claim_register *reg, const char *path, struct err *err);

/* An interpreter of the run. */
struct claim_column {
    char label[GB_LABEL_MAX];  /* as cells have it; "" where the run has one interpreter only */
    char name[GB_NAME_MAX];    /* for people: "3.13t" */
    char runtime[GB_NAME_MAX]; /* attested: "cpython-3.13.0"; "" if nothing of it ran */
    bool free_threaded;        /* attested with the GIL off */
    int minor;                 /* 13 */
};

struct figure {
    const struct figure_rule *rule;
    enum claim_verdict verdict;
    struct estimate estimate;  /* n: blocks; 0 without a number */
    char cell[256], base[256]; /* ids; of a figure over several cells the one that decides */
    char model[3 * GB_NAME_MAX];
    char why[600]; /* why it is NOT RUN or UNDECIDED */
};

struct claim_decision {
    const struct claim *claim;
    int column; /* index; -1 for a claim without Python */
    enum claim_verdict verdict;
    bool mixed;
    int expected;        /* a verdict, or -1 */
    char sentence[1200]; /* why, in plain words */
    char note[900];      /* "" or how it differs from what was expected, or how to get it */
    struct figure figures[CLAIM_FIGURES_MAX];
};

struct claim_board {
    const struct claim_register *reg;
    const struct runset *run;
    struct claim_column columns[CLAIM_COLUMNS_MAX];
    int ncolumns;
    struct claim_decision *controls, *decisions; /* owned */
    int ncontrols, ndecisions;
    int counts[CLAIM_VERDICTS];
};

/* Decides all claims, or those named in `only` (words or a list with commas; NULL for all), for every
 * column. `reg` and `run` must outlive the board. An unknown name is GB_USAGE. */
int claims_decide(struct claim_board *board, const struct claim_register *reg,
                  const struct runset *run, const char *only, struct err *err);
void claims_free(struct claim_board *board);

/* The interpreters of board->run: the first half of claims_decide. */
void claims_columns(struct claim_board *board);
/* One control or figure for one column: what claims_decide is made of. */
void claims_figure(struct figure *figure, const struct figure_rule *rule, const struct runset *run,
                   const struct claim_board *board, int column);

/* Whether a column fits one of the conditions; no condition fits all. */
bool claims_condition(const char *word, const struct claim_column *column);
bool claims_condition_is_valid(const char *word);
/* "HOLDS", "REFUTED", "UNDECIDED", "NOT RUN", "INVALID HOST". */
const char *claim_verdict_name(enum claim_verdict verdict);
/* "0.98x [0.97x, 1.00x]"; "-" without a number. */
void figure_text(const struct figure *figure, char *text, size_t room);
/* "at least 1.60x" */
void figure_limits(const struct figure_rule *rule, char *text, size_t room);

/* For a terminal; a Markdown table, a row a claim, a column an interpreter, then a line for each
 * verdict; JSON of the schema gilbench/claims. */
void claims_text(FILE *out, const struct claim_board *board);
void claims_markdown(FILE *out, const struct claim_board *board);
int claims_json(FILE *out, const struct claim_board *board, struct err *err);
/* The board as the head of a report: nothing where the run decides no claim. */
int claims_report(FILE *out, const char *home, const struct runset *run, struct err *err);

#endif
