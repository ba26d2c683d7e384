/* The histogram: the bucket rule of runners/README.md, percentiles, merging. */
#include "../../runners/stats/hist.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void buckets_tile_all_numbers(void **state) {
    (void)state;
    for (unsigned i = 0; i < HIST_BUCKETS; i++) {
        assert_int_equal(hist_index(hist_lower(i)), i);
        assert_int_equal(hist_index(hist_upper(i)), i);
        if (i + 1 < HIST_BUCKETS)
            assert_true(hist_upper(i) + 1 == hist_lower(i + 1));
    }
    assert_int_equal(hist_index(UINT64_MAX), HIST_BUCKETS - 1);
}

static void a_bucket_spans_at_most_a_32nd(void **state) {
    (void)state;
    for (unsigned i = 64; i < HIST_BUCKETS; i++)
        assert_true(hist_upper(i) - hist_lower(i) < hist_lower(i) / 32 + 1);
}

static void percentiles_are_upper_edges_of_the_right_rank(void **state) {
    struct hist hist = {{0}};
    (void)state;
    assert_int_equal(hist_percentile(&hist, 0.5), 0);
    for (uint64_t v = 1; v <= 100; v++)
        hist_add(&hist, v);
    assert_int_equal(hist_count(&hist), 100);
    assert_int_equal(hist_percentile(&hist, 0.5), 50);
    assert_int_equal(hist_percentile(&hist, 0.01), 1);
    assert_int_equal(hist_percentile(&hist, 0.99), hist_upper(hist_index(99)));
    assert_int_equal(hist_percentile(&hist, 1), hist_upper(hist_index(100)));
}

static void merging_is_adding(void **state) {
    struct hist a = {{0}}, b = {{0}}, both = {{0}};
    (void)state;
    for (uint64_t v = 0; v < 1000; v++) {
        hist_add(v % 2 ? &a : &b, v * v);
        hist_add(&both, v * v);
    }
    hist_merge(&a, &b);
    assert_memory_equal(&a, &both, sizeof a);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(buckets_tile_all_numbers),
        cmocka_unit_test(a_bucket_spans_at_most_a_32nd),
        cmocka_unit_test(percentiles_are_upper_edges_of_the_right_rank),
        cmocka_unit_test(merging_is_adding),
    };
    return cmocka_run_group_tests_name("hist", tests, NULL, NULL);
}
