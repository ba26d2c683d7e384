/* py_timer.c - what a loop calls later: Callback (queue_microtask, call_soon), Timer (call_later,
 * call_at) and sleep. */
#include "binding.h"
#include <stddef.h>

/* ---- Callback: a function and its arguments as a job. Never seen from Python, gone once it has
 * run. ------------------ */

typedef struct {
    PyObject_VAR_HEAD
    struct cp_job job;
    PyObject *fn;
    PyObject *args[];
} CallbackObject;

#define CALLBACK_OF(job_ptr) cp_container_of(job_ptr, CallbackObject, job)

struct cp_job *callback_new(module_state *state, PyObject *fn, PyObject *const *args,
                            Py_ssize_t nargs) {
    CallbackObject *self = PyObject_NewVar(CallbackObject, state->Callback, nargs);
    if (!self)
        return NULL;
    self->job = (struct cp_job){.kind = KIND_CALLBACK};
    self->fn = Py_NewRef(fn);
    for (Py_ssize_t i = 0; i < nargs; i++)
        self->args[i] = Py_NewRef(args[i]);
    return &self->job;
}

static void callback_dealloc(CallbackObject *self) {
    PyTypeObject *type = Py_TYPE(self);
    Py_DECREF(self->fn);
    for (Py_ssize_t i = 0; i < Py_SIZE(self); i++)
        Py_DECREF(self->args[i]);
    PyObject_Free(self);
    Py_DECREF(type);
}

void callback_drop(struct cp_job *job) {
    Py_DECREF(CALLBACK_OF(job));
}

/* What a callback raised has no promise to go to: it is an unhandled rejection without one. */
static int callback_failed(LoopObject *loop) {
    if (!PyErr_ExceptionMatches(PyExc_Exception))
        return -1;
    return loop_unhandled(loop, NULL, take_raised());
}

static int finish_callback(LoopObject *loop, PyObject *result) {
    if (!result)
        return callback_failed(loop);
    Py_DECREF(result);
    return 0;
}

int run_callback(LoopObject *loop, struct cp_job *job) {
    CallbackObject *self = CALLBACK_OF(job);
    int err = finish_callback(
        loop, PyObject_Vectorcall(self->fn, self->args, (size_t)Py_SIZE(self), NULL));
    Py_DECREF(self);
    return err;
}

static PyType_Slot callback_slots[] = {{Py_tp_dealloc, callback_dealloc}, {0, NULL}};

PyType_Spec callback_spec = {
    .name = "cpromise.Callback",
    .basicsize = offsetof(CallbackObject, args),
    .itemsize = sizeof(PyObject *),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .slots = callback_slots,
};

/* ---- Timer
 * --------------------------------------------------------------------------------------------------------
 */

typedef struct {
    PyObject_HEAD
    struct cp_timer core;
    LoopObject *loop;
    PyObject *what;  /* the function to call, or the promise to fulfil (sleep) */
    PyObject *value; /* a tuple of arguments, or the value */
} TimerObject;

#define TIMER_OF(core_ptr) cp_container_of(core_ptr, TimerObject, core)

/* Steals `value`. The reference that is returned is the caller's; the heap has one of its own. */
static TimerObject *timer_start(LoopObject *loop, cp_ns when, PyObject *what, PyObject *value) {
    TimerObject *self = value ? PyObject_GC_New(TimerObject, loop->state->Timer) : NULL;
    if (!self) {
        Py_XDECREF(value);
        return NULL;
    }
    self->core = (struct cp_timer){0};
    self->loop = (LoopObject *)Py_NewRef(loop);
    self->what = Py_NewRef(what);
    self->value = value;
    PyObject_GC_Track(self);
    if (cp_timer_start(&loop->core, &self->core, when) < 0) {
        Py_DECREF(self);
        return (TimerObject *)PyErr_NoMemory();
    }
    return (TimerObject *)Py_NewRef(self);
}

PyObject *timer_start_call(LoopObject *loop, cp_ns when, PyObject *fn, PyObject *const *args,
                           Py_ssize_t nargs) {
    PyObject *tuple = PyTuple_New(nargs);
    for (Py_ssize_t i = 0; tuple && i < nargs; i++)
        PyTuple_SET_ITEM(tuple, i, Py_NewRef(args[i]));
    return (PyObject *)timer_start(loop, when, fn, tuple);
}

int timer_fire(struct cp_loop *core, struct cp_timer *timer) {
    TimerObject *self = TIMER_OF(timer);
    LoopObject *loop = LOOP_OF(core);
    int err = 0;
    if (Py_IS_TYPE(self->what, loop->state->Promise))
        promise_fulfil((PromiseObject *)self->what, Py_NewRef(self->value));
    else
        err = finish_callback(loop, PyObject_Call(self->what, self->value, NULL));
    Py_DECREF(self);
    return err;
}

void timer_drop(struct cp_timer *timer) {
    TimerObject *self = TIMER_OF(timer);
    if (Py_IS_TYPE(self->what, self->loop->state->Promise)) {
        PyErr_SetString(self->loop->state->LoopClosedError, "the loop was closed during a sleep()");
        promise_reject((PromiseObject *)self->what, take_raised());
    }
    Py_DECREF(self);
}

PyObject *sleep_for(LoopObject *loop, cp_ns when, PyObject *value) {
    PromiseObject *p = promise_new(loop);
    TimerObject *timer = p ? timer_start(loop, when, (PyObject *)p, Py_NewRef(value)) : NULL;
    if (!timer)
        Py_CLEAR(p);
    Py_XDECREF(timer);
    return (PyObject *)p;
}

PyDoc_STRVAR(
    cancel_doc,
    "cancel($self, /) -> bool\n--\n\nWhether the call was still to come; it will not come now.");
static PyObject *timer_cancel(TimerObject *self, PyObject *Py_UNUSED(args)) {
    bool stopped;
    if (self->loop->open && loop_check(self->loop, "cancel a timer of") < 0)
        return NULL;
    stopped = cp_timer_stop(&self->loop->core, &self->core);
    if (stopped)
        Py_DECREF(self);
    return PyBool_FromLong(stopped);
}

static PyObject *timer_get_when(TimerObject *self, void *Py_UNUSED(closure)) {
    return PyFloat_FromDouble((double)self->core.when / 1e9);
}

static int timer_traverse(TimerObject *self, visitproc visit, void *arg) {
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(self->loop);
    Py_VISIT(self->what);
    Py_VISIT(self->value);
    return 0;
}

static void timer_dealloc(TimerObject *self) {
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    Py_DECREF(self->loop);
    Py_DECREF(self->what);
    Py_DECREF(self->value);
    PyObject_GC_Del(self);
    Py_DECREF(type);
}

static PyMethodDef timer_methods[] = {
    {"cancel", (PyCFunction)timer_cancel, METH_NOARGS, cancel_doc},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef timer_getset[] = {
    {"when", (getter)timer_get_when, NULL, "the deadline, in seconds of Loop.time()", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot timer_slots[] = {
    {Py_tp_dealloc, timer_dealloc},
    {Py_tp_traverse, timer_traverse},
    {Py_tp_methods, timer_methods},
    {Py_tp_getset, timer_getset},
    {0, NULL},
};

PyType_Spec timer_spec = {
    .name = "cpromise.Timer",
    .basicsize = sizeof(TimerObject),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_IMMUTABLETYPE |
             Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .slots = timer_slots,
};
