/* py_connect.c - connect_tcp: a name becomes addresses, and the first address that answers becomes
 * a Stream.
 *
 * A literal address is tried at once. A name is resolved by getaddrinfo on a pool thread, without
 * the GIL. The Connector holds the state of one attempt; each step that is under way (resolution,
 * operation, time-out) holds one reference to it. */
#include "py_stream.h"
#include <errno.h>
#include <netdb.h>
#include <string.h>
#include <sys/socket.h>

typedef struct {
    PyObject_HEAD
    struct cp_work work;
    struct cp_op op;
    struct cp_io io;
    LoopObject *loop;
    PromiseObject *promise;
    PyObject *timer, *what; /* Timer or NULL; "host:port" for messages */
    char *host;
    char port[8];
    struct addrinfo *addresses, *next;
    int resolved; /* of getaddrinfo */
    int error;    /* negative errno of the last address */
} ConnectorObject;

#define CONNECTOR_OF(ptr, member) cp_container_of(ptr, ConnectorObject, member)

static bool over(ConnectorObject *self) {
    return cp_promise_state(&self->promise->core) != CP_PENDING;
}

static void stop_timer(ConnectorObject *self) {
    PyObject *stopped = self->timer ? PyObject_CallMethod(self->timer, "cancel", NULL) : NULL;
    Py_XDECREF(stopped);
    PyErr_Clear();
    Py_CLEAR(self->timer);
}

static void connected(ConnectorObject *self) {
    StreamObject *stream = stream_new(self->loop, cp_io_release(&self->loop->core, &self->io));
    stop_timer(self);
    if (stream)
        promise_fulfil(self->promise, (PyObject *)stream);
    else
        promise_reject(self->promise, take_raised());
}

static int connect_done(struct cp_loop *core, struct cp_op *op);

/* Begins with one address. 1: connected, 0: under way, or -errno. */
static int try_address(ConnectorObject *self, const struct addrinfo *address) {
    int done, fd = socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    if ((done = cp_io_open(&self->loop->core, &self->io, fd)) < 0) {
        close(fd);
        return done;
    }
    self->op = (struct cp_op){.kind = CP_OP_CONNECT,
                              .buf = address->ai_addr,
                              .len = address->ai_addrlen,
                              .done = connect_done};
    done = cp_io_submit(&self->loop->core, &self->io, &self->op);
    return done > 0 && self->op.result < 0 ? (int)self->op.result : done;
}

static void try_next(ConnectorObject *self) {
    while (self->next) {
        struct addrinfo *address = self->next;
        int done;
        self->next = address->ai_next;
        if ((done = try_address(self, address)) == 0) {
            Py_INCREF(self);
            return;
        }
        if (done > 0) {
            connected(self);
            return;
        }
        self->error = done;
        cp_io_close(&self->loop->core, &self->io);
    }
    stop_timer(self);
    promise_reject_errno(self->promise, self->error, "connect_tcp", self->what);
}

static int connect_done(struct cp_loop *Py_UNUSED(core), struct cp_op *op) {
    ConnectorObject *self = CONNECTOR_OF(op, op);
    if (over(self)) {
        cp_io_close(&self->loop->core, &self->io);
    } else if (op->result == 0) {
        connected(self);
    } else {
        self->error = (int)op->result;
        if (op->result == -ECANCELED)
            self->next = NULL; /* the loop is closing */
        cp_io_close(&self->loop->core, &self->io);
        try_next(self);
    }
    Py_DECREF(self);
    return 0;
}

/* ---- Names */

static int look_up(ConnectorObject *self, int flags) {
    const struct addrinfo hints = {
        .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = flags};
    return getaddrinfo(self->host, self->port, &hints, &self->addresses);
}

static void resolve_on_worker(struct cp_work *work, void *Py_UNUSED(worker)) {
    ConnectorObject *self = CONNECTOR_OF(work, work);
    self->resolved = look_up(self, AI_ADDRCONFIG);
}

static void name_not_found(ConnectorObject *self) {
    PyObject *text =
        PyUnicode_FromFormat("connect_tcp %U: %s", self->what, gai_strerror(self->resolved));
    PyObject *error =
        text ? PyObject_CallFunction(PyExc_OSError, "iN", self->resolved, text) : NULL;
    stop_timer(self);
    promise_reject(self->promise, error ? error : take_raised());
}

int run_resolved(struct cp_job *job) {
    ConnectorObject *self = CONNECTOR_OF(cp_container_of(job, struct cp_work, job), work);
    if (!over(self)) {
        self->next = self->addresses;
        if (self->resolved == 0)
            try_next(self);
        else
            name_not_found(self);
    }
    Py_DECREF(self);
    return 0;
}

void resolve_drop(struct cp_work *work) {
    ConnectorObject *self = CONNECTOR_OF(work, work);
    PyErr_SetString(self->loop->state->LoopClosedError,
                    "the loop was closed during a connect_tcp()");
    promise_reject(self->promise, take_raised());
    Py_DECREF(self);
}

static void begin(ConnectorObject *self) {
    int err;
    if (look_up(self, AI_NUMERICHOST | AI_NUMERICSERV) == 0) {
        self->next = self->addresses;
        try_next(self);
        return;
    }
    self->work = (struct cp_work){.run = resolve_on_worker, .job.kind = KIND_RESOLVE};
    if ((err = cp_work_submit(&self->loop->core, &self->work)) == 0)
        Py_INCREF(self);
    else
        promise_reject_errno(self->promise, err, "connect_tcp", self->what);
}

/* ---- The object; it is also what its Timer calls */

static PyObject *timed_out(ConnectorObject *self, PyObject *Py_UNUSED(args),
                           PyObject *Py_UNUSED(kwargs)) {
    if (!over(self)) {
        PyErr_Format(PyExc_TimeoutError, "connect_tcp %U: timed out", self->what);
        promise_reject(self->promise, take_raised());
        cp_io_close(&self->loop->core, &self->io);
    }
    Py_RETURN_NONE;
}

static int start_timer(ConnectorObject *self, PyObject *timeout) {
    cp_ns when;
    if (timeout == Py_None)
        return 0;
    if (deadline_after(timeout, &when) < 0)
        return -1;
    self->timer = timer_start_call(self->loop, when, (PyObject *)self, NULL, 0);
    return self->timer ? 0 : -1;
}

static ConnectorObject *connector_new(LoopObject *loop, const char *host, int port) {
    ConnectorObject *self =
        (ConnectorObject *)loop->state->Connector->tp_alloc(loop->state->Connector, 0);
    if (!self)
        return NULL;
    self->loop = (LoopObject *)Py_NewRef(loop);
    self->io.fd = -1;
    self->promise = promise_new(loop);
    self->what = PyUnicode_FromFormat("%s:%d", host, port);
    self->host = PyMem_Malloc(strlen(host) + 1);
    snprintf(self->port, sizeof self->port, "%d", port);
    if (self->promise && self->what && self->host) {
        strcpy(self->host, host);
        return self;
    }
    Py_DECREF(self);
    return NULL;
}

static void connector_dealloc(ConnectorObject *self) {
    PyTypeObject *type = Py_TYPE(self);
    if (self->addresses)
        freeaddrinfo(self->addresses);
    PyMem_Free(self->host);
    Py_XDECREF(self->timer);
    Py_XDECREF(self->what);
    Py_XDECREF(self->promise);
    Py_DECREF(self->loop);
    PyObject_Free(self);
    Py_DECREF(type);
}

const char cp_connect_tcp_doc[] =
    "connect_tcp(host, port, *, timeout=None) -> Promise[Stream]\n--\n\n"
    "Connects to host (a name, an IPv4 or IPv6 address); the addresses of a name are tried in "
    "turn.\n"
    "Rejects with OSError, or TimeoutError after timeout seconds.";
PyObject *cp_connect_tcp(PyObject *module, PyObject *args, PyObject *kwargs) {
    static char *keywords[] = {"host", "port", "timeout", NULL};
    const char *host;
    PyObject *timeout = Py_None, *promise = NULL;
    LoopObject *loop;
    ConnectorObject *self;
    int port;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "si|$O:connect_tcp", keywords, &host, &port,
                                     &timeout))
        return NULL;
    if (port < 0 || port > 65535)
        return PyErr_Format(PyExc_ValueError,
                            "connect_tcp(host, port): port must be 0 to 65535, not %d", port);
    if (!(loop = loop_current(state_of_module(module))))
        return NULL;
    if ((self = connector_new(loop, host, port))) {
        if (start_timer(self, timeout) == 0) {
            promise = Py_NewRef(self->promise);
            begin(self);
        }
        Py_DECREF(self);
    }
    Py_DECREF(loop);
    return promise;
}

static PyType_Slot connector_slots[] = {
    {Py_tp_dealloc, connector_dealloc},
    {Py_tp_call, timed_out},
    {0, NULL},
};

PyType_Spec connector_spec = {
    .name = "cpromise.Connector",
    .basicsize = sizeof(ConnectorObject),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .slots = connector_slots,
};
