/* io_employee.c - the founding example: a name gives an id, the id gives the details, and they may
 * give those of the boss, and so on.
 *
 * The store answers `employee:id:<name>` with an id and `employee:<id>` with a record. Person i has
 * the id (7919 i + 104729) mod 1000003, which is a bijection, so no two share one, and for boss
 * the id of person floor(i / 10). Op `id` picks a person by three steps of the LCG from seed + id.
 * Of each hundred ops, number 37 asks for a name that nobody has (a miss: no second question), and
 * number 73 for a leaver, whose id leads nowhere (an error). Result: the name and the record that was
 * found last for a hit, the name for an error, nothing for a miss. */
#include "workload.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { IDS = 1000003 }; /* a prime; leavers have the numbers from here on, which nobody else has */

struct questions {
    uint64_t seed;
    int64_t employees, chain;
    size_t record;
};

static const struct param params[] = {
    {"employees", 100000, 1, 1000000, "people in the store"},
    {"record", 256, 128, RECORD_MAX, "bytes of a record, blanks at its end included"},
    {"delay_us", 1000, 0, 10000000, "service delay of the embedded store, for each command"},
    {"chain", 2, 2, 8, "requests of an op, each made with what the one before gave"},
    {"join", 0, 0, 1, "1: one query does it all, where the store knows SQL"},
    {NULL, 0, 0, 0, NULL},
};

static void *setup(const struct args *args) {
    struct questions *state = malloc(sizeof *state);
    if (!state)
        return NULL;
    state->seed = (uint64_t)args_int(args, "seed");
    state->employees = args_int(args, "employees");
    state->chain = args_int(args, "chain");
    state->record = (size_t)args_int(args, "record");
    return state;
}

int64_t employee_id(int64_t i) {
    return (7919 * i + 104729) % IDS;
}

int64_t leaver_id(int64_t i) {
    return IDS + i;
}

void employee_record(int64_t i, size_t size, char *record) {
    int64_t id = employee_id(i);
    char text[128]; /* the least size of a record: no number is longer than seven digits */
    int used = snprintf(text, sizeof text,
                        "{\"id\":%lld,\"name\":\"emp%06lld\",\"dept\":%lld,\"salary\":%lld,"
                        "\"boss\":%lld}",
                        (long long)id, (long long)i, (long long)(id % 97),
                        (long long)(30000 + 37 * id % 90000), (long long)employee_id(i / 10));
    memset(record, ' ', size);
    memcpy(record, text, (size_t)used);
}

int64_t employee_number(uint64_t seed, uint64_t id, int64_t employees) {
    uint32_t x = lcg(lcg(lcg((uint32_t)((seed + id) & INT32_MAX))));
    return (int64_t)x * employees >> 31;
}

enum op_class employee_pick(uint64_t seed, uint64_t id, int64_t employees, char name[NAME_ROOM],
                            int64_t *i) {
    int64_t person = employee_number(seed, id, employees);
    if (id % 100 == 37) {
        snprintf(name, NAME_ROOM, "nob%06lld", (long long)person);
        return OP_MISS;
    }
    if (id % 100 == 73) {
        snprintf(name, NAME_ROOM, "gone%06lld", (long long)employee_number(seed, id, LEAVERS));
        return OP_ERROR;
    }
    snprintf(name, NAME_ROOM, "emp%06lld", (long long)person);
    *i = person;
    return OP_HIT;
}

static enum op_class op(const void *opaque, uint64_t id, unsigned char *result, size_t *size) {
    const struct questions *state = opaque;
    char name[NAME_ROOM];
    int64_t i = 0;
    enum op_class class = employee_pick(state->seed, id, state->employees, name, &i);
    *size = class == OP_MISS ? 0 : strlen(name);
    memcpy(result, name, *size);
    for (int64_t step = 2; step < state->chain; step++)
        i /= 10;
    if (class == OP_HIT) {
        employee_record(i, state->record, (char *)result + *size);
        *size += state->record;
    }
    return class;
}

const struct workload io_employee = {
    .name = "io_employee",
    .kind = "client",
    .about = "name -> id -> details from a store over RESP2: two dependent requests",
    .params = params,
    .setup = setup,
    .op = op,
};
