/* cp.h - the core of cpromise: a promise state machine, a job queue and an event loop, in C11 and
 * POSIX, without Python. The host (ext/binding, or a test) gives values their meaning.
 *
 * One rule explains the whole interface: *the core moves, the host counts*. A value is a word (void
 * *) that the core moves from slot to slot and never copies, reads or frees. Wherever a call makes
 * a second holder of a word, it says so in its return value, and the host adds the reference. The
 * same holds for jobs: a job that stands in a queue or in a promise's list of reactions counts as
 * one reference to the object in which it is embedded.
 *
 * Errors are negative errno values. Unless a function says otherwise it must be called on the
 * thread that runs the loop, does not call back into the host, and cannot fail. */
#ifndef CP_H
#define CP_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

typedef int64_t cp_ns; /* nanoseconds of CLOCK_MONOTONIC, or a span of them */

#define CP_FOREVER                         INT64_MAX
#define cp_container_of(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))

struct cp_loop;

/* ---- Jobs
 * A job is a node that its owner embeds. It is in at most one list or queue at a time, so one link
 * serves all of its lives: waiting on a promise, queued to run, or (a rejected promise) noted as
 * unhandled. */

enum cp_kind {
    CP_CALL,  /* the host's own: a callback, a message */
    CP_PASS,  /* a reaction that passes state and value through: the second half of adoption */
    CP_ADOPT, /* the first half of adoption: subscribe to the promise in `arg` */
    CP_HOST,  /* kinds from here on are the host's reactions */
};

enum cp_state { CP_PENDING, CP_FULFILLED, CP_REJECTED };

/* Where a reaction is in its life; see the table below. */
enum cp_phase { CP_IDLE, CP_WAITING, CP_QUEUED, CP_DETACHED };

enum cp_flag {
    CP_HANDLED = 1,      /* somebody reacts to this promise */
    CP_ARG_REJECTED = 2, /* `arg` of this queued reaction is a reason, not a value */
    CP_REPORTED = 4,     /* was reported as an unhandled rejection */
    CP_HOST_FLAG = 8,    /* this one and the higher ones belong to the host */
};

struct cp_job {
    struct cp_job *next; /* private */
    uint8_t kind;        /* public until queued */
    uint8_t state;       /* read-only: enum cp_state, of a promise; see cp_promise_state */
    uint8_t flags;       /* enum cp_flag */
    uint8_t phase;       /* read-only: enum cp_phase; the host sets CP_IDLE when it runs the job */
    uint32_t word;       /* the host's */
};

struct cp_queue {
    struct cp_job *head, *tail; /* private; tail is stale while head is NULL */
};

static inline void cp_queue_push(struct cp_queue *q, struct cp_job *job) {
    job->next = NULL;
    if (q->head)
        q->tail->next = job;
    else
        q->head = job;
    q->tail = job;
}

static inline struct cp_job *cp_queue_pop(struct cp_queue *q) {
    struct cp_job *job = q->head;
    if (job)
        q->head = job->next;
    return job;
}

/* ---- Promises
 * The child that `then` makes *is* the reaction on its parent and the job that runs it: one
 * allocation per link.
 *
 *   phase of a reaction    arg                                          job is in
 *   -------------------    ---                                          ---------
 *   CP_IDLE                the host's                                   nothing
 *   CP_WAITING             the promise that it waits for (borrowed)     that promise's list
 *   CP_QUEUED              the value or reason (CP_ARG_REJECTED);       loop->micro
 *                          of CP_ADOPT: the promise to subscribe to
 *   CP_DETACHED            NULL, until the host sets it                 what cp_promise_detach gave
 *
 *   life of a promise      value
 *   -----------------      -----
 *   pending                last of its circular list of reactions, NULL for none
 *   settled                the value or the reason, owned by the promise */

struct cp_reaction {
    struct cp_job job;
    void *ok; /* the host's: what to call */
    void *arg;
};

struct cp_promise {
    struct cp_reaction self; /* what this promise does when the one it was derived from settles */
    struct cp_loop *loop;    /* read-only */
    void *value;             /* private while pending, read-only afterwards */
};

static inline struct cp_reaction *cp_reaction_of(struct cp_job *job) {
    return cp_container_of(job, struct cp_reaction, job);
}
static inline struct cp_promise *cp_promise_of(struct cp_job *job) {
    return cp_container_of(job, struct cp_promise, self.job);
}
/* From any thread: who sees a promise settled also sees its value. */
static inline enum cp_state cp_promise_state(const struct cp_promise *p) {
    return (enum cp_state)__atomic_load_n(&p->self.job.state, __ATOMIC_ACQUIRE);
}

static inline void cp_promise_init(struct cp_promise *p, struct cp_loop *loop) {
    *p = (struct cp_promise){.loop = loop};
}

/* Registers `reaction`, which is idle, on p and marks p handled. p pending: it waits in p's list. p
 * settled: it is queued at once. Either way the host owes one reference to the reaction's owner;
 * returns 1 when it also owes one to p->value. */
int cp_promise_subscribe(struct cp_promise *p, struct cp_reaction *reaction);

/* Takes a waiting reaction out of the list in which it waits: it is idle then, and the reference
 * that the list held goes to the caller. Costs a walk through that list. */
void cp_promise_unsubscribe(struct cp_reaction *reaction);

/* Settles a pending p and queues its reactions in the order of their registration: no allocation.
 * Takes over the caller's reference to `value`. Returns the number of further references to `value`
 * that the host owes, one for each reaction. A rejection without a reaction enters loop->unhandled,
 * and the host owes a reference to p for it: returned as -1. p's own reaction is idle. */
int cp_promise_settle(struct cp_promise *p, enum cp_state state, void *value);

/* Whether exactly `count` (0 or 1) reactions wait on a pending p. */
bool cp_promise_has_reactions(const struct cp_promise *p, int count);

/* p, whose reaction is idle, was resolved with the pending or settled promise q: queues the job
 * that will subscribe p to q, as ECMAScript's NewPromiseResolveThenableJob. The host owes one
 * reference to p and one to q. */
void cp_promise_adopt(struct cp_promise *p, struct cp_promise *q);

/* Takes the next promise that was rejected without a reaction and still has none; NULL when there
 * is none. The reference that the list held goes to the caller. Promises handled meanwhile are
 * handed to `drop` on the way. */
struct cp_promise *cp_unhandled_next(struct cp_loop *loop, void (*drop)(struct cp_promise *));

/* Hands the promises of that list that were handled meanwhile to `drop`: for a drain that does not
 * come to its end. */
void cp_unhandled_sweep(struct cp_loop *loop, void (*drop)(struct cp_promise *));

/* Calls visit for each reaction that waits on a pending p (for the host's garbage collector); stops
 * at the first result other than 0 and returns it. */
int cp_promise_visit(struct cp_promise *p, int (*visit)(struct cp_job *, void *), void *arg);

/* Empties the list of a pending p: returns its reactions, oldest first, linked by `next`, all of
 * them detached; NULL for none. Their references go to the caller, who makes each idle. */
struct cp_job *cp_promise_detach(struct cp_promise *p);

/* ---- Timers */

struct cp_timer {
    cp_ns when;   /* read-only */
    uint64_t seq; /* private: equal deadlines fire in the order of their start */
    size_t slot;  /* private: 1 + index in the heap, 0 when not started */
};

/* Starts a timer that is not started (`when` absolute). -ENOMEM. The host owes one reference to the
 * timer's owner, which it gets back from host->fire or by cp_timer_stop returning true. */
int cp_timer_start(struct cp_loop *loop, struct cp_timer *timer, cp_ns when);
bool cp_timer_stop(struct cp_loop *loop, struct cp_timer *timer);
cp_ns cp_now(void);

/* ---- I/O: completions, not readiness
 * An operation is
 * submitted once and completes once. The poller behind it may try and wait (epoll) or hand it to
 * the kernel (io_uring); nobody above the seam can tell. */

enum cp_op_kind {
    CP_OP_RECV,
    CP_OP_SEND,
    CP_OP_SENDV,
    CP_OP_SENDFILE,
    CP_OP_ACCEPT,
    CP_OP_CONNECT,
    CP_OP_POLL_IN, /* moves nothing: 0 when a read would not block, also at the end or on an error;
                      not on a descriptor on which RECV or ACCEPT were used */
    CP_OP_POLL_OUT /* the same for a write */
};

/* The bytes of a file from `offset` on; SENDFILE sends op->len of them at most, and a result of 0
 * means that the file ends there. */
struct cp_file_range {
    int fd;
    int64_t offset;
};

struct cp_op {
    /* set by the submitter */
    uint8_t kind;
    void *buf;  /* RECV: NULL means the loop's own buffer, see `data`. SEND: the bytes. SENDV: an
                   array of struct iovec. SENDFILE: a struct cp_file_range. CONNECT: sockaddr. They must stay until done */
    size_t len; /* bytes of buf; of SENDV, its elements, at most CP_GATHER; RECV into the loop's
                   buffer: the most that may be read */
    int (*done)(
        struct cp_loop *,
        struct cp_op *); /* called once from the loop if submit returned 0; < 0 stops the loop */
    /* read-only, on completion */
    ssize_t result;   /* bytes (0: end of file), the accepted descriptor (non-blocking,
                         close-on-exec), 0 for CONNECT, or -errno */
    const void *data; /* RECV: where the bytes are; in the loop's buffer they are valid until the
                         next submit or the return of done */
    /* private */
    struct cp_io *io;
    struct cp_op *next;
    bool pending;
};

/* One descriptor under the loop's care. At most one operation reads (RECV, ACCEPT, POLL_IN) and one
 * writes (the others) at a time. */
struct cp_io {
    int fd;        /* read-only, -1 once closed */
    uint8_t ready; /* private: poller's hints, what is worth trying before waiting */
    bool plain;    /* public, after cp_io_open: a pipe, not a socket: read and written to. The host
                      ignores SIGPIPE then */
    struct cp_op *reader, *writer;
    struct cp_watch *watch;               /* private: io_uring's */
    struct cp_io *next_open, **prev_open; /* private: the loop's list of open descriptors */
};

/* Takes over fd, which must be non-blocking. 0 or -errno (fd stays the caller's then). */
int cp_io_open(struct cp_loop *loop, struct cp_io *io, int fd);
/* Closes the descriptor; pending operations complete with -ECANCELED in this turn, from the loop
 * and not from inside this call. Harmless when already closed. */
void cp_io_close(struct cp_loop *loop, struct cp_io *io);
/* Ends the loop's care of a descriptor on which nothing is pending, and returns it to the caller.
 * Bytes that were received ahead of being asked for are lost: not for a stream that was read. */
int cp_io_release(struct cp_loop *loop, struct cp_io *io);
/* Submits. 1: complete already, op->result and op->data are valid, done will not be called. 0: done
 * will be called from the loop. -EBUSY: an operation of that direction is pending; -EBADF: closed;
 * -ENOMEM. */
int cp_io_submit(struct cp_loop *loop, struct cp_io *io, struct cp_op *op);
/* Asks a pending operation to end: it completes with -ECANCELED (or its result, if that came first)
 * from the loop. */
void cp_io_cancel(struct cp_loop *loop, struct cp_op *op);

/* For pollers: the pending op ends with `result` and joins loop->completed. */
void cp_complete(struct cp_loop *loop, struct cp_op *op, ssize_t result);

/* For pollers: what io->ready holds, and the call that op stands for. Its result, or -EAGAIN; takes
 * from io->ready what is not worth another try before the next event. */
enum { CP_READABLE = 1, CP_WRITABLE = 2, CP_HUNG_UP = 4 };
ssize_t cp_io_try(struct cp_loop *loop, struct cp_io *io, struct cp_op *op);
static inline bool cp_op_writes(const struct cp_op *op) {
    return op->kind != CP_OP_RECV && op->kind != CP_OP_ACCEPT && op->kind != CP_OP_POLL_IN;
}

/* The poller behind the seam; one static const table per backend. */
struct cp_poller {
    const char *name;
    int (*open)(struct cp_loop *loop); /* allocates loop->poller_state */
    void (*close)(struct cp_loop *loop);
    int (*add)(struct cp_loop *loop,
               struct cp_io *io); /* a descriptor begins, or ends, its life here */
    void (*remove)(struct cp_loop *loop, struct cp_io *io);
    int (*submit)(struct cp_loop *loop, struct cp_io *io, struct cp_op *op); /* as cp_io_submit */
    /* Waits up to `timeout` (0: only looks) for events. Returns 0 or -errno (-EINTR is 0). Calls
     * host->before_wait and after_wait around a wait that can block, and around no other. */
    int (*wait)(struct cp_loop *loop, cp_ns timeout);
    /* Another loop waits on fileno() from now on: what was submitted goes to the kernel. True:
     * something is completed already, do not wait. */
    bool (*idle)(struct cp_loop *loop);
    /* A descriptor that polls readable with any event, or -errno. */
    int (*fileno)(const struct cp_loop *loop);
    /* Moves what the next event completed to loop->completed, unless something is there. False:
     * nothing is left. */
    bool (*next)(struct cp_loop *loop);
};
extern const struct cp_poller cp_poller_epoll;
/* Its open fails with -ENOPKG where it was not built, -EOPNOTSUPP where the kernel's io_uring is too
 * old (Linux 5.19), -ENOSYS or -EPERM where there is none or it is forbidden. */
extern const struct cp_poller cp_poller_uring;

/* ---- Work off the loop */

struct cp_work {
    void (*run)(struct cp_work *,
                void *worker);    /* on a pool thread, with what host->worker_start gave it */
    struct cp_job job;            /* comes back to host->run as a macrotask, through the inbox */
    int pool;                     /* enum cp_pool_kind */
    struct cp_work *next, **prev; /* private; prev: NULL unless it is queued */
};

/* Each kind of pool has threads of its own; what sets them apart is what host->worker_start makes
 * of them. */
enum cp_pool_kind { CP_POOL_PLAIN, CP_POOL_APART, CP_POOLS };

/* Queues work for its pool, which starts its threads on first use, at most `loop->max_workers`,
 * each on one of `loop->cpus` in turn where there are any. The host owes one reference to the owner of the work, and gets it back when
 * the job runs. -ENOMEM, -EAGAIN (no thread could be started), -ECANCELED (the loop is closed). May
 * be called only on the loop's thread. */
int cp_work_submit(struct cp_loop *loop, struct cp_work *work);
/* Takes work that no thread has begun out of its queue: the reference goes to the caller. False: it
 * comes home, or has come. On the loop's thread. */
bool cp_work_take_back(struct cp_loop *loop, struct cp_work *work);
/* Whether there is a pool already: it keeps its size and its CPUs. */
bool cp_work_begun(const struct cp_loop *loop);
/* True while work is queued or running, or its job has not been posted yet; and perhaps a moment
 * longer. */
bool cp_work_busy(struct cp_loop *loop);
/* Hands the work that no thread has taken yet to `drop`, then waits, between host->before_wait and
 * after_wait, for what is running, and ends the threads. Jobs of finished work are in the inbox
 * then. Harmless without a pool. The host calls it before cp_loop_close.
 * What still runs after a moment is left behind when there is hurry, or when host->interrupted says
 * so, whose result is then returned: `lost` is called for it, here, and host->worker_lost when the
 * thread has ended it. 0 otherwise. */
int cp_work_stop(struct cp_loop *loop, bool hurry, void (*drop)(struct cp_work *),
                 void (*lost)(struct cp_work *));

/* ---- The loop */

/* What the host does for the loop. `int` results: 0 to go on, negative to leave cp_loop_step at
 * once with that value. */
struct cp_host {
    int (*run)(struct cp_loop *, struct cp_job *); /* gets the reference that the queue held */
    int (*fire)(struct cp_loop *, struct cp_timer *);
    int (*unhandled)(
        struct cp_loop *); /* the microtask queue has drained and loop->unhandled is not empty */
    int (*breathe)(struct cp_loop *); /* now and then in a long drain: look for signals */
    void (*before_wait)(struct cp_loop *),
        (*after_wait)(struct cp_loop *);               /* around a wait that can block */
    void *(*worker_start)(struct cp_loop *, int pool); /* on a new pool thread; NULL: no state */
    void (*worker_end)(int pool, void *worker);        /* on that thread, before it ends */
    /* On that thread: gets the reference to work that was left behind. Its loop may be gone. */
    void (*worker_lost)(struct cp_work *, void *worker);
    unsigned kept_pools; /* bits of the pools whose work is always waited for, never left behind */
    int (*interrupted)(struct cp_loop *); /* while closing waits for work: negative to leave it */
    /* op, which is pending, is likely to complete `ahead` completions from now: said again with each
     * that completes, from CP_AHEAD or less down to 1, for the host to fetch into the cache what its
     * handler will touch. It may do nothing else. NULL: nothing is fetched. */
    void (*expect)(const struct cp_op *op, int ahead);
};

enum { CP_AHEAD = 4, CP_LINE = 64 /* bytes of a cache line */ };

struct cp_stats {
    uint64_t turns, microtasks, macrotasks, polls, waits, wakeups, timers, syscalls;
};
/* One more of what a loop counts, by its thread. Any thread may look at the counters meanwhile. */
static inline void cp_count(uint64_t *counter) {
    __atomic_store_n(counter, *counter + 1, __ATOMIC_RELAXED);
}

struct cp_entry { /* a timer in the heap, its deadline beside it */
    cp_ns when;
    struct cp_timer *timer;
};

struct cp_heap {
    struct cp_entry *entries;
    size_t count, room;
    uint64_t seq;
};

struct cp_loop {
    /* public, before cp_loop_open */
    const struct cp_host *host;
    const struct cp_poller *poller;
    int max_workers; /* of each pool */
    const int *cpus; /* where workers run, the host's; must stay until the pools are stopped */
    int cpu_count;   /* 0: anywhere */
    /* read-only */
    struct cp_stats stats;
    int wake_fd; /* write end of the loop's pipe: one byte wakes a waiting loop; safe in a signal
                    handler */
    struct cp_queue micro; /* jobs to drain now */
    bool notify; /* the host's: another loop runs this one, a turn at a time; work that is queued
                    makes cp_loop_fileno readable, once */
    /* private */
    struct cp_queue macro;
    struct cp_queue late;
    struct cp_queue unhandled;
    struct cp_heap heap;
    struct cp_op *completed, **completed_tail;
    size_t active; /* submitted and not completed; cp_io_submit counts up. The wake pipe's is always
                      1 */
    struct cp_io *open;
    struct cp_io wake_io;
    struct cp_op wake_op;
    void *poller_state;
    char *buffer; /* CP_BUFFER bytes at a cache line's start, the target of RECV without a buffer */
    void *buffer_block; /* the memory that it lies in */
    struct cp_pool *pools[CP_POOLS];
    _Atomic(struct cp_job *) inbox;
    atomic_bool waiting;
    bool stopped;
};

enum { CP_BUFFER = 256 * 1024, CP_GATHER = 64 };

/* Opens a zeroed loop whose public fields are set. 0 or -errno; on error nothing is left open. */
int cp_loop_open(struct cp_loop *loop);
/* Closes all: the host has emptied queues, timers and reactions before (cp_loop_take_*). */
void cp_loop_close(struct cp_loop *loop);

/* One turn, and its whole order: late jobs, then the poller for at most `max_wait` (less when a
 * timer is due earlier, 0 when work is ready), what completed, due timers, macrotasks with the
 * messages from other threads. After each handler the microtask queue is drained to empty. Returns
 * 0, or what the host returned negative. */
int cp_loop_step(struct cp_loop *loop, cp_ns max_wait);

/* Runs the late jobs, and no microtasks: for a run that ends in the middle of a turn. 0, or what the
 * host returned negative. */
int cp_loop_run_late(struct cp_loop *loop);

/* Runs microtasks until there are none; returns how many, or what the host returned negative. */
int cp_drain(struct cp_loop *loop);
/* For a job that would queue itself again as its last act. True: it would be the very next to run, so
 * it may go on at once, and is counted as if it had been queued. Now and then false, so that the loop
 * breathes. */
bool cp_is_next(struct cp_loop *loop);

/* For a loop that another one runs: how long it may wait before the next turn, 0 when work is
 * ready. Messages from other threads wake it from now on. */
cp_ns cp_loop_idle(struct cp_loop *loop);
/* The descriptor that becomes readable when a descriptor of the loop does, or -errno. */
int cp_loop_fileno(const struct cp_loop *loop);

/* True if a microtask, a macrotask, a message, a timer, an operation (the loop's own pipe aside) or
 * work is outstanding. */
bool cp_loop_pending(struct cp_loop *loop);

/* One byte in the loop's pipe: a wait ends. Safe in a signal handler, from any thread. */
void cp_wake(struct cp_loop *loop);

static inline void cp_notify(struct cp_loop *loop) {
    if (loop->notify) {
        loop->notify = false;
        cp_wake(loop);
    }
}
static inline void cp_enqueue(struct cp_loop *loop, struct cp_job *job) {
    cp_queue_push(&loop->micro, job);
    cp_notify(loop);
}
static inline void cp_enqueue_macro(struct cp_loop *loop, struct cp_job *job) {
    cp_queue_push(&loop->macro, job);
    cp_notify(loop);
}

/* For the end of the turn, before the poller waits: what a turn puts together is sent then. */
static inline void cp_enqueue_late(struct cp_loop *loop, struct cp_job *job) {
    cp_queue_push(&loop->late, job);
    cp_notify(loop);
}

/* From any thread, also while the loop is being run by another: queues job as a macrotask; wakes
 * the loop only if it waits. The host owes one reference to the job's owner. The loop must not be
 * closed meanwhile. */
void cp_post(struct cp_loop *loop, struct cp_job *job);

/* For closing: take what is left, one by one, NULL at the end. References go to the caller. */
struct cp_job *cp_loop_take_job(struct cp_loop *loop);
struct cp_timer *cp_loop_take_timer(struct cp_loop *loop);

/* For the host's garbage collector: calls the one for each job in a queue of the loop (messages of
 * other threads aside), the other for each started timer; stops at the first result other than 0. */
int cp_loop_visit(struct cp_loop *loop, int (*visit_job)(struct cp_job *, void *),
                  int (*visit_timer)(struct cp_timer *, void *), void *arg);

/* ---- Memory: the one place where the core allocates. Tests replace it to make the n-th call fail.
 */
struct cp_allocator {
    void *(*alloc)(size_t size);
    void *(*resize)(void *ptr, size_t size);
    void (*free)(void *ptr);
};
extern struct cp_allocator cp_mem;

/* The first multiple of `unit` at or behind p. */
static inline void *cp_align(void *p, size_t unit) {
    return (char *)p + (unit - (uintptr_t)p % unit) % unit;
}

#endif
