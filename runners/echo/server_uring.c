/* server_uring.c - a TCP echo with nothing around it: what a loop on io_uring can be at best.
 * Connections are accepted and received by multishot requests into a ring of provided buffers; what
 * came is sent from the buffer in which it lies.
 *
 *   echo-uring     prints its port, serves until it is killed; exits 77 where the kernel has no
 *                  such io_uring */
#include "echo.h"
#include <liburing.h>
#include <sys/mman.h>

enum { ENTRIES = 4096, BUFFERS = 2048, BUFFER = 16 * 1024, GROUP = 0 };
enum { ACCEPT, RECV, SEND }; /* the low bits of user_data, beside the connection */

struct conn {
    int fd;
    bool receiving, ended;
    struct chunk *first, *last; /* what is to be sent, oldest first; the first one is on its way */
    struct conn *next_starved;
};

/* A provided buffer in use. There is one for each buffer id. */
struct chunk {
    uint32_t from, to;
    struct chunk *next;
};

static struct io_uring ring;
static struct io_uring_buf_ring *provided;
static char *memory;
static struct chunk chunks[BUFFERS];
static struct conn *starved; /* had no buffer to receive into */

static struct io_uring_sqe *next_sqe(void *owner, unsigned kind) {
    struct io_uring_sqe *sqe = io_uring_get_sqe(&ring);
    if (!sqe) {
        io_uring_submit(&ring);
        sqe = io_uring_get_sqe(&ring);
    }
    io_uring_sqe_set_data64(sqe, (uintptr_t)owner | kind);
    return sqe;
}

static void submit_accept(int listener) {
    struct io_uring_sqe *sqe = next_sqe(NULL, ACCEPT);
    io_uring_prep_multishot_accept(sqe, listener, NULL, NULL, SOCK_CLOEXEC);
    io_uring_sqe_set_data64(sqe, ACCEPT);
}

static void submit_recv(struct conn *conn) {
    struct io_uring_sqe *sqe = next_sqe(conn, RECV);
    uint64_t data = sqe->user_data;
    io_uring_prep_recv_multishot(sqe, conn->fd, NULL, 0, 0);
    sqe->flags |= IOSQE_BUFFER_SELECT;
    sqe->buf_group = GROUP;
    sqe->user_data = data;
    conn->receiving = true;
}

static void submit_send(struct conn *conn) {
    struct chunk *chunk = conn->first;
    struct io_uring_sqe *sqe = next_sqe(conn, SEND);
    uint64_t data = sqe->user_data;
    char *from = memory + (size_t)(chunk - chunks) * BUFFER + chunk->from;
    io_uring_prep_send(sqe, conn->fd, from, chunk->to - chunk->from, MSG_NOSIGNAL | MSG_WAITALL);
    sqe->user_data = data;
}

static void give_back(struct chunk *chunk) {
    const int id = (int)(chunk - chunks);
    io_uring_buf_ring_add(provided, memory + (size_t)id * BUFFER, BUFFER, (unsigned short)id,
                          io_uring_buf_ring_mask(BUFFERS), 0);
    io_uring_buf_ring_advance(provided, 1);
    while (starved) {
        struct conn *conn = starved;
        starved = conn->next_starved;
        submit_recv(conn);
    }
}

static void forget_if_done(struct conn *conn) {
    if (!conn->ended || conn->first || conn->receiving)
        return;
    close(conn->fd);
    free(conn);
}

static void accepted(int listener, const struct io_uring_cqe *cqe) {
    struct conn *conn;
    if (cqe->res >= 0) {
        if (!(conn = calloc(1, sizeof *conn)))
            die("out of memory");
        conn->fd = cqe->res;
        no_delay(conn->fd);
        submit_recv(conn);
    }
    if (!(cqe->flags & IORING_CQE_F_MORE))
        submit_accept(listener);
}

static void queue_chunk(struct conn *conn, uint32_t id, uint32_t size) {
    struct chunk *chunk = &chunks[id];
    *chunk = (struct chunk){.to = size};
    if (conn->first) {
        conn->last = conn->last->next = chunk;
        return;
    }
    conn->first = conn->last = chunk;
    submit_send(conn);
}

static void received(struct conn *conn, const struct io_uring_cqe *cqe) {
    conn->receiving = cqe->flags & IORING_CQE_F_MORE;
    if (cqe->res > 0)
        queue_chunk(conn, cqe->flags >> IORING_CQE_BUFFER_SHIFT, (uint32_t)cqe->res);
    if (conn->receiving)
        return;
    if (cqe->res == -ENOBUFS) {
        conn->next_starved = starved;
        starved = conn;
    } else if (cqe->res > 0) {
        submit_recv(conn);
    } else {
        conn->ended = true;
        forget_if_done(conn);
    }
}

static void sent(struct conn *conn, const struct io_uring_cqe *cqe) {
    struct chunk *chunk = conn->first;
    chunk->from = cqe->res < 0 ? chunk->to : chunk->from + (uint32_t)cqe->res;
    if (chunk->from == chunk->to) {
        conn->first = chunk->next;
        give_back(chunk);
    }
    if (conn->first)
        submit_send(conn);
    else
        forget_if_done(conn);
}

static void handle(int listener, const struct io_uring_cqe *cqe) {
    struct conn *conn = (struct conn *)(uintptr_t)(cqe->user_data & ~(uint64_t)3);
    switch (cqe->user_data & 3) {
    case ACCEPT:
        accepted(listener, cqe);
        break;
    case RECV:
        received(conn, cqe);
        break;
    default:
        sent(conn, cqe);
    }
}

static void provide_buffers(void) {
    struct io_uring_buf_reg reg = {.ring_entries = BUFFERS, .bgid = GROUP};
    const int flags = MAP_ANONYMOUS | MAP_PRIVATE;
    provided =
        mmap(NULL, BUFFERS * sizeof(struct io_uring_buf), PROT_READ | PROT_WRITE, flags, -1, 0);
    memory = mmap(NULL, (size_t)BUFFERS * BUFFER, PROT_READ | PROT_WRITE, flags, -1, 0);
    if (provided == MAP_FAILED || memory == MAP_FAILED)
        die("out of memory");
    reg.ring_addr = (uintptr_t)provided;
    if (io_uring_register_buf_ring(&ring, &reg, 0) < 0) {
        fputs("echo: this kernel has no rings of provided buffers\n", stderr);
        exit(77);
    }
    io_uring_buf_ring_init(provided);
    for (int i = 0; i < BUFFERS; i++)
        io_uring_buf_ring_add(provided, memory + (size_t)i * BUFFER, BUFFER, (unsigned short)i,
                              io_uring_buf_ring_mask(BUFFERS), i);
    io_uring_buf_ring_advance(provided, BUFFERS);
}

static void open_ring(void) {
    struct io_uring_params params = {.flags = IORING_SETUP_SINGLE_ISSUER |
                                              IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_CQSIZE,
                                     .cq_entries = 4 * ENTRIES};
    int err = io_uring_queue_init_params(ENTRIES, &ring, &params);
    if (err < 0) {
        fprintf(stderr, "echo: io_uring: %s\n", strerror(-err));
        exit(77);
    }
}

int main(void) {
    int listener;
    open_ring();
    provide_buffers();
    listener = listen_and_tell(0);
    submit_accept(listener);
    for (;;) {
        struct io_uring_cqe *cqe;
        unsigned head, count = 0;
        io_uring_submit_and_wait(&ring, 1);
        io_uring_for_each_cqe(&ring, head, cqe) {
            handle(listener, cqe);
            count++;
        }
        io_uring_cq_advance(&ring, count);
    }
}
