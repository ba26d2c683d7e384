/* c_pthreads_waits.c - what waits, on POSIX threads: io_timer, files, and mem_wait, whose threads all
 * wait while their memory is read. Threads are started in the sample, one for each op in flight. */
#include "c_files.h"
#include "c_pthreads.h"
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static struct {
    int64_t ops, next, here, delay_us;
    bool holds, open;        /* mem_wait; its gate */
    struct file_slot *slots; /* io_file and io_log, one a thread */
    pthread_mutex_t lock;
    pthread_cond_t gate, all_here;
    struct tally tally;
    struct hist latency;
} sample = {.lock = PTHREAD_MUTEX_INITIALIZER,
            .gate = PTHREAD_COND_INITIALIZER,
            .all_here = PTHREAD_COND_INITIALIZER};

/* With the lock: the next op that nobody has taken, -1 when there is none. */
static int64_t take(void) {
    return sample.next < sample.ops ? sample.next++ : -1;
}

static void record(int64_t op, uint64_t value, int64_t ns) {
    unsigned char result[8];
    put_le64(result, value);
    hist_add(&sample.latency, ns > 0 ? (uint64_t)ns : 0);
    tally_add(&sample.tally, (uint64_t)op, OP_HIT, result, sizeof result);
}

static void *sleeper(void *unused) {
    struct timespec delay = {.tv_sec = sample.delay_us / 1000000,
                             .tv_nsec = sample.delay_us % 1000000 * 1000};
    int64_t op, start;
    pthread_mutex_lock(&sample.lock);
    while ((op = take()) >= 0) {
        pthread_mutex_unlock(&sample.lock);
        start = now_ns();
        nanosleep(&delay, NULL);
        start = now_ns() - start;
        pthread_mutex_lock(&sample.lock);
        record(op, (uint64_t)op, start - 1000 * sample.delay_us);
    }
    pthread_mutex_unlock(&sample.lock);
    return unused;
}

static void *clerk(void *slot) {
    int64_t op, start;
    uint64_t value;
    pthread_mutex_lock(&sample.lock);
    while ((op = take()) >= 0) {
        pthread_mutex_unlock(&sample.lock);
        start = now_ns();
        value = files_do(slot, (uint64_t)op);
        start = now_ns() - start;
        pthread_mutex_lock(&sample.lock);
        record(op, value, start);
    }
    pthread_mutex_unlock(&sample.lock);
    return slot;
}

static void *waiter(void *unused) {
    int64_t op, start = now_ns();
    pthread_mutex_lock(&sample.lock);
    op = take();
    sample.here++;
    pthread_cond_signal(&sample.all_here);
    while (!sample.open)
        pthread_cond_wait(&sample.gate, &sample.lock);
    record(op, (uint64_t)op, now_ns() - start);
    pthread_mutex_unlock(&sample.lock);
    return unused;
}

/* When all wait, has them looked at, and opens the gate. */
static void hold(int64_t count) {
    pthread_mutex_lock(&sample.lock);
    while (sample.here < count)
        pthread_cond_wait(&sample.all_here, &sample.lock);
    pthread_mutex_unlock(&sample.lock);
    child_look(count);
    pthread_mutex_lock(&sample.lock);
    sample.open = true;
    pthread_cond_broadcast(&sample.gate);
    pthread_mutex_unlock(&sample.lock);
}

static void run_round(pthread_t *threads, int64_t count) {
    void *(*body)(void *) = sample.holds ? waiter : sample.slots ? clerk : sleeper;
    sample.here = 0;
    sample.open = false;
    for (int64_t i = 0; i < count; i++) {
        void *slot = sample.slots ? &sample.slots[i] : NULL;
        int failed = pthread_create(&threads[i], NULL, body, slot);
        if (failed)
            child_fail(
                "cannot start thread %lld of %lld: %s; what bounds them: ulimit -u, pids.max "
                "of the cgroup, sysctl kernel.threads-max, kernel.pid_max, vm.max_map_count",
                (long long)i + 1, (long long)count, strerror(failed));
    }
    if (sample.holds)
        hold(count);
    for (int64_t i = 0; i < count; i++)
        pthread_join(threads[i], NULL);
}

static void run_sample(pthread_t *threads, int64_t count) {
    int64_t start = now_ns();
    sample.next = 0;
    sample.tally = (struct tally){0};
    memset(&sample.latency, 0, sizeof sample.latency);
    while (sample.next < sample.ops)
        run_round(threads, sample.ops - sample.next < count ? sample.ops - sample.next : count);
    child_sample(now_ns() - start, &sample.tally);
    child_latency(&sample.latency);
}

void run_waits(const struct args *args) {
    int64_t count = args_int(args, "concurrency");
    pthread_t *threads = calloc((size_t)count, sizeof *threads);
    if (!threads)
        child_fail("out of memory for %lld threads", (long long)count);
    sample.ops = args_int(args, "ops");
    sample.holds = args->workload == &mem_wait;
    if (files_wanted(args->workload))
        sample.slots = files_open(args, count);
    else if (!sample.holds)
        sample.delay_us = args_int(args, "delay_us");
    child_attest();
    child_ready(0);
    while (child_wait() == CHILD_GO)
        run_sample(threads, count);
    child_end();
    if (sample.slots)
        files_close(sample.slots, count);
    free(threads);
}
