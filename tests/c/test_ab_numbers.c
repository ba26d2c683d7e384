/* The statistics of paired differences (runners/driver/ab_numbers.h), against tables and identities. */
#include "../../runners/driver/ab_numbers.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void near(double value, double wanted, double slack) {
    if (!(fabs(value - wanted) <= slack))
        fail_msg("%.12g, wanted %.12g", value, wanted);
}

/* Two-sided 95 and 99 % points of the published tables, to more digits. */
static void test_student_t(void **state) {
    (void)state;
    near(numbers_t_quantile(0.975, 1), 12.706204736432095, 1e-9);
    near(numbers_t_quantile(0.975, 11), 2.200985160082949, 1e-10);
    near(numbers_t_quantile(0.995, 30), 2.749995653567231, 1e-10);
    near(numbers_t_quantile(0.025, 11), -2.200985160082949, 1e-10);
    near(numbers_t_quantile(0.5, 5), 0, 1e-7);
    assert_true(isnan(numbers_t_quantile(1, 5)));
}

/* Three positive values: only the observed signs give a sum as large. Eight assignments in all. */
static void test_sign_flip_is_exact(void **state) {
    double up[] = {0.1, 0.2, 0.4}, one_down[] = {-0.1, 0.2, 0.4}, twelve[12];
    (void)state;
    near(numbers_sign_flip(up, 3, 0, 1), 1.0 / 8, 0);
    near(numbers_sign_flip(one_down, 3, 0, 1), 2.0 / 8, 0);
    near(numbers_sign_flip(up, 3, 0.3, 1), 7.0 / 8, 0);
    for (int i = 0; i < 12; i++)
        twelve[i] = 0.03 + 0.001 * i;
    near(numbers_sign_flip(twelve, 12, 0.02, 1), 1.0 / 4096, 0);
    up[0] = NAN;
    assert_true(isnan(numbers_sign_flip(up, 3, 0, 1)));
}

/* Many values are drawn: near the exact answer, never 0, and the same for the same seed. */
static void test_sign_flip_of_many(void **state) {
    double x[24];
    (void)state;
    for (int i = 0; i < 24; i++)
        x[i] = i % 2 ? 1 : -1;
    near(numbers_sign_flip(x, 24, 0, 3), 0.5806, 0.01); /* P(12 or more of 24) */
    for (int i = 0; i < 24; i++)
        x[i] = 1;
    near(numbers_sign_flip(x, 24, 0, 3), 1e-5, 1e-12);
    assert_true(numbers_sign_flip(x, 24, 1, 3) > 0.9);
}

static void test_intervals(void **state) {
    double x[] = {1, 2, 3, 4, 5}, flat[] = {2, 2, 2};
    struct interval t = numbers_t_interval(x, 5, 0.95), b = numbers_boot_t(x, 5, 0.95, 2000, 7),
                    again = numbers_boot_t(x, 5, 0.95, 2000, 7);
    (void)state;
    near(t.value, 3, 1e-12);
    near(t.hi, 3 + 2.7764451051977943 * sqrt(0.5), 1e-9);
    near(t.lo, 3 - 2.7764451051977943 * sqrt(0.5), 1e-9);
    assert_true(b.lo < 3 && b.hi > 3 && b.lo == again.lo && b.hi == again.hi);
    b = numbers_boot_t(flat, 3, 0.95, 2000, 7);
    assert_true(b.lo == 2 && b.hi == 2);
}

/* 95 of 100 intervals hold the mean that they are drawn around. */
static void test_boot_t_covers(void **state) {
    struct rng rng = {11};
    int covered = 0;
    double x[24];
    (void)state;
    for (int run = 0; run < 600; run++) {
        struct interval b;
        for (int i = 0; i < 24; i++) {
            x[i] = -6;
            for (int k = 0; k < 12; k++)
                x[i] += (double)(rng_next(&rng) >> 11) / 9007199254740992.0;
        }
        b = numbers_boot_t(x, 24, 0.95, 500, (uint64_t)run);
        covered += b.lo <= 0 && b.hi >= 0;
    }
    assert_in_range(covered, 550, 588);
}

static void test_the_small_ones(void **state) {
    double x[] = {1, 2, 10}, wave[] = {1, -1, 1, -1}, p[] = {0.01, 0.04, 0.03, 0.005};
    (void)state;
    near(numbers_hodges_lehmann(x, 3), 3.75, 1e-12); /* of 1 1.5 2 5.5 6 10 */
    near(numbers_lag1(wave, 4), -0.75, 1e-12);
    near(numbers_lag1((double[]){2, 2}, 2), 0, 0);
    numbers_holm(p, 4, p);
    near(p[0], 0.03, 1e-12);
    near(p[1], 0.06, 1e-12);
    near(p[2], 0.06, 1e-12);
    near(p[3], 0.02, 1e-12);
    near(numbers_mde(0.02, 12, 0.01, 0.95), (2.7180791835355 + 1.7958848187036) * 0.02 / sqrt(12),
         1e-9);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_student_t),         cmocka_unit_test(test_sign_flip_is_exact),
        cmocka_unit_test(test_sign_flip_of_many), cmocka_unit_test(test_intervals),
        cmocka_unit_test(test_boot_t_covers),     cmocka_unit_test(test_the_small_ones),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
