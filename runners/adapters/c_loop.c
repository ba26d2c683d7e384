/* c_loop.c - the ceiling: cpromise's loop and promises (ext/core) without Python, on one thread. Here
 * is the host, for which a reaction is a function; clients of a store are in c_loop_clients.c,
 * servers in c_loop_server.c, what waits in c_loop_waits.c. What a reaction works on lives as long as
 * the program, so a reference needs no count. */
#include "c_loop.h"
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

enum { WORKERS = 6 }; /* threads for files: as many as a loop of Python has on two cores */

struct cp_loop loop;

static int run_job(struct cp_loop *l, struct cp_job *job) {
    (void)l;
    if (job->kind == CP_CALL) {
        struct errand *errand = cp_container_of(job, struct errand, work.job);
        errand->home(errand);
    } else {
        struct cp_promise *reaction = cp_promise_of(job);
        job->phase = CP_IDLE;
        ((step_fn)reaction->self.ok)(reaction);
    }
    return 0;
}

static int fire(struct cp_loop *l, struct cp_timer *timer) {
    struct alarm *alarm = cp_container_of(timer, struct alarm, timer);
    (void)l;
    alarm->ring(alarm);
    return 0;
}

static int nothing(struct cp_loop *l) {
    (void)l;
    return 0;
}
static void around_wait(struct cp_loop *l) {
    (void)l;
}

static void *worker_start(struct cp_loop *l, int pool) {
    (void)l, (void)pool;
    return NULL;
}
static void worker_end(int pool, void *worker) {
    (void)pool, (void)worker;
}

static const struct cp_host host = {.run = run_job,
                                    .fire = fire,
                                    .unhandled = nothing,
                                    .breathe = nothing,
                                    .before_wait = around_wait,
                                    .after_wait = around_wait,
                                    .worker_start = worker_start,
                                    .worker_end = worker_end};

void loop_react(struct cp_promise *promise, struct cp_promise *reaction, step_fn step) {
    cp_promise_init(reaction, &loop);
    reaction->self.job.kind = CP_HOST;
    reaction->self.ok = (void *)step;
    cp_promise_subscribe(promise, &reaction->self);
}

void loop_then(struct cp_promise *promise, struct cp_promise *reaction, step_fn step) {
    cp_promise_init(promise, &loop);
    loop_react(promise, reaction, step);
}

static void open_loop(void) {
    int failed;
    loop = (struct cp_loop){.host = &host, .poller = &cp_poller_epoll, .max_workers = WORKERS};
    if ((failed = cp_loop_open(&loop)) < 0)
        child_fail("the loop cannot be opened: %s", strerror(-failed));
}

void loop_step(void) {
    int failed = cp_loop_step(&loop, CP_FOREVER);
    if (failed < 0)
        child_fail("the loop ended: %s", strerror(-failed));
}

void loop_take_over(struct cp_io *io, int fd) {
    int failed;
    fcntl(fd, F_SETFL, O_NONBLOCK);
    if ((failed = cp_io_open(&loop, io, fd)) < 0)
        child_fail("descriptor %d: %s", fd, strerror(-failed));
}

void *loop_many(int64_t count, size_t size) {
    void *all = calloc((size_t)count, size);
    if (!all)
        child_fail("out of memory for %lld ops in flight", (long long)count);
    return all;
}

static const struct param own[] = {
    {"store_port", 0, 0, 65535, "where the store listens on the loopback"},
    {"port", 0, 0, 65535, "where a server listens on the loopback; 0: on a free port"},
    {NULL, 0, 0, 0, NULL},
};

int main(int argc, char **argv) {
    struct child_args cmd = child_args(argc, argv, own);
    child_begin();
    open_loop();
    if (!strcmp(cmd.args.workload->kind, "client"))
        loop_ask(&cmd.args, !strcmp(cmd.model, "cloop:callback"));
    else if (!strcmp(cmd.args.workload->kind, "wait"))
        loop_wait(&cmd.args);
    else if (!strcmp(cmd.args.workload->kind, "server"))
        loop_serve(&cmd.args);
    else
        child_fail("cloop does not run %s", cmd.args.workload->name);
    return 0;
}
