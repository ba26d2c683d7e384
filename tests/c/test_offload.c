/* The pool: every piece of work comes home once, what never ran is dropped, a pool without memory
 * says so. */
#include "host.inc"
#include <errno.h>
#include <unistd.h>

enum { WORKS = 200 };

struct item {
    struct cp_work work;
    int number, square;
};

static struct cp_loop loop;
static int home, dropped;

static void square(struct cp_work *work, void *worker) {
    struct item *item = cp_container_of(work, struct item, work);
    assert_non_null(worker);
    item->square = item->number * item->number;
}

static void doze(struct cp_work *work, void *worker) {
    square(work, worker);
    usleep(20000);
}

static int run_item(struct cp_loop *l, struct cp_job *job) {
    struct item *item = cp_container_of(job, struct item, work.job);
    (void)l;
    assert_int_equal(item->square, item->number * item->number);
    home++;
    return 0;
}

static struct cp_host host;

static int begin(void **state) {
    (void)state;
    host_begin(&loop);
    host = test_host;
    host.run = run_item;
    loop.host = &host;
    home = dropped = 0;
    return cp_loop_open(&loop);
}

static int end(void **state) {
    (void)state;
    host_end(&loop);
    return 0;
}

static void drop(struct cp_work *work) {
    (void)work;
    dropped++;
}

static void all_work_comes_home(void **state) {
    static struct item items[WORKS];
    (void)state;
    for (int i = 0; i < WORKS; i++) {
        items[i] = (struct item){.work.run = square, .number = i};
        assert_int_equal(cp_work_submit(&loop, &items[i].work), 0);
    }
    while (home < WORKS)
        assert_int_equal(cp_loop_step(&loop, CP_FOREVER), 0);
    while (cp_work_busy(&loop)) /* the last worker may still be on its way back from cp_post */
        usleep(100);
    cp_work_stop(&loop, drop);
    assert_int_equal(dropped, 0);
}

static void stopping_drops_what_waits_and_keeps_what_runs(void **state) {
    static struct item items[WORKS];
    (void)state;
    for (int i = 0; i < WORKS; i++) {
        items[i] = (struct item){.work.run = doze, .number = i};
        assert_int_equal(cp_work_submit(&loop, &items[i].work), 0);
    }
    assert_true(cp_work_busy(&loop));
    cp_work_stop(&loop, drop);
    assert_int_equal(cp_loop_step(&loop, 0), 0);
    assert_int_equal(home + dropped, WORKS);
    assert_true(dropped > 0);
}

static void no_memory_for_the_pool_is_an_error(void **state) {
    struct item item = {.work.run = square};
    (void)state;
    fail_allocation(1);
    assert_int_equal(cp_work_submit(&loop, &item.work), -ENOMEM);
    fail_allocation(0);
    assert_int_equal(cp_work_submit(&loop, &item.work), 0);
    while (home < 1)
        cp_loop_step(&loop, CP_FOREVER);
    cp_work_stop(&loop, drop);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(all_work_comes_home, begin, end),
        cmocka_unit_test_setup_teardown(stopping_drops_what_waits_and_keeps_what_runs, begin, end),
        cmocka_unit_test_setup_teardown(no_memory_for_the_pool_is_an_error, begin, end),
    };
    return cmocka_run_group_tests_name("offload", tests, NULL, NULL);
}
