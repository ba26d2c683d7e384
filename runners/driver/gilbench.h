/* gilbench.h - the data dictionary of the driver. Read this first: every file of this room turns
 * one of these structures into the next:
 *
 *   matrix file -> struct cell[] -> struct trial[] (the plan) -> struct rep (one process) -> struct
 * sample[]
 *               -> journal line  -> struct result[] -> results.json -> *.dat, report.md
 *
 * Units are in the names: _ns nanoseconds, _b bytes, _s seconds. Times are CLOCK_MONOTONIC. */
#ifndef GILBENCH_H
#define GILBENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../stats/hist.h"

/* Exit codes of the command line; also the `code` of struct err. */
enum gb_exit {
    GB_OK = 0,
    GB_RUNTIME = 1,
    GB_USAGE = 2,
    GB_REGRESSED = 3,
    GB_INCONCLUSIVE = 4,
    GB_CONTAMINATED = 5,
    GB_ATTEST = 6,
    GB_INCOMPATIBLE = 6, /* a file of another schema, machine or interpreter */
    GB_NOTHING = 77,
    GB_INTERRUPTED = 130,
};

/* The one error idiom of this room: a function that can fail returns 0 or -1 and takes a struct err
 * * last, in which it leaves one line for a person: what was wrong, where, what to do. Only cmd_*.c
 * and main.c print it. */
struct err {
    enum gb_exit code;
    char text[1000];
};
int err_set(struct err *err, enum gb_exit code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

enum { GB_NAME_MAX = 64, GB_PARAMS_MAX = 16, GB_LABEL_MAX = 32 };

/* key=value, in the order of the matrix file; both strings are owned by the structure that holds
 * them. */
struct param {
    char key[GB_NAME_MAX];
    char value[GB_NAME_MAX];
};

enum gb_kind { GB_CPU, GB_CLIENT, GB_SERVER, GB_WAIT };

/* One point of the matrix: what is run, and where. */
struct cell {
    char id[256]; /* workload/model/key=value,... : unique in a plan, and the key in results.json */
    char workload[GB_NAME_MAX]; /* as the register of workloads names it */
    char model[GB_NAME_MAX];    /* "promise" */
    char variant[GB_NAME_MAX];  /* "await" or "" */
    char python[GB_LABEL_MAX];  /* label of its interpreter where a run has several, else "" */
    enum gb_kind kind;
    struct param params[GB_PARAMS_MAX];
    int nparams;
    int samples;       /* timed samples in each process */
    int warmup;        /* samples before them that are kept, but not counted */
    int cores;         /* cores that the subject wants */
    int peer_cores;    /* cores that store or load generator want, 0 without a peer */
    double timeout_s;  /* of one sample, and of set-up */
    char not_run[256]; /* "" or the reason why this cell cannot be run here */
};

/* One line of the plan: rep number `rep` of cell `cell`. The plan is a pure function of (cells,
 * reps, seed). */
struct trial {
    int cell;
    int rep;
};

/* Counters of a process tree between two instants. */
struct usage {
    int64_t cpu_ns;  /* on-CPU time of all threads */
    int64_t user_ns; /* cpu_ns divided in the proportion of the kernel's tick counts */
    int64_t sys_ns;
    int64_t nvcsw; /* voluntary context switches */
    int64_t nivcsw;
};

/* How the load generator fared in a sample; all 0 where there is none. */
struct client {
    int64_t cpu_ns;               /* of its thread */
    int64_t offered_ns;           /* open loop: from the start until the last op was due; else 0 */
    int64_t late_ns, late_max_ns; /* 99th percentile and greatest lateness of its own sends */
    int64_t waited;               /* ops that were due when every connection was busy */
};

/* A process tree in which `tasks` ops wait, all at once; all 0 where none said so. */
struct waiting {
    int64_t tasks;
    int64_t pss_b, page_tables_b, threads; /* of the tree; each thread has a kernel stack besides */
};

struct sample {
    int64_t ns;
    int64_t ops, hit, miss, error;
    int64_t lost; /* updates of what workers share; any makes the sample void */
    uint64_t digest;
    struct usage usage; /* of the subject's tree during this sample */
    int64_t driver_ns;  /* CPU time of this program from go to the sample's line; not kept */
    struct client client;
    struct waiting waiting; /* of the moment when most ops waited */
    struct hist *hist;      /* uncorrected: from when each op was begun; owned; NULL if none came */
    struct hist *corrected; /* open loop: from when each op was due; owned; else NULL */
    struct hist *heavy; /* of requests that the workload calls heavy, which are in neither of the
                             * others; corrected in open loop; owned; NULL if there were none */
    bool warmup;
};

/* What a child says of itself; "" where it said nothing. */
struct attest {
    char gil[16], runtime[GB_NAME_MAX], loop[128], interp[16], affinity[128], build[80],
        start_method[16], debug[16];
};

/* One fresh process, from fork to wait4. */
struct rep {
    int cell, rep;
    int64_t startup_ns; /* fork to `ready` */
    int64_t peak_rss_b; /* wait4: largest single process of the tree, this child only */
    int64_t pss_b; /* proportional set size of the tree after the last sample, 0 if unreadable */
    int64_t pss_ready_b;   /* the same when it was ready, before the first sample */
    struct usage lifetime; /* wait4: from fork to exit, waited-for descendants included */
    struct attest at_ready, at_end;
    char cpus_planned[128];
    char cpus_observed[128]; /* where its threads ran last, after the last sample */
    char peer_cpus[128];
    bool shared_core; /* subject and peer had to share cores */
    struct sample *samples;
    int nsamples;
    char void_reason[400];  /* "" or why this rep counts for nothing */
    enum gb_exit void_code; /* GB_OK, GB_RUNTIME or GB_ATTEST */
};

/* A number with its 95 % interval, over reps. n = 0: no number. */
struct estimate {
    double value, lo, hi;
    int n;
};

/* Percentiles of the time of single ops, ns. */
struct latencies {
    struct estimate p50, p90, p99, p999, p9999, max;
};

/* A cell with all that was measured of it. */
struct result {
    struct cell cell;
    struct rep *reps;
    int nreps;
    char void_reason[400]; /* "" or why no number may be drawn from this cell */
    struct estimate ops_per_s, cpu_ns_per_op, user_ns_per_op, sys_ns_per_op, nvcsw_per_op,
        nivcsw_per_op;
    struct estimate startup_ns, peak_rss_b, pss_b, pss_ready_b;
    struct estimate waiting_pss_b, waiting_page_tables_b, waiting_threads; /* mem_wait only */
    struct latencies uncorrected; /* from when an op was begun: knows nothing of how it waited */
    struct latencies corrected;   /* open loop only: from when it was due */
    struct latencies heavy;       /* of the requests that the workload calls heavy */
    struct estimate offered_ops_per_s; /* open loop only; ops_per_s is what was achieved */
    struct estimate client_cpu_share;  /* of one core, by the load generator */
    struct estimate client_late_ns;    /* open loop only: 99th percentile of its own lateness */
    struct estimate waited_share;      /* open loop only: of the ops, found no idle connection */
    char client_bound[240]; /* "" or why the load generator, not the subject, set these figures */
    struct estimate parallelism; /* CPU seconds per wall second */
    struct estimate speedup;     /* paired by block, against the baseline cell */
    char baseline[256];          /* id of that cell, "" for none */
};

#endif
