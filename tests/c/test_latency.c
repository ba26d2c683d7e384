/* Latencies of a cell from its samples, the parameters of the open loop, and who was the bottleneck. */
#include "../../runners/driver/latency.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct estimate number(double value) {
    return (struct estimate){value, value, value, 1};
}

/* An open loop in which all is well. */
static struct result good(void) {
    return (struct result){.cell = {.cores = 1},
                           .ops_per_s = number(995),
                           .offered_ops_per_s = number(1000),
                           .parallelism = number(0.3),
                           .client_cpu_share = number(0.2),
                           .client_late_ns = number(1e5),
                           .waited_share = number(0),
                           .corrected = {.p99 = number(2e6)}};
}

static const char *bound(struct result result) {
    static char text[sizeof result.client_bound];
    mark_client_bound(&result);
    memcpy(text, result.client_bound, sizeof text);
    return text;
}

static void a_client_that_keeps_up_is_not_marked(void **state) {
    struct result r = good();
    (void)state;
    assert_string_equal(bound(r), "");
    strcpy(r.client_bound, "an earlier verdict");
    assert_string_equal(bound(r), "");
}

static void a_busy_client_is_marked(void **state) {
    struct result r = good();
    (void)state;
    r.client_cpu_share = number(0.93);
    assert_string_equal(bound(r), "the load generator used 93 % of its core");
    r.offered_ops_per_s.n = 0; /* closed loop */
    assert_string_equal(bound(r), "the load generator used 93 % of its core");
}

static void too_little_load_is_the_clients_only_when_the_server_idles(void **state) {
    struct result r = good();
    (void)state;
    r.ops_per_s = number(500);
    r.waited_share = number(0.99);
    assert_non_null(strstr(bound(r), "50 % of the offered rate was achieved while the subject used "
                                     "30 % of a core, and 99 % of the requests"));
    r.parallelism = number(0.98);
    assert_string_equal(bound(r), "");
    r.cell.cores = 2; /* a loop on one thread cannot have both */
    assert_string_equal(bound(r), "");
}

static void lateness_counts_when_the_tail_is_made_of_it(void **state) {
    struct result r = good();
    (void)state;
    r.client_late_ns = number(1.5e6);
    assert_string_equal(bound(r),
                        "the load generator's own sends were late: 1.5 ms at the 99th percentile");
    r.corrected.p99 = number(90e6);
    assert_string_equal(bound(r), "");
}

static void percentiles_are_medians_over_processes_and_labelled(void **state) {
    struct hist early = {{0}}, late = {{0}}, other = {{0}};
    struct sample samples[] = {
        {.ns = 1000, .ops = 100, .warmup = true, .hist = &other, .corrected = &other},
        {.ns = 1000,
         .ops = 100,
         .hist = &early,
         .corrected = &late,
         .client = {.cpu_ns = 250, .offered_ns = 800, .late_ns = 9, .waited = 10}},
    };
    struct rep reps[] = {{.samples = samples, .nsamples = 2}, {.samples = samples, .nsamples = 2}};
    struct result r = {.reps = reps, .nreps = 2, .ops_per_s = number(1e8), .cell = {.cores = 1}};
    const char *label;
    (void)state;
    for (int i = 0; i < 100; i++) {
        hist_add(&early, 10);
        hist_add(&late, i < 90 ? 20 : 60);
    }
    hist_add(&other, 1000000);
    estimate_latency(&r, 1);
    assert_true(r.uncorrected.p50.value == 10 && r.uncorrected.max.value == 10);
    assert_true(r.corrected.p50.value == 20 && r.corrected.p90.value == 20);
    assert_true(r.corrected.p99.value == 60 && r.corrected.p9999.value == 60);
    assert_true(r.client_cpu_share.value == 0.25 && r.client_late_ns.value == 9);
    assert_true(r.offered_ops_per_s.value == 100 * 1e9 / 800 && r.waited_share.value == 0.1);
    assert_ptr_equal(result_latencies(&r, &label), &r.corrected);
    assert_string_equal(label, "corrected");
    samples[1].corrected = NULL;
    samples[1].client.offered_ns = 0;
    estimate_latency(&r, 1);
    assert_true(r.corrected.p50.n == 0 && r.offered_ops_per_s.n == 0 && r.waited_share.n == 0);
    assert_ptr_equal(result_latencies(&r, &label), &r.uncorrected);
    assert_string_equal(label, "uncorrected");
}

static const char *complaint(const char *ops, const char *rate, const char *arrivals) {
    static char why[300];
    struct cell cell = {.timeout_s = 60};
    const char *keys[] = {"ops", "rate", "arrivals"}, *values[] = {ops, rate, arrivals};
    for (int i = 0; i < 3; i++) {
        if (!values[i])
            continue;
        snprintf(cell.params[cell.nparams].key, GB_NAME_MAX, "%s", keys[i]);
        snprintf(cell.params[cell.nparams++].value, GB_NAME_MAX, "%s", values[i]);
    }
    return check_load_params(&cell, why, sizeof why) < 0 ? why : "";
}

static void parameters_are_checked(void **state) {
    (void)state;
    assert_string_equal(complaint("1000", NULL, NULL), "");
    assert_string_equal(complaint("1000", "0", NULL), "");
    assert_string_equal(complaint("1000", "500", "poisson"), "");
    assert_non_null(strstr(complaint("1000", "-1", NULL), "rate: requests a second"));
    assert_non_null(strstr(complaint("1000", "1e3", NULL), "not '1e3'"));
    assert_non_null(strstr(complaint("1000", "10000001", NULL), "rate: "));
    assert_non_null(strstr(complaint("1000", "500", "gamma"), "constant or poisson"));
    assert_non_null(strstr(complaint("1000", NULL, "poisson"), "give it a rate"));
    assert_non_null(strstr(complaint("6000", "100", NULL), "take 60 s, and timeout_s is 60"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_client_that_keeps_up_is_not_marked),
        cmocka_unit_test(a_busy_client_is_marked),
        cmocka_unit_test(too_little_load_is_the_clients_only_when_the_server_idles),
        cmocka_unit_test(lateness_counts_when_the_tail_is_made_of_it),
        cmocka_unit_test(percentiles_are_medians_over_processes_and_labelled),
        cmocka_unit_test(parameters_are_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
