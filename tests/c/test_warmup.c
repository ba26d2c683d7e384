/* When a process is warm (runners/driver/warmup.h). */
#include "../../runners/driver/warmup.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void test_two_slices_are_never_enough(void **state) {
    int64_t ns[] = {100, 100};
    (void)state;
    for (int n = 0; n <= 2; n++)
        assert_int_equal(warmup_judge(ns, n), WARMUP_MORE);
}

static void test_three_that_are_alike_are_flat(void **state) {
    int64_t flat[] = {100, 109, 105}, wide[] = {100, 111, 105};
    (void)state;
    assert_int_equal(warmup_judge(flat, 3), WARMUP_FLAT);
    assert_int_equal(warmup_judge(wide, 3), WARMUP_MORE);
}

static void test_slow_starts_are_left_behind(void **state) {
    int64_t ns[] = {500, 300, 120, 104, 100, 101};
    (void)state;
    for (int n = 3; n < 6; n++)
        assert_int_equal(warmup_judge(ns, n), WARMUP_MORE);
    assert_int_equal(warmup_judge(ns, 6), WARMUP_FLAT);
}

static void test_a_steady_state_can_be_the_slower_one(void **state) {
    int64_t ns[] = {100, 140, 141, 142};
    (void)state;
    assert_int_equal(warmup_judge(ns, 4), WARMUP_SLOWDOWN);
}

static void test_some_never_become_steady(void **state) {
    int64_t ns[WARMUP_MOST];
    (void)state;
    for (int i = 0; i < WARMUP_MOST; i++) {
        ns[i] = i % 2 ? 100 : 150;
        assert_int_equal(warmup_judge(ns, i + 1),
                         i + 1 < WARMUP_MOST ? WARMUP_MORE : WARMUP_NO_STEADY);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_two_slices_are_never_enough),
        cmocka_unit_test(test_three_that_are_alike_are_flat),
        cmocka_unit_test(test_slow_starts_are_left_behind),
        cmocka_unit_test(test_a_steady_state_can_be_the_slower_one),
        cmocka_unit_test(test_some_never_become_steady),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
