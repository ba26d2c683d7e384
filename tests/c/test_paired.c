/* The statistics of paired differences against values computed with SciPy and statsmodels
 * (tests/data/make_paired_reference.py), and what they say of nothing, one value and NaN. How often
 * the intervals are right is test_coverage.c's. */
#include "../../runners/stats/paired.h"
#include "../data/paired_reference.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define EACH(r, table)                                                                             \
    for (const struct table *r = table; r < table + sizeof table / sizeof *table; r++)

static void near(double value, double wanted, double slack) {
    if (!(fabs(value - wanted) <= slack * fmax(1, fabs(wanted))))
        fail_msg("%.12g, wanted %.12g", value, wanted);
}

static void samples_agree_with_the_reference(void **state) {
    (void)state;
    EACH(r, paired_reference) {
        struct interval t = paired_t_interval(r->d, r->n, 0.95);
        near(t.lo, r->lo, 1e-12);
        near(t.hi, r->hi, 1e-12);
        near(paired_hodges_lehmann(r->d, r->n), r->hodges_lehmann, 1e-12);
        near(paired_lag1(r->d, r->n), r->lag1, 1e-12);
        near(paired_sign_flip(r->d, r->n, reference_shift, 5), r->p, r->n <= 20 ? 1e-12 : 0.005);
    }
}

static void student_s_t_agrees_with_the_reference(void **state) {
    (void)state;
    EACH(r, t_reference) near(stats_t_quantile(r->p, r->df), r->t, 1e-9);
    assert_true(isnan(stats_t_quantile(1, 5)) && isnan(stats_t_quantile(0.5, 0)));
}

static void power_agrees_with_the_reference(void **state) {
    (void)state;
    EACH(r, power_reference) near(stats_t_power(r->effect, r->n, r->alpha), r->power, 1e-9);
    EACH(r, mde_reference) near(stats_mde(1, r->n, r->alpha, r->power), r->effect, 1e-5);
    near(stats_mde(0.02, 12, 0.01, 0.95), 0.02 * stats_mde(1, 12, 0.01, 0.95), 1e-15);
    assert_true(isnan(stats_mde(1, 1, 0.01, 0.95)) && isnan(stats_mde(NAN, 9, 0.01, 0.95)));
}

static void shares_agree_with_the_reference(void **state) {
    struct interval nothing = stats_share(0, 0, 0.95);
    (void)state;
    EACH(r, share_reference) {
        struct interval share = stats_share(r->hits, r->tries, 0.95);
        near(share.lo, r->lo, 1e-9);
        near(share.hi, r->hi, 1e-9);
    }
    assert_true(isnan(nothing.value) && nothing.lo == 0 && nothing.hi == 1);
    assert_true(isnan(stats_share(2, 1, 0.95).lo));
}

static void corrections_agree_with_the_reference(void **state) {
    enum { N = sizeof p_reference / sizeof *p_reference };
    double holm[N], bh[N];
    (void)state;
    paired_holm(p_reference, N, holm);
    paired_benjamini_hochberg(p_reference, N, bh);
    for (int i = 0; i < N; i++) {
        near(holm[i], holm_reference[i], 1e-12);
        near(bh[i], bh_reference[i], 1e-12);
    }
}

/* Three positive values: only the observed signs give a sum as large. Eight assignments in all. */
static void few_flips_are_counted(void **state) {
    double up[] = {0.1, 0.2, 0.4}, one_down[] = {-0.1, 0.2, 0.4};
    (void)state;
    near(paired_sign_flip(up, 3, 0, 1), 1.0 / 8, 0);
    near(paired_sign_flip(one_down, 3, 0, 1), 2.0 / 8, 0);
    near(paired_sign_flip(up, 3, 0.3, 1), 7.0 / 8, 0);
    assert_int_equal(paired_least(0.01), 7);
    assert_int_equal(paired_least(0.0005), 11);
}

/* Many are drawn: never 0, and the same for the same seed. */
static void many_flips_are_drawn(void **state) {
    double x[24];
    (void)state;
    for (int i = 0; i < 24; i++)
        x[i] = 1 + i % 2;
    near(paired_sign_flip(x, 24, 0, 3), 1e-5, 1e-12);
    assert_true(paired_sign_flip(x, 24, 1, 3) == paired_sign_flip(x, 24, 1, 3));
}

static void swapping_the_arms_turns_the_sign_and_nothing_else(void **state) {
    const struct paired_reference *r = &paired_reference[1];
    double turned[64];
    struct interval there = paired_t_interval(r->d, r->n, 0.9), back;
    (void)state;
    for (unsigned long i = 0; i < r->n; i++)
        turned[i] = -r->d[i];
    back = paired_t_interval(turned, r->n, 0.9);
    assert_true(there.value == -back.value && there.lo == -back.hi && there.hi == -back.lo);
    near(paired_hodges_lehmann(turned, r->n), -r->hodges_lehmann, 1e-12);
}

static void what_is_no_figure_is_never_significant(void **state) {
    const double bad[] = {0.1, NAN, 0.2}, endless[] = {0.1, INFINITY, 0.2}, flat[] = {2, 2, 2};
    struct interval b;
    (void)state;
    for (int n = 0; n < 2; n++) {
        assert_true(isnan(paired_t_interval(flat, (size_t)n, 0.95).lo));
        assert_true(isnan(paired_boot_t(flat, (size_t)n, 0.95, 100, 1).lo));
    }
    assert_true(isnan(paired_sign_flip(flat, 0, 0, 1)) && isnan(paired_hodges_lehmann(flat, 0)));
    assert_true(isnan(paired_sign_flip(bad, 3, 0, 1)) && isnan(paired_sign_flip(endless, 3, 0, 1)));
    assert_true(isnan(paired_t_interval(bad, 3, 0.95).lo) && isnan(paired_lag1(bad, 3)));
    assert_true(isnan(paired_boot_t(endless, 3, 0.95, 100, 1).lo));
    assert_true(isnan(paired_hodges_lehmann(bad, 3)));
    b = paired_boot_t(flat, 3, 0.95, 100, 1);
    assert_true(b.lo == 2 && b.hi == 2 && paired_lag1(flat, 3) == 0);
    assert_false(paired_is_serial(NAN, 12));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(samples_agree_with_the_reference),
        cmocka_unit_test(student_s_t_agrees_with_the_reference),
        cmocka_unit_test(power_agrees_with_the_reference),
        cmocka_unit_test(shares_agree_with_the_reference),
        cmocka_unit_test(corrections_agree_with_the_reference),
        cmocka_unit_test(few_flips_are_counted),
        cmocka_unit_test(many_flips_are_drawn),
        cmocka_unit_test(swapping_the_arms_turns_the_sign_and_nothing_else),
        cmocka_unit_test(what_is_no_figure_is_never_significant),
    };
    return cmocka_run_group_tests_name("paired", tests, NULL, NULL);
}
