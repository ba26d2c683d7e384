/* lock.h - the lock of workloads whose workers share what they change. Free from the start where its
 * memory is zero. */
#ifndef LOCK_H
#define LOCK_H

#include <pthread.h>

struct lock {
    pthread_mutex_t mutex;
};

static inline void lock_take(struct lock *lock) {
    pthread_mutex_lock(&lock->mutex);
}

static inline void lock_give(struct lock *lock) {
    pthread_mutex_unlock(&lock->mutex);
}

#endif
