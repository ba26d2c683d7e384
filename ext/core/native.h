/* native.h - kernels that need no Python: what to_native() runs on the pool. All may be called from
 * any thread, and keep nothing. */
#ifndef CP_NATIVE_H
#define CP_NATIVE_H

#include <stddef.h>
#include <stdint.h>

struct cp_span {
    const unsigned char *bytes;
    size_t size;
};

enum { CP_MOST_QUEENS = 20 };
#define CP_MOST_SIEVED ((int64_t)1 << 36)

/* SHA-256 of the spans in a row; by libcrypto where there is one (dlopen), else as `plain`. */
void cp_sha256(const struct cp_span *spans, size_t count, unsigned char digest[32]);
void cp_sha256_plain(const struct cp_span *spans, size_t count, unsigned char digest[32]);
/* zlib's CRC-32, going on from `crc`, at first 0. */
uint32_t cp_crc32(uint32_t crc, const unsigned char *bytes, size_t size);
/* How many primes are below the number, which is at most CP_MOST_SIEVED; -ENOMEM. Takes half as many
 * bytes. */
int64_t cp_sieve(int64_t below);
/* In how many ways n queens, 1 to CP_MOST_QUEENS, can stand on a board with the first row's in
 * `column`. */
uint64_t cp_queens(unsigned n, unsigned column);

#endif
