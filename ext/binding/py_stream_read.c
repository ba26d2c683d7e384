/* py_stream_read.c - the reading half of a stream: one read at a time. What read() finds goes from
 * the loop's buffer into one bytes object of the exact size; only readexactly and readuntil, whose
 * answer may come in pieces, collect in `held`. */
#include "py_stream.h"
#include <errno.h>
#include <string.h>

enum {
    FIRST_ROOM = 4096,
    FRAME = 384, /* bytes of a coroutine with a few variables */
};

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

/* ---- Held bytes */

int stream_hold(StreamObject *self, const char *data, size_t size) {
    size_t room = self->room ? self->room : FIRST_ROOM;
    char *held;
    if (!size)
        return 0;
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

/* The first `size` held bytes are somebody's. What is empty is given back: most connections are idle
 * most of the time. */
static void consume(StreamObject *self, size_t size) {
    self->length -= size;
    self->start += size;
    if (self->length)
        return;
    PyMem_Free(self->held);
    self->held = NULL;
    self->start = self->room = 0;
}

/* ---- Taking: what `from[0 .. length)` has for the read that is asked for. An object, of `*used`
 * bytes of it; or NULL: with an exception, or "not yet". */

static PyObject *take_bytes(const char *from, size_t size, size_t *used) {
    *used = size;
    return PyBytes_FromStringAndSize(from, (Py_ssize_t)size);
}

/* What was searched before is not searched again: a long line that comes byte by byte stays cheap. */
static const char *find(StreamObject *self, const char *from, size_t length, const char *separator,
                        size_t size) {
    size_t seen = self->searched < size ? 0 : self->searched - size + 1;
    self->searched = length;
    if (size == 1)
        return memchr(from + seen, *separator, length - seen);
    return memmem(from + seen, length - seen, separator, size);
}

static PyObject *take_until(StreamObject *self, const char *from, size_t length,
                            const char *separator, size_t size, size_t *used) {
    const char *found = find(self, from, length, separator, size);
    size_t end = found ? (size_t)(found - from) + size : 0;
    if (found && end <= (size_t)self->wanted + size)
        return take_bytes(from, end, used);
    if (found || length > (size_t)self->wanted)
        raise_stream_error(
            "LimitOverrunError",
            PyUnicode_FromFormat(
                "no separator within the limit of %zd bytes; read() takes what is there, "
                "or give a higher limit",
                self->wanted),
            (Py_ssize_t)length);
    return NULL;
}

static PyObject *take_wanted(StreamObject *self, const char *from, size_t length, size_t *used) {
    size_t wanted = (size_t)self->wanted;
    switch (self->mode) {
    case READ_SOME:
        return length ? take_bytes(from, length < wanted ? length : wanted, used) : NULL;
    case READ_EXACTLY:
        return length >= wanted ? take_bytes(from, wanted, used) : NULL;
    case READ_UNTIL:
        return take_until(self, from, length, PyBytes_AS_STRING(self->separator),
                          (size_t)PyBytes_GET_SIZE(self->separator), used);
    default:
        return take_until(self, from, length, "\n", 1, used);
    }
}

/* The same at the end of the file: always an object or an exception. */
static PyObject *take_at_eof(StreamObject *self, size_t *used) {
    const char *from = self->held + self->start;
    if (self->mode == READ_SOME || (self->mode == READ_LINE && self->length))
        return take_bytes(from, self->length, used);
    if (self->mode == READ_LINE)
        PyErr_SetNone(PyExc_StopAsyncIteration);
    else
        raise_stream_error("IncompleteReadError", take_bytes(from, self->length, used),
                           self->wanted);
    return NULL;
}

static PyObject *take_held(StreamObject *self) {
    size_t used = 0;
    PyObject *bytes =
        self->length ? take_wanted(self, self->held + self->start, self->length, &used) : NULL;
    if (!bytes && !PyErr_Occurred() && self->eof)
        bytes = take_at_eof(self, &used);
    if (used)
        consume(self, used);
    return bytes;
}

/* What just came goes to the reader straight from where it lies; what is left is held. */
static PyObject *take_fresh(StreamObject *self, const char *data, size_t size) {
    size_t used = 0;
    PyObject *bytes;
    if (self->length) {
        if (stream_hold(self, data, size) < 0)
            return PyErr_NoMemory();
        return take_held(self);
    }
    bytes = take_wanted(self, data, size, &used);
    if (used < size && stream_hold(self, data + used, size - used) < 0) {
        Py_CLEAR(bytes);
        PyErr_NoMemory();
    }
    return bytes;
}

/* ---- Reading */

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

/* Nobody waits any more. */
static void forget_read(StreamObject *self) {
    Py_CLEAR(self->reading);
    Py_CLEAR(self->separator);
    self->mode = READ_NONE;
}

static void fail_read(StreamObject *self, int err) {
    PromiseObject *p = (PromiseObject *)Py_XNewRef(self->reading);
    if (!p) /* it was cancelled and nobody has asked again: the next read finds out */
        return;
    forget_read(self);
    stream_reject(self, p, err, "read");
    Py_DECREF(p);
}

/* The read was cancelled, or timed out. */
static bool is_abandoned(StreamObject *self) {
    return self->reading && cp_promise_state(&self->reading->core) != CP_PENDING;
}

/* What came is held: as it is, or what TLS makes of it. 0 or -1. */
static int keep(StreamObject *self, ssize_t size) {
    if (self->tls)
        return tls_received(self, self->read_op.data, (size_t)size);
    self->eof = size == 0;
    if (stream_hold(self, self->read_op.data, (size_t)size) == 0)
        return 0;
    PyErr_NoMemory();
    return -1;
}

/* Nobody waits for these bytes any more. */
static void keep_for_later(StreamObject *self, ssize_t size) {
    forget_read(self);
    if (keep(self, size) < 0) {
        loop_report(self->loop, (PyObject *)self);
        stream_abort(self);
    }
}

/* Deals with one completed receive. True: the read that is asked for is over. */
static bool received(StreamObject *self) {
    ssize_t size = self->read_op.result;
    PyObject *bytes;
    if (stream_is_shaking(self)) {
        if (size >= 0)
            return tls_shake_with(self, self->read_op.data, (size_t)size);
        tls_failed(self, (int)size);
        return true;
    }
    if (size < 0) {
        fail_read(self, (int)size);
        return true;
    }
    if (!self->reading || is_abandoned(self)) {
        keep_for_later(self, size);
        return true;
    }
    if (size > 0 && !self->tls)
        bytes = take_fresh(self, self->read_op.data, (size_t)size);
    else
        bytes = keep(self, size) < 0 ? NULL : take_held(self);
    if (!bytes && !PyErr_Occurred())
        return false;
    finish_read(self, bytes);
    return true;
}

/* A peer that sends without end must not keep the loop from everybody else: after some reads in one
 * turn the next one is a job of the turn that follows. */
static void read_next_turn(StreamObject *self) {
    self->receiving = true;
    self->read_job.kind = KIND_READ;
    Py_INCREF(self);
    cp_enqueue_macro(&self->loop->core, &self->read_job);
}

void stream_read_more(StreamObject *self) {
    int done;
    self->read_op.len = self->mode == READ_SOME ? (size_t)self->wanted : CP_BUFFER;
    do {
        if (share_is_used_up(&self->reads, self->loop, TRIES_A_TURN) && self->reading) {
            read_next_turn(self);
            return;
        }
        done = cp_io_submit(&self->loop->core, &self->io, &self->read_op);
        self->receiving = done == 0;
        if (done == 0)
            Py_INCREF(self);
        else if (done < 0 && stream_is_shaking(self))
            tls_failed(self, done);
        else if (done < 0)
            fail_read(self, done);
    } while (done > 0 && !received(self));
}

int stream_read_done(struct cp_loop *Py_UNUSED(core), struct cp_op *op) {
    StreamObject *self = cp_container_of(op, StreamObject, read_op);
    self->receiving = false;
    if (!received(self))
        stream_read_more(self);
    Py_DECREF(self);
    return 0;
}

/* ---- Reads that complete soon. From the stream to the coroutine that waits for it leads a chain of
 * pointers: each call fetches what the next one follows. */

/* object may be NULL. */
static void fetch(const void *object, size_t size) {
    for (size_t at = 0; object && at < size; at += CP_LINE)
        __builtin_prefetch((const char *)object + at);
}

/* The last of the reactions that wait for the read, or NULL. */
static const PromiseObject *waiting_for(const PromiseObject *read) {
    if (!read || cp_promise_state(&read->core) != CP_PENDING || !read->core.value)
        return NULL;
    return PROMISE_OF(cp_promise_of((struct cp_job *)read->core.value));
}

void stream_expect(const struct cp_op *op, int ahead) {
    const StreamObject *self = cp_container_of(op, StreamObject, read_op);
    const PromiseObject *waiting;
    if (op->done != stream_read_done)
        return;
    if (ahead == CP_AHEAD)
        fetch(self, sizeof *self);
    else if (ahead == CP_AHEAD - 1)
        fetch(self->reading, sizeof *self->reading);
    else if ((waiting = waiting_for(self->reading)) && ahead == CP_AHEAD - 2)
        fetch(waiting, sizeof *waiting);
    else if (waiting)
        fetch(waiting->core.self.ok, FRAME);
}

void run_read(struct cp_job *job) {
    StreamObject *self = cp_container_of(job, StreamObject, read_job);
    self->receiving = false;
    if (self->io.fd < 0)
        fail_read(self, -ECANCELED);
    else if (self->reading && !is_abandoned(self))
        stream_read_more(self);
    Py_DECREF(self);
}

PyObject *read_object(struct cp_job *job) {
    return (PyObject *)cp_container_of(job, StreamObject, read_job);
}

static PyObject *begin_read(StreamObject *self, enum stream_read mode, Py_ssize_t wanted,
                            PyObject *separator) {
    PyObject *bytes, *promise;
    if (self->io.fd < 0 || self->closing)
        return stream_rejected(self, PyExc_ConnectionAbortedError,
                               "read on a stream that is closed");
    if (is_abandoned(self))
        forget_read(self);
    if (self->reading)
        return stream_rejected(self, PyExc_RuntimeError,
                               "a read of this stream is pending already; await it first");
    self->mode = (uint8_t)mode;
    self->wanted = wanted;
    self->separator = Py_XNewRef(separator);
    self->searched = 0;
    if ((self->length || self->eof) && ((bytes = take_held(self)) || PyErr_Occurred())) {
        Py_CLEAR(self->separator);
        return bytes ? stream_fulfilled(self, bytes) : stream_rejected_raised(self->loop);
    }
    if (!(self->reading = promise_new(self->loop)))
        return NULL;
    promise = Py_NewRef(self->reading);
    if (!self->receiving)
        stream_read_more(self);
    return promise;
}

const char stream_read_doc[] = "read($self, max_bytes=65536, /) -> Promise[bytes]\n--\n\n"
                               "What is there, at most max_bytes; b'' at the end of the stream.";
PyObject *stream_read(StreamObject *self, PyObject *const *args, Py_ssize_t nargs) {
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

const char stream_readexactly_doc[] =
    "readexactly($self, n, /) -> Promise[bytes]\n--\n\n"
    "n bytes; rejects with asyncio.IncompleteReadError when the stream ends before.";
PyObject *stream_readexactly(StreamObject *self, PyObject *arg) {
    Py_ssize_t size = PyNumber_AsSsize_t(arg, PyExc_OverflowError);
    if ((size == -1 && PyErr_Occurred()) || loop_check(self->loop, "read from a stream of") < 0)
        return NULL;
    if (size < 0)
        return PyErr_Format(PyExc_ValueError, "readexactly(n): n must not be negative, not %zd",
                            size);
    if (size == 0)
        return stream_fulfilled(self, PyBytes_FromStringAndSize(NULL, 0));
    return begin_read(self, READ_EXACTLY, size, NULL);
}

const char stream_readuntil_doc[] =
    "readuntil(separator=b'\\n', limit=65536) -> Promise[bytes]\n--\n\n"
    "Up to and with the separator. Rejects with asyncio.IncompleteReadError when the stream ends\n"
    "before, and with asyncio.LimitOverrunError when more than limit bytes come before it; the "
    "bytes\n"
    "stay readable then.";
PyObject *stream_readuntil(StreamObject *self, PyObject *args, PyObject *kwargs) {
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

PyObject *stream_anext(StreamObject *self) {
    if (loop_check(self->loop, "read from a stream of") < 0)
        return NULL;
    return begin_read(self, READ_LINE, PY_SSIZE_T_MAX / 2, NULL);
}
