/* The kernels against known answers: FIPS 180-4, zlib, counts of primes and queens. */
#include "../../ext/core/native.h"
#include "host.inc"

static void assert_digest(const struct cp_span *spans, size_t count, const char *hex) {
    unsigned char digests[2][32];
    char text[65];
    cp_sha256(spans, count, digests[0]);
    cp_sha256_plain(spans, count, digests[1]);
    for (int which = 0; which < 2; which++) {
        for (int i = 0; i < 32; i++)
            snprintf(text + 2 * i, 3, "%02x", digests[which][i]);
        assert_string_equal(text, hex);
    }
}

static void sha256_of_known_messages(void **state) {
    static unsigned char million[1000000];
    struct cp_span abc = {(const unsigned char *)"abc", 3}, parts[1000];
    (void)state;
    assert_digest(NULL, 0, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    assert_digest(&abc, 1, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    memset(million, 'a', sizeof million);
    for (size_t i = 0, at = 0; i < 1000; i++) { /* pieces of 501 to 1500 bytes */
        size_t size = i < 999 ? 501 + i * 7919 % 1000 : sizeof million - at;
        parts[i] = (struct cp_span){million + at, size};
        at += size;
        assert_true(at <= sizeof million);
    }
    assert_digest(parts, 1000, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

static void sha256_at_each_length_is_as_libcrypto_has_it(void **state) {
    unsigned char bytes[200], one[32], other[32];
    (void)state;
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (unsigned char)(i * 37);
    for (size_t size = 0; size <= sizeof bytes; size++) {
        struct cp_span span = {bytes, size};
        cp_sha256(&span, 1, one);
        cp_sha256_plain(&span, 1, other);
        assert_memory_equal(one, other, 32);
    }
}

static void crc32_of_known_messages(void **state) {
    const unsigned char *digits = (const unsigned char *)"123456789";
    (void)state;
    assert_int_equal(cp_crc32(0, digits, 9), 0xcbf43926);
    assert_int_equal(cp_crc32(cp_crc32(0, digits, 4), digits + 4, 5), 0xcbf43926);
    assert_int_equal(cp_crc32(7, digits, 0), 7);
}

static void primes_below(void **state) {
    const int64_t known[][2] = {{0, 0}, {2, 0}, {3, 1},  {4, 2},    {5, 2},
                                {6, 3}, {9, 4}, {10, 4}, {100, 25}, {1000000, 78498}};
    (void)state;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        assert_int_equal(cp_sieve(known[i][0]), known[i][1]);
}

static void queens_on_boards(void **state) {
    const uint64_t known[] = {0, 1, 0, 0, 2, 10, 4, 40, 92, 352};
    (void)state;
    for (unsigned n = 1; n < 10; n++) {
        uint64_t sum = 0;
        for (unsigned column = 0; column < n; column++)
            sum += cp_queens(n, column);
        assert_int_equal(sum, known[n]);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sha256_of_known_messages),
        cmocka_unit_test(sha256_at_each_length_is_as_libcrypto_has_it),
        cmocka_unit_test(crc32_of_known_messages),
        cmocka_unit_test(primes_below),
        cmocka_unit_test(queens_on_boards),
    };
    return cmocka_run_group_tests_name("native", tests, NULL, NULL);
}
