/* py_errand.h - a piece of work off the loop that is not a Python call of this interpreter, and the
 * promise that it settles: what py_native.c and py_apart.c have in common. */
#ifndef CP_PY_ERRAND_H
#define CP_PY_ERRAND_H

#include "binding.h"

struct errand {
    /* set by the maker, who zeroes the rest */
    const char *name;                /* the function that was called, for messages */
    void (*settle)(struct errand *); /* on the loop's thread, when it has run: settles promise */
    void (*free)(struct errand *);   /* with the GIL; gives up what the maker has put in */
    /* read-only */
    PromiseObject *promise;
    /* private */
    struct native_work work;
    struct operation operation;
};

#define ERRAND_OF(work_ptr)                                                                        \
    cp_container_of(cp_container_of(work_ptr, struct native_work, core), struct errand, work)

/* Sends an errand to a pool (enum cp_pool_kind), where `run` does the work, without the GIL. Its
 * promise, new reference, which may be rejected already; NULL with an exception. The errand is freed
 * in any case: now or when it comes home. */
PyObject *errand_send(LoopObject *loop, struct errand *errand, int pool,
                      void (*run)(struct cp_work *, void *worker));

#endif
