/* py_server.c - serve_tcp: a listening socket, and a handler for each connection.
 *
 * The server lives as long as it listens: its pending accept holds a reference. A connection is its
 * stream and, when the handler returned a promise or a coroutine, a reaction on that: it closes the
 * stream at the end and reports a failure. */
#include "py_stream.h"
#include <errno.h>
#include <netdb.h>
#include <string.h>
#include <sys/socket.h>

struct ServerObject {
    PyObject_HEAD
    LoopObject *loop;
    struct cp_io io;
    struct cp_op op;
    PyObject *handler;
    PyObject *port;
    Py_ssize_t connections;
};

void server_forget(ServerObject *self) {
    self->connections--;
}

/* ---- One connection */

/* Tells of the failure of a handler: to the loop's hook if there is one, else on stderr. Steals
 * reason. */
static int report(LoopObject *loop, PyObject *handler, PyObject *reason) {
    if (loop->on_unhandled_rejection)
        return loop_unhandled(loop, NULL, reason);
    raise_reason(loop->state, reason);
    Py_DECREF(reason);
    if (!loop->closing)
        loop_report(loop, handler);
    PyErr_Clear();
    return 0;
}

int run_served(PromiseObject *p) {
    StreamObject *stream = p->core.self.ok;
    PyObject *reason = p->core.self.arg,
             *handler = stream->server ? Py_NewRef(stream->server->handler) : NULL, *closed;
    int err = 0;
    p->core.self.ok = p->core.self.arg = NULL;
    closed = PyObject_CallMethod((PyObject *)stream, "close", NULL);
    Py_XDECREF(closed);
    PyErr_Clear();
    if (p->core.self.job.flags & CP_ARG_REJECTED)
        err = report(PROMISE_LOOP(p), handler, reason);
    else
        Py_DECREF(reason);
    Py_XDECREF(handler);
    Py_DECREF(stream);
    Py_DECREF(p);
    return err;
}

/* Closes the stream when `result` (stolen), a coroutine or a promise, has settled. Anything else
 * leaves it to the handler. */
static int watch_handler(ServerObject *self, StreamObject *stream, PyObject *result) {
    PromiseObject *outcome = NULL, *end = NULL;
    bool open_ended = result == Py_None;
    if (!open_ended && (outcome = promise_from(self->loop, result)) &&
        (end = promise_new(self->loop))) {
        end->core.self.job.kind = KIND_SERVED;
        end->core.self.ok = Py_NewRef(stream);
        promise_subscribe(outcome, end);
    }
    Py_DECREF(result);
    Py_XDECREF(outcome);
    Py_XDECREF(end);
    return open_ended || end ? 0 : -1;
}

static int handle(ServerObject *self, int fd) {
    StreamObject *stream = stream_new(self->loop, fd);
    PyObject *result;
    int err = -1;
    if (!stream)
        return -1;
    stream->server = (ServerObject *)Py_NewRef(self);
    self->connections++;
    result = PyObject_CallOneArg(self->handler, (PyObject *)stream);
    if (result)
        err = watch_handler(self, stream, result);
    if (err < 0)
        stream_abort(stream);
    Py_DECREF(stream);
    return err;
}

static int handle_or_report(ServerObject *self, int fd) {
    if (handle(self, fd) == 0)
        return 0;
    if (!PyErr_ExceptionMatches(PyExc_Exception))
        return -1;
    return report(self->loop, self->handler, take_raised());
}

/* ---- Accepting */

enum { BACK_OFF_MS = 100 };

/* Out of descriptors: the connections that wait are taken up again a little later. */
static int back_off(ServerObject *self) {
    PyObject *resume = PyObject_GetAttrString((PyObject *)self, "_resume");
    PyObject *timer =
        resume ? timer_start_call(self->loop, cp_now() + BACK_OFF_MS * 1000000, resume, NULL, 0)
               : NULL;
    Py_XDECREF(resume);
    Py_XDECREF(timer);
    return timer ? 0 : -1;
}

static int accept_more(ServerObject *self);

/* One accepted connection, or the reason why there is none. 1: go on accepting. */
static int accepted(ServerObject *self) {
    ssize_t fd = self->op.result;
    int err;
    if (fd >= 0)
        return handle_or_report(self, (int)fd) < 0 ? -1 : 1;
    if (fd == -ECANCELED || fd == -EBADF)
        return 0;
    if (fd == -EMFILE || fd == -ENFILE || fd == -ENOBUFS || fd == -ENOMEM)
        return back_off(self);
    errno = (int)-fd;
    PyErr_SetFromErrno(PyExc_OSError);
    err = report(self->loop, self->handler, take_raised());
    return err < 0 ? err : back_off(self);
}

/* After each connection the microtasks run, as after any completion. */
static int accept_more(ServerObject *self) {
    int go_on = 1, done = 1;
    while (go_on > 0 && (done = cp_io_submit(&self->loop->core, &self->io, &self->op)) > 0) {
        go_on = accepted(self);
        if (go_on >= 0 && cp_drain(&self->loop->core) < 0)
            go_on = -1;
    }
    if (go_on > 0 && done == 0)
        Py_INCREF(self);
    return go_on < 0 ? -1 : 0;
}

static int accept_done(struct cp_loop *Py_UNUSED(core), struct cp_op *op) {
    ServerObject *self = cp_container_of(op, ServerObject, op);
    int go_on = accepted(self);
    if (go_on >= 0 && cp_drain(&self->loop->core) < 0)
        go_on = -1;
    if (go_on > 0)
        go_on = accept_more(self);
    Py_DECREF(self);
    return go_on;
}

static PyObject *server_resume(ServerObject *self, PyObject *Py_UNUSED(args)) {
    if (self->io.fd >= 0 && accept_more(self) < 0)
        return NULL;
    Py_RETURN_NONE;
}

/* ---- Listening */

static int listen_on(const struct addrinfo *address, int backlog, bool reuse_port) {
    const int on = 1;
    int err, fd = socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if ((reuse_port && setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) < 0) ||
        bind(fd, address->ai_addr, address->ai_addrlen) < 0 || listen(fd, backlog) < 0) {
        err = -errno;
        close(fd);
        return err;
    }
    return fd;
}

/* The first address of host that can be listened on; host NULL: all of this machine's. */
static int open_listener(const char *host, int port, int backlog, bool reuse_port) {
    const struct addrinfo hints = {.ai_family = host ? AF_UNSPEC : AF_INET,
                                   .ai_socktype = SOCK_STREAM,
                                   .ai_flags = AI_PASSIVE};
    struct addrinfo *addresses;
    char service[8];
    int fd = -1, err;
    snprintf(service, sizeof service, "%d", port);
    Py_BEGIN_ALLOW_THREADS
    err = getaddrinfo(host, service, &hints, &addresses);
    Py_END_ALLOW_THREADS
    if (err) {
        PyErr_Format(PyExc_OSError, "serve_tcp %s:%d: %s", host ? host : "*", port,
                     gai_strerror(err));
        return -1;
    }
    for (struct addrinfo *a = addresses; a && fd < 0; a = a->ai_next)
        fd = listen_on(a, backlog, reuse_port);
    freeaddrinfo(addresses);
    if (fd >= 0)
        return fd;
    PyErr_SetObject(PyExc_OSError,
                    Py_BuildValue("iN", -fd,
                                  PyUnicode_FromFormat("serve_tcp %s:%d: %s", host ? host : "*",
                                                       port, strerror(-fd))));
    return -1;
}

static PyObject *port_of(int fd) {
    struct sockaddr_storage address;
    socklen_t size = sizeof address;
    PyObject *tuple, *port;
    if (getsockname(fd, (struct sockaddr *)&address, &size) < 0)
        return PyErr_SetFromErrno(PyExc_OSError);
    if (!(tuple = address_tuple(&address, size)))
        return NULL;
    port = Py_NewRef(PyTuple_GET_ITEM(tuple, 1));
    Py_DECREF(tuple);
    return port;
}

static ServerObject *server_new(LoopObject *loop, int fd, PyObject *handler) {
    ServerObject *self = (ServerObject *)loop->state->Server->tp_alloc(loop->state->Server, 0);
    int err = 0;
    if (self) {
        self->loop = (LoopObject *)Py_NewRef(loop);
        self->io.fd = -1;
        self->handler = Py_NewRef(handler);
        self->op = (struct cp_op){.kind = CP_OP_ACCEPT, .done = accept_done};
    }
    if (self && (self->port = port_of(fd)) && (err = cp_io_open(&loop->core, &self->io, fd)) == 0)
        return self;
    close(fd);
    if (err < 0) {
        errno = -err;
        PyErr_SetFromErrno(PyExc_OSError);
    }
    Py_XDECREF(self);
    return NULL;
}

static PyObject *serve(LoopObject *loop, PyObject *handler, const char *host, int port, int backlog,
                       bool reuse_port) {
    PromiseObject *p = promise_new(loop);
    ServerObject *self = NULL;
    int fd;
    if (!p)
        return NULL;
    if ((fd = open_listener(host, port, backlog, reuse_port)) >= 0)
        self = server_new(loop, fd, handler);
    if (self && accept_more(self) == 0)
        promise_fulfil(p, (PyObject *)self);
    else if (promise_reject_raised(p) < 0)
        Py_CLEAR(p);
    return (PyObject *)p;
}

const char cp_serve_tcp_doc[] =
    "serve_tcp(handler, host, port, *, backlog=1024, reuse_port=False) -> Promise[Server]\n--\n\n"
    "Listens, and calls handler(stream) for each connection. When that returns a coroutine or a "
    "promise,\n"
    "the stream is closed once it settles; a failure is reported and the server lives on. host "
    "None: all\n"
    "IPv4 addresses; port 0: one that is free, see Server.port.";
PyObject *cp_serve_tcp(PyObject *module, PyObject *args, PyObject *kwargs) {
    static char *keywords[] = {"handler", "host", "port", "backlog", "reuse_port", NULL};
    PyObject *handler, *promise;
    const char *host;
    int port, backlog = 1024, reuse_port = 0;
    LoopObject *loop;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "Ozi|$ip:serve_tcp", keywords, &handler, &host,
                                     &port, &backlog, &reuse_port))
        return NULL;
    if (!PyCallable_Check(handler))
        return PyErr_Format(PyExc_TypeError,
                            "serve_tcp(handler, ...): handler must be callable, not %.200s",
                            Py_TYPE(handler)->tp_name);
    if (port < 0 || port > 65535)
        return PyErr_Format(PyExc_ValueError,
                            "serve_tcp(handler, host, port): port must be 0 to 65535, not %d",
                            port);
    if (!(loop = loop_current(state_of_module(module))))
        return NULL;
    promise = serve(loop, handler, host, port, backlog, reuse_port);
    Py_DECREF(loop);
    return promise;
}

PyDoc_STRVAR(
    server_close_doc,
    "close($self, /) -> Promise[None]\n--\n\nStops listening. Connections that are open stay so.");
static PyObject *server_close(ServerObject *self, PyObject *Py_UNUSED(args)) {
    if (self->loop->open) {
        if (loop_check(self->loop, "close a server of") < 0)
            return NULL;
        cp_io_close(&self->loop->core, &self->io);
    }
    return loop_settled_none(self->loop);
}

static PyObject *server_aenter(ServerObject *self, PyObject *Py_UNUSED(args)) {
    PromiseObject *p = promise_new(self->loop);
    if (p)
        promise_fulfil(p, Py_NewRef(self));
    return (PyObject *)p;
}

static PyObject *server_aexit(ServerObject *self, PyObject *Py_UNUSED(args)) {
    return server_close(self, NULL);
}

static int server_traverse(ServerObject *self, visitproc visit, void *arg) {
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(self->loop);
    Py_VISIT(self->handler);
    return 0;
}

static int server_clear(ServerObject *self) {
    Py_CLEAR(self->handler);
    return 0;
}

static void server_dealloc(ServerObject *self) {
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    if (self->loop && self->loop->open && self->loop->forks == fork_count())
        cp_io_close(&self->loop->core, &self->io);
    Py_XDECREF(self->handler);
    Py_XDECREF(self->port);
    Py_XDECREF(self->loop);
    PyObject_GC_Del(self);
    Py_DECREF(type);
}

static PyMethodDef server_methods[] = {
    {"close", (PyCFunction)server_close, METH_NOARGS, server_close_doc},
    {"_resume", (PyCFunction)server_resume, METH_NOARGS, NULL},
    {"__aenter__", (PyCFunction)server_aenter, METH_NOARGS, NULL},
    {"__aexit__", (PyCFunction)server_aexit, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyMemberDef server_members[] = {
    {"port", T_OBJECT_EX, offsetof(ServerObject, port), READONLY, "the port it listens on"},
    {"connections", T_PYSSIZET, offsetof(ServerObject, connections), READONLY,
     "accepted streams that are still open"},
    {NULL, 0, 0, 0, NULL},
};

static PyType_Slot server_slots[] = {
    {Py_tp_doc, (void *)"A listening socket. Made by serve_tcp()."},
    {Py_tp_dealloc, server_dealloc},
    {Py_tp_traverse, server_traverse},
    {Py_tp_clear, server_clear},
    {Py_tp_methods, server_methods},
    {Py_tp_members, server_members},
    {0, NULL},
};

PyType_Spec server_spec = {
    .name = "cpromise.Server",
    .basicsize = sizeof(ServerObject),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_IMMUTABLETYPE |
             Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .slots = server_slots,
};
