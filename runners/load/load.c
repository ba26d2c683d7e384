/* load.c - the load generator: `concurrency` connections, one op in flight on each (and those of the
 * workload's heavy clients), one thread, epoll. In closed loop a connection begins its next op when the last has come back; with a rate
 * the loop is open, and ops are due when they are due (open.h).
 *
 *   load WORKLOAD MODEL target_port=N ops=N concurrency=N seed=N bytes=N [rate=N] [arrivals=KIND]
 *
 * Making a request lies between two ops, outside the latency of both, but inside the wall time of
 * the sample. The digest is taken after the clock has stopped: an op is finished only when its
 * result was right in every byte, so the results of the finished ops are what came back. */
#include "conn.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <time.h>

static const struct param own[] = {
    {"target_port", 0, 1, 65535, "where the server listens, on the loopback"},
    {"rate", 0, 0, 10000000, "requests a second in open loop; 0: closed loop"},
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

/* How long to wait for a socket: -1 for ever. */
static int wait_for_events(const struct load *load, int epoll, struct epoll_event *events,
                           int room) {
    struct timespec patience;
    int64_t ns = -1;
    if (load->open && load->begun < load->ops)
        ns = open_wait(load->open, now_ns());
    patience = (struct timespec){.tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000};
    return epoll_pwait2(epoll, events, room, ns < 0 ? NULL : &patience, NULL);
}

/* One turn of the loop. The wire is watched for nothing but its end: a server that never answers
 * must not keep this process when the driver has gone. */
static void wait_and_handle(struct load *load, int epoll) {
    struct epoll_event events[256];
    int ready = wait_for_events(load, epoll, events, 256);
    if (ready < 0 && errno != EINTR)
        child_fail("epoll_pwait2: %s", strerror(errno));
    for (int i = 0; i < ready; i++) {
        if (!events[i].data.ptr)
            exit(0);
        conn_ready(events[i].data.ptr, load);
    }
}

/* Requests that are due go to idle connections. */
static void send_due(struct load *load) {
    struct conn *conn;
    while (load->open && load->begun < load->ops && (conn = open_next(load->open, now_ns())))
        if (conn_start(conn, load))
            conn_ready(conn, load);
}

static struct tally tally_of(const struct load *load) {
    static unsigned char frame[OP_RESULT_MAX];
    struct tally tally = {0};
    size_t size;
    for (int64_t i = 0; i < load->finished; i++) {
        const unsigned char *result = frame;
        enum op_class class;
        if (load->workload->talk)
            result = known_result(&load->known, load->ids[i], &class, &size);
        else
            class = load->workload->op(load->state, load->ids[i], frame, &size);
        tally_add(&tally, load->ids[i], class, result, size);
    }
    return tally;
}

static int64_t cpu_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void begin_sample(struct load *load, struct conn *conns, int count, int64_t start) {
    load->begun = load->finished = 0;
    load->uncorrected = load->heavy = (struct hist){{0}};
    if (load->open)
        open_restart(load->open, start);
    for (int i = count; i-- > 0;) { /* the heavy clients first */
        conns[i].idle_ns = start;
        if (conn_start(&conns[i], load))
            conn_ready(&conns[i], load);
    }
}

static void report(const struct load *load, int64_t ns, int64_t cpu) {
    struct client_share client = {.cpu_ns = cpu};
    struct tally tally = tally_of(load);
    if (load->open) {
        client.late_ns = (int64_t)hist_percentile(&load->open->late, 0.99);
        client.late_max_ns = (int64_t)hist_percentile(&load->open->late, 1);
        client.offered_ns = load->open->last_due_ns - load->open->start_ns;
        client.waited = load->open->waited;
    }
    child_client_sample(ns, &tally, &client);
    if (load->open)
        child_corrected_latency(&load->open->corrected);
    if (hist_count(&load->heavy))
        child_heavy_latency(&load->heavy);
    child_latency(&load->uncorrected);
}

static void run_sample(struct load *load, struct conn *conns, int count, int epoll) {
    int64_t start = now_ns(), cpu = cpu_ns();
    begin_sample(load, conns, count, start);
    while (load->finished < load->ops || load->background) {
        send_due(load);
        if (load->finished < load->ops || load->background)
            wait_and_handle(load, epoll);
    }
    report(load, load->end_ns - start, cpu_ns() - cpu);
}

/* How many connections ask for what is heavy, behind those that do the ops. */
static int background_of(const struct load *load) {
    const struct talk *talk = load->workload->talk;
    return talk && talk->background ? talk->background(load->state) : 0;
}

/* Takes `arrivals=KIND` out of the command line, whose other values are numbers. */
static enum arrival_kind take_arrivals(int *argc, char **argv) {
    static const char key[] = "arrivals=";
    for (int i = 3; i < *argc; i++) {
        const char *kind = argv[i] + strlen(key);
        bool poisson;
        if (strncmp(argv[i], key, strlen(key)))
            continue;
        poisson = !strcmp(kind, "poisson");
        if (!poisson && strcmp(kind, "constant")) {
            fprintf(stderr, "%s: constant or poisson was expected\n", argv[i]);
            exit(2);
        }
        memmove(&argv[i], &argv[i + 1], (size_t)(--*argc - i) * sizeof *argv);
        return poisson ? ARRIVE_POISSON : ARRIVE_CONSTANT;
    }
    return ARRIVE_CONSTANT;
}

int main(int argc, char **argv) {
    static struct load load;
    static struct open open;
    enum arrival_kind kind = take_arrivals(&argc, argv);
    struct child_args cmd = child_args(argc, argv, own);
    int ordinary = (int)args_int(&cmd.args, "concurrency"), count,
        epoll = epoll_create1(EPOLL_CLOEXEC);
    struct conn *conns;
    child_begin();
    load.workload = cmd.args.workload;
    load.ops = args_int(&cmd.args, "ops");
    load.ids = calloc((size_t)load.ops, sizeof *load.ids);
    if (args_int(&cmd.args, "rate")) {
        load.open = &open;
        arrivals_begin(&open.arrivals, kind, args_int(&cmd.args, "rate"),
                       (uint64_t)args_int(&cmd.args, "seed"));
        prctl(PR_SET_TIMERSLACK, 1); /* the kernel may else be 50 us late, to wake up less often */
    }
    if (epoll < 0 || !load.ids || !(load.state = load.workload->setup(&cmd.args)))
        child_fail("set-up of the load generator: %s", strerror(errno));
    if (load.workload->talk && !known_open(&load.known, load.workload, load.state, load.ops))
        child_fail("out of memory for the results of %lld ops", (long long)load.ops);
    count = ordinary + background_of(&load);
    conns = open_all(count, (int)args_int(&cmd.args, "target_port"), epoll);
    for (int i = ordinary; i < count; i++)
        conns[i].background = true;
    watch(epoll, child_fd(), 0, NULL);
    child_attest();
    child_ready(0);
    while (child_wait() == CHILD_GO)
        run_sample(&load, conns, count, epoll);
    child_end();
    close_all(conns, count);
    known_close(&load.known);
    free(load.ids);
    free(load.state);
    return 0;
}
