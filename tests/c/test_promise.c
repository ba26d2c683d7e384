/* The promise state machine with numbers as values: order, adoption, handled and unhandled
 * rejections, and every reference. */
#include "host.inc"
#include <poll.h>

static struct cp_loop loop;

static int begin(void **state) {
    (void)state;
    host_begin(&loop);
    assert_int_equal(cp_loop_open(&loop), 0);
    return 0;
}

static int end(void **state) {
    (void)state;
    host_end(&loop);
    return 0;
}

static void say_and_add_one(struct node *node, intptr_t value) {
    note("ok%ld ", (long)value);
    node_fulfil(node, value + 1);
}

static void say_rejected(struct node *node, intptr_t value) {
    note("no%ld ", (long)value);
    node_fulfil(node, -value);
}

static void reject_again(struct node *node, intptr_t value) {
    note("again%ld ", (long)value);
    node_reject(node, value);
}

static void nothing_runs_before_the_drain(void **state) {
    struct node p, q;
    (void)state;
    node_init(&p, &loop);
    node_init(&q, &loop);
    node_then(&p, &q, say_and_add_one, NULL);
    node_fulfil(&p, 1);
    assert_string_equal(trace, "");
    assert_int_equal(cp_drain(&loop), 1);
    assert_string_equal(trace, "ok1 ");
    assert_int_equal(cp_promise_state(&q.core), CP_FULFILLED);
    assert_int_equal((intptr_t)q.core.value, 2);
    node_drop(&p);
    node_drop(&q);
}

static void reactions_run_in_the_order_of_registration(void **state) {
    struct node p, q[3];
    (void)state;
    node_init(&p, &loop);
    for (int i = 0; i < 3; i++) {
        node_init(&q[i], &loop);
        node_then(&p, &q[i], i == 1 ? say_rejected : say_and_add_one, say_rejected);
    }
    assert_false(cp_promise_has_reactions(&p.core, 1));
    node_fulfil(&p, 5);
    cp_drain(&loop);
    assert_string_equal(trace, "ok5 no5 ok5 ");
    node_drop(&p);
    for (int i = 0; i < 3; i++)
        node_drop(&q[i]);
}

static void missing_handlers_pass_value_and_reason_through(void **state) {
    struct node p[4];
    (void)state;
    for (int i = 0; i < 4; i++)
        node_init(&p[i], &loop);
    node_then(&p[0], &p[1], say_and_add_one, NULL);
    node_then(&p[1], &p[2], NULL, NULL);
    node_then(&p[2], &p[3], NULL, say_rejected);
    node_reject(&p[0], 7);
    cp_drain(&loop);
    assert_string_equal(trace, "no7 ");
    assert_int_equal(cp_promise_state(&p[3].core), CP_FULFILLED);
    assert_int_equal(unhandled_seen, 0);
    for (int i = 0; i < 4; i++)
        node_drop(&p[i]);
}

static void late_then_runs_too(void **state) {
    struct node p, q;
    (void)state;
    node_init(&p, &loop);
    node_init(&q, &loop);
    node_fulfil(&p, 3);
    cp_drain(&loop);
    node_then(&p, &q, say_and_add_one, NULL);
    cp_drain(&loop);
    assert_string_equal(trace, "ok3 ");
    node_drop(&p);
    node_drop(&q);
}

/* Adoption costs two jobs before the reactions of the adopter: the one that subscribes, and the one
 * that passes. */
static void adoption_takes_its_two_ticks(void **state) {
    struct node p, q, plain[4], after;
    (void)state;
    node_init(&p, &loop);
    node_init(&q, &loop);
    node_init(&after, &loop);
    for (int i = 0; i < 4; i++)
        node_init(&plain[i], &loop);
    node_fulfil(&q, 9);
    node_fulfil(&plain[0], 1);
    node_adopt(&p, &q);
    node_then(&p, &after, say_and_add_one, NULL);
    for (int i = 1; i < 4; i++)
        node_then(&plain[i - 1], &plain[i], say_and_add_one, NULL);
    cp_drain(&loop);
    assert_string_equal(trace, "ok1 ok2 ok9 ok3 ");
    node_drop(&p);
    node_drop(&q);
    node_drop(&after);
    for (int i = 0; i < 4; i++)
        node_drop(&plain[i]);
}

static void rejection_without_reaction_is_reported_once(void **state) {
    struct node p, q;
    (void)state;
    node_init(&p, &loop);
    node_init(&q, &loop);
    node_reject(&p, 1);
    assert_int_equal(unhandled_seen, 0);
    cp_drain(&loop);
    cp_drain(&loop);
    assert_int_equal(unhandled_seen, 1);
    node_then(&p, &q, NULL, reject_again);
    cp_drain(&loop);
    assert_int_equal(unhandled_seen, 2); /* q itself */
    node_drop(&p);
    node_drop(&q);
}

static void rejection_handled_before_the_drain_ends_is_not_reported(void **state) {
    struct node p, q;
    (void)state;
    node_init(&p, &loop);
    node_init(&q, &loop);
    node_reject(&p, 1);
    node_then(&p, &q, NULL, say_rejected);
    cp_drain(&loop);
    assert_int_equal(unhandled_seen, 0);
    node_drop(&p);
    node_drop(&q);
}

enum { LINKS = 100000 };

static void a_long_chain_settles_without_recursion(void **state) {
    struct node *p = test_calloc(LINKS, sizeof *p);
    (void)state;
    for (int i = 0; i < LINKS; i++) {
        node_init(&p[i], &loop);
        if (i)
            node_then(&p[i - 1], &p[i], NULL, NULL);
    }
    node_fulfil(&p[0], 4);
    assert_int_equal(cp_drain(&loop), LINKS - 1);
    assert_int_equal((intptr_t)p[LINKS - 1].core.value, 4);
    for (int i = 0; i < LINKS; i++)
        node_drop(&p[i]);
    test_free(p);
}

static void a_pending_promise_gives_its_reactions_back(void **state) {
    struct node p, q[2];
    (void)state;
    node_init(&p, &loop);
    for (int i = 0; i < 2; i++) {
        node_init(&q[i], &loop);
        node_then(&p, &q[i], say_and_add_one, NULL);
    }
    struct cp_job *first = cp_promise_detach(&p.core);
    assert_ptr_equal(first, &q[0].core.self.job);
    assert_ptr_equal(first->next, &q[1].core.self.job);
    assert_null(first->next->next);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(q[i].core.self.job.phase, CP_DETACHED);
        q[i].refs--;
    }
    assert_null(cp_promise_detach(&p.core));
    node_drop(&p);
}

static void a_reaction_can_be_taken_out_of_the_list(void **state) {
    struct node p, q[3];
    (void)state;
    for (int gone = 0; gone < 3; gone++) {
        node_init(&p, &loop);
        assert_true(cp_promise_has_reactions(&p.core, 0));
        for (int i = 0; i < 3; i++) {
            node_init(&q[i], &loop);
            node_then(&p, &q[i], say_and_add_one, NULL);
        }
        cp_promise_unsubscribe(&q[gone].core.self);
        q[gone].refs--;
        assert_int_equal(q[gone].core.self.job.phase, CP_IDLE);
        node_fulfil(&p, gone);
        assert_int_equal(cp_drain(&loop), 2);
        assert_int_equal(cp_promise_state(&q[gone].core), CP_PENDING);
        node_drop(&p);
        for (int i = 0; i < 3; i++)
            node_drop(&q[i]);
    }
    node_init(&p, &loop);
    node_init(&q[0], &loop);
    node_then(&p, &q[0], say_and_add_one, NULL);
    assert_true(cp_promise_has_reactions(&p.core, 1));
    cp_promise_unsubscribe(&q[0].core.self);
    q[0].refs--;
    assert_true(cp_promise_has_reactions(&p.core, 0));
}

static void a_long_drain_takes_breath(void **state) {
    struct node *p = test_calloc(LINKS, sizeof *p);
    (void)state;
    for (int i = 0; i < LINKS; i++) {
        node_init(&p[i], &loop);
        if (i)
            node_then(&p[i - 1], &p[i], NULL, NULL);
    }
    node_fulfil(&p[0], 1);
    cp_drain(&loop);
    assert_in_range(breaths, LINKS / 2048, LINKS / 512);
    for (int i = 0; i < LINKS; i++)
        node_drop(&p[i]);
    test_free(p);
}

static bool is_readable(int fd) {
    struct pollfd one = {.fd = fd, .events = POLLIN};
    return poll(&one, 1, 0) == 1;
}

static int count_job(struct cp_job *job, void *count) {
    (void)job;
    ++*(int *)count;
    return 0;
}

static int stop_at_timer(struct cp_timer *timer, void *count) {
    (void)timer, (void)count;
    return 7;
}

static void a_visit_sees_what_is_queued(void **state) {
    struct node p, q;
    struct cp_timer timer = {0};
    int count = 0;
    (void)state;
    node_init(&p, &loop);
    node_init(&q, &loop);
    node_then(&p, &q, say_and_add_one, NULL);
    node_fulfil(&p, 1);
    assert_int_equal(cp_loop_visit(&loop, count_job, stop_at_timer, &count), 0);
    assert_int_equal(count, 1);
    cp_timer_start(&loop, &timer, CP_FOREVER);
    assert_int_equal(cp_loop_visit(&loop, count_job, stop_at_timer, &count), 7);
    cp_timer_stop(&loop, &timer);
    cp_drain(&loop);
    node_drop(&p);
    node_drop(&q);
}

static struct node endless, rejected[2];

static void go_on(struct node *node, intptr_t value) {
    if (value == 5000)
        return;
    node_init(node, &loop); /* the same node again and again: it has run */
    node->refs++;
    if (value == 2000) {
        assert_int_equal(rejected[0].refs, 0);
        assert_int_equal(rejected[1].refs, 1);
    }
    node_then(&endless, node, go_on, NULL);
    endless.core.value = (void *)(value + 1);
}

/* A drain that does not come to its end gives handled rejections back on the way. */
static void a_long_drain_keeps_no_handled_rejection(void **state) {
    struct node handler, runner;
    (void)state;
    for (int i = 0; i < 2; i++) {
        node_init(&rejected[i], &loop);
        node_reject(&rejected[i], 1);
    }
    node_init(&handler, &loop);
    node_then(&rejected[0], &handler, NULL, say_rejected);
    node_init(&endless, &loop);
    node_init(&runner, &loop);
    node_fulfil(&endless, 1);
    node_then(&endless, &runner, go_on, NULL);
    cp_drain(&loop);
    assert_int_equal(unhandled_seen, 1);
    for (int i = 0; i < 2; i++)
        node_drop(&rejected[i]);
    node_drop(&handler);
    node_drop(&endless);
}

/* Another loop that runs this one a turn at a time hears of work that is queued between turns. */
static void queued_work_is_announced_on_request(void **state) {
    struct node p, q;
    (void)state;
    node_init(&p, &loop);
    node_init(&q, &loop);
    node_then(&p, &q, say_and_add_one, NULL);
    loop.notify = true;
    assert_true(cp_loop_idle(&loop) == CP_FOREVER);
    assert_false(is_readable(cp_loop_fileno(&loop)));
    node_fulfil(&p, 1);
    assert_false(loop.notify);
    assert_true(is_readable(cp_loop_fileno(&loop)));
    assert_true(cp_loop_idle(&loop) == 0);
    assert_int_equal(cp_loop_step(&loop, 0), 0);
    assert_false(is_readable(cp_loop_fileno(&loop)));
    node_drop(&p);
    node_drop(&q);
}

/* A small model: random programs of then, settle and adopt, checked for balance of references and
 * for nothing left behind. */
static void random_programs_keep_their_references(void **state) {
    enum { NODES = 40, PROGRAMS = 2000 };
    static struct node p[NODES];
    unsigned x = 1;
    (void)state;
    for (int program = 0; program < PROGRAMS; program++) {
        for (int i = 0; i < NODES; i++)
            node_init(&p[i], &loop);
        for (int i = 1; i < NODES; i++) {
            unsigned what = (x = x * 1103515245u + 12345u) >> 16;
            struct node *from = &p[(what >> 4) % (unsigned)i];
            if (what % 4 == 0)
                node_adopt(&p[i], from);
            else
                node_then(from, &p[i], what % 4 == 1 ? say_and_add_one : NULL,
                          what % 4 == 2 ? reject_again : NULL);
            trace[0] = '\0';
            if (what % 7 == 0)
                cp_drain(&loop);
        }
        if (program % 2)
            node_fulfil(&p[0], program);
        else
            node_reject(&p[0], program);
        cp_drain(&loop);
        for (int i = 0; i < NODES; i++) {
            assert_int_not_equal(cp_promise_state(&p[i].core), CP_PENDING);
            node_drop(&p[i]);
        }
        assert_int_equal(value_refs, 0);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(nothing_runs_before_the_drain, begin, end),
        cmocka_unit_test_setup_teardown(reactions_run_in_the_order_of_registration, begin, end),
        cmocka_unit_test_setup_teardown(missing_handlers_pass_value_and_reason_through, begin, end),
        cmocka_unit_test_setup_teardown(late_then_runs_too, begin, end),
        cmocka_unit_test_setup_teardown(adoption_takes_its_two_ticks, begin, end),
        cmocka_unit_test_setup_teardown(rejection_without_reaction_is_reported_once, begin, end),
        cmocka_unit_test_setup_teardown(rejection_handled_before_the_drain_ends_is_not_reported,
                                        begin, end),
        cmocka_unit_test_setup_teardown(a_long_chain_settles_without_recursion, begin, end),
        cmocka_unit_test_setup_teardown(a_pending_promise_gives_its_reactions_back, begin, end),
        cmocka_unit_test_setup_teardown(a_reaction_can_be_taken_out_of_the_list, begin, end),
        cmocka_unit_test_setup_teardown(a_long_drain_takes_breath, begin, end),
        cmocka_unit_test_setup_teardown(a_long_drain_keeps_no_handled_rejection, begin, end),
        cmocka_unit_test_setup_teardown(a_visit_sees_what_is_queued, begin, end),
        cmocka_unit_test_setup_teardown(queued_work_is_announced_on_request, begin, end),
        cmocka_unit_test_setup_teardown(random_programs_keep_their_references, begin, end),
    };
    return cmocka_run_group_tests_name("promise", tests, NULL, NULL);
}
