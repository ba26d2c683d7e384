/* py_settler.c - resolve and reject as callables: for executors, with_resolvers and thenables. Of a
 * pair only the first call counts, from whichever thread it comes. */
#include "binding.h"

typedef struct {
    PyObject_HEAD
    vectorcallfunc call;
    PromiseObject *promise;
    PyObject *value;   /* while the job is under way */
    struct cp_job job; /* from a foreign thread to the loop's */
    uint32_t epoch;
    bool reject;
} SettlerObject;

#define SETTLER_OF(job_ptr) cp_container_of(job_ptr, SettlerObject, job)

/* A pair is valid while its epoch is that of the promise, and its first call moves that on: this is
 * that call's claim. */
static bool claim(SettlerObject *self) {
    uint32_t *epoch = &self->promise->core.self.job.word;
#ifdef Py_GIL_DISABLED
    uint32_t expected = self->epoch;
    return __atomic_compare_exchange_n(epoch, &expected, self->epoch + 1, false, __ATOMIC_ACQ_REL,
                                       __ATOMIC_RELAXED);
#else
    if (*epoch != self->epoch)
        return false;
    ++*epoch;
    return true;
#endif
}

/* Steals value. */
static int settle_here(SettlerObject *self, PyObject *value) {
    if (!self->reject)
        return promise_resolve(self->promise, value);
    promise_reject(self->promise, value);
    return 0;
}

/* The settlement goes home through the loop's inbox, and the settler is its message. A closed loop
 * has rejected its promises already. */
static void post(SettlerObject *self, PyObject *value) {
    self->value = Py_NewRef(value);
    self->job = (struct cp_job){.kind = KIND_SETTLER};
    Py_INCREF(self);
    if (!loop_post(PROMISE_LOOP(self->promise), &self->job))
        settler_drop(&self->job);
}

int run_settler(struct cp_job *job) {
    SettlerObject *self = SETTLER_OF(job);
    PyObject *value = self->value;
    int err;
    self->value = NULL;
    err = settle_here(self, value);
    Py_DECREF(self);
    return err;
}

PyObject *settler_object(struct cp_job *job) {
    return (PyObject *)SETTLER_OF(job);
}

void settler_drop(struct cp_job *job) {
    SettlerObject *self = SETTLER_OF(job);
    Py_CLEAR(self->value);
    Py_DECREF(self);
}

static PyObject *settler_call(PyObject *callable, PyObject *const *args, size_t nargsf,
                              PyObject *kwnames) {
    SettlerObject *self = (SettlerObject *)callable;
    PyObject *value = PyVectorcall_NARGS(nargsf) ? args[0] : Py_None;
    if (PyVectorcall_NARGS(nargsf) > 1 || (kwnames && PyTuple_GET_SIZE(kwnames)))
        return PyErr_Format(PyExc_TypeError, "%s() takes one optional positional argument",
                            self->reject ? "reject" : "resolve");
    if (!claim(self))
        Py_RETURN_NONE;
    if (!loop_is_here(PROMISE_LOOP(self->promise)))
        post(self, value);
    else if (settle_here(self, Py_NewRef(value)) < 0)
        return NULL;
    Py_RETURN_NONE;
}

PyObject *settler_new(PromiseObject *p, bool reject) {
    SettlerObject *self = PyObject_GC_New(SettlerObject, PROMISE_LOOP(p)->state->Settler);
    if (!self)
        return NULL;
    self->call = settler_call;
    self->promise = (PromiseObject *)Py_NewRef(p);
    self->value = NULL;
    self->epoch = p->core.self.job.word;
    self->reject = reject;
    PyObject_GC_Track(self);
    return (PyObject *)self;
}

int settler_reject_raised(PyObject *settler) {
    SettlerObject *self = (SettlerObject *)settler;
    if (raised_is_fatal())
        return -1;
    if (claim(self))
        return promise_reject_raised(self->promise);
    PyErr_Clear(); /* ECMAScript: what is thrown after the settlement is nobody's */
    return 0;
}

/* ---- The call of a thenable's `then`, with a pair of its own: the claim of the resolution that
 * found the thenable, if it came by a pair, has made a new epoch. */

static int call_then(PromiseObject *p, PyObject *then) {
    PyObject *args[2] = {settler_new(p, false), settler_new(p, true)}, *result = NULL;
    int err = -1;
    if (args[0] && args[1]) {
        result = PyObject_Vectorcall(then, args, 2, NULL);
        err = result ? 0 : settler_reject_raised(args[1]);
    }
    Py_XDECREF(result);
    Py_XDECREF(args[0]);
    Py_XDECREF(args[1]);
    return err;
}

int run_thenable(PromiseObject *p) {
    PyObject *then, *unused, *context = p->context;
    int err;
    promise_take_job(p, &then, &unused);
    p->context = NULL;
    promise_make_root(p); /* whoever has the pair settles it */
    err = context_use(PROMISE_LOOP(p), context);
    Py_DECREF(context);
    if (err == 0)
        err = call_then(p, then);
    Py_DECREF(then);
    Py_DECREF(p);
    return err;
}

static int settler_traverse(SettlerObject *self, visitproc visit, void *arg) {
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(self->promise);
    Py_VISIT(self->value);
    return 0;
}

static void settler_dealloc(SettlerObject *self) {
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    Py_DECREF(self->promise); /* never cleared before: the promise breaks the cycles */
    Py_XDECREF(self->value);
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
