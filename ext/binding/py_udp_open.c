/* py_udp_open.c - connect_udp and bind_udp: a name is resolved off the loop, then the first of its
 * addresses that works becomes a UdpSocket. */
#include "py_resolve.h"
#include "py_udp.h"
#include <errno.h>
#include <string.h>

struct opening {
    struct resolution resolution;
    LoopObject *loop;       /* a reference, as the others */
    PromiseObject *promise; /* of the UdpSocket */
    PyObject *what;         /* "host:port" */
    const char *call;
    bool binds;
    int reuse_port;
};

static struct opening *opening_of(struct native_work *work) {
    return cp_container_of(work, struct opening, resolution.work);
}

static void opening_free(struct native_work *work) {
    struct opening *self = opening_of(work);
    resolution_clear(&self->resolution);
    Py_XDECREF(self->what);
    Py_XDECREF(self->promise);
    Py_XDECREF(self->loop);
    PyMem_Free(self);
}

/* The descriptor, or a negative errno. */
static int open_address(const struct opening *self, const struct addrinfo *address) {
    const int on = 1;
    int err, fd = socket(address->ai_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    if (self->reuse_port && setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) < 0)
        err = -errno;
    else
        err = (self->binds ? bind : connect)(fd, address->ai_addr, address->ai_addrlen) < 0 ? -errno
                                                                                            : 0;
    if (err < 0)
        close(fd);
    return err < 0 ? err : fd;
}

/* The first address that works. */
static void open_socket(struct opening *self) {
    PyObject *udp;
    int fd = -EADDRNOTAVAIL, family = AF_UNSPEC;
    for (const struct addrinfo *a = self->resolution.addresses; a && fd < 0; a = a->ai_next) {
        family = a->ai_family;
        fd = open_address(self, a);
    }
    if (fd < 0) {
        promise_reject_errno(self->promise, fd, self->call, self->what);
    } else if ((udp = udp_new(self->loop, fd, family))) {
        promise_fulfil(self->promise, udp);
    } else {
        promise_reject(self->promise, take_raised());
    }
}

static void resolved(struct opening *self) {
    if (cp_promise_state(&self->promise->core) != CP_PENDING)
        return;
    if (!self->resolution.error) {
        open_socket(self);
        return;
    }
    resolution_raise(&self->resolution, self->loop, self->call, self->what);
    promise_reject(self->promise, take_raised());
}

static void opening_home(struct native_work *work) {
    resolved(opening_of(work));
    opening_free(work);
}

static void opening_never(struct native_work *work) {
    struct opening *self = opening_of(work);
    PyErr_Format(self->loop->state->LoopClosedError, "the loop was closed during %s %U", self->call,
                 self->what);
    promise_reject(self->promise, take_raised());
}

/* `self` is zeroed but for what the caller asks for. Frees it, or its work does. */
static PyObject *begin_opening(struct opening *self, PyObject *host, int port) {
    PyObject *promise;
    int done = -1;
    self->resolution.type = SOCK_DGRAM;
    self->resolution.family = host == Py_None ? AF_INET : AF_UNSPEC;
    self->resolution.flags = self->binds ? AI_PASSIVE : 0;
    self->resolution.work.home = opening_home;
    self->resolution.work.never = opening_never;
    self->resolution.work.free = opening_free;
    if (port < 0 || port > 65535)
        PyErr_Format(PyExc_ValueError, "%s(host, port): port must be 0 to 65535, not %d",
                     self->call, port);
    else if ((self->what = PyUnicode_FromFormat("%S:%d", host, port)) &&
             (self->promise = promise_new(self->loop)))
        done = resolution_begin(self->loop, &self->resolution, host, port);
    promise = done < 0 ? NULL : Py_NewRef(self->promise);
    if (done > 0)
        resolved(self);
    if (done != 0)
        opening_free(&self->resolution.work);
    return promise;
}

static struct opening *opening_new(PyObject *module, const char *call) {
    struct opening *self = PyMem_Calloc(1, sizeof *self);
    if (!self)
        return (struct opening *)PyErr_NoMemory();
    self->call = call;
    if ((self->loop = loop_current(state_of_module(module))))
        return self;
    PyMem_Free(self);
    return NULL;
}

const char cp_connect_udp_doc[] =
    "connect_udp(host, port) -> Promise[UdpSocket]\n--\n\n"
    "A socket for datagrams to and from one peer: send() goes there, receive() hears only it. A "
    "name is\nresolved. Rejects with OSError. That nobody listens there shows in a later call.";
PyObject *cp_connect_udp(PyObject *module, PyObject *args, PyObject *kwargs) {
    static char *keywords[] = {"host", "port", NULL};
    PyObject *host;
    struct opening *opening;
    int port;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "Ui:connect_udp", keywords, &host, &port) ||
        !(opening = opening_new(module, "connect_udp")))
        return NULL;
    return begin_opening(opening, host, port);
}

const char cp_bind_udp_doc[] =
    "bind_udp(host, port, *, reuse_port=False) -> Promise[UdpSocket]\n--\n\n"
    "A socket that receives datagrams at an address, and sends from it with send_to(). host None: "
    "all IPv4\naddresses; port 0: one that is free, see UdpSocket.sockname. reuse_port: several "
    "sockets share\nthe port. Rejects with OSError.";
PyObject *cp_bind_udp(PyObject *module, PyObject *args, PyObject *kwargs) {
    static char *keywords[] = {"host", "port", "reuse_port", NULL};
    PyObject *host;
    struct opening *opening;
    int port, reuse_port = 0;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "Oi|$p:bind_udp", keywords, &host, &port,
                                     &reuse_port) ||
        !(opening = opening_new(module, "bind_udp")))
        return NULL;
    opening->binds = true;
    opening->reuse_port = reuse_port;
    return begin_opening(opening, host, port);
}
