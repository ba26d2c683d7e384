/* py_context.c - contextvars: a handler sees the variables as they were when `then` was called, and
 * what it sets itself no other handler sees.
 *
 * asyncio copies the context for each callback and enters each copy. Here a captured context is a
 * *snapshot*: never entered, so it never changes, so all that is captured while the variables stay
 * the same shares one. Jobs run in a *working* copy of their snapshot, which stays entered from one
 * job to the next as long as the next one wants the same snapshot and nobody has set a variable in
 * it. A program that sets no variables pays two comparisons a job.
 *
 * To see whether two contexts hold the same variables their map is compared by identity: it is
 * immutable, and set() puts a new one in its place. Where it lies in a Context is no public
 * knowledge, so that is proved once a loop; where the proof fails, nothing is shared and everything
 * is copied, as asyncio does. */
#include "binding.h"

/* As _pycontextobject of CPython 3.7 to 3.14 begins. */
struct context_layout {
    PyObject_HEAD
    PyObject *previous;
    PyObject *variables;
};

static PyObject *variables_of(PyObject *context) {
    return ((struct context_layout *)context)->variables;
}

static bool same_variables(LoopObject *loop, PyObject *a, PyObject *b) {
    return loop->contexts.comparable && variables_of(a) == variables_of(b);
}

/* ---- The proof: a copy has the map of its original, and another one once a variable is set in it.
 */

static bool is_map(PyObject *object) {
    return object && !strcmp(Py_TYPE(object)->tp_name, "hamt");
}

static bool set_in(PyObject *context, PyObject *variable) {
    PyObject *token;
    if (PyContext_Enter(context) < 0)
        return false;
    token = PyContextVar_Set(variable, Py_None);
    Py_XDECREF(token);
    return PyContext_Exit(context) == 0 && token;
}

static bool map_changes(PyObject *original, PyObject *copy, PyObject *variable) {
    return sizeof(struct context_layout) <= (size_t)Py_TYPE(original)->tp_basicsize &&
           is_map(variables_of(original)) && variables_of(original) == variables_of(copy) &&
           set_in(copy, variable) && is_map(variables_of(copy)) &&
           variables_of(original) != variables_of(copy);
}

bool contexts_comparable(void) {
    PyObject *original = PyContext_New(), *copy = original ? PyContext_Copy(original) : NULL;
    PyObject *variable = PyContextVar_New("cpromise", NULL);
    bool comparable = copy && variable && map_changes(original, copy, variable);
    PyErr_Clear();
    Py_XDECREF(original);
    Py_XDECREF(copy);
    Py_XDECREF(variable);
    return comparable;
}

/* ---- Capturing and using */

PyObject *context_capture(LoopObject *loop) {
    PyObject *current = PyThreadState_Get()->context, *snapshot = loop->contexts.snapshot;
    if (current && snapshot && same_variables(loop, current, snapshot))
        return Py_NewRef(snapshot);
    if (!(snapshot = PyContext_CopyCurrent()))
        return NULL;
    Py_XSETREF(loop->contexts.snapshot, Py_NewRef(snapshot));
    return snapshot;
}

static int leave(struct contexts *c) {
    PyObject *entered = c->entered;
    int err;
    if (!entered)
        return 0;
    c->entered = NULL;
    err = PyContext_Exit(entered); /* CPython still writes into it: ours must not be the last
                                      reference to go during the call */
    Py_DECREF(entered);
    return err;
}

int context_use_own(LoopObject *loop, PyObject *own) {
    struct contexts *c = &loop->contexts;
    if (c->entered == own)
        return 0;
    if (leave(c) < 0 || PyContext_Enter(own) < 0)
        return -1;
    c->entered = Py_NewRef(own);
    return 0;
}

/* `captured` may be the only reference to what is copied: the loop takes one of its own. */
static int make_working(LoopObject *loop, PyObject *captured) {
    struct contexts *c = &loop->contexts;
    PyObject *copy = PyContext_Copy(captured);
    if (!copy)
        return -1;
    if (c->entered && c->entered == c->working && leave(c) < 0) {
        Py_DECREF(copy);
        return -1;
    }
    Py_XSETREF(c->working, copy);
    Py_XSETREF(c->copied_of, Py_NewRef(captured));
    return 0;
}

int context_use(LoopObject *loop, PyObject *captured) {
    struct contexts *c = &loop->contexts;
    if ((c->copied_of != captured || !same_variables(loop, c->working, captured)) &&
        make_working(loop, captured) < 0)
        return -1;
    return context_use_own(loop, c->working);
}

/* ---- Around all jobs: jobs may run inside a job of another drive. That one's context is left
 * meanwhile, so that whoever asks for it can enter it, and entered again at the end. */

void loop_begin_jobs(LoopObject *loop, struct contexts *saved) {
    struct contexts *c = &loop->contexts;
    loop->drives++;
    *saved = *c;
    saved->was_entered = c->entered;
    if (saved->entered && PyThreadState_Get()->context != saved->entered)
        saved->entered = NULL; /* a context that a job has entered itself is on top: all stays */
    c->working = c->copied_of = NULL;
    if (saved->entered && PyContext_Exit(saved->entered) < 0)
        loop_report(loop, (PyObject *)loop);
    c->entered = NULL;
}

void loop_end_jobs(LoopObject *loop, struct contexts *saved) {
    PyObject *raised = PyErr_Occurred() ? take_raised() : NULL;
    struct contexts *c = &loop->contexts;
    if (leave(c) < 0 || (saved->entered && PyContext_Enter(saved->entered) < 0))
        loop_report(loop, (PyObject *)loop);
    Py_XDECREF(c->working);
    Py_XDECREF(c->copied_of);
    c->working = saved->working;
    c->copied_of = saved->copied_of;
    c->entered = saved->was_entered;
    loop->drives--;
    if (!loop->drives && loop->close_wanted)
        loop_close_wanted(loop);
    if (raised)
        restore_raised(raised);
}
