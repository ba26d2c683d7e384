/* py_promise.c - the Promise type: its life, settling and resolution. Its methods are in
 * py_methods.c, py_face.c (await, asyncio) and py_cancel.c; what runs when a reaction's turn comes
 * is in py_handlers.c, py_combine.c and py_task.c.
 *
 * References of a promise, by its phase (the tables in cp.h and binding.h tell the slots):
 *   waiting or queued     one for the list or queue that holds the job, given back to the run_*
 *                         function that takes it
 *   pending               each job in its list of reactions is a reference to that job's object
 *   rejected, unhandled   one for loop->unhandled */
#include "binding.h"

/* ---- Making
 * Dead promises wait on a list of their interpreter to be used again, which also spares the garbage
 * collector: it counts what is allocated. That is for builds with the GIL: without it a promise may
 * die on any thread. */

enum { FREE_MAX = 4096 };

#ifdef Py_GIL_DISABLED
static PromiseObject *take_free(module_state *Py_UNUSED(state)) {
    return NULL;
}
static bool keep_free(module_state *Py_UNUSED(state), PromiseObject *Py_UNUSED(p)) {
    return false;
}
#define COUNT_ALIVE(loop, change)                                                                  \
    __atomic_fetch_add(&(loop)->promises_alive, change, __ATOMIC_RELAXED)
#else
static PromiseObject *take_free(module_state *state) {
    PromiseObject *p = state->free;
    if (p) {
        state->free = (PromiseObject *)p->core.self.job.next;
        state->free_count--;
        _Py_NewReference((PyObject *)p);
        Py_INCREF(Py_TYPE(p));
    }
    return p;
}
static bool keep_free(module_state *state, PromiseObject *p) {
    if (state->free_count >= FREE_MAX)
        return false;
    p->core.self.job.next = (struct cp_job *)state->free;
    state->free = p;
    state->free_count++;
    Py_DECREF(Py_TYPE(p)); /* the list must not keep the module alive */
    return true;
}
#define COUNT_ALIVE(loop, change) ((loop)->promises_alive += (change))
#endif

static void give_back(PromiseObject *p) {
    PyTypeObject *type = Py_TYPE(p);
    PyObject_GC_Del(p);
    Py_DECREF(type);
}

void promise_drop_free(module_state *state) {
    PromiseObject *p;
    state->free_count = FREE_MAX; /* what dies from now on is not kept */
    while ((p = state->free)) {
        state->free = (PromiseObject *)p->core.self.job.next;
        PyObject_GC_Del(p);
    }
}

PromiseObject *promise_new(LoopObject *loop) {
    PromiseObject *p = take_free(loop->state);
    if (!p && !(p = PyObject_GC_New(PromiseObject, loop->state->Promise)))
        return NULL;
    cp_promise_init(&p->core, &loop->core);
    p->context = NULL;
    Py_INCREF(loop);
    COUNT_ALIVE(loop, 1);
    PyObject_GC_Track(p);
    if (loop->debug)
        origin_note(p);
    return p;
}

/* ---- Roots: the pending promises that something outside the loop will settle. They are linked, so
 * that a loop that closes can reject them. */

#ifdef Py_GIL_DISABLED /* a root may die on any thread */
#define LOCK_ROOTS(loop)   PyMutex_Lock(&(loop)->roots_lock)
#define UNLOCK_ROOTS(loop) PyMutex_Unlock(&(loop)->roots_lock)
#else
#define LOCK_ROOTS(loop)
#define UNLOCK_ROOTS(loop)
#endif

void promise_make_root(PromiseObject *p) {
    LoopObject *loop = PROMISE_LOOP(p);
    LOCK_ROOTS(loop);
    p->core.self.job.kind = KIND_ROOT;
    p->core.self.ok = loop->roots;
    p->core.self.arg = &loop->roots;
    if (loop->roots)
        loop->roots->core.self.arg = &p->core.self.ok;
    loop->roots = p;
    UNLOCK_ROOTS(loop);
}

static void unlink_root(PromiseObject *p) {
    PromiseObject *next = p->core.self.ok;
    void **pointer = p->core.self.arg;
    if (!pointer)
        return;
    *pointer = next;
    if (next)
        next->core.self.arg = pointer;
    p->core.self.ok = p->core.self.arg = NULL;
    p->core.self.job.kind = CP_PASS;
}

PyObject *promise_unroot(PromiseObject *p) {
    PyObject *followed = p->context;
    if (p->core.self.job.kind != KIND_ROOT)
        return NULL;
    LOCK_ROOTS(PROMISE_LOOP(p));
    unlink_root(p);
    UNLOCK_ROOTS(PROMISE_LOOP(p));
    p->context = NULL;
    return followed;
}

/* New reference, or NULL. */
static PromiseObject *first_root(LoopObject *loop) {
    PromiseObject *p;
    LOCK_ROOTS(loop);
    while ((p = loop->roots) && Py_REFCNT(p) == 0) /* it dies on another thread just now */
        unlink_root(p);
    Py_XINCREF(p);
    UNLOCK_ROOTS(loop);
    return p;
}

PromiseObject *promise_new_root(LoopObject *loop) {
    PromiseObject *p = promise_new(loop);
    if (p)
        promise_make_root(p);
    return p;
}

/* ---- Settling */

/* Whether p can still be given an outcome here: pending, and not waiting for one already. */
static bool is_open(const PromiseObject *p) {
    return cp_promise_state(&p->core) == CP_PENDING && p->core.self.job.phase == CP_IDLE;
}

/* No code of others runs before p and all references are in order. */
static void settle(PromiseObject *p, enum cp_state state, PyObject *value) {
    PyObject *followed;
    int owed;
    if (!is_open(p)) {
        Py_DECREF(value);
        return;
    }
    followed = promise_unroot(p);
    owed = cp_promise_settle(&p->core, state, value);
    for (; owed > 0; owed--)
        Py_INCREF(value);
    if (owed < 0)
        Py_INCREF(p);
    Py_XDECREF(followed);
}

void promise_fulfil(PromiseObject *p, PyObject *value) {
    settle(p, CP_FULFILLED, value);
}

void promise_reject(PromiseObject *p, PyObject *reason) {
    settle(p, CP_REJECTED, reason);
}

/* CancelledError is a BaseException, and yet a reason like any other; so is whatever a program
 * derives from BaseException. Only what ends programs and generators is nobody's reason. */
bool raised_is_fatal(void) {
    return !PyErr_ExceptionMatches(PyExc_Exception) &&
           (PyErr_ExceptionMatches(PyExc_KeyboardInterrupt) ||
            PyErr_ExceptionMatches(PyExc_SystemExit) ||
            PyErr_ExceptionMatches(PyExc_GeneratorExit));
}

static void reject_closed(PromiseObject *p) {
    PyObject *raised = PyErr_Occurred() ? take_raised() : NULL;
    PyErr_SetString(PROMISE_LOOP(p)->state->LoopClosedError,
                    "the loop was closed while this promise was pending");
    promise_reject(p, take_raised());
    if (raised)
        restore_raised(raised);
}

void promise_reject_roots(LoopObject *loop) {
    PromiseObject *p;
    while ((p = first_root(loop))) {
        reject_closed(p);
        Py_DECREF(p);
    }
}

int promise_reject_raised(PromiseObject *p) {
    if (raised_is_fatal()) { /* p will have no outcome: the loop rejects it when it closes */
        if (is_open(p) && p->core.self.job.kind != KIND_ROOT)
            promise_make_root(p);
        return -1;
    }
    promise_reject(p, take_raised());
    return 0;
}

/* The promise on which they waited dies. What dies with the first of them may run any code, and
 * cancel others of them, which then have a reason in `arg` and go on with that. */
static void drop_reactions(PromiseObject *p) {
    struct cp_job *job = cp_promise_detach(&p->core), *next;
    for (; job; job = next) {
        next = job->next;
        job->phase = CP_IDLE;
        if (!cp_reaction_of(job)->arg) {
            loop_drop_job(job);
        } else {
            job->phase = CP_QUEUED;
            cp_enqueue(p->core.loop, job);
        }
    }
}

/* Promises that wait for each other in a circle no root leads to. */
void promise_settle_if_closed(PromiseObject *p) {
    LoopObject *loop = PROMISE_LOOP(p);
    if (loop->open || cp_promise_state(&p->core) != CP_PENDING || !loop_is_here(loop))
        return;
    if (p->core.self.job.phase == CP_WAITING) {
        cp_promise_unsubscribe(&p->core.self);
        Py_DECREF(p);
    }
    p->core.self.job.flags |= CP_HANDLED;
    drop_reactions(p); /* a closed loop runs nothing any more */
    reject_closed(p);
}

void promise_reject_errno(PromiseObject *p, int err, const char *call, PyObject *on_what) {
    PyObject *text, *exc = NULL;
    text = on_what ? PyUnicode_FromFormat("%s %S: %s", call, on_what, strerror(-err))
                   : PyUnicode_FromFormat("%s: %s", call, strerror(-err));
    if (text) /* OSError picks the subclass for the number: ConnectionResetError, PermissionError
                 ... */
        exc = PyObject_CallFunction(PyExc_OSError, "iN", -err, text);
    if (exc)
        promise_reject(p, exc);
    else
        promise_reject(p, take_raised());
}

void promise_subscribe(PromiseObject *p, PromiseObject *child) {
    Py_INCREF(child);
    promise_subscribe_reaction(p, &child->core.self);
}

void promise_subscribe_reaction(PromiseObject *p, struct cp_reaction *reaction) {
    bool late = p->core.self.job.flags & CP_REPORTED;
    if (cp_promise_subscribe(&p->core, reaction))
        Py_INCREF((PyObject *)p->core.value);
    if (late) {
        p->core.self.job.flags &= (uint8_t)~CP_REPORTED;
        loop_rejection_handled(PROMISE_LOOP(p), p);
    }
}

PromiseObject *promise_derive(PromiseObject *p, uint8_t kind, PyObject *ok) {
    LoopObject *loop = PROMISE_LOOP(p);
    PromiseObject *child;
    if (loop_check(loop, "react to a promise of") < 0 || !(child = promise_new(loop)))
        return NULL;
    child->core.self.job.kind = kind;
    if (ok) {
        child->core.self.ok = Py_NewRef(ok);
        if (!(child->context = context_capture(loop))) {
            Py_DECREF(child);
            return NULL;
        }
    }
    promise_subscribe(p, child);
    return child;
}

/* ---- Resolution: what a value means when a promise is resolved with it */

static void reject_foreign(PromiseObject *p, PromiseObject *q) {
    PyErr_Format(PROMISE_LOOP(p)->state->WrongLoopError,
                 "cannot resolve a promise with %R, which belongs to another loop; "
                 "settle it from there with resolve() or reject()",
                 q);
    promise_reject(p, take_raised());
}

/* Steals q. p may have been cancelled while q was made. */
static void adopt(PromiseObject *p, PromiseObject *q) {
    PyObject *followed;
    if (!is_open(p) || q->core.loop != p->core.loop) {
        if (is_open(p))
            reject_foreign(p, q);
        Py_DECREF(q);
        return;
    }
    followed = promise_unroot(p);
    Py_INCREF(p);
    cp_promise_adopt(&p->core, &q->core);
    Py_XDECREF(followed);
}

/* Types whose instances are never thenables, however many attributes a subclass of them has. */
static bool is_plain(PyObject *value) {
    const unsigned long builtin = Py_TPFLAGS_LONG_SUBCLASS | Py_TPFLAGS_LIST_SUBCLASS |
                                  Py_TPFLAGS_TUPLE_SUBCLASS | Py_TPFLAGS_BYTES_SUBCLASS |
                                  Py_TPFLAGS_UNICODE_SUBCLASS | Py_TPFLAGS_DICT_SUBCLASS;
    const unsigned long flags = PyType_GetFlags(Py_TYPE(value));
    return value == Py_None || PyFloat_CheckExact(value) || (flags & Py_TPFLAGS_TYPE_SUBCLASS) ||
           ((flags & builtin) && !(flags & Py_TPFLAGS_HEAPTYPE));
}

static PyObject *optional_attr(PyObject *obj, PyObject *name) {
    PyObject *attr;
#if PY_VERSION_HEX >= 0x030d0000
    PyObject_GetOptionalAttr(obj, name, &attr);
#else
    _PyObject_LookupAttr(obj, name, &attr);
#endif
    return attr;
}

/* Steals `then`. ECMAScript calls it in a job of its own. */
static int queue_thenable(PromiseObject *p, PyObject *then) {
    PyObject *context = context_capture(PROMISE_LOOP(p)), *old;
    if (!context) {
        Py_DECREF(then);
        return promise_reject_raised(p);
    }
    if (!is_open(p)) { /* cancelled while its `then` was looked for */
        Py_DECREF(then);
        Py_DECREF(context);
        return 0;
    }
    old = promise_unroot(p);
    p->context = context;
    p->core.self.job.kind = KIND_THENABLE;
    p->core.self.job.phase = CP_QUEUED;
    p->core.self.ok = then;
    Py_INCREF(p);
    cp_enqueue(p->core.loop, &p->core.self.job);
    Py_XDECREF(old);
    return 0;
}

static int resolve_with_thenable(PromiseObject *p, PyObject *value) {
    PyObject *then = optional_attr(value, PROMISE_LOOP(p)->state->str_then);
    if (!then && PyErr_Occurred()) {
        Py_DECREF(value);
        return promise_reject_raised(p);
    }
    if (!then || !PyCallable_Check(then)) {
        Py_XDECREF(then);
        promise_fulfil(p, value);
        return 0;
    }
    Py_DECREF(value); /* a bound method holds it */
    return queue_thenable(p, then);
}

/* Steals q, which may be NULL with an exception set. */
static int resolve_with_new(PromiseObject *p, PromiseObject *q) {
    if (!q)
        return promise_reject_raised(p);
    adopt(p, q);
    return 0;
}

/* The rare rest of resolution. Steals value. */
static int resolve_with_object(PromiseObject *p, PyObject *value) {
    LoopObject *loop = PROMISE_LOOP(p);
    PromiseObject *q;
    if (PyCoro_CheckExact(value))
        return resolve_with_new(p, task_new(loop, value));
    if (!is_asyncio_future(loop->state, value) && !is_concurrent_future(loop->state, value))
        return PyErr_Occurred() ? (Py_DECREF(value), promise_reject_raised(p))
                                : resolve_with_thenable(p, value);
    q = promise_of_future(loop, value);
    Py_DECREF(value);
    return resolve_with_new(p, q);
}

int promise_resolve(PromiseObject *p, PyObject *value) {
    if (!is_open(p)) { /* cancelled meanwhile */
        Py_DECREF(value);
    } else if (is_plain(value)) {
        promise_fulfil(p, value);
    } else if (value == (PyObject *)p) {
        Py_DECREF(value);
        PyErr_SetString(PyExc_TypeError, "a promise cannot be resolved with itself");
        return promise_reject_raised(p);
    } else if (Py_IS_TYPE(value, PROMISE_LOOP(p)->state->Promise)) {
        adopt(p, (PromiseObject *)value);
    } else {
        return resolve_with_object(p, value);
    }
    return 0;
}

PromiseObject *promise_from(LoopObject *loop, PyObject *value) {
    PromiseObject *p;
    if (Py_IS_TYPE(value, loop->state->Promise) && PROMISE_LOOP((PromiseObject *)value) == loop)
        return (PromiseObject *)Py_NewRef(value);
    if (PyCoro_CheckExact(value))
        return task_new(loop, Py_NewRef(value));
    if ((p = promise_new(loop)) && promise_resolve(p, Py_NewRef(value)) < 0)
        Py_CLEAR(p);
    return p;
}

/* ---- Making one from Python */

static PyObject *promise_create(PyTypeObject *type, PyObject *args, PyObject *kwargs) {
    static char *keywords[] = {"executor", "loop", NULL};
    module_state *state = state_of_type(type);
    PyObject *executor = Py_None;
    LoopObject *loop = NULL;
    PromiseObject *p;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|O$O!:Promise", keywords, &executor,
                                     state->Loop, &loop))
        return NULL;
    if (executor != Py_None && !PyCallable_Check(executor))
        return PyErr_Format(PyExc_TypeError,
                            "Promise(executor): executor must be callable or None, not %.200s",
                            Py_TYPE(executor)->tp_name);
    if (!(loop = loop ? (LoopObject *)Py_NewRef(loop) : loop_current(state)))
        return NULL;
    p = loop_check(loop, "make a promise for") < 0 ? NULL : promise_new_root(loop);
    Py_DECREF(loop);
    if (p && executor != Py_None && settlers_hand(p, executor) < 0)
        Py_CLEAR(p);
    return (PyObject *)p;
}

/* ---- Life and death */

static int visit_reaction(struct cp_job *job, void *arg) {
    void **visit = arg;
    return job_visit(job, (visitproc)visit[0], visit[1]);
}

static PyObject *ok_object(PromiseObject *p) {
    const uint8_t kind = p->core.self.job.kind;
    return kind == KIND_ROOT || kind == KIND_COMBINED || kind == KIND_OPERATION ? NULL
                                                                                : p->core.self.ok;
}

/* A coroutine that is to be cancelled at its next await keeps the message in `arg`. */
static bool is_told_to_cancel(const PromiseObject *p) {
    return p->core.self.job.kind == KIND_TASK && p->core.self.job.phase == CP_IDLE &&
           p->core.self.job.flags & FLAG_CANCEL;
}

static PyObject *arg_object(PromiseObject *p) {
    if (p->core.self.job.phase == CP_IDLE)
        return is_told_to_cancel(p) ? p->core.self.arg : NULL;
    if (p->core.self.job.phase == CP_WAITING)
        return NULL;
    if (p->core.self.job.kind == CP_ADOPT)
        return (PyObject *)PROMISE_OF((struct cp_promise *)p->core.self.arg);
    return p->core.self.arg;
}

void promise_drop_job(PromiseObject *p) {
    PyObject *arg = arg_object(p);
    if (arg) {
        p->core.self.job.phase = CP_IDLE;
        p->core.self.job.flags &= (uint8_t)~FLAG_CANCEL;
        p->core.self.arg = NULL;
    }
    Py_DECREF(p);
    Py_XDECREF(arg);
}

static int promise_traverse(PromiseObject *self, visitproc visit, void *arg) {
    void *closure[2] = {(void *)visit, arg};
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(PROMISE_LOOP(self));
    Py_VISIT(ok_object(self));
    Py_VISIT(arg_object(self));
    Py_VISIT(self->context);
    if (cp_promise_state(&self->core) != CP_PENDING)
        Py_VISIT((PyObject *)self->core.value);
    return cp_promise_visit(&self->core, visit_reaction, closure);
}

/* A waiting reaction keeps its `arg`, which is not a reference: the promise that it names takes it
 * out of its list before it dies. */
static int promise_clear(PromiseObject *self) {
    PyObject *ok = ok_object(self), *arg = arg_object(self), *value = NULL;
    PyObject *followed = promise_unroot(self);
    self->core.self.ok = NULL;
    if (arg)
        self->core.self.arg = NULL;
    drop_reactions(self);
    if (cp_promise_state(&self->core) != CP_PENDING) {
        value = self->core.value; /* somebody may still look at a promise that is being collected */
        self->core.value = Py_NewRef(Py_None);
    }
    Py_CLEAR(self->context);
    Py_XDECREF(followed);
    Py_XDECREF(ok);
    Py_XDECREF(arg);
    Py_XDECREF(value);
    return 0;
}

static void free_promise(PromiseObject *self) {
    LoopObject *loop = PROMISE_LOOP(self);
    if (loop->debug)
        origin_forget(self);
    COUNT_ALIVE(loop, -1);
    if (!keep_free(loop->state, self))
        give_back(self);
    Py_DECREF(loop);
}

/* The usual death: settled, nothing else held, and a value that holds nothing itself. */
static bool dies_alone(PromiseObject *self) {
    return cp_promise_state(&self->core) != CP_PENDING && !self->core.self.ok && !self->context &&
           self->core.self.job.phase == CP_IDLE &&
           !PyType_IS_GC(Py_TYPE((PyObject *)self->core.value));
}

/* A chain dies from its head: the trashcan turns that recursion into a loop. */
static void promise_dealloc(PromiseObject *self) {
    PyObject_GC_UnTrack(self);
    if (dies_alone(self)) {
        Py_DECREF((PyObject *)self->core.value);
        free_promise(self);
        return;
    }
    Py_TRASHCAN_BEGIN(self, promise_dealloc) promise_clear(self);
    if (cp_promise_state(&self->core) != CP_PENDING)
        Py_DECREF(Py_None);
    free_promise(self);
    Py_TRASHCAN_END
}

PyDoc_STRVAR(
    promise_doc,
    "Promise(executor=None, *, loop=None)\n--\n\n"
    "The outcome of something that may not have happened yet. executor(resolve, reject) is called\n"
    "at once; both take one optional argument and may be called from any thread. Without an\n"
    "executor the promise stays pending. Belongs to the calling thread's loop unless loop is "
    "given.");

static PyType_Slot promise_slots[] = {
    {Py_tp_doc, (void *)promise_doc},
    {Py_tp_new, promise_create},
    {Py_tp_dealloc, promise_dealloc},
    {Py_tp_traverse, promise_traverse},
    {Py_tp_clear, promise_clear},
    {Py_tp_repr, promise_repr},
    {Py_tp_iter, PyObject_SelfIter},
    {Py_tp_iternext, promise_iternext},
    {Py_am_await, PyObject_SelfIter},
    {Py_am_send, promise_await_step},
    {Py_tp_methods, promise_methods},
    {Py_tp_getset, promise_getset},
    {0, NULL},
};

PyType_Spec promise_spec = {
    .name = "cpromise.Promise",
    .basicsize = sizeof(PromiseObject),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = promise_slots,
};
