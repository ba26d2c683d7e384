/* loop_steps.c - nothing but steps: a number that starts at the LCG's value for op id, to which
 * id + 1 is added `steps` times. What it costs to get from one step to the next is the model's. */
#include "workload.h"
#include <stdlib.h>

struct walk {
    uint64_t seed, steps;
};

static const struct param params[] = {
    {"steps", 1000, 1, 1000000, "additions in an op, one after the other"},
    {NULL, 0, 0, 0, NULL},
};

static void *setup(const struct args *args) {
    struct walk *walk = malloc(sizeof *walk);
    if (walk)
        *walk = (struct walk){(uint64_t)args_int(args, "seed"), (uint64_t)args_int(args, "steps")};
    return walk;
}

static enum op_class op(const void *state, uint64_t id, unsigned char *result, size_t *size) {
    const struct walk *walk = state;
    uint64_t value = lcg((uint32_t)((walk->seed + id) & 0x7fffffffu));
    for (uint64_t i = 0; i < walk->steps; i++)
        value += id + 1;
    put_le64(result, value);
    *size = 8;
    return OP_HIT;
}

const struct workload loop_steps = {
    .name = "loop_steps",
    .kind = "cpu",
    .about = "a chain of additions: what a loop costs from one step to the next",
    .params = params,
    .setup = setup,
    .op = op,
};
