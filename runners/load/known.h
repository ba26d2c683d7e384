/* known.h - what each op of a talk must give, computed before the clock starts: a result may cost
 * the load generator as much as it costs the server. */
#ifndef GILBENCH_KNOWN_H
#define GILBENCH_KNOWN_H

#include "../../workloads/talk.h"

enum { KNOWN_MAX = 22 }; /* longer results are made anew each time: they are patterns */

struct known_result {
    unsigned char class, size; /* size above KNOWN_MAX: not kept */
    unsigned char bytes[KNOWN_MAX];
};

struct known {
    const struct workload *workload;
    const void *state;
    int64_t ops;
    struct known_result *results; /* of ops 0 .. ops - 1, then of HEAVY_ID; owned */
};

/* False: out of memory. */
bool known_open(struct known *known, const struct workload *workload, const void *state,
                int64_t ops);
void known_close(struct known *known);
/* The result of op `id`, valid until the next call. */
const unsigned char *known_result(const struct known *known, uint64_t id, enum op_class *class,
                                  size_t *size);

#endif
