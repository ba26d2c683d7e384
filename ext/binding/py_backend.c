/* py_backend.c - which poller a loop has: asked for by name, by the environment, or chosen here. */
#include "binding.h"
#include <errno.h>

static const struct cp_poller *const POLLERS[] = {&cp_poller_epoll, &cp_poller_uring};

/* What 'auto' tries, in this order: see docs/decisions/009-pollers.md. */
static const struct cp_poller *const AUTO[] = {&cp_poller_epoll};

enum { COUNT = sizeof POLLERS / sizeof *POLLERS, CHOICES = sizeof AUTO / sizeof *AUTO };

static const struct cp_poller *poller_named(const char *name) {
    for (int i = 0; i < COUNT; i++)
        if (!strcmp(name, POLLERS[i]->name))
            return POLLERS[i];
    return NULL;
}

/* The name that counts: 'auto' leaves it to the environment. NULL with ValueError. */
static const char *choose(const char *backend) {
    const char *variable = getenv("CPROMISE_BACKEND");
    bool asked = strcmp(backend, "auto") == 0 && variable && *variable;
    const char *name = asked ? variable : backend;
    if (!strcmp(name, "auto") || poller_named(name))
        return name;
    PyErr_Format(PyExc_ValueError,
                 asked ? "CPROMISE_BACKEND=%s in the environment: choose auto, epoll or io_uring"
                       : "backend='%s': choose 'auto', 'epoll' or 'io_uring'",
                 name);
    return NULL;
}

/* Why a poller cannot be had, and what to do. */
static const char *reason(int err) {
    switch (err) {
    case -ENOPKG:
        return "it was not built; install liburing-dev and build again, or use 'epoll'";
    case -ENOSYS:
        return "this kernel has none; use 'epoll'";
    case -EPERM:
    case -EACCES:
        return "it is forbidden here, by sysctl kernel.io_uring_disabled or by a sandbox such as "
               "a container's; allow it or use 'epoll'";
    case -EOPNOTSUPP:
        return "this kernel's is too old, Linux 5.19 or later is needed; use 'epoll'";
    case -ENOMEM:
        return "no memory may be had for it; raise ulimit -l or use 'epoll'";
    default:
        return strerror(-err);
    }
}

static int open_with(LoopObject *loop, const struct cp_poller *poller) {
    loop->core.poller = poller;
    return cp_loop_open(&loop->core);
}

static int open_auto(LoopObject *loop) {
    int err = 0;
    for (int i = 0; i < CHOICES; i++) {
        if ((err = open_with(loop, AUTO[i])) == 0)
            return 0;
        loop->backend_note = reason(err);
    }
    return err;
}

int loop_open(LoopObject *loop, const char *backend) {
    PyObject *text;
    int err;
    if (!(backend = choose(backend)))
        return -1;
    err = strcmp(backend, "auto") ? open_with(loop, poller_named(backend)) : open_auto(loop);
    if (err == 0)
        return 0;
    text = loop->core.poller == &cp_poller_uring
               ? PyUnicode_FromFormat("backend io_uring: %s", reason(err))
               : PyUnicode_FromFormat("backend %s: %s", loop->core.poller->name, strerror(-err));
    if (text)
        PyErr_SetObject(PyExc_OSError, Py_BuildValue("iN", -err, text));
    return -1;
}

PyObject *loop_get_backend(PyObject *self, void *Py_UNUSED(closure)) {
    return PyUnicode_FromString(((LoopObject *)self)->core.poller->name);
}

PyObject *loop_get_backend_note(PyObject *self, void *Py_UNUSED(closure)) {
    const char *note = ((LoopObject *)self)->backend_note;
    return note ? PyUnicode_FromFormat("io_uring: %s", note) : Py_NewRef(Py_None);
}

int loop_check_backend(LoopObject *loop, const char *backend) {
    if (!(backend = choose(backend)))
        return -1;
    if (!strcmp(backend, "auto") || !strcmp(backend, loop->core.poller->name))
        return 0;
    PyErr_Format(PyExc_RuntimeError,
                 "backend='%s': this thread's loop was made before run(), by a promise or a timer, "
                 "and is on %s; make them in the function that run() calls, or set "
                 "CPROMISE_BACKEND",
                 backend, loop->core.poller->name);
    return -1;
}
