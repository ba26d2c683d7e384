/* py_stream.h - a connected stream, shared by what makes them: py_connect.c and py_server.c. */
#ifndef CP_PY_STREAM_H
#define CP_PY_STREAM_H

#include "binding.h"

enum stream_read { READ_NONE, READ_SOME, READ_EXACTLY, READ_UNTIL, READ_LINE };

typedef struct ServerObject ServerObject;

typedef struct {
    PyObject_HEAD
    LoopObject *loop;
    struct cp_io io;
    ServerObject *server; /* that accepted it and counts it, or NULL */
    /* reading */
    struct cp_op read_op;
    PromiseObject *reading; /* pending read, or NULL */
    uint8_t mode;
    bool eof;
    Py_ssize_t wanted;   /* READ_EXACTLY: bytes; READ_UNTIL, READ_LINE: the limit */
    PyObject *separator; /* bytes, of READ_UNTIL */
    char *held; /* bytes that came and were not asked for yet: held[start .. start + length) */
    size_t start, length, room;
    /* writing */
    struct cp_op write_op;
    PyObject *chunks; /* list of bytes; the first is being sent, from `sent` on */
    Py_ssize_t sent;
    size_t queued;          /* bytes in chunks that were not sent yet */
    PromiseObject *drained; /* what write() gave out above the high-water mark */
    PromiseObject *closing; /* what close() gave out while chunks are still to be sent */
    bool shut;              /* send_eof() was called */
    int error;              /* negative errno of the write that failed, kept for the next call */
} StreamObject;

/* Takes over a connected, non-blocking socket; on error closes it. New reference, NULL with an
 * exception. */
StreamObject *stream_new(LoopObject *loop, int fd);
/* Closes at once; what pends is rejected. */
void stream_abort(StreamObject *self);
/* A stream of the server has closed. */
void server_forget(ServerObject *server);

/* (host, port) of a socket address, or (host, port, flow, scope) for IPv6. New reference. */
PyObject *address_tuple(const struct sockaddr_storage *address, socklen_t size);

#endif
