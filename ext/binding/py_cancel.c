/* py_cancel.c - cancellation: CancelledError is raised where the chain waits.
 *
 * A promise that waits for another one asks that one to be cancelled, and so on upwards, as long as
 * nobody else waits for it: the topmost of them is rejected, and the rejection comes down through
 * the chain, past finally_() and catch(), as an exception comes down through the frames of a
 * cancelled asyncio task. Where somebody else waits, only this consumer gives up: it goes on as if
 * what it waited for had been rejected with CancelledError.
 *
 *   top of the chain              what cancel() does
 *   ----------------              ------------------
 *   settled from outside          rejects it; resolve() and reject() count no more
 *   follows a future              future.cancel(); the future settles it
 *   sleep()                       stops the timer, rejects it
 *   connect_tcp() and its like    ends the attempt, rejects it
 *   all(), any(), race() ...      cancels the inputs that nobody else waits for, rejects it
 *   coroutine that runs now       raises at its next await
 *   waits, but not alone          takes it out of the list of what it waits for
 *   waited for what has died      the same, without a list
 *   has its outcome, not its turn exchanges the outcome for the CancelledError */
#include "binding.h"

PyObject *cancelled_error(module_state *state) {
    PyObject *module;
    if (state->CancelledError)
        return state->CancelledError;
    if ((module = PyImport_ImportModule("asyncio.exceptions"))) {
        state->CancelledError = PyObject_GetAttrString(module, "CancelledError");
        Py_DECREF(module);
    }
    return state->CancelledError;
}

/* Without asyncio in the process nobody can have made one. */
bool is_cancelled_error(module_state *state, PyObject *reason) {
    PyObject *modules, *raised;
    bool loaded;
    if (!PyExceptionInstance_Check(reason) ||
        PyObject_TypeCheck(reason, (PyTypeObject *)PyExc_Exception))
        return false;
    raised = PyErr_Occurred() ? take_raised() : NULL;
    modules = PyImport_GetModuleDict();
    loaded = state->CancelledError || PyDict_GetItemString(modules, "asyncio.exceptions");
    loaded = loaded && cancelled_error(state) &&
             PyErr_GivenExceptionMatches(reason, state->CancelledError);
    PyErr_Clear();
    if (raised)
        restore_raised(raised);
    return loaded;
}

static struct cp_job *job_of(PromiseObject *p) {
    return &p->core.self.job;
}

/* What a reaction waits for, where that is a pending promise for which nobody else waits. Borrowed,
 * or NULL. */
static PromiseObject *sole_source(const struct cp_reaction *self) {
    bool listed = self->job.phase == CP_WAITING;
    struct cp_promise *source = self->arg;
    if (!listed && !(self->job.phase == CP_QUEUED && self->job.kind == CP_ADOPT))
        return NULL;
    if (cp_promise_state(source) != CP_PENDING || source->self.job.flags & FLAG_MAIN ||
        !cp_promise_has_reactions(source, listed))
        return NULL;
    return PROMISE_OF(source);
}

/* p has its outcome and waits for its turn: it gets another one. Steals reason. */
static void exchange(PromiseObject *p, PyObject *reason) {
    struct cp_reaction *self = &p->core.self;
    PyObject *arg = self->arg, *ok = NULL, *context = NULL;
    if (self->job.kind == CP_ADOPT) {
        arg = (PyObject *)PROMISE_OF((struct cp_promise *)self->arg);
    } else if (self->job.kind == KIND_THENABLE) {
        ok = self->ok;
        context = p->context;
        self->ok = p->context = NULL;
    }
    if (self->job.kind == CP_ADOPT || self->job.kind == KIND_THENABLE)
        self->job.kind = CP_PASS;
    self->arg = reason;
    self->job.flags |= CP_ARG_REJECTED;
    Py_XDECREF(arg); /* only now: these may run any code */
    Py_XDECREF(ok);
    Py_XDECREF(context);
}

/* p goes on as if what it waited for had been rejected. Steals reason, and the reference to p. */
static void queue_with(PromiseObject *p, PyObject *reason) {
    p->core.self.arg = reason;
    job_of(p)->flags |= CP_ARG_REJECTED;
    job_of(p)->phase = CP_QUEUED;
    cp_enqueue(p->core.loop, job_of(p));
}

/* p stops waiting and gets `reason` (stolen) instead. The list's reference becomes the queue's. */
static void give_up(PromiseObject *p, PyObject *reason) {
    cp_promise_unsubscribe(&p->core.self);
    queue_with(p, reason);
}

/* p, which is idle, is rejected and lets go of what would have settled it. Steals reason. */
static void reject_idle(PromiseObject *p, PyObject *reason) {
    void *ok = p->core.self.ok;
    int kind = job_of(p)->kind;
    if (kind == KIND_OPERATION)
        p->core.self.ok = NULL;
    promise_reject(p, reason);
    if (kind == KIND_TIMED && ok) {
        p->core.self.ok = NULL;
        timer_forget(ok);
    } else if (kind == KIND_COMBINED) {
        combiner_cancel(ok);
    } else if (kind == KIND_OPERATION && ok) {
        ((struct operation *)ok)->cancelled(ok);
    }
}

static bool coroutine_runs(PromiseObject *p) {
    return job_of(p)->kind == KIND_TASK && p->core.self.ok;
}

static void tell_to_cancel(PromiseObject *task, PyObject *reason) {
    if (!(job_of(task)->flags & FLAG_CANCEL))
        task->core.self.arg = Py_NewRef(reason);
    job_of(task)->flags |= FLAG_CANCEL;
}

/* 1: the future will settle p. 0: it will not. */
static int ask_future(PromiseObject *p, PyObject *reason) {
    return job_of(p)->kind == KIND_ROOT && p->context ? future_cancel(p, reason) : 0;
}

/* What it waited for has died. */
static bool is_orphan(PromiseObject *p) {
    return job_of(p)->kind >= KIND_THEN && job_of(p)->kind <= KIND_TAP && p->core.self.ok;
}

static int deliver_idle(PromiseObject *top, PyObject *reason) {
    int asked = 0;
    if (coroutine_runs(top))
        tell_to_cancel(top, reason);
    else if (is_orphan(top))
        queue_with((PromiseObject *)Py_NewRef(top), Py_NewRef(reason));
    else if ((asked = ask_future(top, reason)) == 0)
        reject_idle(top, Py_NewRef(reason));
    Py_DECREF(reason);
    return asked;
}

/* Raises reason (stolen) where `top` waits. -1 with an exception set. */
static int deliver(PromiseObject *top, PyObject *reason) {
    if (job_of(top)->phase == CP_IDLE)
        return deliver_idle(top, reason);
    if (job_of(top)->kind == KIND_TASK)
        job_of(top)->flags |= FLAG_THROW;
    if (job_of(top)->phase == CP_WAITING)
        give_up(top, reason);
    else
        exchange(top, reason); /* also of one that is detached just now, and has none yet */
    return 0;
}

static PyObject *new_cancelled_error(module_state *state, PyObject *message) {
    PyObject *type = cancelled_error(state);
    if (!type)
        return NULL;
    return message && message != Py_None ? PyObject_CallOneArg(type, message)
                                         : PyObject_CallNoArgs(type);
}

/* The topmost promise for which nobody but p, and those between, waits. Promises that wait for each
 * other in a circle have no top: any of them will do (the slower walker meets the faster one). */
static PromiseObject *top_of(PromiseObject *p) {
    PromiseObject *top = p, *slow = p, *next;
    for (unsigned steps = 1; (next = sole_source(&top->core.self)); steps++) {
        top = next;
        if (top == slow)
            break;
        if (steps % 2 == 0)
            slow = sole_source(&slow->core.self);
    }
    return top;
}

int promise_cancel_with(PromiseObject *p, PyObject *reason) {
    PromiseObject *top;
    int err;
    if (cp_promise_state(&p->core) != CP_PENDING) {
        Py_DECREF(reason);
        return 0;
    }
    top = (PromiseObject *)Py_NewRef(top_of(p));
    err = deliver(top, reason);
    Py_DECREF(top);
    return err < 0 ? -1 : 1;
}

int promise_cancel(PromiseObject *p, PyObject *message) {
    PyObject *reason;
    if (cp_promise_state(&p->core) != CP_PENDING)
        return 0;
    if (!(reason = new_cancelled_error(PROMISE_LOOP(p)->state, message)))
        return -1;
    return promise_cancel_with(p, reason);
}

PromiseObject *reaction_leave(struct cp_reaction *self) {
    PromiseObject *source;
    if (self->job.phase != CP_WAITING)
        return NULL;
    source = (PromiseObject *)Py_XNewRef(sole_source(self));
    cp_promise_unsubscribe(self);
    loop_drop_job(&self->job);
    return source;
}

void promise_expire(PromiseObject *p, PyObject *reason) {
    PromiseObject *source = reaction_leave(&p->core.self);
    promise_reject(p, reason);
    if (source && promise_cancel(source, NULL) < 0)
        loop_report(PROMISE_LOOP(p), (PyObject *)source);
    Py_XDECREF(source);
}

/* ---- From Python */

static PyObject *cancel_there(PromiseObject *self, PyObject *message) {
    PyObject *method = PyObject_GetAttrString((PyObject *)self, "cancel");
    int err = method ? loop_post_call(PROMISE_LOOP(self), method, message) : -1;
    Py_XDECREF(method);
    if (err < 0 && PyErr_ExceptionMatches(PROMISE_LOOP(self)->state->LoopClosedError)) {
        PyErr_Clear(); /* closed just now: it has rejected us */
        Py_RETURN_FALSE;
    }
    return err < 0 ? NULL : Py_NewRef(Py_True);
}

const char promise_cancel_doc[] =
    "cancel($self, /, reason=None) -> bool\n--\n\n"
    "Raises asyncio.CancelledError(reason) where this promise waits: it is rejected with that,\n"
    "once finally_() and catch() on the way have had their turn. What it waits for is cancelled,\n"
    "too, where nobody else waits for that. Any thread may call it. False: it is settled already.";
PyObject *promise_cancel_method(PromiseObject *self, PyObject *const *args, Py_ssize_t nargs,
                                PyObject *kwnames) {
    Py_ssize_t named = kwnames ? PyTuple_GET_SIZE(kwnames) : 0;
    PyObject *message = nargs + named ? args[0] : Py_None, *name;
    int cancelled;
    if (named) { /* `msg` is what asyncio calls it */
        name = PyTuple_GET_ITEM(kwnames, 0);
        if (PyUnicode_CompareWithASCIIString(name, "reason") &&
            PyUnicode_CompareWithASCIIString(name, "msg"))
            return PyErr_Format(PyExc_TypeError, "cancel() has no parameter %R", name);
    }
    if (!check_nargs("cancel", nargs + named, 0, 1))
        return NULL;
    if (cp_promise_state(&self->core) != CP_PENDING || !PROMISE_LOOP(self)->open)
        Py_RETURN_FALSE;
    if (!loop_is_here(PROMISE_LOOP(self)))
        return cancel_there(self, message);
    cancelled = promise_cancel(self, message);
    return cancelled < 0 ? NULL : PyBool_FromLong(cancelled);
}
