/* py_backend.c - which poller a loop has: asked for by name, by the environment, or chosen here. */
#include "binding.h"
#include <errno.h>

/* What 'auto' is: see docs/decisions/009-pollers.md. */
static const struct cp_poller *const AUTO = &cp_poller_epoll;

static bool is_auto(const char *name) {
    return !strcmp(name, "auto");
}

/* The poller of that name, NULL with ValueError. */
static const struct cp_poller *poller_named(const char *name, const char *message) {
    const struct cp_poller *const pollers[] = {&cp_poller_epoll, &cp_poller_uring};
    for (int i = 0; i < 2; i++)
        if (!strcmp(name, pollers[i]->name))
            return pollers[i];
    PyErr_Format(PyExc_ValueError, message, name);
    return NULL;
}

/* The same; 'auto' leaves it to the environment. */
static const struct cp_poller *choose(const char *backend) {
    const char *variable = getenv("CPROMISE_BACKEND");
    if (!is_auto(backend))
        return poller_named(backend, "backend='%s': choose 'auto', 'epoll' or 'io_uring'");
    if (!variable || !*variable || is_auto(variable))
        return AUTO;
    return poller_named(variable,
                        "CPROMISE_BACKEND=%s in the environment: choose auto, epoll or io_uring");
}

/* Why io_uring cannot be had, and what to do. */
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

static int raise_refused(const struct cp_poller *poller, int err) {
    const char *why = poller == &cp_poller_uring ? reason(err) : strerror(-err);
    PyObject *text = PyUnicode_FromFormat("backend %s: %s", poller->name, why),
             *args = text ? Py_BuildValue("iN", -err, text) : NULL;
    if (args)
        PyErr_SetObject(PyExc_OSError, args);
    Py_XDECREF(args);
    return -1;
}

/* Who leaves the choice to the environment gets a loop in any case. */
int loop_open(LoopObject *loop, const char *backend) {
    const struct cp_poller *poller = choose(backend);
    int err;
    if (!poller)
        return -1;
    err = open_with(loop, poller);
    if (err < 0 && is_auto(backend) && poller == &cp_poller_uring) {
        loop->backend_note = reason(err);
        err = open_with(loop, &cp_poller_epoll);
    }
    return err < 0 ? raise_refused(loop->core.poller, err) : 0;
}

PyObject *loop_get_backend(PyObject *self, void *Py_UNUSED(closure)) {
    return PyUnicode_FromString(((LoopObject *)self)->core.poller->name);
}

PyObject *loop_get_backend_note(PyObject *self, void *Py_UNUSED(closure)) {
    const char *note = ((LoopObject *)self)->backend_note;
    return note ? PyUnicode_FromFormat("io_uring: %s", note) : Py_NewRef(Py_None);
}

int loop_check_backend(LoopObject *loop, const char *backend) {
    if (is_auto(backend))
        return 0;
    if (!choose(backend))
        return -1;
    if (!strcmp(backend, loop->core.poller->name))
        return 0;
    PyErr_Format(PyExc_RuntimeError,
                 "backend='%s': this thread's loop was made before run(), by a promise or a timer, "
                 "and is on %s; make them in the function that run() calls, or set "
                 "CPROMISE_BACKEND",
                 backend, loop->core.poller->name);
    return -1;
}
