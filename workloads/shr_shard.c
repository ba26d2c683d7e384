/* shr_shard.c - counts in shards, each with one owner at a time: an op has its shard, number id mod
 * `shards`, to itself for as long as it lasts. One shard is one worker at a time. */
#include "lock.h"
#include "workload.h"
#include <stdlib.h>
#include <string.h>

struct shards {
    uint64_t seed, adds, ops, count, cells;
    struct lock *locks; /* both behind this, in the same piece of memory */
    uint64_t *tables;
};

static const struct param params[] = {
    {"adds", 1000, 1, 100000000, "additions in an op, each to a cell of its shard"},
    {"shards", 8, 1, 1024, "shards, each with a lock"},
    {"cells", 256, 1, 65536, "cells of a shard"},
    {NULL, 0, 0, 0, NULL},
};

static void *setup(const struct args *args) {
    uint64_t count = (uint64_t)args_int(args, "shards"), cells = (uint64_t)args_int(args, "cells");
    struct shards *state =
        calloc(1, sizeof *state + count * (sizeof(struct lock) + cells * sizeof(uint64_t)));
    if (!state)
        return NULL;
    state->seed = (uint64_t)args_int(args, "seed");
    state->adds = (uint64_t)args_int(args, "adds");
    state->ops = (uint64_t)args_int(args, "ops");
    state->count = count;
    state->cells = cells;
    state->locks = (struct lock *)(state + 1);
    state->tables = (uint64_t *)(state->locks + count);
    return state;
}

static enum op_class op(const void *opaque, uint64_t id, unsigned char *result, size_t *size) {
    const struct shards *state = opaque;
    uint64_t shard = id % state->count, *table = state->tables + shard * state->cells;
    uint32_t x = lcg_at(state->seed, id);
    lock_take(&state->locks[shard]);
    for (uint64_t i = 0; i < state->adds; i++) {
        x = lcg(x);
        table[(x >> 8) % state->cells]++;
    }
    lock_give(&state->locks[shard]);
    put_le64(result, x);
    *size = 8;
    return OP_HIT;
}

static void reset(void *opaque) {
    struct shards *state = opaque;
    memset(state->tables, 0, state->count * state->cells * sizeof *state->tables);
}

/* Each cell counts with its number, from 1. */
static int64_t settle(void *opaque, unsigned char *result, size_t *size) {
    struct shards *state = opaque;
    uint64_t total = 0, weighted = 0;
    for (uint64_t i = 0; i < state->count * state->cells; i++) {
        total += state->tables[i];
        weighted += (i + 1) * state->tables[i];
    }
    put_le64(result, total);
    put_le64(result + 8, weighted);
    *size = 16;
    return (int64_t)(state->ops * state->adds - total);
}

const struct workload shr_shard = {
    .name = "shr_shard",
    .kind = "cpu",
    .about = "counts in shards, each owned by one op at a time",
    .params = params,
    .setup = setup,
    .op = op,
    .reset = reset,
    .settle = settle,
};
