/* c_pthreads.c - the control: the same work in C on POSIX threads. What this machine can do, an
 * interpreter aside.
 *
 * cpu: `workers` threads take op numbers from one atomic counter. server: a thread for each
 * connection, blocking. */
#include "../load/child.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct worker {
    pthread_t thread;
    struct pool *pool;
    struct tally tally;
    struct hist latency;
};

struct pool {
    const struct workload *workload;
    void *state;
    int64_t ops;
    atomic_llong next;
    pthread_barrier_t start, end; /* all workers and the main thread */
    atomic_bool over;
};

/* ---- cpu */

static void run_ops(struct worker *worker) {
    struct pool *pool = worker->pool;
    unsigned char result[64];
    size_t size;
    int64_t id;
    worker->tally = (struct tally){0};
    memset(&worker->latency, 0, sizeof worker->latency);
    while ((id = atomic_fetch_add(&pool->next, 1)) < pool->ops) {
        int64_t start = now_ns();
        enum op_class class = pool->workload->op(pool->state, (uint64_t)id, result, &size);
        hist_add(&worker->latency, (uint64_t)(now_ns() - start));
        tally_add(&worker->tally, (uint64_t)id, class, result, size);
    }
}

static void *worker_main(void *arg) {
    struct worker *worker = arg;
    for (;;) {
        pthread_barrier_wait(&worker->pool->start);
        if (worker->pool->over)
            return NULL;
        run_ops(worker);
        pthread_barrier_wait(&worker->pool->end);
    }
}

static void run_sample(struct pool *pool, struct worker *workers, int count) {
    static struct hist latency;
    struct tally tally = {0};
    int64_t start = now_ns(), ns;
    memset(&latency, 0, sizeof latency);
    pool->next = 0;
    pthread_barrier_wait(&pool->start);
    pthread_barrier_wait(&pool->end);
    ns = now_ns() - start;
    for (int i = 0; i < count; i++) {
        tally_merge(&tally, &workers[i].tally);
        hist_merge(&latency, &workers[i].latency);
    }
    child_sample(ns, &tally);
    child_latency(&latency);
}

static struct worker *start_workers(struct pool *pool, int count) {
    struct worker *workers = calloc((size_t)count, sizeof *workers);
    if (!workers)
        child_fail("out of memory for %d workers", count);
    pthread_barrier_init(&pool->start, NULL, (unsigned)count + 1);
    pthread_barrier_init(&pool->end, NULL, (unsigned)count + 1);
    for (int i = 0; i < count; i++) {
        workers[i].pool = pool;
        if (pthread_create(&workers[i].thread, NULL, worker_main, &workers[i]))
            child_fail("cannot start thread %d of %d", i + 1, count);
    }
    return workers;
}

static void end_workers(struct pool *pool, struct worker *workers, int count) {
    pool->over = true;
    pthread_barrier_wait(&pool->start);
    for (int i = 0; i < count; i++)
        pthread_join(workers[i].thread, NULL);
    free(workers);
}

/* `chunk`, where the workload has it: threads take op after op from the counter. */
static void check_chunk(const struct args *args) {
    for (const struct param *p = args->workload->params; p->key; p++)
        if (!strcmp(p->key, "chunk") && args_int(args, "chunk") > 1)
            child_fail("chunk=%d: pthreads takes one op at a time", (int)args_int(args, "chunk"));
}

static void run_cpu(const struct args *args) {
    struct pool pool = {.workload = args->workload, .ops = args_int(args, "ops")};
    int count = (int)args_int(args, "workers");
    struct worker *workers;
    check_chunk(args);
    if (!(pool.state = args->workload->setup(args)))
        child_fail("out of memory for the workload");
    workers = start_workers(&pool, count);
    child_attest();
    child_ready(0);
    while (child_wait() == CHILD_GO)
        run_sample(&pool, workers, count);
    child_end();
    end_workers(&pool, workers, count);
    free(pool.state);
}

/* ---- server */

static bool send_all(int fd, const char *bytes, size_t size) {
    while (size) {
        ssize_t n = send(fd, bytes, size, MSG_NOSIGNAL);
        if (n < 0 && errno != EINTR)
            return false;
        if (n > 0) {
            bytes += n;
            size -= (size_t)n;
        }
    }
    return true;
}

static void *echo(void *arg) {
    int fd = (int)(intptr_t)arg;
    char bytes[65536];
    ssize_t n;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    while ((n = recv(fd, bytes, sizeof bytes, 0)) > 0 && send_all(fd, bytes, (size_t)n))
        ;
    close(fd);
    return NULL;
}

/* A connection that finds no thread is closed: the load generator then says so. */
static void *accept_all(void *arg) {
    int listener = (int)(intptr_t)arg, fd;
    pthread_t thread;
    while ((fd = accept(listener, NULL, NULL)) >= 0) {
        if (pthread_create(&thread, NULL, echo, (void *)(intptr_t)fd) == 0)
            pthread_detach(thread);
        else
            close(fd);
    }
    return NULL;
}

static int listen_on(int port, int *listener) {
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    *listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(*listener, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
    if (bind(*listener, (struct sockaddr *)&address, size) < 0 || listen(*listener, 4096) < 0)
        child_fail("port %d: %s", port, strerror(errno));
    getsockname(*listener, (struct sockaddr *)&address, &size);
    return ntohs(address.sin_port);
}

static void run_server(const struct args *args) {
    int listener, port = listen_on((int)args_int(args, "port"), &listener);
    pthread_t thread;
    if (pthread_create(&thread, NULL, accept_all, (void *)(intptr_t)listener))
        child_fail("cannot start the accepting thread");
    child_attest();
    child_ready(port);
    while (child_wait() != CHILD_STOP)
        ;
    child_end();
}

static const struct param own[] = {
    {"port", 0, 0, 65535, "where a server listens on the loopback; 0: on a free port"},
    {NULL, 0, 0, 0, NULL},
};

int main(int argc, char **argv) {
    struct child_args cmd = child_args(argc, argv, own);
    child_begin();
    if (!strcmp(cmd.args.workload->kind, "cpu"))
        run_cpu(&cmd.args);
    else if (!strcmp(cmd.args.workload->kind, "server"))
        run_server(&cmd.args);
    else
        child_fail("pthreads does not run %s workloads", cmd.args.workload->kind);
    return 0;
}
