/* py_host.c - the host of the core: runs its jobs, gives the GIL away around a wait and takes it
 * back, and decides what becomes of errors that nobody handles. */
#include "binding.h"

/* ---- The host's half of the core
 * ---------------------------------------------------------------------------------- */

static int run_adopt(PromiseObject *p) {
    PromiseObject *q = PROMISE_OF((struct cp_promise *)p->core.self.arg);
    p->core.self.arg = NULL;
    p->core.self.job.kind = CP_PASS;
    promise_subscribe(q, p);
    Py_DECREF(q);
    Py_DECREF(p);
    return 0;
}

static int run_job(struct cp_loop *core, struct cp_job *job) {
    PromiseObject *p =
        PROMISE_OF(cp_promise_of(job)); /* meaningful for all kinds but the last two */
    switch (job->kind) {
    case CP_THEN:
    case CP_PASS:
        return run_then(p);
    case CP_ADOPT:
        return run_adopt(p);
    case KIND_TASK:
        return run_task(p);
    case KIND_FINALLY:
        return run_finally(p);
    case KIND_KEEP:
        return run_keep(p);
    case KIND_ELEMENT:
        return run_element(p);
    case KIND_THENABLE:
        return run_thenable(p);
    case KIND_SERVED:
        return run_served(p);
    case KIND_RESOLVE:
        return run_resolved(job);
    case KIND_WORK:
        return run_work(job);
    default:
        return run_callback(LOOP_OF(core), job);
    }
}

void loop_drop_job(struct cp_job *job) {
    switch (job->kind) {
    case KIND_CALLBACK:
        callback_drop(job);
        break;
    case KIND_WORK:
        work_drop(cp_container_of(job, struct cp_work, job));
        break;
    case KIND_RESOLVE:
        resolve_drop(cp_container_of(job, struct cp_work, job));
        break;
    default:
        Py_DECREF(PROMISE_OF(cp_promise_of(job)));
    }
}

void loop_drop_work(struct cp_work *work) {
    loop_drop_job(&work->job);
}

static void release(void *handler) {
    Py_DECREF((PyObject *)handler);
}

static void before_wait(struct cp_loop *core) {
    LOOP_OF(core)->tstate = PyEval_SaveThread();
}

static void after_wait(struct cp_loop *core) {
    PyEval_RestoreThread(LOOP_OF(core)->tstate);
}

static void drop_handled(struct cp_promise *p) {
    Py_DECREF(PROMISE_OF(p));
}

static int report_unhandled(struct cp_loop *core) {
    struct cp_promise *p;
    int err = 0;
    while (!err && (p = cp_unhandled_next(core, drop_handled))) {
        err = loop_unhandled(LOOP_OF(core), PROMISE_OF(p), Py_NewRef((PyObject *)p->value));
        Py_DECREF(PROMISE_OF(p));
    }
    return err;
}

const struct cp_host loop_host = {
    .run = run_job,
    .fire = timer_fire,
    .unhandled = report_unhandled,
    .release = release,
    .before_wait = before_wait,
    .after_wait = after_wait,
    .worker_start = worker_start,
    .worker_end = worker_end,
};

/* ---- Errors that nobody handles
 * ------------------------------------------------------------------------------------ */

static PyObject *as_exception(module_state *state, PyObject *reason) {
    if (PyObject_TypeCheck(reason, (PyTypeObject *)PyExc_Exception))
        return Py_NewRef(reason);
    return PyObject_CallOneArg(state->RejectionError, reason);
}

static int raise_unhandled(module_state *state, PyObject *reason) {
    PyObject *error = as_exception(state, reason), *group = NULL;
    if (error)
        group = PyObject_CallFunction(
            state->UnhandledRejections, "s[N]",
            "a promise was rejected and nobody handled it; add catch() or await it", error);
    if (group) {
        PyErr_SetObject(state->UnhandledRejections, group);
        Py_DECREF(group);
    }
    return -1;
}

int loop_unhandled(LoopObject *loop, PromiseObject *p, PyObject *reason) {
    PyObject *hook = loop->on_unhandled_rejection, *result;
    int err = 0;
    if (loop->closing) {
        /* what still waits is being rejected with LoopClosedError: that is not news */
    } else if (hook && hook != Py_None) {
        result = PyObject_CallFunctionObjArgs(hook, p ? (PyObject *)p : Py_None, reason, NULL);
        err = result ? 0 : -1;
        Py_XDECREF(result);
    } else {
        err = raise_unhandled(loop->state, reason);
    }
    Py_DECREF(reason);
    return err;
}

void loop_rejection_handled(LoopObject *loop, PromiseObject *p) {
    PyObject *hook = loop->on_rejection_handled, *result;
    if (!hook || hook == Py_None)
        return;
    result = PyObject_CallOneArg(hook, (PyObject *)p);
    if (!result)
        loop_report(loop, hook);
    Py_XDECREF(result);
}

void loop_report(LoopObject *Py_UNUSED(loop), PyObject *where) {
    PyErr_WriteUnraisable(where);
}
