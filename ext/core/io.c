/* io.c - the life of a descriptor and of the operations on it, whatever the poller. */
#include "cp.h"
#include <errno.h>
#include <unistd.h>

static struct cp_op **slot_of(struct cp_io *io, const struct cp_op *op) {
    return cp_op_writes(op) ? &io->writer : &io->reader;
}

void cp_complete(struct cp_loop *loop, struct cp_op *op, ssize_t result) {
    struct cp_op **slot = slot_of(op->io, op);
    if (*slot == op)
        *slot = NULL;
    op->result = result;
    op->next = NULL;
    *loop->completed_tail = op;
    loop->completed_tail = &op->next;
    cp_notify(loop);
}

int cp_io_open(struct cp_loop *loop, struct cp_io *io, int fd) {
    int err;
    *io = (struct cp_io){.fd = fd};
    if ((err = loop->poller->add(loop, io)) < 0) {
        io->fd = -1;
        return err;
    }
    io->next_open = loop->open;
    io->prev_open = &loop->open;
    if (io->next_open)
        io->next_open->prev_open = &io->next_open;
    loop->open = io;
    return 0;
}

int cp_io_release(struct cp_loop *loop, struct cp_io *io) {
    int fd = io->fd;
    loop->poller->remove(loop, io);
    *io->prev_open = io->next_open;
    if (io->next_open)
        io->next_open->prev_open = io->prev_open;
    io->fd = -1;
    return fd;
}

void cp_io_close(struct cp_loop *loop, struct cp_io *io) {
    if (io->fd < 0)
        return;
    if (io->reader)
        cp_complete(loop, io->reader, -ECANCELED);
    if (io->writer)
        cp_complete(loop, io->writer, -ECANCELED);
    close(cp_io_release(loop, io));
}

int cp_io_submit(struct cp_loop *loop, struct cp_io *io, struct cp_op *op) {
    struct cp_op **slot = slot_of(io, op);
    int done;
    if (io->fd < 0)
        return -EBADF;
    if (*slot || op->pending)
        return -EBUSY;
    op->io = io;
    done = loop->poller->submit(loop, io, op);
    if (done == 0) {
        op->pending = true;
        *slot = op;
        loop->active++;
    }
    return done;
}

void cp_io_cancel(struct cp_loop *loop, struct cp_op *op) {
    if (op->pending && *slot_of(op->io, op) == op)
        cp_complete(loop, op, -ECANCELED);
}
