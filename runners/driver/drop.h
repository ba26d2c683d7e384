/* drop.h - which slices were disturbed, and which pairs are dropped for it: rule "v1". Fixed before
 * any result is seen, and pure: it is given what the machine did, of all arms alike, and never
 * which slice is whose or how long the work took in one arm against the other. */
#ifndef GILBENCH_DROP_H
#define GILBENCH_DROP_H

#include <stdbool.h>
#include <stdint.h>

#define DROP_RULE "v1"

/* What the machine did during a slice. -1: not to be had here. */
struct slice_noise {
    int64_t wall_ns;     /* go to sample */
    int64_t cpu_ns;      /* of the subject's tree */
    int64_t steal_ns;    /* of all cores, in ticks of 10 ms */
    int64_t pressure_us; /* some task waited for a core (PSI) */
    int64_t gap_ns;      /* the longest gap between time stamps of a spin at its edges */
    int64_t nivcsw, migrations;
};

enum {
    NOISE_STEAL = 1,     /* 2 ticks and 10 % of the slice */
    NOISE_GAP = 2,       /* one-core CPU work: 5 ms and 20 % of the slice not on the core */
    NOISE_STALL = 4,     /* time stamps 5 ms apart where nothing is between them */
    NOISE_PRESSURE = 8,  /* somebody waited for a core for half of the slice */
    NOISE_SWITCHES = 16, /* one-core CPU work: an involuntary switch every 3 ms */
    NOISE_MIGRATED = 32, /* one-core CPU work moved */
};

/* `one_core`: CPU work by one process on one core, which should never wait. */
unsigned slice_flags(const struct slice_noise *noise, bool one_core);
/* "steal gap": for messages. */
void flags_text(unsigned flags, char *text, int room);

/* Whether a pair is to be dropped: more than a quarter of its slices, of all arms together, are
 * flagged. */
bool pair_is_disturbed(const unsigned *flags, int n);

/* Whether so many were dropped that the rest is not to be trusted: more than 20 %. */
bool too_many_dropped(int dropped, int kept);

#endif
