/* binding.h - what the files of this room share. Everything that includes Python.h lives here; the
 * core below knows nothing of it. "The core moves, the binding counts": wherever cp.h says that the
 * host owes a reference, a function of this room adds it.
 *
 * Errors: functions return NULL or -1 with an exception set. Functions that settle a promise do not
 * fail: what goes wrong in them becomes the reason of the promise. */
#ifndef CP_BINDING_H
#define CP_BINDING_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <structmember.h>

#include "../core/cp.h"

/* ---- Module state: every type and exception of one interpreter's cpromise. No static PyObject
 * anywhere. */
typedef struct {
    uint64_t id; /* never given twice in a process */
    /* objects from here to the end: module.c visits and clears them as one array */
    PyTypeObject *Promise, *Loop, *Timer, *Callback, *Settler, *TypedCatch, *Combiner;
    PyTypeObject *Stream, *Server, *Connector, *Work;
    PyObject *PromiseError, *RejectionError, *WrongLoopError, *LoopClosedError;
    PyObject *UnhandledRejections;
    PyObject *str_then, *str_current_loop;
} module_state;

#define STATE_OBJECTS                                                                              \
    ((sizeof(module_state) - offsetof(module_state, Promise)) / sizeof(PyObject *))

extern struct PyModuleDef cpromise_module;
module_state *state_of_module(PyObject *module); /* never fails */
module_state *
state_of_type(PyTypeObject *defining); /* of one of our heap types (not a subclass); never fails */

/* ---- Objects */
typedef struct {
    PyObject_HEAD
    struct cp_loop core;
    module_state *state;        /* borrowed: the type keeps the module alive */
    PyInterpreterState *interp; /* of its thread: where its workers run */
    unsigned long thread;       /* PyThread_get_thread_ident of the thread that made or runs it */
    PyThreadState *tstate;      /* saved around a wait */
    PyObject
        *resume; /* borrowed: the value with which a coroutine is being resumed, see py_task.c */
    PyObject *settled_none; /* a fulfilled promise of None, shared; see loop_settled_none */
    PyObject *on_unhandled_rejection, *on_rejection_handled; /* callables or NULL */
    Py_ssize_t promises_alive;
    unsigned forks; /* fork_count() at its birth: a forked child must not use it */
    bool open, running, closing,
        signals; /* signals: Ctrl-C wakes this loop and is looked for each turn */
} LoopObject;

typedef struct {
    PyObject_HEAD
    struct cp_promise core;
} PromiseObject;

#define LOOP_OF(core_ptr) cp_container_of(core_ptr, LoopObject, core)

/* ---- Loop */

/* The calling thread's loop, made on first use. New reference. */
LoopObject *loop_current(module_state *state);
/* The same if it is running, else NULL. New reference. */
LoopObject *loop_running_or_null(module_state *state);
/* A new open loop of this thread that is not its current one. New reference. */
LoopObject *loop_new(module_state *state);
/* Runs until `main` has settled; its value (new reference), or NULL with its reason raised. */
PyObject *loop_run_main(LoopObject *loop, PyObject *main);
/* Loop.close(). 0 or -1. */
int loop_close_now(LoopObject *loop);
/* What every loop does for the core, and the end of a job or of work that will never run. py_host.c
 */
extern const struct cp_host loop_host;
void loop_drop_job(struct cp_job *job);
void loop_drop_work(struct cp_work *work);
/* fn(arg) as a macrotask of loop, from any thread. 0 or -1. */
int loop_post_call(LoopObject *loop, PyObject *fn, PyObject *arg);
/* Makes loop this thread's current one; `outer` gets the one before (new reference or NULL) for
 * current_restore, which steals it and keeps a raised exception. -1: another loop is running on
 * this thread. */
int current_swap(LoopObject *loop, LoopObject **outer);
void current_restore(module_state *state, LoopObject *outer);
void current_forget(LoopObject *loop);
/* How often this process is a forked child of the one that loaded the module. */
unsigned fork_count(void);
uint64_t next_state_id(void);
int default_workers(void);
/* 0, or -1 with WrongLoopError, LoopClosedError or RuntimeError (forked) set: may `what` be done
 * with loop here and now? */
int loop_check(LoopObject *loop, const char *what);
/* A fulfilled promise of None that all may share. New reference. */
PyObject *loop_settled_none(LoopObject *loop);
/* The raised exception cannot go to anybody: prints it with `where` to stderr, through
 * sys.unraisablehook, and clears it. */
void loop_report(LoopObject *loop, PyObject *where);
/* p was reported as unhandled, and now somebody reacts to it. */
void loop_rejection_handled(LoopObject *loop, PromiseObject *p);
/* An exception of a callback that has no promise, or a reason that nobody handled (p may be NULL):
 * the hook is asked, without one the exception to leave run() with is set. 0 or -1. Steals reason.
 */
int loop_unhandled(LoopObject *loop, PromiseObject *p, PyObject *reason);
/* A deadline `seconds` from now. -1 with TypeError or ValueError (NaN) set. Negative: now; huge:
 * the far future. */
int deadline_after(PyObject *seconds, cp_ns *when);
/* The same for a time of Loop.time(). */
int deadline_at(PyObject *seconds, cp_ns *when);

/* ---- Callbacks and timers (py_timer.c) */
/* A job that calls fn(*args) and then is gone; the reference is the queue's. NULL: MemoryError. */
struct cp_job *callback_new(module_state *state, PyObject *fn, PyObject *const *args,
                            Py_ssize_t nargs);
int run_callback(LoopObject *loop, struct cp_job *job);
void callback_drop(struct cp_job *job);
/* A Timer that calls fn(*args). New reference. */
PyObject *timer_start_call(LoopObject *loop, cp_ns when, PyObject *fn, PyObject *const *args,
                           Py_ssize_t nargs);
/* A promise of `value` at `when`. New reference. */
PyObject *sleep_for(LoopObject *loop, cp_ns when, PyObject *value);
int timer_fire(struct cp_loop *core, struct cp_timer *timer);
/* The loop closes: a sleep is rejected, a call is forgotten. */
void timer_drop(struct cp_timer *timer);

/* ---- Promise
 * Layout: see the table in cp.h. `self.ok` and `self.arg` hold strong references; `value` holds the
 * value once settled, before that each job in the list counts as one reference to its object. */
enum binding_kind {
    KIND_TASK = CP_HOST, /* a coroutine's promise: ok is the coroutine, resumed with the value */
    KIND_FINALLY,        /* ok is the function */
    KIND_KEEP,     /* the wait for what a finally_ function returned; ok is the outcome to keep */
    KIND_ELEMENT,  /* of all() and race(): ok is the Combiner, job.word the index */
    KIND_CALLBACK, /* a Callback: queue_microtask, call_soon */
    KIND_WORK,     /* a Work that comes back from the pool */
    KIND_THENABLE, /* ok is the `then` of a thenable, to be called with two settlers */
    KIND_SERVED,   /* the end of a connection's handler: ok is the stream */
    KIND_RESOLVE,  /* a Connector that comes back from name resolution */
};
enum binding_flag { FLAG_KEEP_REJECTED = CP_HOST_FLAG };

#define PROMISE_OF(core_ptr) cp_container_of(core_ptr, PromiseObject, core)
#define PROMISE_LOOP(p)      LOOP_OF((p)->core.loop)

/* A pending promise of loop. */
PromiseObject *promise_new(LoopObject *loop);
/* Settle a pending promise (else: nothing happens) with a value as it is. Steal the reference to
 * value or reason. */
void promise_fulfil(PromiseObject *p, PyObject *value);
void promise_reject(PromiseObject *p, PyObject *reason);
/* ECMAScript's promise resolution: promises, coroutines and thenables are adopted, everything else
 * fulfils. Steals value. 0, or -1 with an exception set that must leave run() (a coroutine raised
 * it at once). */
int promise_resolve(PromiseObject *p, PyObject *value);
/* Rejects p with the raised exception and clears it. KeyboardInterrupt, SystemExit and
 * GeneratorExit are left raised: -1. */
int promise_reject_raised(PromiseObject *p);
/* Rejects p with the OSError for a negative errno, "<call> <on_what>: <strerror>". on_what may be
 * NULL. */
void promise_reject_errno(PromiseObject *p, int err, const char *call, PyObject *on_what);
/* The promise that `value` stands for, ECMAScript's Promise.resolve: a promise of this loop itself,
 * else a new one. New reference. */
PromiseObject *promise_from(LoopObject *loop, PyObject *value);
/* p.then(child's handlers): registers `child` on p. Counts all references. */
void promise_subscribe(PromiseObject *p, PromiseObject *child);
/* What await raises for a rejection with `reason`: the exception itself, or RejectionError(reason).
 * Sets it. */
void raise_reason(module_state *state, PyObject *reason);

/* As promise_reject_raised for what is not derived from Exception. */
int promise_reject_base(PromiseObject *p);
/* Sets asyncio.<name>(text); asyncio is imported only now. */
void raise_asyncio_error(const char *name, const char *text);

/* ---- Jobs: one per kind, called by loop_run_job; steal the reference to their object. 0, or -1
 * with an exception set that must leave run(). */
int run_then(PromiseObject *p);     /* py_handlers.c */
int run_finally(PromiseObject *p);  /* py_handlers.c */
int run_keep(PromiseObject *p);     /* py_handlers.c */
int run_thenable(PromiseObject *p); /* py_handlers.c */
int run_element(PromiseObject *p);  /* py_combine.c */
int run_served(PromiseObject *p);   /* py_server.c */
int run_task(PromiseObject *p);     /* py_task.c */
int run_work(struct cp_job *job);   /* py_offload.c */

/* ---- Tasks: a promise for a coroutine, which starts in a microtask. Steals coro. NULL on error
 * (coro is closed). */
PromiseObject *task_new(LoopObject *loop, PyObject *coro);

/* ---- Settlers: resolve and reject as callables, for executors and thenables. Of each pair only
 * the first call counts: a pair is valid while its epoch is that of the promise (job.word), and its
 * first call moves that on. */
PyObject *settler_new(PromiseObject *p, bool reject);
/* What an executor or a thenable raised goes to its promise, unless a settler of the pair was
 * called before. As promise_reject_raised. */
int settler_reject_raised(PyObject *settler);

/* A handler with an exception class (or tuple) that says which reasons are its own. NULL:
 * TypeError. */
PyObject *typed_catch_new(module_state *state, PyObject *types, PyObject *handler);

/* ---- Combinators and the pieces of Promise that live in their own files */
extern const char promise_all_doc[], promise_race_doc[];
PyObject *promise_all(PyObject *cls, PyTypeObject *defining, PyObject *const *args,
                      Py_ssize_t nargs, PyObject *kwnames);
PyObject *promise_race(PyObject *cls, PyTypeObject *defining, PyObject *const *args,
                       Py_ssize_t nargs, PyObject *kwnames);

/* ---- Type specs, made into types by module.c in this order */
extern PyType_Spec promise_spec, settler_spec, typed_catch_spec, combiner_spec, loop_spec,
    timer_spec, callback_spec;
extern PyType_Spec stream_spec, server_spec, connector_spec, work_spec;

/* ---- Module functions that live in their own files (METH_FASTCALL | METH_KEYWORDS): module.c
 * lists them */
extern const char cp_connect_tcp_doc[], cp_serve_tcp_doc[], cp_to_thread_doc[];
PyObject *cp_connect_tcp(PyObject *module, PyObject *args, PyObject *kwargs);
PyObject *cp_serve_tcp(PyObject *module, PyObject *args, PyObject *kwargs);
PyObject *cp_to_thread(PyObject *module, PyObject *const *args, Py_ssize_t nargs,
                       PyObject *kwnames);

/* Worker hooks of cp_host, and the drop of work that never ran (rejects with LoopClosedError).
 * py_offload.c */
void *worker_start(struct cp_loop *loop);
void worker_end(struct cp_loop *loop, void *worker);
void work_drop(struct cp_work *work);
/* A name was resolved, or never will be. py_connect.c */
int run_resolved(struct cp_job *job);
void resolve_drop(struct cp_work *work);

/* Whether a call has from `least` to `most` positional arguments; sets TypeError. */
bool check_nargs(const char *name, Py_ssize_t nargs, Py_ssize_t least, Py_ssize_t most);
/* The raised exception as an object, cleared; with its traceback. New reference, never NULL when
 * one is raised. */
PyObject *take_raised(void);
/* The opposite; steals exception. */
void restore_raised(PyObject *exception);

#endif
