/* poll_uring.c - completions from io_uring: the kernel reads and accepts ahead, in one call for all
 * descriptors that have something.
 *
 *   operation          first                 then, when it would block
 *   ---------          -----                 -------------------------
 *   RECV, of a stream  read(), if it is not  a multishot receive: short messages come in buffers of
 *                      under way in the ring the ring, and the kernel goes on by itself
 *   ACCEPT             accept4()             a multishot accept
 *   all others         the call itself       a poll in the ring, and the call again
 *
 * So the kernel never holds memory of an operation, only our buffers, and writes to those only while
 * we are in io_uring_enter. A stream whose messages fill a whole buffer is read directly instead,
 * with a poll in the ring (`bulk`), and so is every stream while there are no buffers.
 *
 * What the kernel has in hand belongs to a struct cp_watch, which lives until the last of it has come
 * back: a completion that is late for a descriptor that is closed finds no cp_io there, whoever has
 * that descriptor's number now. Closing cancels, and enters the kernel before it closes: a request
 * that is under way would keep the socket open. */
#include "cp.h"
#include <errno.h>

#ifdef CP_HAVE_URING
#include <liburing.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "uring_buffers.h"

enum { SUBMISSIONS = 256, COMPLETIONS = 1024 };
enum { SMALL_READS = 8 };  /* direct reads below BUFFER_SIZE that end `bulk` */
enum { MOST_HELD = 2 };    /* buffers of a stream that nobody reads: then the kernel is stopped */
enum { READING, WRITING }; /* low bits of user_data */
enum { SOME = 16 };        /* how many accepted connections there is room for at a time */

enum in_kernel { NOTHING, POLLED, RECEIVING, ACCEPTING };
enum sort { UNKNOWN, STREAM, OTHER };

/* One descriptor. */
struct cp_watch {
    struct cp_io *io; /* NULL once it is closed: the rest is waited for and thrown away */
    struct cp_watch *next, **prev;
    uint8_t reading; /* enum in_kernel */
    bool writing;    /* a poll for writing is in the kernel */
    bool stopping;   /* `reading` is being cancelled */
    uint8_t sort, bulk;
    struct filled_list filled; /* what was received and nobody has asked for yet */
    int error;                 /* that ended receiving while nobody read, or 0 */
    int *accepted, count;      /* the same of connections */
};

struct uring_state {
    struct io_uring ring;
    struct buffers buffers;
    unsigned left; /* completions that this turn may still take */
    int event_fd;  /* for a loop that waits for us, or -1 */
    struct cp_watch *watches;
    pthread_t thread;             /* that opened it */
    atomic_bool closed_elsewhere; /* another one has closed what the kernel has in hand */
};

/* ---- Handing requests to the kernel. They are gathered until the next io_uring_enter. */

/* Hands them over, and has the kernel complete what it can without waiting. */
static int enter(struct cp_loop *loop) {
    struct uring_state *s = loop->poller_state;
    cp_count(&loop->stats.syscalls);
    return io_uring_submit_and_get_events(&s->ring);
}

static struct io_uring_sqe *new_request(struct cp_loop *loop) {
    struct uring_state *s = loop->poller_state;
    struct io_uring_sqe *sqe = io_uring_get_sqe(&s->ring);
    if (!sqe && enter(loop) >= 0)
        sqe = io_uring_get_sqe(&s->ring);
    return sqe;
}

/* Where another loop waits for us, nobody would hand over later what is submitted between turns. */
static void submitted(struct cp_loop *loop, struct io_uring_sqe *sqe, struct cp_watch *w,
                      unsigned direction) {
    io_uring_sqe_set_data64(sqe, (uintptr_t)w | direction);
    if (loop->notify)
        enter(loop);
}

static bool cancel(struct cp_loop *loop, struct cp_watch *w, unsigned direction) {
    struct io_uring_sqe *sqe = new_request(loop);
    if (!sqe)
        return false;
    io_uring_prep_cancel64(sqe, (uintptr_t)w | direction, 0);
    sqe->flags |= IOSQE_CQE_SKIP_SUCCESS;
    submitted(loop, sqe, NULL, 0);
    return true;
}

static void stop_reading(struct cp_loop *loop, struct cp_watch *w) {
    if (!w->stopping)
        w->stopping = cancel(loop, w, READING);
}

static bool may_receive_ahead(struct uring_state *s, struct cp_watch *w, const struct cp_op *op) {
    socklen_t size = sizeof(int);
    int type = 0;
    if (op->kind != CP_OP_RECV || op->buf || w->bulk || !s->buffers.unused)
        return false;
    if (w->sort == UNKNOWN) /* a datagram that is longer than a buffer would be cut */
        w->sort =
            getsockopt(w->io->fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_STREAM
                ? STREAM
                : OTHER;
    return w->sort == STREAM;
}

static int arm_read(struct cp_loop *loop, struct cp_watch *w, struct cp_op *op) {
    struct io_uring_sqe *sqe;
    if (w->reading == POLLED) {
        if (may_receive_ahead(loop->poller_state, w, op))
            stop_reading(loop, w); /* and begin to receive when that has come back */
        return 0;
    }
    if (!(sqe = new_request(loop)))
        return -ENOMEM;
    if (op->kind == CP_OP_ACCEPT && w->sort != OTHER) {
        io_uring_prep_multishot_accept(sqe, w->io->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        w->reading = ACCEPTING;
    } else if (may_receive_ahead(loop->poller_state, w, op)) {
        /* not IORING_RECVSEND_POLL_FIRST: with it, an end of the file that is there already behind
         * some bytes is never told */
        io_uring_prep_recv_multishot(sqe, w->io->fd, NULL, 0, 0);
        sqe->flags |= IOSQE_BUFFER_SELECT;
        sqe->buf_group = BUFFER_GROUP;
        w->reading = RECEIVING;
    } else {
        io_uring_prep_poll_multishot(sqe, w->io->fd, POLLIN | POLLRDHUP);
        w->reading = POLLED;
    }
    submitted(loop, sqe, w, READING);
    return 0;
}

static int arm_write(struct cp_loop *loop, struct cp_watch *w) {
    struct io_uring_sqe *sqe;
    if (w->writing)
        return 0;
    if (!(sqe = new_request(loop)))
        return -ENOMEM;
    io_uring_prep_poll_add(sqe, w->io->fd, POLLOUT);
    w->writing = true;
    submitted(loop, sqe, w, WRITING);
    return 0;
}

/* ---- The life of a watch */

static int poll_add(struct cp_loop *loop, struct cp_io *io) {
    struct uring_state *s = loop->poller_state;
    struct cp_watch *w = cp_mem.alloc(sizeof *w);
    if (!w)
        return -ENOMEM;
    *w = (struct cp_watch){.io = io, .next = s->watches, .prev = &s->watches};
    if (w->next)
        w->next->prev = &w->next;
    s->watches = w;
    io->watch = w;
    io->ready = CP_READABLE | CP_WRITABLE; /* not known yet, so worth a try */
    return 0;
}

static void free_watch(struct cp_watch *w) {
    *w->prev = w->next;
    if (w->next)
        w->next->prev = w->prev;
    cp_mem.free(w);
}

static void free_if_done(struct cp_watch *w) {
    if (!w->io && !w->reading && !w->writing)
        free_watch(w);
}

static void throw_away(struct uring_state *s, struct cp_watch *w) {
    while (w->filled.count)
        buffer_return(&s->buffers, filled_pop(&s->buffers, &w->filled));
    while (w->count)
        close(w->accepted[--w->count]);
    cp_mem.free(w->accepted);
    w->accepted = NULL;
}

static void cancel_all(struct cp_loop *loop, struct cp_watch *w) {
    if (w->reading)
        stop_reading(loop, w);
    if (w->writing)
        cancel(loop, w, WRITING);
}

/* The host may let a descriptor go on another thread, which may not use the ring. */
static void poll_remove(struct cp_loop *loop, struct cp_io *io) {
    struct uring_state *s = loop->poller_state;
    struct cp_watch *w = io->watch;
    throw_away(s, w);
    w->io = NULL;
    io->watch = NULL;
    if (!w->reading && !w->writing) {
        free_watch(w);
    } else if (!pthread_equal(pthread_self(), s->thread)) {
        s->closed_elsewhere = true;
        cp_wake(loop);
    } else {
        cancel_all(loop, w);
        enter(loop);
    }
}

/* ---- Submitting */

/* The call itself. A result, or -EAGAIN. */
static ssize_t try_now(struct cp_loop *loop, struct cp_watch *w, struct cp_op *op) {
    ssize_t n = cp_io_try(loop, w->io, op);
    if (op->kind != CP_OP_RECV || n < 0)
        return n;
    if (n >= BUFFER_SIZE)
        w->bulk = SMALL_READS;
    else if (w->bulk)
        w->bulk--;
    return n;
}

/* What was received ahead goes to `op`, as much as it asks for. */
static void take_filled(struct cp_loop *loop, struct cp_watch *w, struct cp_op *op) {
    struct uring_state *s = loop->poller_state;
    struct filled *f = &s->buffers.filled[w->filled.first];
    size_t there = (size_t)(f->to - f->from), n = op->len < there ? op->len : there;
    char *bytes = buffer_at(&s->buffers, w->filled.first) + f->from;
    bool lend = !op->buf && n == there;
    op->result = (ssize_t)n;
    op->data = lend ? bytes : op->buf ? op->buf : loop->buffer;
    if (!lend)
        memcpy(op->buf ? op->buf : loop->buffer, bytes, n);
    f->from = (uint16_t)(f->from + n);
    if (lend)
        buffer_lend(&s->buffers, filled_pop(&s->buffers, &w->filled));
    else if (n == there)
        buffer_return(&s->buffers, filled_pop(&s->buffers, &w->filled));
}

/* Whether the kernel has brought ahead what op asks for; it has its result then. */
static bool take_ahead(struct cp_loop *loop, struct cp_watch *w, struct cp_op *op) {
    if (w->filled.count) {
        take_filled(loop, w, op);
    } else if (w->count) {
        op->result = w->accepted[0];
        memmove(w->accepted, w->accepted + 1, (size_t)--w->count * sizeof *w->accepted);
    } else if (w->error) {
        op->result = w->error;
        w->error = 0;
    } else {
        return false;
    }
    return true;
}

static int submit_read(struct cp_loop *loop, struct cp_watch *w, struct cp_op *op) {
    if (take_ahead(loop, w, op))
        return 1;
    if (w->reading && w->reading != POLLED)
        return 0;
    if (w->io->ready & CP_READABLE && (op->result = try_now(loop, w, op)) != -EAGAIN)
        return 1;
    return arm_read(loop, w, op);
}

static int poll_submit(struct cp_loop *loop, struct cp_io *io, struct cp_op *op) {
    struct cp_watch *w = io->watch;
    if (!cp_op_writes(op))
        return submit_read(loop, w, op);
    if (io->ready & CP_WRITABLE || op->kind == CP_OP_CONNECT)
        if ((op->result = try_now(loop, w, op)) != -EAGAIN)
            return 1;
    return arm_write(loop, w);
}

/* ---- Completions */

/* What pends tries again, and waits again when there is nothing. */
static void go_on(struct cp_loop *loop, struct cp_watch *w, struct cp_op *op) {
    ssize_t result = try_now(loop, w, op);
    bool waits = result == -EAGAIN;
    if (waits)
        result = cp_op_writes(op) ? arm_write(loop, w) : arm_read(loop, w, op);
    if (!waits || result < 0)
        cp_complete(loop, op, result);
}

/* The kernel ended what it did by itself, for a reason that is not the descriptor's. */
static bool is_retry(int result) {
    return result == -ECANCELED || result == -ENOBUFS || result == -EAGAIN || result == -EINTR ||
           result == -ECONNABORTED;
}

/* Older kernels and unusual descriptors: those are polled. */
static bool is_unsupported(int result) {
    return result == -EINVAL || result == -EOPNOTSUPP || result == -ENOTSOCK;
}

/* Receiving or accepting is over: 0 at the end of the file, or -errno. */
static void reading_ended(struct cp_loop *loop, struct cp_watch *w, int result) {
    struct cp_op *op = w->io->reader;
    w->io->ready |= result == 0 ? CP_READABLE | CP_HUNG_UP : CP_READABLE;
    if (is_unsupported(result))
        w->sort = OTHER;
    if (is_retry(result) || is_unsupported(result)) {
        if (op)
            go_on(loop, w, op);
    } else if (op) {
        cp_complete(loop, op, result);
    } else {
        w->error = result; /* the end of the file will be read once more */
    }
}

static void polled(struct cp_loop *loop, struct cp_watch *w, int events) {
    struct cp_op *op = w->io->reader;
    w->io->ready |= CP_READABLE;
    if (events > 0 && events & (POLLHUP | POLLERR | POLLRDHUP))
        w->io->ready |= CP_HUNG_UP | CP_WRITABLE;
    if (op && events < 0 && !is_retry(events))
        cp_complete(loop, op, events);
    else if (op)
        go_on(loop, w, op);
}

static void received(struct cp_loop *loop, struct cp_watch *w, unsigned id, size_t size) {
    struct cp_op *op = w->io->reader;
    struct uring_state *s = loop->poller_state;
    filled_append(&s->buffers, &w->filled, id, size);
    if (op) {
        take_filled(loop, w, op);
        cp_complete(loop, op, op->result);
    }
    if (size == BUFFER_SIZE)
        w->bulk = SMALL_READS;
    if (w->reading && (w->bulk || w->filled.count >= MOST_HELD))
        stop_reading(loop, w);
}

static void accepted(struct cp_loop *loop, struct cp_watch *w, int fd) {
    struct cp_op *op = w->io->reader;
    int *more = w->accepted;
    if (op) {
        cp_complete(loop, op, fd);
        return;
    }
    if (w->count % SOME == 0)
        more = cp_mem.resize(w->accepted, (size_t)(w->count + SOME) * sizeof *more);
    if (more) {
        w->accepted = more;
        w->accepted[w->count++] = fd;
    } else {
        close(fd); /* to the other end, a server that is overloaded */
    }
    if (w->reading)
        stop_reading(loop, w);
}

static void read_event(struct cp_loop *loop, struct cp_watch *w, const struct io_uring_cqe *cqe) {
    struct uring_state *s = loop->poller_state;
    bool filled = cqe->flags & IORING_CQE_F_BUFFER, kept = filled && cqe->res > 0 && w->io;
    unsigned id = cqe->flags >> IORING_CQE_BUFFER_SHIFT;
    enum in_kernel was = w->reading;
    if (filled)
        s->buffers.unused--;
    if (filled && !kept)
        buffer_return(&s->buffers, id);
    if (!(cqe->flags & IORING_CQE_F_MORE)) {
        w->reading = NOTHING;
        w->stopping = false;
        if (w->io)
            w->io->ready |= CP_READABLE;
    }
    if (!w->io && was == ACCEPTING && cqe->res >= 0)
        close(cqe->res);
    else if (!w->io)
        return;
    else if (was == POLLED)
        polled(loop, w, cqe->res);
    else if (kept)
        received(loop, w, id, (size_t)cqe->res);
    else if (was == ACCEPTING && cqe->res >= 0)
        accepted(loop, w, cqe->res);
    else
        reading_ended(loop, w, cqe->res);
}

static void write_event(struct cp_loop *loop, struct cp_watch *w) {
    w->writing = false;
    if (w->io)
        w->io->ready |= CP_WRITABLE;
    if (w->io && w->io->writer)
        go_on(loop, w, w->io->writer);
}

/* The next completion, if there is one. The kernel may have its place back at once: it is copied. */
static bool take_completion(struct uring_state *s, struct io_uring_cqe *cqe) {
    struct io_uring_cqe *first;
    unsigned head;
    io_uring_for_each_cqe(&s->ring, head, first) {
        *cqe = *first;
        io_uring_cq_advance(&s->ring, 1);
        return true;
    }
    return false;
}

static void handle(struct cp_loop *loop, const struct io_uring_cqe *cqe) {
    struct cp_watch *w = (struct cp_watch *)(uintptr_t)(cqe->user_data & ~(uint64_t)WRITING);
    if (!w) /* a cancellation that came too late */
        return;
    if (cqe->user_data & WRITING)
        write_event(loop, w);
    else
        read_event(loop, w, cqe);
    free_if_done(w);
}

/* `left`: what is completed by calls of the handlers waits for its turn. */
static bool poll_next(struct cp_loop *loop) {
    struct uring_state *s = loop->poller_state;
    struct io_uring_cqe cqe;
    buffer_return_lent(&s->buffers);
    while (!loop->completed && s->left && take_completion(s, &cqe)) {
        s->left--;
        handle(loop, &cqe);
    }
    return loop->completed;
}

/* ---- Waiting */

/* Whether the kernel has something that only io_uring_enter brings. */
static bool kernel_has_work(struct uring_state *s) {
    return IO_URING_READ_ONCE(*s->ring.sq.kflags) & (IORING_SQ_TASKRUN | IORING_SQ_CQ_OVERFLOW);
}

static int wait_for_completion(struct cp_loop *loop, struct uring_state *s, cp_ns timeout) {
    struct __kernel_timespec t = {.tv_sec = timeout / 1000000000, .tv_nsec = timeout % 1000000000};
    struct io_uring_cqe *ignored;
    int err;
    cp_count(&loop->stats.waits);
    cp_count(&loop->stats.syscalls);
    loop->host->before_wait(loop);
    err = io_uring_submit_and_wait_timeout(&s->ring, &ignored, 1, timeout == CP_FOREVER ? NULL : &t,
                                           NULL);
    loop->host->after_wait(loop);
    return err;
}

/* After the call, which makes it readable as well; what came between the two, poll_idle sees. */
static void quiet_event_fd(struct cp_loop *loop, struct uring_state *s) {
    eventfd_t count;
    cp_count(&loop->stats.syscalls);
    eventfd_read(s->event_fd, &count);
}

static int poll_wait(struct cp_loop *loop, cp_ns timeout) {
    struct uring_state *s = loop->poller_state;
    int err;
    cp_count(&loop->stats.polls);
    buffer_return_lent(&s->buffers);
    if (s->closed_elsewhere && atomic_exchange(&s->closed_elsewhere, false))
        for (struct cp_watch *w = s->watches; w; w = w->next)
            if (!w->io)
                cancel_all(loop, w);
    if (timeout == 0 || io_uring_cq_ready(&s->ring))
        err = io_uring_sq_ready(&s->ring) || kernel_has_work(s) ? enter(loop) : 0;
    else
        err = wait_for_completion(loop, s, timeout);
    if (s->event_fd >= 0)
        quiet_event_fd(loop, s);
    s->left = io_uring_cq_ready(&s->ring);
    /* EBUSY, EAGAIN: the kernel wants its completions taken, or has no memory just now */
    return err >= 0 || err == -ETIME || err == -EINTR || err == -EBUSY || err == -EAGAIN ? 0 : err;
}

static bool poll_idle(struct cp_loop *loop) {
    struct uring_state *s = loop->poller_state;
    if (io_uring_sq_ready(&s->ring))
        enter(loop);
    return io_uring_cq_ready(&s->ring) || kernel_has_work(s);
}

/* The ring's own descriptor does not become readable by work that waits for io_uring_enter; an
 * eventfd does. It begins readable, for what came before it was there. */
static int poll_fileno(const struct cp_loop *loop) {
    struct uring_state *s = loop->poller_state;
    int fd, err;
    if (s->event_fd >= 0)
        return s->event_fd;
    if ((fd = eventfd(1, EFD_NONBLOCK | EFD_CLOEXEC)) < 0)
        return -errno;
    if ((err = io_uring_register_eventfd(&s->ring, fd)) < 0) {
        close(fd);
        return err;
    }
    return s->event_fd = fd;
}

/* ---- Opening and closing */

static int open_ring(struct io_uring *ring) {
    static const unsigned modes[] = {IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN,
                                     IORING_SETUP_COOP_TASKRUN}; /* before Linux 6.1 */
    const unsigned needed = IORING_FEAT_EXT_ARG | IORING_FEAT_NODROP | IORING_FEAT_CQE_SKIP;
    struct io_uring_params params;
    int err = -EINVAL;
    for (int i = 0; i < 2 && err == -EINVAL; i++) {
        params = (struct io_uring_params){.cq_entries = COMPLETIONS};
        params.flags =
            modes[i] | IORING_SETUP_TASKRUN_FLAG | IORING_SETUP_SUBMIT_ALL | IORING_SETUP_CQSIZE;
        err = io_uring_queue_init_params(SUBMISSIONS, ring, &params);
    }
    if (err < 0)
        return err == -EINVAL ? -EOPNOTSUPP : err;
    if ((params.features & needed) == needed && (err = io_uring_ring_dontfork(ring)) == 0)
        return 0;
    io_uring_queue_exit(ring);
    return err ? err : -EOPNOTSUPP;
}

static int poll_open(struct cp_loop *loop) {
    struct uring_state *s = cp_mem.alloc(sizeof *s);
    int err;
    if (!s)
        return -ENOMEM;
    memset(s, 0, sizeof *s);
    s->event_fd = -1;
    s->thread = pthread_self();
    if ((err = open_ring(&s->ring)) < 0)
        goto fail;
    if ((err = buffers_open(&s->buffers, &s->ring)) < 0)
        goto fail_ring;
    loop->poller_state = s;
    return 0;
fail_ring:
    io_uring_queue_exit(&s->ring);
    buffers_close(&s->buffers);
fail:
    cp_mem.free(s);
    return err == -EINVAL ? -EOPNOTSUPP : err;
}

/* All descriptors are closed: what still comes back is thrown away. The rest the kernel ends with
 * its ring; it fills no buffer without us. */
static void poll_close(struct cp_loop *loop) {
    struct uring_state *s = loop->poller_state;
    struct io_uring_cqe cqe;
    if (s->watches)
        enter(loop);
    while (take_completion(s, &cqe))
        handle(loop, &cqe);
    io_uring_queue_exit(&s->ring);
    if (s->event_fd >= 0)
        close(s->event_fd);
    while (s->watches)
        free_watch(s->watches);
    buffers_close(&s->buffers);
    cp_mem.free(s);
    loop->poller_state = NULL;
}

const struct cp_poller cp_poller_uring = {
    .name = "io_uring",
    .open = poll_open,
    .close = poll_close,
    .add = poll_add,
    .remove = poll_remove,
    .submit = poll_submit,
    .wait = poll_wait,
    .idle = poll_idle,
    .fileno = poll_fileno,
    .next = poll_next,
};

#else

static int not_built(struct cp_loop *loop) {
    (void)loop;
    return -ENOPKG;
}

const struct cp_poller cp_poller_uring = {.name = "io_uring", .open = not_built};

#endif
