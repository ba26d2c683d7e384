/* What epoll tells its host of the completions that are to come, and what cannot be told any more. */
#include "host.inc"
#include <sys/socket.h>
#include <unistd.h>

enum { MANY = 300, FEW = 20 };

static struct cp_loop loop;
static struct cp_host host;
static struct {
    struct cp_io io;
    struct cp_op op;
    int peer;
    int told; /* the least `ahead` that was said of it, CP_AHEAD + 1: nothing */
} readers[MANY];
static int done_count, told_count,
    closing; /* of which the next handler closes the descriptor, or -1 */

static int index_of(const struct cp_op *op) {
    return (int)(cp_container_of(op, __typeof__(readers[0]), op) - readers);
}

static void expect(const struct cp_op *op, int ahead) {
    const int i = index_of(op);
    assert_true(op->pending && readers[i].io.reader == op);
    assert_true(ahead > 0 && ahead < readers[i].told);
    readers[i].told = ahead;
    told_count++;
}

static int on_done(struct cp_loop *l, struct cp_op *op) {
    (void)op;
    done_count++;
    if (closing >= 0)
        cp_io_close(l, &readers[closing].io);
    closing = -1;
    return 0;
}

static int begin(void **state) {
    (void)state;
    host_begin(&loop);
    host = test_host;
    host.expect = expect;
    loop.host = &host;
    done_count = told_count = 0;
    closing = -1;
    return cp_loop_open(&loop);
}

static int end(void **state) {
    (void)state;
    host_end(&loop);
    return 0;
}

static void make_readable(int count) {
    for (int i = 0; i < count; i++) {
        int fds[2];
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds),
                         0);
        assert_int_equal(cp_io_open(&loop, &readers[i].io, fds[0]), 0);
        readers[i].op = (struct cp_op){.kind = CP_OP_RECV, .len = 200, .done = on_done};
        assert_int_equal(cp_io_submit(&loop, &readers[i].io, &readers[i].op), 0);
        readers[i].told = CP_AHEAD + 1;
        readers[i].peer = fds[1];
    }
    for (int i = 0; i < count; i++)
        assert_int_equal(write(readers[i].peer, "x", 1), 1);
}

static void step_until(int count) {
    while (done_count < count)
        assert_int_equal(cp_loop_step(&loop, CP_FOREVER), 0);
}

static void close_all(int count) {
    for (int i = 0; i < count; i++) {
        cp_io_close(&loop, &readers[i].io);
        close(readers[i].peer);
    }
}

static void of_many_each_is_told_step_by_step(void **state) {
    int told = 0;
    (void)state;
    make_readable(MANY);
    step_until(MANY);
    for (int i = 0; i < MANY; i++)
        told += readers[i].told == 1;
    assert_int_equal(
        told, 256 - 1); /* the first of a full batch comes at once, the rest is no full one */
    close_all(MANY);
}

static void of_few_nothing_is_told(void **state) {
    (void)state;
    make_readable(FEW);
    step_until(FEW);
    assert_int_equal(told_count, 0);
    close_all(FEW);
}

static void what_was_closed_meanwhile_is_not_told(void **state) {
    (void)state;
    make_readable(MANY);
    closing = CP_AHEAD; /* told once when the first handler runs */
    step_until(MANY);
    assert_int_equal(readers[CP_AHEAD].told, CP_AHEAD);
    assert_int_equal(readers[CP_AHEAD + 1].told, 1);
    close_all(MANY);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(of_many_each_is_told_step_by_step, begin, end),
        cmocka_unit_test_setup_teardown(of_few_nothing_is_told, begin, end),
        cmocka_unit_test_setup_teardown(what_was_closed_meanwhile_is_not_told, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
