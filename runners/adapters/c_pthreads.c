/* c_pthreads.c - the control: the same work in C on POSIX threads. What this machine can do, an
 * interpreter aside.
 *
 * cpu: `workers` threads take op numbers from one atomic counter, one at a time or a lap of short ones
 * (laps.h); with the variant fresh, a thread for each op, `workers` of which are begun and then
 * joined. server: a thread for each connection, blocking. What waits: c_pthreads_waits.c. */
#include "c_pthreads.h"
#include "../../workloads/talk.h"
#include "../load/laps.h"
#include "c_server.h"
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    RESULT_ROOM = 64, /* more than any result of a cpu workload */
    NOTE_HEAD = 2,    /* of a note: class, size; the result follows */
    NOTES_FIRST = 1 << 14,
    NOTES_MOST = 1 << 22,
};

/* Stands before the notes of ops whose ids follow each other. */
struct stretch {
    uint64_t first;
    int64_t ops;
};

struct worker {
    pthread_t thread;
    struct pool *pool;
    struct tally tally;
    struct hist latency;
    struct laps laps;
    unsigned char *notes; /* what came of the ops, for when the clock has stopped: stretches */
    size_t noted, room;
    uint64_t id; /* fresh: of the one op that it does, and what came of it */
    int64_t start_ns;
    enum op_class class;
    unsigned char result[64];
    size_t size;
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

/* All notes into the tally. */
static void settle_notes(struct worker *worker) {
    for (size_t at = 0; at < worker->noted;) {
        struct stretch stretch;
        memcpy(&stretch, worker->notes + at, sizeof stretch);
        at += sizeof stretch;
        for (int64_t i = 0; i < stretch.ops; i++) {
            const unsigned char *note = worker->notes + at;
            tally_add(&worker->tally, stretch.first + (uint64_t)i, (enum op_class)note[0],
                      note + NOTE_HEAD, note[1]);
            at += NOTE_HEAD + note[1];
        }
    }
    worker->noted = 0;
}

/* Where notes have no more room than they may, they are settled while the clock runs. */
static void make_room(struct worker *worker) {
    size_t room = worker->room ? 2 * worker->room : NOTES_FIRST;
    unsigned char *more = room <= NOTES_MOST ? realloc(worker->notes, room) : NULL;
    if (!more && !worker->notes)
        child_fail("out of memory for results");
    if (more) {
        worker->notes = more;
        worker->room = room;
    } else {
        settle_notes(worker);
    }
}

/* Notes the op at `note`; returns where the next one goes. */
static unsigned char *run_op(const struct pool *pool, uint64_t id, unsigned char *note) {
    size_t size;
    enum op_class class = pool->workload->op(pool->state, id, note + NOTE_HEAD, &size);
    note[0] = (unsigned char)class;
    note[1] = (unsigned char)size;
    return note + NOTE_HEAD + size;
}

/* Ops first.., `most` of them or as many as there is room for. Returns how many. */
static int64_t run_stretch(struct worker *worker, uint64_t first, int64_t most) {
    const size_t head = sizeof(struct stretch), each = NOTE_HEAD + RESULT_ROOM;
    struct stretch stretch = {.first = first};
    unsigned char *note, *last;
    if (worker->noted + head + each > worker->room)
        make_room(worker);
    note = worker->notes + worker->noted + head;
    last = worker->notes + worker->room - each;
    while (stretch.ops < most && note <= last)
        note = run_op(worker->pool, first + (uint64_t)stretch.ops++, note);
    memcpy(worker->notes + worker->noted, &stretch, head);
    worker->noted = (size_t)(note - worker->notes);
    return stretch.ops;
}

/* A lap is taken from the counter at once: where ops are long that is one. */
static void run_ops(struct worker *worker) {
    struct pool *pool = worker->pool;
    int64_t first, start;
    worker->tally = (struct tally){0};
    memset(&worker->latency, 0, sizeof worker->latency);
    for (;;) {
        int lap = worker->laps.size;
        first = atomic_fetch_add(&pool->next, lap);
        if (first >= pool->ops)
            return;
        lap = pool->ops - first < lap ? (int)(pool->ops - first) : lap;
        start = now_ns();
        for (int64_t done = 0; done < lap;)
            done += run_stretch(worker, (uint64_t)(first + done), lap - done);
        laps_add(&worker->laps, lap, now_ns() - start, &worker->latency);
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
    unsigned char result[RESULT_ROOM];
    int64_t start, ns;
    memset(&latency, 0, sizeof latency);
    if (pool->workload->reset)
        pool->workload->reset(pool->state);
    pool->next = 0;
    start = now_ns();
    pthread_barrier_wait(&pool->start);
    pthread_barrier_wait(&pool->end);
    ns = now_ns() - start;
    for (int i = 0; i < count; i++) {
        settle_notes(&workers[i]);
        tally_merge(&tally, &workers[i].tally);
        hist_merge(&latency, &workers[i].latency);
    }
    tally_settle(&tally, pool->workload, pool->state, pool->ops, result);
    child_sample(ns, &tally);
    child_latency(&latency);
}

/* A thread for each op. */
static void *run_one(void *arg) {
    struct worker *worker = arg;
    worker->class =
        worker->pool->workload->op(worker->pool->state, worker->id, worker->result, &worker->size);
    return NULL;
}

static void begin_one(struct worker *worker, struct pool *pool, int64_t id) {
    worker->pool = pool;
    worker->id = (uint64_t)id;
    worker->start_ns = now_ns();
    if (pthread_create(&worker->thread, NULL, run_one, worker))
        child_fail("cannot start a thread for op %lld", (long long)id);
}

static void run_fresh_sample(struct pool *pool, struct worker *workers, int count) {
    static struct hist latency;
    struct tally tally = {0};
    int64_t start = now_ns(), ns;
    memset(&latency, 0, sizeof latency);
    for (int64_t first = 0; first < pool->ops; first += count) {
        int batch = pool->ops - first < count ? (int)(pool->ops - first) : count;
        for (int i = 0; i < batch; i++)
            begin_one(&workers[i], pool, first + i);
        for (int i = 0; i < batch; i++) {
            pthread_join(workers[i].thread, NULL);
            hist_add(&latency, (uint64_t)(now_ns() - workers[i].start_ns));
            tally_add(&tally, workers[i].id, workers[i].class, workers[i].result, workers[i].size);
        }
    }
    ns = now_ns() - start;
    child_sample(ns, &tally);
    child_latency(&latency);
}

static void run_fresh(struct pool *pool, int count) {
    struct worker *workers = calloc((size_t)count, sizeof *workers);
    if (!workers)
        child_fail("out of memory for %d threads", count);
    child_attest();
    child_ready(0);
    while (child_wait() == CHILD_GO)
        run_fresh_sample(pool, workers, count);
    child_end();
    free(workers);
}

static struct worker *start_workers(struct pool *pool, int count) {
    struct worker *workers = calloc((size_t)count, sizeof *workers);
    if (!workers)
        child_fail("out of memory for %d workers", count);
    pthread_barrier_init(&pool->start, NULL, (unsigned)count + 1);
    pthread_barrier_init(&pool->end, NULL, (unsigned)count + 1);
    for (int i = 0; i < count; i++) {
        workers[i].pool = pool;
        laps_init(&workers[i].laps);
        if (pthread_create(&workers[i].thread, NULL, worker_main, &workers[i]))
            child_fail("cannot start thread %d of %d", i + 1, count);
    }
    return workers;
}

static void end_workers(struct pool *pool, struct worker *workers, int count) {
    pool->over = true;
    pthread_barrier_wait(&pool->start);
    for (int i = 0; i < count; i++) {
        pthread_join(workers[i].thread, NULL);
        free(workers[i].notes);
    }
    free(workers);
}

/* `chunk`, where the workload has it: threads take ops from the counter as laps.h says. */
static void check_chunk(const struct args *args) {
    for (const struct param *p = args->workload->params; p->key; p++)
        if (!strcmp(p->key, "chunk") && args_int(args, "chunk") > 1)
            child_fail(
                "chunk=%d: pthreads is given one op at a time, or as many short ones as it likes",
                (int)args_int(args, "chunk"));
}

static void run_cpu(const struct args *args, bool fresh) {
    struct pool pool = {.workload = args->workload, .ops = args_int(args, "ops")};
    int count = (int)args_int(args, "workers");
    struct worker *workers;
    check_chunk(args);
    if (!(pool.state = args->workload->setup(args)))
        child_fail("out of memory for the workload");
    if (fresh) {
        run_fresh(&pool, count);
        free(pool.state);
        return;
    }
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

static const struct workload *served;
static void *served_state;

static bool send_all(int fd, const void *from, size_t size) {
    const char *bytes = from;
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

static void echo(int fd) {
    char bytes[65536];
    ssize_t n;
    while ((n = recv(fd, bytes, sizeof bytes, 0)) > 0 && send_all(fd, bytes, (size_t)n))
        ;
}

static bool answer(int fd, const struct request *request, unsigned char *bytes) {
    struct timespec wait = {request->wait_us / 1000000, request->wait_us % 1000000 * 1000};
    while (request->wait_us && nanosleep(&wait, &wait) < 0 && errno == EINTR)
        ;
    return send_all(fd, bytes, served->talk->answer(served_state, request, bytes));
}

/* Answers the requests that have come as a whole; what is left of the last one moves to the front.
 * False: the connection ends. */
static bool answer_all(int fd, unsigned char *in, size_t *size, unsigned char *out) {
    size_t at = 0, used;
    struct request request;
    while ((used = served->talk->take(served_state, in + at, *size - at, &request))) {
        at += used;
        if (!answer(fd, &request, out) || request.last)
            return false;
    }
    memmove(in, in + at, *size -= at);
    return true;
}

static void talk(int fd) {
    unsigned char *in = malloc(TALK_MAX), *out = malloc(TALK_MAX);
    size_t size = 0;
    ssize_t n;
    while (in && out && (n = recv(fd, in + size, TALK_MAX - size, 0)) > 0) {
        size += (size_t)n;
        if (!answer_all(fd, in, &size, out))
            break;
    }
    free(in);
    free(out);
}

static void *serve_one(void *arg) {
    int fd = (int)(intptr_t)arg;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    if (served->talk)
        talk(fd);
    else
        echo(fd);
    close(fd);
    return NULL;
}

/* A connection that finds no thread is closed: the load generator then says so. */
static void *accept_all(void *arg) {
    int listener = (int)(intptr_t)arg, fd;
    pthread_t thread;
    while ((fd = accept(listener, NULL, NULL)) >= 0) {
        if (pthread_create(&thread, NULL, serve_one, (void *)(intptr_t)fd) == 0)
            pthread_detach(thread);
        else
            close(fd);
    }
    return NULL;
}

static void run_server(const struct args *args) {
    int listener, port = server_listen((int)args_int(args, "port"), &listener);
    pthread_t thread;
    served = args->workload;
    if (!(served_state = served->setup(args)))
        child_fail("out of memory for the workload");
    server_spin(args, served_state);
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
        run_cpu(&cmd.args, !strcmp(cmd.model, "pthreads:fresh"));
    else if (!strcmp(cmd.args.workload->kind, "server"))
        run_server(&cmd.args);
    else if (!strcmp(cmd.args.workload->kind, "wait"))
        run_waits(&cmd.args);
    else
        child_fail("pthreads does not run %s workloads", cmd.args.workload->kind);
    return 0;
}
