/* spawn.h - child processes: fork, bind, exec, the two pipes of the wire, the end. A child and all
 * that it starts is a process group of its own, and dies with the driver. */
#ifndef GILBENCH_SPAWN_H
#define GILBENCH_SPAWN_H

#include "pin.h"
#include "registry.h"
#include "wire.h"
#include <sys/resource.h>

struct child {
    pid_t pid;            /* 0: none */
    int to, from, errors; /* descriptors, -1 when closed */
    int64_t start_ns;
    int64_t inherited_b; /* resident memory of the driver when it forked: see keep_lifetime */
    int64_t oom_kills;   /* of the machine, then */
    char line[WIRE_LINE_MAX + 1];
    size_t used, taken; /* bytes in line; of them, those of the line that was given out last */
    char tail[1024];    /* the end of what it wrote to stdout and stderr */
    int status;         /* of wait4, valid after child_end */
    struct rusage usage;
    struct wire_message message; /* the last one */
    const char *role;            /* "adapter", "store", "load generator": for messages */
};

enum { GB_PAD_MAX = 4096 };

struct spawn_options {
    const struct registry *reg;
    const struct machine *machine;
    hwloc_cpuset_t cpus;
    uint64_t hash_seed;  /* PYTHONHASHSEED, 1 to 2^32 - 1 */
    unsigned pad_b;      /* bytes put into the environment, which move the stack; most GB_PAD_MAX */
    const char *scratch; /* NULL, or the folder in which it may write: $GILBENCH_SCRATCH */
    const char *role;
};

int child_spawn(struct child *child, char *const argv[], const struct spawn_options *options,
                struct err *err);
int child_say(struct child *child, const char *word, struct err *err);
/* Waits for the next message, which must be of this type; a `fail` of the child, its end, its
 * silence for timeout_s and garbage are errors that name the role and quote its last words. */
int child_expect(struct child *child, enum wire_type type, double timeout_s, struct err *err);
/* The same where a message of either type may come. */
int child_expect_either(struct child *child, enum wire_type type, enum wire_type other,
                        double timeout_s, struct err *err);
/* Waits up to timeout_s for the end of the process, then kills its group; reaps it and closes
 * everything. Harmless twice. */
void child_end(struct child *child, double timeout_s);

/* Ctrl-C: 0 none, 1 finish the sample, 2 (or more) stop at once. */
extern volatile int interrupts;
void watch_interrupts(void);

/* Runs a program to its end; its stdout in `out`, without the last newline. A status other than 0
 * is an error with its stderr. */
int run_capture(const struct registry *reg, char *const argv[], char *out, size_t room,
                struct err *err);

int64_t now_ns(void);

#endif
