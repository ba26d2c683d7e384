/* py_task.c - coroutines. A task is the promise of what its coroutine returns, and that promise is
 * also the reaction on whatever the coroutine awaits: no future, no handle and no callback stand
 * between a settled promise and the coroutine that continues.
 *
 * As an async function of ECMAScript, a coroutine runs up to its first await when the task is made.
 * Like an asyncio task it has a context (contextvars) of its own, a copy of its maker's. */
#include "binding.h"

static struct cp_job *job_of(PromiseObject *task) {
    return &task->core.self.job;
}

/* throw() reports a return as StopIteration; PyIter_Send does not. */
static PySendResult throw_into(PromiseObject *task, PyObject *exception, PyObject **result) {
    PyObject *throw = PROMISE_LOOP(task)->state->str_throw, *stop;
    *result = PyObject_CallMethodOneArg(task->core.self.ok, throw, exception);
    if (*result)
        return PYGEN_NEXT;
    if (!PyErr_ExceptionMatches(PyExc_StopIteration))
        return PYGEN_ERROR;
    stop = take_raised();
    *result = PyObject_GetAttrString(stop, "value");
    Py_DECREF(stop);
    return *result ? PYGEN_RETURN : PYGEN_ERROR;
}

static void raise_refusal(LoopObject *loop, PyObject *awaited) {
    if (Py_IS_TYPE(awaited, loop->state->Promise))
        PyErr_Format(loop->state->WrongLoopError,
                     "a coroutine awaited %R, which belongs to another loop; settle a promise of "
                     "this loop from there with resolve() or reject()",
                     awaited);
    else
        PyErr_Format(PyExc_RuntimeError,
                     "a coroutine on a cpromise loop awaited %R; it can await promises, "
                     "coroutines, futures and what is made of them",
                     awaited);
}

/* What the coroutine awaited is nothing that this loop can wait for (or the exception that says why
 * is raised already): it is told so, by raising in it. Steals awaited. */
static PySendResult refuse(PromiseObject *task, PyObject *awaited, PyObject **result) {
    PyObject *error;
    PySendResult status;
    if (!PyErr_Occurred())
        raise_refusal(PROMISE_LOOP(task), awaited);
    Py_DECREF(awaited);
    error = take_raised();
    status = throw_into(task, error, result);
    Py_DECREF(error);
    return status;
}

/* A bare yield, as in asyncio.sleep(0): go on when others had their turn, as a macrotask. */
static void go_on_soon(PromiseObject *task) {
    task->core.self.arg = Py_NewRef(Py_None);
    job_of(task)->phase = CP_QUEUED;
    job_of(task)->flags &= (uint8_t)~CP_ARG_REJECTED;
    job_of(task)->flags |= FLAG_FOREIGN; /* no promise will ask for this None */
    Py_INCREF(task);
    cp_enqueue_macro(task->core.loop, job_of(task));
}

/* An asyncio future that is being awaited as asyncio's tasks do. */
static bool wait_for_future(PromiseObject *task, PyObject *awaited) {
    LoopObject *loop = PROMISE_LOOP(task);
    PromiseObject *p;
    if (!is_asyncio_future(loop->state, awaited) ||
        PyObject_SetAttr(awaited, loop->state->str_blocking, Py_False) < 0 ||
        !(p = promise_of_future(loop, awaited)))
        return false;
    job_of(task)->flags |= FLAG_FOREIGN;
    promise_subscribe(p, task);
    Py_DECREF(p);
    return true;
}

/* Registers the task on what its coroutine yielded. False: it cannot be awaited here. */
static bool wait_for(PromiseObject *task, PyObject *awaited) {
    LoopObject *loop = PROMISE_LOOP(task);
    if (awaited == Py_None)
        go_on_soon(task);
    else if (!Py_IS_TYPE(awaited, loop->state->Promise))
        return wait_for_future(task, awaited);
    else if (PROMISE_LOOP((PromiseObject *)awaited) == loop)
        promise_subscribe((PromiseObject *)awaited, task);
    else
        return false;
    return true;
}

/* Goes on with `value` (stolen, NULL at the start), the outcome of what was awaited. A promise
 * hands it over itself, see py_face.c; a future of asyncio does when it is asked. */
static PySendResult go_on(PromiseObject *task, PyObject *value, PyObject **result) {
    LoopObject *loop = PROMISE_LOOP(task);
    const uint8_t flags = job_of(task)->flags;
    const bool foreign = flags & FLAG_FOREIGN;
    PySendResult status;
    job_of(task)->flags &= (uint8_t) ~(FLAG_THROW | FLAG_FOREIGN);
    if (flags & FLAG_THROW || (foreign && flags & CP_ARG_REJECTED)) {
        status = throw_into(task, value, result);
    } else {
        loop->resume = foreign ? NULL : value;
        status = PyIter_Send(task->core.self.ok, Py_None, result);
    }
    loop->resume = NULL;
    Py_XDECREF(value);
    return status;
}

/* It was told to cancel itself while it ran: the CancelledError (new reference), or NULL. */
static PyObject *take_cancellation(PromiseObject *task) {
    PyObject *reason = NULL;
    if (job_of(task)->flags & FLAG_CANCEL) {
        reason = task->core.self.arg;
        task->core.self.arg = NULL;
        job_of(task)->flags &= (uint8_t)~FLAG_CANCEL;
    }
    return reason;
}

/* The coroutine ended: its context and itself go first. Steals result. */
static int finish(PromiseObject *task, PySendResult status, PyObject *result) {
    PyObject *coro = task->core.self.ok;
    task->core.self.ok = NULL;
    job_of(task)->kind = CP_PASS;
    Py_CLEAR(task->context);
    if (status == PYGEN_ERROR) {
        result = take_raised();
        Py_DECREF(coro);
        restore_raised(result);
        return promise_reject_raised(task);
    }
    Py_DECREF(coro);
    return promise_resolve(task, result);
}

/* At its next await, which it has come to, or at its end. Steals reason, and result at the end. */
static int cancel_itself(PromiseObject *task, PySendResult status, PyObject *result,
                         PyObject *reason) {
    if (status == PYGEN_NEXT)
        return promise_cancel_with(task, reason) < 0 ? -1 : 0;
    Py_DECREF(result);
    restore_raised(reason);
    return finish(task, PYGEN_ERROR, NULL);
}

/* Whether the coroutine awaits the value of a promise that has one, and nothing else is to run before
 * it goes on. In debug mode each step is a job, whose time is taken. */
static bool goes_on_at_once(PromiseObject *task, PyObject *awaited) {
    LoopObject *loop = PROMISE_LOOP(task);
    PromiseObject *p = (PromiseObject *)awaited;
    return Py_IS_TYPE(awaited, loop->state->Promise) && PROMISE_LOOP(p) == loop &&
           cp_promise_state(&p->core) == CP_FULFILLED && !(job_of(task)->flags & FLAG_CANCEL) &&
           !loop->debug && cp_is_next(&loop->core);
}

/* Steals awaited. */
static PySendResult go_on_at_once(PromiseObject *task, PyObject *awaited, PyObject **result) {
    PyObject *value = Py_NewRef((PyObject *)((PromiseObject *)awaited)->core.value);
    Py_DECREF(awaited);
    return go_on(task, value, result);
}

/* Runs the coroutine to its next await; in a job of its own to the next one that waits. Steals value. */
static int step(PromiseObject *task, PyObject *value, bool in_job) {
    LoopObject *loop = PROMISE_LOOP(task);
    PyObject *outer = loop->resume, *result;
    PyObject *cancellation = NULL;
    bool driving = loop->driving;
    PySendResult status;

    loop->driving = true;
    status = go_on(task, value, &result);
    while (in_job && status == PYGEN_NEXT && goes_on_at_once(task, result))
        status = go_on_at_once(task, result, &result);
    cancellation = take_cancellation(task);
    while (status == PYGEN_NEXT && !wait_for(task, result)) {
        status = refuse(task, result, &result);
        Py_XSETREF(cancellation, take_cancellation(task));
    }
    loop->driving = driving;
    loop->resume = outer;
    if (status == PYGEN_NEXT)
        Py_DECREF(result);
    if (cancellation && status != PYGEN_ERROR)
        return cancel_itself(task, status, result, cancellation);
    Py_XDECREF(cancellation);
    return status == PYGEN_NEXT ? 0 : finish(task, status, result);
}

int run_task(PromiseObject *task) {
    PyObject *value = task->core.self.arg;
    int err;
    task->core.self.arg = NULL;
    job_of(task)->phase = CP_IDLE;
    if (context_use_own(PROMISE_LOOP(task), task->context) < 0) {
        Py_XDECREF(value);
        err = finish(task, PYGEN_ERROR, NULL);
    } else {
        err = step(task, value, true);
    }
    Py_DECREF(task);
    return err;
}

/* The first step runs inside the maker's job, if there is one. */
static int first_step(PromiseObject *task) {
    PyObject *context = PyContext_CopyCurrent();
    int err;
    if (!context || PyContext_Enter(context) < 0) {
        Py_XDECREF(context);
        return -1;
    }
    task->context = Py_NewRef(context);
    err = step(task, NULL, false);
    if (PyContext_Exit(context) < 0)
        err = -1;
    Py_DECREF(context);
    return err;
}

PromiseObject *task_new(LoopObject *loop, PyObject *coro) {
    PromiseObject *task = promise_new(loop);
    if (!task) {
        Py_DECREF(coro);
        return NULL;
    }
    job_of(task)->kind = KIND_TASK;
    task->core.self.ok = coro;
    if (first_step(task) < 0)
        Py_CLEAR(task);
    return task;
}
