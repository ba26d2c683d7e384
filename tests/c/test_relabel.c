/* Equal code with its arms exchanged at random is stopped as often as the rule's error says, and
 * not more often; different code, taken for equal, is not found either, since its sign is lost. */
#include "../../runners/stats/relabel.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { N = 96, DRAWS = 3000 };

/* Sum of twelve uniforms: near enough to normal, sd 1. */
static void noise(double *x, size_t n, double mean, double sd, uint64_t seed) {
    struct rng rng = {seed};
    for (size_t i = 0; i < n; i++) {
        x[i] = -6;
        for (int k = 0; k < 12; k++)
            x[i] += (double)(rng_next(&rng) >> 11) * 0x1p-53;
        x[i] = mean + sd * x[i];
    }
}

static unsigned alarms(double mean, double sd, struct relabel_rule rule, size_t n) {
    static double a[N], b[N];
    struct relabel_series series[] = {{a, n}, {b, n}};
    noise(a, n, mean, sd, 4);
    noise(b, n, mean, sd, 5);
    return relabel_alarms(series, 2, &rule, DRAWS, 6);
}

static const struct relabel_rule gates = {0.02, 0.05, 0.01 / 3, {12, 24, 48}, 3},
                                 bare = {0, 0, 0.01 / 3, {12, 24, 48}, 3};

/* Three looks at a third of 1 %, of which the later ones see much of the earlier ones' pairs: less
 * than 1 % in all, and more than a third of it. The standard error is 0.16 points. */
static void the_bare_test_errs_as_often_as_it_may(void **state) {
    unsigned found = alarms(0, 0.02, bare, N);
    (void)state;
    print_message("%u alarms of %d without a margin\n", found, DRAWS);
    assert_in_range(found, 8, 42);
}

static void the_margin_makes_alarms_rarer(void **state) {
    (void)state;
    assert_in_range(alarms(0, 0.02, gates, N), 0, 8);
    assert_int_equal(alarms(0, 0.004, gates, N), 0);
}

/* Half of the pairs change their sign: of a shift nothing but noise is left. */
static void a_shift_is_no_alarm_once_its_sign_is_drawn(void **state) {
    (void)state;
    assert_in_range(alarms(0.06, 0.01, gates, N), 0, 42);
}

static void looks_that_cannot_be_taken_are_not(void **state) {
    (void)state;
    assert_int_equal(alarms(0, 0.02, bare, 11), 0);
    assert_true(alarms(0, 0.02, bare, 12) > 0);
    assert_int_equal(relabel_alarms(NULL, 0, &bare, DRAWS, 1), 0);
}

static void a_value_that_is_none_is_no_alarm(void **state) {
    static double x[N];
    struct relabel_series series = {x, N};
    (void)state;
    for (size_t i = 0; i < N; i++)
        x[i] = NAN;
    assert_int_equal(relabel_alarms(&series, 1, &bare, 100, 1), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_bare_test_errs_as_often_as_it_may),
        cmocka_unit_test(the_margin_makes_alarms_rarer),
        cmocka_unit_test(a_shift_is_no_alarm_once_its_sign_is_drawn),
        cmocka_unit_test(looks_that_cannot_be_taken_are_not),
        cmocka_unit_test(a_value_that_is_none_is_no_alarm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
