/* The timer heap: order, equal deadlines, stopping, and memory that runs out. */
#include "host.inc"
#include <errno.h>
#include <stdlib.h>

static struct cp_loop loop;

static int begin(void **state) {
    (void)state;
    host_begin(&loop);
    return cp_loop_open(&loop);
}

static int end(void **state) {
    (void)state;
    host_end(&loop);
    return 0;
}

static void equal_deadlines_fire_in_the_order_of_their_start(void **state) {
    struct cp_timer t[5] = {{0}};
    cp_ns now = cp_now();
    (void)state;
    for (int i = 0; i < 5; i++)
        assert_int_equal(cp_timer_start(&loop, &t[i], now), 0);
    assert_int_equal(cp_loop_step(&loop, 0), 0);
    assert_string_equal(trace, "t0 t1 t2 t3 t4 ");
}

static void no_timer_fires_early(void **state) {
    struct cp_timer t = {0};
    cp_ns when = cp_now() + 3000000;
    (void)state;
    cp_timer_start(&loop, &t, when);
    while (t.slot)
        assert_int_equal(cp_loop_step(&loop, CP_FOREVER), 0);
    assert_true(cp_now() >= when);
}

static void thousands_come_out_sorted_and_stopped_ones_do_not(void **state) {
    enum { N = 5000 };
    struct cp_timer *t = test_calloc(N, sizeof *t), *last = NULL, *next;
    int left = 0;
    (void)state;
    srand(1);
    for (int i = 0; i < N; i++)
        assert_int_equal(cp_timer_start(&loop, &t[i], rand() % 1000), 0);
    for (int i = 0; i < N; i += 3) {
        assert_true(cp_timer_stop(&loop, &t[i]));
        assert_false(cp_timer_stop(&loop, &t[i]));
    }
    while ((next = cp_loop_take_timer(&loop))) {
        assert_true((next - t) % 3 != 0);
        if (last)
            assert_true(last->when < next->when ||
                        (last->when == next->when && last->seq < next->seq));
        last = next;
        left++;
    }
    assert_int_equal(left, N - (N + 2) / 3);
    test_free(t);
}

static void out_of_memory_is_an_error_and_loses_nothing(void **state) {
    struct cp_timer t[200] = {{0}};
    int started = 0;
    (void)state;
    fail_allocation(2);
    while (cp_timer_start(&loop, &t[started], started) == 0)
        started++;
    assert_true(started > 0 && started < 200);
    assert_int_equal(t[started].slot, 0);
    fail_allocation(0);
    for (int i = 0; i < started; i++)
        assert_ptr_equal(cp_loop_take_timer(&loop), &t[i]);
    assert_null(cp_loop_take_timer(&loop));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(equal_deadlines_fire_in_the_order_of_their_start, begin,
                                        end),
        cmocka_unit_test_setup_teardown(no_timer_fires_early, begin, end),
        cmocka_unit_test_setup_teardown(thousands_come_out_sorted_and_stopped_ones_do_not, begin,
                                        end),
        cmocka_unit_test_setup_teardown(out_of_memory_is_an_error_and_loses_nothing, begin, end),
    };
    return cmocka_run_group_tests_name("timer", tests, NULL, NULL);
}
