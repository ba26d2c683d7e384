/* py_stream.c - Stream: bytes both ways over a connected socket.
 *
 * Reading: one read at a time. What a read finds goes from the loop's buffer into one bytes object
 * of the exact size; only readexactly and readuntil, whose answer may come in pieces, collect in
 * `held`. Writing: each write tries the socket at once; what does not fit waits in `chunks`, and a
 * write above the high-water mark answers with a pending promise.
 *
 * A pending operation holds one reference to its stream. */
#include "py_stream.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>

enum { HIGH_WATER = 64 * 1024, FIRST_ROOM = 4096 };

static int read_done(struct cp_loop *core, struct cp_op *op);
static int write_done(struct cp_loop *core, struct cp_op *op);

StreamObject *stream_new(LoopObject *loop, int fd) {
    StreamObject *self = (StreamObject *)loop->state->Stream->tp_alloc(loop->state->Stream, 0);
    int err;
    if (!self) {
        close(fd);
        return NULL;
    }
    self->loop = (LoopObject *)Py_NewRef(loop);
    self->io.fd = -1;
    self->read_op.kind = CP_OP_RECV;
    self->read_op.done = read_done;
    self->write_op.kind = CP_OP_SEND;
    self->write_op.done = write_done;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    if ((err = cp_io_open(&loop->core, &self->io, fd)) < 0) {
        close(fd);
        Py_DECREF(self);
        errno = -err;
        return (StreamObject *)PyErr_SetFromErrno(PyExc_OSError);
    }
    return self;
}

/* ---- Answers
 * -------------------------------------------------------------------------------------------------------
 */

static PyObject *rejected_with_raised(LoopObject *loop) {
    PromiseObject *p;
    PyObject *reason = take_raised();
    if (!(p = promise_new(loop))) {
        Py_DECREF(reason);
        return NULL;
    }
    promise_reject(p, reason);
    return (PyObject *)p;
}

static PyObject *rejected(StreamObject *self, PyObject *type, const char *text) {
    PyErr_SetString(type, text);
    return rejected_with_raised(self->loop);
}

static PyObject *fulfilled(StreamObject *self, PyObject *value) {
    PromiseObject *p = value ? promise_new(self->loop) : NULL;
    if (!p) {
        Py_XDECREF(value);
        return NULL;
    }
    promise_fulfil(p, value);
    return (PyObject *)p;
}

/* asyncio's IncompleteReadError or LimitOverrunError, made by calling the class with two arguments.
 */
static void raise_stream_error(const char *name, PyObject *first, Py_ssize_t second) {
    PyObject *module = PyImport_ImportModule("asyncio.exceptions");
    PyObject *type = module ? PyObject_GetAttrString(module, name) : NULL;
    PyObject *error = type && first ? PyObject_CallFunction(type, "On", first, second) : NULL;
    if (error)
        PyErr_SetObject(type, error);
    Py_XDECREF(error);
    Py_XDECREF(type);
    Py_XDECREF(module);
    Py_XDECREF(first);
}

/* ---- Held bytes
 * ----------------------------------------------------------------------------------------------------
 */

static int hold(StreamObject *self, const char *data, size_t size) {
    size_t room = self->room ? self->room : FIRST_ROOM;
    char *held;
    if (self->start + self->length + size > self->room && self->start) {
        memmove(self->held, self->held + self->start, self->length);
        self->start = 0;
    }
    while (room < self->length + size)
        room *= 2;
    if (room > self->room) {
        if (!(held = PyMem_Realloc(self->held, room)))
            return -1;
        self->held = held;
        self->room = room;
    }
    memcpy(self->held + self->start + self->length, data, size);
    self->length += size;
    return 0;
}

static PyObject *take_held(StreamObject *self, size_t size) {
    PyObject *bytes = PyBytes_FromStringAndSize(self->held + self->start, (Py_ssize_t)size);
    if (bytes) {
        self->length -= size;
        self->start = self->length ? self->start + size : 0;
    }
    return bytes;
}

/* ---- Reading
 * -------------------------------------------------------------------------------------------------------
 */

static PyObject *take_until(StreamObject *self, const char *separator, size_t size) {
    const char *from = self->held + self->start;
    const char *found = self->length >= size ? memmem(from, self->length, separator, size) : NULL;
    size_t end = found ? (size_t)(found - from) + size : 0;
    if (found && end <= (size_t)self->wanted + size)
        return take_held(self, end);
    if (found || self->length > (size_t)self->wanted)
        raise_stream_error(
            "LimitOverrunError",
            PyUnicode_FromFormat(
                "no separator within the limit of %zd bytes; read() takes what is there, "
                "or give a higher limit",
                self->wanted),
            (Py_ssize_t)self->length);
    return NULL;
}

/* What the held bytes have for the read that is asked for: an object, or NULL: with an exception,
 * or "not yet". */
static PyObject *take_wanted(StreamObject *self) {
    switch (self->mode) {
    case READ_SOME:
        if (!self->length)
            return NULL;
        return take_held(self,
                         self->length < (size_t)self->wanted ? self->length : (size_t)self->wanted);
    case READ_EXACTLY:
        return self->length >= (size_t)self->wanted ? take_held(self, (size_t)self->wanted) : NULL;
    case READ_UNTIL:
        return take_until(self, PyBytes_AS_STRING(self->separator),
                          (size_t)PyBytes_GET_SIZE(self->separator));
    default:
        return take_until(self, "\n", 1);
    }
}

/* The same at the end of the file: always an object or an exception. */
static PyObject *take_at_eof(StreamObject *self) {
    if (self->mode == READ_SOME || (self->mode == READ_LINE && self->length))
        return take_held(self, self->length);
    if (self->mode == READ_LINE)
        PyErr_SetNone(PyExc_StopAsyncIteration);
    else
        raise_stream_error("IncompleteReadError", take_held(self, self->length), self->wanted);
    return NULL;
}

static PyObject *take(StreamObject *self) {
    PyObject *bytes = take_wanted(self);
    if (!bytes && !PyErr_Occurred() && self->eof)
        bytes = take_at_eof(self);
    return bytes;
}

/* The read is over with an object or the raised exception. */
static void finish_read(StreamObject *self, PyObject *bytes) {
    PromiseObject *p = self->reading;
    self->reading = NULL;
    self->mode = READ_NONE;
    Py_CLEAR(self->separator);
    if (bytes)
        promise_fulfil(p, bytes);
    else
        promise_reject(p, take_raised());
    Py_DECREF(p);
}

static void fail_read(StreamObject *self, int err) {
    PromiseObject *p = (PromiseObject *)Py_NewRef(self->reading);
    Py_CLEAR(self->reading);
    Py_CLEAR(self->separator);
    self->mode = READ_NONE;
    if (err == -ECANCELED) {
        PyErr_SetString(PyExc_ConnectionAbortedError, "the stream was closed during a read");
        promise_reject(p, take_raised());
    } else {
        promise_reject_errno(p, err, "read", NULL);
    }
    Py_DECREF(p);
}

/* Deals with one completed receive. True: the read that is asked for is over. */
static bool received(StreamObject *self) {
    ssize_t size = self->read_op.result;
    PyObject *bytes;
    if (size < 0) {
        fail_read(self, (int)size);
        return true;
    }
    if (self->mode == READ_SOME &&
        size > 0) { /* the hot path: one copy, into the object that the caller gets */
        finish_read(self, PyBytes_FromStringAndSize(self->read_op.data, size));
        return true;
    }
    self->eof = size == 0;
    if (size > 0 && hold(self, self->read_op.data, (size_t)size) < 0)
        PyErr_NoMemory();
    bytes = PyErr_Occurred() ? NULL : take(self);
    if (!bytes && !PyErr_Occurred())
        return false;
    finish_read(self, bytes);
    return true;
}

static void read_more(StreamObject *self) {
    int done;
    self->read_op.len = self->mode == READ_SOME ? (size_t)self->wanted : CP_BUFFER;
    do {
        done = cp_io_submit(&self->loop->core, &self->io, &self->read_op);
        if (done == 0)
            Py_INCREF(self);
        else if (done < 0)
            fail_read(self, done);
    } while (done > 0 && !received(self));
}

static int read_done(struct cp_loop *Py_UNUSED(core), struct cp_op *op) {
    StreamObject *self = cp_container_of(op, StreamObject, read_op);
    if (!received(self))
        read_more(self);
    Py_DECREF(self);
    return 0;
}

static PyObject *begin_read(StreamObject *self, enum stream_read mode, Py_ssize_t wanted,
                            PyObject *separator) {
    PyObject *bytes, *promise;
    if (self->io.fd < 0 || self->closing)
        return rejected(self, PyExc_ConnectionAbortedError, "read on a stream that is closed");
    if (self->reading)
        return rejected(self, PyExc_RuntimeError,
                        "a read of this stream is pending already; await it first");
    self->mode = (uint8_t)mode;
    self->wanted = wanted;
    self->separator = Py_XNewRef(separator);
    if ((self->length || self->eof) && ((bytes = take(self)) || PyErr_Occurred())) {
        Py_CLEAR(self->separator);
        return bytes ? fulfilled(self, bytes) : rejected_with_raised(self->loop);
    }
    if (!(self->reading = promise_new(self->loop)))
        return NULL;
    promise = Py_NewRef(self->reading);
    read_more(self);
    return promise;
}

PyDoc_STRVAR(read_doc, "read($self, max_bytes=65536, /) -> Promise[bytes]\n--\n\n"
                       "What is there, at most max_bytes; b'' at the end of the stream.");
static PyObject *stream_read(StreamObject *self, PyObject *const *args, Py_ssize_t nargs) {
    Py_ssize_t most = 65536;
    if (!check_nargs("read", nargs, 0, 1) || loop_check(self->loop, "read from a stream of") < 0)
        return NULL;
    if (nargs && (most = PyNumber_AsSsize_t(args[0], PyExc_OverflowError)) < 1) {
        if (!PyErr_Occurred())
            PyErr_Format(PyExc_ValueError, "read(max_bytes): at least 1, not %zd", most);
        return NULL;
    }
    return begin_read(self, READ_SOME, most, NULL);
}

PyDoc_STRVAR(readexactly_doc,
             "readexactly($self, n, /) -> Promise[bytes]\n--\n\n"
             "n bytes; rejects with asyncio.IncompleteReadError when the stream ends before.");
static PyObject *stream_readexactly(StreamObject *self, PyObject *arg) {
    Py_ssize_t size = PyNumber_AsSsize_t(arg, PyExc_OverflowError);
    if ((size == -1 && PyErr_Occurred()) || loop_check(self->loop, "read from a stream of") < 0)
        return NULL;
    if (size < 0)
        return PyErr_Format(PyExc_ValueError, "readexactly(n): n must not be negative, not %zd",
                            size);
    if (size == 0)
        return fulfilled(self, PyBytes_FromStringAndSize(NULL, 0));
    return begin_read(self, READ_EXACTLY, size, NULL);
}

PyDoc_STRVAR(
    readuntil_doc,
    "readuntil(separator=b'\\n', limit=65536) -> Promise[bytes]\n--\n\n"
    "Up to and with the separator. Rejects with asyncio.IncompleteReadError when the stream ends\n"
    "before, and with asyncio.LimitOverrunError when more than limit bytes come before it; the "
    "bytes\n"
    "stay readable then.");
static PyObject *stream_readuntil(StreamObject *self, PyObject *args, PyObject *kwargs) {
    static char *keywords[] = {"separator", "limit", NULL};
    PyObject *separator = NULL, *promise;
    Py_ssize_t limit = 65536;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|Sn:readuntil", keywords, &separator, &limit) ||
        loop_check(self->loop, "read from a stream of") < 0)
        return NULL;
    if ((separator && !PyBytes_GET_SIZE(separator)) || limit < 1) {
        PyErr_SetString(
            PyExc_ValueError,
            "readuntil(separator, limit): a separator of one byte or more, a positive limit");
        return NULL;
    }
    if (!(separator = separator ? Py_NewRef(separator) : PyBytes_FromString("\n")))
        return NULL;
    promise = begin_read(self, READ_UNTIL, limit, separator);
    Py_DECREF(separator);
    return promise;
}

static PyObject *stream_anext(StreamObject *self) {
    if (loop_check(self->loop, "read from a stream of") < 0)
        return NULL;
    return begin_read(self, READ_LINE, PY_SSIZE_T_MAX / 2, NULL);
}

/* ---- Writing
 * -------------------------------------------------------------------------------------------------------
 */

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

static int write_done(struct cp_loop *Py_UNUSED(core), struct cp_op *op) {
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

PyDoc_STRVAR(write_doc, "write($self, data, /) -> Promise[None]\n--\n\n"
                        "Sends bytes in order. The promise is settled already while less than 64 "
                        "KiB wait to be sent; else\n"
                        "it settles when that is so again: await it to keep step with the peer. "
                        "Other objects than bytes are\n"
                        "copied. A failure that nobody awaits comes back from the next call.");
static PyObject *stream_write(StreamObject *self, PyObject *data) {
    PyObject *chunk, *promise;
    if (loop_check(self->loop, "write to a stream of") < 0)
        return NULL;
    if (self->error)
        return write_failed(self, self->error);
    if (self->io.fd < 0 || self->closing)
        return rejected(self, PyExc_ConnectionAbortedError, "write on a stream that is closed");
    if (self->shut)
        return rejected(self, PyExc_RuntimeError, "write after send_eof()");
    if (!(chunk = PyBytes_CheckExact(data) ? Py_NewRef(data) : PyBytes_FromObject(data)))
        return NULL;
    promise = PyBytes_GET_SIZE(chunk) ? write_chunk(self, chunk) : below_or_drained(self);
    Py_DECREF(chunk);
    return promise;
}

PyDoc_STRVAR(
    writelines_doc,
    "writelines($self, iterable, /) -> Promise[None]\n--\n\nwrite() of all chunks together.");
static PyObject *stream_writelines(StreamObject *self, PyObject *iterable) {
    PyObject *empty = PyBytes_FromStringAndSize(NULL, 0), *joined, *promise;
    joined = empty ? PyObject_CallMethod(empty, "join", "O", iterable) : NULL;
    promise = joined ? stream_write(self, joined) : NULL;
    Py_XDECREF(empty);
    Py_XDECREF(joined);
    return promise;
}

PyDoc_STRVAR(send_eof_doc, "send_eof($self, /) -> Promise[None]\n--\n\n"
                           "Closes the sending half once all is sent; reading goes on.");
static PyObject *stream_send_eof(StreamObject *self, PyObject *Py_UNUSED(args)) {
    if (loop_check(self->loop, "close a stream of") < 0)
        return NULL;
    if (self->io.fd < 0 || self->closing)
        return rejected(self, PyExc_ConnectionAbortedError, "send_eof on a stream that is closed");
    self->shut = true;
    if (!self->queued)
        shutdown(self->io.fd, SHUT_WR);
    return loop_settled_none(self->loop);
}

/* ---- Closing
 * -------------------------------------------------------------------------------------------------------
 */

void stream_abort(StreamObject *self) {
    ServerObject *server = self->server;
    self->server = NULL;
    if (self->loop->open)
        cp_io_close(&self->loop->core, &self->io);
    if (server) {
        server_forget(server);
        Py_DECREF(server);
    }
}

PyDoc_STRVAR(close_doc,
             "close($self, /) -> Promise[None]\n--\n\n"
             "Closes the stream once all that was written is sent. A pending read is rejected.");
static PyObject *stream_close(StreamObject *self, PyObject *Py_UNUSED(args)) {
    if (self->loop->open && loop_check(self->loop, "close a stream of") < 0)
        return NULL;
    if (self->closing)
        return Py_NewRef(self->closing);
    if (self->io.fd >= 0 && self->queued && !self->error) {
        self->closing = promise_new(self->loop);
        return Py_XNewRef(self->closing);
    }
    stream_abort(self);
    return loop_settled_none(self->loop);
}

static PyObject *stream_aenter(StreamObject *self, PyObject *Py_UNUSED(args)) {
    return fulfilled(self, Py_NewRef(self));
}

static PyObject *stream_aexit(StreamObject *self, PyObject *Py_UNUSED(args)) {
    return stream_close(self, NULL);
}

/* ---- What can be seen of a stream
 * ------------------------------------------------------------------------------------ */

PyObject *address_tuple(const struct sockaddr_storage *address, socklen_t size) {
    char host[INET6_ADDRSTRLEN];
    const struct sockaddr_in *in = (const void *)address;
    const struct sockaddr_in6 *in6 = (const void *)address;
    if (size >= sizeof *in && address->ss_family == AF_INET) {
        inet_ntop(AF_INET, &in->sin_addr, host, sizeof host);
        return Py_BuildValue("si", host, ntohs(in->sin_port));
    }
    if (size >= sizeof *in6 && address->ss_family == AF_INET6) {
        inet_ntop(AF_INET6, &in6->sin6_addr, host, sizeof host);
        return Py_BuildValue("siII", host, ntohs(in6->sin6_port), ntohl(in6->sin6_flowinfo),
                             in6->sin6_scope_id);
    }
    return Py_NewRef(Py_None);
}

static PyObject *stream_get_peername(StreamObject *self, void *Py_UNUSED(closure)) {
    struct sockaddr_storage address;
    socklen_t size = sizeof address;
    if (self->io.fd < 0 || getpeername(self->io.fd, (struct sockaddr *)&address, &size) < 0)
        Py_RETURN_NONE;
    return address_tuple(&address, size);
}

static PyObject *stream_get_closed(StreamObject *self, void *Py_UNUSED(closure)) {
    return PyBool_FromLong(self->io.fd < 0 || self->closing);
}

static PyObject *stream_repr(StreamObject *self) {
    return PyUnicode_FromFormat("<cpromise.Stream %s>", self->io.fd < 0 ? "closed" : "open");
}

static int stream_traverse(StreamObject *self, visitproc visit, void *arg) {
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(self->loop);
    Py_VISIT(self->server);
    Py_VISIT(self->reading);
    Py_VISIT(self->separator);
    Py_VISIT(self->chunks);
    Py_VISIT(self->drained);
    Py_VISIT(self->closing);
    return 0;
}

static int stream_clear(StreamObject *self) {
    Py_CLEAR(self->reading);
    Py_CLEAR(self->separator);
    Py_CLEAR(self->chunks);
    Py_CLEAR(self->drained);
    Py_CLEAR(self->closing);
    return 0;
}

static void stream_dealloc(StreamObject *self) {
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    if (self->loop && self->loop->forks == fork_count())
        stream_abort(self);
    stream_clear(self);
    PyMem_Free(self->held);
    Py_XDECREF(self->loop);
    PyObject_GC_Del(self);
    Py_DECREF(type);
}

static PyMethodDef stream_methods[] = {
    {"read", (PyCFunction)(void (*)(void))stream_read, METH_FASTCALL, read_doc},
    {"readexactly", (PyCFunction)stream_readexactly, METH_O, readexactly_doc},
    {"readuntil", (PyCFunction)(void (*)(void))stream_readuntil, METH_VARARGS | METH_KEYWORDS,
     readuntil_doc},
    {"write", (PyCFunction)stream_write, METH_O, write_doc},
    {"writelines", (PyCFunction)stream_writelines, METH_O, writelines_doc},
    {"send_eof", (PyCFunction)stream_send_eof, METH_NOARGS, send_eof_doc},
    {"close", (PyCFunction)stream_close, METH_NOARGS, close_doc},
    {"__aenter__", (PyCFunction)stream_aenter, METH_NOARGS, NULL},
    {"__aexit__", (PyCFunction)stream_aexit, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef stream_getset[] = {
    {"closed", (getter)stream_get_closed, NULL,
     "whether the stream is closed, or will be once all is sent", NULL},
    {"peername", (getter)stream_get_peername, NULL,
     "(host, port) of the other end, None when closed", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot stream_slots[] = {
    {Py_tp_doc,
     (void *)"Bytes both ways over a connection. Made by connect_tcp() and serve_tcp()."},
    {Py_tp_dealloc, stream_dealloc},
    {Py_tp_traverse, stream_traverse},
    {Py_tp_clear, stream_clear},
    {Py_tp_repr, stream_repr},
    {Py_am_aiter, PyObject_SelfIter},
    {Py_am_anext, stream_anext},
    {Py_tp_methods, stream_methods},
    {Py_tp_getset, stream_getset},
    {0, NULL},
};

PyType_Spec stream_spec = {
    .name = "cpromise.Stream",
    .basicsize = sizeof(StreamObject),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_IMMUTABLETYPE |
             Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .slots = stream_slots,
};
