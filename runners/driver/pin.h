/* pin.h - which cores a cell gets, by the machine's topology. hwloc knows; nobody else here
 * includes it but topology. */
#ifndef GILBENCH_PIN_H
#define GILBENCH_PIN_H

#include "gilbench.h"
#include <hwloc.h>

struct machine {
    hwloc_topology_t topology;
    int pus[1024]; /* OS numbers of the allowed PUs: one of each core first, SMT siblings after all
                      cores */
    int npus, ncores;
};

int machine_open(struct machine *machine, struct err *err);
void machine_close(struct machine *machine);

/* Where a rep runs. Both sets are owned. */
struct place {
    hwloc_cpuset_t subject, peer;
    char subject_list[128], peer_list[128]; /* 0-1,4; peer "" without one */
    bool shared; /* fewer cores than asked for: subject and peer, or workers, share some */
};

/* Disjoint cores for subject and peer, as far as there are enough; the subject's first one is
 * number `first` of machine->pus, counted round. */
int place_make(struct place *place, const struct machine *machine, int first, int cores,
               int peer_cores, struct err *err);
void place_free(struct place *place);

/* Binds the calling process, between fork and exec. 0 or -1. */
int place_bind(const struct machine *machine, hwloc_cpuset_t set);

/* The topology as text for people. */
void machine_print(const struct machine *machine);
/* One line: "2 cores, 2 PUs, 1 package, L3 32 MiB". */
void machine_summary(const struct machine *machine, char *text, size_t room);

#endif
