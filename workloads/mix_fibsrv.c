/* mix_fibsrv.c - Beazley's server ("Python concurrency from the ground up", PyCon 2015): a client
 * sends n and gets fib(n). Many ask for a small one, and `heavies` for a large one all the time. */
#include "talk.h"
#include <stdlib.h>

enum { FIB_MOST = 40 };

struct fibs {
    int64_t n, heavy;
    uint64_t fib_n, fib_heavy;
    int heavies;
};

static const struct param params[] = {
    {"n", 1, 0, FIB_MOST, "ops ask for fib(n)"},
    {"heavy", 27, 0, FIB_MOST, "the other clients ask for fib(heavy)"},
    {"heavies", 1, 0, 1000, "how many other clients there are"},
    {NULL, 0, 0, 0, NULL},
};

static void *setup(const struct args *args) {
    struct fibs *state = malloc(sizeof *state);
    if (!state)
        return NULL;
    state->n = args_int(args, "n");
    state->heavy = args_int(args, "heavy");
    state->heavies = (int)args_int(args, "heavies");
    state->fib_n = fib(state->n);
    state->fib_heavy = state->heavies ? fib(state->heavy) : 0;
    return state;
}

static enum op_class op(const void *opaque, uint64_t id, unsigned char *result, size_t *size) {
    const struct fibs *state = opaque;
    *size = line_result(result, id == HEAVY_ID ? state->fib_heavy : state->fib_n);
    return OP_HIT;
}

static size_t take(const void *opaque, const unsigned char *bytes, size_t size,
                   struct request *request) {
    size_t used;
    (void)opaque;
    *request = (struct request){0};
    used = line_take(bytes, size, &request->number);
    request->last = request->number < 0 || request->number > FIB_MOST;
    return used;
}

static size_t answer(const void *opaque, const struct request *request, unsigned char *bytes) {
    (void)opaque;
    return request->last ? line_complain(bytes) : line_put(bytes, fib(request->number));
}

static size_t ask(const void *opaque, uint64_t id, unsigned char *bytes) {
    const struct fibs *state = opaque;
    return line_put(bytes, (uint64_t)(id == HEAVY_ID ? state->heavy : state->n));
}

static int background(const void *opaque) {
    return ((const struct fibs *)opaque)->heavies;
}

static const struct talk talk = {
    .take = take, .answer = answer, .ask = ask, .hear = line_hear, .background = background};

const struct workload mix_fibsrv = {
    .name = "mix_fibsrv",
    .kind = "server",
    .about = "a server of Fibonacci numbers: small ones beside large ones",
    .params = params,
    .setup = setup,
    .op = op,
    .talk = &talk,
};
