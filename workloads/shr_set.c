/* shr_set.c - one set that all workers fill: is the key there? If not, it is put in, under one lock
 * for both. Which op puts a key in depends on chance, what is in the set at the end does not. */
#include "lock.h"
#include "workload.h"
#include <stdlib.h>
#include <string.h>

/* Open addressing: a slot is 0 or key + 1. Half of the slots stay empty. */
struct shared {
    struct lock lock;
    uint64_t count, sum, mask;
    uint32_t slot[];
};

struct filling {
    uint64_t seed, inserts, keys;
    struct shared *shared; /* behind this, in the same piece of memory */
};

static const struct param params[] = {
    {"inserts", 100, 1, 100000000, "keys that an op looks for"},
    {"keys", 20000, 1, 1 << 24, "keys that there are"},
    {NULL, 0, 0, 0, NULL},
};

static void *setup(const struct args *args) {
    uint64_t keys = (uint64_t)args_int(args, "keys"), slots = 2;
    struct filling *state;
    while (slots < 2 * keys)
        slots *= 2;
    state = calloc(1, sizeof *state + sizeof(struct shared) + slots * sizeof(uint32_t));
    if (!state)
        return NULL;
    state->seed = (uint64_t)args_int(args, "seed");
    state->inserts = (uint64_t)args_int(args, "inserts");
    state->keys = keys;
    state->shared = (struct shared *)(state + 1);
    state->shared->mask = slots - 1;
    return state;
}

static uint32_t *find(struct shared *set, uint64_t key) {
    uint64_t at = key * 0x9e3779b97f4a7c15u >> 32;
    while (set->slot[at & set->mask] && set->slot[at & set->mask] != key + 1)
        at++;
    return &set->slot[at & set->mask];
}

static void check_then_insert(struct shared *set, uint64_t key) {
    uint32_t *slot;
    lock_take(&set->lock);
    slot = find(set, key);
    if (!*slot) {
        *slot = (uint32_t)key + 1;
        set->count++;
        set->sum += key;
    }
    lock_give(&set->lock);
}

static enum op_class op(const void *opaque, uint64_t id, unsigned char *result, size_t *size) {
    const struct filling *state = opaque;
    uint32_t x = lcg_at(state->seed, id);
    uint64_t sum = 0;
    for (uint64_t i = 0; i < state->inserts; i++) {
        uint64_t key = ((x = lcg(x)) >> 8) % state->keys;
        check_then_insert(state->shared, key);
        sum += key;
    }
    put_le64(result, sum);
    *size = 8;
    return OP_HIT;
}

static void reset(void *opaque) {
    struct shared *set = ((struct filling *)opaque)->shared;
    memset(set->slot, 0, (set->mask + 1) * sizeof *set->slot);
    set->count = set->sum = 0;
}

static int64_t settle(void *opaque, unsigned char *result, size_t *size) {
    struct shared *set = ((struct filling *)opaque)->shared;
    put_le64(result, set->count);
    put_le64(result + 8, set->sum);
    *size = 16;
    return 0;
}

const struct workload shr_set = {
    .name = "shr_set",
    .kind = "cpu",
    .about = "one set that all workers fill, under one lock: check, then insert",
    .params = params,
    .setup = setup,
    .op = op,
    .reset = reset,
    .settle = settle,
};
