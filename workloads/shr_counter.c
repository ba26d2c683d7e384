/* shr_counter.c - one number that all workers add 1 to. With lock=0 the reading and the writing are
 * apart, and what another worker wrote in between is lost: how much, the sample says. */
#include "lock.h"
#include "workload.h"
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>

/* What is shared stands behind pointers, since ops are given what they only read. */
struct shared {
    atomic_uint_fast64_t value; /* atomic, so that lock=0 loses updates, and nothing worse */
    struct lock lock;
};

struct counting {
    uint64_t seed, adds, ops;
    bool locked;
    struct shared *shared, its;
};

static const struct param params[] = {
    {"adds", 1000, 1, 100000000, "additions in an op"},
    {"lock", 1, 0, 1, "1: each under a lock. 0: without one, and updates may get lost"},
    {NULL, 0, 0, 0, NULL},
};

static void *setup(const struct args *args) {
    struct counting *state = calloc(1, sizeof *state);
    if (!state)
        return NULL;
    state->seed = (uint64_t)args_int(args, "seed");
    state->adds = (uint64_t)args_int(args, "adds");
    state->ops = (uint64_t)args_int(args, "ops");
    state->locked = args_int(args, "lock");
    state->shared = &state->its;
    return state;
}

static void add(struct shared *shared) {
    uint64_t value = atomic_load_explicit(&shared->value, memory_order_relaxed);
    atomic_store_explicit(&shared->value, value + 1, memory_order_relaxed);
}

static enum op_class op(const void *opaque, uint64_t id, unsigned char *result, size_t *size) {
    const struct counting *state = opaque;
    for (uint64_t i = 0; i < state->adds; i++) {
        if (state->locked)
            lock_take(&state->shared->lock);
        add(state->shared);
        if (state->locked)
            lock_give(&state->shared->lock);
    }
    put_le64(result, lcg_at(state->seed, id));
    *size = 8;
    return OP_HIT;
}

static void reset(void *opaque) {
    struct counting *state = opaque;
    state->its.value = 0;
}

static int64_t settle(void *opaque, unsigned char *result, size_t *size) {
    struct counting *state = opaque;
    put_le64(result, state->its.value);
    *size = 8;
    return (int64_t)(state->ops * state->adds - state->its.value);
}

const struct workload shr_counter = {
    .name = "shr_counter",
    .kind = "cpu",
    .about = "one number that all workers add to; lock=0: how many additions get lost",
    .params = params,
    .setup = setup,
    .op = op,
    .reset = reset,
    .settle = settle,
};
