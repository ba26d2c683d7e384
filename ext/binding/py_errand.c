/* py_errand.c - errands: their way to a pool and home. */
#include "py_errand.h"

static struct errand *errand_of(struct native_work *work) {
    return cp_container_of(work, struct errand, work);
}

static void errand_free(struct native_work *work) {
    struct errand *self = errand_of(work);
    Py_XDECREF(self->promise);
    self->free(self);
}

static void errand_home(struct native_work *work) {
    struct errand *self = errand_of(work);
    offload_end(self->promise);
    if (cp_promise_state(&self->promise->core) == CP_PENDING)
        self->settle(self);
    errand_free(work);
}

static void errand_never(struct native_work *work) {
    struct errand *self = errand_of(work);
    offload_end(self->promise);
    PyErr_Format(PROMISE_LOOP(self->promise)->state->LoopClosedError,
                 "the loop was closed before %s() got to this call", self->name);
    promise_reject(self->promise, take_raised());
}

static void errand_cancelled(struct operation *operation) {
    struct errand *self = cp_container_of(operation, struct errand, operation);
    if (!cp_work_take_back(&PROMISE_LOOP(self->promise)->core, &self->work.core))
        return;
    offload_end(self->promise);
    errand_free(&self->work);
}

PyObject *errand_send(LoopObject *loop, struct errand *self, int pool,
                      void (*run)(struct cp_work *, void *worker)) {
    PyObject *promise;
    self->work = (struct native_work){.core = {.run = run, .job.kind = KIND_NATIVE, .pool = pool},
                                      .home = errand_home,
                                      .never = errand_never,
                                      .free = errand_free};
    self->operation.cancelled = errand_cancelled;
    promise = Py_XNewRef((PyObject *)(self->promise = promise_new(loop)));
    if (!promise ||
        offload_begin(self->promise, &self->work.core, &self->operation, self->name) < 0)
        errand_free(&self->work);
    return promise;
}
