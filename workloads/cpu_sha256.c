/* cpu_sha256.c - SHA-256 of (op id, buffer), chained: native code that gives the GIL away in
 * Python. libcrypto computes it, as it does for Python's hashlib, so that the control in C runs the
 * same instructions. */
#include "workload.h"
#include <openssl/evp.h>
#include <stdlib.h>

struct hashing {
    int64_t links;
    size_t size;
    unsigned char buffer[];
};

static const struct param params[] = {
    {"bytes", 1 << 20, 0, 1 << 30, "size of the buffer that is hashed"},
    {"links", 1, 1, 1000000, "digests in a row, each over the one before and the buffer"},
    {NULL, 0, 0, 0, NULL},
};

/* Byte k of the buffer: bits 16 to 23 of the LCG's step k + 1 from the seed. */
static void *setup(const struct args *args) {
    size_t size = (size_t)args_int(args, "bytes");
    uint32_t x = (uint32_t)args_int(args, "seed");
    struct hashing *state = malloc(sizeof *state + size);
    if (!state)
        return NULL;
    state->links = args_int(args, "links");
    state->size = size;
    for (size_t i = 0; i < size; i++)
        state->buffer[i] = (unsigned char)((x = lcg(x)) >> 16);
    return state;
}

/* digest = SHA-256(head, buffer); head and digest may be the same bytes. */
static int hash(const struct hashing *state, EVP_MD_CTX *context, const unsigned char *head,
                size_t size, unsigned char *digest) {
    return EVP_DigestInit_ex(context, EVP_sha256(), NULL) &&
           EVP_DigestUpdate(context, head, size) &&
           EVP_DigestUpdate(context, state->buffer, state->size) &&
           EVP_DigestFinal_ex(context, digest, NULL);
}

static enum op_class op(const void *opaque, uint64_t id, unsigned char *result, size_t *size) {
    const struct hashing *state = opaque;
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    unsigned char number[8];
    int ok;
    put_le64(number, id);
    ok = context && hash(state, context, number, sizeof number, result);
    for (int64_t link = 1; ok && link < state->links; link++)
        ok = hash(state, context, result, 32, result);
    EVP_MD_CTX_free(context);
    *size = ok ? 32 : 0;
    return ok ? OP_HIT : OP_ERROR;
}

const struct workload cpu_sha256 = {
    .name = "cpu_sha256",
    .kind = "cpu",
    .about = "SHA-256 over a buffer: native code that releases the GIL",
    .params = params,
    .setup = setup,
    .op = op,
};
