/* py_resolve.h - names that become addresses, shared by what needs them. */
#ifndef CP_PY_RESOLVE_H
#define CP_PY_RESOLVE_H

#include "binding.h"
#include <netdb.h>

/* One look-up. Its owner embeds it, zeroed, and sets `type` (SOCK_STREAM ...), `family`, `flags`
 * (AI_PASSIVE) and work.home, never and free before it begins. */
struct resolution {
    struct native_work work;
    int family, type, flags;
    char *host; /* NULL: any address of this machine */
    char service[8];
    /* when it is done */
    int error; /* of getaddrinfo, 0 for none */
    struct addrinfo *addresses;
};

/* host: str or None. 1: done, without leaving the loop: a literal address, or an error. 0: a pool
 * thread looks it up, work.home will be called. -1: a host that cannot be one, exception. */
int resolution_begin(LoopObject *loop, struct resolution *self, PyObject *host, int port);
/* Sets socket.gaierror, an OSError, for self->error; of a loop that closes, LoopClosedError. */
void resolution_raise(const struct resolution *self, LoopObject *loop, const char *call,
                      PyObject *what);
/* Frees what it holds, not itself. */
void resolution_clear(struct resolution *self);

#endif
