/* Which slices are disturbed and which pairs are dropped (runners/driver/drop.h). */
#include "../../runners/driver/drop.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

enum { MS = 1000000 };

static struct slice_noise quiet(void) {
    return (struct slice_noise){.wall_ns = 70 * MS, .cpu_ns = 69 * MS, .gap_ns = 20000};
}

static void test_a_quiet_slice_has_no_flags(void **state) {
    struct slice_noise noise = quiet();
    (void)state;
    assert_int_equal(slice_flags(&noise, true), 0);
}

static void test_each_disturbance_has_its_flag(void **state) {
    struct slice_noise steal = quiet(), gap = quiet(), stall = quiet(), pressure = quiet(),
                       switches = quiet(), moved = quiet();
    (void)state;
    steal.steal_ns = 20 * MS;
    gap.cpu_ns = 50 * MS;
    stall.gap_ns = 6 * MS;
    pressure.pressure_us = 40000;
    switches.nivcsw = 30;
    moved.migrations = 1;
    assert_int_equal(slice_flags(&steal, true), NOISE_STEAL);
    assert_int_equal(slice_flags(&gap, true), NOISE_GAP);
    assert_int_equal(slice_flags(&stall, true), NOISE_STALL);
    assert_int_equal(slice_flags(&pressure, true), NOISE_PRESSURE);
    assert_int_equal(slice_flags(&switches, true), NOISE_SWITCHES);
    assert_int_equal(slice_flags(&moved, true), NOISE_MIGRATED);
}

/* A server waits, moves and is switched: that is its work. */
static void test_work_that_waits_is_not_blamed_for_it(void **state) {
    struct slice_noise noise = quiet();
    (void)state;
    noise.cpu_ns = 10 * MS;
    noise.nivcsw = 1000;
    noise.migrations = 5;
    assert_int_equal(slice_flags(&noise, false), 0);
}

static void test_what_cannot_be_read_is_no_disturbance(void **state) {
    struct slice_noise noise = quiet();
    (void)state;
    noise.steal_ns = noise.pressure_us = noise.migrations = -1;
    assert_int_equal(slice_flags(&noise, true), 0);
}

static void test_a_pair_falls_with_more_than_a_quarter_of_its_slices(void **state) {
    unsigned flags[12] = {NOISE_GAP, 0, NOISE_STALL, 0, 0, 0, NOISE_STEAL};
    (void)state;
    assert_false(pair_is_disturbed(flags, 12));
    flags[11] = NOISE_GAP;
    assert_true(pair_is_disturbed(flags, 12));
    assert_false(pair_is_disturbed(flags, 0));
}

/* Whose slices they are makes no difference: swapping the arms never changes the decision. */
static void test_the_rule_is_blind_to_the_arms(void **state) {
    (void)state;
    for (unsigned bits = 0; bits < 1u << 8; bits++) {
        unsigned flags[8], swapped[8];
        for (int i = 0; i < 8; i++) {
            flags[i] = bits >> i & 1;
            swapped[i ^ 1] = flags[i];
        }
        assert_int_equal(pair_is_disturbed(flags, 8), pair_is_disturbed(swapped, 8));
    }
}

static void test_more_than_a_fifth_is_too_many(void **state) {
    (void)state;
    assert_false(too_many_dropped(0, 0));
    assert_false(too_many_dropped(2, 8));
    assert_true(too_many_dropped(3, 8));
}

static void test_flags_have_names(void **state) {
    char text[80];
    (void)state;
    flags_text(NOISE_STEAL | NOISE_MIGRATED, text, sizeof text);
    assert_string_equal(text, "steal migrated");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_quiet_slice_has_no_flags),
        cmocka_unit_test(test_each_disturbance_has_its_flag),
        cmocka_unit_test(test_work_that_waits_is_not_blamed_for_it),
        cmocka_unit_test(test_what_cannot_be_read_is_no_disturbance),
        cmocka_unit_test(test_a_pair_falls_with_more_than_a_quarter_of_its_slices),
        cmocka_unit_test(test_the_rule_is_blind_to_the_arms),
        cmocka_unit_test(test_more_than_a_fifth_is_too_many),
        cmocka_unit_test(test_flags_have_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
