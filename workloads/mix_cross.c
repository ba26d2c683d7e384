/* mix_cross.c - a request waits, then computes: `f` per mille of its time are computing. */
#include "talk.h"
#include <stdlib.h>

struct cross {
    uint64_t seed;
    int64_t wait_us, steps;
};

static const struct param params[] = {
    {"f", 100, 0, 1000, "per mille of total_us that are computing, the rest is waited for first"},
    {"total_us", 10000, 0, 10000000, "microseconds of a request on an idle machine"},
    {"steps_per_ms", 10000, 1, 10000000, "steps of the LCG that stand for a millisecond"},
    {NULL, 0, 0, 0, NULL},
};

static void *setup(const struct args *args) {
    struct cross *state = malloc(sizeof *state);
    int64_t total_us = args_int(args, "total_us"), cpu_us = total_us * args_int(args, "f") / 1000;
    if (!state)
        return NULL;
    state->seed = (uint64_t)args_int(args, "seed");
    state->wait_us = total_us - cpu_us;
    state->steps = cpu_us * args_int(args, "steps_per_ms") / 1000;
    return state;
}

static uint32_t compute(const struct cross *state, uint64_t id) {
    return lcg_steps((uint32_t)((state->seed + id) & 0x7fffffff), state->steps);
}

static enum op_class op(const void *opaque, uint64_t id, unsigned char *result, size_t *size) {
    *size = line_result(result, compute(opaque, id));
    return OP_HIT;
}

static size_t take(const void *opaque, const unsigned char *bytes, size_t size,
                   struct request *request) {
    const struct cross *state = opaque;
    size_t used;
    *request = (struct request){0};
    used = line_take(bytes, size, &request->number);
    request->last = request->number < 0;
    request->wait_us = request->last ? 0 : state->wait_us;
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

static const struct talk talk = {.take = take, .answer = answer, .ask = ask, .hear = line_hear};

const struct workload mix_cross = {
    .name = "mix_cross",
    .kind = "server",
    .about = "requests that wait, then compute, in any proportion",
    .params = params,
    .setup = setup,
    .op = op,
    .talk = &talk,
};
