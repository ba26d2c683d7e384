/* py_host.c - the host of the core: runs its jobs, gives the GIL away around a wait and takes it
 * back, and decides what becomes of errors that nobody handles. */
#include "binding.h"

/* ---- The host's half of the core */

static int run_adopt(PromiseObject *p) {
    PromiseObject *q = PROMISE_OF((struct cp_promise *)p->core.self.arg);
    p->core.self.arg = NULL;
    p->core.self.job.kind = CP_PASS;
    p->core.self.job.phase = CP_IDLE;
    promise_subscribe(q, p);
    Py_DECREF(q);
    Py_DECREF(p);
    return 0;
}

static int run_job(struct cp_loop *core, struct cp_job *job) {
    PromiseObject *p =
        PROMISE_OF(cp_promise_of(job)); /* meaningful for all kinds before KIND_ELEMENT */
    switch (job->kind) {
    case KIND_THEN:
    case KIND_CATCH:
    case KIND_BOTH:
        return run_then(p);
    case KIND_TASK:
        return run_task(p);
    case CP_PASS:
        return run_pass(p);
    case CP_ADOPT:
        return run_adopt(p);
    case KIND_FINALLY:
    case KIND_TAP:
        return run_finally(p);
    case KIND_KEEP:
        return run_keep(p);
    case KIND_DELAY:
        return run_delay(p);
    case KIND_TIMED:
        return run_timed(p);
    case KIND_ELEMENT:
        return run_element(LOOP_OF(core), job);
    case KIND_THENABLE:
        return run_thenable(p);
    case KIND_DONE:
        return run_done(p);
    case KIND_SERVED:
        return run_served(p);
    case KIND_WORK:
        return run_work(job);
    case KIND_NATIVE:
        return run_native(job);
    case KIND_READ:
        run_read(job);
        return 0;
    case KIND_FLUSH:
        run_flush(job);
        return 0;
    case KIND_SETTLER:
        return run_settler(job);
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
    case KIND_NATIVE:
        native_drop(NATIVE_OF(job));
        break;
    case KIND_READ:
        run_read(job);
        break;
    case KIND_FLUSH:
        run_flush(job);
        break;
    case KIND_SETTLER:
        settler_drop(job);
        break;
    case KIND_ELEMENT:
        element_drop(job);
        break;
    default:
        promise_drop_job(PROMISE_OF(cp_promise_of(job)));
    }
}

int job_visit(struct cp_job *job, visitproc visit, void *arg) {
    switch (job->kind) {
    case KIND_CALLBACK:
        return callback_visit(job, visit, arg);
    case KIND_READ:
        Py_VISIT(read_object(job));
        return 0;
    case KIND_FLUSH:
        Py_VISIT(flush_object(job));
        return 0;
    case KIND_SETTLER:
        Py_VISIT(settler_object(job));
        return 0;
    case KIND_ELEMENT:
        Py_VISIT((PyObject *)cp_reaction_of(job)->ok);
        if (job->phase == CP_QUEUED)
            Py_VISIT((PyObject *)cp_reaction_of(job)->arg);
        return 0;
    case KIND_WORK:
    case KIND_NATIVE:
        return 0; /* the pool's: alive until they have come home */
    default:
        Py_VISIT(PROMISE_OF(cp_promise_of(job)));
        return 0;
    }
}

void loop_drop_work(struct cp_work *work) {
    loop_drop_job(&work->job);
}

/* Its thread keeps a reference until it has ended it. What interrupted the loop stays raised. */
void loop_lose_work(struct cp_work *work) {
    PyObject *raised = PyErr_Occurred() ? take_raised() : NULL;
    if (work->job.kind == KIND_NATIVE) {
        NATIVE_OF(&work->job)->never(NATIVE_OF(&work->job));
    } else {
        Py_INCREF(work_object(work));
        loop_drop_work(work);
    }
    if (raised)
        restore_raised(raised);
}

/* On a pool thread that was left behind. At the end of the interpreter the GIL is never given. */
static void worker_lost(struct cp_work *work, void *worker) {
    if (!worker)
        return;
    PyEval_RestoreThread(work->pool == CP_POOL_APART ? apart_home(worker) : worker);
    if (work->job.kind == KIND_NATIVE)
        NATIVE_OF(&work->job)->free(NATIVE_OF(&work->job));
    else
        Py_DECREF(work_object(work));
    PyEval_SaveThread();
}

static int interrupted(struct cp_loop *Py_UNUSED(core)) {
    return PyErr_CheckSignals();
}

/* While closing: over a million jobs, or some thousands after Ctrl-C. They would go on for ever. */
enum { LAST_BREATHS = 1100, AFTER_INTERRUPT = 32 };

int loop_breathe(LoopObject *loop) {
    PyObject *done = PyObject_CallNoArgs(loop->state->breathe);
    Py_XDECREF(done);
    if (done && loop->closing &&
        ++loop->last_breaths > (loop->interrupted ? AFTER_INTERRUPT : LAST_BREATHS)) {
        PyErr_SetString(loop->state->LoopClosedError,
                        "jobs did not come to an end while their loop was being closed");
        return -1;
    }
    return done ? 0 : -1;
}

static void drop_handled(struct cp_promise *p) {
    Py_DECREF(PROMISE_OF(p));
}

static int breathe(struct cp_loop *core) {
    cp_unhandled_sweep(core, drop_handled);
    return loop_breathe(LOOP_OF(core));
}

static void before_wait(struct cp_loop *core) {
    LOOP_OF(core)->tstate = PyEval_SaveThread();
}

static void after_wait(struct cp_loop *core) {
    PyEval_RestoreThread(LOOP_OF(core)->tstate);
}

/* ---- Errors that nobody handles */

/* A cancelled promise is not news: whoever cancelled it knows. */
static bool is_news(LoopObject *loop, PyObject *reason) {
    return !loop->closing && !is_cancelled_error(loop->state, reason);
}

static PyObject *as_exception(module_state *state, PyObject *reason) {
    if (PyObject_TypeCheck(reason, (PyTypeObject *)PyExc_Exception))
        return Py_NewRef(reason);
    return PyObject_CallOneArg(state->RejectionError, reason);
}

static int raise_group(module_state *state, PyObject *errors) {
    PyObject *group = PyObject_CallFunction(
        state->UnhandledRejections, "sO",
        "promises were rejected and nobody handled it; add catch() or await them", errors);
    if (group) {
        PyErr_SetObject(state->UnhandledRejections, group);
        Py_DECREF(group);
    }
    return -1;
}

static int warn(LoopObject *loop, PromiseObject *p, PyObject *reason) {
    PyObject *origin = p ? origin_of(p) : NULL;
    (void)loop;
    return PyErr_WarnFormat(PyExc_RuntimeWarning, 1,
                            "a promise%s%V was rejected and nobody handled it: %R",
                            origin ? " made at " : "", origin, "", reason);
}

static int call_hook(PyObject *hook, PromiseObject *p, PyObject *reason) {
    PyObject *result;
    Py_INCREF(hook); /* it may put another one in its place */
    result = PyObject_CallFunctionObjArgs(hook, p ? (PyObject *)p : Py_None, reason, NULL);
    Py_XDECREF(result);
    Py_DECREF(hook);
    return result ? 0 : -1;
}

/* What nobody handled, as the hook or the mode says; errors that run() is to raise are collected in
 * `errors`, a list. 0 or -1. */
static int report(LoopObject *loop, PromiseObject *p, PyObject *reason, PyObject *errors) {
    PyObject *hook = loop->on_unhandled_rejection, *error;
    int err;
    if (!is_news(loop, reason))
        return 0;
    if (hook)
        return call_hook(hook, p, reason);
    if (loop->unhandled != UNHANDLED_RAISE)
        return loop->unhandled == UNHANDLED_WARN ? warn(loop, p, reason) : 0;
    if (!(error = as_exception(loop->state, reason)))
        return -1;
    err = PyList_Append(errors, error);
    Py_DECREF(error);
    return err;
}

static int finish_report(LoopObject *loop, PyObject *errors, int err) {
    if (err == 0 && PyList_GET_SIZE(errors))
        err = raise_group(loop->state, errors);
    Py_DECREF(errors);
    return err;
}

static int report_unhandled(struct cp_loop *core) {
    LoopObject *loop = LOOP_OF(core);
    PyObject *errors = PyList_New(0), *reason;
    struct cp_promise *p;
    int err = errors ? 0 : -1;
    while (!err && (p = cp_unhandled_next(core, drop_handled))) {
        reason = Py_NewRef((PyObject *)p->value);
        err = report(loop, PROMISE_OF(p), reason, errors);
        Py_DECREF(reason);
        Py_DECREF(PROMISE_OF(p));
    }
    return errors ? finish_report(loop, errors, err) : -1;
}

int loop_unhandled(LoopObject *loop, PromiseObject *p, PyObject *reason) {
    PyObject *errors = PyList_New(0);
    int err = errors ? report(loop, p, reason, errors) : -1;
    Py_DECREF(reason);
    return errors ? finish_report(loop, errors, err) : -1;
}

int loop_set_unhandled(LoopObject *loop, PyObject *how) {
    static const char *const modes[] = {"raise", "warn", "ignore"};
    if (PyCallable_Check(how)) {
        Py_XSETREF(loop->on_unhandled_rejection, Py_NewRef(how));
        return 0;
    }
    for (uint8_t mode = 0; PyUnicode_Check(how) && mode < 3; mode++)
        if (!PyUnicode_CompareWithASCIIString(how, modes[mode])) {
            loop->unhandled = mode;
            return 0;
        }
    PyErr_Format(PyExc_ValueError, "unhandled: 'raise', 'warn', 'ignore' or a callable, not %R",
                 how);
    return -1;
}

void loop_rejection_handled(LoopObject *loop, PromiseObject *p) {
    PyObject *hook = loop->on_rejection_handled, *result;
    if (!hook)
        return;
    Py_INCREF(hook);
    result = PyObject_CallOneArg(hook, (PyObject *)p);
    if (!result)
        loop_report(loop, hook);
    Py_XDECREF(result);
    Py_DECREF(hook);
}

void loop_report(LoopObject *Py_UNUSED(loop), PyObject *where) {
    PyErr_WriteUnraisable(where);
}

/* ---- The hosts: the second one measures each job, so that the first one need not ask */

static int run_timed_job(struct cp_loop *core, struct cp_job *job) {
    struct slow_watch watch;
    slow_begin(&watch, LOOP_OF(core), job_function(job));
    return slow_end(&watch, run_job(core, job));
}

static int fire_timed(struct cp_loop *core, struct cp_timer *timer) {
    struct slow_watch watch;
    slow_begin(&watch, LOOP_OF(core), timer_function(timer));
    return slow_end(&watch, timer_fire(core, timer));
}

/* CPython 3.12 aborts when it ends while one of its interpreters is in use. */
enum { KEPT_POOLS = PY_VERSION_HEX < 0x030d0000 ? 1 << CP_POOL_APART : 0 };

#define HOST(run_function, fire_function)                                                          \
    {                                                                                              \
        .run = run_function, .fire = fire_function, .unhandled = report_unhandled,                 \
        .breathe = breathe, .before_wait = before_wait, .after_wait = after_wait,                  \
        .worker_start = worker_start, .worker_end = worker_end, .worker_lost = worker_lost,        \
        .interrupted = interrupted, .expect = stream_expect, .kept_pools = KEPT_POOLS,             \
    }

const struct cp_host loop_host = HOST(run_job, timer_fire);
const struct cp_host debug_host = HOST(run_timed_job, fire_timed);
