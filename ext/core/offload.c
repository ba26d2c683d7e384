/* offload.c - a pool of threads for work that would block the loop. The only file with mutexes.
 *
 * Work waits in one queue, first in, first out. A thread is started when work arrives and none is
 * idle, up to loop->max_workers; it stays until the pool is stopped. Finished work goes home
 * through the loop's inbox. Workers block all signals, so that Ctrl-C reaches a thread that can act
 * on it. */
#include "cp.h"
#include <errno.h>
#include <pthread.h>
#include <signal.h>

struct cp_pool {
    pthread_mutex_t lock;
    pthread_cond_t arrived;
    struct cp_work *head, **tail;
    size_t queued, idle, busy; /* busy: taken from the queue, not yet posted */
    int threads;
    bool stopping;
    pthread_t ids[];
};

static struct cp_work *pop(struct cp_pool *pool) {
    struct cp_work *work = pool->head;
    if (!work)
        return NULL;
    pool->head = work->next;
    if (!pool->head)
        pool->tail = &pool->head;
    pool->queued--;
    return work;
}

/* With the lock held: the next piece of work, or NULL when the pool is stopping. */
static struct cp_work *wait_for_work(struct cp_pool *pool) {
    pool->idle++;
    while (!pool->head && !pool->stopping)
        pthread_cond_wait(&pool->arrived, &pool->lock);
    pool->idle--;
    return pool->stopping ? NULL : pop(pool);
}

static void *worker_main(void *arg) {
    struct cp_loop *loop = arg;
    struct cp_pool *pool = loop->pool;
    void *state = loop->host->worker_start(loop);
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
    loop->host->worker_end(loop, state);
    return NULL;
}

static int start_thread(struct cp_loop *loop, struct cp_pool *pool) {
    sigset_t all, old;
    int err;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    err = pthread_create(&pool->ids[pool->threads], NULL, worker_main, loop);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (err == 0)
        pool->threads++;
    return err ? -EAGAIN : 0;
}

static struct cp_pool *pool_of(struct cp_loop *loop) {
    struct cp_pool *pool = loop->pool;
    if (pool)
        return pool;
    if (!(pool = cp_mem.alloc(sizeof *pool + (size_t)loop->max_workers * sizeof *pool->ids)))
        return NULL;
    *pool = (struct cp_pool){.tail = &pool->head};
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->arrived, NULL);
    loop->pool = pool;
    return pool;
}

int cp_work_submit(struct cp_loop *loop, struct cp_work *work) {
    struct cp_pool *pool = pool_of(loop);
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
    if (err == 0) {
        work->next = NULL;
        *pool->tail = work;
        pool->tail = &work->next;
        pool->queued++;
        pthread_cond_signal(&pool->arrived);
    }
    pthread_mutex_unlock(&pool->lock);
    return err;
}

bool cp_work_busy(struct cp_loop *loop) {
    struct cp_pool *pool = loop->pool;
    bool busy;
    if (!pool)
        return false;
    pthread_mutex_lock(&pool->lock);
    busy = pool->queued || pool->busy;
    pthread_mutex_unlock(&pool->lock);
    return busy;
}

static void join_all(struct cp_loop *loop, struct cp_pool *pool) {
    loop->host->before_wait(loop);
    for (int i = 0; i < pool->threads; i++)
        pthread_join(pool->ids[i], NULL);
    loop->host->after_wait(loop);
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
    return left;
}

void cp_work_stop(struct cp_loop *loop, void (*drop)(struct cp_work *)) {
    struct cp_pool *pool = loop->pool;
    struct cp_work *left, *next;
    if (!pool)
        return;
    for (left = begin_stop(pool); left; left = next) {
        next = left->next;
        drop(left);
    }
    join_all(loop, pool);
    pthread_mutex_destroy(&pool->lock);
    pthread_cond_destroy(&pool->arrived);
    cp_mem.free(pool);
    loop->pool = NULL;
}
