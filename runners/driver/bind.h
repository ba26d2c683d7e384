/* bind.h - policies of placement: in which order cells get the PUs of a machine. */
#ifndef GILBENCH_BIND_H
#define GILBENCH_BIND_H

#include "pin.h"

/* Reorders machine->pus, of which every cell gets the first ones, subject before peer:
 *
 *   compact  one cache (and NUMA node, package) is filled before the next: its cores, then their
 *            SMT siblings
 *   scatter  as far apart as there is room: packages, NUMA nodes and caches in turn; siblings last
 *   core     one PU of each core, neighbours first, and no SMT siblings at all
 *   pu       every PU as the tree has them, siblings side by side
 *   LIST     these and no others, in this order: 0,2,4-7
 *
 * Without a policy it is `core`, with the siblings after all cores. */
int machine_bind(struct machine *machine, const char *policy, struct err *err);

#endif
