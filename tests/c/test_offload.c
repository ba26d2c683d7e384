/* The pools: every piece of work comes home once, what never ran is dropped, a pool without memory
 * says so. */
#include "host.inc"
#include <errno.h>
#include <sched.h>
#include <unistd.h>

enum { WORKS = 200 };

struct item {
    struct cp_work work;
    int number, square;
};

static struct cp_loop loop;
static int home, dropped, lost;
static atomic_int released;
static atomic_bool gate;

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
    home = dropped = lost = 0;
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

static void lose(struct cp_work *work) {
    (void)work;
    lost++;
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
    assert_int_equal(cp_work_stop(&loop, false, drop, lose), 0);
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
    assert_int_equal(cp_work_stop(&loop, false, drop, lose), 0);
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
    assert_int_equal(cp_work_stop(&loop, false, drop, lose), 0);
}

static atomic_int at_gate;

static void wait_at_gate(struct cp_work *work, void *worker) {
    square(work, worker);
    at_gate++;
    while (!gate)
        usleep(1000);
}

static void release(struct cp_work *work, void *worker) {
    (void)work;
    assert_non_null(worker);
    released++;
}

static void (*free_before)(void *);
static void *_Atomic pool;

static void free_and_tell(void *ptr) {
    bool was_pool = ptr && ptr == pool;
    free_before(ptr);
    if (was_pool)
        pool = NULL;
}

static int looks;

static int third_look(struct cp_loop *l) {
    (void)l;
    return ++looks == 3 ? -EINTR : 0;
}

/* The loop, and so all it has, is gone before the threads are. */
static void leave(bool hurry) {
    static struct item items[WORKS];
    static struct cp_host hosts[2]; /* the threads use it to their end, whatever comes next */
    int alive;
    hosts[hurry] = host;
    hosts[hurry].worker_lost = release;
    hosts[hurry].interrupted = third_look;
    loop.host = &hosts[hurry];
    free_before = cp_mem.free;
    cp_mem.free = free_and_tell;
    gate = false;
    at_gate = 0;
    released = looks = 0;
    for (int i = 0; i < WORKS; i++) {
        items[i] = (struct item){.work.run = wait_at_gate, .number = i};
        assert_int_equal(cp_work_submit(&loop, &items[i].work), 0);
    }
    while (!at_gate)
        usleep(100);
    pool = loop.pools[0];
    assert_int_equal(cp_work_stop(&loop, hurry, drop, lose), hurry ? 0 : -EINTR);
    assert_int_equal(looks, hurry ? 0 : 3);
    alive = lost;
    assert_true(alive > 0 && alive + dropped == WORKS);
    assert_false(cp_work_busy(&loop));
    cp_loop_close(&loop);
    assert_int_equal(released, 0);
    gate = true;
    while (pool) /* the last thread frees it */
        usleep(100);
    assert_int_equal(released, alive);
    assert_int_equal(home, 0);
}

static void in_a_hurry_what_runs_is_left_behind(void **state) {
    (void)state;
    leave(true);
}

static void an_interrupt_leaves_what_runs_behind(void **state) {
    (void)state;
    leave(false);
}

/* With the one thread asleep in the first piece, those behind it wait. */
static void what_waits_can_be_taken_back(void **state) {
    static struct item items[5];
    int taken = 0;
    (void)state;
    loop.max_workers = 1;
    for (int i = 0; i < 5; i++) {
        items[i] = (struct item){.work.run = doze, .number = i};
        assert_int_equal(cp_work_submit(&loop, &items[i].work), 0);
    }
    taken += cp_work_take_back(&loop, &items[2].work);
    taken += cp_work_take_back(&loop, &items[4].work);
    taken += cp_work_take_back(&loop, &items[1].work);
    assert_true(taken > 0);
    assert_false(cp_work_take_back(&loop, &items[2].work));
    while (home + taken < 5)
        assert_int_equal(cp_loop_step(&loop, CP_FOREVER), 0);
    assert_false(cp_work_take_back(&loop, &items[0].work));
    assert_true(cp_work_begun(&loop));
    assert_int_equal(cp_work_stop(&loop, false, drop, lose), 0);
    assert_false(cp_work_begun(&loop));
    assert_int_equal(home + taken + dropped, 5);
}

static void note_cpu(struct cp_work *work, void *worker) {
    cpu_set_t where;
    square(work, worker);
    assert_int_equal(sched_getaffinity(0, sizeof where, &where), 0);
    if (CPU_COUNT(&where) != 1)
        cp_container_of(work, struct item, work)->square = -1;
}

static void workers_stay_on_their_cpus(void **state) {
    static struct item items[WORKS];
    const int cpu = sched_getcpu();
    (void)state;
    loop.cpus = &cpu;
    loop.cpu_count = 1;
    for (int i = 0; i < WORKS; i++) {
        items[i] = (struct item){.work.run = note_cpu, .number = i};
        assert_int_equal(cp_work_submit(&loop, &items[i].work), 0);
    }
    while (home < WORKS)
        assert_int_equal(cp_loop_step(&loop, CP_FOREVER), 0);
    assert_int_equal(cp_work_stop(&loop, false, drop, lose), 0);
}

static void the_two_kinds_of_pool_do_not_wait_for_each_other(void **state) {
    struct item plain = {.work.run = doze, .number = 2},
                apart = {.work = {.run = square, .pool = CP_POOL_APART}, .number = 3};
    (void)state;
    loop.max_workers = 1;
    assert_int_equal(cp_work_submit(&loop, &plain.work), 0);
    assert_int_equal(cp_work_submit(&loop, &apart.work), 0);
    while (home < 2)
        assert_int_equal(cp_loop_step(&loop, CP_FOREVER), 0);
    assert_int_equal(cp_work_stop(&loop, false, drop, lose), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(all_work_comes_home, begin, end),
        cmocka_unit_test_setup_teardown(stopping_drops_what_waits_and_keeps_what_runs, begin, end),
        cmocka_unit_test_setup_teardown(no_memory_for_the_pool_is_an_error, begin, end),
        cmocka_unit_test_setup_teardown(in_a_hurry_what_runs_is_left_behind, begin, end),
        cmocka_unit_test_setup_teardown(an_interrupt_leaves_what_runs_behind, begin, end),
        cmocka_unit_test_setup_teardown(what_waits_can_be_taken_back, begin, end),
        cmocka_unit_test_setup_teardown(workers_stay_on_their_cpus, begin, end),
        cmocka_unit_test_setup_teardown(the_two_kinds_of_pool_do_not_wait_for_each_other, begin,
                                        end),
    };
    return cmocka_run_group_tests_name("offload", tests, NULL, NULL);
}
