/* py_current.c - which loop belongs to the calling thread, and the small helpers that every file of
 * this room uses.
 *
 * The truth is in the thread state's dictionary: one loop for each thread of each interpreter. A C
 * thread-local remembers the last answer, with the number of the module state that gave it: a
 * number is never given twice, so a stale entry of a dead interpreter cannot match. */
#include "binding.h"
#include <math.h>
#include <pthread.h>
#include <unistd.h>

static _Thread_local struct {
    uint64_t state_id;
    LoopObject *loop; /* borrowed from the dictionary */
} cached;

/* Both are plain counters of the process, not objects: they are the same for all interpreters. */
static atomic_uint forks;
static atomic_ullong states;

static void count_fork(void) {
    atomic_fetch_add(&forks, 1);
}

unsigned fork_count(void) {
    return atomic_load_explicit(&forks, memory_order_relaxed);
}

static void watch_forks(void) {
    pthread_atfork(NULL, NULL, count_fork);
}

uint64_t next_state_id(void) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, watch_forks);
    return atomic_fetch_add(&states, 1) + 1;
}

int default_workers(void) {
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);
    return cpus < 28 ? (int)cpus + 4 : 32; /* as concurrent.futures.ThreadPoolExecutor */
}

static bool usable(const LoopObject *loop) {
    return loop->open && loop->forks == fork_count();
}

static LoopObject *look_up(module_state *state) {
    PyObject *dict = PyThreadState_GetDict();
    return dict ? (LoopObject *)PyDict_GetItemWithError(dict, state->str_current_loop) : NULL;
}

/* loop NULL: the thread has none any more. */
static int set_current(module_state *state, LoopObject *loop) {
    PyObject *dict = PyThreadState_GetDict();
    cached.state_id = state->id;
    cached.loop = NULL;
    if (!dict) {
        PyErr_SetString(PyExc_RuntimeError,
                        "this thread has no state in which a loop could be kept");
        return -1;
    }
    if (!loop) {
        if (PyDict_DelItem(dict, state->str_current_loop) < 0)
            PyErr_Clear();
        return 0;
    }
    if (PyDict_SetItem(dict, state->str_current_loop, (PyObject *)loop) < 0)
        return -1;
    cached.loop = loop;
    return 0;
}

LoopObject *loop_current_or_null(module_state *state) {
    LoopObject *loop = look_up(state);
    return loop && usable(loop) ? (LoopObject *)Py_NewRef(loop) : NULL;
}

LoopObject *loop_running_or_null(module_state *state) {
    LoopObject *loop = look_up(state);
    return loop && usable(loop) && (loop->running || loop->guest_of) ? (LoopObject *)Py_NewRef(loop)
                                                                     : NULL;
}

/* ---- A loop that was made because a thread needed one ends with that thread: nobody else could
 * run it. A capsule in the thread state's dictionary sees to that. */

static void close_owned(PyObject *capsule) {
    PyThreadState *thread = PyThreadState_Get();
    bool thread_ends = !thread->dict;
    PyObject *raised = PyErr_Occurred() ? take_raised() : NULL;
    LoopObject *loop = PyCapsule_GetPointer(capsule, "cpromise.Loop");
    if (loop_is_here(loop) && usable(loop) && !loop->running && loop_close_now(loop) < 0)
        loop_report(loop, (PyObject *)loop);
    Py_DECREF(loop);
    if (thread_ends) /* closing has asked for a dictionary, which Python would not drop any more */
        Py_CLEAR(thread->dict);
    if (raised)
        restore_raised(raised);
}

static int own(module_state *state, LoopObject *loop) {
    PyObject *dict = PyThreadState_GetDict();
    PyObject *capsule = dict ? PyCapsule_New(loop, "cpromise.Loop", close_owned) : NULL;
    int err;
    if (!capsule)
        return -1;
    Py_INCREF(loop);
    err = PyDict_SetItem(dict, state->str_owned_loop, capsule);
    Py_DECREF(capsule);
    return err;
}

static LoopObject *make_current(module_state *state, const char *backend) {
    LoopObject *loop = loop_new(state, backend);
    if (loop && (set_current(state, loop) < 0 || own(state, loop) < 0))
        Py_CLEAR(loop);
    return loop;
}

/* A guest whose asyncio loop was closed cannot run any more. */
static bool is_stranded(LoopObject *loop) {
    PyObject *closed =
        loop->guest_of ? PyObject_CallMethod(loop->guest_of, "is_closed", NULL) : NULL;
    bool stranded = closed && PyObject_IsTrue(closed) == 1;
    Py_XDECREF(closed);
    PyErr_Clear();
    return stranded;
}

/* The loop that is there, if it can still run. */
static LoopObject *current_or_null(module_state *state) {
    LoopObject *loop = loop_current_or_null(state);
    if (loop && is_stranded(loop)) {
        int err = loop_close_now(loop);
        Py_CLEAR(loop);
        if (err < 0)
            return NULL;
    }
    return loop;
}

LoopObject *loop_current_on(module_state *state, const char *backend) {
    LoopObject *loop = current_or_null(state);
    if (!loop)
        return PyErr_Occurred() ? NULL : make_current(state, backend);
    if (loop_check_backend(loop, backend) < 0)
        Py_CLEAR(loop);
    return loop;
}

LoopObject *loop_current(module_state *state) {
    LoopObject *loop;
    if (cached.state_id == state->id && cached.loop && usable(cached.loop) &&
        !cached.loop->guest_of)
        return (LoopObject *)Py_NewRef(cached.loop);
    loop = current_or_null(state);
    return loop || PyErr_Occurred() ? loop : make_current(state, "auto");
}

int current_swap(LoopObject *loop, LoopObject **outer) {
    LoopObject *before = look_up(loop->state);
    if (before && before != loop && before->running && usable(before)) {
        PyErr_SetString(PyExc_RuntimeError,
                        "run() inside a running loop of this thread; await instead");
        return -1;
    }
    *outer = (LoopObject *)Py_XNewRef(before);
    return set_current(loop->state, loop);
}

void current_restore(module_state *state, LoopObject *outer) {
    PyObject *raised = PyErr_Occurred() ? take_raised() : NULL;
    if (set_current(state, outer) < 0)
        PyErr_Clear();
    Py_XDECREF(outer);
    if (raised)
        restore_raised(raised);
}

void current_uncache(LoopObject *loop) {
    if (cached.loop == loop)
        cached.loop = NULL;
}

void current_forget(LoopObject *loop) {
    current_uncache(loop);
    if (look_up(loop->state) == loop)
        set_current(loop->state, NULL);
}

int loop_check(LoopObject *loop, const char *what) {
    if (loop->open && loop->thread == pthread_self() && loop->forks == fork_count())
        return 0;
    if (!loop->open)
        PyErr_Format(loop->state->LoopClosedError, "cannot %s a loop that is closed", what);
    else if (loop->forks != fork_count())
        PyErr_Format(
            PyExc_RuntimeError,
            "cannot %s a loop that was made before fork(); a child process makes a loop of its own",
            what);
    else
        PyErr_Format(loop->state->WrongLoopError,
                     "cannot %s a loop that belongs to another thread; use call_soon_threadsafe() "
                     "or resolve() and "
                     "reject(), which may be called from anywhere",
                     what);
    return -1;
}

/* ---- Time */

/* Nanoseconds, rounded up so that no timer is early; at most a century, so that sums do not
 * overflow. */
static int to_ns(PyObject *seconds, cp_ns *ns) {
    const double century = 3.2e18;
    double value = PyFloat_AsDouble(seconds);
    if (value == -1.0 && PyErr_Occurred())
        return -1;
    if (isnan(value)) {
        PyErr_SetString(PyExc_ValueError, "seconds must be a number, not NaN");
        return -1;
    }
    value = ceil(value * 1e9);
    *ns = value < 0 ? 0 : value > century ? (cp_ns)century : (cp_ns)value;
    return 0;
}

int deadline_after(PyObject *seconds, cp_ns *when) {
    cp_ns span;
    if (to_ns(seconds, &span) < 0)
        return -1;
    *when = cp_now() + span;
    return 0;
}

int deadline_at(PyObject *seconds, cp_ns *when) {
    return to_ns(seconds, when);
}

/* ---- Arguments */

bool check_nargs(const char *name, Py_ssize_t nargs, Py_ssize_t least, Py_ssize_t most) {
    if (nargs >= least && nargs <= most)
        return true;
    PyErr_Format(PyExc_TypeError, "%s() takes %zd to %zd positional arguments, %zd were given",
                 name, least, most, nargs);
    return false;
}

bool check_no_keywords(const char *name, PyObject *kwnames) {
    if (!kwnames || !PyTuple_GET_SIZE(kwnames))
        return true;
    PyErr_Format(PyExc_TypeError, "%s() takes no keyword arguments", name);
    return false;
}

/* ---- Exceptions */

PyObject *take_raised(void) {
#if PY_VERSION_HEX >= 0x030c0000
    return PyErr_GetRaisedException();
#else
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    PyErr_NormalizeException(&type, &value, &traceback);
    if (traceback)
        PyException_SetTraceback(value, traceback);
    Py_XDECREF(traceback);
    Py_DECREF(type);
    return value;
#endif
}

void restore_raised(PyObject *exception) {
#if PY_VERSION_HEX >= 0x030c0000
    PyErr_SetRaisedException(exception);
#else
    PyErr_Restore(Py_NewRef(Py_TYPE(exception)), exception, PyException_GetTraceback(exception));
#endif
}

void raise_asyncio_error(const char *name, const char *text) {
    PyObject *module = PyImport_ImportModule("asyncio.exceptions");
    PyObject *type = module ? PyObject_GetAttrString(module, name) : NULL;
    if (type)
        PyErr_SetString(type, text);
    Py_XDECREF(type);
    Py_XDECREF(module);
}
