/* py_handlers.c - what happens when the turn of a reaction comes. Every run_* function steals the
 * reference that the queue held to its promise. */
#include "binding.h"

/* ---- Typed catch */

typedef struct {
    PyObject_HEAD
    PyObject *types, *handler;
} TypedCatchObject;

static bool is_exception_type(PyObject *type) {
    if (!PyTuple_Check(type))
        return PyExceptionClass_Check(type);
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(type); i++)
        if (!PyExceptionClass_Check(PyTuple_GET_ITEM(type, i)))
            return false;
    return true;
}

PyObject *typed_catch_new(module_state *state, PyObject *types, PyObject *handler) {
    TypedCatchObject *self;
    if (!is_exception_type(types))
        return PyErr_Format(PyExc_TypeError,
                            "catch(exc_type, handler): exc_type must be an exception class or a "
                            "tuple of them, not %R",
                            types);
    if (!PyCallable_Check(handler))
        return PyErr_Format(PyExc_TypeError,
                            "catch(exc_type, handler): handler must be callable, not %.200s",
                            Py_TYPE(handler)->tp_name);
    if (!(self = PyObject_GC_New(TypedCatchObject, state->TypedCatch)))
        return NULL;
    self->types = Py_NewRef(types);
    self->handler = Py_NewRef(handler);
    PyObject_GC_Track(self);
    return (PyObject *)self;
}

static int typed_catch_traverse(TypedCatchObject *self, visitproc visit, void *arg) {
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(self->types);
    Py_VISIT(self->handler);
    return 0;
}

static void typed_catch_dealloc(TypedCatchObject *self) {
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    Py_DECREF(self->types);
    Py_DECREF(self->handler);
    PyObject_GC_Del(self);
    Py_DECREF(type);
}

static PyType_Slot typed_catch_slots[] = {
    {Py_tp_dealloc, typed_catch_dealloc},
    {Py_tp_traverse, typed_catch_traverse},
    {0, NULL},
};

PyType_Spec typed_catch_spec = {
    .name = "cpromise.TypedCatch",
    .basicsize = sizeof(TypedCatchObject),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_IMMUTABLETYPE |
             Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .slots = typed_catch_slots,
};

/* ---- The jobs */

static bool came_rejected(const PromiseObject *p) {
    return p->core.self.job.flags & CP_ARG_REJECTED;
}

static void settle_as(PromiseObject *p, bool rejected, PyObject *value) {
    if (rejected)
        promise_reject(p, value);
    else
        promise_fulfil(p, value);
}

/* Resolves p with the result of a call, or rejects it with what the call raised. */
static int finish_call(PromiseObject *p, PyObject *result) {
    if (!result)
        return promise_reject_raised(p);
    return promise_resolve(p, result);
}

/* Makes p's context current; p lets go of it. */
static int use_context(PromiseObject *p) {
    PyObject *context = p->context;
    int err;
    p->context = NULL;
    err = context_use(PROMISE_LOOP(p), context);
    Py_DECREF(context);
    return err;
}

int run_pass(PromiseObject *p) {
    PyObject *unused, *value;
    promise_take_job(p, &unused, &value);
    settle_as(p, came_rejected(p), value);
    Py_DECREF(p);
    return 0;
}

/* Which function p's handler calls for its outcome; borrowed, NULL: none, it passes through. */
static PyObject *fitting(PromiseObject *p, PyObject *handler, PyObject *value) {
    bool rejected = came_rejected(p);
    if (p->core.self.job.kind == KIND_BOTH)
        return PyTuple_GET_ITEM(handler, rejected);
    if (rejected != (p->core.self.job.kind == KIND_CATCH))
        return NULL;
    if (rejected && Py_IS_TYPE(handler, PROMISE_LOOP(p)->state->TypedCatch)) {
        TypedCatchObject *typed = (TypedCatchObject *)handler;
        return PyErr_GivenExceptionMatches(value, typed->types) ? typed->handler : NULL;
    }
    return handler;
}

int run_then(PromiseObject *p) {
    PyObject *handler, *value, *fn;
    int err = 0;
    promise_take_job(p, &handler, &value);
    if (!(fn = fitting(p, handler, value))) {
        settle_as(p, came_rejected(p), Py_NewRef(value));
        Py_CLEAR(p->context);
    } else {
        err = use_context(p);
        err = finish_call(p, err < 0 ? NULL : PyObject_CallOneArg(fn, value));
    }
    Py_DECREF(handler);
    Py_DECREF(value);
    Py_DECREF(p);
    return err;
}

/* ECMAScript resolves the promise of finally with promiseOf(fn()).then(() => outcome); `keep` is
 * that inner promise. */
static int wait_and_keep(PromiseObject *p, PyObject *result, bool rejected, PyObject *outcome) {
    PromiseObject *waited = promise_from(PROMISE_LOOP(p), result),
                  *keep = waited ? promise_new(PROMISE_LOOP(p)) : NULL;
    if (!keep) {
        Py_XDECREF(waited);
        return promise_reject_raised(p);
    }
    keep->core.self.job.kind = KIND_KEEP;
    keep->core.self.job.flags |= rejected ? FLAG_KEEP_REJECTED : 0;
    keep->core.self.ok = Py_NewRef(outcome);
    promise_subscribe(waited, keep);
    Py_DECREF(waited);
    return promise_resolve(p, (PyObject *)keep);
}

static int call_and_keep(PromiseObject *p, PyObject *fn, PyObject *outcome) {
    bool tap = p->core.self.job.kind == KIND_TAP, rejected = came_rejected(p);
    PyObject *result;
    int err;
    if (tap && rejected) {
        Py_CLEAR(p->context);
        promise_reject(p, Py_NewRef(outcome));
        return 0;
    }
    err = use_context(p);
    result = err < 0 ? NULL : PyObject_Vectorcall(fn, &outcome, tap ? 1 : 0, NULL);
    if (!result)
        return promise_reject_raised(p);
    err = wait_and_keep(p, result, rejected, outcome);
    Py_DECREF(result);
    return err;
}

int run_finally(PromiseObject *p) {
    PyObject *fn, *outcome;
    int err;
    promise_take_job(p, &fn, &outcome);
    err = call_and_keep(p, fn, outcome);
    Py_DECREF(fn);
    Py_DECREF(outcome);
    Py_DECREF(p);
    return err;
}

int run_keep(PromiseObject *p) {
    PyObject *outcome, *value;
    promise_take_job(p, &outcome, &value);
    if (came_rejected(p)) {
        promise_reject(p, value);
        Py_DECREF(outcome);
    } else {
        settle_as(p, p->core.self.job.flags & FLAG_KEEP_REJECTED, outcome);
        Py_DECREF(value);
    }
    Py_DECREF(p);
    return 0;
}

int run_delay(PromiseObject *p) {
    PyObject *seconds, *value;
    cp_ns when;
    int err = 0;
    promise_take_job(p, &seconds, &value);
    Py_CLEAR(p->context);
    if (came_rejected(p))
        promise_reject(p, Py_NewRef(value));
    else if (deadline_after(seconds, &when) < 0 || timer_for_promise(p, when, value) < 0)
        err = promise_reject_raised(p);
    Py_DECREF(seconds);
    Py_DECREF(value);
    Py_DECREF(p);
    return err;
}

/* timeout(): what it waited for was in time. */
int run_timed(PromiseObject *p) {
    PyObject *timer, *value;
    promise_take_job(p, &timer, &value);
    timer_forget(timer);
    settle_as(p, came_rejected(p), value);
    Py_DECREF(p);
    return 0;
}
