/* doctor.h - what this machine can and cannot measure, and how quiet it is. */
#ifndef GILBENCH_DOCTOR_H
#define GILBENCH_DOCTOR_H

#include "pin.h"
#include <stdio.h>

enum { DOCTOR_FINDINGS = 32, DOCTOR_KINDS = 8, DOCTOR_LENGTHS = 2, DOCTOR_PAIRS_MAX = 48 };

enum doctor_mark { DOCTOR_GOOD, DOCTOR_LIMITED, DOCTOR_MISSING };

struct doctor_finding {
    const char *name; /* "perf_event" */
    enum doctor_mark mark;
    char value[200];
    char advice[240]; /* what would make it better, or "" */
};

/* How much two processes of the same code differ: the standard deviation of d = ln(b / a) over
 * pairs. */
struct doctor_spread {
    char kind[32]; /* "loop in C", "loop in Python", "echo" */
    char id[256];  /* of the cell */
    int n, dropped;
    double sd, sd_all; /* over the pairs that were kept; over all, the disturbed ones, too */
    double mde95;      /* ratio less 1 that such a run would find, 95 of 100; NaN: not known */
};

struct doctor {
    struct doctor_finding findings[DOCTOR_FINDINGS];
    int nfindings;
    struct doctor_spread spreads[DOCTOR_KINDS];
    int nspreads;
    int lengths_ms[DOCTOR_LENGTHS]; /* of slices that were tried; 0: not measured */
    double interleave[DOCTOR_LENGTHS], duet[DOCTOR_LENGTHS]; /* sd of d; duet 0: one core only */
    double together; /* speed of a loop while another runs on the other core, over its speed alone;
                        0: one core */
    int pairs;
    const char *mode; /* recommended for work on one core: "interleave" or "duet" */
    int slice_ms;
};

/* doctor_probe.c: reads what the kernel says. About 50 ms. */
void doctor_probe(struct doctor *doctor, const struct machine *machine);
/* doctor_modes.c: `pairs` pairs of fresh processes with the same loop, slices in turn on one core
 * and at once on two; recommends. Fills lengths_ms to slice_ms. */
int doctor_modes(struct doctor *doctor, const struct machine *machine, int pairs, struct err *err);

/* json_doctor.c: the same as JSON, schema "gilbench/doctor" 1.0, with a newline. */
int doctor_json(const struct doctor *doctor, FILE *to);

const char *doctor_mark_name(enum doctor_mark mark);

#endif
