/* c_loop_server.c - servers on cpromise's loop in C: reads, writes and waits are operations of the
 * loop, and what a request computes is computed on it. */
#include "../../workloads/talk.h"
#include "c_loop.h"
#include "c_server.h"
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FRAME = 65536 };

struct connection {
    struct cp_io io;
    struct cp_op op; /* one at a time: a read, then the write of what it gave */
    /* Of a talk: */
    struct alarm alarm; /* the wait before an answer */
    struct request request;
    size_t size, at;       /* bytes that have come, and how many of them were understood */
    unsigned char *out;    /* TALK_MAX bytes, behind those of `bytes` */
    unsigned char bytes[]; /* FRAME or TALK_MAX */
};

static const struct workload *workload;
static void *state;
static struct cp_io listener;
static struct cp_op accepting;
static atomic_bool over;

static void end(struct connection *c) {
    cp_io_close(&loop, &c->io);
    free(c);
}

/* Submits an operation on the connection; true: its result is there already. */
static bool submit(struct connection *c, int kind, void *bytes, size_t size,
                   int (*done)(struct cp_loop *, struct cp_op *)) {
    int now;
    c->op = (struct cp_op){.kind = kind, .buf = bytes, .len = size, .done = done};
    now = cp_io_submit(&loop, &c->io, &c->op);
    if (now < 0)
        c->op.result = -1;
    return now != 0;
}

/* ---- Echo */

static int on_moved(struct cp_loop *l, struct cp_op *op) {
    struct connection *c = cp_container_of(op, struct connection, op);
    (void)l;
    do {
        bool read = op->kind == CP_OP_RECV;
        if (op->result <= 0) {
            end(c);
            return 0;
        }
        if (!submit(c, read ? CP_OP_SEND : CP_OP_RECV, c->bytes, read ? (size_t)op->result : FRAME,
                    on_moved))
            return 0;
    } while (true);
}

/* ---- Talk */

static int on_talk(struct cp_loop *l, struct cp_op *op);

static bool send_answer(struct connection *c) {
    size_t size = workload->talk->answer(state, &c->request, c->out);
    return submit(c, CP_OP_SEND, c->out, size, on_talk);
}

/* Starts what comes next: the wait or the answer of the next request, or a read, when there is no
 * whole one. True: it is done already. */
static bool next(struct connection *c) {
    size_t used = workload->talk->take(state, c->bytes + c->at, c->size - c->at, &c->request);
    if (!used) {
        memmove(c->bytes, c->bytes + c->at, c->size -= c->at);
        c->at = 0;
        return submit(c, CP_OP_RECV, c->bytes + c->size, TALK_MAX - c->size, on_talk);
    }
    c->at += used;
    if (!c->request.wait_us)
        return send_answer(c);
    if (cp_timer_start(&loop, &c->alarm.timer, cp_now() + 1000 * c->request.wait_us) < 0)
        child_fail("out of memory for a timer");
    return false;
}

/* The result of a read or a write is there. */
static int on_talk(struct cp_loop *l, struct cp_op *op) {
    struct connection *c = cp_container_of(op, struct connection, op);
    (void)l;
    do {
        if (op->result <= 0 || (op->kind == CP_OP_SEND && c->request.last)) {
            end(c);
            return 0;
        }
        if (op->kind == CP_OP_RECV)
            c->size += (size_t)op->result;
    } while (next(c));
    return 0;
}

static void ring(struct alarm *alarm) {
    struct connection *c = cp_container_of(alarm, struct connection, alarm);
    if (send_answer(c))
        on_talk(&loop, &c->op);
}

/* ---- Accepting */

static void welcome(int fd) {
    size_t room = workload->talk ? 2 * TALK_MAX : FRAME;
    struct connection *c = malloc(sizeof *c + room);
    if (!c) {
        close(fd);
        return;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    loop_take_over(&c->io, fd);
    c->alarm = (struct alarm){.ring = ring};
    c->request = (struct request){0};
    c->size = c->at = 0;
    c->out = c->bytes + TALK_MAX;
    if (workload->talk ? next(c) : submit(c, CP_OP_RECV, c->bytes, FRAME, on_moved))
        c->op.done(&loop, &c->op);
}

static int on_accepted(struct cp_loop *l, struct cp_op *op) {
    (void)l;
    do {
        if (op->result >= 0)
            welcome((int)op->result);
        else if (op->result == -ECANCELED)
            return 0;
    } while (cp_io_submit(&loop, &listener, op) == 1);
    return 0;
}

/* Waits for `stop` where that keeps nobody from working. */
static void *wait_for_stop(void *unused) {
    while (child_wait() != CHILD_STOP)
        ;
    over = true;
    if (write(loop.wake_fd, "", 1) < 0)
        exit(1);
    return unused;
}

void loop_serve(const struct args *args) {
    int fd, port = server_listen((int)args_int(args, "port"), &fd);
    pthread_t waiter;
    workload = args->workload;
    if (!(state = workload->setup(args)))
        child_fail("out of memory for the workload");
    loop_take_over(&listener, fd);
    accepting = (struct cp_op){.kind = CP_OP_ACCEPT, .done = on_accepted};
    if (cp_io_submit(&loop, &listener, &accepting) == 1)
        on_accepted(&loop, &accepting);
    server_spin(args, state);
    child_attest();
    child_ready(port);
    if (pthread_create(&waiter, NULL, wait_for_stop, NULL))
        child_fail("cannot start the thread that waits for the driver");
    while (!over)
        loop_step();
    pthread_join(waiter, NULL);
    child_end();
}
