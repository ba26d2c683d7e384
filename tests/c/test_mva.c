/* The closed network: the machine repairman in closed form, several lanes against the balance equations,
 * the bounds that no network passes, and nonsense. */
#include "../../runners/stats/mva.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>

#include <cmocka.h>

/* M/M/c//N by its balance equations: p(k) of k requests at the station. Exact. */
static double balance(int population, double think, double demand, int lanes) {
    double p = 1, sum = 1, flow = 0;
    for (int k = 1; k <= population; k++) {
        int busy = k < lanes ? k : lanes;
        p *= (population - k + 1) / think * demand / busy;
        sum += p;
        flow += p * busy / demand;
    }
    return flow / sum;
}

static bool is_near(double value, double exact, double share) {
    return fabs(value - exact) <= share * exact;
}

static void one_lane_is_exact(void **state) {
    (void)state;
    for (int n = 1; n <= 200; n = n * 3 / 2 + 1) {
        const struct mva_station lane = {1, 1};
        struct mva m = mva_solve(n, 9, &lane, 1, 1);
        assert_true(is_near(m.throughput, balance(n, 9, 1, 1), 1e-9));
        assert_true(is_near(m.throughput * (9 + m.response), n, 1e-9)); /* Little's law */
    }
}

static void several_lanes_are_near_the_balance(void **state) {
    (void)state;
    for (int lanes = 2; lanes <= 16; lanes *= 2)
        for (int n = 1; n <= 300; n = n * 3 / 2 + 1) {
            const struct mva_station station = {1, lanes};
            double x = mva_solve(n, 9, &station, 1, 1).throughput;
            assert_true(is_near(x, balance(n, 9, 1, lanes), 0.15));
        }
}

static void no_network_passes_its_bounds(void **state) {
    (void)state;
    for (int n = 1; n <= 100; n++)
        for (double cv2 = 0; cv2 <= 1; cv2 += 0.5) {
            const struct mva_station two[] = {{1, 1}, {3, 2}};
            double x = mva_solve(n, 6, two, 2, cv2).throughput;
            assert_true(x <= n / 10.0 * (1 + 1e-12) && x <= 2 / 3.0 * (1 + 1e-9));
            assert_true(x >= n / (6 + 1.0 * n + 3.0 * n) * (1 - 1e-12));
            assert_true(x >= mva_solve(n, 6, two, 2, 1).throughput * (1 - 1e-12));
        }
}

static void many_saturate_the_narrowest_station(void **state) {
    const struct mva_station two[] = {{1, 1}, {3, 2}};
    (void)state;
    assert_true(is_near(mva_solve(5000, 6, two, 2, 0).throughput, 2 / 3.0, 0.001));
    assert_true(is_near(mva_solve(1, 6, two, 2, 0).throughput, 0.1, 1e-12));
}

static void a_fraction_lies_between(void **state) {
    const struct mva_station lane = {1, 0.9}; /* a lane that somebody else uses, too */
    double low = mva_solve(3, 2, &lane, 1, 0.5).throughput,
           high = mva_solve(4, 2, &lane, 1, 0.5).throughput;
    (void)state;
    assert_true(is_near(mva_solve(3.5, 2, &lane, 1, 0.5).throughput, (low + high) / 2, 1e-12));
    assert_true(is_near(mva_solve(900, 2, &lane, 1, 0.5).throughput, 0.9, 0.001));
}

static void nonsense_gives_nan(void **state) {
    const struct mva_station lane = {1, 1}, none = {1, 0}, back = {-1, 1}, nothing = {0, 1};
    (void)state;
    assert_true(isnan(mva_solve(0.5, 1, &lane, 1, 1).throughput));
    assert_true(isnan(mva_solve(NAN, 1, &lane, 1, 1).throughput));
    assert_true(isnan(mva_solve(1, -1, &lane, 1, 1).throughput));
    assert_true(isnan(mva_solve(1, 1, &none, 1, 1).throughput));
    assert_true(isnan(mva_solve(1, 1, &back, 1, 1).throughput));
    assert_true(isnan(mva_solve(1, 0, &nothing, 1, 1).throughput));
    assert_true(isnan(mva_solve(1, 1, &lane, 1, 2).response));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_lane_is_exact),
        cmocka_unit_test(several_lanes_are_near_the_balance),
        cmocka_unit_test(no_network_passes_its_bounds),
        cmocka_unit_test(many_saturate_the_narrowest_station),
        cmocka_unit_test(a_fraction_lies_between),
        cmocka_unit_test(nonsense_gives_nan),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
