/* conn.h - one connection of the load generator: sends a request, waits until all of the answer has
 * come, verifies every byte of its result, and begins the next that is due. Without a talk the
 * request is a frame, and the answer the same frame. */
#ifndef GILBENCH_CONN_H
#define GILBENCH_CONN_H

#include "known.h"
#include "open.h"

struct load {
    const struct workload *workload;
    void *state;
    struct known known;           /* results, where there is a talk */
    int64_t ops, begun, finished; /* of this sample: to be done, started, and back byte for byte */
    uint64_t *ids;                /* of those that are finished, in their order; room for ops */
    int64_t end_ns;               /* when the last of them was back */
    int background;               /* requests in flight that are no ops: see struct talk */
    struct hist uncorrected;      /* from the actual send until all was back; not of heavy ones */
    struct hist heavy;            /* of the heavy ones; in open loop from when they were due */
    struct open *open;            /* when ops are due; NULL: closed loop, always */
};

struct conn {
    int fd;
    bool background; /* asks for what is heavy while a sample lasts */
    uint64_t id;     /* of the op in flight */
    int64_t start_ns;
    int64_t due_ns, idle_ns; /* open loop: when the op was due, and since when nothing is on */
    size_t size, sent;       /* of the request; size 0: nothing is in flight */
    size_t received;         /* of the answer */
    unsigned char *request, *answer; /* TALK_MAX bytes each, owned */
    struct conn *next_idle;
};

/* A connection to a port of the loopback. Fails by child_fail. */
void conn_open(struct conn *conn, int port);
void conn_close(struct conn *conn);
/* Starts the next op of the load, if one is left and due. False: there is none; in open loop the
 * connection then stands among the idle ones. */
bool conn_start(struct conn *conn, struct load *load);
/* The socket may be ready: sends and receives what it can, starts next ops. Fails by child_fail
 * when the server closes, fails or answers otherwise than it should. */
void conn_ready(struct conn *conn, struct load *load);

#endif
