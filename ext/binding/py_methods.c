/* py_methods.c - the methods of Promise that make promises from promises, and the table of all its
 * methods. */
#include "binding.h"

/* ---- Reactions */

static PyObject *callable_or_null(PyObject *handler) {
    return handler && handler != Py_None && PyCallable_Check(handler) ? handler : NULL;
}

static PyObject *then_both(PromiseObject *self, PyObject *ok, PyObject *rejected) {
    PyObject *both = PyTuple_Pack(2, ok, rejected), *child;
    if (!both)
        return NULL;
    child = (PyObject *)promise_derive(self, KIND_BOTH, both);
    Py_DECREF(both);
    return child;
}

PyDoc_STRVAR(
    then_doc,
    "then(on_fulfilled=None, on_rejected=None, /) -> Promise\n--\n\n"
    "The promise of what the fitting handler returns. Handlers run once, in a later microtask,\n"
    "in the order in which they were given and in the context (contextvars) of this call. A\n"
    "handler that is not callable is passed over. Raises WrongLoopError when called from another\n"
    "thread than the loop's.");
static PyObject *promise_then(PromiseObject *self, PyObject *const *args, Py_ssize_t nargs) {
    PyObject *ok, *rejected;
    if (!check_nargs("then", nargs, 0, 2))
        return NULL;
    ok = callable_or_null(nargs > 0 ? args[0] : NULL);
    rejected = callable_or_null(nargs > 1 ? args[1] : NULL);
    if (ok && rejected)
        return then_both(self, ok, rejected);
    if (rejected)
        return (PyObject *)promise_derive(self, KIND_CATCH, rejected);
    return (PyObject *)promise_derive(self, ok ? KIND_THEN : CP_PASS, ok);
}

PyDoc_STRVAR(
    catch_doc,
    "catch([exc_type,] handler, /) -> Promise\n--\n\n"
    "then(None, handler). With an exception class or a tuple of them, only for reasons that are\n"
    "instances of it; others pass through.");
static PyObject *promise_catch(PromiseObject *self, PyObject *const *args, Py_ssize_t nargs) {
    PyObject *handler, *child;
    if (!check_nargs("catch", nargs, 1, 2))
        return NULL;
    if (nargs == 1) {
        handler = callable_or_null(args[0]);
        return (PyObject *)promise_derive(self, handler ? KIND_CATCH : CP_PASS, handler);
    }
    if (!(handler = typed_catch_new(PROMISE_LOOP(self)->state, args[0], args[1])))
        return NULL;
    child = (PyObject *)promise_derive(self, KIND_CATCH, handler);
    Py_DECREF(handler);
    return child;
}

PyDoc_STRVAR(
    finally_doc,
    "finally_(fn, /) -> Promise\n--\n\n"
    "Calls fn() whatever the outcome, waits for what it returns, and keeps the outcome; an\n"
    "exception or rejection of fn takes its place.");
static PyObject *promise_finally(PromiseObject *self, PyObject *fn) {
    fn = callable_or_null(fn);
    return (PyObject *)promise_derive(self, fn ? KIND_FINALLY : CP_PASS, fn);
}

PyDoc_STRVAR(tap_doc,
             "tap(fn, /) -> Promise\n--\n\n"
             "Calls fn(value) when fulfilled, waits for what it returns, and keeps the value; an\n"
             "exception or rejection of fn takes its place.");
static PyObject *promise_tap(PromiseObject *self, PyObject *fn) {
    fn = callable_or_null(fn);
    return (PyObject *)promise_derive(self, fn ? KIND_TAP : CP_PASS, fn);
}

PyDoc_STRVAR(timeout_doc,
             "timeout(seconds, /) -> Promise\n--\n\n"
             "Settles as this promise does, or rejects with TimeoutError when that takes longer;\n"
             "this promise is cancelled then, unless somebody else waits for it.");
static PyObject *promise_timeout(PromiseObject *self, PyObject *seconds) {
    PromiseObject *child;
    cp_ns when;
    if (deadline_after(seconds, &when) < 0 || !(child = promise_derive(self, CP_PASS, NULL)))
        return NULL;
    if (cp_promise_state(&self->core) == CP_PENDING && timer_for_promise(child, when, NULL) < 0)
        Py_CLEAR(child);
    return (PyObject *)child;
}

PyDoc_STRVAR(delay_doc, "delay(seconds, /) -> Promise\n--\n\n"
                        "The same value, that much later than this promise; a reason at once.");
static PyObject *promise_delay(PromiseObject *self, PyObject *seconds) {
    PyObject *number, *child;
    cp_ns when;
    if (deadline_after(seconds, &when) < 0 || !(number = PyNumber_Float(seconds)))
        return NULL;
    child = (PyObject *)promise_derive(self, KIND_DELAY, number);
    Py_DECREF(number);
    return child;
}

/* ---- What can be seen of a promise */

static PyObject *promise_get_state(PromiseObject *self, void *Py_UNUSED(closure)) {
    promise_settle_if_closed(self);
    return Py_NewRef(PROMISE_LOOP(self)->state->str_states[cp_promise_state(&self->core)]);
}

PyDoc_STRVAR(peek_doc,
             "peek($self, /) -> value or reason\n--\n\n"
             "What the promise settled with, without marking a rejection as handled. Raises\n"
             "asyncio.InvalidStateError while it is pending.");
static PyObject *promise_peek(PromiseObject *self, PyObject *Py_UNUSED(args)) {
    promise_settle_if_closed(self);
    if (cp_promise_state(&self->core) != CP_PENDING)
        return Py_NewRef((PyObject *)self->core.value);
    raise_asyncio_error("InvalidStateError",
                        "peek() on a promise that is still pending; use then() or await");
    return NULL;
}

/* ---- Making promises */

static PyObject *settled_method(PyTypeObject *defining, PyObject *const *args, Py_ssize_t nargs,
                                PyObject *kwnames, const char *name, bool reject) {
    LoopObject *loop;
    PromiseObject *p;
    PyObject *value = nargs ? args[0] : Py_None;
    if (!check_no_keywords(name, kwnames) || !check_nargs(name, nargs, 0, 1) ||
        !(loop = loop_current(state_of_type(defining))))
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
static PyObject *promise_resolve_method(STATIC_PARAMETERS) {
    return settled_method(defining, args, nargs, kwnames, "resolve", false);
}

PyDoc_STRVAR(reject_doc, "reject(reason=None, /) -> Promise\n--\n\nA promise rejected with reason, "
                         "which may be any object.");
static PyObject *promise_reject_method(STATIC_PARAMETERS) {
    return settled_method(defining, args, nargs, kwnames, "reject", true);
}

PyDoc_STRVAR(try_doc,
             "try_(fn, /, *args, **kwargs) -> Promise\n--\n\n"
             "Calls fn now; the promise of what it returns, rejected with what it raises.");
static PyObject *promise_try(STATIC_PARAMETERS) {
    LoopObject *loop;
    PromiseObject *p;
    PyObject *result;
    if (!check_nargs("try_", nargs, 1, PY_SSIZE_T_MAX) ||
        !(loop = loop_current(state_of_type(defining))))
        return NULL;
    if ((p = promise_new(loop))) {
        result = PyObject_Vectorcall(args[0], args + 1, (size_t)nargs - 1, kwnames);
        if ((result ? promise_resolve(p, result) : promise_reject_raised(p)) < 0)
            Py_CLEAR(p);
    }
    Py_DECREF(loop);
    return (PyObject *)p;
}

PyDoc_STRVAR(with_resolvers_doc,
             "with_resolvers() -> (promise, resolve, reject)\n--\n\n"
             "A pending promise and the functions that settle it, which any thread may call.");
static PyObject *promise_with_resolvers(STATIC_PARAMETERS) {
    LoopObject *loop;
    PromiseObject *p;
    PyObject *pair[2];
    (void)args;
    if (!check_no_keywords("with_resolvers", kwnames) ||
        !check_nargs("with_resolvers", nargs, 0, 0) ||
        !(loop = loop_current(state_of_type(defining))))
        return NULL;
    p = promise_new_root(loop);
    Py_DECREF(loop);
    if (p && settlers_new(p, pair) == 0)
        return Py_BuildValue("(NNN)", p, pair[0], pair[1]);
    Py_XDECREF(p);
    return NULL;
}

PyDoc_STRVAR(from_coroutine_doc,
             "from_coroutine(coroutine, /) -> Promise\n--\n\n"
             "Starts the coroutine, which runs to its first await now; the promise of its result.");
static PyObject *promise_from_coroutine(STATIC_PARAMETERS) {
    LoopObject *loop;
    PyObject *p;
    if (!check_no_keywords("from_coroutine", kwnames) ||
        !check_nargs("from_coroutine", nargs, 1, 1))
        return NULL;
    if (!PyCoro_CheckExact(args[0]))
        return PyErr_Format(
            PyExc_TypeError,
            "from_coroutine(coroutine): a coroutine, what calling an `async def` returns, not "
            "%.200s",
            Py_TYPE(args[0])->tp_name);
    if (!(loop = loop_current(state_of_type(defining))))
        return NULL;
    p = (PyObject *)task_new(loop, Py_NewRef(args[0]));
    Py_DECREF(loop);
    return p;
}

/* ---- The tables */

#define FUNCTION(fn) (PyCFunction)(void (*)(void))(fn)

PyMethodDef promise_methods[] = {
    {"then", FUNCTION(promise_then), METH_FASTCALL, then_doc},
    {"catch", FUNCTION(promise_catch), METH_FASTCALL, catch_doc},
    {"finally_", (PyCFunction)promise_finally, METH_O, finally_doc},
    {"tap", (PyCFunction)promise_tap, METH_O, tap_doc},
    {"timeout", (PyCFunction)promise_timeout, METH_O, timeout_doc},
    {"delay", (PyCFunction)promise_delay, METH_O, delay_doc},
    {"cancel", FUNCTION(promise_cancel_method), METH_FASTCALL | METH_KEYWORDS, promise_cancel_doc},
    {"peek", (PyCFunction)promise_peek, METH_NOARGS, peek_doc},
    {"resolve", FUNCTION(promise_resolve_method), METHOD_STATIC, resolve_doc},
    {"reject", FUNCTION(promise_reject_method), METHOD_STATIC, reject_doc},
    {"all", FUNCTION(promise_all), METHOD_STATIC, promise_all_doc},
    {"all_settled", FUNCTION(promise_all_settled), METHOD_STATIC, promise_all_settled_doc},
    {"any", FUNCTION(promise_any), METHOD_STATIC, promise_any_doc},
    {"race", FUNCTION(promise_race), METHOD_STATIC, promise_race_doc},
    {"try_", FUNCTION(promise_try), METHOD_STATIC, try_doc},
    {"with_resolvers", FUNCTION(promise_with_resolvers), METHOD_STATIC, with_resolvers_doc},
    {"from_future", FUNCTION(promise_from_future), METHOD_STATIC, promise_from_future_doc},
    {"from_coroutine", FUNCTION(promise_from_coroutine), METHOD_STATIC, from_coroutine_doc},
    {"add_done_callback", FUNCTION(face_add_done_callback), METH_FASTCALL | METH_KEYWORDS,
     face_add_done_callback_doc},
    {"remove_done_callback", (PyCFunction)face_remove_done_callback, METH_O,
     face_remove_done_callback_doc},
    {"get_loop", (PyCFunction)face_get_loop, METH_NOARGS, face_get_loop_doc},
    {"done", (PyCFunction)face_done, METH_NOARGS, face_done_doc},
    {"cancelled", (PyCFunction)face_cancelled, METH_NOARGS, face_cancelled_doc},
    {"result", (PyCFunction)face_result, METH_NOARGS, face_result_doc},
    {"exception", (PyCFunction)face_exception, METH_NOARGS, face_exception_doc},
    {"_make_cancelled_error", (PyCFunction)face_make_cancelled_error, METH_NOARGS,
     "What asyncio.gather asks a cancelled future for."},
    {"__class_getitem__", Py_GenericAlias, METH_O | METH_CLASS, "Promise[T], for annotations."},
    {NULL, NULL, 0, NULL},
};

PyGetSetDef promise_getset[] = {
    {"state", (getter)promise_get_state, NULL, "'pending', 'fulfilled' or 'rejected'", NULL},
    {"_asyncio_future_blocking", (getter)face_get_blocking, (setter)face_set_blocking,
     "how asyncio tells that a task awaits this promise", NULL},
    {"_cancel_message", (getter)face_get_cancel_message, NULL,
     "what cancel() was given; asyncio asks for it", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};
