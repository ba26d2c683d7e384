/* py_apart.c - to_interpreter: calls in interpreters of this process that have a GIL of their own,
 * one for each thread of the loop's second pool.
 *
 * No object is seen by two interpreters. A request is a bytes object of the loop's interpreter, kept
 * alive by the errand, whose memory the worker reads; the answer comes back in memory of malloc.
 * What both mean is in cpromise/_crossing.py. */
#include "py_errand.h"

struct call {
    struct errand errand;
    PyObject *request; /* bytes */
    PyObject *outcome; /* of _crossing.py: makes (whether it returned, value) of an answer */
    char *answer;      /* PyMem_Raw; NULL: the worker could not do it, and `why` */
    size_t size;
    const char *why; /* static, or the worker's and copied by it: PyMem_Raw, see `owned` */
    char owned[400];
};

static struct call *call_of(struct errand *errand) {
    return cp_container_of(errand, struct call, errand);
}

#if PY_VERSION_HEX >= 0x030c0000

/* A worker: a thread with two thread states, of which at most one is current. */
struct apart {
    PyThreadState *home, *own; /* of the loop's interpreter; of the worker's, NULL if none */
    PyObject *answer;          /* of its _crossing.py */
    char why[400];             /* there is no interpreter */
};

static void explain(struct apart *self, const char *what, PyObject *error) {
    PyObject *text = error ? PyObject_Str(error) : NULL;
    const char *utf8 = text ? PyUnicode_AsUTF8(text) : NULL;
    PyOS_snprintf(self->why, sizeof self->why, "%s: %.100s: %.250s", what,
                  error ? Py_TYPE(error)->tp_name : "error", utf8 ? utf8 : "");
    PyErr_Clear();
    Py_XDECREF(text);
}

/* In the new interpreter: its search path must be right before anything is imported. */
static int set_path(PyObject *setup) {
    PyObject *known = cp_unpack(NULL, setup);
    PyObject *path = known ? PySequence_List(PyTuple_GET_ITEM(known, 0)) : NULL;
    int err = path ? PySys_SetObject("path", path) : -1;
    Py_XDECREF(path);
    Py_XDECREF(known);
    return err;
}

static int make_ready(struct apart *self, const char *bytes, Py_ssize_t size) {
    PyObject *setup = PyBytes_FromStringAndSize(bytes, size), *crossing = NULL, *done = NULL;
    if (setup && set_path(setup) == 0 && (crossing = PyImport_ImportModule("cpromise._crossing")) &&
        (done = PyObject_CallMethod(crossing, "begin", "O", setup)))
        self->answer = PyObject_GetAttrString(crossing, "answer");
    Py_XDECREF(done);
    Py_XDECREF(crossing);
    Py_XDECREF(setup);
    return self->answer ? 0 : -1;
}

static void end_interpreter(struct apart *self) {
    Py_CLEAR(self->answer);
    Py_EndInterpreter(self->own);
    self->own = NULL;
}

/* Leaves no thread state current. */
static void begin_interpreter(struct apart *self, PyObject *setup) {
    const PyInterpreterConfig config = {
        .allow_threads = 1, .check_multi_interp_extensions = 1, .gil = PyInterpreterConfig_OWN_GIL};
    PyStatus status = Py_NewInterpreterFromConfig(&self->own, &config);
    PyObject *error;
    if (PyStatus_Exception(status) || !self->own) {
        self->own = NULL;
        PyOS_snprintf(self->why, sizeof self->why, "no interpreter can be made: %.300s",
                      status.err_msg ? status.err_msg : "unknown reason");
        PyEval_SaveThread();
    } else if (make_ready(self, PyBytes_AS_STRING(setup), PyBytes_GET_SIZE(setup)) < 0) {
        error = take_raised();
        explain(self, "the interpreter cannot be made ready", error);
        Py_XDECREF(error);
        end_interpreter(self);
    } else {
        PyEval_SaveThread();
    }
}

void *apart_start(LoopObject *loop) {
    struct apart *self = PyMem_RawCalloc(1, sizeof *self);
    if (!self || !(self->home = PyThreadState_New(loop->interp))) {
        PyMem_RawFree(self);
        return NULL;
    }
    PyEval_RestoreThread(self->home);
    begin_interpreter(self, loop->apart_setup);
    return self;
}

void apart_end(void *worker) {
    struct apart *self = worker;
    if (!self)
        return;
    if (self->own) {
        PyEval_RestoreThread(self->own);
        end_interpreter(self);
    }
    PyEval_RestoreThread(self->home);
    PyThreadState_Clear(self->home);
    PyThreadState_DeleteCurrent();
    PyMem_RawFree(self);
}

PyThreadState *apart_home(void *worker) {
    return ((struct apart *)worker)->home;
}

static void keep_answer(struct call *call, PyObject *answer) {
    call->why = "no memory for the answer";
    if (!answer || !PyBytes_Check(answer)) {
        PyErr_Clear();
        return;
    }
    call->size = (size_t)PyBytes_GET_SIZE(answer);
    if ((call->answer = PyMem_RawMalloc(call->size)))
        memcpy(call->answer, PyBytes_AS_STRING(answer), call->size);
}

static void run_apart(struct cp_work *work, void *worker) {
    struct call *call = call_of(ERRAND_OF(work));
    struct apart *self = worker;
    PyObject *request, *answer;
    if (!self || !self->own) {
        memcpy(call->owned, self ? self->why : "no memory", self ? sizeof call->owned : 10);
        call->why = call->owned;
        return;
    }
    PyEval_RestoreThread(self->own);
    request = PyBytes_FromStringAndSize(PyBytes_AS_STRING(call->request),
                                        PyBytes_GET_SIZE(call->request));
    answer = request ? PyObject_CallOneArg(self->answer, request) : NULL;
    Py_XDECREF(request);
    keep_answer(call, answer);
    Py_XDECREF(answer);
    PyEval_SaveThread();
}

#else

void *apart_start(LoopObject *Py_UNUSED(loop)) {
    return NULL;
}

void apart_end(void *Py_UNUSED(worker)) {}

PyThreadState *apart_home(void *worker) {
    return worker;
}

static void run_apart(struct cp_work *work, void *Py_UNUSED(worker)) {
    call_of(ERRAND_OF(work))->why = "needs Python 3.12";
}

#endif

/* ---- On the loop's thread */

static void settle_with(PromiseObject *p, PyObject *outcome) {
    PyObject *value = PyTuple_Check(outcome) && PyTuple_GET_SIZE(outcome) == 2
                          ? Py_NewRef(PyTuple_GET_ITEM(outcome, 1))
                          : NULL;
    if (value && PyTuple_GET_ITEM(outcome, 0) == Py_True)
        promise_fulfil(p, value);
    else if (value)
        promise_reject(p, value);
}

static void settle_call(struct errand *errand) {
    struct call *self = call_of(errand);
    PyObject *answer = NULL, *outcome = NULL;
    if (!self->answer)
        PyErr_Format(PROMISE_LOOP(errand->promise)->state->WorkerDied, "to_interpreter(): %s",
                     self->why);
    else if ((answer = PyBytes_FromStringAndSize(self->answer, (Py_ssize_t)self->size)))
        outcome = PyObject_CallOneArg(self->outcome, answer);
    if (outcome)
        settle_with(errand->promise, outcome);
    else
        promise_reject(errand->promise, take_raised());
    Py_XDECREF(answer);
    Py_XDECREF(outcome);
}

static void free_call(struct errand *errand) {
    struct call *self = call_of(errand);
    PyMem_RawFree(self->answer);
    Py_XDECREF(self->request);
    Py_XDECREF(self->outcome);
    PyMem_Free(self);
}

static PyObject *send_call(LoopObject *loop, PyObject *setup, PyObject *request,
                           PyObject *outcome) {
    struct call *call;
    if (!loop->apart_setup && !(loop->apart_setup = PyObject_CallNoArgs(setup)))
        return NULL; /* it is made once: workers may start at any time */
    if (!(call = PyMem_Calloc(1, sizeof *call)))
        return PyErr_NoMemory();
    call->errand =
        (struct errand){.name = "to_interpreter", .settle = settle_call, .free = free_call};
    call->request = Py_NewRef(request);
    call->outcome = Py_NewRef(outcome);
    return errand_send(loop, &call->errand, CP_POOL_APART, run_apart);
}

PyObject *cp_to_interpreter(PyObject *module, PyObject *args) {
    PyObject *setup, *request, *outcome, *promise;
    LoopObject *loop;
    if (!PyArg_ParseTuple(args, "OSO:_to_interpreter", &setup, &request, &outcome) ||
        !(loop = loop_current(state_of_module(module))))
        return NULL;
    promise = send_call(loop, setup, request, outcome);
    Py_DECREF(loop);
    return promise;
}
