/* native.c - the kernels behind to_native(): plain C, no allocation but the sieve's, no locks. Any
 * thread. */
#include "native.h"
#include "cp.h"
#include <dlfcn.h>
#include <errno.h>
#include <string.h>

/* ---- SHA-256 (FIPS 180-4) */

struct sha256 {
    uint32_t state[8];
    uint64_t size; /* bytes so far */
    unsigned char block[64];
};

static uint32_t rotate(uint32_t x, int by) {
    return x >> by | x << (32 - by);
}

static void sha256_block(uint32_t state[8], const unsigned char *bytes) {
    static const uint32_t k[64] = {
        0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4,
        0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe,
        0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f,
        0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7,
        0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc,
        0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b,
        0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116,
        0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
        0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7,
        0xc67178f2};
    uint32_t w[64], s[8];
    for (int i = 0; i < 16; i++, bytes += 4)
        w[i] = (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 |
               bytes[3];
    for (int i = 16; i < 64; i++)
        w[i] = w[i - 16] + w[i - 7] +
               (rotate(w[i - 15], 7) ^ rotate(w[i - 15], 18) ^ w[i - 15] >> 3) +
               (rotate(w[i - 2], 17) ^ rotate(w[i - 2], 19) ^ w[i - 2] >> 10);
    memcpy(s, state, sizeof s);
    for (int i = 0; i < 64; i++) {
        uint32_t one = s[7] + (rotate(s[4], 6) ^ rotate(s[4], 11) ^ rotate(s[4], 25)) +
                       ((s[4] & s[5]) ^ (~s[4] & s[6])) + k[i] + w[i],
                 two = (rotate(s[0], 2) ^ rotate(s[0], 13) ^ rotate(s[0], 22)) +
                       ((s[0] & s[1]) ^ (s[0] & s[2]) ^ (s[1] & s[2]));
        memmove(s + 1, s, 7 * sizeof *s);
        s[4] += one;
        s[0] = one + two;
    }
    for (int i = 0; i < 8; i++)
        state[i] += s[i];
}

static void sha256_add(struct sha256 *self, const unsigned char *bytes, size_t size) {
    size_t used = self->size % 64, part;
    self->size += size;
    for (; size; bytes += part, size -= part, used = 0) {
        part = size < 64 - used ? size : 64 - used;
        if (part == 64) {
            sha256_block(self->state, bytes);
            continue;
        }
        memcpy(self->block + used, bytes, part);
        if (used + part == 64)
            sha256_block(self->state, self->block);
    }
}

static void sha256_end(struct sha256 *self, unsigned char digest[32]) {
    static const unsigned char padding[64] = {0x80};
    uint64_t bits = self->size * 8;
    unsigned char length[8];
    for (int i = 0; i < 8; i++)
        length[i] = (unsigned char)(bits >> (56 - 8 * i));
    sha256_add(self, padding, 1 + (119 - self->size % 64) % 64);
    sha256_add(self, length, sizeof length);
    for (int i = 0; i < 32; i++)
        digest[i] = (unsigned char)(self->state[i / 4] >> (24 - 8 * (i % 4)));
}

void cp_sha256_plain(const struct cp_span *spans, size_t count, unsigned char digest[32]) {
    struct sha256 self = {.state = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f,
                                    0x9b05688c, 0x1f83d9ab, 0x5be0cd19}};
    for (size_t i = 0; i < count; i++)
        sha256_add(&self, spans[i].bytes, spans[i].size);
    sha256_end(&self, digest);
}

/* libcrypto uses the machine's own instructions; where hashlib has loaded it, it is there. */
struct crypto {
    int (*init)(void *), (*add)(void *, const void *, size_t), (*end)(unsigned char *, void *);
};

static bool find_crypto(struct crypto *crypto) {
    void *library = dlopen("libcrypto.so.3", RTLD_LAZY | RTLD_NODELETE);
    void *found[3] = {0};
    if (!library)
        return false;
    found[0] = dlsym(library, "SHA256_Init");
    found[1] = dlsym(library, "SHA256_Update");
    found[2] = dlsym(library, "SHA256_Final");
    memcpy(crypto, found, sizeof found);
    dlclose(library);
    return found[0] && found[1] && found[2];
}

void cp_sha256(const struct cp_span *spans, size_t count, unsigned char digest[32]) {
    _Alignas(16) unsigned char context[512]; /* SHA256_CTX is 112 bytes */
    struct crypto crypto;
    if (!find_crypto(&crypto)) {
        cp_sha256_plain(spans, count, digest);
        return;
    }
    crypto.init(context);
    for (size_t i = 0; i < count; i++)
        crypto.add(context, spans[i].bytes, spans[i].size);
    crypto.end(digest, context);
}

/* ---- CRC-32 (of zlib), four bits at a time */

uint32_t cp_crc32(uint32_t crc, const unsigned char *bytes, size_t size) {
    uint32_t table[256];
    for (uint32_t i = 0; i < 256; i++) {
        table[i] = i;
        for (int bit = 0; bit < 8; bit++)
            table[i] = table[i] >> 1 ^ (table[i] & 1 ? 0xedb88320u : 0);
    }
    crc = ~crc;
    for (size_t i = 0; i < size; i++)
        crc = crc >> 8 ^ table[(crc ^ bytes[i]) & 255];
    return ~crc;
}

/* ---- Primes: one byte for each odd number */

int64_t cp_sieve(int64_t below) {
    size_t odds = below > 3 ? (size_t)(below / 2) : 0; /* index i stands for 2 i + 1 */
    int64_t count = below > 2;
    unsigned char *composite;
    if (odds < 2)
        return count;
    if (!(composite = cp_mem.alloc(odds)))
        return -ENOMEM;
    memset(composite, 0, odds);
    for (size_t i = 1; i < odds; i++) {
        if (composite[i])
            continue;
        count++;
        for (size_t j = 2 * i * (i + 1); j < odds; j += 2 * i + 1)
            composite[j] = 1;
    }
    cp_mem.free(composite);
    return count;
}

/* ---- Queens: a set bit is a column of this row that a queen above attacks */

static uint64_t place(unsigned full, unsigned columns, unsigned left, unsigned right) {
    uint64_t count = 0;
    if (columns == full)
        return 1;
    for (unsigned open = full & ~(columns | left | right); open; open &= open - 1) {
        unsigned queen = open & -open;
        count += place(full, columns | queen, (left | queen) << 1, (right | queen) >> 1);
    }
    return count;
}

uint64_t cp_queens(unsigned n, unsigned column) {
    unsigned queen = 1u << column;
    return place((1u << n) - 1, queen, queen << 1, queen >> 1);
}
