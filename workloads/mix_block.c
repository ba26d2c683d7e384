/* mix_block.c - requests that are answered at once, but for every `every`th, which computes for
 * long: what do the others see of it? */
#include "talk.h"
#include <stdlib.h>

struct block {
    uint64_t seed, every;
    int64_t burn;
};

static const struct param params[] = {
    {"every", 100, 1, 1000000000, "one op in so many is heavy"},
    {"burn", 1000000, 0, 1000000000, "steps of the LCG that a heavy op takes"},
    {NULL, 0, 0, 0, NULL},
};

static void *setup(const struct args *args) {
    struct block *state = malloc(sizeof *state);
    if (!state)
        return NULL;
    state->seed = (uint64_t)args_int(args, "seed");
    state->every = (uint64_t)args_int(args, "every");
    state->burn = args_int(args, "burn");
    return state;
}

static bool is_heavy(const void *opaque, uint64_t id) {
    const struct block *state = opaque;
    return id % state->every == state->every - 1;
}

static uint32_t compute(const struct block *state, uint64_t id) {
    uint32_t x = (uint32_t)((state->seed + id) & 0x7fffffff);
    return lcg_steps(x, is_heavy(state, id) ? state->burn : 1);
}

static enum op_class op(const void *opaque, uint64_t id, unsigned char *result, size_t *size) {
    *size = line_result(result, compute(opaque, id));
    return OP_HIT;
}

static size_t take(const void *opaque, const unsigned char *bytes, size_t size,
                   struct request *request) {
    size_t used;
    (void)opaque;
    *request = (struct request){0};
    used = line_take(bytes, size, &request->number);
    request->last = request->number < 0;
    return used;
}

static size_t answer(const void *opaque, const struct request *request, unsigned char *bytes) {
    if (request->number < 0)
        return line_complain(bytes);
    return line_put(bytes, compute(opaque, (uint64_t)request->number));
}

static size_t ask(const void *opaque, uint64_t id, unsigned char *bytes) {
    (void)opaque;
    return line_put(bytes, id);
}

static const struct talk talk = {
    .take = take, .answer = answer, .ask = ask, .hear = line_hear, .is_heavy = is_heavy};

const struct workload mix_block = {
    .name = "mix_block",
    .kind = "server",
    .about = "short requests, and now and then one that computes for long",
    .params = params,
    .setup = setup,
    .op = op,
    .talk = &talk,
};
