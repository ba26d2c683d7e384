/* io_timer.c - an op sleeps and gives its number. The sleeping is the adapters'. */
#include "workload.h"
#include <stdlib.h>

static const struct param params[] = {
    {"delay_us", 50000, 0, 60000000, "how long an op sleeps, us"},
    {NULL, 0, 0, 0, NULL},
};

/* Nothing is to be kept; something that is not NULL is to be returned. */
static void *setup(const struct args *args) {
    (void)args;
    return malloc(1);
}

static enum op_class op(const void *state, uint64_t id, unsigned char *result, size_t *size) {
    (void)state;
    put_le64(result, id);
    *size = 8;
    return OP_HIT;
}

static int64_t least_ns(const struct args *args) {
    return least_ns_of_sleeps(args, args_int(args, "delay_us"));
}

const struct workload io_timer = {
    .name = "io_timer",
    .kind = "wait",
    .about = "sleepers: what many timers at once cost, and how much each oversleeps",
    .params = params,
    .setup = setup,
    .op = op,
    .least_ns = least_ns,
};

static const struct param no_params[] = {{NULL, 0, 0, 0, NULL}};

const struct workload mem_wait = {
    .name = "mem_wait",
    .kind = "wait",
    .about = "ops that wait for one signal while their memory is read: bytes for each",
    .params = no_params,
    .setup = setup,
    .op = op,
};
