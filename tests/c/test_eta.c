/* What a trial is expected to take: by its own cell, its model, its workload, all. */
#include "../../runners/driver/eta.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { CELLS = 5 };

static struct result results[CELLS];
static const struct runset run = {.results = results, .nresults = CELLS};
static const char *const names[CELLS][2] = {{"queens", "procs"},
                                            {"sha", "procs"},
                                            {"queens", "threads"},
                                            {"echo", "threads"},
                                            {"echo", "asyncio"}};

static void is_about(double value, double wanted) {
    assert_true(value > wanted - 1e-9 && value < wanted + 1e-9);
}

static void what_is_like_it_stands_for_a_cell_that_has_not_run(void **state) {
    struct eta eta;
    struct err err = {0};
    (void)state;
    for (int i = 0; i < CELLS; i++) {
        snprintf(results[i].cell.workload, sizeof results[i].cell.workload, "%s", names[i][0]);
        snprintf(results[i].cell.model, sizeof results[i].cell.model, "%s", names[i][1]);
    }
    assert_int_equal(eta_begin(&eta, &run, &err), 0);
    is_about(eta_of(&eta, 0), -1);
    eta_took(&eta, 0, 8);
    eta_took(&eta, 0, 12);
    is_about(eta_of(&eta, 0), 10); /* its own mean */
    is_about(eta_of(&eta, 1), 10); /* the model's */
    is_about(eta_of(&eta, 2), 10); /* the workload's */
    is_about(eta_of(&eta, 4), 10); /* all */
    eta_took(&eta, 3, 2);
    is_about(eta_of(&eta, 2), 2);
    is_about(eta_of(&eta, 4), 2);
    eta_took(&eta, 2, 4);
    is_about(eta_of(&eta, 4), 2);
    is_about(eta_of(&eta, 0), 10);
    eta_end(&eta);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_like_it_stands_for_a_cell_that_has_not_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
