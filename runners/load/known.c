/* known.c - see known.h. */
#include "known.h"
#include <stdlib.h>
#include <string.h>

static unsigned char scratch[OP_RESULT_MAX];

static void keep(struct known *known, struct known_result *result, uint64_t id) {
    size_t size;
    result->class = (unsigned char)known->workload->op(known->state, id, scratch, &size);
    result->size = size > KNOWN_MAX ? KNOWN_MAX + 1 : (unsigned char)size;
    memcpy(result->bytes, scratch, size > KNOWN_MAX ? 0 : size);
}

bool known_open(struct known *known, const struct workload *workload, const void *state,
                int64_t ops) {
    *known = (struct known){.workload = workload,
                            .state = state,
                            .ops = ops,
                            .results = calloc((size_t)ops + 1, sizeof *known->results)};
    if (!known->results)
        return false;
    for (int64_t id = 0; id < ops; id++)
        keep(known, &known->results[id], (uint64_t)id);
    if (workload->talk->background)
        keep(known, &known->results[ops], HEAVY_ID);
    return true;
}

void known_close(struct known *known) {
    free(known->results);
}

const unsigned char *known_result(const struct known *known, uint64_t id, enum op_class *class,
                                  size_t *size) {
    const struct known_result *result =
        &known->results[id == HEAVY_ID ? (size_t)known->ops : (size_t)id];
    *class = result->class;
    *size = result->size;
    if (result->size <= KNOWN_MAX)
        return result->bytes;
    *class = known->workload->op(known->state, id, scratch, size);
    return scratch;
}
