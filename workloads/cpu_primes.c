/* cpu_primes.c - how many primes there are up to `limit`, by trial division: loops and divisions.
 * 20,000 has 2262 and 200,000 has 17984. The work of every op is the same, so results are stamped.
 */
#include "workload.h"
#include <stdbool.h>
#include <stdlib.h>

struct range {
    uint64_t seed;
    unsigned limit;
};

static const struct param params[] = {
    {"limit", 20000, 0, 100000000, "primes up to here are counted"},
    {NULL, 0, 0, 0, NULL},
};

static void *setup(const struct args *args) {
    struct range *range = malloc(sizeof *range);
    if (range)
        *range =
            (struct range){(uint64_t)args_int(args, "seed"), (unsigned)args_int(args, "limit")};
    return range;
}

static bool is_prime(unsigned n) {
    for (unsigned by = 2; by * by <= n; by++)
        if (n % by == 0)
            return false;
    return true;
}

static enum op_class op(const void *state, uint64_t id, unsigned char *result, size_t *size) {
    const struct range *range = state;
    uint64_t count = 0;
    for (unsigned n = 2; n <= range->limit; n++)
        count += is_prime(n);
    put_le64(result, count);
    put_le64(result + 8, lcg_at(range->seed, id));
    *size = 16;
    return OP_HIT;
}

const struct workload cpu_primes = {
    .name = "cpu_primes",
    .kind = "cpu",
    .about = "primes by trial division: loops and divisions, pure Python under the GIL",
    .params = params,
    .setup = setup,
    .op = op,
};
