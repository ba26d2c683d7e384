/* The ratio of two unpaired samples: known values, symmetry, coverage by simulation, and what
 * cannot be known. */
#include "../../runners/stats/ratio.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void the_ratio_is_that_of_the_medians(void **state) {
    const double x[] = {10, 11, 9, 10, 12}, y[] = {20, 21, 19, 25, 20};
    struct interval r = stats_bootstrap_ratio(x, 5, y, 5, 0.95, 2000, 1);
    struct interval again = stats_bootstrap_ratio(x, 5, y, 5, 0.95, 2000, 1);
    struct interval other = stats_bootstrap_ratio(y, 5, x, 5, 0.95, 2000, 1);
    (void)state;
    assert_true(r.value == 2.0 && r.lo >= 19.0 / 12 && r.hi <= 25.0 / 9 && r.lo < 2 && r.hi > 2);
    assert_true(r.lo == again.lo && r.hi == again.hi);
    assert_true(fabs(other.value - 0.5) < 1e-12 && fabs(other.lo - 1 / r.hi) < 0.03);
}

static void without_a_spread_there_is_no_interval(void **state) {
    const double one[] = {5}, two[] = {4, 6}, nan[] = {4, NAN}, flat[] = {3, 3, 3};
    struct interval r = stats_bootstrap_ratio(one, 1, two, 2, 0.95, 100, 1);
    (void)state;
    assert_true(r.value == 1 && isnan(r.lo) && isnan(r.hi));
    r = stats_bootstrap_ratio(two, 2, nan, 2, 0.95, 100, 1);
    assert_true(isnan(r.value) && isnan(r.lo) && isnan(r.hi));
    r = stats_bootstrap_ratio(two, 0, two, 2, 0.95, 100, 1);
    assert_true(isnan(r.value) && isnan(r.lo));
    r = stats_bootstrap_ratio(flat, 3, flat, 3, 0.95, 100, 1);
    assert_true(r.value == 1 && r.lo == 1 && r.hi == 1);
}

static double normal(struct rng *rng) {
    double u = ((double)(rng_next(rng) >> 11) + 1) / 9007199254740994.0,
           v = (double)(rng_next(rng) >> 11) / 9007199254740992.0;
    return sqrt(-2 * log(u)) * cos(6.283185307179586 * v);
}

/* Six processes a side with 5 % noise each, the true ratio 1.1: 1,000 simulated comparisons. */
static void coverage_at_six_processes(void **state) {
    struct rng rng = {77};
    int covered = 0;
    (void)state;
    for (int sim = 0; sim < 1000; sim++) {
        double x[6], y[6];
        struct interval r;
        for (int i = 0; i < 6; i++) {
            x[i] = exp(0.05 * normal(&rng));
            y[i] = 1.1 * exp(0.05 * normal(&rng));
        }
        r = stats_bootstrap_ratio(x, 6, y, 6, 0.95, 500, (uint64_t)sim);
        covered += r.lo <= 1.1 && 1.1 <= r.hi;
    }
    print_message("covered %d of 1000\n", covered);
    assert_in_range(covered, 930, 985);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_ratio_is_that_of_the_medians),
        cmocka_unit_test(without_a_spread_there_is_no_interval),
        cmocka_unit_test(coverage_at_six_processes),
    };
    return cmocka_run_group_tests_name("ratio", tests, NULL, NULL);
}
