/* io_echo.c - frames that a server sends back: four bytes of length, then bytes that differ from op
 * to op. */
#include "workload.h"
#include <stdlib.h>

struct frames {
    uint64_t seed;
    size_t size;
};

static const struct param params[] = {
    {"bytes", "1024", "size of a frame, its length field included"}, {NULL, NULL, NULL}};

static void *setup(const struct args *args) {
    struct frames *state = malloc(sizeof *state);
    if (!state)
        return NULL;
    state->seed = (uint64_t)args_int(args, "seed", 42);
    state->size = (size_t)args_int(args, "bytes", 1024);
    if (state->size < 4 || state->size > OP_RESULT_MAX)
        state->size = state->size < 4 ? 4 : OP_RESULT_MAX;
    return state;
}

/* A 64-bit xorshift a word: the client must not become the bottleneck. */
void echo_payload(uint64_t seed, uint64_t id, unsigned char *payload, size_t size) {
    uint64_t x = (seed << 32) ^ (id + 1) * 0x9e3779b97f4a7c15u;
    for (size_t i = 0; i < size; i++) {
        if (i % 8 == 0) {
            x ^= x << 13;
            x ^= x >> 7;
            x ^= x << 17;
        }
        payload[i] = i < 4 ? (unsigned char)(size >> (8 * i)) : (unsigned char)(x >> (8 * (i % 8)));
    }
}

static enum op_class op(const void *opaque, uint64_t id, unsigned char *result, size_t *size) {
    const struct frames *state = opaque;
    echo_payload(state->seed, id, result, state->size);
    *size = state->size;
    return OP_HIT;
}

const struct workload io_echo = {.name = "io_echo",
                                 .kind = "server",
                                 .about =
                                     "TCP echo under a load generator that verifies every byte",
                                 .params = params,
                                 .setup = setup,
                                 .op = op};
