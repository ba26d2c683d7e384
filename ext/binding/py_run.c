/* py_run.c - running a loop: signals, the hooks of asynchronous generators, and the turns until the
 * main promise has settled. */
#include "binding.h"
#include <errno.h>

/* signal.set_wakeup_fd(fd): the descriptor that was set before, or -1 with an exception set. */
static int set_wakeup_fd(int fd) {
    PyObject *module = PyImport_ImportModule("_signal");
    PyObject *old = module ? PyObject_CallMethod(module, "set_wakeup_fd", "i", fd) : NULL;
    int result = old ? (int)PyLong_AsLong(old) : -1;
    Py_XDECREF(old);
    Py_XDECREF(module);
    return result;
}

/* Only the main thread of the main interpreter gets signals; there, one byte in the loop's pipe
 * ends the wait. Elsewhere Python refuses. */
static void watch_signals(LoopObject *loop, int *old_fd) {
    *old_fd = set_wakeup_fd(loop->core.wake_fd);
    loop->signals = !PyErr_Occurred();
    PyErr_Clear();
}

static void unwatch_signals(LoopObject *loop, int old_fd) {
    PyObject *raised = PyErr_Occurred() ? take_raised() : NULL;
    if (loop->signals && set_wakeup_fd(old_fd) == -1 && PyErr_Occurred())
        loop_report(loop, (PyObject *)loop);
    loop->signals = false;
    if (raised)
        restore_raised(raised);
}

/* The hooks of asynchronous generators are Python code: cpromise/_asyncgens.py. */
static PyObject *asyncgens_of(LoopObject *loop) {
    PyObject *module;
    if (!loop->asyncgens && (module = PyImport_ImportModule("cpromise._asyncgens"))) {
        loop->asyncgens = PyObject_CallMethod(module, "AsyncGens", "O", loop);
        Py_DECREF(module);
    }
    return loop->asyncgens;
}

static int call_asyncgens(LoopObject *loop, const char *method) {
    PyObject *raised = PyErr_Occurred() ? take_raised() : NULL;
    PyObject *gens = asyncgens_of(loop),
             *done = gens ? PyObject_CallMethod(gens, method, NULL) : NULL;
    if (done && raised)
        restore_raised(raised);
    else
        Py_XDECREF(raised);
    Py_XDECREF(done);
    return done ? 0 : -1;
}

static int begin_run(LoopObject *loop, LoopObject **outer, int *old_fd) {
    if (loop_check(loop, "run") < 0)
        return -1;
    if (loop->running || loop->guest_of) {
        PyErr_SetString(PyExc_RuntimeError,
                        loop->running ? "this loop is running already; await the promise instead "
                                        "of calling run()"
                                      : "this loop is attached to an asyncio loop, which runs it; "
                                        "await the promise there instead of calling run()");
        return -1;
    }
    if (current_swap(loop, outer) < 0)
        return -1;
    if (call_asyncgens(loop, "begin") < 0) {
        current_restore(loop->state, *outer);
        return -1;
    }
    loop->running = true;
    loop->core.stopped = false;
    watch_signals(loop, old_fd);
    return 0;
}

static void end_run(LoopObject *loop, LoopObject *outer, int old_fd) {
    cp_loop_run_late(&loop->core); /* what was written in the last turn; it runs no Python code */
    unwatch_signals(loop, old_fd);
    call_asyncgens(loop, "end");
    loop->running = false;
    current_restore(loop->state, outer);
}

static int turn(LoopObject *loop) {
    int err = cp_loop_step(&loop->core, CP_FOREVER);
    if (err < 0 && !PyErr_Occurred()) {
        errno = -err;
        PyErr_SetFromErrno(PyExc_OSError);
    }
    if (err == 0 && loop->signals)
        err = PyErr_CheckSignals();
    return err;
}

/* Turns until `main` has settled (NULL: until stop() is called). */
static int run_until(LoopObject *loop, PromiseObject *main) {
    struct contexts saved;
    int err;
    loop_begin_jobs(loop, &saved);
    err = cp_drain(&loop->core);
    while (err >= 0 && !loop->core.stopped &&
           !(main && cp_promise_state(&main->core) != CP_PENDING))
        err = turn(loop);
    loop->interrupted = err < 0 && raised_is_fatal();
    loop->hurry = loop->interrupted && PyErr_ExceptionMatches(PyExc_KeyboardInterrupt);
    loop_end_jobs(loop, &saved);
    if (err < 0 || !main || cp_promise_state(&main->core) != CP_PENDING)
        return err < 0 ? -1 : 0;
    PyErr_Format(PyExc_RuntimeError, "the loop was stopped before %R had settled", main);
    return -1;
}

static PyObject *outcome(LoopObject *loop, PromiseObject *main) {
    if (cp_promise_state(&main->core) == CP_FULFILLED)
        return Py_NewRef((PyObject *)main->core.value);
    raise_reason(loop->state, main->core.value);
    return NULL;
}

static bool is_awaitable(PyObject *obj) {
    return PyCoro_CheckExact(obj) ||
           (Py_TYPE(obj)->tp_as_async && Py_TYPE(obj)->tp_as_async->am_await);
}

/* Whether resolution knows what it is; another awaitable is awaited by a coroutine. */
static bool is_ours(LoopObject *loop, PyObject *awaitable) {
    return Py_IS_TYPE(awaitable, loop->state->Promise) || PyCoro_CheckExact(awaitable) ||
           is_asyncio_future(loop->state, awaitable);
}

/* The promise of `main`: an awaitable, or a function that returns one. */
static PromiseObject *main_promise(LoopObject *loop, PyObject *main) {
    PromiseObject *p = NULL;
    PyObject *coro, *awaitable = is_awaitable(main) || !PyCallable_Check(main)
                                     ? Py_NewRef(main)
                                     : PyObject_CallNoArgs(main);
    if (awaitable && !is_awaitable(awaitable))
        PyErr_Format(
            PyExc_TypeError,
            "run() takes a coroutine, a promise or a function that returns one, not %.200s",
            Py_TYPE(awaitable)->tp_name);
    else if (awaitable && is_ours(loop, awaitable))
        p = promise_from(loop, awaitable);
    else if (awaitable && (coro = PyObject_CallOneArg(loop->state->awaiting, awaitable)))
        p = task_new(loop, coro);
    Py_XDECREF(awaitable);
    if (p)
        p->core.self.job.flags |= CP_HANDLED | FLAG_MAIN; /* by run() itself */
    return p;
}

PyObject *loop_run_main(LoopObject *loop, PyObject *main) {
    LoopObject *outer;
    PromiseObject *p;
    PyObject *result = NULL;
    int old_fd;
    if (begin_run(loop, &outer, &old_fd) < 0)
        return NULL;
    if ((p = main_promise(loop, main)) && run_until(loop, p) == 0)
        result = outcome(loop, p);
    end_run(loop, outer, old_fd);
    if (p)
        p->core.self.job.flags &= (uint8_t)~FLAG_MAIN;
    Py_XDECREF(p);
    return result;
}

static bool has_unfinished(LoopObject *loop) {
    PyObject *set = loop->asyncgens ? PyObject_GetAttrString(loop->asyncgens, "unfinished") : NULL;
    bool some = set && PyObject_IsTrue(set) == 1;
    Py_XDECREF(set);
    PyErr_Clear();
    return some;
}

/* Not after Ctrl-C: the jobs that it ended would go on. */
int loop_finish_asyncgens(LoopObject *loop) {
    PyObject *main, *done;
    if (!loop->open || loop->interrupted || !has_unfinished(loop))
        return 0;
    if (!(main = PyObject_CallMethod(loop->asyncgens, "close_all", NULL)))
        return -1;
    done = loop_run_main(loop, main);
    Py_DECREF(main);
    Py_XDECREF(done);
    return done ? 0 : -1;
}

const char loop_run_doc[] =
    "run($self, main, /)\n--\n\n"
    "Runs the loop until main (a coroutine, a promise or a function that returns "
    "one) has settled;\n"
    "returns its value or raises its reason. The loop stays open.";
PyObject *loop_run(LoopObject *self, PyObject *main) {
    return loop_run_main(self, main);
}

const char loop_run_forever_doc[] =
    "run_forever($self, /)\n--\n\nRuns the loop until stop() is called.";
PyObject *loop_run_forever(LoopObject *self, PyObject *Py_UNUSED(args)) {
    LoopObject *outer;
    int old_fd, err;
    if (begin_run(self, &outer, &old_fd) < 0)
        return NULL;
    err = run_until(self, NULL);
    end_run(self, outer, old_fd);
    return err < 0 ? NULL : Py_NewRef(Py_None);
}

const char loop_stop_doc[] = "stop($self, /)\n--\n\nEnds run_forever() after the turn that is "
                             "under way. Nothing, when it does not run.";
PyObject *loop_stop(LoopObject *self, PyObject *Py_UNUSED(args)) {
    self->core.stopped = self->running;
    Py_RETURN_NONE;
}
