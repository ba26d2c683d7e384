/* The line: the certified answers of NIST's data set Norris (Statistical Reference Datasets, linear
 * regression), a line that is exact, and what is no line. */
#include "../../runners/stats/line.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { NORRIS = 36 };
static const double norris_y[NORRIS] = {
    0.1, 338.8, 118.1, 888.0, 9.2,   228.1, 668.5, 998.5, 449.1, 778.9, 559.2, 0.3,
    0.1, 778.1, 668.8, 339.3, 448.9, 10.8,  557.7, 228.3, 998.0, 888.8, 119.6, 0.3,
    0.6, 557.6, 339.3, 888.0, 998.5, 778.9, 10.2,  117.6, 228.9, 668.4, 449.2, 0.2};
static const double norris_x[NORRIS] = {
    0.2, 337.4, 118.2, 884.6, 10.1,  226.5, 666.3, 996.3, 448.6, 777.0, 558.2, 0.4,
    0.6, 775.5, 666.9, 338.0, 447.5, 11.6,  556.0, 228.1, 995.8, 887.6, 120.2, 0.3,
    0.3, 556.8, 339.1, 887.2, 999.0, 779.0, 11.1,  118.3, 229.2, 669.1, 448.9, 0.5};

static void assert_near(double value, double certified) {
    assert_true(fabs(value - certified) <= 1e-9 * fabs(certified));
}

static void the_certified_answers_are_found(void **state) {
    struct line line = stats_line(norris_x, norris_y, NORRIS);
    struct interval slope = stats_line_slope(&line, 0.95);
    (void)state;
    assert_near(line.a, -0.262323073774029);
    assert_near(line.b, 1.00211681802045);
    assert_near(line.a_se, 0.232818234301152);
    assert_near(line.b_se, 0.429796848199937e-03);
    assert_near(line.sd, 0.884796396144373);
    assert_near(line.r2, 0.999993745883712);
    assert_near(slope.value, line.b); /* 2.0322445 is t's quantile 0.975 with 34 degrees */
    assert_true(fabs((slope.hi - slope.lo) / 2 / line.b_se - 2.0322445) < 1e-6);
}

static void a_line_is_found_exactly(void **state) {
    const double x[] = {1, 2, 4}, y[] = {5, 7, 11};
    struct line line = stats_line(x, y, 3);
    (void)state;
    assert_true(fabs(line.a - 3) < 1e-12 && fabs(line.b - 2) < 1e-12);
    assert_true(line.b_se < 1e-12 && fabs(line.r2 - 1) < 1e-12);
    assert_true(fabs(stats_line_intercept(&line, 0.95).hi - 3) < 1e-9);
}

static void two_points_have_no_error_and_one_no_line(void **state) {
    const double x[] = {1, 3}, y[] = {2, 8}, same[] = {4, 4};
    struct line line = stats_line(x, y, 2);
    (void)state;
    assert_true(line.b == 3 && line.a == -1 && isnan(line.b_se));
    assert_true(isnan(stats_line_slope(&line, 0.95).lo));
    assert_true(isnan(stats_line(x, y, 1).b) && isnan(stats_line(same, y, 2).b));
    assert_true(isnan(stats_line(x, same, 2).r2) && stats_line(x, same, 2).b == 0);
    assert_true(isnan(stats_line(NULL, NULL, 0).a));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_certified_answers_are_found),
        cmocka_unit_test(a_line_is_found_exactly),
        cmocka_unit_test(two_points_have_no_error_and_one_no_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
