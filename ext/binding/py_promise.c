/* py_promise.c - the Promise type, and the one way in which each thing is done to a promise: made,
 * subscribed to, settled, resolved. What runs when a reaction's turn comes is in py_handlers.c,
 * py_combine.c and py_task.c.
 *
 * References of a promise, by its life (the table in cp.h tells the slots):
 *   waiting or queued   one for the list or queue that holds the job, given back to the run_*
 * function that takes it pending             each job in its list of reactions is a reference to
 * that job's object rejected, unhandled one for loop->unhandled */
#include "binding.h"

/* ---- Making and settling
 * -------------------------------------------------------------------------------------- */

PromiseObject *promise_new(LoopObject *loop) {
    PromiseObject *p = PyObject_GC_New(PromiseObject, loop->state->Promise);
    if (!p)
        return NULL;
    cp_promise_init(&p->core, &loop->core);
    Py_INCREF(loop);
    loop->promises_alive++;
    PyObject_GC_Track(p);
    return p;
}

/* A handler that is dropped while the core settles may run any code when it dies, so the references
 * to the value are there before the core starts. */
static void settle(PromiseObject *p, enum cp_state state, PyObject *value) {
    if (cp_promise_state(&p->core) != CP_PENDING) {
        Py_DECREF(value);
        return;
    }
    for (int n = cp_promise_reactions(&p->core); n > 0; n--)
        Py_INCREF(value);
    if (cp_promise_settle(&p->core, state, value) < 0)
        Py_INCREF(p);
}

void promise_fulfil(PromiseObject *p, PyObject *value) {
    settle(p, CP_FULFILLED, value);
}

void promise_reject(PromiseObject *p, PyObject *reason) {
    settle(p, CP_REJECTED, reason);
}

int promise_reject_raised(PromiseObject *p) {
    if (PyErr_ExceptionMatches(PyExc_Exception)) {
        promise_reject(p, take_raised());
        return 0;
    }
    return promise_reject_base(p);
}

/* CancelledError is a BaseException, and yet a reason like any other; so is whatever a program
 * derives from BaseException. Only what ends programs and generators is nobody's reason. */
int promise_reject_base(PromiseObject *p) {
    if (PyErr_ExceptionMatches(PyExc_KeyboardInterrupt) ||
        PyErr_ExceptionMatches(PyExc_SystemExit) || PyErr_ExceptionMatches(PyExc_GeneratorExit))
        return -1;
    promise_reject(p, take_raised());
    return 0;
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
    bool late = p->core.self.job.flags & CP_REPORTED;
    Py_INCREF(child);
    if (cp_promise_state(&p->core) != CP_PENDING)
        Py_INCREF((PyObject *)p->core.value);
    cp_promise_subscribe(&p->core, &child->core.self);
    if (late) {
        p->core.self.job.flags &= (uint8_t)~CP_REPORTED;
        loop_rejection_handled(PROMISE_LOOP(p), p);
    }
}

/* ---- Resolution: what a value means when a promise is resolved with it
 * ------------------------------------------ */

static void adopt(PromiseObject *p, PromiseObject *q) {
    if (q->core.loop != p->core.loop) {
        PyErr_Format(PROMISE_LOOP(p)->state->WrongLoopError,
                     "cannot resolve a promise with %R, which belongs to another loop; "
                     "settle it from there with resolve() or reject()",
                     q);
        promise_reject(p, take_raised());
        Py_DECREF(q);
        return;
    }
    Py_INCREF(p);
    cp_promise_adopt(&p->core, &q->core);
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

/* The rare rest of resolution: thenables, and everything whose `then` must be looked for. Steals
 * value. */
static int resolve_object(PromiseObject *p, PyObject *value) {
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
    p->core.self.job.kind = KIND_THENABLE;
    p->core.self.ok = then;
    Py_INCREF(p);
    cp_enqueue(p->core.loop, &p->core.self.job);
    return 0;
}

static int resolve_with_coroutine(PromiseObject *p, PyObject *coro) {
    PromiseObject *task = task_new(PROMISE_LOOP(p), coro);
    if (!task)
        return promise_reject_raised(p);
    adopt(p, task);
    return 0;
}

int promise_resolve(PromiseObject *p, PyObject *value) {
    if (is_plain(value)) {
        promise_fulfil(p, value);
    } else if (value == (PyObject *)p) {
        Py_DECREF(value);
        PyErr_SetString(PyExc_TypeError, "a promise cannot be resolved with itself");
        return promise_reject_raised(p);
    } else if (Py_IS_TYPE(value, PROMISE_LOOP(p)->state->Promise)) {
        adopt(p, (PromiseObject *)value);
    } else if (PyCoro_CheckExact(value)) {
        return resolve_with_coroutine(p, value);
    } else {
        return resolve_object(p, value);
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

/* ---- then, catch, finally_
 * -------------------------------------------------------------------------------------- */

static PromiseObject *derive(PromiseObject *p, uint8_t kind, PyObject *ok, PyObject *arg) {
    PromiseObject *child;
    if (loop_check(PROMISE_LOOP(p), "react to a promise of") < 0 ||
        !(child = promise_new(PROMISE_LOOP(p))))
        return NULL;
    child->core.self.job.kind = kind;
    child->core.self.ok = Py_XNewRef(ok);
    child->core.self.arg = Py_XNewRef(arg);
    promise_subscribe(p, child);
    return child;
}

static PyObject *callable_or_null(PyObject *handler) {
    return handler && handler != Py_None && PyCallable_Check(handler) ? handler : NULL;
}

PyDoc_STRVAR(
    then_doc,
    "then(on_fulfilled=None, on_rejected=None, /) -> Promise\n--\n\n"
    "The promise of what the fitting handler returns. Handlers run once, in a later microtask,\n"
    "in the order in which they were given. A handler that is not callable is passed over.\n"
    "Raises WrongLoopError when called from another thread than the loop's.");
static PyObject *promise_then(PromiseObject *self, PyObject *const *args, Py_ssize_t nargs) {
    if (!check_nargs("then", nargs, 0, 2))
        return NULL;
    return (PyObject *)derive(self, CP_THEN, callable_or_null(nargs > 0 ? args[0] : NULL),
                              callable_or_null(nargs > 1 ? args[1] : NULL));
}

PyDoc_STRVAR(
    catch_doc,
    "catch([exc_type,] handler, /) -> Promise\n--\n\n"
    "then(None, handler). With an exception class or a tuple of them, only for reasons that are\n"
    "instances of it; others pass through.");
static PyObject *promise_catch(PromiseObject *self, PyObject *const *args, Py_ssize_t nargs) {
    PyObject *typed, *child;
    if (!check_nargs("catch", nargs, 1, 2))
        return NULL;
    if (nargs == 1)
        return (PyObject *)derive(self, CP_THEN, NULL, callable_or_null(args[0]));
    if (!(typed = typed_catch_new(PROMISE_LOOP(self)->state, args[0], args[1])))
        return NULL;
    child = (PyObject *)derive(self, CP_THEN, NULL, typed);
    Py_DECREF(typed);
    return child;
}

PyDoc_STRVAR(
    finally_doc,
    "finally_(fn, /) -> Promise\n--\n\n"
    "Calls fn() whatever the outcome, waits for what it returns, and keeps the outcome; an\n"
    "exception or rejection of fn takes its place.");
static PyObject *promise_finally(PromiseObject *self, PyObject *fn) {
    if (!callable_or_null(fn))
        return (PyObject *)derive(self, CP_THEN, NULL, NULL);
    return (PyObject *)derive(self, KIND_FINALLY, fn, NULL);
}

/* ---- await: the promise is its own iterator
 * ---------------------------------------------------------------------- The first step yields the
 * promise to whoever drives the coroutine. Our driver (py_task.c) resumes the coroutine once the
 * promise has settled, with loop->resume set to its value: that tells the second step from a first
 * one on a settled promise, which by the rules takes a tick as well. No iterator object is needed.
 */

static PySendResult await_step(PromiseObject *self, PyObject *Py_UNUSED(sent), PyObject **result) {
    LoopObject *loop = PROMISE_LOOP(self);
    PyObject *value = self->core.value;
    if (cp_promise_state(&self->core) == CP_PENDING || loop->resume != value) {
        *result = Py_NewRef(self);
        return PYGEN_NEXT;
    }
    loop->resume = NULL;
    *result = NULL;
    if (cp_promise_state(&self->core) == CP_REJECTED) {
        raise_reason(loop->state, value);
        return PYGEN_ERROR;
    }
    *result = Py_NewRef(value);
    return PYGEN_RETURN;
}

/* Made by a call: a value that is a tuple would become several arguments otherwise. */
static void raise_stop_iteration(PyObject *value) {
    PyObject *stop = PyObject_CallOneArg(PyExc_StopIteration, value);
    if (stop) {
        PyErr_SetObject(PyExc_StopIteration, stop);
        Py_DECREF(stop);
    }
}

static PyObject *promise_iternext(PromiseObject *self) {
    PyObject *result;
    if (await_step(self, NULL, &result) != PYGEN_RETURN)
        return result;
    if (result != Py_None)
        raise_stop_iteration(result);
    Py_DECREF(result);
    return NULL;
}

void raise_reason(module_state *state, PyObject *reason) {
    PyObject *wrapped;
    if (PyExceptionInstance_Check(reason)) {
        if (PyErr_GivenExceptionMatches(reason,
                                        PyExc_StopIteration)) /* a coroutine may not raise it */
            PyErr_Format(PyExc_RuntimeError, "a promise was rejected with %R", reason);
        else
            PyErr_SetObject((PyObject *)Py_TYPE(reason), reason);
        return;
    }
    if ((wrapped = PyObject_CallOneArg(state->RejectionError, reason))) {
        PyErr_SetObject(state->RejectionError, wrapped);
        Py_DECREF(wrapped);
    }
}

/* ---- What can be seen of a promise
 * ------------------------------------------------------------------------------ */

static const char *state_name(PromiseObject *p) {
    static const char *const names[] = {"pending", "fulfilled", "rejected"};
    return names[cp_promise_state(&p->core)];
}

static PyObject *promise_get_state(PromiseObject *self, void *Py_UNUSED(closure)) {
    return PyUnicode_InternFromString(state_name(self));
}

PyDoc_STRVAR(peek_doc,
             "peek($self, /) -> value or reason\n--\n\n"
             "What the promise settled with, without marking a rejection as handled. Raises\n"
             "asyncio.InvalidStateError while it is pending.");
static PyObject *promise_peek(PromiseObject *self, PyObject *Py_UNUSED(args)) {
    if (cp_promise_state(&self->core) != CP_PENDING)
        return Py_NewRef(self->core.value);
    raise_asyncio_error("InvalidStateError",
                        "peek() on a promise that is still pending; use then() or await");
    return NULL;
}

static PyObject *promise_repr(PromiseObject *self) {
    PyObject *repr;
    int entered;
    if (cp_promise_state(&self->core) == CP_PENDING)
        return PyUnicode_FromString("<Promise pending>");
    if ((entered = Py_ReprEnter((PyObject *)self)) != 0)
        return entered < 0 ? NULL : PyUnicode_FromString("<Promise ...>");
    repr = PyUnicode_FromFormat("<Promise %s: %R>", state_name(self), (PyObject *)self->core.value);
    Py_ReprLeave((PyObject *)self);
    return repr;
}

/* ---- Making one from Python
 * ------------------------------------------------------------------------------------- */

static int run_executor(PromiseObject *p, PyObject *executor) {
    PyObject *args[2] = {settler_new(p, false), settler_new(p, true)}, *result = NULL;
    int err = -1;
    if (args[0] && args[1]) {
        result = PyObject_Vectorcall(executor, args, 2, NULL);
        err = result ? 0 : settler_reject_raised(args[1]);
    }
    Py_XDECREF(result);
    Py_XDECREF(args[0]);
    Py_XDECREF(args[1]);
    return err;
}

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
    p = loop_check(loop, "make a promise for") < 0 ? NULL : promise_new(loop);
    Py_DECREF(loop);
    if (p && executor != Py_None && run_executor(p, executor) < 0)
        Py_CLEAR(p);
    return (PyObject *)p;
}

static PyObject *settled_method(PyTypeObject *defining, PyObject *const *args, Py_ssize_t nargs,
                                const char *name, bool reject) {
    LoopObject *loop;
    PromiseObject *p;
    PyObject *value = nargs ? args[0] : Py_None;
    if (!check_nargs(name, nargs, 0, 1) || !(loop = loop_current(state_of_type(defining))))
        return NULL;
    if (!reject)
        p = promise_from(loop, value);
    else if ((p = promise_new(loop)))
        promise_reject(p, Py_NewRef(value));
    Py_DECREF(loop);
    return (PyObject *)p;
}

PyDoc_STRVAR(resolve_doc,
             "resolve(value=None, /) -> Promise\n--\n\n"
             "value itself when it is a promise of this loop; else a promise resolved with it.");
static PyObject *promise_resolve_method(PyObject *Py_UNUSED(cls), PyTypeObject *defining,
                                        PyObject *const *args, Py_ssize_t nargs,
                                        PyObject *Py_UNUSED(kwnames)) {
    return settled_method(defining, args, nargs, "resolve", false);
}

PyDoc_STRVAR(reject_doc, "reject(reason=None, /) -> Promise\n--\n\nA promise rejected with reason, "
                         "which may be any object.");
static PyObject *promise_reject_method(PyObject *Py_UNUSED(cls), PyTypeObject *defining,
                                       PyObject *const *args, Py_ssize_t nargs,
                                       PyObject *Py_UNUSED(kwnames)) {
    return settled_method(defining, args, nargs, "reject", true);
}

/* ---- Life and death
 * ---------------------------------------------------------------------------------------------- */

static int visit_reaction(struct cp_job *job, void *arg) {
    void **visit = arg;
    return ((visitproc)visit[0])((PyObject *)PROMISE_OF(cp_promise_of(job)), visit[1]);
}

static PyObject *arg_object(PromiseObject *p) {
    void *arg = p->core.self.arg;
    return arg && p->core.self.job.kind == CP_ADOPT
               ? (PyObject *)PROMISE_OF((struct cp_promise *)arg)
               : arg;
}

static int promise_traverse(PromiseObject *self, visitproc visit, void *arg) {
    void *closure[2] = {(void *)visit, arg};
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(PROMISE_LOOP(self));
    Py_VISIT((PyObject *)self->core.self.ok);
    Py_VISIT(arg_object(self));
    if (cp_promise_state(&self->core) != CP_PENDING)
        Py_VISIT((PyObject *)self->core.value);
    return cp_promise_visit(&self->core, visit_reaction, closure);
}

static int promise_clear(PromiseObject *self) {
    PyObject *ok = self->core.self.ok, *arg = arg_object(self), *value = NULL;
    struct cp_job *job;
    self->core.self.ok = self->core.self.arg = NULL;
    while ((job = cp_promise_drop_reaction(&self->core)))
        Py_DECREF(PROMISE_OF(cp_promise_of(job)));
    if (cp_promise_state(&self->core) != CP_PENDING) {
        value = self->core.value;
        self->core.value =
            Py_NewRef(Py_None); /* somebody may still look at a promise that is being collected */
    }
    Py_XDECREF(ok);
    Py_XDECREF(arg);
    Py_XDECREF(value);
    return 0;
}

/* A chain dies from its head: the trashcan turns that recursion into a loop. */
static void promise_dealloc(PromiseObject *self) {
    PyTypeObject *type = Py_TYPE(self);
    LoopObject *loop = PROMISE_LOOP(self);
    PyObject_GC_UnTrack(self);
    Py_TRASHCAN_BEGIN(self, promise_dealloc) promise_clear(self);
    if (cp_promise_state(&self->core) != CP_PENDING)
        Py_DECREF(Py_None);
    loop->promises_alive--;
    PyObject_GC_Del(self);
    Py_DECREF(loop);
    Py_DECREF(type);
    Py_TRASHCAN_END
}

static PyMethodDef promise_methods[] = {
    {"then", (PyCFunction)(void (*)(void))promise_then, METH_FASTCALL, then_doc},
    {"catch", (PyCFunction)(void (*)(void))promise_catch, METH_FASTCALL, catch_doc},
    {"finally_", (PyCFunction)promise_finally, METH_O, finally_doc},
    {"peek", (PyCFunction)promise_peek, METH_NOARGS, peek_doc},
    {"resolve", (PyCFunction)(void (*)(void))promise_resolve_method,
     METH_CLASS | METH_METHOD | METH_FASTCALL | METH_KEYWORDS, resolve_doc},
    {"reject", (PyCFunction)(void (*)(void))promise_reject_method,
     METH_CLASS | METH_METHOD | METH_FASTCALL | METH_KEYWORDS, reject_doc},
    {"all", (PyCFunction)(void (*)(void))promise_all,
     METH_CLASS | METH_METHOD | METH_FASTCALL | METH_KEYWORDS, promise_all_doc},
    {"race", (PyCFunction)(void (*)(void))promise_race,
     METH_CLASS | METH_METHOD | METH_FASTCALL | METH_KEYWORDS, promise_race_doc},
    {"__class_getitem__", Py_GenericAlias, METH_O | METH_CLASS, "Promise[T], for annotations."},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef promise_getset[] = {
    {"state", (getter)promise_get_state, NULL, "'pending', 'fulfilled' or 'rejected'", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

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
    {Py_am_send, await_step},
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
