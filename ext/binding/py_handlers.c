/* py_handlers.c - what happens when the turn of a reaction comes, and the small callables that
 * stand between a promise and the code that settles it. Every run_* function steals the reference
 * that the queue held to its promise. */
#include "binding.h"

/* ---- Settlers
 * ----------------------------------------------------------------------------------------------------
 */

typedef struct {
    PyObject_HEAD
    vectorcallfunc call;
    PromiseObject *promise;
    uint32_t epoch;
    bool reject;
} SettlerObject;

/* The first call of a pair wins; this is that call's claim. */
static bool claim(SettlerObject *self) {
    uint32_t *epoch = &self->promise->core.self.job.word;
    if (*epoch != self->epoch)
        return false;
    ++*epoch;
    return true;
}

static int settle_here(SettlerObject *self, PyObject *value) {
    if (!self->reject)
        return promise_resolve(self->promise, Py_NewRef(value));
    promise_reject(self->promise, Py_NewRef(value));
    return 0;
}

static PyObject *post_settlement(SettlerObject *self, PyObject *value) {
    PyObject *claimed = settler_new(self->promise, self->reject);
    int err = claimed ? loop_post_call(PROMISE_LOOP(self->promise), claimed, value) : -1;
    Py_XDECREF(claimed);
    return err < 0 ? NULL : Py_NewRef(Py_None);
}

/* From a foreign thread the settlement goes through the loop's inbox: a settler that holds the
 * claim is posted with the value, and does the rest when it is called again on the loop's thread.
 */
static PyObject *settler_call(PyObject *callable, PyObject *const *args, size_t nargsf,
                              PyObject *kwnames) {
    SettlerObject *self = (SettlerObject *)callable;
    LoopObject *loop = PROMISE_LOOP(self->promise);
    PyObject *value = PyVectorcall_NARGS(nargsf) ? args[0] : Py_None;
    if (PyVectorcall_NARGS(nargsf) > 1 || (kwnames && PyTuple_GET_SIZE(kwnames)))
        return PyErr_Format(PyExc_TypeError, "%s() takes one optional positional argument",
                            self->reject ? "reject" : "resolve");
    if (!claim(self))
        Py_RETURN_NONE;
    if (loop->thread != PyThread_get_thread_ident())
        return post_settlement(self, value);
    return settle_here(self, value) < 0 ? NULL : Py_NewRef(Py_None);
}

PyObject *settler_new(PromiseObject *p, bool reject) {
    SettlerObject *self = PyObject_GC_New(SettlerObject, PROMISE_LOOP(p)->state->Settler);
    if (!self)
        return NULL;
    self->call = settler_call;
    self->promise = (PromiseObject *)Py_NewRef(p);
    self->epoch = p->core.self.job.word;
    self->reject = reject;
    PyObject_GC_Track(self);
    return (PyObject *)self;
}

int settler_reject_raised(PyObject *settler) {
    SettlerObject *self = (SettlerObject *)settler;
    if (claim(self))
        return promise_reject_raised(self->promise);
    if (!PyErr_ExceptionMatches(PyExc_Exception))
        return -1;
    PyErr_Clear(); /* ECMAScript: what is thrown after the settlement is nobody's */
    return 0;
}

static int settler_traverse(SettlerObject *self, visitproc visit, void *arg) {
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(self->promise);
    return 0;
}

static void settler_dealloc(SettlerObject *self) {
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    Py_DECREF(self->promise); /* never cleared before: the promise breaks the cycles */
    PyObject_GC_Del(self);
    Py_DECREF(type);
}

static PyMemberDef settler_members[] = {
    {"__vectorcalloffset__", T_PYSSIZET, offsetof(SettlerObject, call), READONLY, NULL},
    {NULL, 0, 0, 0, NULL},
};

static PyType_Slot settler_slots[] = {
    {Py_tp_dealloc, settler_dealloc},
    {Py_tp_traverse, settler_traverse},
    {Py_tp_call, PyVectorcall_Call},
    {Py_tp_members, settler_members},
    {0, NULL},
};

PyType_Spec settler_spec = {
    .name = "cpromise.Settler",
    .basicsize = sizeof(SettlerObject),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_HAVE_VECTORCALL |
             Py_TPFLAGS_IMMUTABLETYPE | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .slots = settler_slots,
};

/* ---- Typed catch
 * -------------------------------------------------------------------------------------------------
 */

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

/* ---- The jobs
 * ----------------------------------------------------------------------------------------------------
 */

static PyObject *take_slot(void **slot) {
    PyObject *object = *slot;
    *slot = NULL;
    return object;
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

static int call_handler(PromiseObject *p, PyObject *handler, PyObject *value) {
    if (Py_IS_TYPE(handler, PROMISE_LOOP(p)->state->TypedCatch)) {
        TypedCatchObject *typed = (TypedCatchObject *)handler;
        if (!PyErr_GivenExceptionMatches(value, typed->types)) {
            promise_reject(p, Py_NewRef(value));
            return 0;
        }
        handler = typed->handler;
    }
    return finish_call(p, PyObject_CallOneArg(handler, value));
}

int run_then(PromiseObject *p) {
    bool rejected = p->core.self.job.flags & CP_ARG_REJECTED;
    PyObject *handler = take_slot(&p->core.self.ok), *value = take_slot(&p->core.self.arg);
    int err = 0;
    if (handler) {
        err = call_handler(p, handler, value);
        Py_DECREF(handler);
        Py_DECREF(value);
    } else {
        settle_as(p, rejected, value);
    }
    Py_DECREF(p);
    return err;
}

/* ECMAScript resolves the promise of finally with promiseOf(fn()).then(() => outcome); `keep` is
 * that inner promise. */
static int wait_and_keep(PromiseObject *p, PyObject *result, bool rejected, PyObject *outcome) {
    PromiseObject *waited = promise_from(PROMISE_LOOP(p), result),
                  *keep = promise_new(PROMISE_LOOP(p));
    if (!waited || !keep) {
        Py_XDECREF(waited);
        Py_XDECREF(keep);
        return promise_reject_raised(p);
    }
    keep->core.self.job.kind = KIND_KEEP;
    keep->core.self.job.flags |= rejected ? FLAG_KEEP_REJECTED : 0;
    keep->core.self.ok = Py_NewRef(outcome);
    promise_subscribe(waited, keep);
    Py_DECREF(waited);
    return promise_resolve(p, (PyObject *)keep);
}

int run_finally(PromiseObject *p) {
    bool rejected = p->core.self.job.flags & CP_ARG_REJECTED;
    PyObject *fn = take_slot(&p->core.self.ok), *outcome = take_slot(&p->core.self.arg);
    PyObject *result = PyObject_CallNoArgs(fn);
    int err = result ? wait_and_keep(p, result, rejected, outcome) : promise_reject_raised(p);
    Py_XDECREF(result);
    Py_DECREF(fn);
    Py_DECREF(outcome);
    Py_DECREF(p);
    return err;
}

int run_keep(PromiseObject *p) {
    PyObject *outcome = take_slot(&p->core.self.ok), *value = take_slot(&p->core.self.arg);
    if (p->core.self.job.flags & CP_ARG_REJECTED) {
        promise_reject(p, value);
        Py_DECREF(outcome);
    } else {
        settle_as(p, p->core.self.job.flags & FLAG_KEEP_REJECTED, outcome);
        Py_DECREF(value);
    }
    Py_DECREF(p);
    return 0;
}

/* The promise is already claimed by the resolution that found the thenable; a new epoch makes the
 * thenable's own pair. */
int run_thenable(PromiseObject *p) {
    PyObject *then = take_slot(&p->core.self.ok), *args[2], *result = NULL;
    int err = -1;
    p->core.self.job.word++;
    args[0] = settler_new(p, false);
    args[1] = settler_new(p, true);
    if (args[0] && args[1]) {
        result = PyObject_Vectorcall(then, args, 2, NULL);
        err = result ? 0 : settler_reject_raised(args[1]);
    }
    Py_XDECREF(result);
    Py_XDECREF(args[0]);
    Py_XDECREF(args[1]);
    Py_DECREF(then);
    Py_DECREF(p);
    return err;
}
