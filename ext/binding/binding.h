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
#include <pthread.h>
#include <structmember.h>

#include "../core/cp.h"

/* ---- Module state: every type and exception of one interpreter's cpromise. No static PyObject
 * anywhere. */
typedef struct LoopObject LoopObject;
typedef struct PromiseObject PromiseObject;

typedef struct {
    uint64_t id;         /* never given twice in a process */
    PromiseObject *free; /* dead promises to be used again, linked by job.next */
    int free_count;
    LoopObject *open_loops; /* of this interpreter, linked by next_open */
#ifdef Py_GIL_DISABLED
    PyMutex loops_lock;
#endif
    /* objects from here to the end: module.c visits and clears them as one array */
    PyTypeObject *Promise, *Loop, *Timer, *Callback, *Settler, *TypedCatch, *Combiner, *Watcher;
    PyTypeObject *Stream, *Server, *Connector, *Work;
    PyTypeObject *File, *UdpSocket;
    PyObject *PromiseError, *RejectionError, *WrongLoopError, *LoopClosedError, *WorkerDied;
    PyObject *UnhandledRejections;
    PyObject *CancelledError, *ConcurrentFuture; /* NULL until somebody needs them */
    PyObject *str_then, *str_current_loop, *str_owned_loop, *str_blocking, *str_throw;
    PyObject *str_states[3], *str_status, *str_value, *str_reason;
    PyObject *aggregate; /* makes the AggregateError of a list of reasons */
    PyObject *breathe;   /* does nothing, in Python: see loop_breathe */
    PyObject *awaiting;  /* the coroutine function that awaits what it is given */
    PyObject
        *copy_file; /* the coroutine function behind sendfile() where the kernel does not copy */
} module_state;

#define STATE_OBJECTS                                                                              \
    ((sizeof(module_state) - offsetof(module_state, Promise)) / sizeof(PyObject *))

extern struct PyModuleDef cpromise_module;
module_state *state_of_module(PyObject *module); /* never fails */
module_state *
state_of_type(PyTypeObject *defining); /* of one of our heap types (not a subclass); never fails */

/* ---- Objects */

/* The contexts (contextvars) of a loop's jobs. */
struct contexts {
    PyObject *snapshot;            /* the last one captured; never entered */
    PyObject *working, *copied_of; /* what jobs run in, and the snapshot of which it is a copy */
    PyObject *entered;             /* the one that is current now on our account, or NULL */
    PyObject *was_entered;         /* of a drive that is put aside; `entered` if it was left */
    bool comparable;               /* whether two can be told to hold the same variables */
};

struct LoopObject {
    PyObject_HEAD
    struct cp_loop core;
    module_state *state;        /* borrowed: the type keeps the module alive */
    PyInterpreterState *interp; /* of its thread: where its workers run */
    pthread_t thread;           /* that made it */
    PyThreadState *tstate;      /* saved around a wait */
    PyObject
        *resume;  /* borrowed: the value with which a coroutine is being resumed, see py_task.c */
    bool driving; /* a coroutine is being stepped by us, not by asyncio */
    struct contexts contexts;           /* py_context.c */
    LoopObject *next_open, **prev_open; /* in state->open_loops; prev_open NULL: not there */
    PromiseObject *roots; /* first of the pending promises that are settled from outside */
#ifdef Py_GIL_DISABLED
    PyMutex roots_lock;
#endif

    PyObject *processes;    /* the _Processes of _processes.py, from the first to_process() on */
    PyObject *apart_setup;  /* bytes, what the workers of to_interpreter() have to know; or NULL */
    PyObject *to_cancel;    /* list, while combined promises are being cancelled */
    PyObject *interrupt;    /* raised while closing: what ends programs */
    PyObject *asyncgens;    /* of _asyncgens.py: from the first run on */
    PyObject *settled_none; /* a fulfilled promise of None, shared; see loop_settled_none */
    PyObject *on_unhandled_rejection, *on_rejection_handled; /* callables or NULL */
    PyObject *on_slow_callback;                              /* callable or NULL */
    PyObject *origins;             /* in debug mode: {address of a promise: where it was made} */
    PyObject *guest_of, *guest;    /* the asyncio loop that runs this one, and what speaks to it */
    double slow_callback_duration; /* seconds */
    Py_ssize_t promises_alive;
    const char *backend_note; /* why the one that was preferred cannot be had, or NULL */
    size_t offloaded;         /* calls that wait for a worker or are with one */
    unsigned forks;           /* fork_count() at its birth: a forked child must not use it */
    uint8_t unhandled;        /* enum unhandled_mode */
    int drives;               /* how many runs of its jobs are under way, one inside the other */
    int last_breaths;         /* while closing */
    bool interrupted;         /* run() was left by what ends programs */
    bool hurry;               /* by Ctrl-C: closing leaves work on the pool behind */
    bool close_wanted;        /* close() was called by one of its own jobs */
    _Atomic bool open;        /* any thread may ask */
    bool running, closing, debug,
        signals; /* signals: Ctrl-C wakes this loop and is looked for each turn */
};

/* What becomes of a rejection that nobody handles, where no hook is set. */
enum unhandled_mode { UNHANDLED_RAISE, UNHANDLED_WARN, UNHANDLED_IGNORE };

struct PromiseObject {
    PyObject_HEAD
    struct cp_promise core;
    PyObject *context; /* in which the handler will run; see the table of kinds */
};

#define LOOP_OF(core_ptr) cp_container_of(core_ptr, LoopObject, core)

/* ---- Loop */

/* The calling thread's loop, made on first use. New reference. */
LoopObject *loop_current(module_state *state);
/* The same if there is one, if it is running (or another loop's guest); else NULL. New reference.
 */
LoopObject *loop_current_or_null(module_state *state);
LoopObject *loop_running_or_null(module_state *state);
/* The same on the backend of that name, also when it is there already: else RuntimeError. */
LoopObject *loop_current_on(module_state *state, const char *backend);
/* A new open loop of this thread that is not its current one. New reference, or NULL with
 * ValueError or OSError when the backend cannot be had. */
LoopObject *loop_new(module_state *state, const char *backend);
/* py_backend.c: opens the core of a new loop; checks the backend of one that is there. 0 or -1. */
int loop_open(LoopObject *loop, const char *backend);
int loop_check_backend(LoopObject *loop, const char *backend);
/* py_workers.c: workers= and pin=, None for what is not asked for. 0, or -1 with TypeError, ValueError
 * or (there are workers already) RuntimeError. */
int loop_set_workers(LoopObject *loop, PyObject *workers, PyObject *pin);
PyObject *loop_get_workers(PyObject *self, void *closure);
PyObject *loop_get_backend(PyObject *self, void *closure);
PyObject *loop_get_backend_note(PyObject *self, void *closure);
/* Methods of Loop in py_run.c */
PyObject *loop_run(LoopObject *self, PyObject *main);
PyObject *loop_run_forever(LoopObject *self, PyObject *ignored);
PyObject *loop_stop(LoopObject *self, PyObject *ignored);
extern const char loop_run_doc[], loop_run_forever_doc[], loop_stop_doc[];
/* How often in a turn of the loop somebody found at once what it asked the kernel for. One whose share
 * is used up waits for the next turn: a peer that floods must not keep the loop from everybody else.
 * Of datagrams it is more: the kernel drops what waits for long. */
enum { TRIES_A_TURN = 16, DATAGRAMS_A_TURN = 64 };
struct share {
    uint64_t turn; /* of the loop, in which there were `tries` */
    unsigned tries;
};
/* Counts one more try. */
static inline bool share_is_used_up(struct share *share, const LoopObject *loop, unsigned most) {
    if (share->turn != loop->core.stats.turns)
        *share = (struct share){loop->core.stats.turns, 0};
    return ++share->tries > most;
}

/* Runs until `main` has settled; its value (new reference), or NULL with its reason raised. */
PyObject *loop_run_main(LoopObject *loop, PyObject *main);
/* close() was called by a job, and now there is none any more. */
void loop_close_wanted(LoopObject *loop);
/* Closes the asynchronous generators that are unfinished. 0 or -1. */
int loop_finish_asyncgens(LoopObject *loop);
/* Loop.close(). 0 or -1. */
int loop_close_now(LoopObject *loop);
/* A subinterpreter ends: closes what is open, whichever thread made it. A thread of a pool that was
 * left would be a fatal error. */
void loops_end(module_state *state);
/* What every loop does for the core, and the end of a job or of work that will never run. py_host.c
 */
extern const struct cp_host loop_host;
/* For the garbage collector: visits what a queued or waiting job refers to. */
int job_visit(struct cp_job *job, visitproc visit, void *arg);
void loop_drop_job(struct cp_job *job);
void loop_drop_work(struct cp_work *work);
/* Work that is left behind on its thread: whoever waits for it is told. */
void loop_lose_work(struct cp_work *work);
/* Posts a job to loop from any thread. False: the loop is closed, the job is the caller's still. */
bool loop_post(LoopObject *loop, struct cp_job *job);
/* fn(arg) as a macrotask of loop, from any thread. 0 or -1. */
int loop_post_call(LoopObject *loop, PyObject *fn, PyObject *arg);
/* Whether the calling thread is the loop's. */
static inline bool loop_is_here(const LoopObject *loop) {
    return loop->thread == pthread_self();
}
/* Every driver of a loop's jobs stands between these two: what is current now is put aside. */
void loop_begin_jobs(LoopObject *loop, struct contexts *saved);
void loop_end_jobs(LoopObject *loop, struct contexts *saved);
/* Makes loop this thread's current one; `outer` gets the one before (new reference or NULL) for
 * current_restore, which steals it and keeps a raised exception. -1: another loop is running on
 * this thread. */
int current_swap(LoopObject *loop, LoopObject **outer);
void current_restore(module_state *state, LoopObject *outer);
void current_forget(LoopObject *loop);
void current_uncache(LoopObject *loop); /* the same when it dies */
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
/* For C code that runs for long: looks for signals, and lets other threads have the GIL if they wait
 * for it. 0, or -1 with an exception. */
int loop_breathe(LoopObject *loop);
/* p was reported as unhandled, and now somebody reacts to it. */
void loop_rejection_handled(LoopObject *loop, PromiseObject *p);
/* An exception of a callback that has no promise, or a reason that nobody handled (p may be NULL):
 * the hook is asked, without one the exception to leave run() with is set. 0 or -1. Steals reason.
 */
int loop_unhandled(LoopObject *loop, PromiseObject *p, PyObject *reason);
/* Sets how: 'raise', 'warn', 'ignore' or a callable. 0 or -1. */
int loop_set_unhandled(LoopObject *loop, PyObject *how);

/* ---- Contexts (py_context.c) */
/* The variables of now, to run a job with later. New reference, NULL with an exception. */
PyObject *context_capture(LoopObject *loop);
/* Makes current a copy of a captured context, or `own` itself, until the next job asks for another.
 * Only between loop_begin_jobs and loop_end_jobs. 0 or -1. */
int context_use(LoopObject *loop, PyObject *captured);
int context_use_own(LoopObject *loop, PyObject *own);
/* Whether this Python lets us compare contexts; asked once a loop. */
bool contexts_comparable(void);

/* ---- Debug mode (py_debug.c) */
extern const struct cp_host debug_host; /* measures each job */
/* Switches it; debug None: as Python's development mode and CPROMISE_DEBUG say. 0 or -1. */
int loop_set_debug(LoopObject *loop, PyObject *debug);
void origin_note(PromiseObject *p);
void origin_forget(PromiseObject *p);
/* Where p was made, as "file:line in function". Borrowed, or NULL: not known. */
PyObject *origin_of(PromiseObject *p);
PyObject *promise_repr(PromiseObject *self);
/* Around a job: is it slow? slow_end passes `err` on, or makes it -1. */
struct slow_watch {
    LoopObject *loop;
    PyObject *what;
    cp_ns start;
};
void slow_begin(struct slow_watch *watch, LoopObject *loop, PyObject *what);
/* The user's function that a job is about to call, or None. Borrowed. */
PyObject *job_function(struct cp_job *job);
int slow_end(struct slow_watch *watch, int err);

/* ---- Guests: loops that an asyncio loop runs (py_guest.c) */
void guest_detach(LoopObject *loop); /* the loop begins to close */
PyObject *loop_guest_begin(LoopObject *self, PyObject *args);
PyObject *loop_guest_turn(LoopObject *self, PyObject *args);
extern const char loop_guest_begin_doc[], loop_guest_turn_doc[];

/* A deadline `seconds` from now. -1 with TypeError or ValueError (NaN) set. Negative: now; huge:
 * the far future. */
int deadline_after(PyObject *seconds, cp_ns *when);
/* The same for a time of Loop.time(). */
int deadline_at(PyObject *seconds, cp_ns *when);

/* ---- Callbacks and timers (py_timer.c) */
/* A job that calls fn(*args) and then is gone; the reference is the queue's. NULL: MemoryError. */
struct cp_job *callback_new(LoopObject *loop, PyObject *fn, PyObject *const *args,
                            Py_ssize_t nargs);
int run_callback(LoopObject *loop, struct cp_job *job);
void callback_drop(struct cp_job *job);
int callback_visit(struct cp_job *job, visitproc visit, void *arg);
PyObject *timer_object(struct cp_timer *timer); /* borrowed */
/* A job of the next turn that calls self.<method>(). 0 or -1. */
int callback_next_turn(LoopObject *loop, PyObject *self, const char *method);
PyObject *callback_function(struct cp_job *job);  /* borrowed */
PyObject *timer_function(struct cp_timer *timer); /* borrowed; None for a promise's */
/* A Timer that calls fn(*args). New reference. */
PyObject *timer_start_call(LoopObject *loop, cp_ns when, PyObject *fn, PyObject *const *args,
                           Py_ssize_t nargs);
/* Fulfils p, which is idle, with `value` (borrowed) at `when`; value NULL: p expires then with a
 * TimeoutError. 0, or -1 with an exception. p becomes KIND_TIMED. */
int timer_for_promise(PromiseObject *p, cp_ns when, PyObject *value);
/* The Timer in p.ok is not needed any more. Steals it. */
void timer_forget(PyObject *timer);
int timer_fire(struct cp_loop *core, struct cp_timer *timer);
/* The loop closes: a sleep is rejected, a call is forgotten. */
void timer_drop(struct cp_timer *timer);

/* ---- Promise
 * Layout: see the table in cp.h. `value` holds the value once settled; before that each job in the
 * list counts as one reference to its object. `arg` is a reference while the job is queued.
 *
 *   kind           ok                               context
 *   ----           --                               -------
 *   KIND_THEN      on_fulfilled                     captured by then()
 *   KIND_CATCH     on_rejected or a TypedCatch      likewise
 *   KIND_BOTH      a tuple of both                  likewise
 *   KIND_FINALLY   the function                     likewise
 *   KIND_TAP       the function                     likewise
 *   KIND_KEEP      the outcome to keep, once what that function returned has settled
 *   KIND_DELAY     the seconds, a float             likewise
 *   KIND_TIMED     the Timer of sleep(), delay(), timeout()
 *   KIND_TASK      the coroutine                    its own
 *   KIND_COMBINED  the Combiner, not a reference: the result of all(), race() ...
 *   KIND_THENABLE  the `then` to be called          captured when it was found
 *   KIND_DONE      a tuple (callback, promise)      given by asyncio, its own
 *   KIND_SERVED    the stream whose handler's end this is
 *   KIND_ROOT      the next root, not a reference   the future of others that is followed, or NULL
 *                  (arg: what points to this one)
 *   KIND_OPERATION the struct operation that settles it, not a reference; NULL when it is over
 *
 * The kinds after these are not promises; KIND_ELEMENT is a bare reaction: ok is the Combiner,
 * job.word the index. */
enum binding_kind {
    KIND_THEN = CP_HOST,
    KIND_CATCH,
    KIND_BOTH,
    KIND_FINALLY,
    KIND_TAP,
    KIND_KEEP,
    KIND_DELAY,
    KIND_TIMED,
    KIND_TASK,
    KIND_COMBINED,
    KIND_THENABLE,
    KIND_DONE,
    KIND_SERVED,
    KIND_ROOT,
    KIND_OPERATION,
    KIND_ELEMENT,
    KIND_CALLBACK, /* a Callback: queue_microtask, call_soon */
    KIND_WORK,     /* a Work that comes back from the pool */
    KIND_NATIVE,   /* a native_work that comes back from the pool */
    KIND_READ,     /* a Stream that reads on in the next turn */
    KIND_FLUSH,    /* a Stream that sends what the turn has written */
    KIND_SETTLER,  /* a resolve or reject that was called on a foreign thread */
};
enum binding_flag {
    FLAG_KEEP_REJECTED = CP_HOST_FLAG, /* KIND_KEEP: the outcome is a reason */
    FLAG_FOREIGN = CP_HOST_FLAG,       /* KIND_TASK: awaits something that is not a promise */
    FLAG_MAIN = 2 * CP_HOST_FLAG,      /* run() waits for it: a consumer that is in no list */
    FLAG_THROW = 4 * CP_HOST_FLAG,     /* KIND_TASK: arg is to be thrown into the coroutine */
    FLAG_CANCEL = 8 * CP_HOST_FLAG,    /* KIND_TASK: to be cancelled at its next await */
    FLAG_BLOCKING = 16 * CP_HOST_FLAG, /* what asyncio calls _asyncio_future_blocking */
};

/* What settles a KIND_OPERATION promise, and is told when that was cancelled: the promise is
 * rejected already. It takes itself out of p.ok before it settles p or dies. */
struct operation {
    void (*cancelled)(struct operation *);
};

#define PROMISE_OF(core_ptr) cp_container_of(core_ptr, PromiseObject, core)
#define PROMISE_LOOP(p)      LOOP_OF((p)->core.loop)

/* A pending promise of loop; promise_new_root: one that will be settled from outside. */
PromiseObject *promise_new(LoopObject *loop);
PromiseObject *promise_new_root(LoopObject *loop);
void promise_make_root(PromiseObject *p);
/* Ends that, if p is one: its slots are free again. The future that it followed (new reference) or
 * NULL: to be given up when p is in order, since that may run any code. */
PyObject *promise_unroot(PromiseObject *p);
/* The loop closes: rejects all of them with LoopClosedError. */
void promise_reject_roots(LoopObject *loop);
/* Before a promise is looked at: on a closed loop it is rejected at the latest now. */
void promise_settle_if_closed(PromiseObject *p);
/* Gives the memory of dead promises back, when the module dies. */
void promise_drop_free(module_state *state);
/* A child of p with this kind, `ok` (borrowed, or NULL) and the present context. NULL on error. */
PromiseObject *promise_derive(PromiseObject *p, uint8_t kind, PyObject *ok);
/* The job of p, a queued reaction, has begun: its `ok` and `arg` go to the caller. */
static inline void promise_take_job(PromiseObject *p, PyObject **ok, PyObject **arg) {
    *ok = p->core.self.ok;
    *arg = p->core.self.arg;
    p->core.self.ok = p->core.self.arg = NULL;
    p->core.self.job.phase = CP_IDLE;
}
/* p's job will never run: p lets go of what it carries, and the queue or list of p. */
void promise_drop_job(PromiseObject *p);
/* Settle a pending promise (else: nothing happens) with a value as it is. Steal the reference to
 * value or reason. */
void promise_fulfil(PromiseObject *p, PyObject *value);
void promise_reject(PromiseObject *p, PyObject *reason);
/* ECMAScript's promise resolution: promises, coroutines and thenables are adopted, everything else
 * fulfils. Steals value. 0, or -1 with an exception set that must leave run() (a coroutine raised
 * it at once). */
int promise_resolve(PromiseObject *p, PyObject *value);
/* Cancels p, or what it waits for where nobody else does: see py_cancel.c. Whether p was pending.
 * reason: NULL, or what asyncio calls the message. -1 with an exception set. */
int promise_cancel(PromiseObject *p, PyObject *message);
/* The same with the exception itself, which it steals. */
int promise_cancel_with(PromiseObject *p, PyObject *reason);
/* If a reaction waits, it does not any more, and its list's reference is gone. The promise for which
 * nobody else waits and which is therefore to be cancelled (new reference), or NULL. */
PromiseObject *reaction_leave(struct cp_reaction *self);
/* p, to which the caller holds a reference, is rejected with `reason` (stolen) and leaves what it
 * waits for, which is cancelled if nobody else waits for it. */
void promise_expire(PromiseObject *p, PyObject *reason);
/* Whether reason is an asyncio.CancelledError. */
bool is_cancelled_error(module_state *state, PyObject *reason);
/* asyncio.CancelledError, imported on first use. Borrowed, NULL with an exception. */
PyObject *cancelled_error(module_state *state);
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
/* The same for a reaction that is no promise; the list or queue owns it. */
void promise_subscribe_reaction(PromiseObject *p, struct cp_reaction *reaction);
/* What await raises for a rejection with `reason`: the exception itself, or RejectionError(reason).
 * Sets it. */
void raise_reason(module_state *state, PyObject *reason);

/* Whether the raised exception is one that leaves run() at once: KeyboardInterrupt, SystemExit,
 * GeneratorExit. */
bool raised_is_fatal(void);
/* Sets asyncio.<name>(text); asyncio is imported only now. */
void raise_asyncio_error(const char *name, const char *text);

/* ---- Jobs: one per kind, called by loop_run_job; steal the reference to their object. 0, or -1
 * with an exception set that must leave run(). */
int run_pass(PromiseObject *p);    /* py_handlers.c, and so are those that follow */
int run_then(PromiseObject *p);    /* KIND_THEN, KIND_CATCH, KIND_BOTH */
int run_finally(PromiseObject *p); /* KIND_FINALLY, KIND_TAP */
int run_keep(PromiseObject *p);
int run_delay(PromiseObject *p);
int run_timed(PromiseObject *p);
int run_thenable(PromiseObject *p); /* py_settler.c */
int run_settler(struct cp_job *job);
int run_done(PromiseObject *p);                        /* py_face.c */
int run_element(LoopObject *loop, struct cp_job *job); /* py_combine.c */
int run_served(PromiseObject *p);                      /* py_server.c */
int run_task(PromiseObject *p);                        /* py_task.c */
int run_work(struct cp_job *job);                      /* py_offload.c */
void run_read(struct cp_job *job);                     /* py_stream_read.c */
void stream_expect(const struct cp_op *op, int ahead); /* the same: host->expect */
PyObject *read_object(struct cp_job *job);             /* borrowed */
void run_flush(struct cp_job *job);                    /* py_stream_write.c */
PyObject *flush_object(struct cp_job *job);            /* borrowed */
void settler_drop(struct cp_job *job);
PyObject *settler_object(struct cp_job *job); /* borrowed */

/* ---- Tasks: a promise for a coroutine, which starts in a microtask. Steals coro. NULL on error
 * (coro is closed). */
PromiseObject *task_new(LoopObject *loop, PyObject *coro);

/* ---- Futures of others (py_future.c) */
/* Whether value is an asyncio future (or quacks as one), or a concurrent.futures.Future. */
bool is_asyncio_future(module_state *state, PyObject *value);
bool is_concurrent_future(module_state *state, PyObject *value);
/* A promise that follows such a future. New reference, NULL with an exception. */
PromiseObject *promise_of_future(LoopObject *loop, PyObject *future);
/* Asks the future that p follows to cancel. 1: it will settle p; 0: it cannot; -1: exception. */
int future_cancel(PromiseObject *p, PyObject *reason);

/* ---- Combiners (py_combine.c): the result of one was cancelled; an element of one dies. */
void combiner_cancel(PyObject *combiner);
void element_drop(struct cp_job *job);

/* ---- Settlers: resolve and reject as callables, from any thread. Of each pair only the first call
 * counts. */
/* pair: new references to resolve and reject. -1 with an exception. */
int settlers_new(PromiseObject *p, PyObject *pair[2]);
/* Calls an executor or a thenable's `then` with a new pair for p; what it raises is p's reason,
 * unless it called one of the pair before. -1: an exception that is nobody's reason. */
int settlers_hand(PromiseObject *p, PyObject *callable);

/* A handler with an exception class (or tuple) that says which reasons are its own. NULL:
 * TypeError. */
PyObject *typed_catch_new(module_state *state, PyObject *types, PyObject *handler);

/* ---- Methods of Promise in files of their own: py_methods.c has the table of all. */
extern PyMethodDef promise_methods[];
extern PyGetSetDef promise_getset[];
#define METHOD_STATIC METH_CLASS | METH_METHOD | METH_FASTCALL | METH_KEYWORDS
#define STATIC_PARAMETERS                                                                          \
    PyObject *Py_UNUSED(cls), PyTypeObject *defining, PyObject *const *args, Py_ssize_t nargs,     \
        PyObject *kwnames
PyObject *promise_all(STATIC_PARAMETERS);
PyObject *promise_all_settled(STATIC_PARAMETERS);
PyObject *promise_any(STATIC_PARAMETERS);
PyObject *promise_race(STATIC_PARAMETERS);
PyObject *promise_from_future(STATIC_PARAMETERS);
PyObject *promise_cancel_method(PromiseObject *self, PyObject *const *args, Py_ssize_t nargs,
                                PyObject *kwnames);
extern const char promise_all_doc[], promise_all_settled_doc[], promise_any_doc[],
    promise_race_doc[], promise_from_future_doc[], promise_cancel_doc[];
/* The asyncio face (py_face.c). */
PySendResult promise_await_step(PromiseObject *self, PyObject *sent, PyObject **result);
PyObject *promise_iternext(PromiseObject *self);
PyObject *face_add_done_callback(PromiseObject *self, PyObject *const *args, Py_ssize_t nargs,
                                 PyObject *kwnames);
PyObject *face_remove_done_callback(PromiseObject *self, PyObject *callback);
PyObject *face_get_loop(PromiseObject *self, PyObject *ignored);
PyObject *face_done(PromiseObject *self, PyObject *ignored);
PyObject *face_cancelled(PromiseObject *self, PyObject *ignored);
PyObject *face_result(PromiseObject *self, PyObject *ignored);
PyObject *face_exception(PromiseObject *self, PyObject *ignored);
PyObject *face_make_cancelled_error(PromiseObject *self, PyObject *ignored);
PyObject *face_get_cancel_message(PromiseObject *self, void *closure);
PyObject *face_get_blocking(PromiseObject *self, void *closure);
int face_set_blocking(PromiseObject *self, PyObject *value, void *closure);
extern const char face_add_done_callback_doc[], face_remove_done_callback_doc[],
    face_get_loop_doc[], face_done_doc[], face_cancelled_doc[], face_result_doc[],
    face_exception_doc[];

/* ---- Type specs, made into types by module.c in this order */
extern PyType_Spec promise_spec, settler_spec, typed_catch_spec, combiner_spec, loop_spec,
    timer_spec, callback_spec, watcher_spec;
extern PyType_Spec stream_spec, server_spec, connector_spec, work_spec;
extern PyType_Spec file_spec, udp_spec;

/* ---- Module functions that live in their own files (METH_FASTCALL | METH_KEYWORDS): module.c
 * lists them */
extern const char cp_open_file_doc[];
PyObject *cp_open_file(PyObject *module, PyObject *args, PyObject *kwargs);
PyObject *cp_spawn(PyObject *module, PyObject *args); /* for cpromise/_process.py */
PyObject *cp_when_readable(PyObject *module, PyObject *fd);
PyObject *cp_pipe_stream(PyObject *module, PyObject *fd);
extern const char cp_resolve_host_doc[], cp_connect_udp_doc[], cp_bind_udp_doc[];
PyObject *cp_resolve_host(PyObject *module, PyObject *args, PyObject *kwargs);
PyObject *cp_connect_udp(PyObject *module, PyObject *args, PyObject *kwargs);
PyObject *cp_bind_udp(PyObject *module, PyObject *args, PyObject *kwargs);
extern const char cp_connect_tcp_doc[], cp_connect_unix_doc[], cp_serve_unix_doc[],
    cp_serve_tcp_doc[], cp_to_thread_doc[], cp_to_native_doc[];
extern const char cp_all_keyed_doc[], cp_all_settled_keyed_doc[], cp_map_doc[];
PyObject *cp_all_keyed(PyObject *module, PyObject *mapping);
PyObject *cp_all_settled_keyed(PyObject *module, PyObject *mapping);
PyObject *cp_map(PyObject *module, PyObject *args, PyObject *kwargs);
PyObject *cp_connect_tcp(PyObject *module, PyObject *args, PyObject *kwargs);
PyObject *cp_connect_unix(PyObject *module, PyObject *args, PyObject *kwargs);
PyObject *cp_serve_tcp(PyObject *module, PyObject *args, PyObject *kwargs);
PyObject *cp_serve_unix(PyObject *module, PyObject *args, PyObject *kwargs);
PyObject *cp_pack(PyObject *module, PyObject *value); /* py_wire.c, and so are those that follow */
PyObject *cp_unpack(PyObject *module, PyObject *bytes);
PyObject *cp_claim(PyObject *module, PyObject *args);
PyObject *cp_die_with(PyObject *module, PyObject *args);
PyObject *cp_to_interpreter(PyObject *module, PyObject *args); /* py_apart.c */
PyObject *cp_to_native(PyObject *module, PyObject *const *args, Py_ssize_t nargs);
PyObject *cp_to_thread(PyObject *module, PyObject *const *args, Py_ssize_t nargs,
                       PyObject *kwnames);

/* Worker hooks of cp_host, and the drop of work that never ran (rejects with LoopClosedError).
 * py_offload.c */
void *worker_start(struct cp_loop *loop, int pool);
void worker_end(int pool, void *worker);
/* py_apart.c: the same for the pool of interpreters. */
void *apart_start(LoopObject *loop);
void apart_end(void *worker);
PyThreadState *apart_home(void *worker); /* of the loop's interpreter */
void work_drop(struct cp_work *work);
PyObject *work_object(struct cp_work *work); /* borrowed */
/* Gives work for p, a new promise, to its pool: cancelling p tells `operation` from now on. 0, or -1
 * when p was rejected instead: too many wait, or no thread can be had. */
int offload_begin(PromiseObject *p, struct cp_work *work, struct operation *operation,
                  const char *what);
/* The work has come home, or never will: once for each that has begun, before p is settled. */
void offload_end(PromiseObject *p);
/* Work on the pool that is C code and touches no Python object there: its job is KIND_NATIVE. */
struct native_work {
    struct cp_work core;
    void (*home)(struct native_work *);  /* it has run; on the loop's thread, and owns itself now */
    void (*never)(struct native_work *); /* the loop closes and it will not come home: tells whoever
                                            waits; not to be freed */
    void (*free)(struct native_work *);  /* on any thread that holds the GIL, after never() */
};
#define NATIVE_OF(job_ptr) cp_container_of(job_ptr, struct native_work, core.job)
static inline int run_native(struct cp_job *job) {
    NATIVE_OF(job)->home(NATIVE_OF(job));
    return 0;
}
static inline void native_drop(struct native_work *work) {
    work->never(work);
    work->free(work);
}
/* Whether a call has from `least` to `most` positional arguments; sets TypeError. */
bool check_no_keywords(const char *name, PyObject *kwnames);
bool check_nargs(const char *name, Py_ssize_t nargs, Py_ssize_t least, Py_ssize_t most);
/* The raised exception as an object, cleared; with its traceback. New reference, never NULL when
 * one is raised. */
PyObject *take_raised(void);
/* The opposite; steals exception. */
void restore_raised(PyObject *exception);

#endif
