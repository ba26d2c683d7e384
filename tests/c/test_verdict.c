/* The rule by which figures become a verdict (runners/driver/verdict.h). */
#include "../../runners/driver/verdict.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static const struct verdict_rule rule = {
    .margin = 0.02, .limit = 0.05, .alpha = 0.0033, .most = 48};
static char why[400];

/* A ratio known to +- half a per cent. */
static struct verdict_facts facts_of(double ratio) {
    return (struct verdict_facts){.n = 12,
                                  .lower = ratio - 0.005,
                                  .upper = ratio + 0.005,
                                  .p_slower = ratio > 1.02 ? 0.0005 : 0.9,
                                  .p_faster = ratio < 0.98 ? 0.0005 : 0.9,
                                  .sd = 0.01,
                                  .null_n = 12,
                                  .null_ratio = 1.001,
                                  .null_lower = 0.996,
                                  .null_upper = 1.006};
}

static struct verdict judge(struct verdict_facts facts) {
    return verdict_of(&facts, &rule, why, sizeof why);
}

static void test_clear_cases(void **state) {
    (void)state;
    assert_int_equal(judge(facts_of(1.00)).verdict, AB_OK);
    assert_int_equal(judge(facts_of(1.05)).verdict, AB_REGRESSED);
    assert_int_equal(judge(facts_of(0.95)).verdict, AB_IMPROVED);
    assert_true(judge(facts_of(1.05)).decided);
}

/* Between margin and limit nothing needs to be said but that it is not 5 %. */
static void test_small_slowdowns_pass(void **state) {
    (void)state;
    assert_int_equal(judge(facts_of(1.015)).verdict, AB_OK);
}

static void test_wide_intervals_are_inconclusive(void **state) {
    struct verdict_facts facts = facts_of(1.03);
    (void)state;
    facts.lower = 0.97;
    facts.upper = 1.09;
    facts.mde95 = 0.085;
    facts.p_slower = 0.2;
    assert_int_equal(judge(facts).verdict, AB_INCONCLUSIVE);
    assert_false(judge(facts).decided);
    assert_non_null(strstr(why, "8.5 % could have been seen"));
}

/* Both must agree: the test corrected for many benchmarks, and the interval. */
static void test_significance_needs_test_and_interval(void **state) {
    struct verdict_facts facts = facts_of(1.05);
    (void)state;
    facts.p_slower = 0.01;
    assert_int_not_equal(judge(facts).verdict, AB_REGRESSED);
    facts = facts_of(1.05);
    facts.lower = 1.01;
    assert_int_not_equal(judge(facts).verdict, AB_REGRESSED);
}

static void test_nothing_degenerate_is_significant(void **state) {
    struct verdict_facts facts = facts_of(1.5);
    (void)state;
    facts.n = 6;
    assert_int_equal(judge(facts).verdict, AB_INCONCLUSIVE);
    assert_non_null(strstr(why, "6 pairs, fewer than 7"));
    facts = facts_of(1.5);
    facts.sd = 0;
    assert_int_equal(judge(facts).verdict, AB_INCONCLUSIVE);
    facts.sd = NAN;
    assert_int_equal(judge(facts).verdict, AB_INCONCLUSIVE);
    facts = facts_of(1.5);
    facts.lower = NAN;
    assert_int_equal(judge(facts).verdict, AB_INCONCLUSIVE);
    facts = facts_of(1.5);
    facts.p_slower = NAN;
    assert_int_equal(judge(facts).verdict, AB_INCONCLUSIVE);
    facts = facts_of(1.5);
    facts.upper = INFINITY;
    assert_int_equal(judge(facts).verdict, AB_INCONCLUSIVE);
}

static void test_too_many_drops_contaminate(void **state) {
    struct verdict_facts facts = facts_of(1.05);
    (void)state;
    facts.dropped = 3;
    assert_int_equal(judge(facts).verdict, AB_REGRESSED);
    facts.dropped = 4;
    assert_int_equal(judge(facts).verdict, AB_CONTAMINATED);
    assert_non_null(strstr(why, "4 of 16 pairs"));
    assert_false(judge(facts).decided);
    facts.n = 2, facts.dropped = 10; /* more than a fifth of all 48: no later look can mend it */
    assert_true(judge(facts).decided);
}

static void test_a_null_control_that_is_off_contaminates(void **state) {
    struct verdict_facts facts = facts_of(1.05);
    (void)state;
    facts.null_ratio = 1.03;
    facts.null_lower = 1.01;
    facts.null_upper = 1.05;
    assert_int_equal(judge(facts).verdict, AB_CONTAMINATED);
    facts.null_lower = 0.99; /* noise: 1 is inside */
    assert_int_equal(judge(facts).verdict, AB_REGRESSED);
    facts.null_ratio = 0.97;
    facts.null_lower = 0.95;
    facts.null_upper = 0.99;
    assert_int_equal(judge(facts).verdict, AB_CONTAMINATED);
}

static void test_invalid_beats_everything(void **state) {
    struct verdict_facts facts = facts_of(1.05);
    (void)state;
    facts.invalid = "candidate: checksum";
    assert_int_equal(judge(facts).verdict, AB_INVALID);
    assert_true(judge(facts).decided);
    assert_string_equal(why, "candidate: checksum");
}

static void test_the_last_look_decides(void **state) {
    struct verdict_rule last = rule;
    struct verdict_facts facts = facts_of(1.5);
    (void)state;
    last.last = true;
    facts.n = 0;
    assert_true(verdict_of(&facts, &last, why, sizeof why).decided);
}

/* Swapping the arms turns the verdict round and nothing else. */
static void test_directions_are_symmetric(void **state) {
    (void)state;
    for (int i = -100; i <= 100; i++) {
        double d = i / 1000.0, s = 0.004;
        struct verdict_facts up = facts_of(1), down = facts_of(1);
        up.lower = exp(d - s), up.upper = exp(d + s);
        down.lower = exp(-d - s), down.upper = exp(-d + s);
        up.p_slower = down.p_faster = d > 0.02 ? 0.001 : 0.5;
        up.p_faster = down.p_slower = -d > 0.02 ? 0.001 : 0.5;
        assert_int_equal(judge(up).verdict == AB_REGRESSED, judge(down).verdict == AB_IMPROVED);
        assert_int_equal(judge(up).verdict == AB_IMPROVED, judge(down).verdict == AB_REGRESSED);
    }
}

static void test_the_whole_is_as_grave_as_its_worst(void **state) {
    int counts[AB_VERDICTS] = {0};
    (void)state;
    assert_int_equal(verdict_of_all(counts), AB_INVALID);
    counts[AB_OK] = 5;
    assert_int_equal(verdict_of_all(counts), AB_OK);
    counts[AB_INCONCLUSIVE] = 1;
    assert_int_equal(verdict_of_all(counts), AB_INCONCLUSIVE);
    counts[AB_REGRESSED] = 1;
    assert_int_equal(verdict_of_all(counts), AB_REGRESSED);
    counts[AB_INVALID] = 1;
    assert_int_equal(verdict_of_all(counts), AB_INVALID);
}

static void test_names(void **state) {
    (void)state;
    for (int v = 0; v < AB_VERDICTS; v++)
        assert_int_equal(verdict_by_name(verdict_name((enum ab_verdict)v)), v);
    assert_int_equal(verdict_by_name("fine"), -1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_clear_cases),
        cmocka_unit_test(test_small_slowdowns_pass),
        cmocka_unit_test(test_wide_intervals_are_inconclusive),
        cmocka_unit_test(test_significance_needs_test_and_interval),
        cmocka_unit_test(test_nothing_degenerate_is_significant),
        cmocka_unit_test(test_too_many_drops_contaminate),
        cmocka_unit_test(test_a_null_control_that_is_off_contaminates),
        cmocka_unit_test(test_invalid_beats_everything),
        cmocka_unit_test(test_the_last_look_decides),
        cmocka_unit_test(test_directions_are_symmetric),
        cmocka_unit_test(test_the_whole_is_as_grave_as_its_worst),
        cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
