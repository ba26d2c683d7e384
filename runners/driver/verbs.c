/* verbs.c - the table of verbs: a line here, and a declaration in cmd.h, for each `struct verb` that a cmd_*.c
 * ends with. In the order in which people are told of them. */
#include "cmd.h"
#include "shells.h"
#include <string.h>

const struct verb *const verbs[] = {
    &verb_list,   &verb_topology, &verb_doctor,  &verb_selftest,   &verb_run,
    &verb_plot,   &verb_report,   &verb_claims,  &verb_advise,     &verb_ab,
    &verb_gate,   &verb_history,  &verb_compare, &verb_validate,   &verb_schema,
    &verb_export, &verb_import,   &verb_help,    &verb_completion, NULL,
};

const struct verb *verb_find(const char *name) {
    for (int i = 0; verbs[i]; i++)
        if (!strcmp(verbs[i]->name, name))
            return verbs[i];
    return NULL;
}
