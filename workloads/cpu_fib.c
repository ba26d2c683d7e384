/* cpu_fib.c - fib(n) by naive recursion: nothing but calls. Every op is the same work, so its
 * result is stamped: 27, 30 and 32 give 196418, 832040 and 2178309. */
#include "workload.h"
#include <stdlib.h>

struct fib {
    uint64_t seed;
    unsigned n;
};

static const struct param params[] = {
    {"n", 27, 0, 50, "which number of Fibonacci"},
    {NULL, 0, 0, 0, NULL},
};

static void *setup(const struct args *args) {
    struct fib *state = malloc(sizeof *state);
    if (state)
        *state = (struct fib){(uint64_t)args_int(args, "seed"), (unsigned)args_int(args, "n")};
    return state;
}

static uint64_t fib(unsigned n) {
    return n < 2 ? n : fib(n - 1) + fib(n - 2);
}

static enum op_class op(const void *opaque, uint64_t id, unsigned char *result, size_t *size) {
    const struct fib *state = opaque;
    put_le64(result, fib(state->n));
    put_le64(result + 8, lcg_at(state->seed, id));
    *size = 16;
    return OP_HIT;
}

const struct workload cpu_fib = {
    .name = "cpu_fib",
    .kind = "cpu",
    .about = "naive recursion: nothing but calls, pure Python under the GIL",
    .params = params,
    .setup = setup,
    .op = op,
};
