/* facts.h - the facts of a run: machine, interpreter, build. */
#ifndef GILBENCH_FACTS_H
#define GILBENCH_FACTS_H

#include "pin.h"
#include "registry.h"
#include "results.h"

void fact_add(struct runset *run, const char *key, const char *value);
/* "" when there is no such fact. */
const char *fact_find(const struct runset *run, const char *key);
void facts_of_machine(struct runset *run, const struct machine *machine);
void facts_of_build(struct runset *run, const struct registry *reg);
void facts_at_end(struct runset *run);

#endif
