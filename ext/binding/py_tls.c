/* py_tls.c - TLS on a stream, through the memory BIOs of Python's ssl module: what the socket brings
 * goes into one, what is to be sent comes out of the other, and between them lies an SSLObject.
 *
 * The handshake reads with the stream's own operation. A peer that ends the connection without
 * close_notify has ended the stream, as Python's own sockets see it (suppress_ragged_eofs). */
#include "py_stream.h"
#include <errno.h>
#include <string.h>

enum { HANDSHAKE_SECONDS = 60 }; /* as asyncio's */

struct tls {
    PyObject *object;              /* ssl.SSLObject */
    PyObject *incoming, *outgoing; /* ssl.MemoryBIO */
    PyObject *owner;               /* while the handshake goes on: whom `done` tells */
    tls_done done;
    PyObject *expiry; /* the Timer of the handshake */
    bool ended;       /* incoming has had its end of file */
};

bool stream_is_shaking(const StreamObject *self) {
    return self->tls && self->tls->done;
}

PyObject *stream_ssl_object(const StreamObject *self) {
    return self->tls ? self->tls->object : NULL;
}

/* Whether the raised exception is ssl's class of that name; it is cleared then. */
static bool was_raised(const char *name) {
    PyObject *raised = take_raised(), *module = PyImport_ImportModule("ssl");
    PyObject *type = module ? PyObject_GetAttrString(module, name) : NULL;
    bool matches = type && PyErr_GivenExceptionMatches(raised, type);
    PyErr_Clear();
    Py_XDECREF(module);
    Py_XDECREF(type);
    if (matches)
        Py_DECREF(raised);
    else
        restore_raised(raised);
    return matches;
}

/* ---- Between the BIOs and the socket */

/* What TLS has to say goes to the socket. 0 or -1. */
static int send_outgoing(StreamObject *self) {
    PyObject *bytes = PyObject_CallMethod(self->tls->outgoing, "read", NULL), *written;
    if (!bytes)
        return -1;
    if (!PyBytes_GET_SIZE(bytes) || self->io.fd < 0 || self->error) {
        Py_DECREF(bytes);
        return 0;
    }
    written = stream_write_chunk(self, bytes);
    Py_DECREF(bytes);
    Py_XDECREF(written);
    return written ? 0 : -1;
}

/* size 0: the end of the file. 0 or -1. */
static int feed(struct tls *tls, const char *data, size_t size) {
    PyObject *done;
    if (size) {
        done = PyObject_CallMethod(tls->incoming, "write", "y#", data, (Py_ssize_t)size);
    } else {
        tls->ended = true;
        done = PyObject_CallMethod(tls->incoming, "write_eof", NULL);
    }
    Py_XDECREF(done);
    return done ? 0 : -1;
}

/* One piece of plain text. 1: it is held; 0: there is no more now; -1. */
static int decrypt_some(StreamObject *self) {
    PyObject *bytes = PyObject_CallMethod(self->tls->object, "read", "i", CP_BUFFER);
    int some;
    if (!bytes) {
        if (was_raised("SSLWantReadError"))
            return 0;
        if (!was_raised("SSLZeroReturnError") && !(self->tls->ended && was_raised("SSLEOFError")))
            return -1;
        self->eof = true;
        return 0;
    }
    some = PyBytes_GET_SIZE(bytes) > 0;
    self->eof = !some;
    if (some && stream_hold(self, PyBytes_AS_STRING(bytes), (size_t)PyBytes_GET_SIZE(bytes)) < 0) {
        PyErr_NoMemory();
        some = -1;
    }
    Py_DECREF(bytes);
    return some;
}

static int decrypt(StreamObject *self) {
    int some;
    do
        some = decrypt_some(self);
    while (some > 0);
    return some < 0 ? -1 : send_outgoing(self);
}

int tls_received(StreamObject *self, const char *data, size_t size) {
    if (feed(self->tls, data, size) < 0 || decrypt(self) < 0)
        return -1;
    self->eof |= size == 0;
    return 0;
}

PyObject *tls_encrypt(StreamObject *self, PyObject *chunk) {
    PyObject *done = PyObject_CallMethod(self->tls->object, "write", "O", chunk);
    Py_XDECREF(done);
    return done ? PyObject_CallMethod(self->tls->outgoing, "read", NULL) : NULL;
}

void tls_say_goodbye(StreamObject *self) {
    PyObject *done = PyObject_CallMethod(self->tls->object, "unwrap", NULL);
    Py_XDECREF(done);
    PyErr_Clear(); /* the peer's answer is not waited for */
    if (send_outgoing(self) < 0)
        PyErr_Clear();
}

/* ---- The handshake */

/* It is over: `error` NULL, or stolen. */
static void shaken(StreamObject *self, PyObject *error) {
    struct tls *tls = self->tls;
    PyObject *owner = tls->owner;
    tls_done done = tls->done;
    PyObject *stopped = tls->expiry ? PyObject_CallMethod(tls->expiry, "cancel", NULL) : NULL;
    Py_XDECREF(stopped);
    PyErr_Clear();
    Py_CLEAR(tls->expiry);
    tls->owner = NULL;
    tls->done = NULL;
    done(self, owner, error);
    Py_XDECREF(error);
    Py_DECREF(owner);
}

void tls_failed(StreamObject *self, int err) {
    PyObject *text, *error;
    if (err == -ECANCELED) {
        PyErr_SetString(self->loop->closing ? self->loop->state->LoopClosedError
                                            : PyExc_ConnectionAbortedError,
                        "the stream was closed during its TLS handshake");
    } else {
        text = PyUnicode_FromFormat("TLS handshake: %s", strerror(-err));
        error = text ? PyObject_CallFunction(PyExc_OSError, "iN", -err, text) : NULL;
        if (error)
            restore_raised(error);
    }
    shaken(self, take_raised());
}

/* True: the handshake is over. */
static bool shake(StreamObject *self) {
    PyObject *done = PyObject_CallMethod(self->tls->object, "do_handshake", NULL), *error = NULL;
    bool wants_more = !done && was_raised("SSLWantReadError");
    Py_XDECREF(done);
    if (!done && !wants_more)
        error = take_raised();
    if (send_outgoing(self) < 0) { /* an alert, too */
        if (error)
            PyErr_Clear();
        else
            error = take_raised();
    }
    if (wants_more && !error)
        return false;
    if (!error && decrypt(self) < 0) /* what came together with the end of the handshake */
        error = take_raised();
    shaken(self, error);
    return true;
}

bool tls_shake_with(StreamObject *self, const char *data, size_t size) {
    if (feed(self->tls, data, size) == 0)
        return shake(self);
    shaken(self, take_raised());
    return true;
}

static struct tls *tls_new(PyObject *context, bool server_side, PyObject *hostname) {
    struct tls *tls = PyMem_Calloc(1, sizeof *tls);
    PyObject *module = tls ? PyImport_ImportModule("ssl") : PyErr_NoMemory();
    if (module && (tls->incoming = PyObject_CallMethod(module, "MemoryBIO", NULL)) &&
        (tls->outgoing = PyObject_CallMethod(module, "MemoryBIO", NULL)))
        tls->object = PyObject_CallMethod(context, "wrap_bio", "OOiO", tls->incoming, tls->outgoing,
                                          server_side, hostname);
    Py_XDECREF(module);
    if (tls && tls->object)
        return tls;
    tls_free(tls);
    return NULL;
}

/* A peer that stalls is not waited for. */
static PyObject *start_expiry(StreamObject *self) {
    PyObject *method = PyObject_GetAttrString((PyObject *)self, "_expire_tls");
    cp_ns when = cp_now() + HANDSHAKE_SECONDS * (cp_ns)1000000000;
    PyObject *timer = method ? timer_start_call(self->loop, when, method, NULL, 0) : NULL;
    Py_XDECREF(method);
    return timer;
}

PyObject *stream_expire_tls(StreamObject *self, PyObject *Py_UNUSED(args)) {
    Py_CLEAR(self->tls->expiry);
    if (stream_is_shaking(self))
        tls_failed(self, -ETIMEDOUT);
    Py_RETURN_NONE;
}

int stream_start_tls(StreamObject *self, PyObject *context, bool server_side, PyObject *hostname,
                     PyObject *owner, tls_done done) {
    if (!(self->tls = tls_new(context, server_side, hostname)) ||
        !(self->tls->expiry = start_expiry(self)))
        return -1;
    self->tls->owner = Py_NewRef(owner);
    self->tls->done = done;
    if (!shake(self))
        stream_read_more(self);
    return 0;
}

PyObject *tls_context(PyObject *given, bool server_side) {
    PyObject *module = PyImport_ImportModule("ssl"), *type, *context = NULL;
    int is_context;
    if (!module)
        return NULL;
    if (given == Py_True && !server_side) {
        context = PyObject_CallMethod(module, "create_default_context", NULL);
    } else if ((type = PyObject_GetAttrString(module, "SSLContext"))) {
        is_context = PyObject_IsInstance(given, type);
        Py_DECREF(type);
        if (is_context > 0)
            context = Py_NewRef(given);
        else if (is_context == 0)
            PyErr_Format(PyExc_TypeError, "tls: an ssl.SSLContext%s or None, not %.100s",
                         server_side ? " with a certificate" : ", True for the default one",
                         Py_TYPE(given)->tp_name);
    }
    Py_DECREF(module);
    return context;
}

/* ---- Life and death */

int tls_traverse(struct tls *tls, visitproc visit, void *arg) {
    if (!tls)
        return 0;
    Py_VISIT(tls->object);
    Py_VISIT(tls->incoming);
    Py_VISIT(tls->outgoing);
    Py_VISIT(tls->owner);
    Py_VISIT(tls->expiry);
    return 0;
}

void tls_free(struct tls *tls) {
    if (!tls)
        return;
    Py_XDECREF(tls->object);
    Py_XDECREF(tls->incoming);
    Py_XDECREF(tls->outgoing);
    Py_XDECREF(tls->owner);
    Py_XDECREF(tls->expiry);
    PyMem_Free(tls);
}
