/* shells.h - what shells and man are told of the verbs, made from their help (help.h). */
#ifndef GILBENCH_SHELLS_H
#define GILBENCH_SHELLS_H

#include "help.h"

/* The verbs, NULL behind the last. */
extern const struct verb *const verbs[];

/* `names` are what a MATRIX can be, with blanks between. */
void completion_bash(FILE *out, const char *names);
void completion_zsh(FILE *out, const char *names);
/* gilbench(1) in the macros of man(7). */
void manual_page(FILE *out, const char *version);

#endif
