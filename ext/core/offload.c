/* offload.c - pools of threads for work that would block the loop. The only file with mutexes.
 *
 * Work waits in the queue of its pool, first in, first out. A thread is started when work arrives
 * and none is idle, up to loop->max_workers; it stays until the pool is stopped. A worker takes one
 * piece at a time: pieces may wait for each other, so none may stand behind one that runs while
 * another thread is idle. Finished work goes home through the loop's inbox, which takes all that is
 * there at once. Workers block all signals, so that Ctrl-C reaches a thread that can act on it.
 *
 * A pool whose work takes too long can be left behind: its threads end when they can, and the last
 * one frees it. Whoever takes a worker's `current` first has the work: the worker when it is done,
 * or the loop, which goes away. */
#include "cp.h"
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <time.h>

struct worker {
    struct cp_pool *pool;
    pthread_t id;
    _Atomic(struct cp_work *) current; /* what it runs */
};

struct cp_pool {
    struct cp_loop *loop; /* not to be touched once `left` */
    const struct cp_host *host;
    int kind; /* its index in loop->pools */
    pthread_mutex_t lock;
    pthread_cond_t arrived, changed; /* changed: started, busy or alive, while stopping */
    struct cp_work *head, **tail;
    size_t queued, idle, busy; /* busy: taken from the queue, not yet posted */
    int threads, started, alive;
    bool stopping, left;
    struct worker workers[];
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

static void free_pool(struct cp_pool *pool) {
    pthread_mutex_destroy(&pool->lock);
    pthread_cond_destroy(&pool->arrived);
    pthread_cond_destroy(&pool->changed);
    cp_mem.free(pool);
}

static void tell_stopper(struct cp_pool *pool) {
    if (pool->stopping)
        pthread_cond_broadcast(&pool->changed);
}

/* Without the lock. False: it was left behind meanwhile. */
static bool run_one(struct worker *self, struct cp_work *work, void *state) {
    bool ours;
    work->run(work, state);
    if ((ours = atomic_exchange(&self->current, NULL)))
        cp_post(self->pool->loop, &work->job);
    else
        self->pool->host->worker_lost(work, state);
    return ours;
}

/* With the lock, from the first to the last piece of work. */
static void serve(struct worker *self, void *state) {
    struct cp_pool *pool = self->pool;
    struct cp_work *work;
    bool ours;
    while ((work = wait_for_work(pool))) {
        pool->busy++;
        atomic_store(&self->current, work);
        pthread_mutex_unlock(&pool->lock);
        ours = run_one(self, work, state);
        pthread_mutex_lock(&pool->lock);
        pool->busy -= ours;
        tell_stopper(pool);
    }
}

static void *worker_main(void *arg) {
    struct worker *self = arg;
    struct cp_pool *pool = self->pool;
    const struct cp_host *host = pool->host;
    void *state = host->worker_start(pool->loop, pool->kind);
    const int kind = pool->kind;
    bool last;
    pthread_mutex_lock(&pool->lock);
    pool->started++;
    tell_stopper(pool);
    serve(self, state);
    last = --pool->alive == 0 && pool->left;
    tell_stopper(pool);
    pthread_mutex_unlock(&pool->lock);
    if (last)
        free_pool(pool);
    host->worker_end(kind, state);
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
    struct worker *worker = &pool->workers[pool->threads];
    sigset_t all, old;
    pthread_attr_t attr;
    int err = pthread_attr_init(&attr);
    if (err)
        return -EAGAIN;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    *worker = (struct worker){.pool = pool};
    if (!(err = pin(loop, pool, &attr)))
        err = pthread_create(&worker->id, &attr, worker_main, worker);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    pthread_attr_destroy(&attr);
    if (err == 0) {
        pool->threads++;
        pool->alive++;
    }
    return err ? -EAGAIN : 0;
}

static struct cp_pool *pool_of(struct cp_loop *loop, int kind) {
    struct cp_pool *pool = loop->pools[kind];
    if (pool)
        return pool;
    if (!(pool = cp_mem.alloc(sizeof *pool + (size_t)loop->max_workers * sizeof *pool->workers)))
        return NULL;
    *pool = (struct cp_pool){.loop = loop, .host = loop->host, .kind = kind, .tail = &pool->head};
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->arrived, NULL);
    pthread_cond_init(&pool->changed, NULL);
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

static void join_all(struct cp_loop *loop, struct cp_pool *pool) {
    loop->host->before_wait(loop);
    for (int i = 0; i < pool->threads; i++)
        pthread_join(pool->workers[i].id, NULL);
    loop->host->after_wait(loop);
}

/* Waits a moment, or less if all threads end. Whether they have. */
static bool wait_a_moment(struct cp_loop *loop, struct cp_pool *pool) {
    const long moment = 20 * 1000000; /* ns */
    struct timespec until;
    bool ended;
    int late = 0;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += moment;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    loop->host->before_wait(loop);
    pthread_mutex_lock(&pool->lock);
    while (pool->alive && !late)
        late = pthread_cond_timedwait(&pool->changed, &pool->lock, &until);
    ended = !pool->alive;
    pthread_mutex_unlock(&pool->lock);
    loop->host->after_wait(loop);
    return ended;
}

/* With `claimed` left behind: until no thread is on its way in, or home with what it has done. */
static void wait_for_those_who_touch_the_loop(struct cp_loop *loop, struct cp_pool *pool,
                                              size_t claimed) {
    loop->host->before_wait(loop);
    pthread_mutex_lock(&pool->lock);
    pool->busy -= claimed;
    while (pool->started < pool->threads || pool->busy)
        pthread_cond_wait(&pool->changed, &pool->lock);
    pthread_mutex_unlock(&pool->lock);
    loop->host->after_wait(loop);
}

/* What still runs is lost: the loop's thread goes on without it. */
static void leave_behind(struct cp_loop *loop, struct cp_pool *pool,
                         void (*lost)(struct cp_work *)) {
    struct cp_work *work;
    size_t claimed = 0;
    bool empty;
    for (int i = 0; i < pool->threads; i++) {
        if ((work = atomic_exchange(&pool->workers[i].current, NULL))) {
            claimed++;
            lost(work);
        }
        pthread_detach(pool->workers[i].id);
    }
    wait_for_those_who_touch_the_loop(loop, pool, claimed);
    pthread_mutex_lock(&pool->lock);
    pool->left = true;
    empty = !pool->alive;
    pthread_mutex_unlock(&pool->lock);
    if (empty)
        free_pool(pool);
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

/* 0, or what host->interrupted said. */
static int end_pool(struct cp_loop *loop, struct cp_pool *pool, bool hurry,
                    void (*lost)(struct cp_work *)) {
    const int kind = pool->kind;
    int stop = 0;
    while (!stop && !wait_a_moment(loop, pool) && !hurry)
        stop = loop->host->interrupted(loop);
    if (hurry || stop) {
        leave_behind(loop, pool, lost);
    } else {
        join_all(loop, pool);
        free_pool(pool);
    }
    loop->pools[kind] = NULL;
    return stop;
}

/* All pools are told before any is waited for. */
int cp_work_stop(struct cp_loop *loop, bool hurry, void (*drop)(struct cp_work *),
                 void (*lost)(struct cp_work *)) {
    int stop = 0;
    for (int kind = 0; kind < CP_POOLS; kind++)
        if (loop->pools[kind])
            drop_all(begin_stop(loop->pools[kind]), drop);
    for (int kind = 0; kind < CP_POOLS; kind++)
        if (loop->pools[kind] && !stop)
            stop = end_pool(loop, loop->pools[kind], hurry, lost);
        else if (loop->pools[kind])
            end_pool(loop, loop->pools[kind], true, lost);
    return stop;
}
