/* py_stream.c - the Stream type: its life, its closing, and what can be seen of it. Reading is in
 * py_stream_read.c, writing in py_stream_write.c.
 *
 * A pending operation holds one reference to its stream. */
#include "py_stream.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/un.h>

/* Of what lies unread, at most this much is thrown away at the end of TLS. Bytes. */
enum { TLS_LEFTOVERS = 1 << 20 };

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
    self->read_op.done = stream_read_done;
    self->turn = UINT64_MAX;
    self->write_op.done = stream_write_done;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    if ((err = cp_io_open(&loop->core, &self->io, fd)) < 0) {
        close(fd);
        Py_DECREF(self);
        errno = -err;
        return (StreamObject *)PyErr_SetFromErrno(PyExc_OSError);
    }
    return self;
}

/* ---- Answers */

PyObject *stream_rejected_raised(LoopObject *loop) {
    PromiseObject *p;
    PyObject *reason = take_raised();
    if (!(p = promise_new(loop))) {
        Py_DECREF(reason);
        return NULL;
    }
    promise_reject(p, reason);
    return (PyObject *)p;
}

PyObject *stream_rejected(StreamObject *self, PyObject *type, const char *text) {
    PyErr_SetString(type, text);
    return stream_rejected_raised(self->loop);
}

PyObject *stream_fulfilled(StreamObject *self, PyObject *value) {
    PromiseObject *p = value ? promise_new(self->loop) : NULL;
    if (!p) {
        Py_XDECREF(value);
        return NULL;
    }
    promise_fulfil(p, value);
    return (PyObject *)p;
}

void stream_reject(StreamObject *self, PromiseObject *p, int err, const char *call) {
    if (err != -ECANCELED) {
        promise_reject_errno(p, err, call, NULL);
        return;
    }
    if (self->loop->closing)
        PyErr_Format(self->loop->state->LoopClosedError, "the loop was closed during a %s", call);
    else
        PyErr_Format(PyExc_ConnectionAbortedError, "the stream was closed during a %s", call);
    promise_reject(p, take_raised());
}

/* ---- Closing */

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

/* With something unread the kernel would reset the connection, and what was sent last be lost. Of TLS
 * there often is: the tickets that a server sends after the handshake. Linux throws them away unseen. */
void stream_end(StreamObject *self) {
    if (self->tls && self->io.fd >= 0)
        (void)!recv(self->io.fd, NULL, TLS_LEFTOVERS, MSG_TRUNC | MSG_DONTWAIT);
    stream_abort(self);
}

/* Each caller gets a promise of its own. When the last of them has given up, the next begins anew. */
static PyObject *wait_for_close(StreamObject *self) {
    PromiseObject *p = (PromiseObject *)Py_NewRef(self->closing), *mine;
    if (cp_promise_state(&p->core) != CP_PENDING) {
        Py_DECREF(p);
        if (!(p = promise_new(self->loop)))
            return NULL;
        Py_SETREF(self->closing, (PromiseObject *)Py_NewRef(p));
    }
    mine = promise_derive(p, CP_PASS, NULL);
    Py_DECREF(p);
    return (PyObject *)mine;
}

PyDoc_STRVAR(
    close_doc,
    "close($self, /) -> Promise[None]\n--\n\n"
    "Closes the stream once all that was written is sent. A pending read is rejected. A peer\n"
    "that does not read is waited for: close().timeout(seconds) says for how long, and abort()\n"
    "ends it then.");
static PyObject *stream_close(StreamObject *self, PyObject *Py_UNUSED(args)) {
    if (self->loop->open && loop_check(self->loop, "close a stream of") < 0)
        return NULL;
    if (self->closing)
        return wait_for_close(self);
    if (self->tls && self->io.fd >= 0 && !stream_is_shaking(self) && !self->error)
        tls_say_goodbye(self);
    if (self->io.fd >= 0 && (self->queued || self->file) && !self->error) {
        self->closing = promise_new(self->loop);
        return self->closing ? wait_for_close(self) : NULL;
    }
    stream_end(self);
    return loop_settled_none(self->loop);
}

PyDoc_STRVAR(
    abort_doc,
    "abort($self, /) -> Promise[None]\n--\n\n"
    "Closes the stream at once. What was written and not sent is dropped, and the connection\n"
    "reset: the peer's next call fails. Pending reads and writes are rejected with\n"
    "ConnectionAbortedError; a pending close() is fulfilled. Settled already; harmless on a\n"
    "stream that is closed.");
static PyObject *stream_abort_method(StreamObject *self, PyObject *Py_UNUSED(args)) {
    const struct linger at_once = {.l_onoff = 1};
    if (self->loop->open && loop_check(self->loop, "abort a stream of") < 0)
        return NULL;
    if (self->io.fd >= 0) /* without it the kernel would go on sending what it has */
        setsockopt(self->io.fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    stream_abort(self);
    return loop_settled_none(self->loop);
}

static PyObject *stream_aenter(StreamObject *self, PyObject *Py_UNUSED(args)) {
    return stream_fulfilled(self, Py_NewRef(self));
}

static PyObject *stream_aexit(StreamObject *self, PyObject *Py_UNUSED(args)) {
    return stream_close(self, NULL);
}

/* ---- What can be seen of a stream */

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

int unix_address(PyObject *path, const char *call, struct sockaddr_storage *address,
                 socklen_t *size) {
    struct sockaddr_un *un = (struct sockaddr_un *)address;
    PyObject *given = PyOS_FSPath(path), *bytes = given;
    size_t length;
    if (given && PyUnicode_Check(given)) {
        bytes = PyUnicode_EncodeFSDefault(given);
        Py_DECREF(given);
    }
    if (!bytes)
        return -1;
    length = (size_t)PyBytes_GET_SIZE(bytes);
    *un = (struct sockaddr_un){.sun_family = AF_UNIX};
    *size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
    if (length && length < sizeof un->sun_path)
        memcpy(un->sun_path, PyBytes_AS_STRING(bytes), length);
    else
        PyErr_Format(PyExc_ValueError, "%s(%R): the path of a Unix socket has 1 to %zu bytes", call,
                     path, sizeof un->sun_path - 1);
    if (length && length < sizeof un->sun_path && *un->sun_path && strlen(un->sun_path) != length)
        PyErr_Format(PyExc_ValueError, "%s(%R): a zero byte in the path", call, path);
    Py_DECREF(bytes);
    return PyErr_Occurred() ? -1 : 0;
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

static PyObject *stream_get_ssl_object(StreamObject *self, void *Py_UNUSED(closure)) {
    PyObject *object = stream_ssl_object(self);
    return Py_NewRef(object ? object : Py_None);
}

static PyObject *stream_repr(StreamObject *self) {
    return PyUnicode_FromFormat("<cpromise.Stream %s>", self->io.fd < 0 ? "closed" : "open");
}

static int stream_traverse(StreamObject *self, visitproc visit, void *arg) {
    PyObject *promise, *file;
    sendfile_traverse_into(self, &promise, &file);
    Py_VISIT(promise);
    Py_VISIT(file);
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(self->loop);
    Py_VISIT(self->server);
    Py_VISIT(self->reading);
    Py_VISIT(self->separator);
    Py_VISIT(self->drained);
    Py_VISIT(self->closing);
    return tls_traverse(self->tls, visit, arg);
}

static int stream_clear(StreamObject *self) {
    Py_CLEAR(self->reading);
    Py_CLEAR(self->separator);
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
    sendfile_failed(self, -ECANCELED);
    stream_forget_writes(self);
    tls_free(self->tls);
    PyMem_Free(self->held);
    Py_XDECREF(self->loop);
    PyObject_GC_Del(self);
    Py_DECREF(type);
}

static PyMethodDef stream_methods[] = {
    {"read", (PyCFunction)(void (*)(void))stream_read, METH_FASTCALL, stream_read_doc},
    {"readexactly", (PyCFunction)stream_readexactly, METH_O, stream_readexactly_doc},
    {"readuntil", (PyCFunction)(void (*)(void))stream_readuntil, METH_VARARGS | METH_KEYWORDS,
     stream_readuntil_doc},
    {"write", (PyCFunction)stream_write, METH_O, stream_write_doc},
    {"writelines", (PyCFunction)stream_writelines, METH_O, stream_writelines_doc},
    {"sendfile", (PyCFunction)(void (*)(void))stream_sendfile, METH_VARARGS | METH_KEYWORDS,
     stream_sendfile_doc},
    {"send_eof", (PyCFunction)stream_send_eof, METH_NOARGS, stream_send_eof_doc},
    {"close", (PyCFunction)stream_close, METH_NOARGS, close_doc},
    {"abort", (PyCFunction)stream_abort_method, METH_NOARGS, abort_doc},
    {"_expire_tls", (PyCFunction)stream_expire_tls, METH_NOARGS, NULL},
    {"__aenter__", (PyCFunction)stream_aenter, METH_NOARGS, NULL},
    {"__aexit__", (PyCFunction)stream_aexit, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef stream_getset[] = {
    {"closed", (getter)stream_get_closed, NULL,
     "whether the stream is closed, or will be once all is sent", NULL},
    {"ssl_object", (getter)stream_get_ssl_object, NULL,
     "the ssl.SSLObject that knows the certificate and the cipher; None without TLS", NULL},
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
