/* The serial share: known laws are found again, and nothing is made of nothing. */
#include "../../runners/stats/amdahl.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static const double workers[] = {1, 2, 4, 8, 16};

static void the_share_of_a_curve_is_found(void **state) {
    const double shares[] = {0, 0.05, 0.5, 1, 1.4};
    double speedup[5];
    (void)state;
    for (int k = 0; k < 5; k++) {
        for (int i = 0; i < 5; i++)
            speedup[i] = 1 / (shares[k] + (1 - shares[k]) / workers[i]);
        assert_true(fabs(stats_serial_fraction(workers, speedup, 5) - shares[k]) < 1e-12);
    }
}

static void better_than_perfect_is_below_zero(void **state) {
    const double two = 2, speedup = 2.2;
    (void)state;
    assert_true(stats_serial_fraction(&two, &speedup, 1) < 0);
}

static void one_worker_says_nothing(void **state) {
    const double one = 1, speedup = 1, none[] = {0};
    (void)state;
    assert_true(isnan(stats_serial_fraction(&one, &speedup, 1)));
    assert_true(isnan(stats_serial_fraction(workers + 1, none, 1)));
    assert_true(isnan(stats_serial_fraction(NULL, NULL, 0)));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_share_of_a_curve_is_found),
        cmocka_unit_test(better_than_perfect_is_below_zero),
        cmocka_unit_test(one_worker_says_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
