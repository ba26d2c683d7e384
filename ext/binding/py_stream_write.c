/* py_stream_write.c - the writing half of a stream.
 *
 * The first write of a turn tries the socket at once, from the caller's own object. What is written
 * after it in the same turn, and what did not fit, waits in the queue `chunks` and is sent together
 * when the turn ends, or when the socket has room again. A write above the high-water mark answers
 * with a pending promise. */
#include "py_stream.h"
#include <errno.h>
#include <string.h>
#include <sys/uio.h>

enum { HIGH_WATER = 64 * 1024, FIRST_CHUNKS = 8 };

/* ---- The queue: chunks[first .. first + count), the first of them from byte `sent` on */

/* Room for one more. 0 or -1. */
static int reserve(StreamObject *self) {
    uint32_t room = self->chunk_room ? self->chunk_room * 2 : FIRST_CHUNKS;
    PyObject **grown;
    if (self->first + self->count < self->chunk_room)
        return 0;
    if (self->first > self->count) { /* at least half is free: as cheap as growing */
        memmove(self->chunks, self->chunks + self->first, self->count * sizeof *self->chunks);
        self->first = 0;
        return 0;
    }
    if (!(grown = PyMem_Realloc(self->chunks, room * sizeof *grown))) {
        PyErr_NoMemory();
        return -1;
    }
    self->chunks = grown;
    self->chunk_room = room;
    return 0;
}

/* There is room. */
static void push(StreamObject *self, PyObject *chunk, Py_ssize_t sent) {
    if (!self->count)
        self->sent = sent;
    self->chunks[self->first + self->count++] = Py_NewRef(chunk);
    self->queued += (size_t)(PyBytes_GET_SIZE(chunk) - sent);
}

static void pop(StreamObject *self) {
    PyObject *chunk = self->chunks[self->first++];
    self->sent = 0;
    sendfile_chunk_sent(self);
    if (--self->count == 0)
        self->first = 0;
    Py_DECREF(chunk);
}

/* `size` bytes of the queue are on their way. */
static void advance(StreamObject *self, ssize_t size) {
    self->queued -= (size_t)size;
    while (size > 0) {
        Py_ssize_t left = PyBytes_GET_SIZE(self->chunks[self->first]) - self->sent;
        if (size < left) {
            self->sent += size;
            return;
        }
        size -= left;
        pop(self);
    }
}

void stream_forget_writes(StreamObject *self) {
    while (self->count)
        pop(self);
    self->queued = 0;
    PyMem_Free(self->chunks);
    PyMem_Free(self->gather);
    self->chunks = NULL;
    self->gather = NULL;
    self->chunk_room = 0;
}

/* ---- Sending */

static void settle_drained(StreamObject *self, int error) {
    PromiseObject *p = self->drained;
    if (!p || self->queued >= HIGH_WATER)
        return;
    self->drained = NULL;
    if (error)
        stream_reject(self, p, error, "write");
    else
        promise_fulfil(p, Py_NewRef(Py_None));
    Py_DECREF(p);
}

static void finish_close(StreamObject *self) {
    PromiseObject *p = self->closing;
    stream_end(self);
    if (!p)
        return;
    self->closing = NULL;
    promise_fulfil(p, Py_NewRef(Py_None));
    Py_DECREF(p);
}

/* A pipe goes one way: its end of sending is its end. */
static void end_sending(StreamObject *self) {
    if (self->io.plain)
        stream_abort(self);
    else
        shutdown(self->io.fd, SHUT_WR);
}

/* Nothing is left to send, or nothing can be sent any more. */
static void writes_ended(StreamObject *self, int error) {
    if (error && error != -ECANCELED)
        self->error = error;
    sendfile_failed(self, error);
    stream_forget_writes(self);
    settle_drained(self, error);
    if (self->shut && !error)
        end_sending(self);
    if (self->closing)
        finish_close(self);
}

/* The operation that sends the head of the queue: one chunk as it is, several gathered. Without the
 * memory to gather they go one by one. */
static void aim(StreamObject *self) {
    struct cp_op *op = &self->write_op;
    uint32_t before = sendfile_chunks_before(self);
    uint32_t count = self->count < CP_GATHER ? self->count : CP_GATHER;
    count = count < before ? count : before;
    if (count > 1 && !self->gather)
        self->gather = PyMem_Malloc(CP_GATHER * sizeof *self->gather);
    if (count == 1 || !self->gather) {
        op->kind = CP_OP_SEND;
        op->buf = PyBytes_AS_STRING(self->chunks[self->first]) + self->sent;
        op->len = (size_t)(PyBytes_GET_SIZE(self->chunks[self->first]) - self->sent);
        return;
    }
    for (uint32_t i = 0; i < count; i++) {
        PyObject *chunk = self->chunks[self->first + i];
        Py_ssize_t from = i ? 0 : self->sent;
        self->gather[i] = (struct iovec){PyBytes_AS_STRING(chunk) + from,
                                         (size_t)(PyBytes_GET_SIZE(chunk) - from)};
    }
    op->kind = CP_OP_SENDV;
    op->buf = self->gather;
    op->len = count;
}

/* What the operation did. False: it failed. */
static bool progress(StreamObject *self) {
    ssize_t result = self->write_op.result;
    if (self->write_op.kind == CP_OP_SENDFILE)
        return sendfile_progress(self, result);
    if (result < 0)
        return false;
    advance(self, result);
    return true;
}

static void flush_by_job(StreamObject *self, void (*enqueue)(struct cp_loop *, struct cp_job *)) {
    if (self->late)
        return;
    self->late = true;
    self->flush_job.kind = KIND_FLUSH;
    Py_INCREF(self);
    enqueue(&self->loop->core, &self->flush_job);
}

/* A peer that takes all that it gets must not keep the loop from everybody else. A queue that is below
 * the high-water mark is sent all the same: nobody waits for it, so nobody adds to it without end. */
static bool has_had_its_turn(StreamObject *self) {
    return share_is_used_up(&self->sends, self->loop, TRIES_A_TURN) &&
           (self->queued >= HIGH_WATER || self->file);
}

/* Sends from the queue until it is empty or the socket is full, or for as long as its turn is. */
static void flush(StreamObject *self) {
    int done;
    while (self->count || self->file) {
        if (has_had_its_turn(self)) {
            flush_by_job(self, cp_enqueue_macro);
            return;
        }
        if (sendfile_is_next(self))
            sendfile_aim(self);
        else
            aim(self);
        done = cp_io_submit(&self->loop->core, &self->io, &self->write_op);
        if (done == 0) {
            Py_INCREF(self);
            settle_drained(self, 0);
            return;
        }
        if (done < 0 || !progress(self)) {
            writes_ended(self, done < 0 ? done : (int)self->write_op.result);
            return;
        }
    }
    writes_ended(self, 0);
}

void stream_flush(StreamObject *self) {
    if (!self->write_op.pending)
        flush(self);
}

int stream_write_done(struct cp_loop *Py_UNUSED(core), struct cp_op *op) {
    StreamObject *self = cp_container_of(op, StreamObject, write_op);
    if (self->io.fd < 0 || !progress(self))
        writes_ended(self, op->result < 0 ? (int)op->result : -ECANCELED);
    else
        flush(self);
    Py_DECREF(self);
    return 0;
}

/* ---- The end of the turn, or the next one */

void run_flush(struct cp_job *job) {
    StreamObject *self = cp_container_of(job, StreamObject, flush_job);
    self->late = false;
    if ((self->count || self->file) && !self->write_op.pending) {
        if (self->io.fd >= 0)
            flush(self);
        else
            writes_ended(self, -ECANCELED);
    }
    Py_DECREF(self);
}

PyObject *flush_object(struct cp_job *job) {
    return (PyObject *)cp_container_of(job, StreamObject, flush_job);
}

/* ---- Writing */

/* A failed write that nobody awaits is not lost: the next call on the stream fails with it. So its
 * promise is nobody's unhandled rejection, and a server does not die of a client that went away. */
static PyObject *write_failed(StreamObject *self, int err) {
    PromiseObject *p = promise_new(self->loop);
    if (!p)
        return NULL;
    p->core.self.job.flags |= CP_HANDLED;
    self->error = err;
    stream_reject(self, p, err, "write");
    return (PyObject *)p;
}

/* Each writer gets a promise of its own, so that cancelling one does not end the others'. */
static PyObject *below_or_drained(StreamObject *self) {
    PromiseObject *mine;
    if (self->queued < HIGH_WATER)
        return loop_settled_none(self->loop);
    if (self->drained && cp_promise_state(&self->drained->core) != CP_PENDING)
        Py_CLEAR(self->drained);
    if (!self->drained && !(self->drained = promise_new(self->loop)))
        return NULL;
    if ((mine = promise_derive(self->drained, CP_PASS, NULL)))
        mine->core.self.job.flags |= CP_HANDLED;
    return (PyObject *)mine;
}

/* Nothing is ahead of it: the socket gets it at once, from the object itself. */
static PyObject *write_at_once(StreamObject *self, PyObject *chunk) {
    struct cp_op *op = &self->write_op;
    Py_ssize_t size = PyBytes_GET_SIZE(chunk);
    int done;
    op->kind = CP_OP_SEND;
    op->buf = PyBytes_AS_STRING(chunk);
    op->len = (size_t)size;
    done = cp_io_submit(&self->loop->core, &self->io, op);
    if (done < 0 || (done > 0 && op->result < 0))
        return write_failed(self, done < 0 ? done : (int)op->result);
    if (done > 0 && op->result == size)
        return loop_settled_none(self->loop);
    push(self, chunk, done > 0 ? op->result : 0);
    if (done == 0)
        Py_INCREF(self);
    else
        flush(self);
    return below_or_drained(self);
}

PyObject *stream_write_chunk(StreamObject *self, PyObject *chunk) {
    uint64_t turn = self->loop->core.stats.turns;
    if (reserve(self) < 0)
        return NULL;
    if (!self->count && !self->file && self->turn != turn) {
        self->turn = turn;
        return write_at_once(self, chunk);
    }
    push(self, chunk, 0);
    if (!self->write_op.pending) {
        if (self->queued < HIGH_WATER)
            flush_by_job(self, cp_enqueue_late);
        else
            flush(self);
    }
    return below_or_drained(self);
}

PyObject *stream_refuse_write(StreamObject *self) {
    if (self->error)
        return write_failed(self, self->error);
    if (self->io.fd < 0 || self->closing)
        return stream_rejected(self, PyExc_ConnectionAbortedError,
                               "write on a stream that is closed");
    if (self->shut)
        return stream_rejected(self, PyExc_RuntimeError, "write after send_eof()");
    return NULL;
}

const char stream_write_doc[] =
    "write($self, data, /) -> Promise[None]\n--\n\n"
    "Sends bytes in order. The promise is settled already while less than 64 KiB wait to be sent;\n"
    "else it settles when that is so again: await it to keep step with the peer. The second and\n"
    "later writes of a turn of the loop are sent together when it ends. Other objects than bytes\n"
    "are copied. A failure that nobody awaits comes back from the next call.";
PyObject *stream_write(StreamObject *self, PyObject *data) {
    PyObject *chunk, *promise;
    if (loop_check(self->loop, "write to a stream of") < 0)
        return NULL;
    if ((promise = stream_refuse_write(self)) || PyErr_Occurred())
        return promise;
    if (!(chunk = PyBytes_CheckExact(data) ? Py_NewRef(data) : PyBytes_FromObject(data)))
        return NULL;
    if (self->tls && PyBytes_GET_SIZE(chunk))
        Py_SETREF(chunk, tls_encrypt(self, chunk));
    if (!chunk)
        return stream_rejected_raised(self->loop);
    promise = PyBytes_GET_SIZE(chunk) ? stream_write_chunk(self, chunk) : below_or_drained(self);
    Py_DECREF(chunk);
    return promise;
}

const char stream_writelines_doc[] =
    "writelines($self, iterable, /) -> Promise[None]\n--\n\nwrite() of all chunks together.";
PyObject *stream_writelines(StreamObject *self, PyObject *iterable) {
    PyObject *empty = PyBytes_FromStringAndSize(NULL, 0), *joined, *promise;
    joined = empty ? PyObject_CallMethod(empty, "join", "O", iterable) : NULL;
    promise = joined ? stream_write(self, joined) : NULL;
    Py_XDECREF(empty);
    Py_XDECREF(joined);
    return promise;
}

const char stream_send_eof_doc[] =
    "send_eof($self, /) -> Promise[None]\n--\n\n"
    "Closes the sending half once all is sent; reading goes on. Not over TLS.";
PyObject *stream_send_eof(StreamObject *self, PyObject *Py_UNUSED(args)) {
    if (loop_check(self->loop, "close a stream of") < 0)
        return NULL;
    if (self->io.fd < 0 || self->closing)
        return stream_rejected(self, PyExc_ConnectionAbortedError,
                               "send_eof on a stream that is closed");
    if (self->tls)
        return stream_rejected(self, PyExc_NotImplementedError,
                               "TLS has no end of one half only; close() the stream");
    self->shut = true;
    if (!self->queued && !self->file)
        end_sending(self);
    return loop_settled_none(self->loop);
}
