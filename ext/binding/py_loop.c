/* py_loop.c - the Loop type: queueing, opening, closing. How it runs is in py_run.c, what it does
 * for the core in py_host.c; which loop is whose, in py_current.c. */
#include "binding.h"

/* ---- Driving it from outside */

PyDoc_STRVAR(run_microtasks_doc,
             "run_microtasks($self, /) -> int\n--\n\n"
             "Drains the microtask queue once, without a turn of the loop; how many jobs ran.");
static PyObject *loop_run_microtasks(LoopObject *self, PyObject *Py_UNUSED(args)) {
    struct contexts saved;
    int count;
    if (loop_check(self, "drive") < 0)
        return NULL;
    loop_begin_jobs(self, &saved);
    count = cp_drain(&self->core);
    loop_end_jobs(self, &saved);
    return count < 0 ? NULL : PyLong_FromLong(count);
}

PyDoc_STRVAR(has_pending_doc,
             "has_pending($self, /) -> bool\n--\n\n"
             "Whether a job, a timer, an operation or work off the loop is outstanding.");
static PyObject *loop_has_pending(LoopObject *self, PyObject *Py_UNUSED(args)) {
    return PyBool_FromLong(self->open && cp_loop_pending(&self->core));
}

/* ---- Queueing */

#if PY_VERSION_HEX < 0x030d0000 /* one thread at a time is in here anyway */
#define Py_BEGIN_CRITICAL_SECTION(object) {
#define Py_END_CRITICAL_SECTION()         }
#endif

/* Not while another thread closes the loop. */
bool loop_post(LoopObject *loop, struct cp_job *job) {
    bool open;
    Py_BEGIN_CRITICAL_SECTION(loop);
    if ((open = loop->open))
        cp_post(&loop->core, job);
    Py_END_CRITICAL_SECTION();
    return open;
}

/* A closing loop runs what reacts to the closing, and takes no new calls: it would never end. */
static int check_takes_calls(LoopObject *self, const char *what) {
    if (!self->closing || !self->open)
        return loop_check(self, what);
    PyErr_Format(self->state->LoopClosedError, "cannot %s a loop that is being closed", what);
    return -1;
}

static struct cp_job *make_call(LoopObject *self, PyObject *const *args, Py_ssize_t nargs,
                                const char *name) {
    if (nargs >= 1 && PyCallable_Check(args[0]))
        return callback_new(self, args[0], args + 1, nargs - 1);
    PyErr_Format(PyExc_TypeError, "%s(fn, *args): fn must be callable", name);
    return NULL;
}

static int post_call(LoopObject *self, PyObject *const *args, Py_ssize_t nargs, const char *name) {
    struct cp_job *job;
    if (self->open && self->forks != fork_count())
        return loop_check(self, "send a message to");
    if (!(job = make_call(self, args, nargs, name)))
        return -1;
    if (loop_post(self, job))
        return 0;
    callback_drop(job);
    PyErr_Format(self->state->LoopClosedError, "%s() on a loop that is closed", name);
    return -1;
}

int loop_post_call(LoopObject *loop, PyObject *fn, PyObject *arg) {
    PyObject *args[2] = {fn, arg};
    return post_call(loop, args, 2, "resolve");
}

PyDoc_STRVAR(
    queue_microtask_doc,
    "queue_microtask($self, fn, /, *args)\n--\n\n"
    "Calls fn(*args) as a job of the microtask queue, which is drained to empty after every\n"
    "timer, completion, message and call_soon callback.");
static PyObject *loop_queue_microtask(LoopObject *self, PyObject *const *args, Py_ssize_t nargs) {
    struct cp_job *job;
    if (check_takes_calls(self, "queue a microtask on") < 0 ||
        !(job = make_call(self, args, nargs, "queue_microtask")))
        return NULL;
    cp_enqueue(&self->core, job);
    Py_RETURN_NONE;
}

PyDoc_STRVAR(
    call_soon_doc,
    "call_soon($self, fn, /, *args)\n--\n\nCalls fn(*args) in the next turn, as a macrotask.");
static PyObject *loop_call_soon(LoopObject *self, PyObject *const *args, Py_ssize_t nargs) {
    struct cp_job *job;
    if (check_takes_calls(self, "call soon on") < 0 ||
        !(job = make_call(self, args, nargs, "call_soon")))
        return NULL;
    cp_enqueue_macro(&self->core, job);
    Py_RETURN_NONE;
}

PyDoc_STRVAR(threadsafe_doc, "call_soon_threadsafe($self, fn, /, *args)\n--\n\n"
                             "call_soon from any thread; wakes the loop if it waits.");
static PyObject *loop_call_soon_threadsafe(LoopObject *self, PyObject *const *args,
                                           Py_ssize_t nargs) {
    return post_call(self, args, nargs, "call_soon_threadsafe") < 0 ? NULL : Py_NewRef(Py_None);
}

static PyObject *start_timer(LoopObject *self, PyObject *const *args, Py_ssize_t nargs,
                             const char *name, int (*deadline)(PyObject *, cp_ns *)) {
    cp_ns when;
    if (nargs < 2 || !PyCallable_Check(args[1]))
        return PyErr_Format(PyExc_TypeError, "%s(seconds, fn, *args): fn must be callable", name);
    if (loop_check(self, "start a timer on") < 0 || deadline(args[0], &when) < 0)
        return NULL;
    return timer_start_call(self, when, args[1], args + 2, nargs - 2);
}

PyDoc_STRVAR(call_later_doc, "call_later($self, seconds, fn, /, *args) -> Timer\n--\n\n"
                             "Calls fn(*args) when that time has passed, never earlier.");
static PyObject *loop_call_later(LoopObject *self, PyObject *const *args, Py_ssize_t nargs) {
    return start_timer(self, args, nargs, "call_later", deadline_after);
}

PyDoc_STRVAR(
    call_at_doc,
    "call_at($self, when, fn, /, *args) -> Timer\n--\n\nAs call_later, at a time of time().");
static PyObject *loop_call_at(LoopObject *self, PyObject *const *args, Py_ssize_t nargs) {
    return start_timer(self, args, nargs, "call_at", deadline_at);
}

PyDoc_STRVAR(time_doc,
             "time($self, /) -> float\n--\n\nSeconds of the monotonic clock that timers go by.");
static PyObject *loop_time(PyObject *Py_UNUSED(self), PyObject *Py_UNUSED(args)) {
    return PyFloat_FromDouble((double)cp_now() / 1e9);
}

/* ---- What can be seen of a loop */

static PyObject *loop_is_running(LoopObject *self, PyObject *Py_UNUSED(args)) {
    return PyBool_FromLong(self->running);
}

static PyObject *loop_is_closed(LoopObject *self, PyObject *Py_UNUSED(args)) {
    return PyBool_FromLong(!self->open);
}

PyDoc_STRVAR(stats_doc, "stats($self, /) -> dict\n--\n\n"
                        "Counters since the loop was made: turns, microtasks, macrotasks, polls, "
                        "gil_releases, wakeups, timers\n"
                        "and syscalls of the poller; and promises_alive now.");
static PyObject *loop_stats(LoopObject *self, PyObject *Py_UNUSED(args)) {
#define NOW(counter) __atomic_load_n(&self->counter, __ATOMIC_RELAXED)
    return Py_BuildValue("{sKsKsKsKsKsKsKsKsn}", "turns", NOW(core.stats.turns), "microtasks",
                         NOW(core.stats.microtasks), "macrotasks", NOW(core.stats.macrotasks),
                         "polls", NOW(core.stats.polls), "gil_releases", NOW(core.stats.waits),
                         "wakeups", NOW(core.stats.wakeups), "timers", NOW(core.stats.timers),
                         "syscalls", NOW(core.stats.syscalls), "promises_alive",
                         NOW(promises_alive));
#undef NOW
}

static PyObject *loop_repr(LoopObject *self) {
    return PyUnicode_FromFormat("<cpromise.Loop %s %s>", self->core.poller->name,
                                !self->open     ? "closed"
                                : self->running ? "running"
                                                : "idle");
}

PyObject *loop_settled_none(LoopObject *loop) {
    if (!loop->settled_none) {
        PromiseObject *p = promise_new(loop);
        if (!p)
            return NULL;
        promise_fulfil(p, Py_NewRef(Py_None));
        loop->settled_none = (PyObject *)p;
    }
    return Py_NewRef(loop->settled_none);
}

/* ---- Opening and closing */

#ifdef Py_GIL_DISABLED
#define LOCK_LOOPS(state)   PyMutex_Lock(&(state)->loops_lock)
#define UNLOCK_LOOPS(state) PyMutex_Unlock(&(state)->loops_lock)
#else
#define LOCK_LOOPS(state)
#define UNLOCK_LOOPS(state)
#endif

static void note_open(LoopObject *self) {
    LOCK_LOOPS(self->state);
    self->next_open = self->state->open_loops;
    self->prev_open = &self->state->open_loops;
    if (self->next_open)
        self->next_open->prev_open = &self->next_open;
    self->state->open_loops = self;
    UNLOCK_LOOPS(self->state);
}

static void forget_open(LoopObject *self) {
    LOCK_LOOPS(self->state);
    if (self->prev_open) {
        *self->prev_open = self->next_open;
        if (self->next_open)
            self->next_open->prev_open = self->prev_open;
        self->prev_open = NULL;
    }
    UNLOCK_LOOPS(self->state);
}

LoopObject *loop_new(module_state *state, const char *backend) {
    LoopObject *self = (LoopObject *)state->Loop->tp_alloc(state->Loop, 0);
    if (!self)
        return NULL;
    self->state = state;
    self->interp = PyInterpreterState_Get();
    self->thread = pthread_self();
    self->forks = fork_count();
    self->contexts.comparable = contexts_comparable();
    self->slow_callback_duration = 0.1;
    self->core.max_workers = default_workers();
    self->core.poller = &cp_poller_epoll;
    if (loop_set_debug(self, Py_None) < 0 || loop_open(self, backend) < 0) {
        Py_DECREF(self);
        return NULL;
    }
    self->open = true;
    note_open(self);
    return self;
}

static PyObject *loop_create(PyTypeObject *type, PyObject *args, PyObject *kwargs) {
    static char *keywords[] = {"backend", "debug", "workers", "pin", NULL};
    const char *backend = "auto";
    PyObject *debug = Py_None, *workers = Py_None, *pin = Py_None;
    LoopObject *loop;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|$sOOO:Loop", keywords, &backend, &debug,
                                     &workers, &pin) ||
        !(loop = loop_new(state_of_type(type), backend)))
        return NULL;
    if (loop_set_debug(loop, debug) < 0 || loop_set_workers(loop, workers, pin) < 0)
        Py_CLEAR(loop);
    return (PyObject *)loop;
}

/* One turn that does not wait, for what closing has set in motion. */
static void last_turn(LoopObject *self) {
    struct contexts saved;
    if (!loop_is_here(self)) /* collected on another thread: nobody can run its jobs */
        return;
    loop_begin_jobs(self, &saved);
    if (cp_loop_step(&self->core, 0) < 0) {
        if (raised_is_fatal()) /* Ctrl-C: no more jobs; close() raises it when all is closed */
            self->interrupt = take_raised();
        else if (self->interrupted) /* what went on for ever was interrupted: no news */
            PyErr_Clear();
        else
            loop_report(self, (PyObject *)self);
    }
    loop_end_jobs(self, &saved);
}

static void end_operations(LoopObject *self) {
    struct cp_timer *timer;
    while ((timer = cp_loop_take_timer(&self->core)))
        timer_drop(timer);
    while (self->core.open != &self->core.wake_io || self->core.wake_io.next_open) {
        struct cp_io *io = self->core.open;
        cp_io_close(&self->core, io == &self->core.wake_io ? io->next_open : io);
    }
}

enum { CLOSING_ROUNDS = 16 }; /* reactions to the closing may make new promises, but not for ever */

#if PY_VERSION_HEX < 0x030d0000
#define Py_IsFinalizing _Py_IsFinalizing
#endif

/* After Ctrl-C nothing that runs is waited for; nor at the end of the interpreter, where a thread of
 * the pool never gets the GIL again. */
static void end_work(LoopObject *self) {
    if (Py_IsFinalizing())
        self->hurry = true;
    if (self->interrupt && PyErr_GivenExceptionMatches(self->interrupt, PyExc_KeyboardInterrupt))
        self->hurry = true;
    if (cp_work_stop(&self->core, self->hurry, loop_drop_work, loop_lose_work) < 0) {
        self->interrupt = take_raised(); /* by a signal handler */
        self->interrupted = self->hurry = true;
    }
}

/* Everything that waits for this loop gets its LoopClosedError or ConnectionError now, and may
 * react to it. */
static void end_waiting(LoopObject *self) {
    end_work(self);
    for (int round = 0; round < CLOSING_ROUNDS; round++) {
        end_operations(self);
        promise_reject_roots(self);
        last_turn(self);
        if (self->interrupt || (!self->roots && !cp_loop_pending(&self->core)))
            break;
    }
    end_work(self);
}

static void mark_closed(LoopObject *self) {
    forget_open(self);
    Py_BEGIN_CRITICAL_SECTION(self);
    self->open = false;
    Py_END_CRITICAL_SECTION();
}

/* The workers of to_process() end before anything else: what they had under way is rejected then. */
static void close_processes(LoopObject *self) {
    PyObject *processes = self->processes, *done;
    self->processes = NULL;
    if (!processes)
        return;
    if (!(done = PyObject_CallMethod(processes, "close", NULL)))
        loop_report(self, processes);
    Py_XDECREF(done);
    Py_DECREF(processes);
}

static void close_loop(LoopObject *self) {
    struct cp_job *job;
    self->closing = true;
    self->core.notify = false;
    guest_detach(self);
    close_processes(self);
    end_waiting(self);
    mark_closed(self);
    Py_CLEAR(self->guest_of);
    promise_reject_roots(self);
    while ((job = cp_loop_take_job(&self->core)))
        loop_drop_job(job);
    Py_CLEAR(self->settled_none);
    Py_CLEAR(self->contexts.snapshot);
    Py_CLEAR(self->asyncgens);
    Py_CLEAR(self->apart_setup);
    cp_loop_close(&self->core);
    current_forget(self);
}

/* What was raised while closing, by a signal, is raised now. 0 or -1. */
static int raise_interrupt(LoopObject *loop) {
    PyObject *interrupt = loop->interrupt;
    loop->interrupt = NULL;
    if (interrupt)
        restore_raised(interrupt);
    return interrupt ? -1 : 0;
}

int loop_close_now(LoopObject *loop) {
    if (loop->open && loop->forks != fork_count())
        return loop_check(loop, "close");
    if (loop->running) {
        PyErr_SetString(PyExc_RuntimeError, "a running loop cannot be closed; stop() it first");
        return -1;
    }
    if (!loop->open || loop->closing)
        return 0;
    if (loop_check(loop, "close") < 0)
        return -1;
    if (loop->drives) {
        loop->close_wanted = true;
        return 0;
    }
    close_loop(loop);
    return raise_interrupt(loop);
}

void loop_close_wanted(LoopObject *loop) {
    loop->close_wanted = false;
    if (loop->open && !loop->closing)
        close_loop(loop);
    if (raise_interrupt(loop) < 0)
        loop_report(loop, (PyObject *)loop);
}

PyDoc_STRVAR(
    loop_close_doc,
    "close($self, /)\n--\n\n"
    "Closes the loop: running work is waited for; timers, reads, writes and connects that "
    "are still\n"
    "pending are rejected, and reactions to that run. A job of the loop itself may ask for "
    "it: it\n"
    "happens when the jobs have run. Harmless when closed.");
static PyObject *loop_close(LoopObject *self, PyObject *Py_UNUSED(args)) {
    return loop_close_now(self) < 0 ? NULL : Py_NewRef(Py_None);
}

/* What waits in the loop's queues keeps the loop alive: the collector has to see through them. */
static int visit_job(struct cp_job *job, void *closure) {
    void **visit = closure;
    return job_visit(job, (visitproc)visit[0], visit[1]);
}

static int visit_timer(struct cp_timer *timer, void *closure) {
    void **visit = closure;
    return ((visitproc)visit[0])(timer_object(timer), visit[1]);
}

static int loop_traverse(LoopObject *self, visitproc visit, void *arg) {
    void *closure[2] = {(void *)visit, arg};
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(self->settled_none);
    Py_VISIT(self->on_unhandled_rejection);
    Py_VISIT(self->on_rejection_handled);
    Py_VISIT(self->on_slow_callback);
    Py_VISIT(self->guest_of);
    Py_VISIT(self->guest);
    Py_VISIT(self->contexts.snapshot);
    Py_VISIT(self->asyncgens);
    Py_VISIT(self->processes);
    Py_VISIT(self->interrupt);
    return cp_loop_visit(&self->core, visit_job, visit_timer, closure);
}

static int loop_clear(LoopObject *self) {
    Py_CLEAR(self->settled_none);
    Py_CLEAR(self->on_unhandled_rejection);
    Py_CLEAR(self->on_rejection_handled);
    Py_CLEAR(self->on_slow_callback);
    Py_CLEAR(self->guest_of);
    Py_CLEAR(self->guest);
    Py_CLEAR(self->contexts.snapshot);
    Py_CLEAR(self->asyncgens);
    Py_CLEAR(self->processes);
    return 0;
}

/* In a forked child the descriptors are the parent's as well: they are left alone. */
static void loop_finalize(LoopObject *self) {
    PyObject *raised = PyErr_Occurred() ? take_raised() : NULL;
    if (self->open && !self->closing && self->forks == fork_count())
        close_loop(self);
    if (raise_interrupt(self) < 0)
        loop_report(self, (PyObject *)self);
    if (raised)
        restore_raised(raised);
}

/* All other threads of the interpreter have ended, but for those of pools. */
void loops_end(module_state *state) {
    LoopObject *loop;
    if (PyInterpreterState_Get() == PyInterpreterState_Main())
        return;
    while ((loop = state->open_loops)) {
        Py_INCREF(loop);
        forget_open(loop);
        if (!loop->running && !loop->drives)
            loop_finalize(loop);
        Py_DECREF(loop);
    }
}

static void loop_dealloc(LoopObject *self) {
    PyTypeObject *type = Py_TYPE(self);
    if (PyObject_CallFinalizerFromDealloc((PyObject *)self) < 0)
        return;
    PyObject_GC_UnTrack(self);
    current_uncache(self);
    forget_open(self);
    loop_clear(self);
    Py_CLEAR(self->origins);
    Py_CLEAR(self->apart_setup);
    PyMem_Free((int *)self->core.cpus);
    PyObject_GC_Del(self);
    Py_DECREF(type);
}

static PyMethodDef loop_methods[] = {
    {"run", (PyCFunction)loop_run, METH_O, loop_run_doc},
    {"run_forever", (PyCFunction)loop_run_forever, METH_NOARGS, loop_run_forever_doc},
    {"stop", (PyCFunction)loop_stop, METH_NOARGS, loop_stop_doc},
    {"close", (PyCFunction)loop_close, METH_NOARGS, loop_close_doc},
    {"is_running", (PyCFunction)loop_is_running, METH_NOARGS,
     "is_running($self, /) -> bool\n--\n\n"},
    {"is_closed", (PyCFunction)loop_is_closed, METH_NOARGS, "is_closed($self, /) -> bool\n--\n\n"},
    {"queue_microtask", (PyCFunction)(void (*)(void))loop_queue_microtask, METH_FASTCALL,
     queue_microtask_doc},
    {"call_soon", (PyCFunction)(void (*)(void))loop_call_soon, METH_FASTCALL, call_soon_doc},
    {"call_soon_threadsafe", (PyCFunction)(void (*)(void))loop_call_soon_threadsafe, METH_FASTCALL,
     threadsafe_doc},
    {"call_later", (PyCFunction)(void (*)(void))loop_call_later, METH_FASTCALL, call_later_doc},
    {"call_at", (PyCFunction)(void (*)(void))loop_call_at, METH_FASTCALL, call_at_doc},
    {"time", loop_time, METH_NOARGS, time_doc},
    {"run_microtasks", (PyCFunction)loop_run_microtasks, METH_NOARGS, run_microtasks_doc},
    {"has_pending", (PyCFunction)loop_has_pending, METH_NOARGS, has_pending_doc},
    {"stats", (PyCFunction)loop_stats, METH_NOARGS, stats_doc},
    {"_guest_begin", (PyCFunction)loop_guest_begin, METH_VARARGS, loop_guest_begin_doc},
    {"_guest_turn", (PyCFunction)loop_guest_turn, METH_NOARGS, loop_guest_turn_doc},
    {NULL, NULL, 0, NULL},
};

static PyMemberDef loop_members[] = {
    {"_guest_of", T_OBJECT, offsetof(LoopObject, guest_of), READONLY,
     "the asyncio loop that runs this one, or None"},
    {"_processes", T_OBJECT, offsetof(LoopObject, processes), 0, "for to_process()"},
    {"slow_callback_duration", T_DOUBLE, offsetof(LoopObject, slow_callback_duration), 0,
     "seconds from which on a callback is slow, in debug mode; 0.1 unless set"},
    {"debug", T_BOOL, offsetof(LoopObject, debug), READONLY, "whether debug mode is on"},
    {NULL, 0, 0, 0, NULL},
};

/* The hooks: a closure is the name and the place of one. */
struct hook {
    const char *name;
    size_t offset;
};
static const struct hook UNHANDLED = {"on_unhandled_rejection",
                                      offsetof(LoopObject, on_unhandled_rejection)};
static const struct hook HANDLED = {"on_rejection_handled",
                                    offsetof(LoopObject, on_rejection_handled)};
static const struct hook SLOW = {"on_slow_callback", offsetof(LoopObject, on_slow_callback)};

static PyObject *hook_get(PyObject *self, void *closure) {
    PyObject *hook = *(PyObject **)((char *)self + ((const struct hook *)closure)->offset);
    return Py_NewRef(hook ? hook : Py_None);
}

static int hook_set(PyObject *self, PyObject *value, void *closure) {
    const struct hook *hook = closure;
    PyObject **place = (PyObject **)((char *)self + hook->offset);
    if (value && value != Py_None && !PyCallable_Check(value)) {
        PyErr_Format(PyExc_TypeError, "Loop.%s must be callable or None, not %.100s", hook->name,
                     Py_TYPE(value)->tp_name);
        return -1;
    }
    Py_XSETREF(*place, value == Py_None ? NULL : Py_XNewRef(value));
    return 0;
}

static PyGetSetDef loop_getset[] = {
    {"on_unhandled_rejection", hook_get, hook_set,
     "called as f(promise, reason) once the microtask queue has drained; promise is None for a "
     "failed callback",
     (void *)&UNHANDLED},
    {"on_rejection_handled", hook_get, hook_set,
     "called as f(promise) when a rejection that was reported gets a handler after all",
     (void *)&HANDLED},
    {"on_slow_callback", hook_get, hook_set,
     "called as f(function, seconds) in debug mode, instead of a warning", (void *)&SLOW},
    {"backend", loop_get_backend, NULL, "what the loop waits with: 'epoll' or 'io_uring'", NULL},
    {"workers", loop_get_workers, NULL, "how many workers of each kind there may be", NULL},
    {"backend_note", loop_get_backend_note, NULL,
     "why it is not the one that CPROMISE_BACKEND asks for, or None", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

PyDoc_STRVAR(
    loop_doc,
    "Loop(*, backend='auto', debug=None, workers=None, pin=None)\n--\n\n"
    "An event loop for the thread that makes it. Most programs need only run(). backend:\n"
    "'epoll'; 'io_uring', which raises OSError where it cannot be had; or 'auto': what\n"
    "CPROMISE_BACKEND in the environment prefers, if it can be had (see backend and\n"
    "backend_note), else epoll. debug=True notes where promises are made and warns of slow\n"
    "callbacks; None: as Python's development mode, or CPROMISE_DEBUG=1 in the environment.\n"
    "workers: how many threads there may be for to_thread() and its like, and as many "
    "interpreters\n"
    "and processes; None: 4 more than there are CPUs, at most 32. pin=True keeps each worker on "
    "one\n"
    "CPU, in turn, and off the CPU on which the loop is made where there are enough; a list of "
    "CPUs\n"
    "names them (ValueError for one that may not be used).");

static PyType_Slot loop_slots[] = {
    {Py_tp_doc, (void *)loop_doc},
    {Py_tp_new, loop_create},
    {Py_tp_dealloc, loop_dealloc},
    {Py_tp_finalize, loop_finalize},
    {Py_tp_traverse, loop_traverse},
    {Py_tp_clear, loop_clear},
    {Py_tp_repr, loop_repr},
    {Py_tp_methods, loop_methods},
    {Py_tp_members, loop_members},
    {Py_tp_getset, loop_getset},
    {0, NULL},
};

PyType_Spec loop_spec = {
    .name = "cpromise.Loop",
    .basicsize = sizeof(LoopObject),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = loop_slots,
};
