/* The turn of the loop: order of its phases, macrotasks, messages from threads, opening with
 * failing allocations. */
#include "host.inc"
#include <errno.h>
#include <pthread.h>
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

static void say(struct node *node, intptr_t value) {
    note("m%ld ", (long)value);
    node_fulfil(node, value);
}

static struct node micro;

/* A macrotask that queues a microtask and another macrotask. */
static struct node tasks[3];
static void macrotask(struct node *node, intptr_t value) {
    (void)node;
    note("M%ld ", (long)value);
    value_refs++; /* what run_reaction takes off: nothing was owed for this job */
    if (value == 1) {
        node_init(&micro, &loop);
        micro.core.self.job.kind = CP_HOST;
        micro.core.self.ok = (void *)say;
        micro.core.self.arg = (void *)5;
        micro.refs++;
        value_refs++;
        cp_enqueue(&loop, &micro.core.self.job);
        tasks[2].refs++;
        cp_enqueue_macro(&loop, &tasks[2].core.self.job);
    }
}

static void init_task(struct node *node, intptr_t value) {
    node_init(node, &loop);
    node->core.self.job.kind = CP_HOST;
    node->core.self.ok = (void *)macrotask;
    node->core.self.arg = (void *)value;
}

static void microtasks_run_between_macrotasks_and_new_ones_wait(void **state) {
    (void)state;
    for (int i = 0; i < 3; i++)
        init_task(&tasks[i], i + 1);
    for (int i = 0; i < 2; i++) {
        tasks[i].refs++;
        cp_enqueue_macro(&loop, &tasks[i].core.self.job);
    }
    assert_int_equal(cp_loop_step(&loop, 0), 0);
    assert_string_equal(trace, "M1 m5 M2 ");
    assert_true(cp_loop_pending(&loop));
    assert_int_equal(cp_loop_step(&loop, CP_FOREVER), 0);
    assert_string_equal(trace, "M1 m5 M2 M3 ");
    assert_false(cp_loop_pending(&loop));
    node_drop(&micro);
}

/* A late job runs when the microtasks are done, before the next completions; what it queues as late
 * follows it. */
static void late(struct node *node, intptr_t value) {
    note("L%ld ", (long)value);
    value_refs++;
    if (value != 1)
        return;
    tasks[1].refs++;
    cp_enqueue_late(&loop, &tasks[1].core.self.job);
    init_task(&micro, 7);
    micro.refs++;
    cp_enqueue(&loop, &micro.core.self.job);
    (void)node;
}

static void late_jobs_end_a_turn(void **state) {
    (void)state;
    for (int i = 0; i < 3; i++)
        init_task(&tasks[i], i + 1);
    tasks[0].core.self.ok = tasks[1].core.self.ok = (void *)late;
    tasks[0].refs++;
    cp_enqueue_late(&loop, &tasks[0].core.self.job);
    tasks[2].refs++;
    cp_enqueue(&loop, &tasks[2].core.self.job);
    assert_true(cp_loop_pending(&loop));
    assert_int_equal(cp_loop_step(&loop, 0), 0);
    assert_string_equal(trace, "M3 L1 L2 M7 ");
    assert_false(cp_loop_pending(&loop));
    tasks[0].refs++;
    cp_enqueue_late(&loop, &tasks[0].core.self.job);
    assert_ptr_equal(cp_loop_take_job(&loop), &tasks[0].core.self.job);
    tasks[0].refs--;
}

/* Goes on at once for as long as it may, then queues itself, and so on until enough was done. */
enum { STEPS = 10000 };
static int steps, queued;
static void walk(struct node *node, intptr_t value) {
    value_refs++;
    do
        if (++steps == STEPS)
            return;
    while (cp_is_next(&loop));
    queued++;
    init_task(node, value);
    node->core.self.ok = (void *)walk;
    node->refs = 2; /* this run's, which ends, and the queue's */
    cp_enqueue(&loop, &node->core.self.job);
}

static void a_job_goes_on_at_once_and_the_loop_breathes_all_the_same(void **state) {
    (void)state;
    steps = queued = 0;
    init_task(&tasks[0], 1);
    tasks[0].core.self.ok = (void *)walk;
    tasks[0].refs++;
    cp_enqueue(&loop, &tasks[0].core.self.job);
    assert_false(cp_is_next(&loop)); /* something is to run before */
    assert_int_equal(cp_drain(&loop), STEPS);
    assert_int_equal(breaths, STEPS / 1024);
    assert_int_equal(queued, breaths);
}

enum { POSTS = 1000 };
static struct node posts[POSTS];
static int posted_ran;

static void count_post(struct node *node, intptr_t value) {
    (void)node, (void)value;
    value_refs++;
    posted_ran++;
}

static void *post_all(void *arg) {
    (void)arg;
    for (int i = 0; i < POSTS; i++)
        cp_post(&loop, &posts[i].core.self.job);
    return NULL;
}

static void messages_of_another_thread_wake_the_loop_and_none_is_lost(void **state) {
    pthread_t thread;
    (void)state;
    for (int i = 0; i < POSTS; i++) {
        init_task(&posts[i], 0);
        posts[i].core.self.ok = (void *)count_post;
        posts[i].refs++;
    }
    assert_int_equal(pthread_create(&thread, NULL, post_all, NULL), 0);
    while (posted_ran < POSTS)
        assert_int_equal(cp_loop_step(&loop, CP_FOREVER), 0);
    pthread_join(thread, NULL);
    assert_true(loop.stats.wakeups <= POSTS);
}

/* Each allocation that opening needs fails once: an error, nothing left open (ASan and the
 * descriptor tell). */
static void opening_survives_every_failing_allocation(void **state) {
    int nth = 1, err;
    (void)state;
    for (;; nth++) {
        host_begin(&loop);
        fail_allocation(nth);
        err = cp_loop_open(&loop);
        if (err == 0)
            break;
        assert_int_equal(err, -ENOMEM);
    }
    assert_true(nth > 1);
    fail_allocation(0);
    host_end(&loop);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(microtasks_run_between_macrotasks_and_new_ones_wait, begin,
                                        end),
        cmocka_unit_test_setup_teardown(late_jobs_end_a_turn, begin, end),
        cmocka_unit_test_setup_teardown(a_job_goes_on_at_once_and_the_loop_breathes_all_the_same,
                                        begin, end),
        cmocka_unit_test_setup_teardown(messages_of_another_thread_wake_the_loop_and_none_is_lost,
                                        begin, end),
        cmocka_unit_test(opening_survives_every_failing_allocation),
    };
    return cmocka_run_group_tests_name("loop", tests, NULL, NULL);
}
