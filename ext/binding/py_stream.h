/* py_stream.h - a connected stream, shared by what makes them: py_connect.c and py_server.c. */
#ifndef CP_PY_STREAM_H
#define CP_PY_STREAM_H

#include "binding.h"

enum stream_read { READ_NONE, READ_SOME, READ_EXACTLY, READ_UNTIL, READ_LINE };

typedef struct ServerObject ServerObject;
struct tls;     /* py_tls.c */
struct sending; /* py_sendfile.c */

typedef struct {
    PyObject_HEAD
    LoopObject *loop;
    struct cp_io io;
    ServerObject *server; /* that accepted it and counts it, or NULL */
    struct tls *tls;      /* NULL: plain bytes */
    /* reading */
    struct cp_op read_op;
    PromiseObject *reading; /* pending read, or NULL */
    uint8_t mode;
    bool eof;
    struct share reads;
    struct cp_job read_job; /* KIND_READ: the next one waits for the next turn */
    bool receiving;      /* read_op is under way, perhaps for a read that was cancelled meanwhile */
    Py_ssize_t wanted;   /* READ_EXACTLY: bytes; READ_UNTIL, READ_LINE: the limit */
    PyObject *separator; /* bytes, of READ_UNTIL */
    char *held; /* bytes that came and were not asked for yet: held[start .. start + length) */
    size_t start, length, room;
    size_t searched; /* of them, without finding the separator */
    /* writing */
    struct cp_op write_op;
    PyObject **chunks; /* queue of bytes objects: see py_stream_write.c */
    uint32_t first, count, chunk_room;
    bool late; /* flush_job is queued: for the end of the turn, or the next one */
    struct share sends;
    Py_ssize_t sent;
    size_t queued;           /* bytes in chunks that were not sent yet */
    struct iovec *gather;    /* of the operation that sends several chunks; CP_GATHER or NULL */
    struct cp_job flush_job; /* KIND_FLUSH, a reference while it is queued */
    uint64_t turn;           /* of the loop, in which a write last tried the socket at once */
    struct sending *file;    /* that sendfile() sends, or NULL */
    PromiseObject *drained;  /* what those wait for that write above the high-water mark */
    PromiseObject *closing;  /* what close() gave out while chunks are still to be sent */
    bool shut;               /* send_eof() was called */
    int error;               /* negative errno of the write that failed, kept for the next call */
} StreamObject;

/* Takes over a connected, non-blocking socket; on error closes it. New reference, NULL with an
 * exception. */
StreamObject *stream_new(LoopObject *loop, int fd);
/* Closes at once; what pends is rejected. */
void stream_abort(StreamObject *self);
/* Closes now that all is sent. */
void stream_end(StreamObject *self);

/* Promises that are settled already, for the calling code's answer. New references, NULL with an
 * exception. The first takes the raised exception, the last steals value (NULL: passes the
 * exception on). */
PyObject *stream_rejected_raised(LoopObject *loop);
PyObject *stream_rejected(StreamObject *self, PyObject *type, const char *text);
PyObject *stream_fulfilled(StreamObject *self, PyObject *value);

/* Rejects p with what a negative errno means for `call` on this stream. */
void stream_reject(StreamObject *self, PromiseObject *p, int err, const char *call);

/* Sends a bytes object that is not empty, as write() does. NULL with an exception. */
PyObject *stream_write_chunk(StreamObject *self, PyObject *chunk);
/* The promise of a stream that takes no more writes; NULL: it does, or an exception. */
PyObject *stream_refuse_write(StreamObject *self);
/* Begins to send what the queue has, unless something is on its way. */
void stream_flush(StreamObject *self);
/* Drops what was not sent yet. */
void stream_forget_writes(StreamObject *self);

/* Reading, for TLS: receives until `received` is content; keeps plain text (0, or -1 for lack of
 * memory, no exception). */
void stream_read_more(StreamObject *self);
int stream_hold(StreamObject *self, const char *data, size_t size);

/* ---- TLS. Functions that return int: 0, or -1 with an exception. */
/* How the handshake ended: error NULL, or what it failed with (borrowed). It may close the stream. */
typedef void (*tls_done)(StreamObject *self, PyObject *owner, PyObject *error);
/* The context that the parameter tls= means. New reference, NULL with an exception. */
PyObject *tls_context(PyObject *given, bool server_side);
/* Begins the handshake on a fresh stream and calls done(self, owner) once, perhaps before it
 * returns; -1: it will not. hostname: of the server, str or None. */
int stream_start_tls(StreamObject *self, PyObject *context, bool server_side, PyObject *hostname,
                     PyObject *owner, tls_done done);
PyObject *stream_expire_tls(StreamObject *self, PyObject *args); /* a method, for a Timer */
bool stream_is_shaking(const StreamObject *self);
PyObject *stream_ssl_object(const StreamObject *self); /* borrowed, NULL without TLS */
/* Received bytes (size 0: the end) for the handshake. True: it is over. */
bool tls_shake_with(StreamObject *self, const char *data, size_t size);
void tls_failed(StreamObject *self, int err);
/* Received bytes after it: what they say is held. */
int tls_received(StreamObject *self, const char *data, size_t size);
/* What is to be sent for a bytes object. New reference. */
PyObject *tls_encrypt(StreamObject *self, PyObject *chunk);
void tls_say_goodbye(StreamObject *self);
int tls_traverse(struct tls *tls, visitproc visit, void *arg);
void tls_free(struct tls *tls);

/* ---- The file in the queue of writes (py_sendfile.c) */
bool sendfile_is_next(const StreamObject *self);
uint32_t sendfile_chunks_before(const StreamObject *self);
void sendfile_chunk_sent(StreamObject *self);
void sendfile_aim(StreamObject *self);
/* The operation's result. True: go on with the queue; false: the stream cannot be written to. */
bool sendfile_progress(StreamObject *self, ssize_t result);
void sendfile_failed(StreamObject *self, int err);
/* Borrowed or NULL, for the collector. */
void sendfile_traverse_into(StreamObject *self, PyObject **promise, PyObject **file);
PyObject *stream_sendfile(StreamObject *self, PyObject *args, PyObject *kwargs);
extern const char stream_sendfile_doc[];

/* The two halves: completions of their operations, and their methods. */
int stream_read_done(struct cp_loop *core, struct cp_op *op);
int stream_write_done(struct cp_loop *core, struct cp_op *op);
PyObject *stream_read(StreamObject *self, PyObject *const *args, Py_ssize_t nargs);
PyObject *stream_readexactly(StreamObject *self, PyObject *arg);
PyObject *stream_readuntil(StreamObject *self, PyObject *args, PyObject *kwargs);
PyObject *stream_anext(StreamObject *self);
PyObject *stream_write(StreamObject *self, PyObject *data);
PyObject *stream_writelines(StreamObject *self, PyObject *iterable);
PyObject *stream_send_eof(StreamObject *self, PyObject *args);
extern const char stream_read_doc[], stream_readexactly_doc[], stream_readuntil_doc[],
    stream_write_doc[], stream_writelines_doc[], stream_send_eof_doc[];

/* A stream of the server has closed. */
void server_forget(ServerObject *server);

/* What the path of a Unix socket (str, bytes or PathLike) means. 0, or -1 with an exception that
 * names the call. */
int unix_address(PyObject *path, const char *call, struct sockaddr_storage *address,
                 socklen_t *size);

/* (host, port) of a socket address, or (host, port, flow, scope) for IPv6. New reference. */
PyObject *address_tuple(const struct sockaddr_storage *address, socklen_t size);

#endif
