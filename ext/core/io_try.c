/* io_try.c - the operations as calls to the kernel that do not block, for any poller. Each takes from
 * io->ready what is not worth another try before the next event: a call that came back short has
 * drained or filled its direction, unless the peer has hung up. */
#include "cp.h"
#include <errno.h>
#include <poll.h>
#include <sys/sendfile.h>
#include <sys/uio.h>
#include <unistd.h>

static ssize_t or_errno(ssize_t result) {
    return result < 0 ? -errno : result;
}

static ssize_t try_recv(struct cp_loop *loop, struct cp_io *io, struct cp_op *op) {
    char *target = op->buf ? op->buf : loop->buffer;
    size_t room = op->buf || op->len < CP_BUFFER ? op->len : CP_BUFFER;
    ssize_t n = or_errno(io->plain ? read(io->fd, target, room) : recv(io->fd, target, room, 0));
    op->data = target;
    if ((n == -EAGAIN || (n >= 0 && (size_t)n < room)) && !(io->ready & CP_HUNG_UP))
        io->ready &= (uint8_t)~CP_READABLE;
    return n;
}

static ssize_t try_send(struct cp_io *io, struct cp_op *op) {
    ssize_t n = or_errno(io->plain ? write(io->fd, op->buf, op->len)
                                   : send(io->fd, op->buf, op->len, MSG_NOSIGNAL));
    if (n == -EAGAIN || (n >= 0 && (size_t)n < op->len))
        io->ready &= (uint8_t)~CP_WRITABLE;
    return n;
}

static ssize_t try_sendv(struct cp_io *io, struct cp_op *op) {
    const struct msghdr message = {.msg_iov = op->buf, .msg_iovlen = op->len};
    ssize_t n = or_errno(io->plain ? writev(io->fd, op->buf, (int)op->len)
                                   : sendmsg(io->fd, &message, MSG_NOSIGNAL));
    if (n == -EAGAIN)
        io->ready &= (uint8_t)~CP_WRITABLE;
    return n;
}

static ssize_t try_sendfile(struct cp_io *io, struct cp_op *op) {
    const struct cp_file_range *range = op->buf;
    off_t offset = range->offset;
    ssize_t n = or_errno(sendfile(io->fd, range->fd, &offset, op->len));
    if (n == -EAGAIN)
        io->ready &= (uint8_t)~CP_WRITABLE;
    return n;
}

static ssize_t try_accept(struct cp_io *io) {
    ssize_t fd;
    do /* a connection that was dropped before we came is nobody's error */
        fd = or_errno(accept4(io->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC));
    while (fd == -ECONNABORTED);
    if (fd == -EAGAIN)
        io->ready &= (uint8_t)~CP_READABLE;
    return fd;
}

/* The first try starts the connection; the one that the edge brings asks for its outcome. */
static ssize_t try_connect(struct cp_io *io, struct cp_op *op) {
    socklen_t size = sizeof(int);
    int err = 0;
    if (!op->pending) {
        if (connect(io->fd, op->buf, (socklen_t)op->len) == 0)
            return 0;
        io->ready &= (uint8_t)~CP_WRITABLE;
        if (errno == EAGAIN) /* a Unix socket's backlog is full: no event will tell */
            return -EBUSY;
        return errno == EINPROGRESS ? -EAGAIN : -errno;
    }
    getsockopt(io->fd, SOL_SOCKET, SO_ERROR, &err, &size);
    return -err;
}

/* Asks instead of trusting the hint, which says only what is worth a try. */
static ssize_t try_poll(struct cp_io *io, short events, uint8_t direction) {
    struct pollfd which = {.fd = io->fd, .events = events};
    int count = poll(&which, 1, 0);
    if (count == 0)
        io->ready &= (uint8_t)~direction;
    return count > 0 ? 0 : count == 0 ? -EAGAIN : -errno;
}

static ssize_t try_once(struct cp_loop *loop, struct cp_io *io, struct cp_op *op) {
    switch (op->kind) {
    case CP_OP_RECV:
        return try_recv(loop, io, op);
    case CP_OP_SEND:
        return try_send(io, op);
    case CP_OP_SENDV:
        return try_sendv(io, op);
    case CP_OP_SENDFILE:
        return try_sendfile(io, op);
    case CP_OP_ACCEPT:
        return try_accept(io);
    case CP_OP_POLL_IN:
        return try_poll(io, POLLIN, CP_READABLE);
    case CP_OP_POLL_OUT:
        return try_poll(io, POLLOUT, CP_WRITABLE);
    default:
        return try_connect(io, op);
    }
}

ssize_t cp_io_try(struct cp_loop *loop, struct cp_io *io, struct cp_op *op) {
    ssize_t result;
    do {
        cp_count(&loop->stats.syscalls);
        result = try_once(loop, io, op);
    } while (result == -EINTR);
    return result;
}
