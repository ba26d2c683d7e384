/* io_echo.c - frames that a server sends back: four bytes of length, little endian, then bytes that
 * differ from op to op, so that an echo of another op's frame does not pass. */
#include "workload.h"
#include <endian.h>
#include <stdlib.h>
#include <string.h>

struct frames {
    uint64_t seed;
    size_t size;
};

static const struct param params[] = {
    {"bytes", 1024, FRAME_HEAD, OP_RESULT_MAX, "size of a frame, its length field included"},
    {NULL, 0, 0, 0, NULL},
};

static void *setup(const struct args *args) {
    struct frames *state = malloc(sizeof *state);
    if (!state)
        return NULL;
    state->seed = (uint64_t)args_int(args, "seed");
    state->size = (size_t)args_int(args, "bytes");
    return state;
}

/* Marsaglia's xorshift64 (13, 7, 17), eight bytes a step, little endian: the load generator must
 * not become the bottleneck. The start is made odd, since 0 would stay 0. */
void fill_payload(unsigned char *payload, size_t size, uint64_t seed, uint64_t id) {
    uint64_t x = ((seed << 32) ^ ((id + 1) * 0x9e3779b97f4a7c15u)) | 1;
    for (size_t i = 0; i < size; i += sizeof x) {
        uint64_t word;
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        word = htole64(x);
        memcpy(payload + i, &word, size - i < sizeof word ? size - i : sizeof word);
    }
}

void make_frame(unsigned char *frame, size_t size, uint64_t seed, uint64_t id) {
    for (int i = 0; i < FRAME_HEAD; i++)
        frame[i] = (unsigned char)(size >> (8 * i));
    fill_payload(frame + FRAME_HEAD, size - FRAME_HEAD, seed, id);
}

static enum op_class op(const void *opaque, uint64_t id, unsigned char *result, size_t *size) {
    const struct frames *state = opaque;
    make_frame(result, state->size, state->seed, id);
    *size = state->size;
    return OP_HIT;
}

const struct workload io_echo = {
    .name = "io_echo",
    .kind = "server",
    .about = "TCP echo under a load generator that verifies every byte",
    .params = params,
    .setup = setup,
    .op = op,
};
