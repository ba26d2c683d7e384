/* io_fanout.c - one op asks the store of io_employee for the ids of many people at once, and adds
 * them up. */
#include "workload.h"
#include <stdlib.h>

struct fans {
    uint64_t seed, fan;
    int64_t employees;
};

static const struct param params[] = {
    {"fan", 16, 1, 1024, "ids that an op asks for at once, each on a connection of its own"},
    {"employees", 100000, 1, 1000000, "people in the store"},
    {"record", 256, 128, RECORD_MAX, "bytes of a record, blanks at its end included"},
    {"delay_us", 1000, 0, 10000000, "service delay of the embedded store, for each command"},
    {NULL, 0, 0, 0, NULL},
};

static void *setup(const struct args *args) {
    struct fans *state = malloc(sizeof *state);
    if (state)
        *state = (struct fans){(uint64_t)args_int(args, "seed"), (uint64_t)args_int(args, "fan"),
                               args_int(args, "employees")};
    return state;
}

static enum op_class op(const void *opaque, uint64_t id, unsigned char *result, size_t *size) {
    const struct fans *state = opaque;
    uint64_t sum = 0;
    for (uint64_t k = 0; k < state->fan; k++)
        sum += (uint64_t)employee_id(
            employee_number(state->seed, state->fan * id + k, state->employees));
    put_le64(result, sum);
    *size = 8;
    return OP_HIT;
}

const struct workload io_fanout = {
    .name = "io_fanout",
    .kind = "client",
    .about = "many requests at once to a store, and the sum of their answers",
    .params = params,
    .setup = setup,
    .op = op,
};
