/* poll_epoll.c - completions on top of epoll: try first, wait only when there is nothing.
 *
 * Each descriptor is registered once, edge-triggered, for both directions, so a request costs no
 * epoll_ctl. `ready` holds what is worth trying without an event: a direction leaves it when a call
 * came back short or with EAGAIN, and enters it with the next edge. A short read means "drained"
 * only as long as the peer has not hung up: the end of file that is then still to be read announces
 * itself by no further edge.
 *
 * An event carries the cp_io itself. That is safe against descriptors that are closed and reused
 * between the kernel's report and our turn to look at it: removing a cp_io wipes its events from
 * the batch that is being walked. */
#include "cp.h"
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { BATCH = 256 };

struct epoll_state {
    int fd;
    bool has_pwait2; /* nanosecond time-outs: Linux 5.11 */
    int count, next; /* the batch that is being walked */
    struct epoll_event batch[BATCH];
};

static int poll_open(struct cp_loop *loop) {
    struct epoll_state *s = cp_mem.alloc(sizeof *s);
    if (!s)
        return -ENOMEM;
    *s = (struct epoll_state){.fd = epoll_create1(EPOLL_CLOEXEC)};
    if (s->fd < 0) {
        cp_mem.free(s);
        return -errno;
    }
    s->has_pwait2 = epoll_pwait2(s->fd, s->batch, 1, &(struct timespec){0}, NULL) == 0;
    loop->poller_state = s;
    return 0;
}

static void poll_close(struct cp_loop *loop) {
    struct epoll_state *s = loop->poller_state;
    close(s->fd);
    cp_mem.free(s);
    loop->poller_state = NULL;
}

static int poll_add(struct cp_loop *loop, struct cp_io *io) {
    struct epoll_state *s = loop->poller_state;
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
                                .data.ptr = io};
    io->ready = CP_READABLE | CP_WRITABLE; /* not known yet, so worth a try */
    cp_count(&loop->stats.syscalls);
    return epoll_ctl(s->fd, EPOLL_CTL_ADD, io->fd, &event) < 0 ? -errno : 0;
}

static void poll_remove(struct cp_loop *loop, struct cp_io *io) {
    struct epoll_state *s = loop->poller_state;
    cp_count(&loop->stats.syscalls);
    epoll_ctl(s->fd, EPOLL_CTL_DEL, io->fd, NULL);
    for (int i = s->next; i < s->count; i++)
        if (s->batch[i].data.ptr == io)
            s->batch[i].data.ptr = NULL;
}

static int poll_submit(struct cp_loop *loop, struct cp_io *io, struct cp_op *op) {
    uint8_t wanted = cp_op_writes(op) ? CP_WRITABLE : CP_READABLE;
    ssize_t result;
    if (!(io->ready & wanted) && op->kind != CP_OP_CONNECT)
        return 0;
    result = cp_io_try(loop, io, op);
    if (result == -EAGAIN)
        return 0;
    op->result = result;
    return 1;
}

/* ---- Waiting */

static int wait_for_events(struct epoll_state *s, cp_ns timeout) {
    struct timespec t = {.tv_sec = timeout / 1000000000, .tv_nsec = timeout % 1000000000};
    if (timeout == CP_FOREVER)
        return epoll_wait(s->fd, s->batch, BATCH, -1);
    if (timeout == 0)
        return epoll_wait(s->fd, s->batch, BATCH, 0);
    if (s->has_pwait2)
        return epoll_pwait2(s->fd, s->batch, BATCH, &t, NULL);
    timeout = (timeout + 999999) / 1000000; /* rounded up: no timer is early */
    return epoll_wait(s->fd, s->batch, BATCH, timeout > INT32_MAX ? INT32_MAX : (int)timeout);
}

static bool completes(struct cp_loop *loop, struct cp_io *io, struct cp_op *op) {
    ssize_t result = cp_io_try(loop, io, op);
    if (result == -EAGAIN)
        return false;
    cp_complete(loop, op, result);
    return true;
}

/* One completion an event at most: what a read left in the loop's own buffer must be taken away
 * before anything else runs. True: the other direction of this event has yet to be looked at. */
static bool take_event(struct cp_loop *loop, struct cp_io *io, uint32_t events) {
    if (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR))
        io->ready |= CP_HUNG_UP | CP_READABLE | CP_WRITABLE;
    if (events & EPOLLIN)
        io->ready |= CP_READABLE;
    if (events & EPOLLOUT)
        io->ready |= CP_WRITABLE;
    if (io->writer && io->ready & CP_WRITABLE && completes(loop, io, io->writer))
        return true;
    if (io->reader && io->ready & CP_READABLE)
        completes(loop, io, io->reader);
    return false;
}

static int poll_wait(struct cp_loop *loop, cp_ns timeout) {
    struct epoll_state *s = loop->poller_state;
    int count, err;
    cp_count(&loop->stats.polls);
    if (s->next < s->count) /* the host stopped in the middle: these edges come no second time */
        return 0;
    cp_count(&loop->stats.syscalls);
    if (timeout != 0) {
        cp_count(&loop->stats.waits);
        loop->host->before_wait(loop);
    }
    count = wait_for_events(s, timeout);
    err = count < 0 ? -errno : 0;
    if (timeout != 0)
        loop->host->after_wait(loop);
    s->count = count < 0 ? 0 : count;
    s->next = 0;
    return err == -EINTR ? 0 : err;
}

/* A full batch tells of many connections: what a handler touches has left the cache since its last
 * turn. The batch also tells who comes next, so that is fetched while others are served
 * (docs/decisions/031). */
static void look_ahead(struct cp_loop *loop, const struct epoll_state *s) {
    const struct epoll_event *now = &s->batch[s->next];
    const int left = s->count - s->next;
    if (left > CP_AHEAD + 1)
        __builtin_prefetch(now[CP_AHEAD + 1].data.ptr);
    for (int ahead = left > CP_AHEAD ? CP_AHEAD : left - 1; ahead > 0; ahead--) {
        const struct cp_io *io = now[ahead].data.ptr;
        if (io && io->reader)
            loop->host->expect(io->reader, ahead);
    }
}

/* The loop alternates: one event here, its completion there. So a handler that closes a descriptor
 * is done before the next event is looked at, and the loop's buffer has one user at a time. */
static bool poll_next(struct cp_loop *loop) {
    struct epoll_state *s = loop->poller_state;
    while (!loop->completed && s->next < s->count) {
        struct epoll_event *event = &s->batch[s->next];
        struct cp_io *io = event->data.ptr;
        if (s->count == BATCH && loop->host->expect)
            look_ahead(loop, s);
        if (io && take_event(loop, io, event->events))
            event->events &= (uint32_t)~EPOLLOUT; /* and come back for the reader */
        else
            s->next++;
    }
    return loop->completed;
}

static bool poll_idle(struct cp_loop *loop) {
    const struct epoll_state *s = loop->poller_state;
    return s->next < s->count;
}

static int poll_fileno(const struct cp_loop *loop) {
    const struct epoll_state *s = loop->poller_state;
    return s->fd;
}

const struct cp_poller cp_poller_epoll = {
    .name = "epoll",
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
