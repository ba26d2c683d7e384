/* py_face.c - how a promise is awaited, and the face that asyncio knows a future by.
 *
 * A promise is its own iterator. The first step yields it to whoever drives the coroutine. Our
 * driver (py_task.c) resumes the coroutine once the promise has settled, with loop->resume set to
 * its value: that tells the second step from a first one on a settled promise, which by the rules
 * takes a tick as well. asyncio's driver sees _asyncio_future_blocking, adds a callback and steps
 * again when that was called; on a settled promise it does not wait, as for its own futures. */
#include "binding.h"

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

static int give_outcome(PromiseObject *self, PyObject **result) {
    PyObject *value = self->core.value;
    *result = NULL;
    if (cp_promise_state(&self->core) == CP_REJECTED) {
        raise_reason(PROMISE_LOOP(self)->state, value);
        return -1;
    }
    *result = Py_NewRef(value);
    return 0;
}

/* The outcome is being looked at by somebody who is told of a rejection; the loop keeps no account
 * of other threads. */
static void mark_handled(PromiseObject *self) {
    bool late = self->core.self.job.flags & CP_REPORTED;
    if (!loop_is_here(PROMISE_LOOP(self)))
        return;
    self->core.self.job.flags |= CP_HANDLED;
    if (late) {
        self->core.self.job.flags &= (uint8_t)~CP_REPORTED;
        loop_rejection_handled(PROMISE_LOOP(self), self);
    }
}

PySendResult promise_await_step(PromiseObject *self, PyObject *Py_UNUSED(sent), PyObject **result) {
    LoopObject *loop = PROMISE_LOOP(self);
    bool pending = cp_promise_state(&self->core) == CP_PENDING;
    bool resumed = !pending && loop->driving && loop->resume == self->core.value;
    *result = NULL;
    if (!resumed && !loop_is_here(loop)) {
        loop_check(loop, "await a promise of");
        return PYGEN_ERROR;
    }
    if (pending || (loop->driving && !resumed)) {
        self->core.self.job.flags |= FLAG_BLOCKING;
        *result = Py_NewRef(self);
        return PYGEN_NEXT;
    }
    if (!loop->driving)
        mark_handled(self);
    loop->resume = NULL;
    return give_outcome(self, result) < 0 ? PYGEN_ERROR : PYGEN_RETURN;
}

/* The value is an argument of its own, also if it is a tuple. From 3.12 on each await of a value comes
 * through here, and the slots are called directly: a call of the type and PyErr_SetObject look for what
 * is known here (docs/decisions/008). */
static void raise_stop_iteration(PyObject *value) {
    PyTypeObject *type = (PyTypeObject *)PyExc_StopIteration;
    PyObject *args = PyTuple_Pack(1, value);
    PyObject *stop = args ? type->tp_new(type, args, NULL) : NULL;
    if (stop) {
        ((PyStopIterationObject *)stop)->value = Py_NewRef(value);
        restore_raised(stop);
    }
    Py_XDECREF(args);
}

PyObject *promise_iternext(PromiseObject *self) {
    PyObject *result;
    if (promise_await_step(self, NULL, &result) != PYGEN_RETURN)
        return result;
    if (result != Py_None)
        raise_stop_iteration(result);
    Py_DECREF(result);
    return NULL;
}

PyObject *face_get_blocking(PromiseObject *self, void *Py_UNUSED(closure)) {
    return PyBool_FromLong(self->core.self.job.flags & FLAG_BLOCKING);
}

int face_set_blocking(PromiseObject *self, PyObject *value, void *Py_UNUSED(closure)) {
    int blocking = value ? PyObject_IsTrue(value) : 0;
    if (blocking < 0)
        return -1;
    self->core.self.job.flags &= (uint8_t)~FLAG_BLOCKING;
    self->core.self.job.flags |= blocking ? FLAG_BLOCKING : 0;
    return 0;
}

/* ---- Callbacks of asyncio: reactions that are promises of nobody */

static int add_callback(PromiseObject *self, PyObject *callback, PyObject *context) {
    PromiseObject *reaction = promise_new(PROMISE_LOOP(self));
    if (!reaction)
        return -1;
    reaction->core.self.job.kind = KIND_DONE;
    reaction->core.self.ok = PyTuple_Pack(2, callback, (PyObject *)self);
    reaction->context =
        context && context != Py_None ? Py_NewRef(context) : PyContext_CopyCurrent();
    if (reaction->core.self.ok && reaction->context)
        promise_subscribe(self, reaction);
    Py_DECREF(reaction);
    return PyErr_Occurred() ? -1 : 0;
}

const char face_add_done_callback_doc[] =
    "add_done_callback($self, callback, /, *, context=None)\n--\n\n"
    "Calls callback(self) once this promise has settled, as asyncio.Future does.";
PyObject *face_add_done_callback(PromiseObject *self, PyObject *const *args, Py_ssize_t nargs,
                                 PyObject *kwnames) {
    Py_ssize_t named = kwnames ? PyTuple_GET_SIZE(kwnames) : 0;
    if (!check_nargs("add_done_callback", nargs, 1, 1))
        return NULL;
    if (named > 1 ||
        (named && PyUnicode_CompareWithASCIIString(PyTuple_GET_ITEM(kwnames, 0), "context")))
        return PyErr_Format(PyExc_TypeError,
                            "add_done_callback(callback, *, context=None) has no such parameter");
    if (!PyCallable_Check(args[0]))
        return PyErr_Format(
            PyExc_TypeError,
            "add_done_callback(callback): the callback must be callable, not %.100s",
            Py_TYPE(args[0])->tp_name);
    if (named && args[1] != Py_None && !PyContext_CheckExact(args[1]))
        return PyErr_Format(
            PyExc_TypeError,
            "add_done_callback(context=): a contextvars.Context or None, not %.100s",
            Py_TYPE(args[1])->tp_name);
    if (loop_check(PROMISE_LOOP(self), "react to a promise of") < 0 ||
        add_callback(self, args[0], named ? args[1] : NULL) < 0)
        return NULL;
    Py_RETURN_NONE;
}

/* In a guest that is asyncio's to do: its tasks step from its own queue. */
static PyObject *call_soon(PyObject *host, PyObject *pair, PyObject *context) {
    PyObject *method = PyObject_GetAttrString(host, "call_soon");
    PyObject *args[4] = {NULL, PyTuple_GET_ITEM(pair, 0), PyTuple_GET_ITEM(pair, 1), context};
    PyObject *names = method ? Py_BuildValue("(s)", "context") : NULL;
    PyObject *handle =
        names ? PyObject_Vectorcall(method, args + 1, 2 | PY_VECTORCALL_ARGUMENTS_OFFSET, names)
              : NULL;
    Py_XDECREF(method);
    Py_XDECREF(names);
    return handle;
}

static PyObject *call_here(LoopObject *loop, PyObject *pair, PyObject *context) {
    if (context_use_own(loop, context) < 0)
        return NULL;
    return PyObject_CallOneArg(PyTuple_GET_ITEM(pair, 0), PyTuple_GET_ITEM(pair, 1));
}

int run_done(PromiseObject *p) {
    LoopObject *loop = PROMISE_LOOP(p);
    PyObject *pair, *value, *context = p->context, *result;
    int err = 0;
    promise_take_job(p, &pair, &value);
    Py_DECREF(value);
    p->context = NULL;
    result =
        loop->guest_of ? call_soon(loop->guest_of, pair, context) : call_here(loop, pair, context);
    Py_DECREF(context);
    if (!result)
        err = raised_is_fatal() ? -1 : loop_unhandled(loop, NULL, take_raised());
    Py_XDECREF(result);
    Py_DECREF(pair);
    Py_DECREF(p);
    return err;
}

static int collect(struct cp_job *job, void *list) {
    PyObject *reaction = (PyObject *)PROMISE_OF(cp_promise_of(job));
    return job->kind == KIND_DONE ? PyList_Append(list, reaction) : 0;
}

/* Whether it was taken out. The comparison may run any code, so the list is not being walked. */
static int remove_if_equal(PromiseObject *self, PromiseObject *reaction, PyObject *callback) {
    PyObject *own;
    int same;
    if (!reaction->core.self.ok) /* it has run meanwhile */
        return 0;
    own = Py_NewRef(PyTuple_GET_ITEM((PyObject *)reaction->core.self.ok, 0));
    same = PyObject_RichCompareBool(own, callback, Py_EQ);
    Py_DECREF(own);
    if (same <= 0 || reaction->core.self.job.phase != CP_WAITING ||
        reaction->core.self.arg != &self->core)
        return same < 0 ? -1 : 0;
    cp_promise_unsubscribe(&reaction->core.self);
    Py_DECREF(reaction);
    return 1;
}

const char face_remove_done_callback_doc[] =
    "remove_done_callback($self, callback, /) -> int\n--\n\n"
    "Takes back every add_done_callback of it that has not been called; how many there were.";
PyObject *face_remove_done_callback(PromiseObject *self, PyObject *callback) {
    PyObject *reactions;
    long count = 0;
    int removed = 0;
    if (loop_check(PROMISE_LOOP(self), "react to a promise of") < 0 || !(reactions = PyList_New(0)))
        return NULL;
    if (cp_promise_visit(&self->core, collect, reactions) < 0)
        removed = -1;
    for (Py_ssize_t i = 0; removed >= 0 && i < PyList_GET_SIZE(reactions); i++) {
        removed = remove_if_equal(self, (PromiseObject *)PyList_GET_ITEM(reactions, i), callback);
        count += removed > 0;
    }
    Py_DECREF(reactions);
    return removed < 0 ? NULL : PyLong_FromLong(count);
}

/* ---- What asyncio asks a future */

const char face_get_loop_doc[] =
    "get_loop($self, /)\n--\n\nThe loop that it belongs to; when attached, the asyncio loop.";
PyObject *face_get_loop(PromiseObject *self, PyObject *Py_UNUSED(ignored)) {
    LoopObject *loop = PROMISE_LOOP(self);
    return Py_NewRef(loop->guest_of ? loop->guest_of : (PyObject *)loop);
}

const char face_done_doc[] = "done($self, /) -> bool\n--\n\nWhether it has settled.";
PyObject *face_done(PromiseObject *self, PyObject *Py_UNUSED(ignored)) {
    promise_settle_if_closed(self);
    return PyBool_FromLong(cp_promise_state(&self->core) != CP_PENDING);
}

static bool was_cancelled(PromiseObject *self) {
    return cp_promise_state(&self->core) == CP_REJECTED &&
           is_cancelled_error(PROMISE_LOOP(self)->state, self->core.value);
}

const char face_cancelled_doc[] =
    "cancelled($self, /) -> bool\n--\n\nWhether it was rejected with CancelledError.";
PyObject *face_cancelled(PromiseObject *self, PyObject *Py_UNUSED(ignored)) {
    return PyBool_FromLong(was_cancelled(self));
}

/* asyncio.gather asks a cancelled future for it. */
PyObject *face_make_cancelled_error(PromiseObject *self, PyObject *Py_UNUSED(ignored)) {
    PyObject *type;
    if (was_cancelled(self))
        return Py_NewRef((PyObject *)self->core.value);
    type = cancelled_error(PROMISE_LOOP(self)->state);
    return type ? PyObject_CallNoArgs(type) : NULL;
}

/* What cancel() was given, which asyncio asks for as well. */
PyObject *face_get_cancel_message(PromiseObject *self, void *Py_UNUSED(closure)) {
    PyObject *args, *message;
    if (!was_cancelled(self))
        Py_RETURN_NONE;
    if (!(args = PyObject_GetAttrString((PyObject *)self->core.value, "args")))
        return NULL;
    message = PyTuple_Check(args) && PyTuple_GET_SIZE(args) ? PyTuple_GET_ITEM(args, 0) : Py_None;
    Py_INCREF(message);
    Py_DECREF(args);
    return message;
}

static bool still_pending(PromiseObject *self, const char *text) {
    promise_settle_if_closed(self);
    if (cp_promise_state(&self->core) != CP_PENDING)
        return false;
    raise_asyncio_error("InvalidStateError", text);
    return true;
}

const char face_result_doc[] =
    "result($self, /)\n--\n\n"
    "The value, or raises the reason; asyncio.InvalidStateError while it is pending.";
PyObject *face_result(PromiseObject *self, PyObject *Py_UNUSED(ignored)) {
    PyObject *result;
    if (still_pending(self, "result() of a promise that is still pending; await it"))
        return NULL;
    mark_handled(self);
    give_outcome(self, &result);
    return result;
}

const char face_exception_doc[] =
    "exception($self, /)\n--\n\n"
    "The reason as an exception, None when fulfilled. Raises CancelledError when cancelled and\n"
    "asyncio.InvalidStateError while it is pending.";
PyObject *face_exception(PromiseObject *self, PyObject *Py_UNUSED(ignored)) {
    PyObject *reason;
    if (still_pending(self, "exception() of a promise that is still pending; await it"))
        return NULL;
    mark_handled(self);
    if (cp_promise_state(&self->core) == CP_FULFILLED)
        Py_RETURN_NONE;
    reason = self->core.value;
    if (PyExceptionInstance_Check(reason) && !was_cancelled(self))
        return Py_NewRef(reason);
    raise_reason(PROMISE_LOOP(self)->state, reason);
    return was_cancelled(self) ? NULL : take_raised();
}
