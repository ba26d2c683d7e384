/* child.h - the wire, as seen by a child in C (runners/README.md). Used by the load generator, the
 * store and the adapters in C. What cannot go on ends the program: a child that lost its driver has
 * nothing left to do. Not for several threads at once. */
#ifndef GILBENCH_CHILD_H
#define GILBENCH_CHILD_H

#include "../../workloads/workload.h"
#include "../stats/hist.h"

enum child_word { CHILD_GO, CHILD_STOP };

/* Opens the wire and says hello. Exits 2 when it is not run by gilbench. */
void child_begin(void);
/* The descriptor on which go and stop arrive, for servers that poll. */
int child_fd(void);
/* What is in force: the CPUs on which any thread of this process may run; gil none, runtime c. */
void child_attest(void);
/* port 0: none. */
void child_ready(int port);
/* Waits for the next word; exits 0 at the end of the file. */
enum child_word child_wait(void);
/* In a sample: so many ops wait now. Comes back when the driver has read their memory. */
void child_look(int64_t tasks);
void child_sample(int64_t ns, const struct tally *tally);
/* How a load generator fared in a sample: what tells whether it was the bottleneck itself. */
struct client_share {
    int64_t cpu_ns;               /* of its thread */
    int64_t offered_ns;           /* open loop: from the start until the last op was due; else 0 */
    int64_t late_ns, late_max_ns; /* 99th percentile and greatest lateness of its own sends */
    int64_t waited;               /* ops that were due when every connection was busy */
};
void child_client_sample(int64_t ns, const struct tally *tally, const struct client_share *client);
/* From when an op was really begun. */
void child_latency(const struct hist *hist);
/* From when it was due (open loop); stands before the other. */
void child_corrected_latency(const struct hist *hist);
/* Of the requests that the workload calls heavy: from when they were due in open loop, else from
 * when they were begun. Stands before the uncorrected one, which is then of the others. */
void child_heavy_latency(const struct hist *hist);
/* The second attest, and bye. */
void child_end(void);
/* Says what went wrong and exits 1. */
void child_fail(const char *fmt, ...) __attribute__((format(printf, 1, 2), noreturn));

/* The command line of a child: WORKLOAD MODEL key=value..., with the keys of the workload, those
 * that all share, and the program's own. Exits 2 with a message when something is not known. */
struct child_args {
    const char *model;
    struct args args;
};
struct child_args child_args(int argc, char **argv, const struct param *own);

int64_t now_ns(void); /* CLOCK_MONOTONIC */

#endif
