/* py_task.c - coroutines. A task is the promise of what its coroutine returns, and that promise is
 * also the reaction on whatever the coroutine awaits: no future, no handle and no callback stand
 * between a settled promise and the coroutine that continues.
 *
 * As an async function of ECMAScript, a coroutine runs up to its first await when the task is made.
 */
#include "binding.h"

/* Ends the step of a coroutine that awaited something this loop cannot wait for, by raising in it.
 */
static PySendResult refuse(PyObject *coro, PyObject *awaited, PyObject **result) {
    PyObject *error = PyObject_CallFunction(
        PyExc_RuntimeError, "N",
        PyUnicode_FromFormat(
            "a coroutine on a cpromise loop awaited %R; it can await promises, coroutines and "
            "what is made of them",
            awaited));
    Py_DECREF(awaited);
    *result = error ? PyObject_CallMethod(coro, "throw", "O", error) : NULL;
    Py_XDECREF(error);
    return *result ? PYGEN_NEXT : PYGEN_ERROR;
}

/* Registers the task on what its coroutine yielded. Steals `awaited`. False: it cannot be awaited
 * here. */
static bool wait_for(PromiseObject *task, PyObject *awaited) {
    LoopObject *loop = PROMISE_LOOP(task);
    if (awaited == Py_None) { /* a bare yield: go on in the next microtask */
        Py_DECREF(awaited);
        Py_INCREF(task);
        cp_enqueue(&loop->core, &task->core.self.job);
        return true;
    }
    if (!Py_IS_TYPE(awaited, loop->state->Promise) ||
        PROMISE_LOOP((PromiseObject *)awaited) != loop)
        return false;
    promise_subscribe((PromiseObject *)awaited, task);
    Py_DECREF(awaited);
    return true;
}

/* throw() reports a return as StopIteration; PyIter_Send does not. */
static PySendResult unwrap_throw(PySendResult status, PyObject **result) {
    PyObject *stop;
    if (status != PYGEN_ERROR || !PyErr_ExceptionMatches(PyExc_StopIteration))
        return status;
    stop = take_raised();
    *result = PyObject_GetAttrString(stop, "value");
    Py_DECREF(stop);
    return *result ? PYGEN_RETURN : PYGEN_ERROR;
}

/* Runs the coroutine to its next await. `value` (borrowed, or NULL at the start) is what it waits
 * to be resumed with. */
static int step(PromiseObject *task, PyObject *value) {
    LoopObject *loop = PROMISE_LOOP(task);
    PyObject *coro = task->core.self.ok, *outer = loop->resume, *result;
    PySendResult status;

    loop->resume = value;
    status = PyIter_Send(coro, Py_None, &result);
    loop->resume = NULL;
    while (status == PYGEN_NEXT && !wait_for(task, result))
        status = unwrap_throw(refuse(coro, result, &result), &result);
    loop->resume = outer;
    if (status == PYGEN_NEXT)
        return 0;
    task->core.self.ok = NULL;
    Py_DECREF(coro);
    if (status == PYGEN_ERROR)
        return promise_reject_raised(task);
    return promise_resolve(task, result);
}

int run_task(PromiseObject *task) {
    PyObject *value = task->core.self.arg;
    int err;
    task->core.self.arg = NULL;
    err = step(task, value);
    Py_XDECREF(value);
    Py_DECREF(task);
    return err;
}

PromiseObject *task_new(LoopObject *loop, PyObject *coro) {
    PromiseObject *task = promise_new(loop);
    if (!task) {
        Py_DECREF(coro);
        return NULL;
    }
    task->core.self.job.kind = KIND_TASK;
    task->core.self.ok = coro;
    if (step(task, NULL) < 0)
        Py_CLEAR(task);
    return task;
}
