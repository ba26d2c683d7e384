/* cpu_grain.c - a grain of work: the LCG, `steps` times from (seed + id) mod 2^31. With steps = 0 an
 * op is empty, and what it takes is what the model needs to hand it over. */
#include "workload.h"
#include <stdlib.h>

struct grain {
    uint64_t seed, steps;
};

static const struct param params[] = {
    {"steps", 1000, 0, 1000000000, "steps of the LCG in an op; 0: it is empty"},
    {"chunk", 1, 0, 1000000,
     "ops that go to a worker at once, where a model can; 0: a quarter of an equal share"},
    {NULL, 0, 0, 0, NULL},
};

static void *setup(const struct args *args) {
    struct grain *grain = malloc(sizeof *grain);
    if (grain)
        *grain =
            (struct grain){(uint64_t)args_int(args, "seed"), (uint64_t)args_int(args, "steps")};
    return grain;
}

static enum op_class op(const void *state, uint64_t id, unsigned char *result, size_t *size) {
    const struct grain *grain = state;
    uint32_t x = (uint32_t)((grain->seed + id) & 0x7fffffffu);
    for (uint64_t i = 0; i < grain->steps; i++)
        x = lcg(x);
    put_le64(result, x);
    *size = 8;
    return OP_HIT;
}

const struct workload cpu_grain = {
    .name = "cpu_grain",
    .kind = "cpu",
    .about = "as many steps of the LCG as are asked for, or none: dispatch, start-up, grain",
    .params = params,
    .setup = setup,
    .op = op,
};
