/* py_udp.c - datagrams: the UdpSocket type. What opens one is in py_udp_open.c.
 *
 * Each call is tried at once; one that would block waits until the poller says that the socket can
 * be read or written, and is tried again. Sends wait in one queue, in order. What waits holds one
 * reference to the socket. */
#include "py_udp.h"
#include "py_stream.h"
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

/* A datagram that waits until there is room for it. */
struct packet {
    struct packet *next;
    PyObject *data;         /* bytes */
    PromiseObject *promise; /* of None */
    struct sockaddr_storage address;
    socklen_t size; /* of address, 0: the peer's */
};

typedef struct {
    PyObject_HEAD
    LoopObject *loop;
    struct cp_io io;
    int family;
    struct cp_op read_op, write_op;
    PromiseObject *receiving; /* pending receive, or NULL */
    bool iterating;           /* it is an `async for`, which ends when the socket is closed */
    bool polling;             /* read_op is under way, or waits for the next turn */
    struct share share;       /* of what was received at once */
    struct packet *first, **last;
} UdpObject;

/* ---- Answers */

static void reject_closed(UdpObject *self, PromiseObject *p, const char *call) {
    if (self->loop->closing)
        PyErr_Format(self->loop->state->LoopClosedError, "the loop was closed during a %s", call);
    else
        PyErr_Format(PyExc_ConnectionAbortedError, "the UdpSocket was closed during a %s", call);
    promise_reject(p, take_raised());
}

static PyObject *rejected_closed(UdpObject *self, const char *call) {
    PyErr_Format(PyExc_ConnectionAbortedError, "%s on a UdpSocket that is closed", call);
    return stream_rejected_raised(self->loop);
}

static PyObject *fulfilled(UdpObject *self, PyObject *value) {
    PromiseObject *p = value ? promise_new(self->loop) : NULL;
    if (p)
        promise_fulfil(p, value);
    else
        Py_XDECREF(value);
    return (PyObject *)p;
}

/* ---- Receiving */

/* A datagram and where it came from: a tuple, or NULL with *err, a negative errno, or with an
 * exception and *err 0. */
static PyObject *try_receive(UdpObject *self, int *err) {
    struct sockaddr_storage address;
    socklen_t size = sizeof address;
    char *buffer = self->loop->core.buffer;
    ssize_t n;
    do
        n = recvfrom(self->io.fd, buffer, CP_BUFFER, 0, (struct sockaddr *)&address, &size);
    while (n < 0 && errno == EINTR);
    *err = n < 0 ? -errno : 0;
    cp_count(&self->loop->core.stats.syscalls);
    return n < 0 ? NULL : Py_BuildValue("y#N", buffer, n, address_tuple(&address, size));
}

static void finish_receive(UdpObject *self, PyObject *datagram, int err) {
    PromiseObject *p = self->receiving;
    self->receiving = NULL;
    if (datagram)
        promise_fulfil(p, datagram);
    else if (err)
        promise_reject_errno(p, err, "receive", NULL);
    else
        promise_reject(p, take_raised());
    Py_DECREF(p);
}

static void end_receive(UdpObject *self) {
    PromiseObject *p = self->receiving;
    self->receiving = NULL;
    if (!p)
        return;
    if (self->iterating && !self->loop->closing) {
        PyErr_SetNone(PyExc_StopAsyncIteration);
        promise_reject(p, take_raised());
    } else {
        reject_closed(self, p, "receive");
    }
    Py_DECREF(p);
}

/* Nobody waits any more: what comes is for the next one who asks. */
static void forget_cancelled(UdpObject *self) {
    if (self->receiving && cp_promise_state(&self->receiving->core) != CP_PENDING)
        Py_CLEAR(self->receiving);
}

/* Until there is an answer, or the poller will tell, or the next turn comes. */
static void go_on_receiving(UdpObject *self) {
    PyObject *datagram;
    int err, done = 1;
    if (share_is_used_up(&self->share, self->loop, DATAGRAMS_A_TURN) &&
        callback_next_turn(self->loop, (PyObject *)self, "_receive_on") == 0) {
        self->polling = true;
        return;
    }
    PyErr_Clear();
    while (self->receiving && done > 0) {
        datagram = try_receive(self, &err);
        if (err != -EAGAIN) {
            finish_receive(self, datagram, err);
            return;
        }
        if ((done = cp_io_submit(&self->loop->core, &self->io, &self->read_op)) < 0)
            finish_receive(self, NULL, done);
    }
    if (done == 0) {
        self->polling = true;
        Py_INCREF(self);
    }
}

static int readable(struct cp_loop *Py_UNUSED(core), struct cp_op *op) {
    UdpObject *self = cp_container_of(op, UdpObject, read_op);
    self->polling = false;
    forget_cancelled(self);
    if (op->result == -ECANCELED)
        end_receive(self);
    else if (op->result < 0 && self->receiving)
        finish_receive(self, NULL, (int)op->result);
    else
        go_on_receiving(self);
    Py_DECREF(self);
    return 0;
}

static PyObject *udp_receive_on(UdpObject *self, PyObject *Py_UNUSED(args)) {
    self->polling = false;
    forget_cancelled(self);
    if (self->io.fd < 0)
        end_receive(self);
    else if (self->receiving)
        go_on_receiving(self);
    Py_RETURN_NONE;
}

static PyObject *receive(UdpObject *self, bool iterating) {
    PyObject *promise;
    if (loop_check(self->loop, "receive from a UdpSocket of") < 0)
        return NULL;
    forget_cancelled(self);
    if (self->io.fd < 0 && iterating) {
        PyErr_SetNone(PyExc_StopAsyncIteration);
        return stream_rejected_raised(self->loop);
    }
    if (self->io.fd < 0)
        return rejected_closed(self, "receive");
    if (self->receiving) {
        PyErr_SetString(PyExc_RuntimeError,
                        "a receive of this UdpSocket is pending already; await it first");
        return stream_rejected_raised(self->loop);
    }
    if (!(self->receiving = promise_new(self->loop)))
        return NULL;
    self->iterating = iterating;
    promise = Py_NewRef(self->receiving);
    if (!self->polling)
        go_on_receiving(self);
    return promise;
}

PyDoc_STRVAR(receive_doc,
             "receive($self, /) -> Promise[tuple[bytes, tuple]]\n--\n\n"
             "The next datagram and the address that sent it. One at a time. Rejects with "
             "ConnectionRefusedError\nwhen the peer of connect_udp() said that nobody listens.");
static PyObject *udp_receive(UdpObject *self, PyObject *Py_UNUSED(args)) {
    return receive(self, false);
}

static PyObject *udp_anext(UdpObject *self) {
    return receive(self, true);
}

/* ---- Sending */

/* 0, or a negative errno. */
static int try_send(UdpObject *self, const struct packet *packet) {
    const struct sockaddr *address = packet->size ? (const void *)&packet->address : NULL;
    ssize_t n;
    do
        n = sendto(self->io.fd, PyBytes_AS_STRING(packet->data),
                   (size_t)PyBytes_GET_SIZE(packet->data), MSG_NOSIGNAL, address, packet->size);
    while (n < 0 && errno == EINTR);
    cp_count(&self->loop->core.stats.syscalls);
    return n < 0 ? -errno : 0;
}

static void pop_packet(UdpObject *self, int err) {
    struct packet *packet = self->first;
    if (!(self->first = packet->next))
        self->last = &self->first;
    if (err == -ECANCELED)
        reject_closed(self, packet->promise, "send");
    else if (err)
        promise_reject_errno(packet->promise, err, "send", NULL);
    else
        promise_fulfil(packet->promise, Py_NewRef(Py_None));
    Py_DECREF(packet->promise);
    Py_DECREF(packet->data);
    PyMem_Free(packet);
}

/* A packet that was cancelled is left out. */
static void send_queue(UdpObject *self) {
    int err = 0, done = 1;
    while (self->first && done > 0) {
        bool cancelled = cp_promise_state(&self->first->promise->core) != CP_PENDING;
        if (!cancelled && (err = try_send(self, self->first)) == -EAGAIN) {
            if ((done = cp_io_submit(&self->loop->core, &self->io, &self->write_op)) < 0)
                pop_packet(self, done);
        } else {
            pop_packet(self, cancelled ? 0 : err);
        }
    }
    if (done == 0)
        Py_INCREF(self);
}

static int writable(struct cp_loop *Py_UNUSED(core), struct cp_op *op) {
    UdpObject *self = cp_container_of(op, UdpObject, write_op);
    while (op->result < 0 && self->first)
        pop_packet(self, (int)op->result);
    send_queue(self);
    Py_DECREF(self);
    return 0;
}

/* Takes the data over; -1 with an exception. */
static int fill_packet(struct packet *packet, PyObject *data) {
    if (PyUnicode_Check(data)) {
        PyErr_SetString(PyExc_TypeError, "a datagram is bytes, not str; encode() it");
        return -1;
    }
    packet->data = PyBytes_CheckExact(data) ? Py_NewRef(data) : PyBytes_FromObject(data);
    return packet->data ? 0 : -1;
}

/* Steals what the packet holds. */
static PyObject *enqueue(UdpObject *self, struct packet *packet) {
    struct packet *kept = PyMem_Malloc(sizeof *kept);
    if (kept)
        *kept = *packet;
    if (!kept || !(kept->promise = promise_new(self->loop))) {
        Py_DECREF(packet->data);
        PyMem_Free(kept);
        return kept ? NULL : PyErr_NoMemory();
    }
    *self->last = kept;
    self->last = &kept->next;
    packet->promise = (PromiseObject *)Py_NewRef(kept->promise);
    if (self->first == kept)
        send_queue(self);
    return (PyObject *)packet->promise;
}

static PyObject *send_packet(UdpObject *self, struct packet *packet) {
    int err = self->first ? -EAGAIN : try_send(self, packet);
    if (err == -EAGAIN)
        return enqueue(self, packet);
    Py_DECREF(packet->data);
    if (err == 0)
        return loop_settled_none(self->loop);
    errno = -err;
    PyErr_SetFromErrno(PyExc_OSError);
    return stream_rejected_raised(self->loop);
}

PyDoc_STRVAR(send_doc,
             "send($self, data, /) -> Promise[None]\n--\n\n"
             "Sends a datagram to the peer of connect_udp(). Settled already unless the kernel has "
             "no room; await it\nto keep step. Rejects with OSError: EMSGSIZE when it is too "
             "large.");
static PyObject *udp_send(UdpObject *self, PyObject *data) {
    struct packet packet = {0};
    if (loop_check(self->loop, "send from a UdpSocket of") < 0 || fill_packet(&packet, data) < 0)
        return NULL;
    if (self->io.fd >= 0)
        return send_packet(self, &packet);
    Py_DECREF(packet.data);
    return rejected_closed(self, "send");
}

/* (host, port) or (host, port, flow, scope), of the socket's own family. 0 or -1. */
static int parse_address(UdpObject *self, PyObject *tuple, struct packet *packet) {
    struct sockaddr_in *in = (void *)&packet->address;
    struct sockaddr_in6 *in6 = (void *)&packet->address;
    const bool v6 = self->family == AF_INET6;
    unsigned flow = 0, scope = 0;
    const char *host;
    int port;
    if (!PyTuple_Check(tuple)) {
        PyErr_Format(PyExc_TypeError, "an address is a tuple (host, port), not %.100s",
                     Py_TYPE(tuple)->tp_name);
        return -1;
    }
    if (!PyArg_ParseTuple(tuple, "si|II;an address is (host, port)", &host, &port, &flow, &scope))
        return -1;
    packet->address.ss_family = (sa_family_t)self->family;
    packet->size = v6 ? sizeof *in6 : sizeof *in;
    if (port < 0 || port > 65535 ||
        inet_pton(self->family, host, v6 ? (void *)&in6->sin6_addr : (void *)&in->sin_addr) != 1) {
        PyErr_Format(PyExc_ValueError,
                     "send_to(data, address): an IPv%d address and a port up to 65535, not %R; "
                     "resolve_host() makes addresses of names",
                     v6 ? 6 : 4, tuple);
        return -1;
    }
    in->sin_port = htons((uint16_t)port); /* at the same place for both */
    if (v6) {
        in6->sin6_flowinfo = htonl(flow);
        in6->sin6_scope_id = scope;
    }
    return 0;
}

PyDoc_STRVAR(send_to_doc, "send_to($self, data, address, /) -> Promise[None]\n--\n\n"
                          "send() to an address as receive() tells it: (host, port), the host an "
                          "IP address.");
static PyObject *udp_send_to(UdpObject *self, PyObject *const *args, Py_ssize_t nargs) {
    struct packet packet = {0};
    if (!check_nargs("send_to", nargs, 2, 2) ||
        loop_check(self->loop, "send from a UdpSocket of") < 0 ||
        parse_address(self, args[1], &packet) < 0 || fill_packet(&packet, args[0]) < 0)
        return NULL;
    if (self->io.fd >= 0)
        return send_packet(self, &packet);
    Py_DECREF(packet.data);
    return rejected_closed(self, "send_to");
}

/* ---- Closing, and what can be seen */

PyDoc_STRVAR(udp_close_doc, "close($self, /) -> Promise[None]\n--\n\n"
                            "Closes at once: a pending receive and sends that wait for room are "
                            "rejected; an `async for` ends.");
static PyObject *udp_close(UdpObject *self, PyObject *Py_UNUSED(args)) {
    if (self->loop->open) {
        if (loop_check(self->loop, "close a UdpSocket of") < 0)
            return NULL;
        cp_io_close(&self->loop->core, &self->io);
    }
    return loop_settled_none(self->loop);
}

static PyObject *udp_aenter(UdpObject *self, PyObject *Py_UNUSED(args)) {
    return fulfilled(self, Py_NewRef(self));
}

static PyObject *udp_aexit(UdpObject *self, PyObject *Py_UNUSED(args)) {
    return udp_close(self, NULL);
}

static PyObject *udp_get_closed(UdpObject *self, void *Py_UNUSED(closure)) {
    return PyBool_FromLong(self->io.fd < 0);
}

static PyObject *udp_get_name(UdpObject *self, void *peer) {
    struct sockaddr_storage address;
    socklen_t size = sizeof address;
    int (*name)(int, struct sockaddr *, socklen_t *) = peer ? getpeername : getsockname;
    if (self->io.fd < 0 || name(self->io.fd, (struct sockaddr *)&address, &size) < 0)
        Py_RETURN_NONE;
    return address_tuple(&address, size);
}

static PyObject *udp_repr(UdpObject *self) {
    return PyUnicode_FromFormat("<cpromise.UdpSocket %s>", self->io.fd < 0 ? "closed" : "open");
}

static PyObject *udp_fileno(UdpObject *self, PyObject *Py_UNUSED(args)) {
    return PyLong_FromLong(self->io.fd);
}

/* ---- The type */

PyObject *udp_new(LoopObject *loop, int fd, int family) {
    UdpObject *self = (UdpObject *)loop->state->UdpSocket->tp_alloc(loop->state->UdpSocket, 0);
    int err;
    if (!self) {
        close(fd);
        return NULL;
    }
    self->loop = (LoopObject *)Py_NewRef(loop);
    self->family = family;
    self->last = &self->first;
    self->read_op = (struct cp_op){.kind = CP_OP_POLL_IN, .done = readable};
    self->write_op = (struct cp_op){.kind = CP_OP_POLL_OUT, .done = writable};
    if ((err = cp_io_open(&loop->core, &self->io, fd)) == 0)
        return (PyObject *)self;
    close(fd);
    Py_DECREF(self);
    errno = -err;
    return PyErr_SetFromErrno(PyExc_OSError);
}

static int udp_traverse(UdpObject *self, visitproc visit, void *arg) {
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(self->loop);
    Py_VISIT(self->receiving);
    for (struct packet *packet = self->first; packet; packet = packet->next)
        Py_VISIT(packet->promise);
    return 0;
}

static int udp_clear(UdpObject *self) {
    Py_CLEAR(self->receiving);
    return 0;
}

/* What waits holds a reference, so nothing does now. */
static void udp_dealloc(UdpObject *self) {
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    if (self->loop && self->loop->open && self->loop->forks == fork_count())
        cp_io_close(&self->loop->core, &self->io);
    udp_clear(self);
    Py_XDECREF(self->loop);
    PyObject_GC_Del(self);
    Py_DECREF(type);
}

static PyMethodDef udp_methods[] = {
    {"receive", (PyCFunction)udp_receive, METH_NOARGS, receive_doc},
    {"_receive_on", (PyCFunction)udp_receive_on, METH_NOARGS, NULL},
    {"send", (PyCFunction)udp_send, METH_O, send_doc},
    {"send_to", (PyCFunction)(void (*)(void))udp_send_to, METH_FASTCALL, send_to_doc},
    {"close", (PyCFunction)udp_close, METH_NOARGS, udp_close_doc},
    {"fileno", (PyCFunction)udp_fileno, METH_NOARGS,
     "fileno($self, /) -> int\n--\n\nThe descriptor, -1 when closed; it stays the socket's."},
    {"__aenter__", (PyCFunction)udp_aenter, METH_NOARGS, NULL},
    {"__aexit__", (PyCFunction)udp_aexit, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef udp_getset[] = {
    {"closed", (getter)udp_get_closed, NULL, "whether it is closed", NULL},
    {"sockname", (getter)udp_get_name, NULL, "(host, port) of this end, None when closed", NULL},
    {"peername", (getter)udp_get_name, NULL, "(host, port) of the peer of connect_udp(), or None",
     (void *)"peer"},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot udp_slots[] = {
    {Py_tp_doc, (void *)"A socket for datagrams. Made by connect_udp() and bind_udp(). `async for` "
                        "receives until it is closed."},
    {Py_tp_dealloc, udp_dealloc},
    {Py_tp_traverse, udp_traverse},
    {Py_tp_clear, udp_clear},
    {Py_tp_repr, udp_repr},
    {Py_am_aiter, PyObject_SelfIter},
    {Py_am_anext, udp_anext},
    {Py_tp_methods, udp_methods},
    {Py_tp_getset, udp_getset},
    {0, NULL},
};

PyType_Spec udp_spec = {
    .name = "cpromise.UdpSocket",
    .basicsize = sizeof(UdpObject),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_IMMUTABLETYPE |
             Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .slots = udp_slots,
};
