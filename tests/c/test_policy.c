/* The policy of a gate: what it says, what is refused, and where. */
#include "../../runners/driver/policy.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const struct policy standard = {.matrix = "gate",
                                       .ir = "auto",
                                       .margin = 0.02,
                                       .limit = 0.05,
                                       .alpha = 0.01,
                                       .looks = {12, 24, 48},
                                       .nlooks = 3,
                                       .builds = 12,
                                       .slices = 6,
                                       .slice_ms = 70,
                                       .control = true,
                                       .confirm = true};

static void what_stands_there_replaces_the_standard(void **state) {
    struct policy p = standard;
    struct err err = {0};
    (void)state;
    assert_int_equal(policy_parse(&p, "p.ini",
                                  "[gate]\n# words\ncells = cpu_*/* io_echo/*\nmargin = 1.5%\n"
                                  "limit = 0.04\nlooks = 16 32\nstrict = yes\ncontrol = no\n"
                                  "budget_s = 90\n",
                                  &err),
                     0);
    assert_true(p.margin == 0.015 && p.limit == 0.04 && p.alpha == 0.01 && p.budget_s == 90);
    assert_true(p.nlooks == 2 && p.looks[0] == 16 && p.looks[1] == 32 && p.builds == 12);
    assert_true(p.strict && !p.control && p.confirm);
    assert_true(policy_covers(&p, "cpu_queens/serial/workers=1") &&
                policy_covers(&p, "io_echo/threads/concurrency=1,ops=100"));
    assert_false(policy_covers(&p, "io_employee/threads/x=1"));
}

static void what_is_wrong_is_named_with_its_place(void **state) {
    static const struct {
        const char *text, *message;
    } bad[] = {
        {"", "p.ini names no cell, so that it could never fail"},
        {"[gate]\nmargin = 2%\n", "p.ini names no cell"},
        {"[gate]\ncells =\n", "p.ini:2:8: a value expected after '='"},
        {"[cells]\n", "p.ini:1:2: unknown section 'cells'"},
        {"[gate]\ncell = a\n", "p.ini:2:1: unknown key 'cell'; there are: cells matrix"},
        {"[gate]\ncells = a\nmargin = lots\n",
         "p.ini:3:10: margin: 0% to 50% expected, not 'lots'"},
        {"[gate]\ncells = a\nmargin = 90%\n", "margin: 0% to 50% expected"},
        {"[gate]\ncells = a\nmargin = nan\n", "margin: 0% to 50% expected"},
        {"[gate]\ncells = a\nalpha = 0\n", "an error of 0 is a gate that can never fail"},
        {"[gate]\ncells = a\nlooks = 24 12\n", "rising numbers of pairs"},
        {"[gate]\ncells = a\nlooks = 1\n", "rising numbers of pairs"},
        {"[gate]\ncells = a\nlooks = 2 3 4 5 6\n", "rising numbers of pairs"},
        {"[gate]\ncells = a\nmargin = 6%\n", "the limit (5 %) is below the margin (6 %)"},
        {"[gate]\ncells = a\nslices = 5\n", "slices = 5: an even number expected"},
        {"[gate]\ncells = a\nstrict = maybe\n", "strict: yes or no expected, not 'maybe'"},
        {"[gate]\ncells = a\nbudget_s = -1\n", "budget_s: seconds, or 0 for no end expected"},
        {"[gate]\ncells = a\nir = some\n", "ir: auto, off or only expected"},
        {"[gate]\ncells = a\nbuilds = 25\n", "builds: 1 to 24 expected"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct policy p = standard;
        struct err err = {0};
        assert_int_equal(policy_parse(&p, "p.ini", bad[i].text, &err), -1);
        assert_int_equal(err.code, GB_USAGE);
        if (!strstr(err.text, bad[i].message))
            fail_msg("'%s' does not say '%s'", err.text, bad[i].message);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_stands_there_replaces_the_standard),
        cmocka_unit_test(what_is_wrong_is_named_with_its_place),
    };
    return cmocka_run_group_tests_name("policy", tests, NULL, NULL);
}
