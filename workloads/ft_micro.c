/* ft_micro.c - one small operation on something that all threads share, again and again: which of
 * them contend without a GIL? The result is the same for all patterns: the LCG's value for the op,
 * to which one shared number is added `turns` times. */
#include "lock.h"
#include "workload.h"
#include <stdlib.h>
#include <string.h>

enum pattern {
    PRIVATE,
    ATTRIBUTE,
    ITEM,
    ELEMENT,
    METHOD,
    FUNCTION,
    REFERENCE,
    LOCK,
    CREATE,
    PATTERNS
};

struct object {
    volatile uint64_t value; /* volatile: it is read in every turn */
    uint64_t (*method)(const struct object *);
};

struct entry {
    const char *key;
    const struct object *object;
};

struct micro {
    uint64_t seed, turns;
    enum pattern pattern;
    struct object object;
    struct entry items[4];
    const struct object *volatile reference;
    struct lock *lock, its; /* behind a pointer, since ops are given what they only read */
};

static const struct param params[] = {
    {"turns", 10000, 1, 100000000, "operations in an op"},
    {"pattern", PRIVATE, 0, PATTERNS - 1,
     "private (a list of one's own: the control); of what is shared: attribute, item (of a dict), "
     "element (of a list), method, function, reference (to an object), lock, create (of a class)"},
    {NULL, 0, 0, 0, NULL},
};

static const char *const patterns[PATTERNS + 1] = {"private", "attribute", "item",      "element",
                                                   "method",  "function",  "reference", "lock",
                                                   "create",  NULL};
static const struct param_words words[] = {{"pattern", patterns}, {NULL, NULL}};

static __attribute__((noinline)) uint64_t get(const struct object *object) {
    return object->value;
}

static void *setup(const struct args *args) {
    struct micro *state = malloc(sizeof *state);
    if (!state)
        return NULL;
    *state = (struct micro){.seed = (uint64_t)args_int(args, "seed"),
                            .turns = (uint64_t)args_int(args, "turns"),
                            .pattern = (enum pattern)args_int(args, "pattern"),
                            .lock = &state->its};
    state->object = (struct object){1 + lcg((uint32_t)state->seed) % 15, get};
    state->reference = &state->object;
    for (int i = 0; i < 4; i++)
        state->items[i] =
            (struct entry){(const char *[]){"a", "b", "c", "value"}[i], &state->object};
    return state;
}

static const struct object *look_up(const struct micro *state, const char *key) {
    const struct entry *entry = state->items;
    while (strcmp(entry->key, key))
        entry++;
    return entry->object;
}

static uint64_t under_lock(const struct micro *state) {
    uint64_t value;
    lock_take(state->lock);
    value = state->object.value;
    lock_give(state->lock);
    return value;
}

/* Put on a pile of its own, and taken off again. */
static uint64_t by_a_pile(const struct micro *state) {
    volatile uint64_t pile[2];
    pile[0] = state->object.value;
    return pile[0];
}

static uint64_t by_a_new_object(const struct micro *state) {
    struct object *new = malloc(sizeof *new);
    uint64_t value;
    if (!new)
        return 0;
    new->value = state->object.value;
    value = new->value;
    free(new);
    return value;
}

static uint64_t turn(const struct micro *state) {
    switch (state->pattern) {
    case PRIVATE:
        return by_a_pile(state);
    case ITEM:
        return look_up(state, "value")->value;
    case METHOD:
        return state->object.method(&state->object);
    case FUNCTION:
        return get(&state->object);
    case REFERENCE:
        return state->reference->value;
    case LOCK:
        return under_lock(state);
    case CREATE:
        return by_a_new_object(state);
    default: /* ATTRIBUTE, ELEMENT: both a read of memory here */
        return state->object.value;
    }
}

static enum op_class op(const void *opaque, uint64_t id, unsigned char *result, size_t *size) {
    const struct micro *state = opaque;
    uint64_t sum = lcg_at(state->seed, id);
    for (uint64_t i = 0; i < state->turns; i++)
        sum += turn(state);
    put_le64(result, sum);
    *size = 8;
    return OP_HIT;
}

const struct workload ft_micro = {
    .name = "ft_micro",
    .kind = "cpu",
    .about = "one small operation on what all threads share: which contends without a GIL",
    .params = params,
    .words = words,
    .setup = setup,
    .op = op,
};
