/* py_stream_write.c - the writing half of a stream: each write tries the socket at once; what does
 * not fit waits in `chunks`, and a write above the high-water mark answers with a pending promise.
 */
#include "py_stream.h"
#include <errno.h>

enum { HIGH_WATER = 64 * 1024 };

/* ---- Writing */

static void settle_drained(StreamObject *self, int error) {
    PromiseObject *p = self->drained;
    if (!p || self->queued >= HIGH_WATER)
        return;
    self->drained = NULL;
    if (error)
        promise_reject_errno(p, error, "write", NULL);
    else
        promise_fulfil(p, Py_NewRef(Py_None));
    Py_DECREF(p);
}

static void finish_close(StreamObject *self) {
    PromiseObject *p = self->closing;
    stream_abort(self);
    if (!p)
        return;
    self->closing = NULL;
    promise_fulfil(p, Py_NewRef(Py_None));
    Py_DECREF(p);
}

/* Nothing is left to send, or nothing can be sent any more. */
static void writes_ended(StreamObject *self, int error) {
    if (error && error != -ECANCELED)
        self->error = error;
    PyList_SetSlice(self->chunks, 0, PY_SSIZE_T_MAX, NULL);
    self->queued = 0;
    self->sent = 0;
    settle_drained(self, error);
    if (self->shut && !error)
        shutdown(self->io.fd, SHUT_WR);
    if (self->closing)
        finish_close(self);
}

/* The first chunk got `size` bytes shorter. */
static void advance(StreamObject *self, ssize_t size) {
    self->sent += size;
    self->queued -= (size_t)size;
    if (self->sent < PyBytes_GET_SIZE(PyList_GET_ITEM(self->chunks, 0)))
        return;
    self->sent = 0;
    PyList_SetSlice(self->chunks, 0, 1, NULL);
}

/* Sends from the queue until it is empty or the socket is full. */
static void flush(StreamObject *self) {
    while (PyList_GET_SIZE(self->chunks)) {
        PyObject *chunk = PyList_GET_ITEM(self->chunks, 0);
        int done;
        self->write_op.buf = PyBytes_AS_STRING(chunk) + self->sent;
        self->write_op.len = (size_t)(PyBytes_GET_SIZE(chunk) - self->sent);
        done = cp_io_submit(&self->loop->core, &self->io, &self->write_op);
        if (done == 0) {
            Py_INCREF(self);
            settle_drained(self, 0);
            return;
        }
        if (done < 0 || self->write_op.result < 0) {
            writes_ended(self, done < 0 ? done : (int)self->write_op.result);
            return;
        }
        advance(self, self->write_op.result);
    }
    writes_ended(self, 0);
}

int stream_write_done(struct cp_loop *Py_UNUSED(core), struct cp_op *op) {
    StreamObject *self = cp_container_of(op, StreamObject, write_op);
    if (op->result < 0) {
        writes_ended(self, (int)op->result);
    } else {
        advance(self, op->result);
        flush(self);
    }
    Py_DECREF(self);
    return 0;
}

/* A failed write that nobody awaits is not lost: the next call on the stream fails with it. So its
 * promise is nobody's unhandled rejection, and a server does not die of a client that went away. */
static PyObject *write_failed(StreamObject *self, int err) {
    PromiseObject *p = promise_new(self->loop);
    if (!p)
        return NULL;
    p->core.self.job.flags |= CP_HANDLED;
    self->error = err;
    promise_reject_errno(p, err, "write", NULL);
    return (PyObject *)p;
}

static int enqueue(StreamObject *self, PyObject *chunk, Py_ssize_t sent) {
    if (!self->chunks && !(self->chunks = PyList_New(0)))
        return -1;
    if (PyList_Append(self->chunks, chunk) < 0)
        return -1;
    if (PyList_GET_SIZE(self->chunks) == 1)
        self->sent = sent;
    self->queued += (size_t)(PyBytes_GET_SIZE(chunk) - sent);
    return 0;
}

static PyObject *below_or_drained(StreamObject *self) {
    if (self->queued < HIGH_WATER)
        return loop_settled_none(self->loop);
    if (!self->drained) {
        if (!(self->drained = promise_new(self->loop)))
            return NULL;
        self->drained->core.self.job.flags |= CP_HANDLED;
    }
    return Py_NewRef(self->drained);
}

static PyObject *write_chunk(StreamObject *self, PyObject *chunk) {
    ssize_t sent = 0;
    int done;
    if (!self->chunks ||
        !PyList_GET_SIZE(
            self->chunks)) { /* nothing is ahead of it: try at once, from the object itself */
        self->write_op.buf = PyBytes_AS_STRING(chunk);
        self->write_op.len = (size_t)PyBytes_GET_SIZE(chunk);
        done = cp_io_submit(&self->loop->core, &self->io, &self->write_op);
        sent = done > 0 ? self->write_op.result : 0;
        if (done < 0 || sent < 0)
            return write_failed(self, done < 0 ? done : (int)sent);
        if (sent == PyBytes_GET_SIZE(chunk))
            return loop_settled_none(self->loop);
        if (enqueue(self, chunk, sent) < 0)
            return NULL;
        if (done == 0)
            Py_INCREF(self);
        else
            flush(self);
    } else if (enqueue(self, chunk, 0) < 0) {
        return NULL;
    }
    return below_or_drained(self);
}

const char stream_write_doc[] =
    "write($self, data, /) -> Promise[None]\n--\n\n"
    "Sends bytes in order. The promise is settled already while less than 64 "
    "KiB wait to be sent; else\n"
    "it settles when that is so again: await it to keep step with the peer. "
    "Other objects than bytes are\n"
    "copied. A failure that nobody awaits comes back from the next call.";
PyObject *stream_write(StreamObject *self, PyObject *data) {
    PyObject *chunk, *promise;
    if (loop_check(self->loop, "write to a stream of") < 0)
        return NULL;
    if (self->error)
        return write_failed(self, self->error);
    if (self->io.fd < 0 || self->closing)
        return stream_rejected(self, PyExc_ConnectionAbortedError,
                               "write on a stream that is closed");
    if (self->shut)
        return stream_rejected(self, PyExc_RuntimeError, "write after send_eof()");
    if (!(chunk = PyBytes_CheckExact(data) ? Py_NewRef(data) : PyBytes_FromObject(data)))
        return NULL;
    promise = PyBytes_GET_SIZE(chunk) ? write_chunk(self, chunk) : below_or_drained(self);
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

const char stream_send_eof_doc[] = "send_eof($self, /) -> Promise[None]\n--\n\n"
                                   "Closes the sending half once all is sent; reading goes on.";
PyObject *stream_send_eof(StreamObject *self, PyObject *Py_UNUSED(args)) {
    if (loop_check(self->loop, "close a stream of") < 0)
        return NULL;
    if (self->io.fd < 0 || self->closing)
        return stream_rejected(self, PyExc_ConnectionAbortedError,
                               "send_eof on a stream that is closed");
    self->shut = true;
    if (!self->queued)
        shutdown(self->io.fd, SHUT_WR);
    return loop_settled_none(self->loop);
}
