/* sty_chain.c - a chain of steps, each on what the last one gave; now and then one fails, and the
 * result says at which step that was and how often it was reported. Once, here. */
#include "workload.h"
#include <stdlib.h>

struct chain {
    uint64_t seed, steps, fail_every;
};

static const struct param params[] = {
    {"steps", 5, 2, 8, "steps of a chain: 2, 3, 5 or 8"},
    {"fail_every", 10, 0, 1000000, "one in so many ops fails, at a step of its own; 0: none"},
    {NULL, 0, 0, 0, NULL},
};

static void *setup(const struct args *args) {
    struct chain *chain = malloc(sizeof *chain);
    if (chain)
        *chain = (struct chain){(uint64_t)args_int(args, "seed"), (uint64_t)args_int(args, "steps"),
                                (uint64_t)args_int(args, "fail_every")};
    return chain;
}

static enum op_class op(const void *state, uint64_t id, unsigned char *result, size_t *size) {
    const struct chain *chain = state;
    uint64_t fails = chain_fails(id, chain->steps, chain->fail_every), step = 1;
    uint32_t value = chain_first(chain->seed, id);
    for (; step <= chain->steps && step != fails; step++)
        value = chain_step(value, step);
    put_le64(result, value);
    put_le64(result + 8, fails);
    put_le64(result + 16, fails != 0);
    *size = 24;
    return OP_HIT;
}

uint32_t chain_first(uint64_t seed, uint64_t id) {
    return (uint32_t)((seed + id) & 0x7fffffffu);
}

uint32_t chain_step(uint32_t value, uint64_t step) {
    return lcg((uint32_t)((value + step) & 0x7fffffffu));
}

uint64_t chain_fails(uint64_t id, uint64_t steps, uint64_t fail_every) {
    return fail_every && id % fail_every == fail_every - 1 ? 1 + id / fail_every % steps : 0;
}

const struct workload sty_chain = {
    .name = "sty_chain",
    .kind = "cpu",
    .about = "a chain of steps in callbacks, promises, coroutines or straight on, with errors",
    .params = params,
    .setup = setup,
    .op = op,
};
