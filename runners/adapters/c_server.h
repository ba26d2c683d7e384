/* c_server.h - what servers in C share. What fails ends the program (child_fail). */
#ifndef GILBENCH_C_SERVER_H
#define GILBENCH_C_SERVER_H

#include "../load/child.h"

/* Listens on a port of the loopback, 0: on a free one. Returns the port. */
int server_listen(int port, int *listener);
/* The threads of a workload that has some beside its server; none where it has none. They compute
 * until the program ends. */
void server_spin(const struct args *args, const void *state);

#endif
