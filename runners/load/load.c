/* load.c - the load generator: `concurrency` connections in closed loop, one op in flight on each,
 * one thread, epoll.
 *
 *   load WORKLOAD MODEL target_port=N ops=N concurrency=N seed=N bytes=N
 *
 * Making a frame lies between two ops, outside the latency of both, but inside the wall time of the
 * sample. The digest is taken after the clock has stopped: an op is finished only when every byte
 * of its frame has come back, so the frames of the finished ops are what came back.
 */
#include "conn.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

static const struct param own[] = {
    {"target_port", 0, 1, 65535, "where the server listens, on the loopback"},
    {NULL, 0, 0, 0, NULL},
};

static void watch(int epoll, int fd, uint32_t events, void *owner) {
    struct epoll_event event = {.events = events, .data.ptr = owner};
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) < 0)
        child_fail("epoll_ctl: %s", strerror(errno));
}

static struct conn *open_all(int count, int port, int epoll) {
    struct conn *conns = calloc((size_t)count, sizeof *conns);
    if (!conns)
        child_fail("out of memory for %d connections", count);
    for (int i = 0; i < count; i++) {
        conn_open(&conns[i], port);
        watch(epoll, conns[i].fd, EPOLLIN | EPOLLOUT | EPOLLET, &conns[i]);
    }
    return conns;
}

static void close_all(struct conn *conns, int count) {
    for (int i = 0; i < count; i++)
        conn_close(&conns[i]);
    free(conns);
}

/* One turn of the loop. The wire is watched for nothing but its end: a server that never answers
 * must not keep this process when the driver has gone. */
static void wait_and_handle(struct load *load, int epoll) {
    struct epoll_event events[256];
    int ready = epoll_wait(epoll, events, 256, -1);
    if (ready < 0 && errno != EINTR)
        child_fail("epoll_wait: %s", strerror(errno));
    for (int i = 0; i < ready; i++) {
        if (!events[i].data.ptr)
            exit(0);
        conn_ready(events[i].data.ptr, load);
    }
}

static struct tally tally_of(const struct load *load) {
    static unsigned char frame[OP_RESULT_MAX];
    struct tally tally = {0};
    size_t size;
    for (int64_t i = 0; i < load->finished; i++) {
        enum op_class class = load->workload->op(load->state, load->ids[i], frame, &size);
        tally_add(&tally, load->ids[i], class, frame, size);
    }
    return tally;
}

static void run_sample(struct load *load, struct conn *conns, int count, int epoll) {
    struct tally tally;
    int64_t start, ns;
    load->begun = load->finished = 0;
    memset(&load->latency, 0, sizeof load->latency);
    start = now_ns();
    for (int i = 0; i < count && conn_start(&conns[i], load); i++)
        conn_ready(&conns[i], load);
    while (load->finished < load->ops)
        wait_and_handle(load, epoll);
    ns = now_ns() - start;
    tally = tally_of(load);
    child_sample(ns, &tally);
    child_latency(&load->latency);
}

int main(int argc, char **argv) {
    static struct load load;
    struct child_args cmd = child_args(argc, argv, own);
    int count = (int)args_int(&cmd.args, "concurrency"), epoll = epoll_create1(EPOLL_CLOEXEC);
    struct conn *conns;
    child_begin();
    load.workload = cmd.args.workload;
    load.ops = args_int(&cmd.args, "ops");
    load.ids = calloc((size_t)load.ops, sizeof *load.ids);
    if (epoll < 0 || !load.ids || !(load.state = load.workload->setup(&cmd.args)))
        child_fail("set-up of the load generator: %s", strerror(errno));
    conns = open_all(count, (int)args_int(&cmd.args, "target_port"), epoll);
    watch(epoll, child_fd(), 0, NULL);
    child_attest();
    child_ready(0);
    while (child_wait() == CHILD_GO)
        run_sample(&load, conns, count, epoll);
    child_end();
    close_all(conns, count);
    free(load.ids);
    free(load.state);
    return 0;
}
