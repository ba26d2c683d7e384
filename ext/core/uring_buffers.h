/* uring_buffers.h - the buffers into which the kernel receives ahead. A part of poll_uring.c, which
 * alone includes it, after liburing.
 *
 *   a buffer is        how it gets there
 *   -----------        -----------------
 *   the kernel's       buffers_open, buffer_return
 *   in a list          filled: its bytes wait to be asked for, in the order in which they came
 *   lent               buffer_lend: the last completion points into it; one at a time
 *
 * The kernel writes to its own only, and only while we are in io_uring_enter. */
#ifndef CP_URING_BUFFERS_H
#define CP_URING_BUFFERS_H

enum { BUFFERS = 256, BUFFER_SIZE = 4096, BUFFER_GROUP = 0 };
enum { NO_BUFFER = BUFFERS };

/* Bytes from .. to of a buffer; `next` is a buffer's number. */
struct filled {
    uint16_t next, from, to;
};

struct filled_list {
    uint16_t first, last, count;
};

struct buffers {
    struct io_uring_buf_ring *ring; /* at a page of `block`, followed by the bytes */
    char *block, *bytes;
    struct filled filled[BUFFERS];
    unsigned lent;   /* or NO_BUFFER */
    unsigned unused; /* that the kernel can fill, as far as we know */
};

static char *buffer_at(struct buffers *b, unsigned id) {
    return b->bytes + (size_t)id * BUFFER_SIZE;
}

static void buffer_return(struct buffers *b, unsigned id) {
    io_uring_buf_ring_add(b->ring, buffer_at(b, id), BUFFER_SIZE, (unsigned short)id,
                          io_uring_buf_ring_mask(BUFFERS), 0);
    io_uring_buf_ring_advance(b->ring, 1);
    b->unused++;
}

static void buffer_return_lent(struct buffers *b) {
    if (b->lent != NO_BUFFER)
        buffer_return(b, b->lent);
    b->lent = NO_BUFFER;
}

static void buffer_lend(struct buffers *b, unsigned id) {
    buffer_return_lent(b);
    b->lent = id;
}

static void filled_append(struct buffers *b, struct filled_list *list, unsigned id, size_t size) {
    b->filled[id] = (struct filled){.to = (uint16_t)size};
    if (list->count++)
        b->filled[list->last].next = (uint16_t)id;
    else
        list->first = (uint16_t)id;
    list->last = (uint16_t)id;
}

static unsigned filled_pop(struct buffers *b, struct filled_list *list) {
    unsigned id = list->first;
    list->first = b->filled[id].next;
    list->count--;
    return id;
}

/* 0 or -errno. buffers_close frees also what a failure left. */
static int buffers_open(struct buffers *b, struct io_uring *uring) {
    size_t page = (size_t)sysconf(_SC_PAGESIZE), ring = BUFFERS * sizeof(struct io_uring_buf);
    struct io_uring_buf_reg reg = {.ring_entries = BUFFERS, .bgid = BUFFER_GROUP};
    ring = (ring + page - 1) / page * page;
    b->lent = NO_BUFFER;
    if (!(b->block = cp_mem.alloc(page + ring + (size_t)BUFFERS * BUFFER_SIZE)))
        return -ENOMEM;
    b->ring = cp_align(b->block, page);
    b->bytes = (char *)b->ring + ring;
    memset(b->ring, 0, ring);
    for (unsigned id = 0; id < BUFFERS; id++)
        buffer_return(b, id);
    reg.ring_addr = (uintptr_t)b->ring;
    return io_uring_register_buf_ring(uring, &reg, 0);
}

static void buffers_close(struct buffers *b) {
    cp_mem.free(b->block);
}

#endif
