/* test_workloads.c - the answers that every implementation is judged by: known totals, the
 * definitions of io_employee, frames that differ, and a digest that cheating changes. */
#include "../../workloads/workload.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static unsigned char result[OP_RESULT_MAX];

static void *set_up(const struct workload *workload, char **words, int count) {
    struct args args = {workload, NULL, words, count};
    char message[400];
    void *state;
    assert_int_equal(args_check(&args, message, sizeof message), 0);
    state = workload->setup(&args);
    assert_non_null(state);
    return state;
}

static struct tally run(const struct workload *workload, char **words, int count, int64_t ops) {
    void *state = set_up(workload, words, count);
    struct tally tally = tally_run(workload, state, ops, result);
    free(state);
    return tally;
}

static uint64_t queens_of_a_round(char *n, uint64_t ops) {
    void *state = set_up(&cpu_queens, (char *[]){n}, 1);
    uint64_t total = 0;
    size_t size;
    for (uint64_t id = 0; id < ops; id++) {
        uint64_t count = 0;
        assert_int_equal(cpu_queens.op(state, id, result, &size), OP_HIT);
        assert_int_equal(size, 8);
        for (int i = 0; i < 8; i++)
            count |= (uint64_t)result[i] << (8 * i);
        total += count;
    }
    free(state);
    return total;
}

static void test_queens(void **fixture) {
    (void)fixture;
    assert_int_equal(queens_of_a_round("n=1", 1), 1);
    assert_int_equal(queens_of_a_round("n=3", 3), 0);
    assert_int_equal(queens_of_a_round("n=8", 8), 92);
    assert_int_equal(queens_of_a_round("n=10", 10), 724);
    assert_int_equal(queens_of_a_round("n=12", 12), 14200);
}

/* 1103515245 * 42 + 12345 mod 2^31 = 1250496027, the LCG's first value from 42; then 7 times 1. */
static void test_steps(void **fixture) {
    char *words[] = {"steps=7"};
    void *state = set_up(&loop_steps, words, 1);
    unsigned char wanted[8];
    size_t size;
    (void)fixture;
    assert_int_equal(loop_steps.op(state, 0, result, &size), OP_HIT);
    put_le64(wanted, 1250496027 + 7);
    assert_memory_equal(result, wanted, 8);
    loop_steps.op(state, 1, result, &size);
    put_le64(wanted, lcg(43) + 14);
    assert_memory_equal(result, wanted, 8);
    assert_int_equal(size, 8);
    free(state);
}

static void test_sha256_depends_on_id_seed_and_links(void **fixture) {
    char *words[] = {"bytes=1000", "seed=7", "links=2"};
    uint64_t digest = run(&cpu_sha256, words, 3, 3).digest;
    (void)fixture;
    assert_int_equal(run(&cpu_sha256, words, 3, 3).digest, digest);
    words[1] = "seed=8";
    assert_int_not_equal(run(&cpu_sha256, words, 3, 3).digest, digest);
    words[1] = "seed=7";
    words[2] = "links=1";
    assert_int_not_equal(run(&cpu_sha256, words, 3, 3).digest, digest);
}

/* Bytes 8 at to 8 at + 7 of the result of an op. */
static uint64_t answer(const struct workload *workload, char **words, int count, uint64_t id,
                       int at) {
    void *state = set_up(workload, words, count);
    uint64_t value = 0;
    size_t size;
    assert_int_equal(workload->op(state, id, result, &size), OP_HIT);
    assert_true(size >= 8 * ((size_t)at + 1));
    for (int i = 0; i < 8; i++)
        value |= (uint64_t)result[8 * at + i] << (8 * i);
    free(state);
    return value;
}

static void test_fib(void **fixture) {
    (void)fixture;
    assert_int_equal(answer(&cpu_fib, (char *[]){"n=0"}, 1, 0, 0), 0);
    assert_int_equal(answer(&cpu_fib, (char *[]){"n=1"}, 1, 0, 0), 1);
    assert_int_equal(answer(&cpu_fib, (char *[]){"n=27"}, 1, 7, 0), 196418);
    assert_int_equal(answer(&cpu_fib, (char *[]){"n=27"}, 1, 7, 1), lcg(42 + 7));
}

static void test_primes(void **fixture) {
    (void)fixture;
    assert_int_equal(answer(&cpu_primes, (char *[]){"limit=1"}, 1, 0, 0), 0);
    assert_int_equal(answer(&cpu_primes, (char *[]){"limit=2"}, 1, 0, 0), 1);
    assert_int_equal(answer(&cpu_primes, (char *[]){"limit=49"}, 1, 0, 0), 15);
    assert_int_equal(answer(&cpu_primes, (char *[]){"limit=20000"}, 1, 0, 0), 2262);
}

/* The rows of a small picture, whose sum is known, and the first row again behind the last. */
static void test_mandel(void **fixture) {
    char *words[] = {"size=32", "iterations=50"};
    uint64_t sum = 0;
    (void)fixture;
    for (uint64_t row = 0; row < 32; row++)
        sum += answer(&cpu_mandel, words, 2, row, 0);
    assert_int_equal(sum, 17888);
    assert_int_equal(answer(&cpu_mandel, words, 2, 32 + 9, 0), answer(&cpu_mandel, words, 2, 9, 0));
}

static double energy(char *steps, int at) {
    uint64_t bits = answer(&cpu_nbody, (char *[]){steps, "seed=643"}, 2, 0, at);
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* Seed 643 gives op 0 no push. */
static void test_nbody(void **fixture) {
    (void)fixture;
    assert_float_equal(energy("steps=1", 0), -0.169075164, 5e-10);
    assert_float_equal(energy("steps=1000", 1), -0.169087605, 5e-10);
    assert_true(run(&cpu_nbody, (char *[]){"shared=1"}, 1, 2).digest !=
                run(&cpu_nbody, (char *[]){"shared=0"}, 1, 2).digest);
}

/* Of bytes (31 i + 7) mod 256: the CRC is known, and the size stands behind it. */
static void test_zlib(void **fixture) {
    unsigned char data[4096], trailer[8];
    (void)fixture;
    for (unsigned i = 0; i < sizeof data; i++)
        data[i] = (unsigned char)(31 * i + 7);
    assert_int_equal(gzip_round_trip(data, sizeof data, trailer), 0);
    assert_memory_equal(trailer, "\xe3\x4e\x1c\x5d\0\x10\0\0", 8);
    assert_int_equal(gzip_round_trip(data, 0, trailer), 0);
    assert_memory_equal(trailer, "\0\0\0\0\0\0\0\0", 8);
}

/* The result is the same whatever the pattern is, and right: 100 times the shared number more. */
static void test_micro(void **fixture) {
    static char *patterns[] = {"private",  "attribute", "item", "element", "method",
                               "function", "reference", "lock", "create"};
    (void)fixture;
    for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++) {
        char word[32];
        snprintf(word, sizeof word, "pattern=%s", patterns[i]);
        assert_int_equal(answer(&ft_micro, (char *[]){"turns=100", word}, 2, 3, 0),
                         lcg(45) + 100 * (1 + lcg(42) % 15));
    }
}

/* ---- What workers share */

static void test_a_counter_that_misses_some_says_how_many(void **fixture) {
    char *words[] = {"adds=10", "ops=5"};
    void *state = set_up(&shr_counter, words, 2);
    struct tally whole = tally_run(&shr_counter, state, 5, result), less = {0};
    size_t size;
    (void)fixture;
    assert_int_equal(whole.lost, 0);
    shr_counter.reset(state);
    for (uint64_t id = 0; id < 5; id++) {
        if (id) /* as if op 0's additions had been overwritten */
            shr_counter.op(state, id, result, &size);
        put_le64(result, lcg_at(42, id));
        tally_add(&less, id, OP_HIT, result, 8);
    }
    tally_settle(&less, &shr_counter, state, 5, result);
    assert_int_equal(less.lost, 10);
    assert_int_not_equal(less.digest, whole.digest);
    free(state);
}

static void settled(const struct workload *workload, char **words, int count, int64_t ops,
                    uint64_t values[2]) {
    void *state = set_up(workload, words, count);
    size_t size;
    tally_run(workload, state, ops, result);
    assert_int_equal(workload->settle(state, result, &size), 0);
    assert_int_equal(size, 16);
    for (int at = 0; at < 2; at++) {
        values[at] = 0;
        for (int i = 0; i < 8; i++)
            values[at] |= (uint64_t)result[8 * at + i] << (8 * i);
    }
    free(state);
}

/* So many tries that every key gets in, each once. */
static void test_a_set_has_each_key_once(void **fixture) {
    uint64_t values[2];
    (void)fixture;
    settled(&shr_set, (char *[]){"keys=50", "inserts=1000", "ops=20"}, 3, 20, values);
    assert_int_equal(values[0], 50);
    assert_int_equal(values[1], 50 * 49 / 2);
}

static void test_shards_have_all_counts(void **fixture) {
    uint64_t values[2];
    (void)fixture;
    settled(&shr_shard, (char *[]){"shards=3", "cells=1", "adds=10", "ops=7"}, 4, 7, values);
    assert_int_equal(values[0], 70);
    assert_int_equal(values[1], 10 * (3 * 1 + 2 * 2 + 2 * 3)); /* 3, 2 and 2 ops */
}

static void test_ids_of_employees_are_unique(void **fixture) {
    enum { IDS = 1000003 };
    bool *taken = calloc(IDS, sizeof *taken);
    (void)fixture;
    assert_non_null(taken);
    for (int64_t i = 0; i < IDS; i++) {
        int64_t id = employee_id(i);
        assert_in_range(id, 0, IDS - 1);
        assert_false(taken[id]);
        taken[id] = true;
    }
    assert_true(leaver_id(0) >= IDS);
    free(taken);
}

static void test_record(void **fixture) {
    const char *text = "{\"id\":199757,\"name\":\"emp000012\",\"dept\":34,\"salary\":41009,"
                       "\"boss\":112648}";
    char record[300];
    (void)fixture;
    memset(record, '#', sizeof record);
    employee_record(12, 256, record);
    assert_memory_equal(record, text, strlen(text));
    for (size_t i = strlen(text); i < 256; i++)
        assert_int_equal(record[i], ' ');
    assert_int_equal(record[256], '#');
}

static void test_one_op_in_a_hundred_misses_and_one_fails(void **fixture) {
    struct tally tally = run(&io_employee, NULL, 0, 1000);
    char name[NAME_ROOM];
    int64_t i;
    (void)fixture;
    assert_int_equal(tally.ops, 1000);
    assert_int_equal(tally.hit, 980);
    assert_int_equal(tally.miss, 10);
    assert_int_equal(tally.error, 10);
    assert_int_equal(employee_pick(42, 37, 100000, name, &i), OP_MISS);
    assert_memory_equal(name, "nob", 3);
    assert_int_equal(employee_pick(42, 73, 100000, name, &i), OP_ERROR);
    assert_memory_equal(name, "gone", 4);
}

static void test_names_stay_within_the_store(void **fixture) {
    (void)fixture;
    for (uint64_t id = 0; id < 1000; id++) {
        char name[NAME_ROOM], expected[NAME_ROOM];
        int64_t i = -1;
        if (employee_pick(UINT32_MAX, id, 7, name, &i) != OP_HIT)
            continue;
        assert_in_range(i, 0, 6);
        snprintf(expected, sizeof expected, "emp%06d", (int)i);
        assert_string_equal(name, expected);
    }
}

static void test_frames(void **fixture) {
    void *state = set_up(&io_echo, (char *[]){"bytes=1000"}, 1);
    static unsigned char other[OP_RESULT_MAX];
    size_t size;
    (void)fixture;
    io_echo.op(state, 5, result, &size);
    assert_int_equal(size, 1000);
    assert_memory_equal(result, "\xe8\x03\0\0", 4);
    io_echo.op(state, 6, other, &size);
    assert_memory_not_equal(result + 4, other + 4, 996);
    io_echo.op(state, 5, other, &size);
    assert_memory_equal(result, other, 1000);
    free(state);
}

/* ---- The digest */

static void test_digest_is_free_of_order_only(void **fixture) {
    struct tally forth = {0}, back = {0}, cheat = {0}, twice = {0}, renamed = {0};
    (void)fixture;
    tally_add(&forth, 0, OP_HIT, "ab", 2);
    tally_add(&forth, 1, OP_MISS, "", 0);
    tally_add(&back, 1, OP_MISS, "", 0);
    tally_add(&back, 0, OP_HIT, "ab", 2);
    tally_add(&cheat, 0, OP_HIT, "aB", 2);
    tally_add(&cheat, 1, OP_MISS, "", 0);
    tally_add(&twice, 0, OP_HIT, "ab", 2);
    tally_add(&twice, 0, OP_HIT, "ab", 2);
    tally_add(&renamed, 0, OP_MISS, "", 0);
    tally_add(&renamed, 1, OP_HIT, "ab", 2);
    assert_memory_equal(&forth, &back, sizeof forth);
    assert_int_not_equal(forth.digest, cheat.digest);
    assert_int_not_equal(forth.digest, twice.digest);
    assert_int_not_equal(forth.digest, renamed.digest);
}

/* Results that are one bit apart and change places: for half of all pairs of ops plain FNV adds up to
 * the same. */
static void test_results_that_change_places_are_seen(void **fixture) {
    (void)fixture;
    for (uint64_t id = 0; id < 100; id++)
        assert_int_not_equal(op_digest(id, "\0", 1) + op_digest(id + 1, "\1", 1),
                             op_digest(id, "\1", 1) + op_digest(id + 1, "\0", 1));
}

static void test_merge_is_the_same_as_one_tally(void **fixture) {
    struct tally whole = {0}, half = {0}, rest = {0};
    (void)fixture;
    for (uint64_t id = 0; id < 10; id++) {
        tally_add(&whole, id, OP_HIT, &id, sizeof id);
        tally_add(id % 2 ? &half : &rest, id, OP_HIT, &id, sizeof id);
    }
    tally_merge(&half, &rest);
    assert_memory_equal(&whole, &half, sizeof whole);
}

/* FNV-1a64 of "foobar", as its authors publish it. */
static void test_fnv(void **fixture) {
    (void)fixture;
    assert_int_equal(fnv1a64(FNV_START, "foobar", 6), 0x85944171f73967e8u);
    assert_int_equal(fnv1a64(fnv1a64(FNV_START, "foo", 3), "bar", 3), 0x85944171f73967e8u);
}

/* ---- Parameters */

static void expect_complaint(char *word, const char *part) {
    struct args args = {&cpu_queens, NULL, &word, 1};
    char message[400] = "";
    assert_int_equal(args_check(&args, message, sizeof message), -1);
    if (!strstr(message, part) || !strstr(message, word))
        fail_msg("'%s' should name '%s' and say '%s'", message, word, part);
}

static void test_bad_parameters_are_explained(void **fixture) {
    (void)fixture;
    expect_complaint("m=3", "there are: ops seed workers concurrency n");
    expect_complaint("n", "there are:");
    expect_complaint("=3", "there are:");
    expect_complaint("n=", "whole number from 1 to 16");
    expect_complaint("n=0", "from 1 to 16");
    expect_complaint("n=17", "from 1 to 16");
    expect_complaint("n=8x", "from 1 to 16");
    expect_complaint("ops=-1", "from 1 to 1000000000");
    expect_complaint("seed=99999999999999999999", "from 0 to 2147483647");
}

static void test_parameters_that_are_words(void **fixture) {
    char *words[] = {"shape=dict"}, *wrong[] = {"shape=round"}, message[200];
    struct args right = {&ovh_payload, NULL, words, 1}, bad = {&ovh_payload, NULL, wrong, 1},
                none = {&ovh_payload, NULL, NULL, 0};
    (void)fixture;
    assert_int_equal(args_check(&right, message, sizeof message), 0);
    assert_int_equal(args_int(&right, "shape"), 2);
    assert_int_equal(args_int(&none, "shape"), 0);
    assert_int_equal(args_check(&bad, message, sizeof message), -1);
    assert_string_equal(message, "shape=round: one of these was expected: bytes ints dict floats");
}

static void test_parameters_have_standards(void **fixture) {
    const struct param own[] = {{"port", 7, 0, 65535, ""}, {NULL, 0, 0, 0, NULL}};
    struct args args = {&cpu_queens, own, (char *[]){"n=9"}, 1};
    (void)fixture;
    assert_int_equal(args_int(&args, "n"), 9);
    assert_int_equal(args_int(&args, "ops"), 100);
    assert_int_equal(args_int(&args, "port"), 7);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_queens),
        cmocka_unit_test(test_steps),
        cmocka_unit_test(test_sha256_depends_on_id_seed_and_links),
        cmocka_unit_test(test_fib),
        cmocka_unit_test(test_primes),
        cmocka_unit_test(test_mandel),
        cmocka_unit_test(test_nbody),
        cmocka_unit_test(test_zlib),
        cmocka_unit_test(test_micro),
        cmocka_unit_test(test_a_counter_that_misses_some_says_how_many),
        cmocka_unit_test(test_a_set_has_each_key_once),
        cmocka_unit_test(test_shards_have_all_counts),
        cmocka_unit_test(test_ids_of_employees_are_unique),
        cmocka_unit_test(test_record),
        cmocka_unit_test(test_one_op_in_a_hundred_misses_and_one_fails),
        cmocka_unit_test(test_names_stay_within_the_store),
        cmocka_unit_test(test_frames),
        cmocka_unit_test(test_digest_is_free_of_order_only),
        cmocka_unit_test(test_results_that_change_places_are_seen),
        cmocka_unit_test(test_merge_is_the_same_as_one_tally),
        cmocka_unit_test(test_fnv),
        cmocka_unit_test(test_bad_parameters_are_explained),
        cmocka_unit_test(test_parameters_that_are_words),
        cmocka_unit_test(test_parameters_have_standards),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
