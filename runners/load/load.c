/* load.c - the load generator: `concurrency` connections in closed loop, one op in flight on each,
 * one thread, epoll.
 *
 *   load WORKLOAD MODEL target_port=N [target_host=127.0.0.1] ops=N concurrency=N seed=N bytes=N
 *
 * Payload digests are part of each op's work here and not of its latency, so the figure of a server
 * is its own as long as this process is not the busier of the two; the driver records the CPU time
 * of both. */
#include "conn.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

static struct conn *open_all(struct child_args *cmd, int count, int epoll) {
    struct conn *conns = calloc((size_t)count, sizeof *conns);
    if (!conns)
        child_fail("out of memory for %d connections", count);
    for (int i = 0; i < count; i++) {
        struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLET, .data.ptr = &conns[i]};
        conn_open(&conns[i], args_text(&cmd->args, "target_host", "127.0.0.1"),
                  (int)args_int(&cmd->args, "target_port", 0));
        if (epoll_ctl(epoll, EPOLL_CTL_ADD, conns[i].fd, &event) < 0)
            child_fail("epoll_ctl: %s", strerror(errno));
    }
    return conns;
}

static void run_sample(struct load *load, struct conn *conns, int count, int epoll) {
    struct epoll_event events[256];
    int64_t start;
    load->begun = 0;
    load->tally = (struct tally){0};
    memset(&load->latency, 0, sizeof load->latency);
    start = now_ns();
    for (int i = 0; i < count && conn_start(&conns[i], load); i++)
        conn_ready(&conns[i], load);
    while (load->tally.ops < load->ops) {
        int ready = epoll_wait(epoll, events, 256, -1);
        if (ready < 0 && errno != EINTR)
            child_fail("epoll_wait: %s", strerror(errno));
        for (int i = 0; i < ready; i++)
            conn_ready(events[i].data.ptr, load);
    }
    child_sample(now_ns() - start, &load->tally);
    child_latency(&load->latency);
}

int main(int argc, char **argv) {
    static const char *const extra[] = {"target_host", "target_port", NULL};
    static struct load load;
    struct child_args cmd = child_args(argc, argv, extra);
    int count = (int)args_int(&cmd.args, "concurrency", 1), epoll = epoll_create1(EPOLL_CLOEXEC);
    struct conn *conns;
    child_begin();
    load.workload = cmd.workload;
    load.ops = args_int(&cmd.args, "ops", 100);
    if (epoll < 0 || !(load.state = cmd.workload->setup(&cmd.args)))
        child_fail("set-up of the load generator: %s", strerror(errno));
    conns = open_all(&cmd, count, epoll);
    child_attest();
    child_ready(0);
    while (child_wait() == CHILD_GO)
        run_sample(&load, conns, count, epoll);
    child_end();
    return 0;
}
