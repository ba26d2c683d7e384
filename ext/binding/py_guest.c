/* py_guest.c - a loop as the guest of an asyncio loop: asyncio waits, and gives this loop a turn
 * when there is something to do. Which asyncio calls that takes is policy, in ext/cpromise/aio.py;
 * here is only what it is made of. */
#include "binding.h"
#include <errno.h>

/* asyncio gives no more turns, and stays where the callbacks of its tasks go until all is closed. */
void guest_detach(LoopObject *loop) {
    PyObject *done = loop->guest ? PyObject_CallMethod(loop->guest, "detach", NULL) : NULL;
    if (loop->guest && !done)
        loop_report(loop, loop->guest);
    Py_XDECREF(done);
    Py_CLEAR(loop->guest);
}

const char loop_guest_begin_doc[] =
    "_guest_begin($self, host, guest, /) -> int\n--\n\n"
    "From now on `host`, an asyncio loop, runs this loop: it calls _guest_turn() when the "
    "returned\n"
    "descriptor is readable, which queued work makes it, too. guest.detach() is called when this\n"
    "loop closes.";
PyObject *loop_guest_begin(LoopObject *self, PyObject *args) {
    PyObject *host, *guest;
    int fd;
    if (!PyArg_ParseTuple(args, "OO:_guest_begin", &host, &guest) || loop_check(self, "attach") < 0)
        return NULL;
    if (self->running) {
        PyErr_SetString(PyExc_RuntimeError, "a running loop cannot be attached to another one");
        return NULL;
    }
    if ((fd = cp_loop_fileno(&self->core)) < 0) {
        errno = -fd;
        return PyErr_SetFromErrno(PyExc_OSError);
    }
    Py_XSETREF(self->guest_of, Py_NewRef(host));
    Py_XSETREF(self->guest, Py_NewRef(guest));
    cp_loop_idle(&self->core);
    self->core.notify = true;
    return PyLong_FromLong(fd);
}

const char loop_guest_turn_doc[] =
    "_guest_turn($self, /) -> float | None\n--\n\n"
    "One turn that does not wait; in how many seconds the next one is due: 0 when there is work,\n"
    "None when only a message or a descriptor can bring some.";
PyObject *loop_guest_turn(LoopObject *self, PyObject *Py_UNUSED(args)) {
    struct contexts saved;
    cp_ns wait;
    int err;
    if (loop_check(self, "run") < 0)
        return NULL;
    self->core.notify = false;
    loop_begin_jobs(self, &saved);
    err = cp_loop_step(&self->core, 0);
    loop_end_jobs(self, &saved);
    if (!self->open)
        Py_RETURN_NONE;
    wait = cp_loop_idle(&self->core);
    self->core.notify = wait != 0;
    if (err < 0)
        return NULL;
    return wait == CP_FOREVER ? Py_NewRef(Py_None) : PyFloat_FromDouble((double)wait / 1e9);
}
