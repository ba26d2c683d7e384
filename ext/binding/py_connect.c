/* py_connect.c - connect_tcp and connect_unix: a name becomes addresses, the first address that
 * answers becomes a Stream, and TLS is put on top where it is asked for.
 *
 * A literal address is tried at once. A name is resolved on a pool thread (py_resolve.c); its
 * addresses are tried as RFC 8305 ("happy eyeballs") has it: the families alternate,
 * and the next address starts a quarter of a second after the one before, or when that has failed.
 *
 * The Connector holds the state of one connect. Each step that is under way (resolution, attempt,
 * timer, handshake) holds one reference to it. */
#include "py_resolve.h"
#include "py_stream.h"
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

enum { STAGGER_MS = 250, BUSY_MS = 10 }; /* RFC 8305, section 5; ours: a full backlog, of AF_UNIX */

typedef struct ConnectorObject ConnectorObject;

typedef struct {
    struct cp_op op;
    struct cp_io io;
    ConnectorObject *owner;
    struct sockaddr_storage address;
    socklen_t size;
} Attempt;

struct ConnectorObject {
    PyObject_HEAD
    struct operation operation;
    LoopObject *loop;
    PromiseObject *promise;
    PyObject *expiry, *stagger;   /* Timers or NULL */
    const char *call;             /* "connect_tcp" and */
    PyObject *what;               /* "host:port", for messages */
    PyObject *context, *hostname; /* of TLS; context NULL without */
    StreamObject *stream;         /* connected, while the TLS handshake goes on */
    Attempt *attempts;
    size_t count, next, flying; /* attempts; those begun; of these, those under way */
    int error;                  /* negative errno of the last attempt that failed */
};

#define CONNECTOR_OF(ptr, member) cp_container_of(ptr, ConnectorObject, member)

/* ---- The end */

static bool over(ConnectorObject *self) {
    return self->stream || cp_promise_state(&self->promise->core) != CP_PENDING;
}

static void stop_timer(PyObject **timer) {
    PyObject *raised = PyErr_Occurred() ? take_raised() : NULL;
    PyObject *stopped = *timer ? PyObject_CallMethod(*timer, "cancel", NULL) : NULL;
    Py_XDECREF(stopped);
    PyErr_Clear();
    Py_CLEAR(*timer);
    if (raised)
        restore_raised(raised);
}

/* Nothing of it goes on: attempts, timers, handshake. */
static void stop(ConnectorObject *self) {
    StreamObject *stream = self->stream;
    self->stream = NULL;
    stop_timer(&self->expiry);
    stop_timer(&self->stagger);
    self->next = self->count;
    for (size_t i = 0; i < self->count; i++)
        if (self->attempts[i].owner)
            cp_io_close(&self->loop->core, &self->attempts[i].io);
    if (stream) {
        stream_abort(stream);
        Py_DECREF(stream);
    }
}

/* Settles with the stream (stolen), or, NULL, with the raised exception. */
static void finish(ConnectorObject *self, StreamObject *stream) {
    PyObject *error = stream ? NULL : take_raised();
    self->promise->core.self.ok = NULL;
    stop(self);
    if (stream)
        promise_fulfil(self->promise, (PyObject *)stream);
    else
        promise_reject(self->promise, error);
}

static void cancelled(struct operation *operation) {
    ConnectorObject *self = CONNECTOR_OF(operation, operation);
    Py_INCREF(self); /* a timer may be all that holds it */
    stop(self);
    Py_DECREF(self);
}

static void raise_loop_closed(ConnectorObject *self) {
    PyErr_Format(self->loop->state->LoopClosedError, "the loop was closed during %s %U", self->call,
                 self->what);
}

static void fail(ConnectorObject *self, int err) {
    PyObject *text, *error;
    if (self->loop->closing) {
        raise_loop_closed(self);
    } else {
        text = PyUnicode_FromFormat("%s %U: %s", self->call, self->what, strerror(-err));
        error = text ? PyObject_CallFunction(PyExc_OSError, "iN", -err, text) : NULL;
        if (error)
            restore_raised(error);
    }
    finish(self, NULL);
}

/* ---- TLS */

static void shaken(StreamObject *stream, PyObject *owner, PyObject *error) {
    ConnectorObject *self = (ConnectorObject *)owner;
    if (self->stream != stream) /* given up meanwhile */
        return;
    if (error) {
        restore_raised(Py_NewRef(error));
        finish(self, NULL);
    } else {
        self->stream = NULL;
        finish(self, stream);
    }
}

/* Steals stream. */
static void begin_tls(ConnectorObject *self, StreamObject *stream) {
    self->stream = stream;
    Py_INCREF(stream); /* it may be over at once */
    if (stream_start_tls(stream, self->context, false, self->hostname, (PyObject *)self, shaken) <
        0)
        finish(self, NULL);
    Py_DECREF(stream);
}

/* ---- Attempts */

static void try_next(ConnectorObject *self);

static void connected(ConnectorObject *self, Attempt *attempt) {
    int fd = cp_io_release(&self->loop->core, &attempt->io);
    StreamObject *stream = stream_new(self->loop, fd);
    stop_timer(&self->stagger);
    if (!stream || !self->context) {
        finish(self, stream);
        return;
    }
    self->next = self->count;
    begin_tls(self, stream);
    for (size_t i = 0; i < self->count; i++)
        if (self->attempts[i].owner)
            cp_io_close(&self->loop->core, &self->attempts[i].io);
}

/* A Timer that calls the method. NULL: without memory there is none, and the failure of an attempt
 * still begins the next. */
static PyObject *timer_of(ConnectorObject *self, const char *name, cp_ns when) {
    PyObject *method = PyObject_GetAttrString((PyObject *)self, name);
    PyObject *timer = method ? timer_start_call(self->loop, when, method, NULL, 0) : NULL;
    Py_XDECREF(method);
    return timer;
}

static void next_after(ConnectorObject *self, int ms) {
    stop_timer(&self->stagger);
    if (!(self->stagger = timer_of(self, "_try_next", cp_now() + ms * (cp_ns)1000000)))
        PyErr_Clear();
}

static int attempt_done(struct cp_loop *Py_UNUSED(core), struct cp_op *op) {
    Attempt *attempt = cp_container_of(op, Attempt, op);
    ConnectorObject *self = attempt->owner;
    self->flying--;
    if (over(self)) {
        cp_io_close(&self->loop->core, &attempt->io);
    } else if (op->result == 0) {
        connected(self, attempt);
    } else {
        self->error = (int)op->result;
        cp_io_close(&self->loop->core, &attempt->io);
        if (self->loop->closing)
            self->next = self->count;
        try_next(self);
    }
    Py_DECREF(self);
    return 0;
}

/* 1: connected, 0: under way, or -errno. */
static int begin_attempt(ConnectorObject *self, Attempt *attempt) {
    int done,
        fd = socket(attempt->address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    if ((done = cp_io_open(&self->loop->core, &attempt->io, fd)) < 0) {
        close(fd);
        return done;
    }
    attempt->owner = self;
    attempt->op = (struct cp_op){.kind = CP_OP_CONNECT,
                                 .buf = &attempt->address,
                                 .len = attempt->size,
                                 .done = attempt_done};
    done = cp_io_submit(&self->loop->core, &attempt->io, &attempt->op);
    done = done > 0 && attempt->op.result < 0 ? (int)attempt->op.result : done;
    if (done < 0)
        cp_io_close(&self->loop->core, &attempt->io);
    return done;
}

/* Begins attempts until one is under way. */
static void try_next(ConnectorObject *self) {
    while (self->next < self->count) {
        Attempt *attempt = &self->attempts[self->next];
        int done = begin_attempt(self, attempt);
        if (done == -EBUSY) {
            next_after(self, BUSY_MS);
            if (self->stagger)
                return;
        }
        self->next++;
        if (done > 0) {
            connected(self, attempt);
            return;
        }
        if (done == 0) {
            self->flying++;
            Py_INCREF(self);
            if (self->next < self->count)
                next_after(self, STAGGER_MS);
            return;
        }
        self->error = done;
    }
    if (!self->flying)
        fail(self, self->error);
}

static PyObject *connector_try_next(ConnectorObject *self, PyObject *Py_UNUSED(args)) {
    Py_CLEAR(self->stagger);
    if (!over(self))
        try_next(self);
    Py_RETURN_NONE;
}

/* ---- Names */

/* The next address of the list whose family is (not) `family`, from *at on. */
static const struct addrinfo *next_of(const struct addrinfo **at, int family, bool same) {
    const struct addrinfo *found;
    while (*at && ((*at)->ai_family == family) != same)
        *at = (*at)->ai_next;
    if ((found = *at))
        *at = found->ai_next;
    return found;
}

/* The addresses in the order in which they are tried: the families alternate. 0 or -ENOMEM. */
static int take_addresses(ConnectorObject *self, const struct addrinfo *list) {
    const struct addrinfo *same = list, *other = list, *found;
    size_t total = 0;
    bool turn = true;
    for (const struct addrinfo *a = list; a; a = a->ai_next)
        total++;
    if (!(self->attempts = PyMem_RawCalloc(total, sizeof *self->attempts)))
        return -ENOMEM;
    while (self->count < total) {
        found = next_of(turn ? &same : &other, list->ai_family, turn);
        turn = !turn;
        if (!found)
            continue;
        self->attempts[self->count].size = found->ai_addrlen;
        memcpy(&self->attempts[self->count++].address, found->ai_addr, found->ai_addrlen);
    }
    return 0;
}

static void resolved(ConnectorObject *self, const struct resolution *resolution) {
    int err;
    if (over(self))
        return;
    if (resolution->error) {
        resolution_raise(resolution, self->loop, self->call, self->what);
        finish(self, NULL);
    } else if ((err = take_addresses(self, resolution->addresses)) < 0) {
        fail(self, err);
    } else {
        try_next(self);
    }
}

/* The look-up is not the Connector's own: a thread that was left behind may still write to it. */
struct naming {
    struct resolution resolution;
    ConnectorObject *owner; /* a reference, until it is told */
};

static struct naming *naming_of(struct native_work *work) {
    return cp_container_of(work, struct naming, resolution.work);
}

static void naming_free(struct native_work *work) {
    struct naming *self = naming_of(work);
    resolution_clear(&self->resolution);
    Py_XDECREF(self->owner);
    PyMem_Free(self);
}

static void naming_home(struct native_work *work) {
    resolved(naming_of(work)->owner, &naming_of(work)->resolution);
    naming_free(work);
}

static void naming_never(struct native_work *work) {
    ConnectorObject *owner = naming_of(work)->owner;
    naming_of(work)->owner = NULL;
    if (!over(owner)) {
        raise_loop_closed(owner);
        finish(owner, NULL);
    }
    Py_DECREF(owner);
}

/* 0, or -1 with an exception. */
static int begin_tcp(ConnectorObject *self, PyObject *host, int port) {
    struct naming *naming = PyMem_Calloc(1, sizeof *naming);
    int done;
    if (!naming) {
        PyErr_NoMemory();
        return -1;
    }
    naming->owner = (ConnectorObject *)Py_NewRef(self);
    naming->resolution.type = SOCK_STREAM;
    naming->resolution.flags = AI_ADDRCONFIG;
    naming->resolution.work.home = naming_home;
    naming->resolution.work.never = naming_never;
    naming->resolution.work.free = naming_free;
    done = resolution_begin(self->loop, &naming->resolution, host, port);
    if (done > 0)
        resolved(self, &naming->resolution);
    if (done != 0)
        naming_free(&naming->resolution.work);
    return done < 0 ? -1 : 0;
}

/* ---- The object */

static PyObject *connector_expire(ConnectorObject *self, PyObject *Py_UNUSED(args)) {
    Py_CLEAR(self->expiry);
    if (cp_promise_state(&self->promise->core) == CP_PENDING) {
        PyErr_Format(PyExc_TimeoutError, "%s %U: timed out", self->call, self->what);
        finish(self, NULL);
    }
    Py_RETURN_NONE;
}

static int start_expiry(ConnectorObject *self, PyObject *timeout) {
    cp_ns when;
    if (timeout == Py_None)
        return 0;
    if (deadline_after(timeout, &when) < 0)
        return -1;
    self->expiry = timer_of(self, "_expire", when);
    return self->expiry ? 0 : -1;
}

/* Steals what. */
static ConnectorObject *connector_new(LoopObject *loop, const char *call, PyObject *what) {
    PyTypeObject *type = loop->state->Connector;
    ConnectorObject *self = what ? (ConnectorObject *)type->tp_alloc(type, 0) : NULL;
    if (!self) {
        Py_XDECREF(what);
        return NULL;
    }
    self->loop = (LoopObject *)Py_NewRef(loop);
    self->call = call;
    self->what = what;
    self->operation.cancelled = cancelled;
    if ((self->promise = promise_new(loop))) {
        self->promise->core.self.job.kind = KIND_OPERATION;
        self->promise->core.self.ok = &self->operation;
        return self;
    }
    Py_DECREF(self);
    return NULL;
}

/* The parameter tls=; host: a str or None. 0 or -1. */
static int want_tls(ConnectorObject *self, PyObject *tls, PyObject *hostname, PyObject *host) {
    if (tls == Py_None || tls == Py_False)
        return 0;
    if (!(self->context = tls_context(tls, false)))
        return -1;
    self->hostname = Py_NewRef(hostname != Py_None ? hostname : host);
    return 0;
}

static void connector_dealloc(ConnectorObject *self) {
    PyTypeObject *type = Py_TYPE(self);
    if (self->promise && self->promise->core.self.ok == &self->operation)
        self->promise->core.self.ok = NULL;
    PyMem_RawFree(self->attempts);
    Py_XDECREF(self->expiry);
    Py_XDECREF(self->stagger);
    Py_XDECREF(self->what);
    Py_XDECREF(self->context);
    Py_XDECREF(self->hostname);
    Py_XDECREF(self->stream);
    Py_XDECREF(self->promise);
    Py_DECREF(self->loop);
    PyObject_Free(self);
    Py_DECREF(type);
}

/* Steals self, which may be NULL: the answer to Python. */
static PyObject *answer(ConnectorObject *self, int err) {
    PyObject *promise = NULL;
    if (self && err == 0)
        promise = Py_NewRef(self->promise);
    else if (self)
        stop(self);
    Py_XDECREF(self);
    return promise;
}

const char cp_connect_tcp_doc[] =
    "connect_tcp(host, port, *, timeout=None, tls=None, server_hostname=None) -> Promise[Stream]\n"
    "--\n\n"
    "Connects to host (a name, an IPv4 or IPv6 address); the addresses of a name are tried as\n"
    "RFC 8305 has it. tls: True, or an ssl.SSLContext; the certificate has to be that of\n"
    "server_hostname, which is host unless given. Rejects with OSError (ssl.SSLError is one, and\n"
    "socket.gaierror of a host that has no address), or TimeoutError when it has taken timeout\n"
    "seconds.";
PyObject *cp_connect_tcp(PyObject *module, PyObject *args, PyObject *kwargs) {
    static char *keywords[] = {"host", "port", "timeout", "tls", "server_hostname", NULL};
    PyObject *host, *timeout = Py_None, *tls = Py_None, *hostname = Py_None;
    LoopObject *loop;
    ConnectorObject *self;
    int port, err = -1;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "Ui|$OOO:connect_tcp", keywords, &host, &port,
                                     &timeout, &tls, &hostname))
        return NULL;
    if (port < 0 || port > 65535)
        return PyErr_Format(PyExc_ValueError,
                            "connect_tcp(host, port): port must be 0 to 65535, not %d", port);
    if (!(loop = loop_current(state_of_module(module))))
        return NULL;
    if ((self = connector_new(loop, "connect_tcp", PyUnicode_FromFormat("%U:%d", host, port))) &&
        want_tls(self, tls, hostname, host) == 0 && start_expiry(self, timeout) == 0)
        err = begin_tcp(self, host, port);
    Py_DECREF(loop);
    return answer(self, err);
}

const char cp_connect_unix_doc[] =
    "connect_unix(path, *, timeout=None, tls=None, server_hostname=None) -> Promise[Stream]\n--\n\n"
    "Connects to a Unix socket; a path that begins with a zero byte is an abstract name. Rejects\n"
    "with OSError, or TimeoutError when it has taken timeout seconds.";
PyObject *cp_connect_unix(PyObject *module, PyObject *args, PyObject *kwargs) {
    static char *keywords[] = {"path", "timeout", "tls", "server_hostname", NULL};
    PyObject *path, *timeout = Py_None, *tls = Py_None, *hostname = Py_None;
    struct sockaddr_storage address;
    socklen_t size;
    LoopObject *loop;
    ConnectorObject *self;
    int err = -1;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O|$OOO:connect_unix", keywords, &path, &timeout,
                                     &tls, &hostname) ||
        unix_address(path, "connect_unix", &address, &size) < 0 ||
        !(loop = loop_current(state_of_module(module))))
        return NULL;
    if ((self = connector_new(loop, "connect_unix", PyObject_Repr(path))) &&
        !(self->attempts = PyMem_RawCalloc(1, sizeof *self->attempts))) {
        PyErr_NoMemory();
    } else if (self && want_tls(self, tls, hostname, Py_None) == 0 &&
               (err = start_expiry(self, timeout)) == 0) {
        self->attempts[0].address = address;
        self->attempts[0].size = size;
        self->count = 1;
        try_next(self);
    }
    Py_DECREF(loop);
    return answer(self, err);
}

static PyMethodDef connector_methods[] = {
    {"_try_next", (PyCFunction)connector_try_next, METH_NOARGS, NULL},
    {"_expire", (PyCFunction)connector_expire, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot connector_slots[] = {
    {Py_tp_dealloc, connector_dealloc},
    {Py_tp_methods, connector_methods},
    {0, NULL},
};

PyType_Spec connector_spec = {
    .name = "cpromise.Connector",
    .basicsize = sizeof(ConnectorObject),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .slots = connector_slots,
};
