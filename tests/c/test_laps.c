/* Laps: long ops are timed one by one, short ones together, and none is lost or counted twice. */
#include "../../runners/load/laps.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

/* Runs `ops` of so many ns each; returns in how many laps. */
static int run(struct laps *laps, struct hist *hist, int ops, int64_t ns) {
    int count = 0;
    for (int lap; ops > 0; ops -= lap, count++) {
        lap = laps->size < ops ? laps->size : ops;
        laps_add(laps, lap, lap * ns, hist);
    }
    return count;
}

static void long_ops_are_timed_one_by_one(void **state) {
    struct hist hist = {{0}};
    struct laps laps;
    (void)state;
    laps_init(&laps);
    assert_int_equal(run(&laps, &hist, 100, LAP_LEAST_NS), 100);
    assert_int_equal(hist.count[hist_index(LAP_LEAST_NS)], 100);
}

static void short_ops_are_timed_together(void **state) {
    struct hist hist = {{0}};
    struct laps laps;
    (void)state;
    laps_init(&laps);
    run(&laps, &hist, 100000, 100);
    assert_int_equal(laps.size, 64); /* 6.4 us */
    assert_int_equal(run(&laps, &hist, 100000, 100), 100000 / 64 + 1);
    assert_int_equal(hist.count[hist_index(100)], 200000);
    assert_int_equal(hist_count(&hist), 200000);
}

static void an_op_that_takes_no_time_does_not_grow_laps_for_ever(void **state) {
    struct hist hist = {{0}};
    struct laps laps;
    (void)state;
    laps_init(&laps);
    run(&laps, &hist, 100000, 0);
    assert_int_equal(laps.size, LAP_OPS_MOST);
    assert_int_equal(hist.count[0], 100000);
}

static void ops_that_become_long_are_timed_one_by_one_again(void **state) {
    struct hist hist = {{0}};
    struct laps laps;
    (void)state;
    laps_init(&laps);
    run(&laps, &hist, 10000, 10);
    assert_int_equal(laps.size, 512);
    run(&laps, &hist, 1024 + 20, 1000000);
    assert_int_equal(laps.size, 1);
    assert_int_equal(hist_count(&hist), 10000 + 1024 + 20);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(long_ops_are_timed_one_by_one),
        cmocka_unit_test(short_ops_are_timed_together),
        cmocka_unit_test(an_op_that_takes_no_time_does_not_grow_laps_for_ever),
        cmocka_unit_test(ops_that_become_long_are_timed_one_by_one_again),
    };
    return cmocka_run_group_tests_name("laps", tests, NULL, NULL);
}
