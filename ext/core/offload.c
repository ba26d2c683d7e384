/* offload.c - pools of threads for work that would block the loop. The only file with mutexes.
 *
 * Work waits in the queue of its pool, first in, first out. A thread is started when work arrives
 * and none is idle, up to loop->max_workers; it stays until the pool is stopped. A worker takes one
 * piece at a time: pieces may wait for each other, so none may stand behind one that runs while
 * another thread is idle. Finished work goes home through the loop's inbox, which takes all that is
 * there at once. Workers block all signals, so that Ctrl-C reaches a thread that can act on it. */
#include "cp.h"
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>

struct cp_pool {
    struct cp_loop *loop;
    int kind; /* its index in loop->pools */
    pthread_mutex_t lock;
    pthread_cond_t arrived;
    struct cp_work *head, **tail;
    size_t queued, idle, busy; /* busy: taken from the queue, not yet posted */
    int threads;
    bool stopping;
    pthread_t ids[];
};

static void unlink_work(struct cp_pool *pool, struct cp_work *work) {
    *work->prev = work->next;
    if (work->next)
        work->next->prev = work->prev;
    else
        pool->tail = work->prev;
    work->prev = NULL;
    pool->queued--;
}

/* With the lock held: the next piece of work, or NULL when the pool is stopping. */
static struct cp_work *wait_for_work(struct cp_pool *pool) {
    struct cp_work *work;
    pool->idle++;
    while (!pool->head && !pool->stopping)
        pthread_cond_wait(&pool->arrived, &pool->lock);
    pool->idle--;
    if (pool->stopping)
        return NULL;
    work = pool->head;
    unlink_work(pool, work);
    return work;
}

static void *worker_main(void *arg) {
    struct cp_pool *pool = arg;
    struct cp_loop *loop = pool->loop;
    void *state = loop->host->worker_start(loop, pool->kind);
    struct cp_work *work;
    pthread_mutex_lock(&pool->lock);
    while ((work = wait_for_work(pool))) {
        pool->busy++;
        pthread_mutex_unlock(&pool->lock);
        work->run(work, state);
        cp_post(loop, &work->job);
        pthread_mutex_lock(&pool->lock);
        pool->busy--;
    }
    pthread_mutex_unlock(&pool->lock);
    loop->host->worker_end(loop, pool->kind, state);
    return NULL;
}

/* A thread that cannot be pinned is none. */
static int pin(const struct cp_loop *loop, const struct cp_pool *pool, pthread_attr_t *attr) {
    cpu_set_t one;
    if (!loop->cpu_count)
        return 0;
    CPU_ZERO(&one);
    CPU_SET((size_t)loop->cpus[pool->threads % loop->cpu_count], &one);
    return pthread_attr_setaffinity_np(attr, sizeof one, &one);
}

static int start_thread(struct cp_loop *loop, struct cp_pool *pool) {
    sigset_t all, old;
    pthread_attr_t attr;
    int err = pthread_attr_init(&attr);
    if (err)
        return -EAGAIN;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    if (!(err = pin(loop, pool, &attr)))
        err = pthread_create(&pool->ids[pool->threads], &attr, worker_main, pool);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    pthread_attr_destroy(&attr);
    if (err == 0)
        pool->threads++;
    return err ? -EAGAIN : 0;
}

static struct cp_pool *pool_of(struct cp_loop *loop, int kind) {
    struct cp_pool *pool = loop->pools[kind];
    if (pool)
        return pool;
    if (!(pool = cp_mem.alloc(sizeof *pool + (size_t)loop->max_workers * sizeof *pool->ids)))
        return NULL;
    *pool = (struct cp_pool){.loop = loop, .kind = kind, .tail = &pool->head};
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->arrived, NULL);
    loop->pools[kind] = pool;
    return pool;
}

static void append(struct cp_pool *pool, struct cp_work *work) {
    work->next = NULL;
    work->prev = pool->tail;
    *pool->tail = work;
    pool->tail = &work->next;
    pool->queued++;
    if (pool->idle)
        pthread_cond_signal(&pool->arrived);
}

int cp_work_submit(struct cp_loop *loop, struct cp_work *work) {
    struct cp_pool *pool = pool_of(loop, work->pool);
    int err = 0;
    if (!pool)
        return -ENOMEM;
    pthread_mutex_lock(&pool->lock);
    if (pool->stopping)
        err = -ECANCELED;
    else if (pool->idle <= pool->queued && pool->threads < loop->max_workers)
        err = start_thread(loop, pool);
    if (err == -EAGAIN && pool->threads > 0)
        err = 0; /* those that run will get to it */
    if (err == 0)
        append(pool, work);
    pthread_mutex_unlock(&pool->lock);
    return err;
}

bool cp_work_take_back(struct cp_loop *loop, struct cp_work *work) {
    struct cp_pool *pool = loop->pools[work->pool];
    bool waits;
    if (!pool)
        return false;
    pthread_mutex_lock(&pool->lock);
    if ((waits = work->prev))
        unlink_work(pool, work);
    pthread_mutex_unlock(&pool->lock);
    return waits;
}

bool cp_work_begun(const struct cp_loop *loop) {
    for (int kind = 0; kind < CP_POOLS; kind++)
        if (loop->pools[kind])
            return true;
    return false;
}

bool cp_work_busy(struct cp_loop *loop) {
    bool busy = false;
    for (int kind = 0; kind < CP_POOLS && !busy; kind++) {
        struct cp_pool *pool = loop->pools[kind];
        if (!pool)
            continue;
        pthread_mutex_lock(&pool->lock);
        busy = pool->queued || pool->busy;
        pthread_mutex_unlock(&pool->lock);
    }
    return busy;
}

/* From the moment that `stopping` is seen no worker takes anything: what waits then is ours alone.
 */
static struct cp_work *begin_stop(struct cp_pool *pool) {
    struct cp_work *left;
    pthread_mutex_lock(&pool->lock);
    left = pool->head;
    pool->head = NULL;
    pool->tail = &pool->head;
    pool->queued = 0;
    pool->stopping = true;
    pthread_cond_broadcast(&pool->arrived);
    pthread_mutex_unlock(&pool->lock);
    for (struct cp_work *work = left; work; work = work->next)
        work->prev = NULL;
    return left;
}

static void drop_all(struct cp_work *left, void (*drop)(struct cp_work *)) {
    while (left) {
        struct cp_work *next = left->next;
        drop(left);
        left = next;
    }
}

static void end_pool(struct cp_loop *loop, struct cp_pool *pool) {
    loop->host->before_wait(loop);
    for (int i = 0; i < pool->threads; i++)
        pthread_join(pool->ids[i], NULL);
    loop->host->after_wait(loop);
    pthread_mutex_destroy(&pool->lock);
    pthread_cond_destroy(&pool->arrived);
    loop->pools[pool->kind] = NULL;
    cp_mem.free(pool);
}

/* All pools are told before any is waited for. */
void cp_work_stop(struct cp_loop *loop, void (*drop)(struct cp_work *)) {
    for (int kind = 0; kind < CP_POOLS; kind++)
        if (loop->pools[kind])
            drop_all(begin_stop(loop->pools[kind]), drop);
    for (int kind = 0; kind < CP_POOLS; kind++)
        if (loop->pools[kind])
            end_pool(loop, loop->pools[kind]);
}
