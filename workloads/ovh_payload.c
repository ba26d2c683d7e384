/* ovh_payload.c - what goes to a worker and comes back, in one of four shapes. Here nothing is sent:
 * the result of an op is SHA-256 of its payload in plain form, worked out once. */
#include "workload.h"
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PAYLOADS = 2, BASE = 1024, SHA256 = 32 };
enum shape { BYTES, INTS, DICT, FLOATS };

struct payloads {
    unsigned char digest[PAYLOADS][SHA256];
};

static const char *const shapes[] = {"bytes", "ints", "dict", "floats", NULL};
static const struct param_words words[] = {{"shape", shapes}, {NULL, NULL}};
static const struct param params[] = {
    {"bytes", 1024, 16, 1 << 26, "size of what is sent, in plain form"},
    {"shape", BYTES, BYTES, FLOATS, "bytes, ints (a list), dict or floats (an array)"},
    {NULL, 0, 0, 0, NULL},
};

struct plain {
    EVP_MD_CTX *context;
    uint64_t base[BASE];
    enum shape shape;
};

/* Number j with what belongs to it: 8 bytes, in a dict after its key. */
static size_t put_number(const struct plain *plain, uint64_t j, unsigned char bytes[17]) {
    uint64_t word = plain->base[j % BASE] + j / BASE;
    if (plain->shape == DICT) {
        snprintf((char *)bytes, 17, "%08x", (unsigned)j);
        put_le64(bytes + 8, word);
        return 16;
    }
    if (plain->shape == FLOATS) {
        double number = (double)word;
        memcpy(&word, &number, sizeof word);
    }
    put_le64(bytes, word);
    return 8;
}

static int digest(struct plain *plain, size_t size, uint32_t x, unsigned char *result) {
    unsigned char bytes[17];
    int ok = EVP_DigestInit_ex(plain->context, EVP_sha256(), NULL);
    for (int i = 0; i < BASE; i++)
        plain->base[i] = x = lcg(x);
    if (plain->shape != BYTES)
        size -= size % (plain->shape == DICT ? 16 : 8);
    for (uint64_t j = 0; ok && size; j++) {
        size_t n = put_number(plain, j, bytes);
        n = n < size ? n : size;
        ok = EVP_DigestUpdate(plain->context, bytes, n);
        size -= n;
    }
    return ok && EVP_DigestFinal_ex(plain->context, result, NULL);
}

static void *setup(const struct args *args) {
    struct plain plain = {.context = EVP_MD_CTX_new(),
                          .shape = (enum shape)args_int(args, "shape")};
    struct payloads *payloads = malloc(sizeof *payloads);
    int ok = plain.context && payloads;
    for (int p = 0; ok && p < PAYLOADS; p++)
        ok = digest(&plain, (size_t)args_int(args, "bytes"),
                    (uint32_t)((args_int(args, "seed") + p) & 0x7fffffff), payloads->digest[p]);
    EVP_MD_CTX_free(plain.context);
    if (ok)
        return payloads;
    free(payloads);
    return NULL;
}

static enum op_class op(const void *state, uint64_t id, unsigned char *result, size_t *size) {
    const struct payloads *payloads = state;
    memcpy(result, payloads->digest[id % PAYLOADS], SHA256);
    *size = SHA256;
    return OP_HIT;
}

const struct workload ovh_payload = {
    .name = "ovh_payload",
    .kind = "cpu",
    .about = "bytes, numbers or a dict to the worker and back: what crossing costs",
    .params = params,
    .words = words,
    .setup = setup,
    .op = op,
};
