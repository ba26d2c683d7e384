/* loop.c - the turn of the loop, and what opens and closes it. cp_loop_step is the documentation of
 * the order in which things run; everything else here is one of its phases.
 *
 * After any call into the host nothing is cached: a handler may start and stop timers, close
 * descriptors, queue work. */
#include "cp.h"
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

enum { BREATH = 1024 }; /* jobs between two looks for signals */

int cp_drain(struct cp_loop *loop) {
    const uint64_t before = loop->stats.microtasks;
    struct cp_job *job;
    int stop;
    for (;;) {
        while ((job = cp_queue_pop(&loop->micro))) {
            cp_count(&loop->stats.microtasks);
            if ((stop = loop->host->run(loop, job)) < 0)
                return stop;
            if (loop->stats.microtasks % BREATH == 0 && (stop = loop->host->breathe(loop)) < 0)
                return stop;
        }
        if (!loop->unhandled.head)
            return (int)(loop->stats.microtasks - before);
        if ((stop = loop->host->unhandled(loop)) < 0)
            return stop;
    }
}

bool cp_is_next(struct cp_loop *loop) {
    if (loop->micro.head || loop->stats.microtasks % BREATH == 0) /* cp_drain is to see that */
        return false;
    cp_count(&loop->stats.microtasks);
    return true;
}

static int drain_after(struct cp_loop *loop, int stop) {
    if (stop < 0)
        return stop;
    stop = cp_drain(loop);
    return stop < 0 ? stop : 0;
}

static int finish_completed(struct cp_loop *loop) {
    struct cp_op *op;
    int stop = 0;
    while (!stop && loop->poller->next(loop)) {
        op = loop->completed;
        loop->completed = op->next;
        if (!loop->completed)
            loop->completed_tail = &loop->completed;
        op->pending = false;
        loop->active--;
        stop = drain_after(loop, op->done(loop, op));
    }
    return stop;
}

/* Timers that a handler starts fire in a later turn, even when they are due: their `seq` tells
 * them. */
static int fire_due(struct cp_loop *loop) {
    const uint64_t newest = loop->heap.seq;
    int stop = 0;
    cp_ns now;
    if (!loop->heap.count)
        return 0;
    now = cp_now();
    while (!stop && loop->heap.count) {
        struct cp_timer *timer = loop->heap.entries[0].timer;
        if (timer->when > now || timer->seq >= newest)
            break;
        cp_timer_stop(loop, timer);
        cp_count(&loop->stats.timers);
        stop = drain_after(loop, loop->host->fire(loop, timer));
    }
    return stop;
}

/* The inbox is a stack; its reversal is the order in which the messages were posted. */
static void take_inbox(struct cp_loop *loop) {
    struct cp_job *job = atomic_exchange(&loop->inbox, NULL), *oldest = NULL;
    while (job) {
        struct cp_job *next = job->next;
        job->next = oldest;
        oldest = job;
        job = next;
    }
    while (oldest) {
        struct cp_job *next = oldest->next;
        cp_enqueue_macro(loop, oldest);
        oldest = next;
    }
}

static int run_macrotasks(struct cp_loop *loop) {
    struct cp_queue now = loop->macro;
    struct cp_job *job;
    int stop = 0;
    loop->macro.head = NULL;
    while (!stop && (job = cp_queue_pop(&now))) {
        cp_count(&loop->stats.macrotasks);
        stop = drain_after(loop, loop->host->run(loop, job));
    }
    if (now.head) { /* stopped early: what is left stays ahead of what was added */
        now.tail->next = loop->macro.head;
        if (!loop->macro.head)
            loop->macro.tail = now.tail;
        loop->macro.head = now.head;
    }
    return stop;
}

int cp_loop_run_late(struct cp_loop *loop) {
    struct cp_job *job;
    int stop = 0;
    while (!stop && (job = cp_queue_pop(&loop->late)))
        stop = loop->host->run(loop, job);
    return stop;
}

static int end_turn(struct cp_loop *loop) {
    int stop = drain_after(loop, 0);
    while (!stop && loop->late.head)
        stop = drain_after(loop, cp_loop_run_late(loop));
    return stop;
}

static bool work_is_ready(struct cp_loop *loop) {
    return loop->micro.head || loop->macro.head || loop->late.head || loop->completed ||
           loop->stopped || atomic_load(&loop->inbox);
}

static cp_ns time_to_wait(struct cp_loop *loop, cp_ns max_wait) {
    if (work_is_ready(loop))
        return 0;
    if (loop->heap.count) {
        cp_ns left = loop->heap.entries[0].when - cp_now();
        if (left < max_wait)
            return left > 0 ? left : 0;
    }
    return max_wait;
}

/* `waiting` goes up before the inbox is looked at, so a message posted at any moment is either seen
 * here or its sender sees the flag and wakes us. */
static int wait_in_poller(struct cp_loop *loop, cp_ns max_wait) {
    int err;
    atomic_store(&loop->waiting, true);
    err = loop->poller->wait(loop, time_to_wait(loop, max_wait));
    atomic_store(&loop->waiting, false);
    return err;
}

int cp_loop_step(struct cp_loop *loop, cp_ns max_wait) {
    int stop;
    cp_count(&loop->stats.turns);
    if ((stop = end_turn(loop)))
        return stop;
    if ((stop = wait_in_poller(loop, max_wait)))
        return stop;
    if ((stop = finish_completed(loop)))
        return stop;
    if ((stop = fire_due(loop)))
        return stop;
    take_inbox(loop);
    return run_macrotasks(loop);
}

cp_ns cp_loop_idle(struct cp_loop *loop) {
    atomic_store(&loop->waiting, true);
    return loop->poller->idle(loop) ? 0 : time_to_wait(loop, CP_FOREVER);
}

int cp_loop_fileno(const struct cp_loop *loop) {
    return loop->poller->fileno(loop);
}

bool cp_loop_pending(struct cp_loop *loop) {
    return work_is_ready(loop) || loop->heap.count || loop->active > 1 || cp_work_busy(loop);
}

void cp_post(struct cp_loop *loop, struct cp_job *job) {
    struct cp_job *head = atomic_load(&loop->inbox);
    do
        job->next = head;
    while (!atomic_compare_exchange_weak(&loop->inbox, &head, job));
    if (atomic_exchange(&loop->waiting, false))
        cp_wake(loop);
}

void cp_wake(struct cp_loop *loop) {
    ssize_t written;
    do
        written = write(loop->wake_fd, "", 1);
    while (written < 0 && errno == EINTR); /* a full pipe wakes just as well */
}

/* The bytes of the pipe say nothing but "look": they are read away and the next read is submitted.
 */
static int woken(struct cp_loop *loop, struct cp_op *op) {
    int done;
    cp_count(&loop->stats.wakeups);
    do
        done = cp_io_submit(loop, &loop->wake_io, op);
    while (done > 0 && op->result > 0);
    return done < 0 ? done : 0;
}

static int open_wake_pipe(struct cp_loop *loop) {
    int ends[2], err;
    if (pipe2(ends, O_NONBLOCK | O_CLOEXEC) < 0)
        return -errno;
    if ((err = cp_io_open(loop, &loop->wake_io, ends[0])) < 0) {
        close(ends[0]);
        close(ends[1]);
        return err;
    }
    loop->wake_io.plain = true;
    loop->wake_fd = ends[1];
    loop->wake_op = (struct cp_op){.kind = CP_OP_RECV, .len = CP_BUFFER, .done = woken};
    return cp_io_submit(loop, &loop->wake_io, &loop->wake_op);
}

/* At a cache line's start: where the kernel copies with `rep movs`, another target can halve the
 * throughput of large reads (docs/decisions/030). 0 or -errno. */
static int open_buffer(struct cp_loop *loop) {
    if (!(loop->buffer_block = cp_mem.alloc(CP_BUFFER + CP_LINE)))
        return -ENOMEM;
    loop->buffer = cp_align(loop->buffer_block, CP_LINE);
    return 0;
}

static void close_buffer(struct cp_loop *loop) {
    cp_mem.free(loop->buffer_block);
    loop->buffer_block = loop->buffer = NULL;
}

int cp_loop_open(struct cp_loop *loop) {
    int err;
    loop->completed_tail = &loop->completed;
    loop->wake_fd = loop->wake_io.fd = -1;
    if ((err = open_buffer(loop)) < 0)
        return err;
    if ((err = loop->poller->open(loop)) < 0)
        goto fail;
    if ((err = open_wake_pipe(loop)) < 0)
        goto fail_poller;
    return 0;
fail_poller:
    cp_io_close(loop, &loop->wake_io);
    if (loop->wake_fd >= 0)
        close(loop->wake_fd);
    loop->poller->close(loop);
fail:
    close_buffer(loop);
    return err;
}

void cp_loop_close(struct cp_loop *loop) {
    if (!loop->buffer)
        return;
    while (loop->open)
        cp_io_close(loop, loop->open);
    close(loop->wake_fd);
    loop->wake_fd = -1;
    loop->poller->close(loop);
    cp_mem.free(loop->heap.entries);
    loop->heap = (struct cp_heap){0};
    close_buffer(loop);
}

struct cp_job *cp_loop_take_job(struct cp_loop *loop) {
    struct cp_job *job;
    take_inbox(loop);
    if ((job = cp_queue_pop(&loop->micro)))
        return job;
    if ((job = cp_queue_pop(&loop->macro)))
        return job;
    if ((job = cp_queue_pop(&loop->late)))
        return job;
    return cp_queue_pop(&loop->unhandled);
}

static int visit_queue(struct cp_queue *queue, int (*visit)(struct cp_job *, void *), void *arg) {
    int stop = 0;
    for (struct cp_job *job = queue->head; job && !stop; job = job->next)
        stop = visit(job, arg);
    return stop;
}

int cp_loop_visit(struct cp_loop *loop, int (*visit_job)(struct cp_job *, void *),
                  int (*visit_timer)(struct cp_timer *, void *), void *arg) {
    int stop = visit_queue(&loop->micro, visit_job, arg);
    if (!stop)
        stop = visit_queue(&loop->macro, visit_job, arg);
    if (!stop)
        stop = visit_queue(&loop->late, visit_job, arg);
    if (!stop)
        stop = visit_queue(&loop->unhandled, visit_job, arg);
    for (size_t i = 0; i < loop->heap.count && !stop; i++)
        stop = visit_timer(loop->heap.entries[i].timer, arg);
    return stop;
}
