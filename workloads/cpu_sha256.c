/* cpu_sha256.c - SHA-256 of (op id, buffer), chained: native code that gives the GIL away in
 * Python. libcrypto computes it, as it does for Python's hashlib, so that the control in C runs the
 * same instructions. */
#include "workload.h"
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

struct hashing {
    size_t size;
    int64_t links;
    unsigned char buffer[];
};

static const struct param params[] = {
    {"bytes", "1048576", "size of the buffer that is hashed"},
    {"links", "1", "digests in a row, each over the one before and the buffer"},
    {NULL, NULL, NULL},
};

static void *setup(const struct args *args) {
    size_t size = (size_t)args_int(args, "bytes", 1 << 20);
    uint32_t x = (uint32_t)args_int(args, "seed", 42) & 0x7fffffffu;
    struct hashing *state = malloc(sizeof *state + size);
    if (!state)
        return NULL;
    state->size = size;
    state->links = args_int(args, "links", 1);
    for (size_t i = 0; i < size; i++)
        state->buffer[i] = (unsigned char)((x = lcg(x)) >> 16);
    return state;
}

static void hash(const struct hashing *state, EVP_MD_CTX *context, const unsigned char *head,
                 size_t size, unsigned char *digest) {
    EVP_DigestInit_ex(context, EVP_sha256(), NULL);
    EVP_DigestUpdate(context, head, size);
    EVP_DigestUpdate(context, state->buffer, state->size);
    EVP_DigestFinal_ex(context, digest, NULL);
}

static enum op_class op(const void *opaque, uint64_t id, unsigned char *result, size_t *size) {
    const struct hashing *state = opaque;
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    unsigned char number[8];
    *size = 32;
    if (!context) {
        memset(result, 0, 32);
        return OP_ERROR;
    }
    for (int i = 0; i < 8; i++)
        number[i] = (unsigned char)(id >> (8 * i));
    hash(state, context, number, 8, result);
    for (int64_t link = 1; link < state->links; link++)
        hash(state, context, result, 32, result);
    EVP_MD_CTX_free(context);
    return OP_HIT;
}

const struct workload cpu_sha256 = {.name = "cpu_sha256",
                                    .kind = "cpu",
                                    .about =
                                        "SHA-256 over a buffer: native code that releases the GIL",
                                    .params = params,
                                    .setup = setup,
                                    .op = op};
