/* When requests are due: rate, seed, and the law of the gaps. */
#include "../../runners/load/arrival.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

enum { MANY = 100000 };

static void constant_gaps_do_not_drift(void **state) {
    struct arrivals a;
    int64_t last = 0, at = 0;
    (void)state;
    arrivals_begin(&a, ARRIVE_CONSTANT, 3, 1);
    for (int i = 0; i < 3 * 1000; i++) {
        at = arrivals_next(&a);
        assert_true(at - last == 333333333 || at - last == 333333334);
        last = at;
    }
    assert_true(at == 1000 * (int64_t)1000000000);
    arrivals_restart(&a);
    assert_int_equal(arrivals_next(&a), 333333333);
}

/* A week at the highest rate: the product has more than 64 bits. */
static void great_numbers_do_not_overflow(void **state) {
    struct arrivals a;
    (void)state;
    arrivals_begin(&a, ARRIVE_CONSTANT, 10000000, 1);
    a.count = (int64_t)604800 * 10000000 - 1;
    assert_true(arrivals_next(&a) == (int64_t)604800 * 1000000000);
}

static void a_seed_repeats_its_gaps(void **state) {
    struct arrivals a, b, other;
    int differ = 0;
    (void)state;
    arrivals_begin(&a, ARRIVE_POISSON, 1000, 7);
    arrivals_begin(&b, ARRIVE_POISSON, 1000, 7);
    arrivals_begin(&other, ARRIVE_POISSON, 1000, 8);
    for (int i = 0; i < 1000; i++) {
        int64_t at = arrivals_next(&a);
        assert_true(at == arrivals_next(&b));
        differ += at != arrivals_next(&other);
    }
    assert_true(differ > 990);
}

static void samples_of_one_seed_differ(void **state) {
    struct arrivals a;
    int64_t first, again;
    (void)state;
    arrivals_begin(&a, ARRIVE_POISSON, 1000, 7);
    first = arrivals_next(&a);
    arrivals_restart(&a);
    again = arrivals_next(&a);
    assert_true(first != again && again < 100000000);
}

static int compare(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Kolmogorov and Smirnov's distance to 1 - exp(-x), which stays below 1.95 / sqrt(n) in 999 of 1000
 * seeds; and no gap tells anything of the next one. */
static void poisson_gaps_are_exponential_and_independent(void **state) {
    static double gaps[MANY], sorted[MANY];
    struct arrivals a;
    double last = 0, mean, distance = 0, product = 0;
    (void)state;
    arrivals_begin(&a, ARRIVE_POISSON, 1000, 42);
    for (int i = 0; i < MANY; i++) {
        double at = (double)arrivals_next(&a);
        assert_true(at >= last);
        sorted[i] = gaps[i] = (at - last) / 1e6; /* in means */
        last = at;
    }
    mean = stats_mean(gaps, MANY);
    assert_true(fabs(mean - 1) < 4 / sqrt(MANY));
    assert_true(fabs(stats_sd(gaps, MANY) - 1) < 8 / sqrt(MANY));
    for (int i = 1; i < MANY; i++)
        product += (gaps[i] - mean) * (gaps[i - 1] - mean);
    assert_true(fabs(product / MANY) < 4 / sqrt(MANY));
    qsort(sorted, MANY, sizeof *sorted, compare);
    for (int i = 0; i < MANY; i++)
        distance = fmax(distance, fabs(1 - exp(-sorted[i]) - (i + 0.5) / MANY));
    assert_true(distance < 1.95 / sqrt(MANY));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(constant_gaps_do_not_drift),
        cmocka_unit_test(great_numbers_do_not_overflow),
        cmocka_unit_test(a_seed_repeats_its_gaps),
        cmocka_unit_test(samples_of_one_seed_differ),
        cmocka_unit_test(poisson_gaps_are_exponential_and_independent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
