/* advise.h - which model for which work, on this machine: a pure function of a profile and of tables
 * that were measured here.
 *
 *   results of the matrix `advise` + register (runners/advise.ini) -> struct advice_tables
 *   tables + struct profile -> struct advice[], the best first
 *
 * A model is what its cells say of it: what a request costs it beside the work, how many requests it
 * computes at a time, what a byte and a waiting request cost. Between the cells stands a closed
 * queueing network (stats/mva.h). Formulas, sources and how well it predicts: docs/decisions/026. */
#ifndef GILBENCH_ADVISE_H
#define GILBENCH_ADVISE_H

#include "claims.h"

enum { ADVICE_MODELS_MAX = 96, ADVICE_TRAITS_MAX = 48 };

/* Work, as the user has it: times of one request on an idle machine. */
struct profile {
    double wait_us, python_us, native_us; /* waiting; CPU in pure Python; CPU without the GIL */
    double payload_b;                     /* what would go to a worker and back */
    double concurrency;                   /* requests under way, 1 and more */
    double shared_writes;                 /* a request, to state that all share */
    double memory_b, p99_us;              /* limits; 0: none */
    int cores;
};

/* A section of the register. */
struct advice_trait {
    char model[2 * GB_NAME_MAX]; /* as in the tables: "promise:process" */
    bool offload;                /* computes beside the loop that takes requests */
    char native[200];  /* a cell whose speed-up says how much native work runs at a time; "inline";
                                    "python": as pure Python does */
    char payload[200]; /* a cell without its bytes, or "free" */
    char shared[200];  /* a cell whose time of an op is that of a shared write, or "free" */
    char folk[16];     /* slow, io or cpu: the folk rule names this model; else "" */
};

struct advice_register {
    struct advice_trait traits[ADVICE_TRAITS_MAX];
    int ntraits;
};

/* Errors are GB_USAGE and name file, line and column. */
int advise_register(struct advice_register *reg, const char *path, struct err *err);

/* What was measured of a model under an interpreter. Times are ns, of a request. */
struct advice_table {
    const struct advice_trait *trait;
    char label[3 * GB_NAME_MAX];  /* "threads@3.13t" */
    struct estimate overhead;     /* CPU of a request that only waits */
    struct estimate full;         /* CPU of one that only computes, `nominal_ns` long */
    struct estimate full_rate;    /* such requests a second */
    struct estimate native_lanes; /* n = 0: not measured */
    double nominal_ns;            /* of the computing in `full`, as the matrix has it */
    double reference_ns;          /* what that takes the interpreter on one thread */
    double floor_ns, tail; /* p99: of waiting alone; and in mean times of response when busy */
    double memory_b, memory_each_b; /* of the process tree, and of a request that waits */
    double payload_ns_b, shared_ns; /* a byte over and back; a shared write; NAN: not measured */
    int cores;                      /* on which it was measured */
    double error; /* of predicted rates, from points beside the tables; NAN: none */
    char waits[256], computes[256]; /* ids of the cells */
};

struct advice_tables {
    const struct runset *run;
    struct advice_table tables[ADVICE_MODELS_MAX];
    int ntables;
    char missing[800]; /* models of the register that the run lacks, for people */
};

/* GB_NOTHING when the run has none of the cells. */
int advise_tables(struct advice_tables *tables, const struct advice_register *reg,
                  const struct runset *run, struct err *err);

enum advice_limit { LIMIT_WAITING, LIMIT_LOOP, LIMIT_PYTHON, LIMIT_NATIVE };

struct advice {
    const struct advice_table *table;
    double rate, rate_lo,
        rate_hi; /* requests a second: with all constants at their value, and at their
                                      ends, widened by the error of the model, 2 % at least */
    double p99_ns, memory_b;
    enum advice_limit limit; /* what keeps the rate */
    bool fits_memory, meets_p99;
    bool too_close;    /* its interval reaches that of the first */
    bool extrapolated; /* to more cores than were measured */
    char unknown[120]; /* "" or what of the profile the tables say nothing of */
};

/* Fills advice[] for each table, ranked: first what keeps the limits, then by rate. Returns their
 * number. */
int advise(const struct profile *profile, const struct advice_tables *tables,
           struct advice advice[ADVICE_MODELS_MAX]);

/* The widely copied rule: computes more than it waits: processes; waits for long: asyncio; else threads.
 * slow, io or cpu. */
const char *advise_folk(const struct profile *profile);
/* The table that it names for an interpreter ("@3.13t" or ""), or NULL. */
const struct advice *advise_folk_choice(const char *folk, const struct advice *advice, int count,
                                        const char *python);

/* How good the advice is: predictions against the cells between the tables' (0 < f < 1000). */
struct advice_score {
    const struct advice_table *table;
    int points;
    double median_error, worst_error; /* |predicted / measured - 1| of the rate */
    double median_p99_error;
};
struct advice_scores {
    struct advice_score models[ADVICE_MODELS_MAX];
    int nmodels, points, within; /* predictions, and how many of them are within 25 % */
    int choices;                /* points at which several models of an interpreter were measured */
    double regret, folk_regret; /* mean share of the best rate that is lost by following */
    double worst_regret, worst_folk_regret;
};
/* Sets the error of each table, too. */
void advise_score(struct advice_scores *scores, struct advice_tables *tables);

#endif
