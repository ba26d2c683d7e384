/* Change points: found where they were put, hardly ever where there are none, and refused where
 * they cannot be judged. */
#include "../../runners/stats/changes.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

enum { N = 50, DRAWS = 999 };
#define ALPHA 0.001

/* Sum of twelve uniforms: near enough to normal, sd 1. */
static void noise(struct rng *rng, double *x, size_t n) {
    for (size_t i = 0; i < n; i++) {
        x[i] = -6;
        for (int k = 0; k < 12; k++)
            x[i] += (double)(rng_next(rng) >> 11) * 0x1p-53;
    }
}

static void steps_are_found_where_they_are(void **state) {
    struct rng rng = {11};
    double x[N];
    size_t at[N];
    (void)state;
    noise(&rng, x, N);
    for (size_t i = 0; i < N; i++)
        x[i] = 0.01 * x[i] + (i >= 15) * 0.08 - (i >= 33) * 0.16;
    assert_int_equal(changes_find(x, N, ALPHA, DRAWS, 3, at), 2);
    assert_int_equal(at[0], 15);
    assert_int_equal(at[1], 33);
}

/* 300 quiet series at p <= .01 (the rate at .001 takes ten times as many to see): 3 expected;
 * more than 9 come about once in a thousand seeds. */
static void quiet_series_stay_quiet(void **state) {
    struct rng rng = {12};
    double x[30];
    size_t at[30];
    int alarms = 0;
    (void)state;
    for (int i = 0; i < 300; i++) {
        noise(&rng, x, 30);
        alarms += changes_find(x, 30, 0.01, 199, (uint64_t)i, at) > 0;
    }
    assert_in_range(alarms, 0, 9);
}

static void what_cannot_be_judged_is_refused(void **state) {
    double x[N] = {0};
    size_t at[N];
    (void)state;
    assert_int_equal(changes_find(x, N, ALPHA, DRAWS, 1, at), 0);
    assert_int_equal(changes_find(x, 0, ALPHA, DRAWS, 1, at), 0);
    assert_int_equal(changes_find(x, 5, ALPHA, DRAWS, 1, at), 0);
    assert_int_equal(changes_find(x, N, ALPHA, 998, 1, at), -1);
    assert_int_equal(changes_find(x, N, NAN, DRAWS, 1, at), -1);
    x[7] = NAN;
    assert_int_equal(changes_find(x, N, ALPHA, DRAWS, 1, at), -1);
    x[7] = INFINITY;
    assert_int_equal(changes_find(x, N, ALPHA, DRAWS, 1, at), -1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(steps_are_found_where_they_are),
        cmocka_unit_test(quiet_series_stay_quiet),
        cmocka_unit_test(what_cannot_be_judged_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
