/* terminal.h - what a terminal is wide, and whether it may be coloured. */
#ifndef GILBENCH_TERMINAL_H
#define GILBENCH_TERMINAL_H

#include <stdbool.h>

/* Columns; `otherwise` where the descriptor is no terminal or does not say. */
int terminal_width(int fd, int otherwise);
/* Only a terminal that is not dumb, and neither NO_COLOR nor CI is set to something. */
bool terminal_colours(int fd);

#endif
