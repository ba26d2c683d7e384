/* py_settler.c - resolve and reject as callables: for executors, with_resolvers and thenables. Of a
 * pair only the first call counts, from whichever thread it comes. */
#include "binding.h"

/* The `resolve` of a pair holds the promise, and `reject` holds its twin, so that one exchange
 * claims both. A pair that was called holds nothing any more: no reference leads from the promise's
 * reason by a traceback and the frame of its executor back to the promise. */
typedef struct SettlerObject {
    PyObject_HEAD
    vectorcallfunc call;
    struct SettlerObject *twin; /* the `resolve` of this `reject`; NULL: this is the `resolve` */
    PromiseObject *promise;     /* NULL once the pair was called */
    PromiseObject *target;      /* as a message to the loop: the promise and its outcome */
    PyObject *value;
    struct cp_job job;
} SettlerObject;

#define SETTLER_OF(job_ptr) cp_container_of(job_ptr, SettlerObject, job)

/* The promise, to the first call of the pair from whichever thread; NULL to every other. */
static PromiseObject *claim(SettlerObject *self) {
    PromiseObject **place = self->twin ? &self->twin->promise : &self->promise;
#ifdef Py_GIL_DISABLED
    return __atomic_exchange_n(place, NULL, __ATOMIC_ACQ_REL);
#else
    PromiseObject *p = *place;
    *place = NULL;
    return p;
#endif
}

/* Steals p and value. */
static int settle_here(SettlerObject *self, PromiseObject *p, PyObject *value) {
    int err = 0;
    if (self->twin)
        promise_reject(p, value);
    else
        err = promise_resolve(p, value);
    Py_DECREF(p);
    return err;
}

/* The settlement goes home through the loop's inbox, and the settler is its message. A closed loop
 * has rejected its promises already. Steals p and value. */
static void post(SettlerObject *self, PromiseObject *p, PyObject *value) {
    self->target = p;
    self->value = value;
    self->job = (struct cp_job){.kind = KIND_SETTLER};
    Py_INCREF(self);
    if (!loop_post(PROMISE_LOOP(p), &self->job))
        settler_drop(&self->job);
}

int run_settler(struct cp_job *job) {
    SettlerObject *self = SETTLER_OF(job);
    PromiseObject *p = self->target;
    PyObject *value = self->value;
    int err;
    self->target = NULL;
    self->value = NULL;
    err = settle_here(self, p, value);
    Py_DECREF(self);
    return err;
}

PyObject *settler_object(struct cp_job *job) {
    return (PyObject *)SETTLER_OF(job);
}

void settler_drop(struct cp_job *job) {
    SettlerObject *self = SETTLER_OF(job);
    Py_CLEAR(self->target);
    Py_CLEAR(self->value);
    Py_DECREF(self);
}

static PyObject *settler_call(PyObject *callable, PyObject *const *args, size_t nargsf,
                              PyObject *kwnames) {
    SettlerObject *self = (SettlerObject *)callable;
    PyObject *value = PyVectorcall_NARGS(nargsf) ? args[0] : Py_None;
    PromiseObject *p;
    if (PyVectorcall_NARGS(nargsf) > 1 || (kwnames && PyTuple_GET_SIZE(kwnames)))
        return PyErr_Format(PyExc_TypeError, "%s() takes one optional positional argument",
                            self->twin ? "reject" : "resolve");
    if (!(p = claim(self)))
        Py_RETURN_NONE;
    if (!loop_is_here(PROMISE_LOOP(p)))
        post(self, p, Py_NewRef(value));
    else if (settle_here(self, p, Py_NewRef(value)) < 0)
        return NULL;
    Py_RETURN_NONE;
}

static SettlerObject *settler_new(LoopObject *loop, SettlerObject *twin, PromiseObject *p) {
    SettlerObject *self = PyObject_GC_New(SettlerObject, loop->state->Settler);
    if (!self)
        return NULL;
    self->call = settler_call;
    self->twin = (SettlerObject *)Py_XNewRef(twin);
    self->promise = (PromiseObject *)Py_XNewRef(p);
    self->target = NULL;
    self->value = NULL;
    PyObject_GC_Track(self);
    return self;
}

int settlers_new(PromiseObject *p, PyObject *pair[2]) {
    LoopObject *loop = PROMISE_LOOP(p);
    SettlerObject *resolve = settler_new(loop, NULL, p);
    SettlerObject *reject = resolve ? settler_new(loop, resolve, NULL) : NULL;
    pair[0] = (PyObject *)resolve;
    pair[1] = (PyObject *)reject;
    if (reject)
        return 0;
    Py_CLEAR(pair[0]);
    return -1;
}

/* What was raised is the promise's reason, unless it was given its outcome before. */
static int reject_raised(PyObject *settler) {
    PromiseObject *p;
    int err = 0;
    if (raised_is_fatal())
        return -1;
    if ((p = claim((SettlerObject *)settler))) {
        err = promise_reject_raised(p);
        Py_DECREF(p);
    } else {
        PyErr_Clear(); /* ECMAScript: what is thrown after the settlement is nobody's */
    }
    return err;
}

int settlers_hand(PromiseObject *p, PyObject *callable) {
    PyObject *pair[2], *result;
    int err;
    if (settlers_new(p, pair) < 0)
        return -1;
    result = PyObject_Vectorcall(callable, pair, 2, NULL);
    err = result ? 0 : reject_raised(pair[1]);
    Py_XDECREF(result);
    Py_DECREF(pair[0]);
    Py_DECREF(pair[1]);
    return err;
}

/* The call of a thenable's `then`. */
int run_thenable(PromiseObject *p) {
    PyObject *then, *unused, *context = p->context;
    int err;
    promise_take_job(p, &then, &unused);
    p->context = NULL;
    promise_make_root(p); /* whoever has the pair settles it */
    err = context_use(PROMISE_LOOP(p), context);
    Py_DECREF(context);
    if (err == 0)
        err = settlers_hand(p, then);
    Py_DECREF(then);
    Py_DECREF(p);
    return err;
}

static int settler_traverse(SettlerObject *self, visitproc visit, void *arg) {
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(self->twin);
    Py_VISIT(self->promise);
    Py_VISIT(self->target);
    Py_VISIT(self->value);
    return 0;
}

static void settler_dealloc(SettlerObject *self) {
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    Py_XDECREF(self->promise); /* no tp_clear: the promise breaks the cycles */
    Py_XDECREF(self->twin);
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
