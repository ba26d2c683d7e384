/* py_future.c - promises that follow the futures of others: asyncio's and concurrent.futures'.
 *
 * Such a promise is a root whose `context` is the future, and a Watcher is the future's callback.
 * The future may settle on any thread; the watcher then calls itself again on the loop's. */
#include "binding.h"

typedef struct {
    PyObject_HEAD
    vectorcallfunc call;
    PromiseObject *promise;
} WatcherObject;

/* ---- What is a future */

/* As asyncio.isfuture: the class has the attribute. */
bool is_asyncio_future(module_state *state, PyObject *value) {
    PyObject *mark;
#if PY_VERSION_HEX >= 0x030d0000
    PyObject_GetOptionalAttr((PyObject *)Py_TYPE(value), state->str_blocking, &mark);
#else
    _PyObject_LookupAttr((PyObject *)Py_TYPE(value), state->str_blocking, &mark);
#endif
    Py_XDECREF(mark);
    return mark;
}

/* Without the module in the process nobody can have made one. */
static PyObject *concurrent_future(module_state *state) {
    PyObject *module;
    if (state->ConcurrentFuture)
        return state->ConcurrentFuture;
    module = PyDict_GetItemString(PyImport_GetModuleDict(), "concurrent.futures._base");
    if (module)
        state->ConcurrentFuture = PyObject_GetAttrString(module, "Future");
    return state->ConcurrentFuture;
}

bool is_concurrent_future(module_state *state, PyObject *value) {
    PyObject *type = PyErr_Occurred() ? NULL : concurrent_future(state);
    return type && PyObject_IsInstance(value, type) == 1;
}

/* ---- Settling */

static PyObject *call_method(PyObject *object, const char *name) {
    return PyObject_CallMethod(object, name, NULL);
}

static int is_true(PyObject *result) {
    int truth = result ? PyObject_IsTrue(result) : -1;
    Py_XDECREF(result);
    return truth;
}

/* The CancelledError of a cancelled future: asyncio's own, with its message, raised by exception();
 * that of concurrent.futures is another class. New reference, NULL with an exception. */
static PyObject *cancellation_of(module_state *state, PyObject *future) {
    PyObject *none = is_asyncio_future(state, future) ? call_method(future, "exception") : NULL;
    PyObject *raised = PyErr_Occurred() ? take_raised() : NULL;
    Py_XDECREF(none);
    if (raised && is_cancelled_error(state, raised))
        return raised;
    Py_XDECREF(raised);
    return cancelled_error(state) ? PyObject_CallNoArgs(state->CancelledError) : NULL;
}

/* The exception that a finished future holds, NULL when it holds a value. */
static int failure_of(module_state *state, PyObject *future, PyObject **failure) {
    int cancelled = is_true(call_method(future, "cancelled"));
    *failure = NULL;
    if (cancelled < 0)
        return -1;
    if (cancelled)
        return (*failure = cancellation_of(state, future)) ? 0 : -1;
    if (!(*failure = call_method(future, "exception")))
        return -1;
    if (*failure == Py_None)
        Py_CLEAR(*failure);
    return 0;
}

static int settle_by(PromiseObject *p, PyObject *future) {
    PyObject *failure, *value;
    if (failure_of(PROMISE_LOOP(p)->state, future, &failure) < 0)
        return promise_reject_raised(p);
    if (failure) {
        promise_reject(p, failure);
        return 0;
    }
    if (!(value = call_method(future, "result")))
        return promise_reject_raised(p);
    return promise_resolve(p, value);
}

static PyObject *watcher_call(PyObject *callable, PyObject *const *args, size_t nargsf,
                              PyObject *kwnames) {
    PromiseObject *p = ((WatcherObject *)callable)->promise;
    int err;
    if (!check_nargs("watcher", PyVectorcall_NARGS(nargsf), 1, 1) || kwnames)
        return NULL;
    if (loop_is_here(PROMISE_LOOP(p)))
        err = settle_by(p, args[0]);
    else if ((err = loop_post_call(PROMISE_LOOP(p), callable, args[0])) < 0)
        PyErr_Clear(); /* the loop is closed: it has rejected p */
    return err < 0 && PyErr_Occurred() ? NULL : Py_NewRef(Py_None);
}

static PyObject *watcher_new(PromiseObject *p) {
    WatcherObject *self = PyObject_GC_New(WatcherObject, PROMISE_LOOP(p)->state->Watcher);
    if (!self)
        return NULL;
    self->call = watcher_call;
    self->promise = (PromiseObject *)Py_NewRef(p);
    PyObject_GC_Track(self);
    return (PyObject *)self;
}

/* ---- Following */

/* Calls future.<method>(*args) on the thread where that is allowed: here, when the future is none
 * of asyncio's or its loop runs this one. */
static PyObject *call_where_allowed(LoopObject *loop, PyObject *future, const char *name,
                                    PyObject *arg) {
    PyObject *method = PyObject_GetAttrString(future, name), *home = NULL, *done = NULL;
    if (!method)
        return NULL;
    if (is_asyncio_future(loop->state, future))
        home = call_method(future, "get_loop");
    if (PyErr_Occurred())
        done = NULL;
    else if (!home || home == loop->guest_of)
        done = PyObject_CallFunctionObjArgs(method, arg, NULL);
    else if ((done =
                  PyObject_CallMethod(home, "call_soon_threadsafe", arg ? "OO" : "O", method, arg)))
        Py_SETREF(done, Py_NewRef(Py_True));
    Py_DECREF(method);
    Py_XDECREF(home);
    return done;
}

static int follow(PromiseObject *p, PyObject *future) {
    int done = is_true(call_method(future, "done"));
    PyObject *watcher, *added;
    if (done)
        return done < 0 ? -1 : settle_by(p, future);
    p->context = Py_NewRef(future);
    if (!(watcher = watcher_new(p)))
        return -1;
    added = call_where_allowed(PROMISE_LOOP(p), future, "add_done_callback", watcher);
    Py_DECREF(watcher);
    Py_XDECREF(added);
    return added ? 0 : -1;
}

PromiseObject *promise_of_future(LoopObject *loop, PyObject *future) {
    PromiseObject *p = promise_new_root(loop);
    if (p && follow(p, future) < 0)
        Py_CLEAR(p);
    return p;
}

/* What the CancelledError says, for a future that takes a message. New reference or NULL. */
static PyObject *message_of(LoopObject *loop, PyObject *future, PyObject *reason) {
    PyObject *args =
        is_asyncio_future(loop->state, future) ? PyObject_GetAttrString(reason, "args") : NULL;
    PyObject *message = args && PyTuple_Check(args) && PyTuple_GET_SIZE(args)
                            ? Py_NewRef(PyTuple_GET_ITEM(args, 0))
                            : NULL;
    Py_XDECREF(args);
    return message;
}

/* A future whose loop is closed cannot be asked. */
int future_cancel(PromiseObject *p, PyObject *reason) {
    LoopObject *loop = PROMISE_LOOP(p);
    PyObject *future = Py_NewRef(p->context), *message = message_of(loop, future, reason);
    int asked = is_true(call_where_allowed(loop, future, "cancel", message));
    if (asked < 0 && PyErr_ExceptionMatches(PyExc_RuntimeError)) {
        PyErr_Clear();
        asked = 0;
    }
    Py_XDECREF(message);
    Py_DECREF(future);
    return asked;
}

const char promise_from_future_doc[] =
    "from_future(future, /) -> Promise\n--\n\n"
    "Settles as an asyncio or concurrent.futures future does; cancelling it cancels the future.";
PyObject *promise_from_future(STATIC_PARAMETERS) {
    module_state *state = state_of_type(defining);
    LoopObject *loop;
    PyObject *p;
    if (!check_no_keywords("from_future", kwnames) || !check_nargs("from_future", nargs, 1, 1))
        return NULL;
    if (!is_asyncio_future(state, args[0]) && !is_concurrent_future(state, args[0]))
        return PyErr_Occurred()
                   ? NULL
                   : PyErr_Format(
                         PyExc_TypeError,
                         "from_future(future): an asyncio or concurrent.futures future, not "
                         "%.200s",
                         Py_TYPE(args[0])->tp_name);
    if (!(loop = loop_current(state)))
        return NULL;
    if (Py_IS_TYPE(args[0], state->Promise))
        p = (PyObject *)promise_from(loop, args[0]);
    else
        p = (PyObject *)promise_of_future(loop, args[0]);
    Py_DECREF(loop);
    return p;
}

/* ---- The type of watchers */

static int watcher_traverse(WatcherObject *self, visitproc visit, void *arg) {
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(self->promise);
    return 0;
}

static void watcher_dealloc(WatcherObject *self) {
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    Py_DECREF(self->promise); /* never cleared before: the promise breaks the cycles */
    PyObject_GC_Del(self);
    Py_DECREF(type);
}

static PyMemberDef watcher_members[] = {
    {"__vectorcalloffset__", T_PYSSIZET, offsetof(WatcherObject, call), READONLY, NULL},
    {NULL, 0, 0, 0, NULL},
};

static PyType_Slot watcher_slots[] = {
    {Py_tp_dealloc, watcher_dealloc},
    {Py_tp_traverse, watcher_traverse},
    {Py_tp_call, PyVectorcall_Call},
    {Py_tp_members, watcher_members},
    {0, NULL},
};

PyType_Spec watcher_spec = {
    .name = "cpromise.Watcher",
    .basicsize = sizeof(WatcherObject),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_HAVE_VECTORCALL |
             Py_TPFLAGS_IMMUTABLETYPE | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .slots = watcher_slots,
};
