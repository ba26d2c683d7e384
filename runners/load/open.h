/* open.h - the open loop: requests are due at instants that no answer moves. One that is due takes
 * the connection that has been idle for longest; when all are busy it waits for the first that gets
 * free, and its time runs from the instant at which it was due all the same. */
#ifndef GILBENCH_OPEN_H
#define GILBENCH_OPEN_H

#include "arrival.h"
#include "child.h"
#include <stdbool.h>

struct conn;

struct open {
    struct arrivals arrivals;
    int64_t start_ns, due_ns;       /* of the sample; of the next request (CLOCK_MONOTONIC) */
    int64_t last_due_ns;            /* of the last request that was given out */
    int64_t waited;                 /* requests that were due when no connection was idle */
    struct hist corrected;          /* from the due instant until all was back; not of heavy ones */
    struct hist late;               /* what this program itself added: see open_take */
    struct conn *idle, **last_idle; /* a queue */
};

/* A sample begins: nothing is idle, the first request is due after one gap. */
void open_restart(struct open *open, int64_t now);
/* Gives conn the next request if that is due; else puts it among the idle ones and returns false. */
bool open_take(struct open *open, struct conn *conn);
/* The request of conn is about to be sent: how late that is, beyond the instant at which it was due
 * or at which the connection got free, whichever is later. */
void open_sends(struct open *open, const struct conn *conn);
/* The next idle connection, if a request is due; NULL: nothing to do yet. */
struct conn *open_next(struct open *open, int64_t now);
/* Nanoseconds until something is due; -1: no connection is idle, so only an answer matters. */
int64_t open_wait(const struct open *open, int64_t now);

#endif
