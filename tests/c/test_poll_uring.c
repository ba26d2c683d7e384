/* What only the io_uring poller has: buffers that run out, requests that come back late, what was
 * received or accepted ahead, and kernels that refuse. tests/c/test_io.c has what is true of all. */
#include "host.inc"
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { RING_BUFFERS = 256 }; /* as in poll_uring.c */

static struct cp_loop loop;
static int done_count;

static int on_done(struct cp_loop *l, struct cp_op *op) {
    (void)l;
    (void)op;
    done_count++;
    return 0;
}

static void open_loop(struct cp_loop *l) {
    host_begin(l);
    l->poller = &cp_poller_uring;
}

static int begin(void **state) {
    (void)state;
    done_count = 0;
    open_loop(&loop);
    return cp_loop_open(&loop);
}

static int end(void **state) {
    (void)state;
    host_end(&loop);
    return 0;
}

static int listener(struct sockaddr_in *address) {
    socklen_t size = sizeof *address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    *address =
        (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    assert_int_equal(bind(fd, (struct sockaddr *)address, size), 0);
    assert_int_equal(listen(fd, 64), 0);
    getsockname(fd, (struct sockaddr *)address, &size);
    return fd;
}

static int client_of(const struct sockaddr_in *address) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)address, sizeof *address), 0);
    return fd;
}

static void pair(int fds[2]) {
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
}

static struct cp_op recv_op(void) {
    return (struct cp_op){.kind = CP_OP_RECV, .len = 4096, .done = on_done};
}

static void step_until(int count) {
    while (done_count < count)
        assert_int_equal(cp_loop_step(&loop, CP_FOREVER), 0);
}

/* Closes, and lets what was pending complete while its memory is there. */
static void close_io(struct cp_io *io) {
    cp_io_close(&loop, io);
    assert_int_equal(cp_loop_step(&loop, 0), 0);
}

static int open_files(void) {
    DIR *dir = opendir("/proc/self/fd");
    int count = 0;
    while (readdir(dir))
        count++;
    closedir(dir);
    return count;
}

/* A line of /proc/self/status, in KiB. */
static long status_of(const char *name) {
    FILE *file = fopen("/proc/self/status", "r");
    char line[256];
    long value = -1;
    while (fgets(line, sizeof line, file))
        if (!strncmp(line, name, strlen(name)))
            value = atol(line + strlen(name) + 1);
    fclose(file);
    return value;
}

/* ---- What the ring is for */

static void a_short_message_costs_one_call(void **state) {
    struct cp_io io;
    struct cp_op op = recv_op();
    uint64_t before;
    int fds[2];
    (void)state;
    pair(fds);
    cp_io_open(&loop, &io, fds[0]);
    assert_int_equal(cp_io_submit(&loop, &io, &op), 0);
    assert_int_equal(cp_loop_step(&loop, 0), 0);
    before = loop.stats.syscalls;
    for (int i = 0; i < 10; i++) {
        assert_int_equal(write(fds[1], "abc", 3), 3);
        step_until(i + 1);
        assert_int_equal(op.result, 3);
        assert_memory_equal(op.data, "abc", 3);
        assert_int_equal(cp_io_submit(&loop, &io, &op), 0);
    }
    assert_true(loop.stats.syscalls - before <= 10);
    close_io(&io);
    close(fds[1]);
}

static void looking_at_a_quiet_ring_costs_no_call(void **state) {
    uint64_t before;
    (void)state;
    assert_int_equal(cp_loop_step(&loop, 0), 0);
    before = loop.stats.syscalls;
    for (int i = 0; i < 100; i++)
        assert_int_equal(cp_loop_step(&loop, 0), 0);
    assert_int_equal(loop.stats.syscalls, before);
}

static void a_read_of_few_bytes_leaves_the_rest(void **state) {
    struct cp_io io;
    char own[4];
    struct cp_op op = {.kind = CP_OP_RECV, .len = 4, .done = on_done}, into = op;
    int fds[2];
    (void)state;
    into.buf = own;
    pair(fds);
    cp_io_open(&loop, &io, fds[0]);
    assert_int_equal(cp_io_submit(&loop, &io, &op), 0);
    assert_int_equal(cp_loop_step(&loop, 0), 0);
    assert_int_equal(write(fds[1], "abcdefghij", 10), 10);
    step_until(1);
    assert_memory_equal(op.data, "abcd", 4);
    assert_int_equal(cp_io_submit(&loop, &io, &into), 1);
    assert_ptr_equal(into.data, own);
    assert_memory_equal(own, "efgh", 4);
    assert_int_equal(cp_io_submit(&loop, &io, &op), 1);
    assert_int_equal(op.result, 2);
    assert_memory_equal(op.data, "ij", 2);
    close_io(&io);
    close(fds[1]);
}

static void accepted_ahead_and_asked_for_later(void **state) {
    struct sockaddr_in address;
    struct cp_io server;
    struct cp_op op = {.kind = CP_OP_ACCEPT, .done = on_done};
    int clients[12], taken = 0, before;
    (void)state;
    cp_io_open(&loop, &server, listener(&address));
    before = open_files();
    assert_int_equal(cp_io_submit(&loop, &server, &op), 0);
    assert_int_equal(cp_loop_step(&loop, 0), 0);
    cp_io_cancel(&loop, &op);
    for (int i = 0; i < 12; i++)
        clients[i] = client_of(&address);
    step_until(1);
    assert_int_equal(op.result, -ECANCELED);
    while (taken < 12) {
        int count = done_count;
        if (cp_io_submit(&loop, &server, &op) == 0)
            step_until(count + 1);
        assert_true(op.result >= 0);
        close((int)op.result);
        taken++;
    }
    for (int i = 0; i < 12; i++)
        close(clients[i]);
    assert_int_equal(open_files(), before);
    close_io(&server);
}

/* ---- Running out */

enum { STREAMS = 200 };

/* In one piece or in several. */
static void read_all(struct cp_io *io, struct cp_op *op, const char *expected) {
    while (*expected) {
        int count = done_count;
        if (cp_io_submit(&loop, io, op) == 0)
            step_until(count + 1);
        assert_in_range(op->result, 1, strlen(expected));
        assert_memory_equal(op->data, expected, (size_t)op->result);
        expected += op->result;
    }
}

/* Two messages for each of 200 streams that nobody reads: more than there are buffers. */
static void buffers_run_out_and_nothing_is_lost(void **state) {
    static struct cp_io ios[STREAMS];
    static struct cp_op ops[STREAMS];
    static int fds[STREAMS][2];
    (void)state;
    for (int i = 0; i < STREAMS; i++) {
        pair(fds[i]);
        cp_io_open(&loop, &ios[i], fds[i][0]);
        ops[i] = recv_op();
        assert_int_equal(cp_io_submit(&loop, &ios[i], &ops[i]), 0);
    }
    assert_int_equal(cp_loop_step(&loop, 0), 0);
    for (int i = 0; i < STREAMS; i++)
        cp_io_cancel(&loop, &ops[i]);
    for (char round = 'a'; round < 'c'; round++) {
        for (int i = 0; i < STREAMS; i++)
            assert_int_equal(write(fds[i][1], &round, 1), 1);
        for (int i = 0; i < 2 * STREAMS; i++)
            assert_int_equal(cp_loop_step(&loop, 0), 0);
    }
    assert_int_equal(done_count, STREAMS); /* the cancelled ones */
    for (int i = 0; i < STREAMS; i++)
        read_all(&ios[i], &ops[i], "ab");
    for (int i = 0; i < STREAMS; i++) { /* and there are buffers again */
        assert_int_equal(write(fds[i][1], "cd", 2), 2);
        read_all(&ios[i], &ops[i], "cd");
    }
    for (int i = 0; i < STREAMS; i++) {
        close_io(&ios[i]);
        close(fds[i][1]);
    }
}

/* More requests than the ring takes at once, and more completions than it holds. */
static void more_at_once_than_the_ring_holds(void **state) {
    enum { MANY = 1300 };
    struct rlimit files;
    struct cp_io *ios = calloc(MANY, sizeof *ios);
    struct cp_op *ops = calloc(MANY, sizeof *ops);
    int(*fds)[2] = calloc(MANY, sizeof *fds);
    (void)state;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    for (int i = 0; i < MANY; i++) {
        pair(fds[i]);
        cp_io_open(&loop, &ios[i], fds[i][0]);
        ops[i] = recv_op();
        assert_int_equal(cp_io_submit(&loop, &ios[i], &ops[i]), 0);
    }
    for (int i = 0; i < MANY; i++)
        assert_int_equal(write(fds[i][1], "x", 1), 1);
    step_until(MANY);
    for (int i = 0; i < MANY; i++) {
        assert_int_equal(ops[i].result, 1);
        close_io(&ios[i]);
        close(fds[i][1]);
    }
    free(ios);
    free(ops);
    free(fds);
}

/* ---- Late */

/* Has the kernel finish what it can, without looking at what comes of it: closing enters it. */
static void harvest(void) {
    static struct cp_op op;
    struct cp_io io;
    int fds[2];
    pair(fds);
    op = (struct cp_op){.kind = CP_OP_RECV, .len = 1, .done = on_done};
    cp_io_open(&loop, &io, fds[0]);
    assert_int_equal(cp_io_submit(&loop, &io, &op), 0);
    cp_io_close(&loop, &io);
    close(fds[1]);
}

static void what_comes_late_does_not_reach_the_next_owner_of_the_number(void **state) {
    struct cp_io old, new;
    struct cp_op old_op = recv_op(), new_op = recv_op();
    int a[2], b[2];
    (void)state;
    for (int i = 0; i < 2 * RING_BUFFERS; i++) { /* and no buffer is lost on the way */
        done_count = 0;
        pair(a);
        cp_io_open(&loop, &old, a[0]);
        assert_int_equal(cp_io_submit(&loop, &old, &old_op), 0);
        assert_int_equal(cp_loop_step(&loop, 0), 0);
        assert_int_equal(write(a[1], "old", 3), 3);
        if (i % 2)
            harvest();
        cp_io_close(&loop, &old); /* its bytes are on their way, or in the ring */
        pair(b);
        assert_int_equal(b[0], a[0]);
        cp_io_open(&loop, &new, b[0]);
        assert_int_equal(cp_io_submit(&loop, &new, &new_op), 0);
        step_until(1 + i % 2);
        assert_int_equal(old_op.result, -ECANCELED);
        assert_int_equal(write(b[1], "new", 3), 3);
        step_until(2 + i % 2);
        assert_int_equal(new_op.result, 3);
        assert_memory_equal(new_op.data, "new", 3);
        cp_io_close(&loop, &new);
        close(a[1]);
        close(b[1]);
        assert_int_equal(cp_loop_step(&loop, 0), 0);
    }
}

/* The other end sees at once that a socket with a request in the ring was closed. */
static void closing_closes_what_the_ring_has_in_hand(void **state) {
    struct cp_io io;
    struct cp_op op = recv_op();
    char byte;
    int fds[2];
    (void)state;
    pair(fds);
    cp_io_open(&loop, &io, fds[0]);
    assert_int_equal(cp_io_submit(&loop, &io, &op), 0);
    assert_int_equal(cp_loop_step(&loop, 0), 0);
    cp_io_close(&loop, &io);
    assert_int_equal(read(fds[1], &byte, 1), 0);
    step_until(1);
    close(fds[1]);
}

static void *close_elsewhere(void *io) {
    cp_io_close(&loop, io);
    return NULL;
}

/* As a garbage collector does: that thread may not use the ring, so the loop is woken to do it. */
static void closed_by_another_thread_is_closed_in_the_next_turn(void **state) {
    struct cp_io io;
    struct cp_op op = recv_op();
    pthread_t thread;
    char byte;
    int fds[2];
    (void)state;
    pair(fds);
    cp_io_open(&loop, &io, fds[0]);
    assert_int_equal(cp_io_submit(&loop, &io, &op), 0);
    assert_int_equal(cp_loop_step(&loop, 0), 0);
    pthread_create(&thread, NULL, close_elsewhere, &io);
    pthread_join(thread, NULL);
    step_until(1);
    assert_int_equal(loop.stats.wakeups, 1);
    assert_int_equal(read(fds[1], &byte, 1), 0);
    close(fds[1]);
}

static void a_connection_accepted_too_late_is_closed(void **state) {
    struct sockaddr_in address;
    struct cp_io server;
    struct cp_op op = {.kind = CP_OP_ACCEPT, .done = on_done};
    int client, before = open_files();
    char byte;
    (void)state;
    cp_io_open(&loop, &server, listener(&address));
    assert_int_equal(cp_io_submit(&loop, &server, &op), 0);
    assert_int_equal(cp_loop_step(&loop, 0), 0);
    client = client_of(&address);
    harvest();
    cp_io_close(&loop, &server);
    step_until(2);
    assert_int_equal(op.result, -ECANCELED);
    assert_int_equal(cp_loop_step(&loop, 0), 0);
    assert_true(read(client, &byte, 1) <= 0);
    close(client);
    assert_int_equal(open_files(), before);
}

/* ---- Opening and closing */

static void a_thousand_loops_leave_nothing(void **state) {
    struct cp_loop one;
    struct cp_io io;
    struct cp_op op = recv_op();
    int before = open_files(), fds[2];
    long locked = status_of("VmLck"), pinned = status_of("VmPin");
    (void)state;
    for (int i = 0; i < 1000; i++) {
        open_loop(&one);
        assert_int_equal(cp_loop_open(&one), 0);
        pair(fds);
        cp_io_open(&one, &io, fds[0]);
        op.pending = false;
        assert_int_equal(cp_io_submit(&one, &io, &op), 0);
        if (i % 2)
            assert_int_equal(cp_loop_step(&one, 0), 0);
        cp_loop_close(&one);
        close(fds[1]);
    }
    assert_int_equal(open_files(), before);
    assert_int_equal(status_of("VmLck"), locked);
    assert_int_equal(status_of("VmPin"), pinned);
}

static void without_memory_there_is_no_loop_and_no_file(void **state) {
    struct cp_loop one;
    int before = open_files(), nth = 1, err;
    (void)state;
    for (;; nth++) {
        open_loop(&one);
        fail_allocation(nth);
        if ((err = cp_loop_open(&one)) == 0)
            break;
        assert_int_equal(err, -ENOMEM);
        assert_int_equal(open_files(), before);
    }
    assert_true(nth > 3);
    cp_loop_close(&one);
    fail_allocation(0);
}

static void a_descriptor_that_finds_no_memory_stays_the_callers(void **state) {
    struct cp_io io;
    int fds[2];
    (void)state;
    pair(fds);
    fail_allocation(1);
    assert_int_equal(cp_io_open(&loop, &io, fds[0]), -ENOMEM);
    fail_allocation(0);
    assert_int_equal(close(fds[0]) + close(fds[1]), 0);
}

/* What a sandbox does: io_uring_setup fails with `err`, all else goes on. */
static void forbid_io_uring(int err) {
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_io_uring_setup, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (unsigned)err),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {.len = sizeof code / sizeof *code, .filter = code};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0)
        _exit(77);
}

static int refused_in_a_sandbox(int err) {
    int status = 0, before;
    pid_t child = fork();
    if (child == 0) {
        struct cp_loop one;
        forbid_io_uring(err);
        open_loop(&one);
        before = open_files();
        _exit(cp_loop_open(&one) == -err && open_files() == before ? 0 : 1);
    }
    waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void a_sandbox_that_forbids_it_is_an_error(void **state) {
    int refused = refused_in_a_sandbox(EPERM);
    (void)state;
    if (refused == 77)
        skip();
    assert_int_equal(refused, 0);
    assert_int_equal(refused_in_a_sandbox(ENOSYS), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_short_message_costs_one_call, begin, end),
        cmocka_unit_test_setup_teardown(looking_at_a_quiet_ring_costs_no_call, begin, end),
        cmocka_unit_test_setup_teardown(a_read_of_few_bytes_leaves_the_rest, begin, end),
        cmocka_unit_test_setup_teardown(accepted_ahead_and_asked_for_later, begin, end),
        cmocka_unit_test_setup_teardown(buffers_run_out_and_nothing_is_lost, begin, end),
        cmocka_unit_test_setup_teardown(more_at_once_than_the_ring_holds, begin, end),
        cmocka_unit_test_setup_teardown(what_comes_late_does_not_reach_the_next_owner_of_the_number,
                                        begin, end),
        cmocka_unit_test_setup_teardown(closing_closes_what_the_ring_has_in_hand, begin, end),
        cmocka_unit_test_setup_teardown(closed_by_another_thread_is_closed_in_the_next_turn, begin,
                                        end),
        cmocka_unit_test_setup_teardown(a_connection_accepted_too_late_is_closed, begin, end),
        cmocka_unit_test(a_thousand_loops_leave_nothing),
        cmocka_unit_test(without_memory_there_is_no_loop_and_no_file),
        cmocka_unit_test_setup_teardown(a_descriptor_that_finds_no_memory_stays_the_callers, begin,
                                        end),
        cmocka_unit_test(a_sandbox_that_forbids_it_is_an_error),
    };
    if (host_refused(&cp_poller_uring))
        return 0;
    return cmocka_run_group_tests_name("poll_uring", tests, NULL, NULL);
}
