/* Operations on descriptors, through each of the pollers: completion at once and later, end of file,
 * reset, cancel, close, reuse. */
#include "host.inc"
#include "sockets.inc"
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/uio.h>

static int done_count;
static ssize_t last_result;
static char last_data[256];

static int on_done(struct cp_loop *l, struct cp_op *op) {
    (void)l;
    done_count++;
    last_result = op->result;
    if (op->kind == CP_OP_RECV && op->result > 0)
        memcpy(last_data, op->data, (size_t)op->result);
    return 0;
}

static int begin(void **state) {
    (void)state;
    done_count = 0;
    return open_loop();
}

static struct cp_op recv_op(void) {
    return (struct cp_op){.kind = CP_OP_RECV, .len = 200, .done = on_done};
}

static void step_until(int count) {
    while (done_count < count)
        assert_int_equal(cp_loop_step(&loop, CP_FOREVER), 0);
}

static void a_read_that_finds_bytes_is_complete_at_once(void **state) {
    struct cp_io io;
    struct cp_op op = recv_op();
    int fds[2];
    (void)state;
    pair(fds);
    assert_int_equal(cp_io_open(&loop, &io, fds[0]), 0);
    assert_int_equal(write(fds[1], "abc", 3), 3);
    assert_int_equal(cp_io_submit(&loop, &io, &op), 1);
    assert_int_equal(op.result, 3);
    assert_memory_equal(op.data, "abc", 3);
    assert_false(cp_loop_pending(&loop));
    cp_io_close(&loop, &io);
    close(fds[1]);
}

static void a_read_that_finds_nothing_completes_later(void **state) {
    struct cp_io io;
    struct cp_op op = recv_op(), second = recv_op();
    int fds[2];
    (void)state;
    pair(fds);
    cp_io_open(&loop, &io, fds[0]);
    assert_int_equal(cp_io_submit(&loop, &io, &op), 0);
    assert_int_equal(cp_io_submit(&loop, &io, &second), -EBUSY);
    assert_true(cp_loop_pending(&loop));
    assert_int_equal(write(fds[1], "xyz", 3), 3);
    step_until(1);
    assert_int_equal(last_result, 3);
    assert_memory_equal(last_data, "xyz", 3);
    assert_int_equal(cp_io_submit(&loop, &io, &op), 0); /* drained: no call is wasted on a try */
    close(fds[1]);
    step_until(2);
    assert_int_equal(last_result, 0);
    cp_io_close(&loop, &io);
}

/* Bytes and end of file come in one event: the end must not be forgotten. */
static void end_of_file_right_behind_the_bytes_is_seen(void **state) {
    struct cp_io io;
    struct cp_op op = recv_op();
    int fds[2];
    (void)state;
    pair(fds);
    cp_io_open(&loop, &io, fds[0]);
    assert_int_equal(cp_io_submit(&loop, &io, &op), 0);
    assert_int_equal(write(fds[1], "q", 1), 1);
    close(fds[1]);
    step_until(1);
    assert_int_equal(last_result, 1);
    if (cp_io_submit(&loop, &io, &op) == 0)
        step_until(2);
    assert_int_equal(op.result, 0);
    cp_io_close(&loop, &io);
}

static void a_full_socket_finishes_its_write_when_there_is_room(void **state) {
    static char block[16 << 20], sink[1 << 16];
    struct cp_io io;
    struct cp_op op = {.kind = CP_OP_SEND, .buf = block, .len = sizeof block, .done = on_done};
    int fds[2];
    (void)state;
    pair(fds);
    cp_io_open(&loop, &io, fds[0]);
    assert_int_equal(cp_io_submit(&loop, &io, &op), 1);
    assert_true(op.result > 0 && op.result < (ssize_t)sizeof block);
    assert_int_equal(cp_io_submit(&loop, &io, &op), 0);
    while (read(fds[1], sink, sizeof sink) > 0)
        ;
    step_until(1);
    assert_true(last_result > 0);
    cp_io_close(&loop, &io);
    close(fds[1]);
}

/* Chunks of different sizes, and a file: what arrives is the bytes of all of them, in order. */
enum { CHUNKS = 40 };
static unsigned char source[CHUNKS * CHUNKS * 512];
static size_t arrived;

static void receive(int fd) {
    static unsigned char sink[1 << 16];
    ssize_t n;
    while ((n = read(fd, sink, sizeof sink)) > 0) {
        assert_memory_equal(sink, source + arrived, (size_t)n);
        arrived += (size_t)n;
    }
}

static void fill_source(void) {
    arrived = 0;
    for (size_t i = 0; i < sizeof source; i++)
        source[i] = (unsigned char)(i * 2654435761u >> 24);
}

static void gathered_chunks_arrive_in_order(void **state) {
    struct iovec chunks[CHUNKS];
    struct cp_io io;
    struct cp_op op = {.kind = CP_OP_SENDV, .buf = chunks, .len = CHUNKS, .done = on_done};
    size_t size = 0, sent;
    int fds[2];
    (void)state;
    fill_source();
    for (size_t i = 0; i < CHUNKS; size += chunks[i++].iov_len)
        chunks[i] = (struct iovec){source + size, (i + 1) * 512};
    pair(fds);
    cp_io_open(&loop, &io, fds[0]);
    assert_int_equal(cp_io_submit(&loop, &io, &op), 1);
    assert_true(op.result > 0);
    sent = (size_t)op.result;
    receive(fds[1]);
    assert_int_equal(arrived, sent);
    cp_io_close(&loop, &io);
    close(fds[1]);
}

static void a_range_of_a_file_is_sent_as_the_socket_takes_it(void **state) {
    FILE *file = tmpfile();
    struct cp_file_range range = {fileno(file), 1000};
    struct cp_io io;
    struct cp_op op = {.kind = CP_OP_SENDFILE, .buf = &range, .len = 64, .done = on_done};
    int fds[2], done;
    (void)state;
    fill_source();
    for (int copies = 0; copies < 12; copies++) /* more than a socket's buffer */
        assert_int_equal(fwrite(source, sizeof source, 1, file), 1);
    assert_int_equal(fflush(file), 0);
    pair(fds);
    cp_io_open(&loop, &io, fds[0]);
    arrived = 1000;
    assert_int_equal(cp_io_submit(&loop, &io, &op), 1);
    assert_int_equal(op.result, 64);
    receive(fds[1]);
    assert_int_equal(arrived, 1064);
    op.len = sizeof source;
    range.offset = 0;
    while ((done = cp_io_submit(&loop, &io, &op)) == 1)
        assert_true(op.result > 0);
    assert_int_equal(done, 0);
    while (read(fds[1], last_data, sizeof last_data) > 0)
        ;
    step_until(1);
    assert_true(last_result > 0);
    range.offset = 12 * (int64_t)sizeof source;
    assert_int_equal(cp_io_submit(&loop, &io, &op), 1);
    assert_int_equal(op.result, 0);
    cp_io_close(&loop, &io);
    close(fds[1]);
    fclose(file);
}

static void a_full_socket_can_be_closed(void **state) {
    static char block[16 << 20];
    struct cp_io io;
    struct cp_op op = {.kind = CP_OP_SEND, .buf = block, .len = sizeof block, .done = on_done};
    int fds[2];
    (void)state;
    for (int i = 1; i < 3; i++) {
        pair(fds);
        cp_io_open(&loop, &io, fds[0]);
        while (cp_io_submit(&loop, &io, &op) == 1)
            assert_true(op.result > 0);
        if (i == 2)
            assert_int_equal(cp_loop_step(&loop, 0), 0);
        cp_io_close(&loop, &io);
        step_until(i);
        assert_int_equal(op.result, -ECANCELED);
        close(fds[1]);
    }
}

/* The reset comes while nobody reads: the next read is told. */
static void a_reset_is_told_to_the_next_read(void **state) {
    struct linger hard = {.l_onoff = 1};
    struct cp_io io;
    struct cp_op op = recv_op();
    int fds[2], tested = family;
    (void)state;
    family = AF_INET; /* the others have no resets */
    pair(fds);
    family = tested;
    cp_io_open(&loop, &io, fds[0]);
    assert_int_equal(cp_io_submit(&loop, &io, &op), 0);
    assert_int_equal(cp_loop_step(&loop, 0), 0);
    cp_io_cancel(&loop, &op);
    setsockopt(fds[1], SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
    close(fds[1]);
    step_until(1);
    assert_int_equal(cp_loop_step(&loop, 0), 0);
    assert_int_equal(cp_io_submit(&loop, &io, &op), 1);
    assert_int_equal(op.result, -ECONNRESET);
    cp_io_close(&loop, &io);
}

static void closing_completes_what_pends_with_ecanceled(void **state) {
    struct cp_io io;
    struct cp_op op = recv_op();
    int fds[2];
    (void)state;
    pair(fds);
    cp_io_open(&loop, &io, fds[0]);
    assert_int_equal(cp_io_submit(&loop, &io, &op), 0);
    cp_io_close(&loop, &io);
    cp_io_close(&loop, &io);
    assert_int_equal(done_count, 0);
    step_until(1);
    assert_int_equal(last_result, -ECANCELED);
    assert_int_equal(cp_io_submit(&loop, &io, &op), -EBADF);
    close(fds[1]);
}

static void cancel_ends_one_operation_and_leaves_the_descriptor(void **state) {
    struct cp_io io;
    struct cp_op op = recv_op();
    int fds[2];
    (void)state;
    pair(fds);
    cp_io_open(&loop, &io, fds[0]);
    assert_int_equal(cp_io_submit(&loop, &io, &op), 0);
    cp_io_cancel(&loop, &op);
    cp_io_cancel(&loop, &op);
    step_until(1);
    assert_int_equal(last_result, -ECANCELED);
    assert_int_equal(write(fds[1], "k", 1), 1);
    assert_int_equal(cp_io_submit(&loop, &io, &op), 0);
    step_until(2);
    assert_int_equal(last_result, 1);
    cp_io_close(&loop, &io);
    close(fds[1]);
}

static struct cp_io pair_io[2];

/* The handler of one descriptor closes the other, whose event is in the same batch. */
static int close_both(struct cp_loop *l, struct cp_op *op) {
    done_count++;
    last_result = op->result;
    cp_io_close(l, &pair_io[0]);
    cp_io_close(l, &pair_io[1]);
    return 0;
}

static void an_event_of_a_closed_descriptor_reaches_nobody(void **state) {
    struct cp_op ops[2] = {recv_op(), recv_op()};
    int a[2], b[2];
    (void)state;
    pair(a);
    pair(b);
    for (int i = 0; i < 2; i++) {
        cp_io_open(&loop, &pair_io[i], i ? b[0] : a[0]);
        ops[i].done = close_both;
        assert_int_equal(cp_io_submit(&loop, &pair_io[i], &ops[i]), 0);
    }
    assert_int_equal(write(a[1], "1", 1) + write(b[1], "2", 1), 2);
    step_until(2);
    assert_int_equal(last_result, -ECANCELED);
    close(a[1]);
    close(b[1]);
}

static void accept_and_connect_meet(void **state) {
    struct sockaddr_in address;
    struct cp_io server, client;
    struct cp_op accept_op = {.kind = CP_OP_ACCEPT, .done = on_done},
                 connect_op = {.kind = CP_OP_CONNECT,
                               .buf = &address,
                               .len = sizeof address,
                               .done = on_done};
    int fd = listener(&address), done;
    (void)state;
    cp_io_open(&loop, &server, fd);
    assert_int_equal(cp_io_submit(&loop, &server, &accept_op), 0);
    cp_io_open(&loop, &client, socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    done = cp_io_submit(&loop, &client, &connect_op);
    assert_true(done >= 0);
    step_until(done ? 1 : 2);
    assert_int_equal(connect_op.result, 0);
    assert_true(accept_op.result >= 0);
    close((int)accept_op.result);
    cp_io_close(&loop, &client);
    cp_io_close(&loop, &server);
}

static void a_refused_connection_is_an_error(void **state) {
    struct sockaddr_in address;
    struct cp_io client;
    struct cp_op op = {
        .kind = CP_OP_CONNECT, .buf = &address, .len = sizeof address, .done = on_done};
    (void)state;
    close(listener(&address));
    cp_io_open(&loop, &client, socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (cp_io_submit(&loop, &client, &op) == 0)
        step_until(1);
    assert_int_equal(op.result, -ECONNREFUSED);
    cp_io_close(&loop, &client);
}

static void polling_says_when_a_read_would_not_block_and_takes_nothing(void **state) {
    struct cp_io io;
    struct cp_op poll_op = {.kind = CP_OP_POLL_IN, .done = on_done};
    char bytes[2];
    int fds[2];
    (void)state;
    pair(fds);
    cp_io_open(&loop, &io, fds[0]);
    assert_int_equal(cp_io_submit(&loop, &io, &poll_op), 0);
    assert_int_equal(write(fds[1], "ab", 2), 2);
    step_until(1);
    assert_int_equal(last_result, 0);
    assert_int_equal(cp_io_submit(&loop, &io, &poll_op), 1); /* it is still so */
    assert_int_equal(read(io.fd, bytes, 2), 2);
    assert_int_equal(cp_io_submit(&loop, &io, &poll_op), 0);
    close(fds[1]);
    step_until(2);
    assert_int_equal(last_result, 0);
    cp_io_close(&loop, &io);
}

static void polling_for_room_waits_for_the_reader(void **state) {
    static char block[1 << 16];
    struct cp_io io;
    struct cp_op op = {.kind = CP_OP_POLL_OUT, .done = on_done};
    int fds[2];
    (void)state;
    pair(fds);
    cp_io_open(&loop, &io, fds[0]);
    assert_int_equal(cp_io_submit(&loop, &io, &op), 1);
    while (send(fds[0], block, sizeof block, MSG_NOSIGNAL) > 0)
        ;
    assert_int_equal(cp_io_submit(&loop, &io, &op), 0);
    assert_int_equal(cp_loop_step(&loop, 0), 0);
    assert_int_equal(done_count, 0);
    while (read(fds[1], block, sizeof block) > 0)
        ;
    step_until(1);
    assert_int_equal(last_result, 0);
    cp_io_close(&loop, &io);
    close(fds[1]);
}

static void a_pipe_is_written_to(void **state) {
    static char block[1 << 20], sink[1 << 16];
    struct iovec parts[2] = {{block, sizeof block / 2}, {block, sizeof block / 2}};
    struct cp_io io;
    struct cp_op op = {.kind = CP_OP_SENDV, .buf = parts, .len = 2, .done = on_done};
    int ends[2];
    (void)state;
    signal(SIGPIPE, SIG_IGN);
    assert_int_equal(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
    cp_io_open(&loop, &io, ends[1]);
    io.plain = true;
    assert_int_equal(cp_io_submit(&loop, &io, &op), 1);
    assert_true(op.result > 0 && op.result < (ssize_t)sizeof block);
    op = (struct cp_op){.kind = CP_OP_SEND, .buf = block, .len = sizeof block, .done = on_done};
    assert_int_equal(cp_io_submit(&loop, &io, &op), 0);
    while (read(ends[0], sink, sizeof sink) > 0)
        ;
    step_until(1);
    assert_true(last_result > 0);
    close(ends[0]);
    assert_int_equal(cp_io_submit(&loop, &io, &op), 0);
    step_until(2);
    assert_int_equal(last_result, -EPIPE);
    cp_io_close(&loop, &io);
}

/* The host stops the loop at the first of two events: the second one comes with the next step. */
static int stop_loop(struct cp_loop *l, struct cp_op *op) {
    on_done(l, op);
    return -EINTR;
}

static void what_is_left_when_the_host_stops_comes_later(void **state) {
    struct cp_io ios[2];
    struct cp_op ops[2] = {recv_op(), recv_op()};
    int fds[2][2];
    (void)state;
    for (int i = 0; i < 2; i++) {
        pair(fds[i]);
        cp_io_open(&loop, &ios[i], fds[i][0]);
        ops[i].done = stop_loop;
        assert_int_equal(cp_io_submit(&loop, &ios[i], &ops[i]), 0);
    }
    assert_int_equal(cp_loop_step(&loop, 0), 0);
    assert_int_equal(write(fds[0][1], "1", 1) + write(fds[1][1], "2", 1), 2);
    assert_int_equal(cp_loop_step(&loop, CP_FOREVER), -EINTR);
    assert_int_equal(done_count, 1);
    assert_int_equal(cp_loop_idle(&loop), 0);
    assert_int_equal(cp_loop_step(&loop, CP_FOREVER), -EINTR);
    assert_int_equal(done_count, 2);
    for (int i = 0; i < 2; i++) {
        cp_io_close(&loop, &ios[i]);
        close(fds[i][1]);
    }
}

/* ---- A loop that another one runs */

static bool readable(int fd) {
    struct pollfd p = {.fd = fd, .events = POLLIN};
    return poll(&p, 1, 0) == 1;
}

static void a_guest_is_told_by_its_descriptor(void **state) {
    struct cp_io io;
    struct cp_op op = recv_op();
    int fds[2], guest = cp_loop_fileno(&loop);
    (void)state;
    assert_true(guest >= 0);
    assert_int_equal(cp_loop_fileno(&loop), guest);
    pair(fds);
    cp_io_open(&loop, &io, fds[0]);
    assert_int_equal(cp_io_submit(&loop, &io, &op), 0);
    assert_int_equal(cp_loop_step(&loop, 0), 0);
    for (int i = 1; i < 5; i++) {
        assert_int_equal(cp_loop_idle(&loop), CP_FOREVER);
        assert_false(readable(guest));
        assert_int_equal(write(fds[1], "x", 1), 1);
        assert_true(readable(guest));
        assert_int_equal(cp_loop_step(&loop, 0), 0);
        assert_int_equal(done_count, i);
        assert_int_equal(cp_io_submit(&loop, &io, &op), 0);
    }
    assert_int_equal(cp_loop_idle(&loop), CP_FOREVER);
    cp_wake(&loop);
    assert_true(readable(guest));
    assert_int_equal(cp_loop_step(&loop, 0), 0);
    assert_int_equal(loop.stats.wakeups, 1);
    cp_io_close(&loop, &io);
    step_until(5);
    close(fds[1]);
}

/* What is submitted while the other loop waits must not wait for a turn that nobody gives. */
static void what_a_guest_submits_between_turns_is_told(void **state) {
    struct cp_io io;
    struct cp_op op = recv_op();
    int fds[2], guest = cp_loop_fileno(&loop);
    (void)state;
    assert_int_equal(cp_loop_step(&loop, 0), 0);
    assert_int_equal(cp_loop_idle(&loop), CP_FOREVER);
    loop.notify = true;
    pair(fds);
    cp_io_open(&loop, &io, fds[0]);
    assert_int_equal(cp_io_submit(&loop, &io, &op), 0);
    assert_int_equal(write(fds[1], "x", 1), 1);
    assert_true(readable(guest));
    loop.notify = false;
    step_until(1);
    assert_int_equal(last_result, 1);
    cp_io_close(&loop, &io);
    close(fds[1]);
}

static int run_group(const char *name) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_read_that_finds_bytes_is_complete_at_once, begin, end),
        cmocka_unit_test_setup_teardown(a_read_that_finds_nothing_completes_later, begin, end),
        cmocka_unit_test_setup_teardown(end_of_file_right_behind_the_bytes_is_seen, begin, end),
        cmocka_unit_test_setup_teardown(a_full_socket_finishes_its_write_when_there_is_room, begin,
                                        end),
        cmocka_unit_test_setup_teardown(gathered_chunks_arrive_in_order, begin, end),
        cmocka_unit_test_setup_teardown(a_range_of_a_file_is_sent_as_the_socket_takes_it, begin,
                                        end),
        cmocka_unit_test_setup_teardown(a_full_socket_can_be_closed, begin, end),
        cmocka_unit_test_setup_teardown(a_reset_is_told_to_the_next_read, begin, end),
        cmocka_unit_test_setup_teardown(closing_completes_what_pends_with_ecanceled, begin, end),
        cmocka_unit_test_setup_teardown(cancel_ends_one_operation_and_leaves_the_descriptor, begin,
                                        end),
        cmocka_unit_test_setup_teardown(an_event_of_a_closed_descriptor_reaches_nobody, begin, end),
        cmocka_unit_test_setup_teardown(accept_and_connect_meet, begin, end),
        cmocka_unit_test_setup_teardown(a_refused_connection_is_an_error, begin, end),
        cmocka_unit_test_setup_teardown(polling_says_when_a_read_would_not_block_and_takes_nothing,
                                        begin, end),
        cmocka_unit_test_setup_teardown(polling_for_room_waits_for_the_reader, begin, end),
        cmocka_unit_test_setup_teardown(a_pipe_is_written_to, begin, end),
        cmocka_unit_test_setup_teardown(what_is_left_when_the_host_stops_comes_later, begin, end),
        cmocka_unit_test_setup_teardown(a_guest_is_told_by_its_descriptor, begin, end),
        cmocka_unit_test_setup_teardown(what_a_guest_submits_between_turns_is_told, begin, end),
    };
    return _cmocka_run_group_tests(name, tests, sizeof tests / sizeof *tests, NULL, NULL);
}

int main(void) {
    return run_on_all(run_group);
}
