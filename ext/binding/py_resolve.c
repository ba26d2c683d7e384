/* py_resolve.c - resolve_host, and the look-up behind it: a literal address is taken as it is, a name
 * goes to getaddrinfo on a thread of the pool. */
#include "py_resolve.h"
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

/* ---- The look-up */

static void look_up(struct resolution *self, int flags) {
    const struct addrinfo hints = {
        .ai_family = self->family, .ai_socktype = self->type, .ai_flags = flags};
    self->error = getaddrinfo(self->host, self->service, &hints, &self->addresses);
}

static void look_up_on_worker(struct cp_work *work, void *Py_UNUSED(worker)) {
    struct resolution *self = cp_container_of(work, struct resolution, work.core);
    look_up(self, self->flags);
}

/* The name as resolvers want it: other letters than ASCII's by IDNA. 0 or -1. */
static int copy_host(struct resolution *self, PyObject *host) {
    PyObject *bytes;
    const char *text;
    if (host == Py_None)
        return 0;
    if (!PyUnicode_Check(host)) {
        PyErr_Format(PyExc_TypeError, "a host is a str, not %.100s", Py_TYPE(host)->tp_name);
        return -1;
    }
    bytes = PyUnicode_AsEncodedString(host, PyUnicode_IS_ASCII(host) ? "ascii" : "idna", NULL);
    if (!bytes)
        return -1;
    text = PyBytes_AS_STRING(bytes);
    if (strlen(text) != (size_t)PyBytes_GET_SIZE(bytes))
        PyErr_Format(PyExc_ValueError, "a null character in host %R", host);
    else if (!(self->host = PyMem_RawMalloc(strlen(text) + 1)))
        PyErr_NoMemory();
    else
        strcpy(self->host, text);
    Py_DECREF(bytes);
    return self->host ? 0 : -1;
}

int resolution_begin(LoopObject *loop, struct resolution *self, PyObject *host, int port) {
    const int literal = AI_NUMERICHOST | AI_NUMERICSERV;
    int err;
    if (copy_host(self, host) < 0)
        return -1;
    snprintf(self->service, sizeof self->service, "%d", port);
    look_up(self, (self->flags & ~AI_ADDRCONFIG) | literal); /* a literal is nobody's guess */
    if (self->error != EAI_NONAME)
        return 1;
    self->work.core = (struct cp_work){.run = look_up_on_worker, .job.kind = KIND_NATIVE};
    if ((err = cp_work_submit(&loop->core, &self->work.core)) == 0)
        return 0;
    self->error = err == -ENOMEM ? EAI_MEMORY : err == -EAGAIN ? EAI_AGAIN : EAI_CANCELED;
    return 1;
}

void resolution_raise(const struct resolution *self, LoopObject *loop, const char *call,
                      PyObject *what) {
    PyObject *module = PyImport_ImportModule("_socket");
    PyObject *type = module ? PyObject_GetAttrString(module, "gaierror") : NULL;
    PyObject *text = PyUnicode_FromFormat("%s %S: %s", call, what, gai_strerror(self->error));
    PyObject *error = type && text ? PyObject_CallFunction(type, "iO", self->error, text) : NULL;
    if (error && loop->closing)
        PyErr_Format(loop->state->LoopClosedError, "the loop was closed during %s %S", call, what);
    else if (error)
        PyErr_SetObject(type, error);
    Py_XDECREF(error);
    Py_XDECREF(text);
    Py_XDECREF(type);
    Py_XDECREF(module);
}

void resolution_clear(struct resolution *self) {
    if (self->addresses)
        freeaddrinfo(self->addresses);
    PyMem_RawFree(self->host);
    self->addresses = NULL;
    self->host = NULL;
}

/* ---- resolve_host */

struct lookup {
    struct resolution resolution;
    LoopObject *loop;       /* a reference, as the others */
    PromiseObject *promise; /* of a list of str */
    PyObject *name;
};

static struct lookup *lookup_of(struct native_work *work) {
    return cp_container_of(work, struct lookup, resolution.work);
}

static void lookup_free(struct native_work *work) {
    struct lookup *self = lookup_of(work);
    resolution_clear(&self->resolution);
    Py_XDECREF(self->name);
    Py_XDECREF(self->promise);
    Py_XDECREF(self->loop);
    PyMem_Free(self);
}

/* Appends the address, unless it is there. 0 or -1. */
static int add_address(PyObject *list, const struct addrinfo *address) {
    char text[NI_MAXHOST];
    PyObject *item;
    int there;
    if (getnameinfo(address->ai_addr, address->ai_addrlen, text, sizeof text, NULL, 0,
                    NI_NUMERICHOST))
        return 0;
    if (!(item = PyUnicode_FromString(text)))
        return -1;
    if ((there = PySequence_Contains(list, item)) == 0)
        there = PyList_Append(list, item);
    Py_DECREF(item);
    return there < 0 ? -1 : 0;
}

static PyObject *addresses_of(const struct resolution *resolution) {
    PyObject *list = PyList_New(0);
    for (const struct addrinfo *a = resolution->addresses; a && list; a = a->ai_next)
        if (add_address(list, a) < 0)
            Py_CLEAR(list);
    return list;
}

static void lookup_done(struct lookup *self) {
    PyObject *list = NULL;
    if (self->resolution.error)
        resolution_raise(&self->resolution, self->loop, "resolve_host", self->name);
    else
        list = addresses_of(&self->resolution);
    if (list)
        promise_fulfil(self->promise, list);
    else
        promise_reject(self->promise, take_raised());
}

static void lookup_home(struct native_work *work) {
    lookup_done(lookup_of(work));
    lookup_free(work);
}

static void lookup_never(struct native_work *work) {
    struct lookup *self = lookup_of(work);
    PyErr_Format(self->loop->state->LoopClosedError, "the loop was closed during resolve_host(%R)",
                 self->name);
    promise_reject(self->promise, take_raised());
}

/* Steals the loop. */
static PyObject *begin_lookup(LoopObject *loop, PyObject *name, int family) {
    struct lookup *self = PyMem_Calloc(1, sizeof *self);
    PyObject *promise;
    int done = -1;
    if (!self) {
        Py_DECREF(loop);
        return PyErr_NoMemory();
    }
    self->loop = loop;
    self->name = Py_NewRef(name);
    self->resolution.type = SOCK_STREAM; /* each address once */
    self->resolution.family = family;
    self->resolution.work.home = lookup_home;
    self->resolution.work.never = lookup_never;
    self->resolution.work.free = lookup_free;
    if ((self->promise = promise_new(loop)))
        done = resolution_begin(loop, &self->resolution, name, 0);
    promise = done < 0 ? NULL : Py_NewRef(self->promise);
    if (done > 0)
        lookup_done(self);
    if (done != 0)
        lookup_free(&self->resolution.work);
    return promise;
}

const char cp_resolve_host_doc[] =
    "resolve_host(name, *, family=0) -> Promise[list[str]]\n--\n\n"
    "The addresses of a host, in the order in which to try them, each once; a literal address is\n"
    "its own. family: socket.AF_INET or AF_INET6 for only those. Rejects with socket.gaierror. "
    "The\nsystem's resolver is asked, on a thread of the pool.";
PyObject *cp_resolve_host(PyObject *module, PyObject *args, PyObject *kwargs) {
    static char *keywords[] = {"name", "family", NULL};
    PyObject *name;
    int family = AF_UNSPEC;
    LoopObject *loop;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "U|$i:resolve_host", keywords, &name, &family))
        return NULL;
    if (family != AF_UNSPEC && family != AF_INET && family != AF_INET6)
        return PyErr_Format(PyExc_ValueError,
                            "resolve_host(family=): 0, AF_INET or AF_INET6, not %d", family);
    if (!(loop = loop_current(state_of_module(module))))
        return NULL;
    return begin_lookup(loop, name, family);
}
