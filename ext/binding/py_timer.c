/* py_timer.c - what a loop calls later: Callback (queue_microtask, call_soon), Timer (call_later,
 * call_at) and sleep. */
#include "binding.h"
#include <stddef.h>

/* ---- Callback: a function and its arguments as a job. Never seen from Python, gone once it has
 * run. ------------------ */

typedef struct {
    PyObject_VAR_HEAD
    struct cp_job job;
    PyObject *fn, *context;
    PyObject *args[];
} CallbackObject;

#define CALLBACK_OF(job_ptr) cp_container_of(job_ptr, CallbackObject, job)

struct cp_job *callback_new(LoopObject *loop, PyObject *fn, PyObject *const *args,
                            Py_ssize_t nargs) {
    PyObject *context = loop_is_here(loop) ? context_capture(loop) : PyContext_CopyCurrent();
    CallbackObject *self =
        context ? PyObject_NewVar(CallbackObject, loop->state->Callback, nargs) : NULL;
    if (!self) {
        Py_XDECREF(context);
        return NULL;
    }
    self->job = (struct cp_job){.kind = KIND_CALLBACK};
    self->fn = Py_NewRef(fn);
    self->context = context;
    for (Py_ssize_t i = 0; i < nargs; i++)
        self->args[i] = Py_NewRef(args[i]);
    return &self->job;
}

static void callback_dealloc(CallbackObject *self) {
    PyTypeObject *type = Py_TYPE(self);
    Py_DECREF(self->fn);
    Py_DECREF(self->context);
    for (Py_ssize_t i = 0; i < Py_SIZE(self); i++)
        Py_DECREF(self->args[i]);
    PyObject_Free(self);
    Py_DECREF(type);
}

void callback_drop(struct cp_job *job) {
    Py_DECREF(CALLBACK_OF(job));
}

/* No object of the collector's: what it holds is its queue's. */
int callback_visit(struct cp_job *job, visitproc visit, void *arg) {
    CallbackObject *self = CALLBACK_OF(job);
    Py_VISIT(self->fn);
    Py_VISIT(self->context);
    for (Py_ssize_t i = 0; i < Py_SIZE(self); i++)
        Py_VISIT(self->args[i]);
    return 0;
}

PyObject *callback_function(struct cp_job *job) {
    return CALLBACK_OF(job)->fn;
}

/* What a callback raised has no promise to go to: it is an unhandled rejection without one. */
static int callback_failed(LoopObject *loop) {
    if (raised_is_fatal())
        return -1;
    return loop_unhandled(loop, NULL, take_raised());
}

static int finish_callback(LoopObject *loop, PyObject *result) {
    if (!result)
        return callback_failed(loop);
    Py_DECREF(result);
    return 0;
}

int callback_next_turn(LoopObject *loop, PyObject *self, const char *method) {
    PyObject *bound = PyObject_GetAttrString(self, method);
    struct cp_job *job = bound ? callback_new(loop, bound, NULL, 0) : NULL;
    if (job)
        cp_enqueue_macro(&loop->core, job);
    Py_XDECREF(bound);
    return job ? 0 : -1;
}

int run_callback(LoopObject *loop, struct cp_job *job) {
    CallbackObject *self = CALLBACK_OF(job);
    int err = context_use(loop, self->context);
    if (err == 0)
        err = finish_callback(
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

/* ---- Timer */

typedef struct {
    PyObject_HEAD
    struct cp_timer core;
    LoopObject *loop;
    PyObject *what;    /* the function to call, or the promise to settle */
    PyObject *value;   /* a tuple of arguments; or the value, NULL for a TimeoutError */
    PyObject *context; /* captured for the call; NULL for a promise */
} TimerObject;

#define TIMER_OF(core_ptr) cp_container_of(core_ptr, TimerObject, core)

/* Steals `value` and `context`. The reference that is returned is the caller's; the heap has one of
 * its own. */
static TimerObject *timer_start(LoopObject *loop, cp_ns when, PyObject *what, PyObject *value,
                                PyObject *context) {
    TimerObject *self = PyObject_GC_New(TimerObject, loop->state->Timer);
    if (!self) {
        Py_XDECREF(value);
        Py_XDECREF(context);
        return NULL;
    }
    self->core = (struct cp_timer){0};
    self->loop = (LoopObject *)Py_NewRef(loop);
    self->what = Py_NewRef(what);
    self->value = value;
    self->context = context;
    PyObject_GC_Track(self);
    if (cp_timer_start(&loop->core, &self->core, when) < 0) {
        Py_DECREF(self);
        return (TimerObject *)PyErr_NoMemory();
    }
    return (TimerObject *)Py_NewRef(self);
}

PyObject *timer_start_call(LoopObject *loop, cp_ns when, PyObject *fn, PyObject *const *args,
                           Py_ssize_t nargs) {
    PyObject *tuple = PyTuple_New(nargs), *context = tuple ? context_capture(loop) : NULL;
    if (!context) {
        Py_XDECREF(tuple);
        return NULL;
    }
    for (Py_ssize_t i = 0; i < nargs; i++)
        PyTuple_SET_ITEM(tuple, i, Py_NewRef(args[i]));
    return (PyObject *)timer_start(loop, when, fn, tuple, context);
}

/* ---- Timers of promises: p.ok and self->what point at each other until one of them is done. */

int timer_for_promise(PromiseObject *p, cp_ns when, PyObject *value) {
    TimerObject *timer = timer_start(PROMISE_LOOP(p), when, (PyObject *)p, Py_XNewRef(value), NULL);
    if (!timer)
        return -1;
    p->core.self.job.kind = KIND_TIMED;
    p->core.self.ok = timer;
    return 0;
}

void timer_forget(PyObject *object) {
    TimerObject *timer = (TimerObject *)object;
    if (cp_timer_stop(&timer->loop->core, &timer->core))
        Py_DECREF(timer);
    Py_DECREF(timer);
}

static void promise_is_due(PromiseObject *p, PyObject *value) {
    if (value) {
        Py_CLEAR(p->core.self.ok);
        promise_fulfil(p, Py_NewRef(value));
    } else if (p->core.self.job.phase != CP_QUEUED) {
        Py_CLEAR(p->core.self.ok);
        p->core.self.job.kind = CP_PASS;
        PyErr_SetString(PyExc_TimeoutError, "timeout() expired before the promise settled");
        promise_expire(p, take_raised());
    }
}

static int call_due(LoopObject *loop, TimerObject *self) {
    if (context_use(loop, self->context) < 0)
        return -1;
    return finish_callback(loop, PyObject_Call(self->what, self->value, NULL));
}

PyObject *timer_object(struct cp_timer *timer) {
    return (PyObject *)TIMER_OF(timer);
}

PyObject *timer_function(struct cp_timer *timer) {
    TimerObject *self = TIMER_OF(timer);
    return self->context ? self->what : Py_None;
}

int timer_fire(struct cp_loop *core, struct cp_timer *timer) {
    TimerObject *self = TIMER_OF(timer);
    LoopObject *loop = LOOP_OF(core);
    int err = 0;
    if (self->context)
        err = call_due(loop, self);
    else
        promise_is_due((PromiseObject *)self->what, self->value);
    Py_DECREF(self);
    return err;
}

void timer_drop(struct cp_timer *timer) {
    TimerObject *self = TIMER_OF(timer);
    PromiseObject *p = (PromiseObject *)self->what;
    if (!self->context && cp_promise_state(&p->core) == CP_PENDING &&
        p->core.self.job.phase == CP_IDLE) {
        Py_CLEAR(p->core.self.ok);
        PyErr_SetString(self->loop->state->LoopClosedError, "the loop was closed during a sleep()");
        promise_reject(p, take_raised());
    }
    Py_DECREF(self);
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
    Py_VISIT(self->context);
    return 0;
}

static void timer_dealloc(TimerObject *self) {
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    Py_DECREF(self->loop);
    Py_DECREF(self->what);
    Py_XDECREF(self->value);
    Py_XDECREF(self->context);
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
    {Py_tp_doc, (void *)"A call that is to come, made by Loop.call_later() and Loop.call_at()."},
    {0, NULL},
};

PyType_Spec timer_spec = {
    .name = "cpromise.Timer",
    .basicsize = sizeof(TimerObject),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_IMMUTABLETYPE |
             Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .slots = timer_slots,
};
