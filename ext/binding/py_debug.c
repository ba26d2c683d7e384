/* py_debug.c - what helps to find a mistake: the chain in a promise's repr; and, in debug mode,
 * where each promise was made, and callbacks that keep the loop waiting. */
#include "binding.h"
#include <frameobject.h>

/* ---- Where promises were made: a dictionary of the loop, so that it costs nothing when it is off.
 */

static PyObject *here(void) {
    PyFrameObject *frame = PyEval_GetFrame();
    PyCodeObject *code;
    PyObject *text;
    if (!frame)
        return PyUnicode_FromString("no Python code");
    code = PyFrame_GetCode(frame);
    text = PyUnicode_FromFormat("%U:%d in %U", code->co_filename, PyFrame_GetLineNumber(frame),
                                code->co_name);
    Py_DECREF(code);
    return text;
}

void origin_note(PromiseObject *p) {
    PyObject *raised = PyErr_Occurred() ? take_raised() : NULL;
    PyObject *key = PyLong_FromVoidPtr(p), *text = key ? here() : NULL;
    if (text)
        PyDict_SetItem(PROMISE_LOOP(p)->origins, key, text);
    PyErr_Clear();
    Py_XDECREF(key);
    Py_XDECREF(text);
    if (raised)
        restore_raised(raised);
}

/* The key stays for the next promise at that address: in a free-threaded build, a dictionary whose
 * keys come and go has chains of what was deleted, as long as itself (CPython 3.13.5). */
void origin_forget(PromiseObject *p) {
    PyObject *raised = PyErr_Occurred() ? take_raised() : NULL;
    PyObject *key = PyLong_FromVoidPtr(p), *origins = PROMISE_LOOP(p)->origins;
    if (key && origins)
        PyDict_SetItem(origins, key, Py_None);
    PyErr_Clear();
    Py_XDECREF(key);
    if (raised)
        restore_raised(raised);
}

PyObject *origin_of(PromiseObject *p) {
    PyObject *key, *origins = PROMISE_LOOP(p)->origins, *text;
    if (!origins || !(key = PyLong_FromVoidPtr(p)))
        return NULL;
    text = PyDict_GetItemWithError(origins, key);
    Py_DECREF(key);
    PyErr_Clear();
    return text == Py_None ? NULL : text;
}

/* ---- Switching it on */

static bool asked_for(void) {
    const char *variable = getenv("CPROMISE_DEBUG");
    PyObject *flags = PySys_GetObject("flags"), *dev;
    bool on = variable && *variable && strcmp(variable, "0");
    if (!on && flags && (dev = PyObject_GetAttrString(flags, "dev_mode"))) {
        on = PyObject_IsTrue(dev) == 1;
        Py_DECREF(dev);
    }
    PyErr_Clear();
    return on;
}

int loop_set_debug(LoopObject *loop, PyObject *debug) {
    int on = debug == Py_None ? asked_for() : PyObject_IsTrue(debug);
    if (on < 0 || (on && !loop->origins && !(loop->origins = PyDict_New())))
        return -1;
    if (!on && loop->origins)
        PyDict_Clear(loop->origins);
    loop->debug = on;
    loop->core.host = on ? &debug_host : &loop_host;
    return 0;
}

/* ---- Slow callbacks */

PyObject *job_function(struct cp_job *job) {
    const PromiseObject *p = PROMISE_OF(cp_promise_of(job));
    if (job->kind == KIND_CALLBACK)
        return callback_function(job);
    if ((job->kind >= KIND_THEN && job->kind <= KIND_TAP) || job->kind == KIND_TASK)
        return p->core.self.ok;
    return Py_None;
}

void slow_begin(struct slow_watch *watch, LoopObject *loop, PyObject *what) {
    watch->loop = loop;
    watch->what = Py_NewRef(what);
    watch->start = cp_now();
}

static int report_slow(LoopObject *loop, PyObject *what, double seconds) {
    PyObject *hook = loop->on_slow_callback, *number = PyFloat_FromDouble(seconds), *result;
    int err = 0;
    if (!number)
        return -1;
    if (hook) {
        Py_INCREF(hook); /* it may put another one in its place */
        result = PyObject_CallFunctionObjArgs(hook, what, number, NULL);
        err = result ? 0 : -1;
        Py_XDECREF(result);
        Py_DECREF(hook);
    } else {
        err = PyErr_WarnFormat(PyExc_RuntimeWarning, 1, "%R kept the loop for %S seconds", what,
                               number);
    }
    Py_DECREF(number);
    return err;
}

int slow_end(struct slow_watch *watch, int err) {
    double seconds = (double)(cp_now() - watch->start) / 1e9;
    if (err >= 0 && seconds >= watch->loop->slow_callback_duration)
        err = report_slow(watch->loop, watch->what, seconds);
    Py_DECREF(watch->what);
    return err;
}

/* ---- The repr: <Promise pending: then(parse) of then(fetch) of sleep()>, made at app.py:7 in
 * main> Handlers are named, not shown in full, so no code of theirs runs; a chain is followed a few
 * links up, so that a million of them print as quickly. */

enum { LINKS_SHOWN = 4 };

static const char *const kind_names[] = {
    [CP_PASS] = "promise",        [CP_ADOPT] = "promise",    [KIND_THEN] = "then",
    [KIND_CATCH] = "catch",       [KIND_BOTH] = "then",      [KIND_FINALLY] = "finally_",
    [KIND_TAP] = "tap",           [KIND_KEEP] = "finally_",  [KIND_DELAY] = "delay",
    [KIND_TIMED] = "timer",       [KIND_TASK] = "coroutine", [KIND_COMBINED] = "combined",
    [KIND_THENABLE] = "thenable", [KIND_DONE] = "callback",  [KIND_SERVED] = "handler",
    [KIND_ROOT] = "promise",      [CP_CALL] = "operation",   [KIND_OPERATION] = "operation",
};

static PyObject *name_of(PyObject *handler) {
    PyObject *name = PyObject_GetAttrString(handler, "__qualname__");
    if (name && PyUnicode_Check(name))
        return name;
    PyErr_Clear();
    Py_XDECREF(name);
    return PyUnicode_FromString(Py_TYPE(handler)->tp_name);
}

/* The handler of a link, new reference or NULL. */
static PyObject *handler_of(PromiseObject *p) {
    const uint8_t kind = p->core.self.job.kind;
    PyObject *handler = p->core.self.ok;
    if (!handler || !((kind >= KIND_THEN && kind <= KIND_TAP) || kind == KIND_TASK))
        return NULL;
    return Py_NewRef(PyTuple_Check(handler) ? PyTuple_GET_ITEM(handler, 0) : handler);
}

/* One link, as "then(parse)". Finding the name may run any code. */
static PyObject *link_text(PromiseObject *p) {
    const char *kind = kind_names[p->core.self.job.kind];
    PyObject *handler = handler_of(p), *name, *text = NULL;
    if (!handler)
        return PyUnicode_FromString(kind);
    if ((name = name_of(handler)))
        text = PyUnicode_FromFormat("%s(%U)", kind, name);
    Py_XDECREF(name);
    Py_DECREF(handler);
    return text;
}

/* New reference or NULL. */
static PromiseObject *source_of(PromiseObject *p) {
    if (p->core.self.job.phase == CP_WAITING ||
        (p->core.self.job.phase == CP_QUEUED && p->core.self.job.kind == CP_ADOPT))
        return (PromiseObject *)Py_NewRef(PROMISE_OF((struct cp_promise *)p->core.self.arg));
    return NULL;
}

/* NULL without an exception: there is nothing to tell, or its links may change while they are read. */
static PyObject *chain_text(PromiseObject *p) {
    PyObject *text, *link;
    PromiseObject *next;
#ifdef Py_GIL_DISABLED
    if (!loop_is_here(PROMISE_LOOP(p)))
        return NULL;
#endif
    if (p->core.self.job.kind == KIND_ROOT || p->core.self.job.kind == CP_CALL ||
        p->core.self.job.kind == KIND_OPERATION)
        return NULL;
    Py_INCREF(p);
    text = link_text(p);
    for (int shown = 1; text && shown <= LINKS_SHOWN && (next = source_of(p)); shown++) {
        Py_SETREF(p, next);
        link = shown < LINKS_SHOWN ? link_text(p) : PyUnicode_FromString("...");
        Py_SETREF(text, link ? PyUnicode_FromFormat("%U of %U", text, link) : NULL);
        Py_XDECREF(link);
    }
    Py_DECREF(p);
    return text;
}

/* A promise as a reason is named only: a chain of them would recurse. */
static PyObject *value_text(PromiseObject *p) {
    PyObject *value = p->core.value, *text;
    int entered;
    if (Py_IS_TYPE(value, Py_TYPE(p)))
        return PyUnicode_FromString("<Promise>");
    if ((entered = Py_ReprEnter((PyObject *)p)) != 0)
        return entered < 0 ? NULL : PyUnicode_FromString("...");
    Py_INCREF(value);
    text = PyObject_Repr(value);
    Py_DECREF(value);
    Py_ReprLeave((PyObject *)p);
    return text;
}

PyObject *promise_repr(PromiseObject *self) {
    PyObject *name, *detail, *origin, *repr;
    enum cp_state state;
    promise_settle_if_closed(self);
    state = cp_promise_state(&self->core);
    name = PROMISE_LOOP(self)->state->str_states[state];
    origin = Py_XNewRef(origin_of(self));
    detail = state == CP_PENDING ? chain_text(self) : value_text(self);
    repr = PyErr_Occurred()
               ? NULL
               : PyUnicode_FromFormat("<Promise %U%s%V%s%V>", name, detail ? ": " : "", detail, "",
                                      origin ? ", made at " : "", origin, "");
    Py_XDECREF(detail);
    Py_XDECREF(origin);
    return repr;
}
