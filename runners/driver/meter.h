/* meter.h - the counters of a process tree, read from outside while it waits. */
#ifndef GILBENCH_METER_H
#define GILBENCH_METER_H

#include "gilbench.h"
#include <sys/types.h>

enum { METER_PIDS_MAX = 512 };

/* Totals since the start of each process of a tree. */
struct reading {
    struct {
        pid_t pid;
        int64_t cpu_ns, user_ticks, sys_ticks, nvcsw, nivcsw;
        int64_t ended_user_ticks, ended_sys_ticks; /* of its children that it has waited for */
    } of[METER_PIDS_MAX];
    int count;
};

/* Reads the tree below root, root included. Processes that end meanwhile are left out. */
void meter_read(struct reading *reading, pid_t root);
/* What the tree used between two readings: of each process in `after`, the difference to `before`
 * (0 if it was not there), and what children used that have begun or ended in between. CPU time is
 * exact, that of ended children to a tick (10 ms) for each parent; its division into user and
 * system follows the kernel's ticks, over the whole life of the processes where the span is too
 * short for ticks. Switches of ended children are not known. */
struct usage meter_between(const struct reading *before, const struct reading *after);
/* On which CPUs the threads of the tree ran last, as 0-1,4; "" where that cannot be read. */
void meter_cpus(pid_t root, char *text, size_t room);
/* Proportional set size of the tree, bytes; 0 where smaps_rollup cannot be read. */
int64_t meter_pss(pid_t root);
/* PSS, page tables and threads of a tree in which `tasks` ops wait. */
struct waiting meter_waiting(pid_t root, int64_t tasks);
/* The greatest resident memory that any single process of the tree has had since its exec, bytes. */
int64_t meter_peak(pid_t root);

#endif
