/* noise.h - what the machine does to whom we measure, read from outside the timed region. */
#ifndef GILBENCH_NOISE_H
#define GILBENCH_NOISE_H

#include <stdint.h>
#include <sys/types.h>

/* Totals since boot or, for migrations, since the process began. -1: not to be had here. */
struct noise {
    int64_t steal_ns;        /* of all cores, in ticks of 10 ms */
    int64_t pressure_us;     /* /proc/pressure/cpu, some */
    int64_t migrations;      /* of the threads of one process */
    int64_t clock_offset_ns; /* CLOCK_REALTIME less CLOCK_MONOTONIC: changes when somebody sets the
                                clock */
};

/* About 100 us. */
void noise_read(struct noise *noise, pid_t pid);
/* The longest gap between two time stamps of a spin of 200 us: time in which this core was not
 * ours. ns. */
int64_t noise_gap(void);
/* The core on which the process was last seen, -1 if it cannot be read. */
int noise_core(pid_t pid);

#endif
