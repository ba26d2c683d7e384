/* py_offload.c - to_thread: a Python call on a thread of the loop's pool.
 *
 * Each pool thread has a thread state of its own and holds the GIL only while a call runs. It never
 * touches a promise: it leaves the outcome in the Work, which the loop's inbox brings home. */
#include "binding.h"
#include <stddef.h>

/* Calls that wait, or run, at once. A function that returns at once cannot make its caller wait, so
 * one call more is an error: map() with concurrency= is what holds a producer back. */
enum { MOST_OFFLOADED = 1 << 17 };

typedef struct {
    PyObject_VAR_HEAD
    struct cp_work core;
    struct operation operation;
    PromiseObject *promise;
    PyObject *fn, *kwnames;
    PyObject *outcome; /* value or exception, NULL until it has run */
    bool failed;
    PyObject *args[]; /* positional, then the values of kwnames; size of the object: all of them */
} WorkObject;

#define WORK_OF(core_ptr) cp_container_of(core_ptr, WorkObject, core)

void *worker_start(struct cp_loop *loop, int pool) {
    if (pool == CP_POOL_APART)
        return apart_start(LOOP_OF(loop));
    return PyThreadState_New(LOOP_OF(loop)->interp);
}

void worker_end(int pool, void *worker) {
    if (pool == CP_POOL_APART) {
        apart_end(worker);
        return;
    }
    if (!worker)
        return;
    PyEval_RestoreThread(worker);
    PyThreadState_Clear(worker);
    PyThreadState_DeleteCurrent();
}

static PyObject *call(WorkObject *self) {
    Py_ssize_t nargs = Py_SIZE(self) - (self->kwnames ? PyTuple_GET_SIZE(self->kwnames) : 0);
    return PyObject_Vectorcall(self->fn, self->args, (size_t)nargs, self->kwnames);
}

static void run_on_worker(struct cp_work *work, void *worker) {
    WorkObject *self = WORK_OF(work);
    if (!worker)
        return; /* no thread state could be had: the outcome stays NULL */
    PyEval_RestoreThread(worker);
    self->outcome = call(self);
    if ((self->failed = !self->outcome))
        self->outcome = take_raised();
    PyEval_SaveThread();
}

static int reject_too_many(PromiseObject *p, const char *what) {
    PyErr_Format(PROMISE_LOOP(p)->state->PromiseError,
                 "%s(): %d calls wait for this loop's workers already; cpromise.map() with "
                 "concurrency= starts no more than it is told to",
                 what, MOST_OFFLOADED);
    promise_reject(p, take_raised());
    return -1;
}

int offload_begin(PromiseObject *p, struct cp_work *work, struct operation *operation,
                  const char *what) {
    LoopObject *loop = PROMISE_LOOP(p);
    int err;
    if (loop->offloaded >= MOST_OFFLOADED)
        return reject_too_many(p, what);
    if ((err = cp_work_submit(&loop->core, work)) < 0) {
        promise_reject_errno(p, err, what, NULL);
        return -1;
    }
    loop->offloaded++;
    p->core.self.job.kind = KIND_OPERATION;
    p->core.self.ok = operation;
    return 0;
}

void offload_end(PromiseObject *p) {
    PROMISE_LOOP(p)->offloaded--;
    p->core.self.ok = NULL;
}

static void reject_unrun(WorkObject *self, const char *text) {
    PyErr_SetString(PROMISE_LOOP(self->promise)->state->LoopClosedError, text);
    promise_reject(self->promise, take_raised());
}

int run_work(struct cp_job *job) {
    WorkObject *self = WORK_OF(cp_container_of(job, struct cp_work, job));
    PyObject *outcome = self->outcome;
    int err = 0;
    self->outcome = NULL;
    offload_end(self->promise);
    if (!outcome)
        reject_unrun(self, "to_thread(): the thread could not be set up to run Python");
    else if (self->failed)
        promise_reject(self->promise, outcome);
    else
        err = promise_resolve(self->promise, outcome);
    Py_DECREF(self);
    return err;
}

void work_drop(struct cp_work *work) {
    WorkObject *self = WORK_OF(work);
    offload_end(self->promise);
    reject_unrun(self, "the loop was closed before to_thread() got to this call");
    Py_DECREF(self);
}

PyObject *work_object(struct cp_work *work) {
    return (PyObject *)WORK_OF(work);
}

/* The promise was cancelled: a call that no thread has begun is taken back, another one's outcome is
 * dropped when it comes home. */
static void work_cancelled(struct operation *operation) {
    WorkObject *self = cp_container_of(operation, WorkObject, operation);
    if (cp_work_take_back(&PROMISE_LOOP(self->promise)->core, &self->core)) {
        offload_end(self->promise);
        Py_DECREF(self);
    }
}

static WorkObject *work_new(LoopObject *loop, PyObject *const *args, Py_ssize_t nargs,
                            PyObject *kwnames) {
    Py_ssize_t total = nargs - 1 + (kwnames ? PyTuple_GET_SIZE(kwnames) : 0);
    PromiseObject *promise = promise_new(loop);
    WorkObject *self = promise ? PyObject_NewVar(WorkObject, loop->state->Work, total) : NULL;
    if (!self) {
        Py_XDECREF(promise);
        return NULL;
    }
    self->core = (struct cp_work){.run = run_on_worker, .job.kind = KIND_WORK};
    self->operation.cancelled = work_cancelled;
    self->promise = promise;
    self->fn = Py_NewRef(args[0]);
    self->kwnames = Py_XNewRef(kwnames);
    self->outcome = NULL;
    self->failed = false;
    for (Py_ssize_t i = 0; i < total; i++)
        self->args[i] = Py_NewRef(args[1 + i]);
    return self;
}

static void work_dealloc(WorkObject *self) {
    PyTypeObject *type = Py_TYPE(self);
    Py_DECREF(self->promise);
    Py_DECREF(self->fn);
    Py_XDECREF(self->kwnames);
    Py_XDECREF(self->outcome);
    for (Py_ssize_t i = 0; i < Py_SIZE(self); i++)
        Py_DECREF(self->args[i]);
    PyObject_Free(self);
    Py_DECREF(type);
}

static PyObject *submit(WorkObject *work) {
    PyObject *promise = Py_NewRef(work->promise);
    if (offload_begin(work->promise, &work->core, &work->operation, "to_thread") < 0)
        Py_DECREF(work);
    return promise;
}

const char cp_to_thread_doc[] =
    "to_thread(fn, /, *args, **kwargs) -> Promise\n--\n\n"
    "The promise of fn(*args, **kwargs), called on a thread of the loop's pool. What it raises is\n"
    "the reason. cancel() takes a call back that no thread has begun; one that has begun cannot "
    "be\n"
    "stopped: its outcome is dropped, and closing the loop waits for it, but Ctrl-C\n"
    "leaves it behind, to end on its own. When 131072 calls wait "
    "or\n"
    "run, one more is rejected with PromiseError: see map(), which holds back.";
PyObject *cp_to_thread(PyObject *module, PyObject *const *args, Py_ssize_t nargs,
                       PyObject *kwnames) {
    LoopObject *loop;
    WorkObject *work;
    PyObject *promise = NULL;
    if (nargs < 1 || !PyCallable_Check(args[0])) {
        PyErr_SetString(PyExc_TypeError, "to_thread(fn, *args, **kwargs): fn must be callable");
        return NULL;
    }
    if (!(loop = loop_current(state_of_module(module))))
        return NULL;
    if ((work = work_new(loop, args, nargs, kwnames)))
        promise = submit(work);
    Py_DECREF(loop);
    return promise;
}

static PyType_Slot work_slots[] = {{Py_tp_dealloc, work_dealloc}, {0, NULL}};

PyType_Spec work_spec = {
    .name = "cpromise.Work",
    .basicsize = offsetof(WorkObject, args),
    .itemsize = sizeof(PyObject *),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .slots = work_slots,
};
