/* conn.h - one connection of the load generator: sends a frame, waits until all of it has come
 * back, verifies every byte, and begins the next that is due. */
#ifndef GILBENCH_CONN_H
#define GILBENCH_CONN_H

#include "open.h"

struct load {
    const struct workload *workload;
    void *state;
    int64_t ops, begun, finished; /* of this sample: to be done, started, and back byte for byte */
    uint64_t *ids;                /* of those that are finished, in their order; room for ops */
    struct hist uncorrected;      /* from the actual send until all was back */
    struct open *open;            /* when ops are due; NULL: closed loop, always */
};

struct conn {
    int fd;
    uint64_t id; /* of the op in flight */
    int64_t start_ns;
    int64_t due_ns, idle_ns;     /* open loop: when the op was due, and since when nothing is on */
    size_t size, sent, received; /* of its frame */
    unsigned char *frame, *echo; /* OP_RESULT_MAX bytes each, owned */
    struct conn *next_idle;
};

/* A connection to a port of the loopback. Fails by child_fail. */
void conn_open(struct conn *conn, int port);
void conn_close(struct conn *conn);
/* Starts the next op of the load, if one is left and due. False: there is none; in open loop the
 * connection then stands among the idle ones. */
bool conn_start(struct conn *conn, struct load *load);
/* The socket may be ready: sends and receives what it can, starts next ops. Fails by child_fail
 * when the server closes, fails or sends other bytes than it got. */
void conn_ready(struct conn *conn, struct load *load);

#endif
