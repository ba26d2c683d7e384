/* io_employee.c - the founding example: a name gives an id, the id gives the details.
 *
 * The store holds EMPLOYEES people. Number i is called emp<i>, has the id (7919 i + 104729) mod
 * 1000003 (a bijection) and the boss number floor(i / 10). Op `id` asks for a name that is picked
 * by three steps of the LCG from seed + id; of each hundred ops, number 37 asks for a name that
 * nobody has (a miss), and number 73 for one whose id leads nowhere (an error: the details are
 * missing). Result: the name and the record for a hit, the name for an error, nothing for a miss.
 */
#include "workload.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct client {
    uint64_t seed;
    size_t record;
};

static const struct param params[] = {
    {"record", "256", "bytes of a record, blanks at its end included"},
    {"delay_us", "1000", "service delay of the embedded store, for each command"},
    {NULL, NULL, NULL},
};

static void *setup(const struct args *args) {
    struct client *state = malloc(sizeof *state);
    if (!state)
        return NULL;
    state->seed = (uint64_t)args_int(args, "seed", 42);
    state->record = (size_t)args_int(args, "record", 256);
    return state;
}

int64_t employee_id(int64_t i) {
    return (7919 * i + 104729) % 1000003;
}

size_t employee_record(int64_t i, size_t size, char *record) {
    int64_t id = employee_id(i);
    int used =
        snprintf(record, RECORD_MAX,
                 "{\"id\":%lld,\"name\":\"emp%06lld\",\"dept\":%lld,\"salary\":%lld,\"boss\":%lld}",
                 (long long)id, (long long)i, (long long)(id % 97),
                 (long long)(30000 + 37 * id % 90000), (long long)employee_id(i / 10));
    size = size > RECORD_MAX ? RECORD_MAX : size < (size_t)used ? (size_t)used : size;
    memset(record + used, ' ', size - (size_t)used);
    return size;
}

enum op_class employee_pick(uint64_t seed, uint64_t id, char *name, int64_t *i) {
    uint64_t x = lcg(lcg(lcg((uint32_t)((seed + id) & 0x7fffffffu))));
    if (id % 100 == 37) {
        snprintf(name, 16, "nob%06llu", (unsigned long long)(x * EMPLOYEES >> 31));
        return OP_MISS;
    }
    if (id % 100 == 73) {
        snprintf(name, 16, "gone%06llu", (unsigned long long)(x * DANGLING >> 31));
        return OP_ERROR;
    }
    *i = (int64_t)(x * EMPLOYEES >> 31);
    snprintf(name, 16, "emp%06lld", (long long)*i);
    return OP_HIT;
}

static enum op_class op(const void *opaque, uint64_t id, unsigned char *result, size_t *size) {
    const struct client *state = opaque;
    char name[16];
    int64_t i = 0;
    enum op_class class = employee_pick(state->seed, id, name, &i);
    *size = class == OP_MISS ? 0 : strlen(name);
    memcpy(result, name, *size);
    if (class == OP_HIT)
        *size += employee_record(i, state->record, (char *)result + *size);
    return class;
}

const struct workload io_employee = {
    .name = "io_employee",
    .kind = "client",
    .about = "name -> id -> details from a store over RESP2: two dependent requests",
    .params = params,
    .setup = setup,
    .op = op};
