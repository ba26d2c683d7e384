/* py_server.c - serve_tcp and serve_unix: a listening socket, and a handler for each connection.
 *
 * The server lives as long as it listens: its pending accept holds a reference. A connection is its
 * stream and, when the handler returned a promise or a coroutine, a reaction on that: it closes the
 * stream at the end and reports a failure. */
#include "py_resolve.h"
#include "py_stream.h"
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

struct ServerObject {
    PyObject_HEAD
    LoopObject *loop;
    struct cp_io io;
    struct cp_op op;
    struct share share;
    PyObject *handler;
    PyObject *port;    /* int, None of a Unix socket */
    PyObject *context; /* of TLS, or NULL */
    char *path;        /* of a Unix socket that is a file: it goes with the server */
    ino_t inode;       /* of that file */
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

static int call_handler(ServerObject *self, StreamObject *stream) {
    PyObject *result = PyObject_CallOneArg(self->handler, (PyObject *)stream);
    return result ? watch_handler(self, stream, result) : -1;
}

/* The handshake has ended. The handler is called in a microtask: what it raises has its place there.
 */
static void shaken(StreamObject *stream, PyObject *owner, PyObject *error) {
    ServerObject *self = (ServerObject *)owner;
    PyObject *method = error ? NULL : PyObject_GetAttrString(owner, "_handle"), *queued = NULL;
    if (method)
        queued =
            PyObject_CallMethod((PyObject *)self->loop, "queue_microtask", "OO", method, stream);
    if (!queued) { /* a peer that cannot shake hands is no failure of the program */
        if (!error || (self->loop->debug && !self->loop->closing)) {
            if (error)
                restore_raised(Py_NewRef(error));
            loop_report(self->loop, self->handler);
        }
        PyErr_Clear();
        stream_abort(stream);
    }
    Py_XDECREF(method);
    Py_XDECREF(queued);
}

static int handle(ServerObject *self, int fd) {
    StreamObject *stream = stream_new(self->loop, fd);
    int err;
    if (!stream)
        return -1;
    stream->server = (ServerObject *)Py_NewRef(self);
    self->connections++;
    if (self->context)
        err = stream_start_tls(stream, self->context, true, Py_None, (PyObject *)self, shaken);
    else
        err = call_handler(self, stream);
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

static PyObject *server_handle(ServerObject *self, PyObject *stream) {
    if (call_handler(self, (StreamObject *)stream) == 0)
        Py_RETURN_NONE;
    stream_abort((StreamObject *)stream);
    if (!PyErr_ExceptionMatches(PyExc_Exception) ||
        report(self->loop, self->handler, take_raised()) < 0)
        return NULL;
    Py_RETURN_NONE;
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
static int accepted_and_drained(ServerObject *self) {
    int go_on = accepted(self);
    return go_on >= 0 && cp_drain(&self->loop->core) < 0 ? -1 : go_on;
}

static int accept_more(ServerObject *self) {
    int go_on = 1, done = 1;
    while (go_on > 0 && done > 0) {
        if (share_is_used_up(&self->share, self->loop, TRIES_A_TURN))
            return callback_next_turn(self->loop, (PyObject *)self, "_resume");
        if ((done = cp_io_submit(&self->loop->core, &self->io, &self->op)) > 0)
            go_on = accepted_and_drained(self);
    }
    if (go_on > 0 && done == 0)
        Py_INCREF(self);
    return go_on < 0 ? -1 : 0;
}

static int accept_done(struct cp_loop *Py_UNUSED(core), struct cp_op *op) {
    ServerObject *self = cp_container_of(op, ServerObject, op);
    int go_on = accepted_and_drained(self);
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

/* ---- Listening: the descriptor, or a negative errno */

static int listen_on(const struct sockaddr *address, socklen_t size, int backlog, bool reuse_port) {
    const int on = 1;
    int err, fd = socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if ((reuse_port && setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) < 0) ||
        bind(fd, address, size) < 0 || listen(fd, backlog) < 0) {
        err = -errno;
        close(fd);
        return err;
    }
    return fd;
}

static int raise_listen(const char *call, PyObject *on_what, int err) {
    PyObject *text =
        on_what ? PyUnicode_FromFormat("%s %U: %s", call, on_what, strerror(-err)) : NULL;
    PyObject *error = text ? PyObject_CallFunction(PyExc_OSError, "iN", -err, text) : NULL;
    if (error)
        restore_raised(error);
    return -1;
}

/* Whether the file is the socket of a server that has died: nobody listens on it. */
static bool is_left_over(const struct sockaddr_un *un, socklen_t size) {
    struct stat found;
    int fd;
    bool refused;
    if (!*un->sun_path || stat(un->sun_path, &found) < 0 || !S_ISSOCK(found.st_mode) ||
        (fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)) < 0)
        return false;
    refused = connect(fd, (const struct sockaddr *)un, size) < 0 && errno == ECONNREFUSED;
    close(fd);
    return refused;
}

static int listen_unix(PyObject *path, const struct sockaddr_un *un, socklen_t size, int backlog) {
    PyObject *what;
    int fd;
    if (is_left_over(un, size))
        unlink(un->sun_path);
    fd = listen_on((const struct sockaddr *)un, size, backlog, false);
    if (fd >= 0)
        return fd;
    what = PyObject_Repr(path);
    raise_listen("serve_unix", what, fd);
    Py_XDECREF(what);
    return -1;
}

static PyObject *port_of(int fd) {
    struct sockaddr_storage address;
    socklen_t size = sizeof address;
    PyObject *tuple, *port;
    if (getsockname(fd, (struct sockaddr *)&address, &size) < 0)
        return PyErr_SetFromErrno(PyExc_OSError);
    if (!(tuple = address_tuple(&address, size)) || tuple == Py_None)
        return tuple;
    port = Py_NewRef(PyTuple_GET_ITEM(tuple, 1));
    Py_DECREF(tuple);
    return port;
}

/* Takes over fd. */
static ServerObject *server_new(LoopObject *loop, int fd, PyObject *handler, PyObject *context) {
    ServerObject *self = (ServerObject *)loop->state->Server->tp_alloc(loop->state->Server, 0);
    int err = 0;
    if (self) {
        self->loop = (LoopObject *)Py_NewRef(loop);
        self->io.fd = -1;
        self->handler = Py_NewRef(handler);
        self->context = Py_XNewRef(context);
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

static int own_file(ServerObject *self, const char *path) {
    struct stat found;
    if (!*path || stat(path, &found) < 0)
        return 0;
    if (!(self->path = PyMem_Malloc(strlen(path) + 1))) {
        PyErr_NoMemory();
        return -1;
    }
    strcpy(self->path, path);
    self->inode = found.st_ino;
    return 0;
}

/* Settles p with a server (stolen; NULL: with the raised exception) that begins to accept in the next
 * turn: whoever waits for the server has it then. */
static void begin_serving(PromiseObject *p, ServerObject *self) {
    if (self && callback_next_turn(self->loop, (PyObject *)self, "_resume") < 0)
        Py_CLEAR(self);
    if (self)
        promise_fulfil(p, (PyObject *)self);
    else
        promise_reject(p, take_raised());
}

/* ---- serve_tcp: a name is looked up before */

struct serving {
    struct resolution resolution;
    LoopObject *loop;                   /* a reference, as the others */
    PromiseObject *promise;             /* of the Server */
    PyObject *handler, *context, *what; /* what: "host:port"; context: NULL without TLS */
    int backlog, reuse_port;
};

static struct serving *serving_of(struct native_work *work) {
    return cp_container_of(work, struct serving, resolution.work);
}

static void serving_free(struct native_work *work) {
    struct serving *self = serving_of(work);
    resolution_clear(&self->resolution);
    Py_XDECREF(self->what);
    Py_XDECREF(self->context);
    Py_XDECREF(self->handler);
    Py_XDECREF(self->promise);
    Py_XDECREF(self->loop);
    PyMem_Free(self);
}

/* On the first address that can be listened on. */
static ServerObject *serve_on(struct serving *self) {
    int fd = -EADDRNOTAVAIL;
    if (self->resolution.error) {
        resolution_raise(&self->resolution, self->loop, "serve_tcp", self->what);
        return NULL;
    }
    for (const struct addrinfo *a = self->resolution.addresses; a && fd < 0; a = a->ai_next)
        fd = listen_on(a->ai_addr, a->ai_addrlen, self->backlog, self->reuse_port);
    if (fd < 0)
        raise_listen("serve_tcp", self->what, fd);
    return fd < 0 ? NULL : server_new(self->loop, fd, self->handler, self->context);
}

static void serving_resolved(struct serving *self) {
    if (cp_promise_state(&self->promise->core) == CP_PENDING) /* not cancelled meanwhile */
        begin_serving(self->promise, serve_on(self));
}

static void serving_home(struct native_work *work) {
    serving_resolved(serving_of(work));
    serving_free(work);
}

static void serving_never(struct native_work *work) {
    struct serving *self = serving_of(work);
    PyErr_Format(self->loop->state->LoopClosedError, "the loop was closed during serve_tcp %U",
                 self->what);
    promise_reject(self->promise, take_raised());
}

/* Steals self, which may be NULL. */
static PyObject *serve_tcp(struct serving *self, PyObject *host, int port) {
    PyObject *promise;
    int done = -1;
    if (!self)
        return NULL;
    self->resolution.type = SOCK_STREAM;
    self->resolution.family = host == Py_None ? AF_INET : AF_UNSPEC;
    self->resolution.flags = AI_PASSIVE;
    self->resolution.work.home = serving_home;
    self->resolution.work.never = serving_never;
    self->resolution.work.free = serving_free;
    self->what = host == Py_None ? PyUnicode_FromFormat("*:%d", port)
                                 : PyUnicode_FromFormat("%S:%d", host, port);
    if (self->what && (self->promise = promise_new(self->loop)))
        done = resolution_begin(self->loop, &self->resolution, host, port);
    promise = done < 0 ? NULL : Py_NewRef(self->promise);
    if (done > 0)
        serving_resolved(self);
    if (done != 0)
        serving_free(&self->resolution.work);
    return promise;
}

/* The parameters that both calls have. New reference to the loop; *context: new reference or NULL. */
static LoopObject *check_serve(PyObject *module, PyObject *handler, PyObject *tls, const char *call,
                               PyObject **context) {
    LoopObject *loop;
    *context = NULL;
    if (!PyCallable_Check(handler)) {
        PyErr_Format(PyExc_TypeError, "%s(handler, ...): handler must be callable, not %.200s",
                     call, Py_TYPE(handler)->tp_name);
        return NULL;
    }
    if (tls != Py_None && !(*context = tls_context(tls, true)))
        return NULL;
    if (!(loop = loop_current(state_of_module(module))))
        Py_CLEAR(*context);
    return loop;
}

const char cp_serve_tcp_doc[] =
    "serve_tcp(handler, host, port, *, backlog=1024, reuse_port=False, tls=None) -> "
    "Promise[Server]\n--\n\n"
    "Listens, and calls handler(stream) for each connection. When that returns a coroutine or a\n"
    "promise, the stream is closed once it settles; a failure is reported and the server lives "
    "on.\n"
    "host None: all IPv4 addresses; port 0: one that is free, see Server.port. tls: an\n"
    "ssl.SSLContext with a certificate; the handler gets the streams that have shaken hands.\n"
    "Rejects with OSError; of a host that has no address it is socket.gaierror.";
PyObject *cp_serve_tcp(PyObject *module, PyObject *args, PyObject *kwargs) {
    static char *keywords[] = {"handler", "host", "port", "backlog", "reuse_port", "tls", NULL};
    PyObject *handler, *host, *tls = Py_None, *context;
    int port, backlog = 1024, reuse_port = 0;
    struct serving *serving;
    LoopObject *loop;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "OOi|$ipO:serve_tcp", keywords, &handler, &host,
                                     &port, &backlog, &reuse_port, &tls))
        return NULL;
    if (port < 0 || port > 65535)
        return PyErr_Format(PyExc_ValueError,
                            "serve_tcp(handler, host, port): port must be 0 to 65535, not %d",
                            port);
    if (!(loop = check_serve(module, handler, tls, "serve_tcp", &context)))
        return NULL;
    if ((serving = PyMem_Calloc(1, sizeof *serving))) {
        serving->loop = (LoopObject *)Py_NewRef(loop);
        serving->handler = Py_NewRef(handler);
        serving->context = Py_XNewRef(context);
        serving->backlog = backlog;
        serving->reuse_port = reuse_port;
    } else {
        PyErr_NoMemory();
    }
    Py_XDECREF(context);
    Py_DECREF(loop);
    return serve_tcp(serving, host, port);
}

const char cp_serve_unix_doc[] =
    "serve_unix(handler, path, *, backlog=1024, tls=None) -> Promise[Server]\n--\n\n"
    "As serve_tcp(), on a Unix socket. The file that a dead server left is replaced; the server's\n"
    "own goes when it closes. A path that begins with a zero byte is an abstract name.";
PyObject *cp_serve_unix(PyObject *module, PyObject *args, PyObject *kwargs) {
    static char *keywords[] = {"handler", "path", "backlog", "tls", NULL};
    PyObject *handler, *path, *tls = Py_None, *context;
    struct sockaddr_storage address;
    const struct sockaddr_un *un = (const struct sockaddr_un *)&address;
    socklen_t size;
    int fd, backlog = 1024;
    LoopObject *loop;
    PromiseObject *promise;
    ServerObject *self;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "OO|$iO:serve_unix", keywords, &handler, &path,
                                     &backlog, &tls) ||
        unix_address(path, "serve_unix", &address, &size) < 0 ||
        !(loop = check_serve(module, handler, tls, "serve_unix", &context)))
        return NULL;
    if ((promise = promise_new(loop))) {
        fd = listen_unix(path, un, size, backlog);
        self = fd < 0 ? NULL : server_new(loop, fd, handler, context);
        if (self && own_file(self, un->sun_path) < 0)
            Py_CLEAR(self);
        begin_serving(promise, self);
    }
    Py_XDECREF(context);
    Py_DECREF(loop);
    return (PyObject *)promise;
}

/* ---- The object */

/* Stops listening; its file, if it is still the same, goes as well. */
static void server_stop(ServerObject *self) {
    struct stat found;
    cp_io_close(&self->loop->core, &self->io);
    if (self->path && stat(self->path, &found) == 0 && found.st_ino == self->inode)
        unlink(self->path);
    PyMem_Free(self->path);
    self->path = NULL;
}

PyDoc_STRVAR(
    server_close_doc,
    "close($self, /) -> Promise[None]\n--\n\nStops listening. Connections that are open stay so.");
static PyObject *server_close(ServerObject *self, PyObject *Py_UNUSED(args)) {
    if (self->loop->open) {
        if (loop_check(self->loop, "close a server of") < 0)
            return NULL;
        server_stop(self);
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
    Py_VISIT(self->context);
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
        server_stop(self);
    PyMem_Free(self->path);
    Py_XDECREF(self->context);
    Py_XDECREF(self->handler);
    Py_XDECREF(self->port);
    Py_XDECREF(self->loop);
    PyObject_GC_Del(self);
    Py_DECREF(type);
}

static PyMethodDef server_methods[] = {
    {"close", (PyCFunction)server_close, METH_NOARGS, server_close_doc},
    {"_resume", (PyCFunction)server_resume, METH_NOARGS, NULL},
    {"_handle", (PyCFunction)server_handle, METH_O, NULL},
    {"__aenter__", (PyCFunction)server_aenter, METH_NOARGS, NULL},
    {"__aexit__", (PyCFunction)server_aexit, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyMemberDef server_members[] = {
    {"port", T_OBJECT_EX, offsetof(ServerObject, port), READONLY,
     "the port it listens on; None of a Unix socket"},
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
