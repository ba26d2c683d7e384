/* The plan of pairs, as a function of the seed (runners/driver/schedule.h). */
#include "../../runners/driver/schedule.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static const int builds[AB_ARMS] = {3, 3, 3};

static struct ab_pair plan_one(uint64_t seed, int arms, int benchmark, int index) {
    struct ab_plan plan = {.seed = seed, .slices = 6, .arms = arms};
    struct ab_pair pair = {.stage = 1, .index = index};
    schedule_pair(&pair, &plan, builds, 2, benchmark);
    return pair;
}

static void test_the_seed_decides_everything(void **state) {
    struct ab_pair a = plan_one(7, 3, 1, 5), b = plan_one(7, 3, 1, 5), c = plan_one(8, 3, 1, 5);
    (void)state;
    assert_memory_equal(&a, &b, sizeof a);
    assert_int_not_equal(a.hash_seed, c.hash_seed);
}

static void test_hash_seeds_and_padding_vary(void **state) {
    (void)state;
    for (int i = 0; i < 100; i++) {
        struct ab_pair a = plan_one(7, 3, 0, i), b = plan_one(7, 3, 0, i + 1),
                       other = plan_one(7, 3, 1, i);
        assert_true(a.hash_seed >= 1 && a.hash_seed <= 4294967295u);
        assert_int_not_equal(a.hash_seed, b.hash_seed);
        assert_int_not_equal(a.hash_seed, other.hash_seed);
        assert_true(a.pad_b >= 16 && a.pad_b <= 4096 && a.pad_b % 16 == 0);
        assert_int_not_equal(a.first_core, b.first_core);
    }
}

/* ABBA or BAAB: each arm once, then once more backwards, so that a straight drift cancels out. */
static void test_blocks_are_mirrored(void **state) {
    int first[AB_ARMS] = {0};
    (void)state;
    for (int i = 0; i < 300; i++) {
        struct ab_pair pair = plan_one(3, 3, 0, i);
        int at[AB_ARMS] = {0};
        assert_int_equal(strlen(pair.order), 18);
        for (int k = 0; k < 18; k++) {
            assert_int_equal(pair.order[k], pair.order[k / 6 * 6 + 5 - k % 6]);
            at[pair.order[k] - 'A'] += k;
        }
        assert_true(at[0] == at[1] && at[1] == at[2]);
        first[pair.order[0] - 'A']++;
    }
    for (int arm = 0; arm < AB_ARMS; arm++)
        assert_in_range(first[arm], 70, 130);
}

static void test_two_arms_without_a_control(void **state) {
    struct ab_pair pair = plan_one(3, 2, 0, 0);
    (void)state;
    assert_int_equal(strlen(pair.order), 12);
    assert_null(strchr(pair.order, 'C'));
}

/* Every build of the candidate meets every build of the baseline, equally often. */
static void test_builds_rotate(void **state) {
    int met[3][3] = {{0}}, null_met[3][3] = {{0}};
    (void)state;
    for (int i = 0; i < 36; i++) {
        struct ab_pair pair = plan_one(11, 3, 0, i);
        met[pair.builds[AB_BASE]][pair.builds[AB_CAND]]++;
        null_met[pair.builds[AB_BASE]][pair.builds[AB_NULL]]++;
    }
    for (int a = 0; a < 3; a++)
        for (int b = 0; b < 3; b++) {
            assert_int_equal(met[a][b], 4);
            assert_int_equal(null_met[a][b], 4);
        }
}

static void test_benchmarks_are_shuffled(void **state) {
    struct ab_plan plan = {.seed = 5};
    int order[5], again[5], seen = 0;
    (void)state;
    for (int index = 0; index < 20; index++) {
        schedule_benchmarks(order, 5, &plan, 1, index);
        schedule_benchmarks(again, 5, &plan, 1, index);
        assert_memory_equal(order, again, sizeof order);
        seen |= 1 << order[0];
    }
    assert_int_equal(seen, 31);
}

/* 2^-n <= alpha / looks / benchmarks. */
static void test_pairs_that_it_takes(void **state) {
    (void)state;
    assert_int_equal(schedule_pairs_needed(0.01, 1, 1), 7);
    assert_int_equal(schedule_pairs_needed(0.01, 3, 1), 9);
    assert_int_equal(schedule_pairs_needed(0.01, 1, 20), 11);
    assert_int_equal(schedule_pairs_needed(0.2, 1, 1), 7);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_seed_decides_everything),
        cmocka_unit_test(test_hash_seeds_and_padding_vary),
        cmocka_unit_test(test_blocks_are_mirrored),
        cmocka_unit_test(test_two_arms_without_a_control),
        cmocka_unit_test(test_builds_rotate),
        cmocka_unit_test(test_benchmarks_are_shuffled),
        cmocka_unit_test(test_pairs_that_it_takes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
